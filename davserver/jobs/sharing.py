"""Sharing: calendars and address books given to users and groups, and what these make of it.

    share, revoke       the owner gives read or read-write, changes it, takes it back
    respond             somebody accepts, hides or declines what is shared with him
    matrix              who sees what

Each of them leaves the messages of the sharing protocol (storage.notifications), so that macOS knows, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from davserver.config import Settings
from davserver.davxml import DAV
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.jobs.places import Place, find_owner, locked, place_of
from davserver.model import (
    Access,
    Collection,
    CollectionKind,
    Notification,
    Principal,
    PrincipalKind,
    Share,
    Shared,
    ShareState,
)
from davserver.sentences import Sentence
from davserver.storage import collections, notifications, principals, shares
from davserver.storage.shares import Sharee, Terms

INVITE, REPLY = "invite-notification", "invite-reply"
"""The two kinds of messages, by their elements' names."""

LONGEST_SUMMARY = 1000


@dataclass(frozen=True, slots=True)
class Grant:
    """To whom a collection is given and what he may do; ``access`` None takes it back."""

    sharee: Principal
    access: Access | None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the matrix: a collection with all to whom it is given."""

    owner: Principal
    collection: Collection
    sharees: tuple[Sharee, ...]


# -- the owner's side --------------------------------------------------------------------------------


def share(office: Office, place: Place, who: str, access: Access) -> None:
    """Give a collection to a user or group (by name or mail address), or change what he may do."""
    with office.write("share.set", f"{place} → {who}: {access.value}") as tx:
        owner, target = locked(tx, place)
        apply(tx, office.settings, (owner, target), [Grant(find_sharee(tx, who), access)])


def revoke(office: Office, place: Place, who: str) -> None:
    """Take a collection back; 404 where it was not given to that one."""
    with office.write("share.remove", f"{place} → {who}") as tx:
        owner, target = locked(tx, place)
        sharee = find_sharee(tx, who)
        given = shares.sharees(tx, [target.id]).get(target.id, [])
        if not any(one.principal.id == sharee.id for one in given):
            raise HttpError(404, Sentence("%(place)s is not shared with %(who)s.", place=place, who=who))
        apply(tx, office.settings, (owner, target), [Grant(sharee, None)])


def apply(
    tx: Connection, settings: Settings, what: tuple[Principal, Collection], grants: Iterable[Grant]
) -> None:
    """Make the grants so, all or none, and tell those whom they reach.

    :param what: the owner and his collection, locked in this transaction.
    """
    owner, target = what
    for grant in grants:
        if grant.access is None:
            _take_back(tx, what, grant.sharee)
            continue
        _check(owner, grant)
        initial = ShareState.ACCEPTED if settings.sharing.auto_accept else ShareState.INVITED
        terms = Terms(grant.access, initial, grant.summary[:LONGEST_SUMMARY])
        given, _ = shares.give(tx, target.id, grant.sharee.id, terms)
        for person in shares.people_of(tx, given):
            offered = shares.offer(tx, person.id, target.id)
            if offered is not None:
                _invite(tx, person, (given, offered), _INVITES[offered.view.state])


_INVITES = {
    ShareState.INVITED: "invite-noresponse",
    ShareState.ACCEPTED: "invite-accepted",
    ShareState.HIDDEN: "invite-accepted",
    ShareState.DECLINED: "invite-declined",
}


def _check(owner: Principal, grant: Grant) -> None:
    if grant.sharee.id == owner.id:
        raise HttpError(403, "It belongs to this account already.", DAV + "recognized-principal")
    if grant.sharee.kind not in (PrincipalKind.USER, PrincipalKind.GROUP):
        raise HttpError(403, "Things are shared with people and groups.", DAV + "recognized-principal")


def _take_back(tx: Connection, what: tuple[Principal, Collection], sharee: Principal) -> None:
    _, target = what
    given = next(
        (
            one.share
            for one in shares.sharees(tx, [target.id]).get(target.id, [])
            if one.principal.id == sharee.id
        ),
        None,
    )
    if given is None:
        return
    people = shares.people_of(tx, given)
    before = {person.id: shares.offer(tx, person.id, target.id) for person in people}
    shares.take_back(tx, target.id, sharee.id)
    for person in people:
        offered = before[person.id]
        if offered is None or shares.offer(tx, person.id, target.id) is not None:
            continue  # by another share he still has it
        if offered.view.state in (ShareState.ACCEPTED, ShareState.HIDDEN):
            _invite(tx, person, (given, offered), "invite-deleted")
        else:
            notifications.remove(tx, person.id, f"invite-{given.uid}.xml")


def find_sharee(tx: Connection, who: str) -> Principal:
    """A user or group by name or mail address (``mailto:`` or not); 404 where there is none."""
    text = who.strip()
    mail = text.removeprefix("mailto:").removeprefix("MAILTO:")
    found = principals.get(tx, text) or (principals.by_email(tx, mail) if "@" in mail else None)
    if found is None:
        raise HttpError(
            404,
            Sentence("There is no account or group %(text)s.", text=text[:100]),
            DAV + "recognized-principal",
        )
    return found


def check_open(settings: Settings, user: Principal) -> None:
    """403 where the directory is closed: whoever may try names in sharing learns who has an account."""
    if not settings.accounts.directory and not user.admin:
        raise HttpError(403, "Here only administrators share.", DAV + "recognized-principal")


def candidates(tx: Connection, settings: Settings, user: Principal) -> list[Principal]:
    """Users and groups with whom a user may share, by name; nobody where the directory is closed."""
    if not settings.accounts.directory and not user.admin:
        return []
    wanted = (PrincipalKind.USER, PrincipalKind.GROUP)
    return [
        one
        for one in principals.list_all(tx)
        if one.kind in wanted and not one.disabled and one.id != user.id
    ]


# -- the other's side --------------------------------------------------------------------------------


def invitations(tx: Connection, user_id: int) -> list[Shared]:
    """Everything that others share with a user, whatever he made of it."""
    return shares.offered(tx, user_id)


def offer(tx: Connection, user: Principal, collection_id: int) -> Shared:
    """One of these; 404 where it is not shared with him."""
    offered = shares.offer(tx, user.id, collection_id)
    if offered is None:
        raise HttpError(404, "That is not shared with this account.")
    return offered


def respond(office: Office, user: str, collection_id: int, state: ShareState) -> Shared:
    """Accept, hide or decline what is shared with a user; 404 where it is not shared with him."""
    with office.store.read() as tx:
        offered = offer(tx, find_owner(tx, user), collection_id)
    target = place_of(offered.owner, offered.collection)
    with office.write(f"share.{state.value}", f"{target} → {user}") as tx:
        return answer(tx, find_owner(tx, user), collection_id, state)


def answer(tx: Connection, user: Principal, collection_id: int, state: ShareState) -> Shared:
    """The same within a transaction; the owner gets a message where it is an answer to him."""
    offered = offer(tx, user, collection_id)
    before = offered.view.state
    if before is not state:
        shares.set_state(tx, offered.view.id, state)
        if _INVITES[state] != _INVITES[before]:
            _reply(tx, user, offered, _INVITES[state])
    return offer(tx, user, collection_id)


# -- who sees what -----------------------------------------------------------------------------------


def matrix(tx: Connection, owners: Iterable[Principal]) -> list[Row]:
    """The collections of some owners with all to whom they are given: a statement for each kind."""
    people = {owner.id: owner for owner in owners}
    held = collections.of_owners(tx, list(people))
    given = shares.sharees(tx, [one.id for one in held if one.shares])
    return [Row(people[one.owner_id], one, tuple(given.get(one.id, ()))) for one in held]


def shared_rows(tx: Connection, text: str, limit: int, offset: int) -> list[Row]:
    """All shared collections of the server, by owner; ``text``: part of the name of an owner or sharee."""
    found = shares.listing(tx, text, limit, offset)
    given = shares.sharees(tx, [one.id for _, one in found])
    return [Row(owner, one, tuple(given.get(one.id, ()))) for owner, one in found]


# -- messages ----------------------------------------------------------------------------------------


def _invite(tx: Connection, person: Principal, what: tuple[Share, Shared], kind: str) -> None:
    """Tell somebody that a calendar is, or is no longer, shared with him. macOS knows of no others."""
    given, offered = what
    if offered.collection.kind is not CollectionKind.CALENDAR:
        return
    data = {
        "answer": kind,
        "uid": given.uid,
        "access": offered.access.value,
        "owner": offered.owner.name,
        "name": offered.collection.name,
        "summary": given.summary or offered.collection.display_name or offered.collection.name,
        "components": offered.collection.components,
    }
    _leave(tx, person, f"invite-{given.uid}.xml", (INVITE, data))


def _reply(tx: Connection, user: Principal, offered: Shared, kind: str) -> None:
    """Tell the owner what somebody made of his calendar; only where he was given it by name."""
    if offered.collection.kind is not CollectionKind.CALENDAR:
        return
    listed = shares.sharees(tx, [offered.collection.id]).get(offered.collection.id, [])
    given = next((one.share for one in listed if one.principal.id == user.id), None)
    if given is None:
        return
    data = {
        "answer": kind,
        "uid": given.uid,
        "sharee": user.name,
        "owner": offered.owner.name,
        "name": offered.collection.name,
        "summary": offered.collection.display_name or offered.collection.name,
    }
    _leave(tx, offered.owner, f"reply-{given.uid}.xml", (REPLY, data))


def _leave(tx: Connection, person: Principal, name: str, message: tuple[str, dict[str, str]]) -> None:
    kind, data = message
    text = json.dumps(data, ensure_ascii=False)
    notifications.put(tx, Notification(0, person.id, name, kind, text, 0))
