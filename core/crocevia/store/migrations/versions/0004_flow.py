"""Breakers, budgets and the urgency of what is to be done."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Breakers, budgets and the urgency of what is to be done."""
