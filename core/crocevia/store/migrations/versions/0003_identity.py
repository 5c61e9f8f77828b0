"""Merges that can be taken back, blocked values, aliases of contact points."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Merges that can be taken back, blocked values, aliases of contact points."""
