"""Where a collection lies: owner, kind and name; how it is found and what the audit log calls it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from davserver.errors import HttpError
from davserver.model import Collection, CollectionKind, Principal
from davserver.sentences import Sentence
from davserver.storage import collections, principals

WORDS = {CollectionKind.CALENDAR: Sentence("calendar"), CollectionKind.ADDRESSBOOK: Sentence("address book")}
"""What people call each kind."""


@dataclass(frozen=True, slots=True)
class Place:
    """The address of a collection: its owner's name, its kind, and its name in the owner's home."""

    owner: str
    kind: CollectionKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value}s/{self.owner}/{self.name}"


def find_owner(tx: Connection, name: str) -> Principal:
    """Whoever can own collections: a user, a room or a resource; 404 for anybody else."""
    found = principals.get(tx, name)
    if found is None:
        raise HttpError(404, Sentence("There is no account %(name)s.", name=name))
    return found


def find(tx: Connection, place: Place) -> tuple[Principal, Collection]:
    """The collection with its owner; 404 where there is none."""
    owner = find_owner(tx, place.owner)
    found = collections.get(tx, owner.name, place.kind, place.name)
    if found is None:
        raise _missing(place)
    return owner, found


def locked(tx: Connection, place: Place) -> tuple[Principal, Collection]:
    """The same, its row locked until the transaction ends."""
    owner, found = find(tx, place)
    target = collections.lock(tx, found.id)
    if target is None:
        raise _missing(place)
    return owner, target


def _missing(place: Place) -> HttpError:
    kind = WORDS[place.kind]
    text = Sentence("%(owner)s has no %(kind)s %(name)s.", owner=place.owner, kind=kind, name=place.name)
    return HttpError(404, text)


def place_of(owner: Principal, target: Collection) -> Place:
    """Where a collection lies."""
    return Place(owner.name, target.kind, target.name)
