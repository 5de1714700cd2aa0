"""Principals, their groups and their credentials."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from davserver.model import CollectionKind, Credential, Login, NewPrincipal, Principal, PrincipalKind
from davserver.storage import dead_properties, views
from davserver.storage.engine import now
from davserver.storage.prepared import Prepared
from davserver.storage.schema import (
    collection,
    credential,
    dead_property,
    device,
    item,
    lock,
    membership,
    principal,
    shared_view,
)

COLUMNS: Any = (
    principal.c.id,
    principal.c.kind,
    principal.c.name,
    principal.c.display_name,
    principal.c.email,
    principal.c.admin,
    principal.c.disabled,
    principal.c.timezone,
    principal.c.quota,
    principal.c.created,
    principal.c.language,
    principal.c.app_passwords_only,
    principal.c.remove_at,
)
_CREDENTIAL: Any = (
    credential.c.id,
    credential.c.kind,
    credential.c.secret,
    credential.c.realm,
    credential.c.expires,
)
_BY_NAME = Prepared(select(*COLUMNS).where(principal.c.name == bindparam("name")))
_BY_ID = Prepared(select(*COLUMNS).where(principal.c.id == bindparam("id")))
_LOGIN = Prepared(
    select(*COLUMNS, *_CREDENTIAL)
    .select_from(principal.outerjoin(credential, credential.c.principal_id == principal.c.id))
    .where(principal.c.name == bindparam("name"))
    .order_by(credential.c.id)
)
_GROUPS: Any = (
    select(*COLUMNS)
    .select_from(membership.join(principal, principal.c.id == membership.c.group_id))
    .where(membership.c.member_id == bindparam("id"))
    .order_by(principal.c.name)
)
_MEMBERS: Any = (
    select(*COLUMNS)
    .select_from(membership.join(principal, principal.c.id == membership.c.member_id))
    .where(membership.c.group_id == bindparam("id"))
    .order_by(principal.c.name)
)
_WIDTH = len(COLUMNS)
_ONLY = -2
"""Where app_passwords_only stands; drivers give 0 and 1."""
_KINDS = {kind.value: kind for kind in PrincipalKind}


def principal_of(row: Any) -> Principal:
    """The value of a row that begins with ``COLUMNS``."""
    key, kind, name, display_name, email, admin, disabled, *rest = row[:_WIDTH]
    rest[_ONLY] = bool(rest[_ONLY])
    return Principal(key, _KINDS[kind], name, display_name, email, bool(admin), bool(disabled), *rest)


def get(tx: Connection, name: str) -> Principal | None:
    """The principal of that name."""
    row = _BY_NAME.first(tx, {"name": name})
    return None if row is None else principal_of(row)


def by_id(tx: Connection, principal_id: int) -> Principal | None:
    """The principal with that id."""
    row = _BY_ID.first(tx, {"id": principal_id})
    return None if row is None else principal_of(row)


def login(tx: Connection, name: str) -> Login | None:
    """The principal with all its credentials, in one statement (the hot path of every request)."""
    rows = _LOGIN.rows(tx, {"name": name})
    return _login_of(tuple(rows)) if rows else None


@lru_cache(maxsize=256)
def _login_of(rows: tuple[Any, ...]) -> Login:
    """Rows of the statement as a value; equal rows are one value."""
    credentials = tuple(Credential(*row[_WIDTH : _WIDTH + 5]) for row in rows if row[_WIDTH] is not None)
    return Login(principal_of(rows[0]), credentials)


def list_all(tx: Connection) -> list[Principal]:
    """All principals by name."""
    return [principal_of(row) for row in tx.execute(select(*COLUMNS).order_by(principal.c.name))]


def by_email(tx: Connection, email: str) -> Principal | None:
    """The first principal with that mail address, letter case ignored."""
    statement = select(*COLUMNS).where(func.lower(principal.c.email) == email.lower())
    row = tx.execute(statement.order_by(principal.c.id)).first()
    return None if row is None else principal_of(row)


def search(tx: Connection, text: str, limit: int) -> list[Principal]:
    """Principals whose name, display name or mail address contains the text, letter case ignored."""
    statement = select(*COLUMNS).where(named_like(principal, text), principal.c.disabled.is_(False))
    return [principal_of(row) for row in tx.execute(statement.order_by(principal.c.name).limit(limit))]


def of_kind(tx: Connection, kind: str, limit: int) -> list[Principal]:
    """Principals of a kind by name; ``individual`` is another word for a user."""
    wanted = "user" if kind == "individual" else kind
    statement = select(*COLUMNS).where(principal.c.kind == wanted, principal.c.disabled.is_(False))
    return [principal_of(row) for row in tx.execute(statement.order_by(principal.c.name).limit(limit))]


def _like(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def count(tx: Connection) -> int:
    """How many principals there are; 0 means that nobody has set the server up yet."""
    return int(tx.execute(select(func.count()).select_from(principal)).scalar_one())


def add(tx: Connection, new: NewPrincipal) -> Principal:
    """Add a principal; the name must be free (the caller checks and says so readably)."""
    values = {
        "name": new.name,
        "kind": new.kind.value,
        "display_name": new.display_name,
        "email": new.email,
        "admin": new.admin,
        "disabled": False,
        "timezone": new.timezone,
        "quota": new.quota,
        "created": now(),
    }
    tx.execute(insert(principal), values)
    added = get(tx, new.name)
    assert added is not None
    return added


def change(tx: Connection, principal_id: int, **values: Any) -> None:
    """Change columns of a principal (display_name, email, admin, disabled, timezone, quota, …)."""
    tx.execute(update(principal).where(principal.c.id == principal_id).values(**values))


def remove(tx: Connection, principal_id: int) -> None:
    """Remove a principal with everything it owns; nothing is left for a later user to inherit."""
    given = views.given_to(tx, principal_id)
    views.forget_of_user(tx, principal_id)
    mine = select(collection.c.id).where(collection.c.owner_id == principal_id)
    items = select(item.c.id).where(item.c.collection_id.in_(mine))
    seen = select(shared_view.c.id).where(shared_view.c.collection_id.in_(mine))
    for scope, ids in (("item", items), ("collection", mine), ("view", seen)):
        condition = (dead_property.c.scope == scope) & dead_property.c.scope_id.in_(ids)
        tx.execute(delete(dead_property).where(condition))
    for scope in dead_properties.PRINCIPAL_SCOPES:
        dead_properties.forget(tx, scope, principal_id)
    tx.execute(delete(lock).where(lock.c.principal_id == principal_id))
    tx.execute(delete(principal).where(principal.c.id == principal_id))
    views.settle_all(tx, given)


def set_credential(tx: Connection, principal_id: int, kind: str, secret: str, realm: str = "") -> int:
    """Replace the principal's credentials of that kind by one; returns its id."""
    same = (credential.c.principal_id == principal_id) & (credential.c.kind == kind)
    tx.execute(delete(credential).where(same))
    values = {"principal_id": principal_id, "kind": kind, "secret": secret, "realm": realm}
    key: Any = tx.execute(insert(credential), {**values, "label": "", "created": now()}).inserted_primary_key
    return int(key[0])


