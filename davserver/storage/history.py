"""What items were before: bodies that were overwritten or deleted, for undelete and restore "as of" a time.

A row was the body of its name from some moment until ``at``; ``created`` says since when there was an item
of that name at all. So the state at a moment is, for each name, the first row that ended later, or the item
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, func, select

from davserver.storage.schema import history, item

_COLUMNS = (
    history.c.id,
    history.c.collection_id,
    history.c.name,
    history.c.uid,
    history.c.component,
    history.c.etag,
    history.c.reason,
    history.c.actor,
    history.c.created,
    history.c.at,
    func.length(history.c.data).label("size"),
)


@dataclass(frozen=True, slots=True)
class Version:
    """A body that an item had until ``at``, when ``actor`` overwrote or deleted (``reason``) it."""

    id: int
    collection_id: int
    name: str
    uid: str
    component: str
    etag: str
    reason: str
    actor: str
    created: int
    at: int
    size: int


def of_item(tx: Connection, collection_id: int, name: str, limit: int = 1000) -> list[Version]:
    """The earlier versions of an item, newest first."""
    found = select(*_COLUMNS).where(history.c.collection_id == collection_id, history.c.name == name)
    return [Version(*row) for row in tx.execute(found.order_by(history.c.id.desc()).limit(limit))]


def get(tx: Connection, version_id: int) -> tuple[Version, bytes] | None:
    """One version with its body."""
    row = tx.execute(select(*_COLUMNS, history.c.data).where(history.c.id == version_id)).first()
    return None if row is None else (Version(*row[:-1]), row[-1])


def deleted(tx: Connection, collection_id: int, limit: int, offset: int = 0) -> list[Version]:
    """The last version of each item that is not there any more, newest deletion first."""
    there = exists().where(item.c.collection_id == history.c.collection_id, item.c.name == history.c.name)
    last = (
        select(func.max(history.c.id))
        .where(history.c.collection_id == collection_id, history.c.reason == "deleted", ~there)
        .group_by(history.c.name)
    )
    found = select(*_COLUMNS).where(history.c.id.in_(last)).order_by(history.c.id.desc())
    return [Version(*row) for row in tx.execute(found.limit(limit).offset(offset))]


def as_of(tx: Connection, collection_id: int, moment: int) -> Iterator[Version]:
    """For each name that changed after a moment, the version that it had then (without names that were
    not there then)."""
    then = (
        select(func.min(history.c.id))
        .where(
            history.c.collection_id == collection_id,
            history.c.at > moment,
            history.c.created <= moment,
        )
        .group_by(history.c.name)
    )
    rows: Any = tx.execute(select(*_COLUMNS).where(history.c.id.in_(then)).order_by(history.c.id))
    return (Version(*row) for row in rows)


def body(tx: Connection, version_id: int) -> bytes:
    """The body of a version that is known to exist."""
    data: bytes = tx.execute(select(history.c.data).where(history.c.id == version_id)).scalar_one()
    return data
