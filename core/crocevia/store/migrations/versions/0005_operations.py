"""Backfills that can be taken up again, and what plans and audits keep."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Backfills that can be taken up again, and what plans and audits keep."""
