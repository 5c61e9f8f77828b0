"""How reviews ended; one that ended does not stand in the way of the next about the same."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_AS_POSTGRESQL_NAMES = {"uq": "%(table_name)s_%(column_0_N_name)s_key"}


def upgrade() -> None:
    """Reviews keep who ended them and how; only open ones are unique."""
    with op.batch_alter_table("reviews", naming_convention=_AS_POSTGRESQL_NAMES) as table:
        table.drop_constraint("reviews_kind_connection_subject_key", type_="unique")
        table.add_column(sa.Column("ended_at", sa.BigInteger))
        table.add_column(sa.Column("ended_by", sa.Text))
        table.add_column(sa.Column("choice", sa.Text))
    op.create_index("reviews_profile", "reviews", ["profile_id"])
    op.create_index("reviews_subject", "reviews", ["connection", "subject"])
    still_open = sa.text("state = 'open'")
    op.create_index(
        "reviews_open",
        "reviews",
        ["kind", "connection", "subject"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
