"""Who else has a collection, and what each of them makes of it.

    share           the owner's side: a collection, a user or group, and what he may do
    shared_view     the other's side: whether he took it, its name in his home, his own words and colour

Whether somebody may do something is asked of ``share`` (and of the groups' members as they are now) in the
same statement that reads his view: who leaves a group has lost access with the next request.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, or_, select, update

from davserver.model import (
    Access,
    Collection,
    CollectionKind,
    Principal,
    PrincipalKind,
    Share,
    Shared,
    SharedView,
    ShareState,
)
from davserver.storage import collections, principals, views
from davserver.storage.engine import now
from davserver.storage.prepared import Prepared
from davserver.storage.schema import TRASH, collection, membership, principal, share, shared_view

VIEW_COLUMNS = (
    shared_view.c.id,
    shared_view.c.name,
    shared_view.c.state,
    shared_view.c.display_name,
    shared_view.c.description,
    shared_view.c.color,
    shared_view.c.position,
    shared_view.c.timezone,
    shared_view.c.timezone_id,
    shared_view.c.transparent,
    shared_view.c.revision,
)
SHARE_COLUMNS = (
    share.c.id,
    share.c.collection_id,
    share.c.principal_id,
    share.c.uid,
    share.c.access,
    share.c.initial,
    share.c.summary,
    share.c.created,
)
OVERRIDES = ("display_name", "description", "color", "position", "timezone", "timezone_id", "transparent")
"""The columns of a collection that each person sees in his own way."""

_VIEW_NAMES = tuple(column.name for column in VIEW_COLUMNS)
_ACCESS = {one.value: one for one in Access}
_STATES = {one.value: one for one in ShareState}
_END_OF_VIEW = len(collections.COLUMNS) + len(VIEW_COLUMNS)
_GROUPS: Any = select(membership.c.group_id).where(membership.c.member_id == bindparam("user_id"))
_WITH: Any = (
    select(*collections.COLUMNS, *VIEW_COLUMNS, *principals.COLUMNS, share.c.access)
    .select_from(
        shared_view.join(collection, collection.c.id == shared_view.c.collection_id)
        .join(principal, principal.c.id == collection.c.owner_id)
        .join(
            share,
            and_(
                share.c.collection_id == shared_view.c.collection_id,
                or_(share.c.principal_id == bindparam("user_id"), share.c.principal_id.in_(_GROUPS)),
            ),
        )
    )
    .where(shared_view.c.user_id == bindparam("user_id"), collection.c.kind != TRASH)
    .order_by(shared_view.c.id)
)
_SHOWN: Any = shared_view.c.state == ShareState.ACCEPTED.value
_OF_USER = Prepared(_WITH.where(shared_view.c.kind == bindparam("kind"), _SHOWN))
_NAMED = Prepared(
    _WITH.where(shared_view.c.kind == bindparam("kind"), shared_view.c.name == bindparam("name"), _SHOWN)
)
_ONE = Prepared(_WITH.where(shared_view.c.collection_id == bindparam("collection_id")))
_SHAREES: Any = (
    select(*SHARE_COLUMNS, *principals.COLUMNS, shared_view.c.state)
    .select_from(
        share.join(principal, principal.c.id == share.c.principal_id).outerjoin(
            shared_view,
            and_(
                shared_view.c.collection_id == share.c.collection_id,
                shared_view.c.user_id == share.c.principal_id,
            ),
        )
    )
    .where(share.c.collection_id.in_(bindparam("ids", expanding=True)))
    .order_by(share.c.id)
)


@dataclass(frozen=True, slots=True)
class Sharee:
    """One to whom a collection is given. ``state`` of a group: as its members begin."""

    share: Share
    principal: Principal
    state: ShareState


def _shared(row: Any) -> Shared:
    found = collections.collection_of(row)
    values = dict(zip(_VIEW_NAMES, row[len(collections.COLUMNS) : _END_OF_VIEW], strict=True))
    values.update(state=_STATES[values["state"]], transparent=bool(values["transparent"]))
    view = SharedView(**values)
    owner = principals.principal_of(row[_END_OF_VIEW:])
    return Shared(_seen(found, view), view, owner, _ACCESS[row[-1]])


def _seen(found: Collection, view: SharedView) -> Collection:
    """The collection with what the person made his own. A zone is taken whole, never half of it."""
    own = {name: getattr(view, name) for name in OVERRIDES if getattr(view, name) is not None}
    if "timezone" in own or "timezone_id" in own:
        own.update(timezone=view.timezone, timezone_id=view.timezone_id)
    return found._replace(**own)


def _merged(rows: list[Any]) -> list[Shared]:
    """One value for each view: who has it by himself and by groups has the most of these."""
    found: dict[int, Shared] = {}
    for row in rows:
        one = _shared(row)
        before = found.get(one.view.id)
        if before is None or before.access is Access.READ:
            found[one.view.id] = one
    return list(found.values())


def of_user(tx: Connection, user_id: int, kind: CollectionKind) -> list[Shared]:
    """What others share with a user and he took, as it stands in his home."""
    return _merged(_OF_USER.rows(tx, {"user_id": user_id, "kind": kind.value}))


def get(tx: Connection, user_id: int, kind: CollectionKind, name: str) -> Shared | None:
    """What lies in a user's home under that name because somebody shares it."""
    found = _merged(_NAMED.rows(tx, {"user_id": user_id, "kind": kind.value, "name": name}))
    return found[0] if found else None


