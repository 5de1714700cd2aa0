"""Schema upgrades by Alembic. The start looks only at one row; Alembic is loaded when there is work.

SQLite is upgraded by itself at the start, after a copy of the database file has been put beside it.
PostgreSQL and MariaDB are upgraded by ``davserver db upgrade``, so that several hosts do not race.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from davserver.errors import ConfigError
from davserver.storage.engine import Store

HEAD = "0008"
"""The revision this code works with; the newest file of versions/ (a test compares the two)."""


def current(store: Store) -> str | None:
    """The revision of the database, None where it is empty."""
    with store.read() as tx:
        return _read_revision(tx)


def _read_revision(tx: Connection) -> str | None:
    if not inspect(tx).has_table("alembic_version"):
        return None
    row = tx.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def ensure(store: Store) -> Path | None:
    """Make the schema fit at the start, or say what to do. Returns the backup file, if one was made."""
    found = current(store)
    if found == HEAD:
        return None
    if found is not None and found > HEAD:
        raise ConfigError(f"The database has schema {found}, newer than {HEAD}: install a newer davserver.")
    if found is not None and not store.is_sqlite:
        raise ConfigError(f"The database has schema {found}, {HEAD} is needed: run “davserver db upgrade”.")
    return upgrade(store)


def upgrade(store: Store) -> Path | None:
    """Upgrade to HEAD. An SQLite file that holds data is copied first; returns the copy."""
    from alembic import command  # loaded here: only an upgrade pays for Alembic's start-up time
    from alembic.config import Config

    copied = backup(store) if store.is_sqlite and current(store) else None
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with store.write() as tx:
        if _read_revision(tx) != HEAD:
            config.attributes["connection"] = tx
            command.upgrade(config, "head")
    return copied


def backup(store: Store) -> Path:
    """A consistent copy of an SQLite database beside the file, made while others may write."""
    assert store.file is not None
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    target = store.file.with_name(f"{store.file.stem}-{current(store)}-{moment}.backup.db")
    with sqlite3.connect(store.file) as source, sqlite3.connect(target) as copy:
        source.backup(copy)
    copy.close()
    source.close()
    target.chmod(0o600)
    return target
