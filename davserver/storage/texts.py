"""Texts of one property of one collection, kept in this process: whose FN contains this?

A database answers that from the search texts of all items, whole rows, at 0.3 to 1 µs each. Here the lines of
the property lie behind one another in memory (about 45 bytes an item) and are looked through with one find.

They are right for the transaction that asks. A revision that this collection took stands in the database with
a random stamp (collections.stamp_of): while the one that was read last stands there, only what was written
after it is read and added. What an item was before stays, and leads to a candidate too many at most. A
transaction that is older than what is kept asks the database, and so does the first who asks for a property:
it would be dear to read it all for a process that ends with its request.

Belongs here: what is kept, and for how long. Does not belong here: what a search text is (content.search).
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, bindparam, select

from davserver.content.search import HasText, lines_of
from davserver.storage.collections import stamp_of
from davserver.storage.prepared import Prepared
from davserver.storage.schema import collection, item, setting

MOST_HOLDERS = 2048
"""Items that are named to the database one by one; more of them it finds as quickly itself."""

MOST_BYTES = 32 * 1024 * 1024
"""Memory for all that is kept; a quarter of it for one property of one collection, some 200,000 items."""

MOST_KEPT = 2000

REINDEXED = "reindexed"
"""The setting that changes when index rows are written without a revision."""

_STATE = Prepared(
    select(
        collection.c.revision,
        collection.c.stamp,
        select(setting.c.value).where(setting.c.name == REINDEXED).scalar_subquery(),
    ).where(collection.c.id == bindparam("id"))
)
_WRITTEN_SINCE = Prepared(
    select(item.c.id, item.c.search).where(
        item.c.collection_id == bindparam("collection_id"), item.c.revision > bindparam("since")
    ),
    key=item.c.id,
)


def holders(tx: Connection, collection_id: int, wanted: HasText) -> tuple[int, ...] | None:
    """The ids of all items that may have the text; None where the database had better look for it."""
    shelf = _shelves.get(tx.dialect) or _shelves.setdefault(tx.dialect, _Shelf())
    kept, found = shelf.take((collection_id, wanted.name)), None
    if kept is not None:
        with kept.lock:
            found = kept.holders(wanted) if kept.follows(tx, collection_id) else None
    shelf.make_room()
    return found


class _Kept:
    """The lines of one property of one collection."""

    def __init__(self, name: str) -> None:
        self.lock = threading.Lock()
        self._name = name
        self._too_large = False
        self._forget()

    def _forget(self) -> None:
        self._state: tuple[Any, ...] = (0, None, None)
        self._ids, self._starts, self._text = array("q"), array("q"), bytearray()
        self._at_first = 0
        self._any_cut = False

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self._text) + 16 * len(self._ids)

    def follows(self, tx: Connection, collection_id: int) -> bool:
        """Whether this holds all that the transaction sees; what was written since is added."""
        now = tuple(_STATE.first(tx, {"id": collection_id}) or ())
        if self._too_large or not now:
            return False
        if self._state == now:
            return True
        revision, stamp, reindexed = self._state
        if revision > now[0]:
            return False
        known = revision and reindexed == now[2] and stamp_of(tx, collection_id, revision) == stamp
        if not known or len(self._ids) > 2 * self._at_first + 1000:
            self._forget()
        self._add(tx, collection_id)
        self._state = now
        return not self._too_large

    def _add(self, tx: Connection, collection_id: int) -> None:
        values = {"collection_id": collection_id, "since": self._state[0]}
        for item_id, search in _WRITTEN_SINCE.stream(tx, values):
            lines = lines_of(search, self._name)
            if not lines:
                continue
            self._ids.append(item_id)
            self._starts.append(len(self._text))
            self._text += lines.encode()
            self._any_cut = self._any_cut or "~:" in lines
            if self.size > MOST_BYTES // 4:
                self._forget()
                self._too_large = True
                return
        self._at_first = self._at_first or len(self._ids)

    def holders(self, wanted: HasText) -> tuple[int, ...] | None:
        """The ids of items with the text, unless there are too many."""
        found: set[int] = set()
        for needle in (wanted.needle, wanted.cut) if self._any_cut else (wanted.needle,):
            sought, at = needle.encode(), 0
            while (at := self._text.find(sought, at)) >= 0 and len(found) <= MOST_HOLDERS:
                place = bisect_right(self._starts, at)
                if not place:
                    break
                found.add(self._ids[place - 1])
                at = self._starts[place] if place < len(self._starts) else len(self._text) + 1
        return tuple(found) if len(found) <= MOST_HOLDERS else None


class _Shelf:
    """What is kept of one database, the longest unused first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, str], _Kept | None] = OrderedDict()

    def take(self, key: tuple[int, str]) -> _Kept | None:
        """What is kept under a key; None for who asks first."""
        with self._lock:
            asked_before = key in self._kept
            kept = self._kept.pop(key, None)
            if kept is None and asked_before:
                kept = _Kept(key[1])
            self._kept[key] = kept
            return kept

    def make_room(self) -> None:
        """Forget the longest unused until the rest is small enough."""
        with self._lock:
            size = sum(one.size for one in self._kept.values() if one)
            while size > MOST_BYTES or len(self._kept) > MOST_KEPT:
                _, gone = self._kept.popitem(last=False)
                size -= gone.size if gone else 0


_shelves: WeakKeyDictionary[Dialect, _Shelf] = WeakKeyDictionary()
"""By database: a Store has one dialect, shared by its engines for reading and writing."""
