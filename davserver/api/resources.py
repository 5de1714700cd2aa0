"""Which modules fill the table of routes, in the order of the document. Importing one adds its routes."""

from __future__ import annotations

import importlib

MODULES = (
    "subscription_tokens",
    "health",
    "users",
    "groups",
    "collections",
    "items",
    "shares",
    "trash",
    "app_passwords",
    "settings",
)


def load() -> None:
    """Fill the table."""
    for name in MODULES:
        importlib.import_module(f"davserver.api.{name}")
