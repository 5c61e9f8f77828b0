"""Merges that can be taken back, who was found to be two customers, aliases of contact points."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Merges that can be taken back, who was found to be two customers, aliases of contact points."""
    op.create_index("profiles_merged_into", "profiles", ["merged_into"])
    op.create_table(
        "merges",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("profile_id", ID, nullable=False),
        sa.Column("loser_id", ID, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("merges_profile", "merges", ["profile_id"])
    op.create_index("merges_loser", "merges", ["loser_id"])
    op.create_table(
        "moved",
        sa.Column("merge_id", ID, autoincrement=False, nullable=False),
        sa.Column("interaction_id", ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("merge_id", "interaction_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "apart",
        sa.Column("profile_id", ID, autoincrement=False, nullable=False),
        sa.Column("other_id", ID, autoincrement=False, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", "other_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("apart_other", "apart", ["other_id"])
    op.create_table(
        "claim_aliases",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("profile_id", ID, autoincrement=False, nullable=False),
        sa.Column("now", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("address", "profile_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("claim_aliases_profile", "claim_aliases", ["profile_id"])
