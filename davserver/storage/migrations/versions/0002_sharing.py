"""Shares, invitations, the trash of collections, groups and resources."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables."""