def has_credential(tx: Connection, credential_id: int) -> bool:
    """Whether a credential is still there: a changed password is another one."""
    return tx.execute(select(credential.c.id).where(credential.c.id == credential_id)).first() is not None


def remove_credentials(tx: Connection, principal_id: int, kind: str) -> None:
    """Remove the principal's credentials of that kind."""
    same = (credential.c.principal_id == principal_id) & (credential.c.kind == kind)
    tx.execute(delete(credential).where(same))


def groups_of(tx: Connection, principal_id: int) -> list[Principal]:
    """The groups that the principal is a direct member of."""
    return [principal_of(row) for row in tx.execute(_GROUPS, {"id": principal_id})]


def members_of(tx: Connection, group_id: int) -> list[Principal]:
    """The direct members of a group."""
    return [principal_of(row) for row in tx.execute(_MEMBERS, {"id": group_id})]


def set_members(tx: Connection, group_id: int, member_ids: Iterable[int]) -> None:
    """Replace the members of a group. What is shared with it follows at once."""
    tx.execute(delete(membership).where(membership.c.group_id == group_id))
    rows = [{"group_id": group_id, "member_id": member} for member in dict.fromkeys(member_ids)]
    if rows:
        tx.execute(insert(membership), rows)
    views.settle_all(tx, views.given_to(tx, group_id))


