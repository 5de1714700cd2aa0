"""App passwords: found by their public part in one indexed row, however many there are.

A scope is kept as a short text, ``calendars=write contacts=none api=none collections=3,17``: it is read with
every request and never searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from davserver.model import AppPassword, Principal, Right, Scope
from davserver.storage import principals
from davserver.storage.engine import now
from davserver.storage.prepared import Prepared
from davserver.storage.schema import app_password, principal

KEEP_REVOKED = 180 * 86_400
"""Seconds for which a revoked password is still known as such, so that its device gets a clear answer."""

_COLUMNS: Any = (
    app_password.c.id,
    app_password.c.principal_id,
    app_password.c.label,
    app_password.c.scope,
    app_password.c.origin,
    app_password.c.created,
    app_password.c.expires,
    app_password.c.revoked,
    app_password.c.last_used,
    app_password.c.last_agent,
    app_password.c.last_address,
)
_FIND = Prepared(
    select(*_COLUMNS, app_password.c.secret, *principals.COLUMNS)
    .select_from(app_password.join(principal, principal.c.id == app_password.c.principal_id))
    .where(app_password.c.lookup == bindparam("lookup"))
)
_BY_ID: Any = select(*_COLUMNS).where(app_password.c.id == bindparam("id"))
_OF_PRINCIPAL: Any = (
    select(*_COLUMNS)
    .where(app_password.c.principal_id == bindparam("id"), app_password.c.revoked.is_(None))
    .order_by(app_password.c.id)
)


@dataclass(frozen=True, slots=True)
class Found:
    """An app password with the hash of its secret, and whose it is."""

    app_password: AppPassword
    secret: str
    principal: Principal


def scope_text(scope: Scope) -> str:
    """A scope as it is stored."""
    text = f"calendars={scope.calendars} contacts={scope.contacts} api={scope.api}"
    if scope.collections is None:
        return text
    return f"{text} collections={','.join(str(one) for one in sorted(scope.collections))}"


@lru_cache(maxsize=256)
def scope_of(text: str) -> Scope:
    """A stored scope. What is not named there is closed."""
    parts = dict(part.split("=", 1) for part in text.split())
    calendars, contacts, api = (Right(parts.get(name, "none")) for name in ("calendars", "contacts", "api"))
    listed = parts.get("collections")
    if listed is None:
        return Scope(calendars, contacts, api)
    return Scope(calendars, contacts, api, frozenset(int(one) for one in listed.split(",") if one))


def _app_password(row: Any) -> AppPassword:
    key, principal_id, label, scope, *rest = row[: len(_COLUMNS)]
    return AppPassword(key, principal_id, label, scope_of(scope), *rest)


def find(tx: Connection, lookup: str) -> Found | None:
    """The app password with that public part, revoked and expired ones too (each request's way)."""
    row = _FIND.first(tx, {"lookup": lookup})
    if row is None:
        return None
    width = len(_COLUMNS)
    return Found(_app_password(row), row[width], principals.principal_of(row[width + 1 :]))


def get(tx: Connection, app_password_id: int) -> AppPassword | None:
    """The app password with that id."""
    row = tx.execute(_BY_ID, {"id": app_password_id}).first()
    return None if row is None else _app_password(row)


def of_principal(tx: Connection, principal_id: int) -> list[AppPassword]:
    """A person's app passwords that are not revoked, oldest first; expired ones too."""
    return [_app_password(row) for row in tx.execute(_OF_PRINCIPAL, {"id": principal_id})]


@dataclass(frozen=True, slots=True)
class NewAppPassword:
    """What is stored of a new app password; ``secret`` is its hash."""

    principal_id: int
    lookup: str
    secret: str
    label: str
    scope: Scope
    origin: str
    expires: int | None


def add(tx: Connection, new: NewAppPassword) -> int:
    """Store one; returns its id. Long revoked ones of the same person are forgotten."""
    moment = now()
    long_gone = app_password.c.revoked < moment - KEEP_REVOKED
    tx.execute(delete(app_password).where(app_password.c.principal_id == new.principal_id, long_gone))
    values = {name: getattr(new, name) for name in new.__dataclass_fields__}
    unused = {"last_agent": "", "last_address": ""}
    row = {**values, **unused, "scope": scope_text(new.scope), "created": moment}
    key: Any = tx.execute(insert(app_password), row).inserted_primary_key
    return int(key[0])


def rename(tx: Connection, app_password_id: int, label: str) -> None:
    """Give it another name."""
    tx.execute(update(app_password).where(app_password.c.id == app_password_id).values(label=label))


def revoke(tx: Connection, app_password_id: int) -> None:
    """It is refused from the next request on."""
    tx.execute(update(app_password).where(app_password.c.id == app_password_id).values(revoked=now()))


def note_use(tx: Connection, app_password_id: int, moment: int, every: int, **seen: str) -> None:
    """Note when, by what and from where it was used, unless noted less than ``every`` seconds ago."""
    is_due = or_(app_password.c.last_used.is_(None), app_password.c.last_used <= moment - every)
    values = {"last_used": moment, "last_agent": seen["agent"], "last_address": seen["address"]}
    tx.execute(update(app_password).where(app_password.c.id == app_password_id, is_due).values(values))
