"""Groups, rooms and equipment: principals that nobody signs in as.

A group has members and is given things. A room or a piece of equipment (a resource) has a calendar of its
own; its managers have that calendar to write, everybody who is signed in sees when it is taken.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from davserver.davxml import CALDAV
from davserver.errors import HttpError
from davserver.jobs import sharing
from davserver.jobs.office import Office
from davserver.jobs.sharing import Grant
from davserver.jobs.users import DEFAULT_COLLECTION, check_email, check_user_name
from davserver.model import (
    Access,
    Ace,
    Collection,
    CollectionKind,
    NewCollection,
    NewPrincipal,
    Principal,
    PrincipalKind,
)
from davserver.sentences import Sentence
from davserver.storage import collections, principals, shares

WORDS = {
    PrincipalKind.GROUP: Sentence("group"),
    PrincipalKind.ROOM: Sentence("room"),
    PrincipalKind.RESOURCE: Sentence("resource"),
}
"""What people call each kind."""


@dataclass(frozen=True, slots=True)
class Described:
    """What is known of a group, room or resource; ``display_name`` "" means the name."""

    name: str
    display_name: str = ""
    email: str = ""


def create_group(office: Office, new: Described, members: Iterable[str] = ()) -> Principal:
    """Add a group with members (user names); 409 where the name is taken."""
    try:
        with office.write("group.add", new.name) as tx:
            made = _add(tx, PrincipalKind.GROUP, new)
            principals.set_members(tx, made.id, [one.id for one in _members(tx, members)])
            return made
    except IntegrityError:
        raise HttpError(
            409, Sentence("There is already an account or group %(name)s.", name=new.name)
        ) from None


def create_resource(
    office: Office, kind: PrincipalKind, new: Described, managers: Iterable[str] = ()
) -> Principal:
    """Add a room or a piece of equipment with its calendar; ``managers`` are users and groups by name."""
    if kind not in (PrincipalKind.ROOM, PrincipalKind.RESOURCE):
        raise HttpError(400, "That is neither a room nor a resource.")
    try:
        with office.write(f"{kind.value}.add", new.name) as tx:
            made = _add(tx, kind, new)
            calendar = collections.create(
                tx,
                NewCollection(
                    made.id,
                    CollectionKind.CALENDAR,
                    DEFAULT_COLLECTION,
                    display_name=made.display_name,
                    components="VEVENT",
                ),
            )
            collections.set_acl(tx, calendar.id, [Ace(None, frozenset({CALDAV + "read-free-busy"}))])
            grants = [Grant(sharing.find_sharee(tx, who), Access.READ_WRITE) for who in managers]
            sharing.apply(tx, office.settings, (made, calendar), grants)
            return made
    except IntegrityError:
        raise HttpError(
            409, Sentence("There is already an account or group %(name)s.", name=new.name)
        ) from None


def edit(office: Office, described: Described) -> Principal:
    """Describe a group, room or resource anew; its name stays."""
    email = check_email(described.email)
    with office.store.read() as tx:
        found = find(tx, described.name)
    with office.write(f"{found.kind.value}.edit", found.name) as tx:
        title = described.display_name.strip() or found.name
        principals.change(tx, found.id, display_name=title, email=email)
        return find(tx, found.name)


def set_members(office: Office, name: str, members: Iterable[str]) -> None:
    """Replace the members of a group (user names). What it is given comes and goes with them at once."""
    with office.write("group.members", name) as tx:
        group = find(tx, name, PrincipalKind.GROUP)
        principals.set_members(tx, group.id, [one.id for one in _members(tx, members)])


def set_managers(office: Office, name: str, managers: Iterable[str]) -> None:
    """Say who manages a room's or resource's calendar (users and groups by name), and nobody else."""
    with office.store.read() as tx:
        found = find(tx, name)
    with office.write(f"{found.kind.value}.managers", found.name) as tx:
        found, calendar = calendar_of(tx, name)
        wanted = {one.id: one for one in (sharing.find_sharee(tx, who) for who in managers)}
        given = shares.sharees(tx, [calendar.id]).get(calendar.id, [])
        gone = [Grant(one.principal, None) for one in given if one.principal.id not in wanted]
        new = [Grant(one, Access.READ_WRITE) for one in wanted.values()]
        sharing.apply(tx, office.settings, (found, calendar), [*gone, *new])


def remove(office: Office, name: str) -> None:
    """Remove a group (what it was given stays with the owner), or a room or resource with its calendar."""
    with office.store.read() as tx:
        found = find(tx, name)
    with office.write(f"{found.kind.value}.remove", found.name) as tx:
        principals.remove(tx, find(tx, name).id)


def find(tx: Connection, name: str, kind: PrincipalKind | None = None) -> Principal:
    """The group, room or resource of that name; 404 where there is none."""
    found = principals.get(tx, unicodedata.normalize("NFC", name))
    if found is None or found.kind not in ([kind] if kind else WORDS):
        raise HttpError(
            404,
            Sentence(
                "There is no %(kind)s %(name)s.",
                kind=WORDS[kind] if kind else Sentence("group, room or resource"),
                name=name,
            ),
        )
    return found


def calendar_of(tx: Connection, name: str) -> tuple[Principal, Collection]:
    """A room or resource with its calendar; 404 where it has none."""
    found = find(tx, name)
    calendar = collections.get(tx, found.name, CollectionKind.CALENDAR, DEFAULT_COLLECTION)
    if calendar is None:
        raise HttpError(404, Sentence("%(name)s has no calendar.", name=found.name))
    return found, calendar


def _add(tx: Connection, kind: PrincipalKind, new: Described) -> Principal:
    name = check_user_name(new.name)
    title = new.display_name.strip() or name
    email = check_email(new.email)
    return principals.add(tx, NewPrincipal(name, kind, display_name=title, email=email))


def _members(tx: Connection, names: Iterable[str]) -> list[Principal]:
    found = []
    for name in names:
        one = principals.get(tx, unicodedata.normalize("NFC", name))
        if one is None or one.kind is PrincipalKind.GROUP:
            raise HttpError(404, Sentence("There is no account %(name)s.", name=name))
        found.append(one)
    return found
