"""Undelete and "as of": earlier versions of items, deleted items, and whole collections as they were.

A version is put back by the one way in (jobs.items), so it takes a revision like any other change: clients
see it at their next sync, and what was there before goes to the history itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from davserver.errors import HttpError
from davserver.jobs.items import UidConflict, check_body, store_item
from davserver.jobs.office import Office
from davserver.jobs.places import Place, find, locked
from davserver.model import Collection, Item, NewItem, Principal
from davserver.sentences import Sentence
from davserver.storage import history, items
from davserver.storage.history import Version

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Past:
    """An item's life: what it is now (None: deleted) and its earlier versions, newest first."""

    current: Item | None
    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What it takes to make a collection as it was: items put back or back to an older body, and removed."""

    restored: int
    removed: int

    def __bool__(self) -> bool:
        return bool(self.restored or self.removed)


def versions(tx: Connection, place: Place, name: str) -> Past:
    """The life of an item; 404 where there never was one."""
    _, target = find(tx, place)
    past = Past(items.get(tx, target.id, name), tuple(history.of_item(tx, target.id, name)))
    if past.current is None and not past.versions:
        raise HttpError(404, Sentence("There is no item %(name)s.", name=name))
    return past


def version(tx: Connection, place: Place, version_id: int) -> tuple[Version, bytes]:
    """One earlier version with its body; 404 for one of another collection."""
    _, target = find(tx, place)
    found = history.get(tx, version_id)
    if found is None or found[0].collection_id != target.id:
        raise HttpError(404, "There is no such version.")
    return found


def deleted(tx: Connection, place: Place, *, limit: int = PER_PAGE, offset: int = 0) -> list[Version]:
    """The last version of each deleted item of a collection, newest deletion first."""
    _, target = find(tx, place)
    return history.deleted(tx, target.id, limit, offset)


def restore_item(office: Office, place: Place, version_id: int) -> Item:
    """Put an earlier version back under its name; what is there now goes to the history.

    :raises HttpError: 404 where there is no such version, 409 where another item has its UID by now.
    """
    with office.write("item.restore", f"{place}, version {version_id}") as tx:
        owner, target = locked(tx, place)
        found, body = version(tx, place, version_id)
        return _put(office, tx, (owner, target), found, body)


def _put(
    office: Office, tx: Connection, where: tuple[Principal, Collection], found: Version, body: bytes
) -> Item:
    owner, target = where
    new = NewItem(found.name, body, check_body(target.kind, body, office.settings))
    current = items.get(tx, target.id, found.name)
    return store_item(tx, target, new, current, owner=owner, actor=office.actor)


def would_change(tx: Connection, place: Place, moment: int) -> Changes:
    """What restoring a collection as of a moment (UTC seconds) would do."""
    _, target = find(tx, place)
    found = list(_restored(tx, target, moment))
    return Changes(len(found), len(_added(tx, target, moment)))


def restore_as_of(office: Office, place: Place, moment: int) -> Changes:
    """Make a collection as it was at a moment: all of it or nothing. It can be undone in the same way.

    Items that were moved elsewhere since then stay where they are.

    :raises HttpError: 404, 409 where the bodies contradict each other, 507 where the quota is too small.
    """
    with office.write(f"{place.kind.value}.restore-as-of", f"{place} at {moment}") as tx:
        owner, target = locked(tx, place)
        wanted = list(_restored(tx, target, moment))
        added = _added(tx, target, moment)
        for item in added:
            items.remove(tx, _again(tx, place), item, office.actor)
        for one in wanted:
            current = items.get(tx, target.id, one.name)
            if current is not None and current.uid != one.uid:  # an item keeps its UID: this is another
                items.remove(tx, _again(tx, place), current, office.actor)
            try:
                _put(office, tx, (owner, _again(tx, place)), one, history.body(tx, one.id))
            except UidConflict:
                raise HttpError(
                    409, Sentence("%(name)s is not restored: another item has its UID.", name=one.name)
                ) from None
        return Changes(len(wanted), len(added))


def _again(tx: Connection, place: Place) -> Collection:
    """The locked collection with the revision that the last change took."""
    return locked(tx, place)[1]


def _restored(tx: Connection, target: Collection, moment: int) -> Iterator[Version]:
    """Versions of the moment that differ from what is there now."""
    now = {item.name: item.etag for item in items.listing(tx, target.id)}
    return (one for one in history.as_of(tx, target.id, moment) if now.get(one.name) != one.etag)


def _added(tx: Connection, target: Collection, moment: int) -> list[Item]:
    """Items of today whose names were not there at the moment."""
    there = {one.name for one in history.as_of(tx, target.id, moment)}
    return [item for item in items.listing(tx, target.id) if item.created > moment and item.name not in there]
