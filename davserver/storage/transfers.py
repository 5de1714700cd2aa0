"""Imports and what each of them wrote: so that one can be watched, undone, and rolled back after a crash.

Whoever imports writes into the row in the transaction of each batch. An import that is not written to any
more (``STALE``) died, and what it wrote is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from davserver.storage.engine import now
from davserver.storage.schema import collection, history, transfer, transferred

RUNNING, DONE, UNDOING, UNDONE, FAILED = "running", "done", "undoing", "undone", "failed"

STALE = 120
"""Seconds without a sign of life after which a running import is known to be dead."""

_LONGEST_SOURCE = 255


@dataclass(frozen=True, slots=True)
class Transfer:
    """An import. ``done`` and ``total``: items; total 0 while the file is being read. ``report``: JSON."""

    id: int
    collection_id: int
    actor: str
    source: str
    policy: str
    state: str
    started: int
    touched: int
    done: int
    total: int
    report: str

    @property
    def percent(self) -> int | None:
        """How far it is, 0 to 100; None where that is not known yet."""
        return min(100, 100 * self.done // self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class Written:
    """One item that an import wrote; ``history_id`` names the body that it replaced."""

    name: str
    etag: str
    history_id: int | None = None


def begin(tx: Connection, collection_id: int, actor: str, source: str, policy: str) -> int:
    """A new import in the state running; returns its id."""
    moment = now()
    values = {"collection_id": collection_id, "actor": actor, "source": source[:_LONGEST_SOURCE]}
    times = {"policy": policy, "state": RUNNING, "started": moment, "touched": moment}
    added = insert(transfer).values(**values, **times, done=0, total=0, report="")
    key: Any = tx.execute(added).inserted_primary_key
    return int(key[0])


def change(tx: Connection, transfer_id: int, **values: Any) -> None:
    """Change columns (state, done, total, report); a sign of life as well."""
    tx.execute(update(transfer).where(transfer.c.id == transfer_id).values(**values, touched=now()))


def move(tx: Connection, transfer_id: int, before: Sequence[str], after: str) -> bool:
    """From one of the states to another one; False where it is in none of them (any more)."""
    mine = (transfer.c.id == transfer_id) & transfer.c.state.in_(before)
    return tx.execute(update(transfer).where(mine).values(state=after, touched=now())).rowcount == 1


def record(tx: Connection, transfer_id: int, written: Sequence[Written]) -> None:
    """Remember what was written, in the transaction that wrote it."""
    rows = [
        {"transfer_id": transfer_id, "name": one.name, "etag": one.etag, "history_id": one.history_id}
        for one in written
    ]
    if rows:
        tx.execute(insert(transferred), rows)


def written(tx: Connection, transfer_id: int, limit: int) -> list[Written]:
    """Some of what an import wrote and that is not undone yet."""
    columns = (transferred.c.name, transferred.c.etag, transferred.c.history_id)
    mine = select(*columns).where(transferred.c.transfer_id == transfer_id)
    return [Written(*row) for row in tx.execute(mine.order_by(transferred.c.name).limit(limit))]


def forget(tx: Connection, transfer_id: int, names: Sequence[str]) -> None:
    """These items are not the import's any more."""
    mine = (transferred.c.transfer_id == transfer_id) & transferred.c.name.in_(names)
    tx.execute(delete(transferred).where(mine))


def get(tx: Connection, transfer_id: int) -> Transfer | None:
    """One import."""
    row = tx.execute(select(transfer).where(transfer.c.id == transfer_id)).first()
    return None if row is None else Transfer(*row)


def newest(tx: Connection, collection_ids: Sequence[int], limit: int) -> list[Transfer]:
    """The newest imports into these collections, newest first."""
    mine = select(transfer).where(transfer.c.collection_id.in_(collection_ids))
    return [Transfer(*row) for row in tx.execute(mine.order_by(transfer.c.id.desc()).limit(limit))]


def stale(tx: Connection) -> list[Transfer]:
    """Imports and undoings whose process died."""
    dead = transfer.c.state.in_((RUNNING, UNDOING)) & (transfer.c.touched < now() - STALE)
    return [Transfer(*row) for row in tx.execute(select(transfer).where(dead).order_by(transfer.c.id))]


def newest_kept(tx: Connection, collection_id: int, name: str) -> int | None:
    """The id of the body that was moved to history last, of an item."""
    mine = (history.c.collection_id == collection_id) & (history.c.name == name)
    found = tx.execute(select(func.max(history.c.id)).where(mine)).scalar_one()
    return None if found is None else int(found)


def kept_bodies(tx: Connection, history_ids: Sequence[int]) -> dict[int, bytes]:
    """Bodies in the history, by id, in one statement."""
    if not history_ids:
        return {}
    wanted = select(history.c.id, history.c.data).where(history.c.id.in_(history_ids))
    return {row[0]: row[1] for row in tx.execute(wanted)}


def forget_old(tx: Connection, before: int) -> int:
    """Forget imports that ended before: they cannot be undone any more; returns how many."""
    ended = transfer.c.state.in_((DONE, UNDONE, FAILED)) & (transfer.c.touched < before)
    return tx.execute(delete(transfer).where(ended)).rowcount


def owner_of(tx: Connection, transfer_id: int) -> int | None:
    """The id of the principal whose collection it is."""
    mine = select(collection.c.owner_id).join(transfer, transfer.c.collection_id == collection.c.id)
    return tx.execute(mine.where(transfer.c.id == transfer_id)).scalar_one_or_none()
