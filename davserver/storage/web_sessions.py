"""Sign-ins of browsers. The cookie holds a random token, the table its SHA-256, which opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from davserver.model import Principal
from davserver.storage import principals
from davserver.storage.engine import now
from davserver.storage.schema import principal, web_session

FULL = "full"
"""Level of a session that may enter everything its owner may."""
PENDING = "pending"
"""Level of a session whose password was right and whose second factor is still to come."""

_FIND: Any = (
    select(web_session, *principals.COLUMNS)
    .join_from(web_session, principal, principal.c.id == web_session.c.principal_id)
    .where(web_session.c.token == bindparam("token"), web_session.c.expires > bindparam("moment"))
)


@dataclass(frozen=True, slots=True)
class WebSession:
    """A signed-in browser. ``token`` is the SHA-256 of what its cookie holds, in hex."""

    id: int
    token: str
    principal_id: int
    level: str
    created: int
    last_seen: int
    expires: int
    address: str
    agent: str


_WIDTH = len(web_session.c)


def find(tx: Connection, token: str) -> tuple[WebSession, Principal] | None:
    """The session that is still good, with whose it is; in one statement."""
    row = tx.execute(_FIND, {"token": token, "moment": now()}).first()
    return None if row is None else (WebSession(*row[:_WIDTH]), principals.principal_of(row[_WIDTH:]))


def add(tx: Connection, principal_id: int, token: str, level: str, seconds: int, **seen: str) -> None:
    """Begin a session that ends by itself after ``seconds``. ``seen``: address, agent."""
    moment = now()
    times = {"created": moment, "last_seen": moment, "expires": moment + seconds}
    row = {"token": token, "principal_id": principal_id, "level": level, **times}
    tx.execute(insert(web_session), {**row, "address": seen["address"], "agent": seen["agent"][:300]})


def touch(tx: Connection, session_id: int, seconds: int, address: str) -> None:
    """The browser was here; its session lasts for so many seconds more."""
    moment = now()
    values = {"last_seen": moment, "expires": moment + seconds, "address": address}
    tx.execute(update(web_session).where(web_session.c.id == session_id).values(values))


def of_principal(tx: Connection, principal_id: int) -> list[WebSession]:
    """The person's sessions, the one used last first."""
    mine = (web_session.c.principal_id == principal_id) & (web_session.c.expires > now())
    rows = tx.execute(select(web_session).where(mine).order_by(web_session.c.last_seen.desc()))
    return [WebSession(*row) for row in rows]


def end(tx: Connection, principal_id: int, session_id: int) -> None:
    """End one of the person's sessions."""
    mine = (web_session.c.principal_id == principal_id) & (web_session.c.id == session_id)
    tx.execute(delete(web_session).where(mine))


def end_all(tx: Connection, principal_id: int, *, but: int = 0) -> int:
    """End all of the person's sessions, except one; returns how many."""
    mine = (web_session.c.principal_id == principal_id) & (web_session.c.id != but)
    return tx.execute(delete(web_session).where(mine)).rowcount


def forget_expired(tx: Connection) -> int:
    """Remove what is no longer good; returns how many."""
    return tx.execute(delete(web_session).where(web_session.c.expires <= now())).rowcount
