"""Numbers for the dashboard: how much of everything there is, and what happened from day to day.

The latter is counted in memory and written once a minute, beside the requests.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from davserver.model import CollectionKind, PrincipalKind
from davserver.storage.engine import Store, now
from davserver.storage.schema import collection, daily_figure, item, principal

REQUESTS, CHANGES, FAILED_LOGINS = "requests", "changes", "failed-logins"
"""Names of what is counted."""

log = logging.getLogger("davserver.figures")


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is in the whole database; ``size`` in bytes."""

    users: int
    calendars: int
    events: int
    tasks: int
    addressbooks: int
    contacts: int
    size: int


def _collections(kind: CollectionKind, value: Any) -> Any:
    return select(value).select_from(collection).where(collection.c.kind == kind.value).scalar_subquery()


def _items(component: str) -> Any:
    alive = select(collection.c.id).where(collection.c.kind == CollectionKind.CALENDAR.value)
    wanted = (item.c.component == component) & item.c.collection_id.in_(alive)
    return select(func.count()).select_from(item).where(wanted).scalar_subquery()


_TOTALS: Any = select(
    select(func.count())
    .select_from(principal)
    .where(principal.c.kind == PrincipalKind.USER.value)
    .scalar_subquery(),
    _collections(CollectionKind.CALENDAR, func.count()),
    _items("VEVENT"),
    _items("VTODO"),
    _collections(CollectionKind.ADDRESSBOOK, func.count()),
    _collections(CollectionKind.ADDRESSBOOK, func.coalesce(func.sum(collection.c.item_count), 0)),
    select(func.coalesce(func.sum(collection.c.size), 0)).scalar_subquery(),
)


def totals(tx: Connection) -> Totals:
    """How much there is of everything."""
    return Totals(*(int(value) for value in tx.execute(_TOTALS).one()))


# -- counted from day to day

DAY = 86_400
FLUSH_SECONDS = 60
"""How long counts may stay in memory: a poll costs a number added, never a write."""


class _Counter:
    """What one process has counted for one database since it wrote last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: dict[tuple[int, str], int] = {}
        self.written = time.monotonic()


_COUNTERS: WeakKeyDictionary[Store, _Counter] = WeakKeyDictionary()


def count(store: Store, name: str) -> None:
    """One more of something today; written now and then, beside the request."""
    counter = _COUNTERS.setdefault(store, _Counter())
    with counter.lock:
        key = (now() // DAY, name)
        counter.counts[key] = counter.counts.get(key, 0) + 1
        is_due = time.monotonic() - counter.written > FLUSH_SECONDS
        if is_due:
            counter.written = time.monotonic()
    if is_due:
        threading.Thread(target=flush, args=(store,), name="figures", daemon=True).start()


def flush(store: Store) -> None:
    """Write what this process has counted. A failure is logged, and the numbers go with the next try."""
    counter = _COUNTERS.setdefault(store, _Counter())
    with counter.lock:
        counts, counter.counts = counter.counts, {}
    if not counts:
        return
    try:
        with store.write() as tx:
            for (day, name), number in counts.items():
                _add(tx, day, name, number)
    except DBAPIError as error:
        log.warning("figures were not written: %s", str(error.orig).partition("\n")[0])
        with counter.lock:
            for key, number in counts.items():
                counter.counts[key] = counter.counts.get(key, 0) + number


def _add(tx: Connection, day: int, name: str, number: int) -> None:
    same = (daily_figure.c.day == day) & (daily_figure.c.name == name)
    more = {"value": daily_figure.c.value + number}
    if tx.execute(update(daily_figure).where(same).values(more)).rowcount == 0:
        tx.execute(insert(daily_figure), {"day": day, "name": name, "value": number})


def daily(tx: Connection, days: int) -> dict[str, list[tuple[int, int]]]:
    """name → (UTC midnight in seconds, count) of each of the last days, today last; 0 where nothing was."""
    today = now() // DAY
    rows = tx.execute(select(daily_figure).where(daily_figure.c.day > today - days))
    found = {(row.name, row.day): int(row.value) for row in rows}
    span = range(today - days + 1, today + 1)
    return {
        name: [(day * DAY, found.get((name, day), 0)) for day in span]
        for name in (REQUESTS, CHANGES, FAILED_LOGINS)
    }


def forget_old(tx: Connection) -> int:
    """Remove figures of more than two years ago; returns how many."""
    return tx.execute(delete(daily_figure).where(daily_figure.c.day < now() // DAY - 730)).rowcount
