"""Inbound subscriptions and outbound accounts."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables."""
