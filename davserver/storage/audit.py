"""The audit log: who changed accounts, shares and settings, when and from where. Never secrets."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, insert, or_, select

from davserver.storage.engine import now
from davserver.storage.schema import audit


def record(tx: Connection, actor: str, action: str, target: str, **context: str) -> None:
    """Write one entry in the transaction of the change itself. ``context``: address, detail."""
    row = {"at": now(), "actor": actor, "action": action, "target": target, "address": "", "detail": ""}
    tx.execute(insert(audit), {**row, **context})


def newest(tx: Connection, limit: int) -> list[Any]:
    """The newest entries, newest first."""
    return list(tx.execute(select(audit).order_by(audit.c.id.desc()).limit(limit)))


def listing(tx: Connection, text: str, limit: int, offset: int = 0) -> list[Any]:
    """A page of entries, newest first; ``text`` is looked for in actor, action, target and address."""
    statement = select(audit).order_by(audit.c.id.desc())
    if text:
        pattern = "%" + text.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
        columns = (audit.c.actor, audit.c.action, audit.c.target, audit.c.address)
        statement = statement.where(or_(*(func.lower(one).like(pattern, escape="!") for one in columns)))
    return list(tx.execute(statement.limit(limit).offset(offset)))
