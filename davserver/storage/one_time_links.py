"""Links that do one thing once: a new password. The table holds the SHA-256 of their token."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from davserver.storage.engine import now
from davserver.storage.schema import one_time_link


def add(tx: Connection, principal_id: int, purpose: str, token: str, seconds: int) -> None:
    """Keep a link; an older one of the same purpose is worth nothing from now on."""
    forget(tx, principal_id, purpose)
    moment = now()
    row = {"principal_id": principal_id, "purpose": purpose, "token": token, "created": moment}
    tx.execute(insert(one_time_link), {**row, "expires": moment + seconds})


def principal_of(tx: Connection, purpose: str, token: str) -> int | None:
    """Whose link it is; None for what is unknown or too old."""
    good = (one_time_link.c.token == token) & (one_time_link.c.purpose == purpose)
    statement = select(one_time_link.c.principal_id).where(good, one_time_link.c.expires > now())
    found: int | None = tx.execute(statement).scalar()
    return found


def forget(tx: Connection, principal_id: int, purpose: str) -> None:
    """The person's links of that purpose are worth nothing from now on."""
    mine = (one_time_link.c.principal_id == principal_id) & (one_time_link.c.purpose == purpose)
    tx.execute(delete(one_time_link).where(mine | (one_time_link.c.expires <= now())))