class Order(enum.StrEnum):
    """What a list of principals is sorted by."""

    ID = "id"
    NAME = "name"
    DISPLAY_NAME = "display-name"
    CREATED = "created"
    SIZE = "size"
    LAST_SEEN = "last-seen"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which principals a list shows; ``text`` "" is all. ``after``: only those with a greater id."""

    kinds: tuple[PrincipalKind, ...]
    text: str = ""
    order: Order = Order.NAME
    limit: int = 50
    offset: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A principal in a list, with what it has; ``size`` in bytes, ``last_seen`` None for never."""

    principal: Principal
    calendars: int
    addressbooks: int
    members: int
    size: int
    last_seen: int | None


def _owned(value: Any, kind: CollectionKind | None = None) -> Any:
    mine = collection.c.owner_id == principal.c.id
    if kind is not None:
        mine &= collection.c.kind == kind.value
    return select(value).where(mine).correlate(principal).scalar_subquery()


_SIZE: Any = _owned(func.coalesce(func.sum(collection.c.size), 0))
_LAST_SEEN: Any = (
    select(func.max(device.c.last_seen))
    .where(device.c.principal_id == principal.c.id)
    .correlate(principal)
    .scalar_subquery()
)
_MEMBER_COUNT: Any = (
    select(func.count())
    .select_from(membership)
    .where(membership.c.group_id == principal.c.id)
    .correlate(principal)
    .scalar_subquery()
)
_LISTED: Any = (
    _owned(func.count(), CollectionKind.CALENDAR),
    _owned(func.count(), CollectionKind.ADDRESSBOOK),
    _MEMBER_COUNT,
    _SIZE.label("size"),
    _LAST_SEEN.label("seen"),
)
_ORDERS: Any = {
    Order.ID: principal.c.id,
    Order.NAME: principal.c.name,
    Order.DISPLAY_NAME: func.lower(principal.c.display_name),
    Order.CREATED: principal.c.created.desc(),
    Order.SIZE: _SIZE.desc(),
    Order.LAST_SEEN: func.coalesce(_LAST_SEEN, 0).desc(),
}


def listing(tx: Connection, wanted: Wanted) -> list[Listed]:
    """Principals with what they have, a page of them in one statement."""
    statement = select(*COLUMNS, *_LISTED).where(_wanted(wanted))
    statement = statement.order_by(_ORDERS[wanted.order], principal.c.name)
    rows = tx.execute(statement.limit(wanted.limit).offset(wanted.offset))
    return [_listed(row) for row in rows]


def _listed(row: Any) -> Listed:
    calendars, addressbooks, members, size, last_seen = row[_WIDTH:]
    return Listed(principal_of(row), calendars, addressbooks, members, int(size), last_seen)


def count_listed(tx: Connection, wanted: Wanted) -> int:
    """How many there are in all."""
    return int(tx.execute(select(func.count()).select_from(principal).where(_wanted(wanted))).scalar_one())


def _wanted(wanted: Wanted) -> Any:
    among = principal.c.kind.in_([kind.value for kind in wanted.kinds]) & (principal.c.id > wanted.after)
    return among & named_like(principal, wanted.text) if wanted.text else among


def named_like(of: Any, text: str) -> Any:
    """The condition that name, display name or mail address contains the text, letter case ignored.

    :param of: the principal table, or an alias of it.
    """
    pattern = f"%{_like(text.lower())}%"
    columns = (of.c.name, of.c.display_name, of.c.email)
    return or_(*(func.lower(column).like(pattern, escape="!") for column in columns))
