"""App passwords that are to be: a login flow that waits for its owner, a link to a profile.

No password lies here. It is made at the moment when whoever holds the token takes it, once. Of the tokens
only the SHA-256 is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from davserver.model import Scope
from davserver.storage.app_passwords import scope_of, scope_text
from davserver.storage.engine import now
from davserver.storage.schema import app_grant

WAITING = "waiting"
GRANTED = "granted"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Grant:
    """One of them. ``principal_id`` is None while nobody has decided; agent and address are the asker's."""

    id: int
    token: str
    page: str | None
    state: str
    principal_id: int | None
    label: str
    scope: Scope
    agent: str
    address: str
    created: int
    expires: int


@dataclass(frozen=True, slots=True)
class NewGrant:
    """What is stored of a new one; ``token`` and ``page`` are hashes."""

    token: str
    page: str | None
    state: str
    principal_id: int | None
    label: str
    scope: Scope
    agent: str
    address: str
    expires: int


def _first(tx: Connection, condition: Any, *, lock: bool = False) -> Grant | None:
    statement = select(app_grant).where(condition, app_grant.c.expires > now())
    row = tx.execute(statement.with_for_update() if lock else statement).first()
    if row is None:
        return None
    key, token, page, state, principal_id, label, scope, *rest = row
    return Grant(key, token, page, state, principal_id, label, scope_of(scope), *rest)


def by_token(tx: Connection, token: str, *, lock: bool = False) -> Grant | None:
    """The one that the holder of a token may take, None where it has expired; locked for who takes it."""
    return _first(tx, app_grant.c.token == token, lock=lock)


def by_page(tx: Connection, page: str) -> Grant | None:
    """The one that a page decides about, None where it has expired."""
    return _first(tx, app_grant.c.page == page)


def waiting(tx: Connection) -> int:
    """How many wait for somebody."""
    held = select(func.count()).where(app_grant.c.state == WAITING, app_grant.c.expires > now())
    return int(tx.execute(held).scalar_one())


def add(tx: Connection, new: NewGrant) -> None:
    """Store one; expired ones are forgotten."""
    tx.execute(delete(app_grant).where(app_grant.c.expires <= now()))
    values = {name: getattr(new, name) for name in new.__dataclass_fields__}
    tx.execute(insert(app_grant), {**values, "scope": scope_text(new.scope), "created": now()})


def decide(tx: Connection, held: Grant) -> bool:
    """Store what was decided about one that still waits (its state, principal, label, scope).

    False where that was done meanwhile.
    """
    values = {"state": held.state, "principal_id": held.principal_id, "label": held.label}
    values["scope"] = scope_text(held.scope)
    waits = (app_grant.c.id == held.id) & (app_grant.c.state == WAITING)
    return tx.execute(update(app_grant).where(waits).values(values)).rowcount == 1


def take(tx: Connection, grant_id: int) -> bool:
    """Remove one; False where somebody else has taken it meanwhile."""
    return tx.execute(delete(app_grant).where(app_grant.c.id == grant_id)).rowcount == 1
