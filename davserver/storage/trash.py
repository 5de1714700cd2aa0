"""Deleted collections that can still be restored, with their items, shares, revisions and properties.

Nothing of them is copied: the row gets the kind TRASH, which no address, listing, quota or home knows, and a
name that nobody else can have. So an id is never used again, and the old name is free at once.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from davserver.model import Collection, Trashed
from davserver.storage import collections, principals, views
from davserver.storage.engine import now
from davserver.storage.schema import TRASH, collection, principal, trash

_WAS = {"kind": trash.c.kind, "name": trash.c.name}
_COLUMNS: Any = tuple(_WAS.get(column.name, column) for column in collections.COLUMNS)
_TRASHED: Any = select(*_COLUMNS, *principals.COLUMNS, trash.c.actor, trash.c.at).select_from(
    trash.join(collection, collection.c.id == trash.c.collection_id).join(
        principal, principal.c.id == collection.c.owner_id
    )
)


def discard(tx: Connection, target: Collection, actor: str) -> None:
    """Put a locked collection into the trash."""
    row = {"collection_id": target.id, "kind": target.kind.value, "name": target.name}
    tx.execute(insert(trash), {**row, "actor": actor, "at": now()})
    tx.execute(update(collection).where(collection.c.id == target.id).values(kind=TRASH, name=str(target.id)))


def get(tx: Connection, collection_id: int) -> Trashed | None:
    """One collection in the trash."""
    row = tx.execute(_TRASHED.where(trash.c.collection_id == collection_id)).first()
    return None if row is None else _trashed(row)


def of_owner(tx: Connection, owner_id: int) -> list[Trashed]:
    """What a user has in the trash, newest first."""
    found = _TRASHED.where(collection.c.owner_id == owner_id)
    return [_trashed(row) for row in tx.execute(found.order_by(trash.c.at.desc(), trash.c.collection_id))]


def older_than(tx: Connection, moment: int, limit: int) -> list[Trashed]:
    """What was deleted before a moment, oldest first."""
    found = _TRASHED.where(trash.c.at < moment).order_by(trash.c.at, trash.c.collection_id).limit(limit)
    return [_trashed(row) for row in tx.execute(found)]


def restore(tx: Connection, gone: Trashed, name: str) -> None:
    """Put a collection back under a name that is free; who had it shared has it again."""
    back = gone.collection
    tx.execute(delete(trash).where(trash.c.collection_id == back.id))
    tx.execute(update(collection).where(collection.c.id == back.id).values(kind=back.kind.value, name=name))
    views.make_way(tx, back.owner_id, back.kind.value, name)
    views.settle(tx, back.id)


def _trashed(row: Any) -> Trashed:
    found = collections.collection_of(row)
    owner = principals.principal_of(row[len(collections.COLUMNS) :])
    return Trashed(found, owner, found.name, row[-2], row[-1])
