"""The trash: deleted calendars and address books, restored as they were or removed for good.

They lie there for storage.trash_days with items, shares, access lists and the revisions that clients know,
count for no quota and have no address. Without a trash (0 days) the bodies go to the history.
"""

from __future__ import annotations

from sqlalchemy import Connection

from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs.items import check_quota
from davserver.jobs.office import Office
from davserver.jobs.places import Place, find_owner, locked
from davserver.model import Collection, CollectionKind, FeedState, Principal, Trashed
from davserver.sentences import Sentence
from davserver.storage import Store, collections, items, locks, notifications, subscriptions, trash
from davserver.storage.engine import now

DAY = 86_400
AT_ONCE = 20
MOST_NAMES = 1000
_TOO_MANY = {
    CollectionKind.CALENDAR: Sentence("There are too many calendars with this name."),
    CollectionKind.ADDRESSBOOK: Sentence("There are too many address books with this name."),
}


def discard(tx: Connection, settings: Settings, what: tuple[Principal, Collection], actor: str) -> None:
    """Delete a locked collection of an owner: into the trash, where there is one. Its locks end."""
    owner, target = what
    locks.forget(tx, f"/{target.kind.value}s/{owner.name}/{target.name}")
    if settings.storage.trash_days:
        trash.discard(tx, target, actor)
        return
    items.bury(tx, target, actor)
    collections.remove(tx, target)


def delete(office: Office, place: Place) -> Trashed | None:
    """Delete a collection; what now lies in the trash, None where there is none."""
    with office.write(f"{place.kind.value}.delete", str(place)) as tx:
        owner, target = locked(tx, place)
        discard(tx, office.settings, (owner, target), office.actor)
        return trash.get(tx, target.id)


def listing(tx: Connection, owner: str) -> list[Trashed]:
    """What somebody has in the trash, newest first."""
    return trash.of_owner(tx, find_owner(tx, owner).id)


def restore(office: Office, owner: str, collection_id: int) -> Collection:
    """Put a collection back, under another name where its own is taken meanwhile.

    :raises HttpError: 404 where that owner has no such thing in the trash, 507 where the quota is too small.
    """
    with office.store.read() as tx:
        gone = _find(tx, owner, collection_id)
    with office.write(f"{gone.collection.kind.value}.restore", f"{_where(gone)}") as tx:
        gone = _find(tx, owner, collection_id)
        check_quota(tx, gone.owner, gone.collection.size)
        trash.restore(tx, gone, _free_name(tx, gone))
        _resume(tx, collection_id)
        back = collections.by_id(tx, collection_id)
        assert back is not None
        return back


def remove(office: Office, owner: str, collection_id: int) -> Trashed:
    """Remove something in the trash for good, with its items; returns what it was."""
    with office.store.read() as tx:
        gone = _find(tx, owner, collection_id)
    with office.write(f"{gone.collection.kind.value}.purge", f"{_where(gone)}") as tx:
        gone = _find(tx, owner, collection_id)
        collections.remove(tx, gone.collection)
        return gone


def forget_messages(store: Store, settings: Settings) -> int:
    """Remove old messages of sharing; returns how many."""
    with store.write() as tx:
        return notifications.forget_before(tx, now() - max(settings.storage.history_days, 1) * DAY)


def purge(store: Store, settings: Settings) -> int:
    """Remove what has lain in the trash long enough; returns how many."""
    count, before = 0, now() - settings.storage.trash_days * DAY
    while True:
        with store.write() as tx:
            old = trash.older_than(tx, before, AT_ONCE)
            for gone in old:
                collections.remove(tx, gone.collection)
        count += len(old)
        if len(old) < AT_ONCE:
            return count


def _find(tx: Connection, owner: str, collection_id: int) -> Trashed:
    found = trash.get(tx, collection_id)
    if found is None or found.owner.name != owner:
        raise HttpError(404, "There is no such thing in the trash.")
    return found


def _resume(tx: Connection, collection_id: int) -> None:
    """A subscription that fills it and stopped because it was gone goes on."""
    for one in subscriptions.of_collections(tx, [collection_id]).values():
        if one.state is FeedState.GONE:
            subscriptions.change(tx, one.id, state=FeedState.NEW.value, next_run=now())


def _where(gone: Trashed) -> str:
    return f"{gone.collection.kind.value}s/{gone.owner.name}/{gone.name}"


def _free_name(tx: Connection, gone: Trashed) -> str:
    """The old name, or the first free one of name-2, name-3, …"""
    kind = gone.collection.kind
    taken = {one.name for one in collections.of_owner(tx, gone.owner.id, kind)}
    base = gone.name
    for number in range(1, MOST_NAMES):
        name = base if number == 1 else f"{base[:250]}-{number}"
        if name not in taken:
            return name
    raise HttpError(409, _TOO_MANY[kind])
