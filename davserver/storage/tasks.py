"""Long work that a person waits for: imports, synchronisation, archives. A row says how far it is.

Whoever works writes into the row now and then in short transactions of its own, so that every process
can show the progress. Work whose process died stops being written to: that is how it is known (``STALE``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from davserver import sentences
from davserver.storage.engine import now
from davserver.storage.schema import task

RUNNING, DONE, FAILED = "running", "done", "failed"

STALE = 300
"""Seconds without a sign of life after which running work counts as failed."""

KEPT = 7 * 86_400
"""Seconds for which finished work can be looked at."""


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of long work; ``total`` 0 where it is not known. ``result`` is what JSON can hold."""

    id: int
    owner_id: int
    kind: str
    state: str
    done: int
    total: int
    message: str
    result: Any
    created: int
    updated: int

    @property
    def percent(self) -> int | None:
        """How far it is, 0 to 100; None where that cannot be known."""
        return min(100, 100 * self.done // self.total) if self.total else None


def add(tx: Connection, owner_id: int, kind: str, *, total: int = 0, message: str = "") -> int:
    """Begin a piece of work; returns its id. Old ones are forgotten on the way."""
    moment = now()
    tx.execute(delete(task).where(task.c.updated < moment - KEPT))
    values = {"owner_id": owner_id, "kind": kind, "state": RUNNING, "total": total, "message": message}
    times = {"created": moment, "updated": moment}
    added = tx.execute(insert(task).values(**values, **times, result="null"))
    return int((added.inserted_primary_key or (0,))[0])


def get(tx: Connection, owner_id: int, task_id: int) -> Task | None:
    """A piece of work of that owner."""
    row = tx.execute(select(task).where(task.c.id == task_id, task.c.owner_id == owner_id)).first()
    return None if row is None else _task(row)


def newest(tx: Connection, owner_id: int, kind: str, limit: int = 10) -> list[Task]:
    """The owner's newest pieces of work of that kind, newest first."""
    mine = (task.c.owner_id == owner_id) & (task.c.kind == kind)
    rows = tx.execute(select(task).where(mine).order_by(task.c.id.desc()).limit(limit))
    return [_task(row) for row in rows]


def progress(tx: Connection, task_id: int, done: int, **also: Any) -> None:
    """How far it is. ``also``: total, message."""
    tx.execute(update(task).where(task.c.id == task_id).values(done=done, updated=now(), **also))


def is_running(tx: Connection, task_id: int) -> bool:
    """Whether a piece of work was neither ended nor cancelled."""
    return tx.execute(select(task.c.state).where(task.c.id == task_id)).scalar() == RUNNING


def finish(tx: Connection, task_id: int, state: str = DONE, message: str = "", result: Any = None) -> None:
    """It ended, DONE or FAILED; ``result`` is what JSON can hold."""
    values = {"state": state, "message": message, "result": sentences.dump(result)}
    tx.execute(update(task).where(task.c.id == task_id).values(**values, updated=now()))


def _task(row: Any) -> Task:
    key, owner_id, kind, state, done, total, message, result, created, updated = row
    if state == RUNNING and updated < now() - STALE:
        state = FAILED
    return Task(key, owner_id, kind, state, done, total, message, sentences.load(result), created, updated)
