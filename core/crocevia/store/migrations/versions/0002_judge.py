"""What the judge remembers of a field beside its value, and how reviews ended."""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What the judge remembers of a field beside its value, and how reviews ended."""