def offered(tx: Connection, user_id: int) -> list[Shared]:
    """Everything that others share with a user, in every state, both kinds."""
    return _merged(list(tx.execute(_WITH, {"user_id": user_id})))


def offer(tx: Connection, user_id: int, collection_id: int) -> Shared | None:
    """One of these, by the collection's id."""
    found = _merged(_ONE.rows(tx, {"user_id": user_id, "collection_id": collection_id}))
    return found[0] if found else None


def home_state(held: Sequence[Shared]) -> str:
    """A text that changes whenever anything that others share in a home changes; "" where nothing is."""
    rows = [(one.collection, one.view, one.access) for one in held]
    return blake2b(repr(rows).encode(), digest_size=8).hexdigest() if rows else ""


def sharees(tx: Connection, collection_ids: Iterable[int]) -> dict[int, list[Sharee]]:
    """To whom collections are given, by collection id, in one statement."""
    found: dict[int, list[Sharee]] = {}
    split = len(SHARE_COLUMNS)
    for row in tx.execute(_SHAREES, {"ids": list(collection_ids)}):
        given = _share(row)
        state = given.initial if row[-1] is None else _STATES[row[-1]]
        found.setdefault(given.collection_id, []).append(
            Sharee(given, principals.principal_of(row[split:]), state)
        )
    return found


def listing(tx: Connection, text: str, limit: int, offset: int) -> list[tuple[Principal, Collection]]:
    """Shared collections by their owners' names; ``text``: part of the name of an owner or sharee."""
    owner, sharee = principal, principal.alias("sharee")
    found: Any = (
        select(*collections.COLUMNS, *principals.COLUMNS)
        .select_from(collection.join(owner, owner.c.id == collection.c.owner_id))
        .where(collection.c.shares > 0, collection.c.kind != TRASH)
        .order_by(owner.c.name, collection.c.id)
    )
    if text:
        has_it = exists().where(
            share.c.collection_id == collection.c.id,
            share.c.principal_id == sharee.c.id,
            principals.named_like(sharee, text),
        )
        found = found.where(or_(principals.named_like(owner, text), has_it))
    rows = tx.execute(found.limit(limit).offset(offset))
    split = len(collections.COLUMNS)
    return [(principals.principal_of(row[split:]), collections.collection_of(row)) for row in rows]


def _share(row: Any) -> Share:
    key, collection_id, principal_id, uid, access, initial, summary, created = row[: len(SHARE_COLUMNS)]
    return Share(key, collection_id, principal_id, uid, _ACCESS[access], _STATES[initial], summary, created)


def states(tx: Connection, collection_id: int) -> list[tuple[Principal, ShareState]]:
    """Each person who has a view of a collection, and what he made of it."""
    statement = (
        select(*principals.COLUMNS, shared_view.c.state)
        .select_from(shared_view.join(principal, principal.c.id == shared_view.c.user_id))
        .where(shared_view.c.collection_id == collection_id)
        .order_by(principal.c.name)
    )
    return [(principals.principal_of(row), _STATES[row[-1]]) for row in tx.execute(statement)]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a share allows, how it begins, and the owner's title for it."""

    access: Access
    initial: ShareState = ShareState.ACCEPTED
    summary: str = ""


def give(tx: Connection, collection_id: int, principal_id: int, terms: Terms) -> tuple[Share, list[int]]:
    """Share a collection with a user or group, or change the terms; returns who newly has it, too."""
    of_this = (share.c.collection_id == collection_id) & (share.c.principal_id == principal_id)
    there = tx.execute(select(*SHARE_COLUMNS).where(of_this)).first()
    if there is None:
        values = {
            "collection_id": collection_id,
            "principal_id": principal_id,
            "uid": secrets.token_hex(16),
            "access": terms.access.value,
            "initial": terms.initial.value,
            "summary": terms.summary,
            "created": now(),
        }
        tx.execute(insert(share), values)
    else:
        changed = {"access": terms.access.value, "summary": terms.summary or there.summary}
        tx.execute(update(share).where(of_this).values(**changed))
    fresh = views.settle(tx, collection_id)
    return _share(tx.execute(select(*SHARE_COLUMNS).where(of_this)).one()), fresh


def take_back(tx: Connection, collection_id: int, principal_id: int) -> bool:
    """End a share; whether there was one."""
    of_this = (share.c.collection_id == collection_id) & (share.c.principal_id == principal_id)
    gone = tx.execute(delete(share).where(of_this)).rowcount > 0
    views.settle(tx, collection_id)
    return gone


def set_state(tx: Connection, view_id: int, state: ShareState) -> None:
    """Take, hide or decline what is shared."""
    change_view(tx, view_id, state=state.value)


def change_view(tx: Connection, view_id: int, **values: Any) -> None:
    """Change what a person made his own (OVERRIDES; None: as the owner has it)."""
    if values.get("transparent", True) is None:
        values["transparent"] = False
    changed = {**values, "revision": shared_view.c.revision + 1}
    tx.execute(update(shared_view).where(shared_view.c.id == view_id).values(**changed))


def people_of(tx: Connection, given: Share) -> list[Principal]:
    """Those whom a share reaches: the user himself, or the members of the group."""
    found = principals.by_id(tx, given.principal_id)
    if found is None:
        return []
    return principals.members_of(tx, found.id) if found.kind is PrincipalKind.GROUP else [found]
