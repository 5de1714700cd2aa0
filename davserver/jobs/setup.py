"""The first start: the one-time code that proves who installed the server."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from davserver.config import Settings
from davserver.storage import Store, principals
from davserver.storage import settings as settings_table

SETUP_CODE = "setup-code"
SETUP_FILE = "setup-code.txt"


def setup_file(settings: Settings) -> Path:
    """The file that holds the set-up code while there is no account."""
    return settings.storage.data_dir / SETUP_FILE


def setup_code(store: Store, settings: Settings) -> str | None:
    """The one-time code that proves to the web wizard who installed the server; None once an account exists.

    Kept in the database, so that all processes agree on it, and written to a file that only the
    server's own user can read.
    """
    with store.read() as tx:
        if principals.count(tx):
            return None
        code = settings_table.get(tx, SETUP_CODE)
    if code is None:
        with store.write() as tx:
            code = settings_table.get(tx, SETUP_CODE) or _new_code()
            settings_table.put(tx, SETUP_CODE, code)
    with contextlib.suppress(OSError):  # a read-only disk beside a database server: it is only printed
        _write_private(setup_file(settings), code + "\n")
    return code


def _new_code() -> str:
    """80 random bits in four groups without letters that look alike."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
