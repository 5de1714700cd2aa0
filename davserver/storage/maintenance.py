"""Looking after the database file: is it whole, and a copy of it while others write."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import inspect, text

from davserver.storage.engine import Store
from davserver.storage.schema import metadata


def problems(store: Store) -> list[str]:
    """What is wrong with the database, one line each; empty where nothing is."""
    with store.read() as tx:
        missing = sorted(set(metadata.tables) - set(inspect(tx).get_table_names()))
        found = [f"table {name} is missing" for name in missing]
        if store.is_sqlite:
            checked = tx.execute(text("PRAGMA integrity_check")).scalars()
            found += [f"integrity check: {line}" for line in checked if line != "ok"]
            rows = tx.execute(text("PRAGMA foreign_key_check"))
            found += [f"table {row[0]}, row {row[1]}: refers to a missing row of {row[2]}" for row in rows]
    return found


def copy_to(store: Store, target: Path) -> None:
    """A consistent copy of an SQLite database, readable by its owner only; ``target`` must not exist."""
    assert store.file is not None
    target.touch(mode=0o600, exist_ok=False)
    with closing(sqlite3.connect(store.file)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
