"""Whose things a path is about, and what the caller may do with them. No routes of its own.

/users/{user}/…                     the user himself, or an administrator; for anybody else it is not there
/users/{user}/{home}/{name}/…       a calendar or address book in that home: his own, or shared with him
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from davserver.api.routes import Call
from davserver.api.schemas import Schema, register
from davserver.errors import HttpError
from davserver.jobs.places import Place
from davserver.model import Access, Collection, CollectionKind, Principal, PrincipalKind
from davserver.storage import collections, principals, shares

HOMES = {"calendars": CollectionKind.CALENDAR, "addressbooks": CollectionKind.ADDRESSBOOK}
FOLDERS = {kind: home for home, kind in HOMES.items()}
OWNERS = (PrincipalKind.USER, PrincipalKind.ROOM, PrincipalKind.RESOURCE)

PERSON: Schema = {
    "type": "object",
    "required": ["name", "display_name"],
    "properties": {"name": {"type": "string"}, "display_name": {"type": "string"}},
}
register("Person", PERSON)


@dataclass(frozen=True, slots=True)
class Held:
    """A collection in somebody's home. ``owner`` is whose it is; ``shared``: by him with the home's user."""

    home: Principal
    owner: Principal
    collection: Collection
    name: str
    writable: bool
    shared: bool


def owner_of(call: Call, tx: Connection) -> Principal:
    """The user in the path, where the caller is that user or an administrator; else 404."""
    name = call.parts["user"]
    if name == call.user.name:
        return call.user
    found = principals.get(tx, name) if call.user.admin else None
    if found is None or found.kind not in OWNERS:
        raise HttpError(404, "There is no such account.")
    return found


def require_admin(call: Call) -> None:
    """403 for who is no administrator."""
    if not call.user.admin:
        raise HttpError(403, "Only administrators may do this.")


def kind_of(call: Call) -> CollectionKind:
    """Which home the path names; 404 for none, or where the server does not serve its kind."""
    kind = HOMES.get(call.parts["home"])
    settings = call.office.settings
    served = settings.caldav.enabled if kind is CollectionKind.CALENDAR else settings.carddav.enabled
    if kind is None or not served:
        raise HttpError(404, "There is nothing at this address.")
    return kind


def held(call: Call, tx: Connection) -> Held:
    """The collection that the path names; 404 for none."""
    home, kind, name = owner_of(call, tx), kind_of(call), call.parts["name"]
    own = collections.get(tx, home.name, kind, name)
    if own is not None:
        return Held(home, home, own, name, not own.read_only, False)
    found = shares.get(tx, home.id, kind, name)
    if found is None:
        raise HttpError(404, "There is no such calendar or address book.")
    writable = found.access is Access.READ_WRITE and not found.collection.read_only
    return Held(home, found.owner, found.collection, name, writable, True)


def own_place(call: Call, tx: Connection) -> Place:
    """Where the collection of the path lies; 404 for one that is only shared with the user."""
    found = held(call, tx)
    if found.shared:
        raise HttpError(404, "Only its owner may do this.")
    return Place(found.owner.name, found.collection.kind, found.collection.name)


def person(who: Principal) -> dict[str, Any]:
    """Somebody, as others see him."""
    return {"name": who.name, "display_name": who.display_name}
