"""Messages of the sharing protocol to a user: invitations, and what others made of his.

One message for each thing: a newer one about the same invitation takes the place of the older.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from davserver.model import Notification
from davserver.storage.engine import now
from davserver.storage.prepared import Prepared
from davserver.storage.schema import notification

_COLUMNS = (
    notification.c.id,
    notification.c.principal_id,
    notification.c.name,
    notification.c.kind,
    notification.c.data,
    notification.c.at,
)
_MINE: Any = notification.c.principal_id == bindparam("principal_id")
_OF = Prepared(select(*_COLUMNS).where(_MINE).order_by(notification.c.id))
_GET = Prepared(select(*_COLUMNS).where(_MINE, notification.c.name == bindparam("name")))
_STATE = Prepared(select(func.count(), func.coalesce(func.max(notification.c.id), 0)).where(_MINE))


def of(tx: Connection, principal_id: int) -> list[Notification]:
    """All messages to a user, oldest first."""
    return [Notification(*row) for row in _OF.rows(tx, {"principal_id": principal_id})]


def get(tx: Connection, principal_id: int, name: str) -> Notification | None:
    """One message by its name."""
    row = _GET.first(tx, {"principal_id": principal_id, "name": name})
    return None if row is None else Notification(*row)


def put(tx: Connection, new: Notification) -> None:
    """Leave a message; ``id`` and ``at`` are given here. One of the same name goes."""
    remove(tx, new.principal_id, new.name)
    row = {"principal_id": new.principal_id, "name": new.name, "kind": new.kind, "data": new.data}
    tx.execute(insert(notification), {**row, "at": now()})


def remove(tx: Connection, principal_id: int, name: str) -> None:
    """Drop a message; dropping one that is not there is no error."""
    mine = notification.c.principal_id == principal_id
    tx.execute(delete(notification).where(mine, notification.c.name == name))


def state(tx: Connection, principal_id: int) -> str:
    """A text that changes with each message that comes or goes."""
    return "-".join(str(value) for value in _STATE.first(tx, {"principal_id": principal_id}))


def forget_before(tx: Connection, moment: int) -> int:
    """Drop old messages; returns how many."""
    return tx.execute(delete(notification).where(notification.c.at < moment)).rowcount
