"""Looking after the database: is it whole, a copy of it, a new index, old history forgotten.

Everything here may run while others read and write: long work is cut into short transactions.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, inspect, select, text

from davserver.errors import HttpError
from davserver.model import CollectionKind, Item, ItemIndex
from davserver.storage import settings
from davserver.storage.engine import Store, now
from davserver.storage.items import COLUMNS, change_index, index_uid
from davserver.storage.schema import body, collection, history, item, metadata, trash
from davserver.storage.texts import REINDEXED

BATCH = 200
DAY = 86_400
TIDIED_AT = "tidied-at"

_NEXT: Any = (
    select(
        *COLUMNS,
        func.coalesce(trash.c.kind, collection.c.kind),
        func.coalesce(trash.c.name, collection.c.name),
        body.c.data,
    )
    .select_from(
        item.join(body, body.c.item_id == item.c.id)
        .join(collection, collection.c.id == item.c.collection_id)
        .outerjoin(trash, trash.c.collection_id == collection.c.id)
    )
    .where(item.c.id > bindparam("after"))
    .order_by(item.c.id)
    .limit(BATCH)
    .with_for_update(of=item)
)
_OLD: Any = select(history.c.id).where(history.c.at < bindparam("before")).order_by(history.c.id).limit(BATCH)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stored body that today's rules refuse; it keeps its old index row and is served as ever."""

    collection: str
    name: str
    reason: str


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


def reindex(
    store: Store, index_of: Callable[[CollectionKind, bytes], ItemIndex]
) -> Iterator[int | Unreadable]:
    """Write all index rows anew from the bodies; yields how many after each batch, and what was refused."""
    after, count = 0, 0
    while True:
        with store.write() as tx:
            rows = tx.execute(_NEXT, {"after": after}).fetchall()
            refused = [_reindex_row(tx, row, index_of) for row in rows]
            settings.put(tx, REINDEXED, secrets.token_hex(8))
        if not rows:
            return
        yield from (bad for bad in refused if bad)
        after, count = rows[-1][0], count + len(rows)
        yield count


def _reindex_row(
    tx: Connection, row: Any, index_of: Callable[[CollectionKind, bytes], ItemIndex]
) -> Unreadable | None:
    *known, kind, collection_name, data = row
    indexed = Item._make(known)
    try:
        index = index_of(CollectionKind(kind), data)
    except HttpError as error:
        return Unreadable(collection_name, indexed.name, str(error))
    change_index(tx, indexed.id, index)
    index_uid(tx, indexed, index.uid)
    return None


def tidying_due_at(tx: Connection) -> int:
    """When the next daily tidying is due."""
    return int(settings.get(tx, TIDIED_AT) or 0) + DAY


def forget_history(store: Store, days: int) -> int:
    """Remove what was overwritten or deleted longer ago; returns how many bodies."""
    count, before = 0, now() - days * DAY
    while True:
        with store.write() as tx:
            ids = list(tx.execute(_OLD, {"before": before}).scalars())
            tx.execute(delete(history).where(history.c.id.in_(ids)))
        count += len(ids)
        if len(ids) < BATCH:
            return count
