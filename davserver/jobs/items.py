"""The one way a body enters a collection: PUT, import, API and synchronisation all come by here.

A body is checked before the transaction (``check_body``), stored byte for byte inside it (``store_item``).
All checks that depend on what is stored are made on the locked collection, so two writers cannot both win.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from davserver.config import Settings
from davserver.content import index
from davserver.content.lines import Component
from davserver.davxml import CALDAV, CARDDAV, DAV
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.model import Collection, CollectionKind, Item, ItemIndex, NewItem, Principal
from davserver.sentences import Sentence
from davserver.storage import collections, items

SPACES = {CollectionKind.CALENDAR: CALDAV, CollectionKind.ADDRESSBOOK: CARDDAV}
"""The namespace of the preconditions of each kind."""


LONGEST_NAME = 255


class UidConflict(HttpError):
    """409 no-uid-conflict. ``name`` is the item that has the UID already, or that keeps its own."""

    def __init__(self, message: str, kind: CollectionKind, name: str) -> None:
        super().__init__(409, message, SPACES[kind] + "no-uid-conflict")
        self.name = name


def check_body(kind: CollectionKind, body: bytes, settings: Settings) -> ItemIndex:
    """Check a calendar object or a card, and index it.

    :raises HttpError: 403 with max-resource-size or the precondition that the content breaks.
    """
    return read_body(kind, body, settings)[0]


def read_body(kind: CollectionKind, body: bytes, settings: Settings) -> tuple[ItemIndex, Component]:
    """The same, with the component for those who look at more of it."""
    if len(body) > (most := largest(kind, settings)):
        message = Sentence("An item has at most %(most)s bytes.", most=most)
        raise HttpError(403, message, SPACES[kind] + "max-resource-size")
    if kind is CollectionKind.CALENDAR:
        return index.read_calendar_object(body, settings.caldav)
    return index.read_card(body, settings.carddav)


def largest(kind: CollectionKind, settings: Settings) -> int:
    """Bytes of the largest item of a kind."""
    limits = settings.caldav if kind is CollectionKind.CALENDAR else settings.carddav
    return limits.max_resource_size


def current(tx: Connection, collection_id: int) -> Collection:
    """The collection as it is now; 409 where it went away meanwhile."""
    found = collections.by_id(tx, collection_id)
    if found is None:
        raise HttpError(409, "The calendar or address book is gone.")
    return found


def check_name(name: str) -> str:
    """A name that an item or a collection can have in a URL; 400 for any other."""
    if not 1 <= len(name) <= LONGEST_NAME or "/" in name or name in (".", "..") or not name.isprintable():
        raise HttpError(400, Sentence("%(name)r is no name for an item or a collection.", name=name[:80]))
    return name


def lock_collection(tx: Connection, collection_id: int) -> Collection:
    """The collection as it is now, locked; 409 where it went away meanwhile."""
    target = collections.lock(tx, collection_id)
    if target is None:
        raise HttpError(409, "The calendar or address book is gone.")
    return target


def store_item(
    tx: Connection, target: Collection, new: NewItem, current: Item | None, *, owner: Principal, actor: str
) -> Item:
    """Check what depends on the collection, then store.

    :param target: as locked in this transaction.
    :param current: the item now under that name, read after the lock.
    :param owner: whose quota counts.
    :param actor: name of who writes, for the history.
    """
    check_component(target, new.index)
    _check_uid(tx, target, new, current)
    check_quota(tx, owner, len(new.body) - (current.size if current else 0))
    return items.put(tx, target, new, current, actor)


def check_writable(target: Collection) -> None:
    """403 where a collection is filled from elsewhere: what is written would be lost at the next refresh."""
    if target.read_only:
        raise HttpError(403, "This calendar is filled from elsewhere and cannot be changed here.")


Judge = Callable[[Connection, Item | None], None]
"""Looks, within the transaction, at what is there now; raises where nothing may be done to it."""


def write(
    office: Office, target: tuple[Principal, Collection], new: NewItem, judge: Judge
) -> tuple[Item, bool]:
    """Store one item of a collection of an owner in a transaction of its own; whether it is new."""
    owner, collection = target
    with office.store.write() as tx:
        held = lock_collection(tx, collection.id)
        check_writable(held)
        there = items.get(tx, held.id, new.name)
        judge(tx, there)
        return store_item(tx, held, new, there, owner=owner, actor=office.actor), there is None


def remove(office: Office, collection: Collection, name: str, judge: Judge) -> None:
    """Delete one item in a transaction of its own; 404 where there is none. The history keeps it."""
    with office.store.write() as tx:
        held = lock_collection(tx, collection.id)
        there = items.get(tx, held.id, name)
        judge(tx, there)
        if there is None:
            raise HttpError(404, "There is no such item.")
        check_writable(held)
        items.remove(tx, held, there, office.actor)


def check_component(target: Collection, index: ItemIndex) -> None:
    """403 supported-calendar-component where a calendar does not take what the body is (RFC 4791 5.2.3)."""
    check_writable(target)
    if target.kind is CollectionKind.CALENDAR and index.component not in target.components.split(","):
        taken, given = target.components, index.component
        message = Sentence("This calendar takes %(taken)s, not %(given)s.", taken=taken, given=given)
        raise HttpError(403, message, CALDAV + "supported-calendar-component")


def _check_uid(tx: Connection, target: Collection, new: NewItem, current: Item | None) -> None:
    """no-uid-conflict (RFC 4791 5.3.2.1, RFC 6352 6.3.2.1).

    A UID lives in one item of a collection, and an item keeps its UID.
    """
    if current is not None:
        if current.uid != new.index.uid:
            raise UidConflict("An item keeps its UID.", target.kind, current.name)
        return
    if names := items.names_with_uid(tx, target.id, new.index.uid):
        raise UidConflict("Another item of the collection has this UID.", target.kind, names[0])


def check_quota(tx: Connection, owner: Principal, growth: int) -> None:
    """RFC 4331 6: 507 with DAV:quota-not-exceeded."""
    if owner.quota is None or growth <= 0:
        return
    if collections.used_bytes(tx, owner.id) + growth > owner.quota:
        raise HttpError(507, "The quota is used up.", DAV + "quota-not-exceeded")
