"""Breakers, budgets and the urgency of what is to be done."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PENDING = sa.text("wanted > applied AND state IN ('new', 'linked')")
_OPEN = sa.text("state IN ('pending', 'claimed')")
_UNKNOWN = sa.text("state = 'unknown'")


def upgrade() -> None:
    """Breakers, budgets and the urgency of what is to be done."""
    op.add_column("bindings", sa.Column("urgency", sa.SmallInteger, nullable=False, server_default=sa.text("1")))
    op.add_column("bindings", sa.Column("writing", sa.Text))
    op.drop_index("bindings_pending", "bindings")
    _index("bindings_pending", "bindings", ["connection", "of", "urgency", "id"], _PENDING)
    _index("bindings_unknown", "bindings", ["connection", "due_at"], _UNKNOWN)
    op.add_column("commands", sa.Column("urgency", sa.SmallInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("commands", sa.Column("thread", sa.Text))
    op.drop_index("commands_open", "commands")
    _index("commands_open", "commands", ["connection", "urgency", "id"], _OPEN)
    _index("commands_thread", "commands", ["connection", "thread", "id"], _OPEN)
    _index("commands_unknown", "commands", ["connection"], _UNKNOWN)
    op.add_column("connections", sa.Column("flow", sa.Text))
    op.create_table(
        "budgets",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("taken", sa.BigInteger, nullable=False),
    )


def _index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
