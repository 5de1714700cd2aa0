"""Looking inside: what happens in a stretch of time, tasks, contacts, and search over all that one has.

Belongs here: reading collections for people, in few statements (their number does not grow with what is
found), bodies only of what is shown. Must not be here: words and layout (the pages), what a body says in
detail (content.details).

Recurrence is exact: the same machinery as calendar-query (jobs.query, content.schedule). What a page has no
room for is told from the index rows alone; lists are sorted and searched by the database (storage.listing).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection

from davserver.config import LimitSettings
from davserver.content import details, lines, listing, summary, values
from davserver.content.filters import CompFilter, TimeRange
from davserver.content.lines import Component
from davserver.content.recur import Budget
from davserver.content.schedule import Schedule
from davserver.content.shapes import Instance, facts_of, moment_of, shape_of
from davserver.content.stamps import DAY
from davserver.content.zones import Zone, Zones
from davserver.errors import BudgetExceeded
from davserver.jobs.query import Row, Scope, Search, matches
from davserver.model import Collection, Item, Timing
from davserver.storage import items
from davserver.storage import listing as stored

MOST_OCCURRENCES = 3000
"""Occurrences of one answer; a page with more could not be looked at."""

MOST_WORDS = 10
"""Words of a search; further ones are not looked for."""

_NARROW = tuple(Item._fields)


class Window(NamedTuple):
    """[start, end) in UTC seconds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One instance of an event.

    ``start`` and ``end`` are UTC seconds; ``first_day`` and ``last_day`` day numbers (since 1970) in the
    asked zone, the days on which it is shown. ``recurrence_id`` names the instance of a series, None for a
    single one.
    """

    collection_id: int
    name: str
    title: str
    location: str
    status: str
    start: int
    end: int
    all_day: bool
    first_day: int
    last_day: int
    recurrence_id: int | None = None

    @property
    def repeats(self) -> bool:
        """Whether it is one of a series."""
        return self.recurrence_id is not None

    @property
    def key(self) -> tuple[int, str, int | None]:
        """What no other occurrence has."""
        return self.collection_id, self.name, self.recurrence_id


@dataclass(frozen=True, slots=True)
class Room:
    """How much an answer may cost and hold: of each day so many, and whole days while there are not too many.

    The first day is held however much is on it.
    """

    limits: LimitSettings
    a_day: int = MOST_OCCURRENCES
    in_all: int = MOST_OCCURRENCES


@dataclass(frozen=True, slots=True)
class Agenda:
    """Occurrences in order; ``complete`` is False where there are more than could be looked at.

    ``counts``: day number → how many are on that day, shown or not. ``until``: the first day that there was
    no room for.
    """

    occurrences: tuple[Occurrence, ...]
    complete: bool = True
    counts: Mapping[int, int] = field(default_factory=dict)
    until: int | None = None


# -- events --------------------------------------------------------------------------------------


def agenda(tx: Connection, calendars: Sequence[Collection], window: Window, zone: Zone, room: Room) -> Agenda:
    """The events of calendars in a window, each instance by itself, whole days first.

    :param zone: whose days are meant, and where floating times and dates are read.
    """
    wish = CompFilter("VCALENDAR", comp_filters=(CompFilter("VEVENT", time_range=TimeRange(*window)),))
    scope = Scope(tx, tuple(one.id for one in calendars), room.limits.query_seconds)
    budget = Budget.of_request(room.limits.query_instances)
    slots: list[_Slot] = []
    complete = True
    try:
        for rows in matches(scope, Search(wish, zone), (*_NARROW, *_TIMES)):
            for item, times in ((Item._make(row[: len(_NARROW)]), row[len(_NARROW) :]) for row in rows):
                here = list(_slots(item, _told(tx, item, times), window, (zone, budget)))
                complete = complete and len(here) < MOST_OCCURRENCES
                slots += here
    except BudgetExceeded:
        complete = False
    chosen, counts, until = _chosen(slots, _days(window, zone), room)
    found = occurrences_of(_read(tx, chosen), window, zone, room.limits)
    keys = {slot.key for slot in chosen}
    shown = tuple(one for one in found.occurrences if one.key in keys)
    return Agenda(shown, complete and found.complete, counts, until)


_TIMES = ("first", "last", "timing", "summary")


def _told(tx: Connection, item: Item, times: Row) -> Row:
    """With the summary of a series from its body, where the index is too old to have one."""
    first, last, timing, series = times
    if timing == Timing.SERIES and not series:
        series = summary.summary(_root(items.read_body(tx, item.id)))
    return first, last, timing, series


class _Slot(NamedTuple):
    """An occurrence as far as the index row tells it."""

    first_day: int
    timed: bool
    start: int
    last_day: int
    recurrence_id: int | None
    item: Item

    @property
    def key(self) -> tuple[int, str, int | None]:
        """What is the same of its Occurrence."""
        return self.item.collection_id, self.item.name, self.recurrence_id


def _slots(item: Item, times: Row, window: Window, how: tuple[Zone, Budget]) -> Iterator[_Slot]:
    (first, last, timing, series), (zone, budget) = times, how
    if timing == Timing.SERIES:
        for one in islice(summary.instances(series, "VEVENT", window, how), MOST_OCCURRENCES):
            first_day, last_day = _days_of(one, zone)
            yield _Slot(first_day, not one.is_date, one.start, last_day, one.recurrence_id, item)
        return
    budget.instance()
    is_local = timing == Timing.FLOATING
    start, end = (first, last) if is_local else (zone.to_local(first), zone.to_local(last))
    whole = is_local and not (start % DAY or end % DAY)
    first_day = start // DAY
    yield _Slot(first_day, not whole, zone.to_utc(start), max(first_day, (end - 1) // DAY), None, item)


def _days(window: Window, zone: Zone) -> range:
    return range(zone.to_local(window.start) // DAY, (zone.to_local(window.end) - 1) // DAY + 1)


def _chosen(slots: list[_Slot], days: range, room: Room) -> tuple[set[_Slot], dict[int, int], int | None]:
    """What is shown, how many are on each day, and the first day that there is no room for."""
    held: dict[int, list[_Slot]] = {}
    for slot in sorted(slots, key=lambda slot: (*slot[:3], slot.item.id)):
        for day in range(max(slot.first_day, days.start), min(slot.last_day + 1, days.stop)):
            held.setdefault(day, []).append(slot)
    chosen: set[_Slot] = set()
    counts: dict[int, int] = {}
    for day in sorted(held):
        here = held[day][: room.a_day]
        if counts and len(chosen) + len(here) > room.in_all:
            return chosen, counts, day
        chosen.update(here)
        counts[day] = len(held[day])
    return chosen, counts, None


def _read(tx: Connection, chosen: Iterable[_Slot]) -> Iterator[tuple[Item, bytes]]:
    found = sorted({slot.item for slot in chosen})
    yield from zip(found, items.bodies_of(tx, ((item.id, item.size) for item in found)), strict=True)


def occurrences_of(
    found: Iterable[tuple[Item, bytes]], window: Window, zone: Zone, limits: LimitSettings
) -> Agenda:
    """The occurrences of these events in a window, in order, whole days first."""
    budget = Budget.of_request(limits.query_instances)
    occurrences: list[Occurrence] = []
    complete = True
    try:
        for item, body in found:
            occurrences += _occurrences(item, body, window, (zone, budget))
            if len(occurrences) > MOST_OCCURRENCES:
                complete = False
                break
    except BudgetExceeded:
        complete = False
    occurrences.sort(key=lambda one: (one.first_day, not one.all_day, one.start, one.title))
    return Agenda(tuple(occurrences[:MOST_OCCURRENCES]), complete)


def _occurrences(item: Item, body: bytes, window: Window, how: tuple[Zone, Budget]) -> Iterator[Occurrence]:
    root, (zone, budget) = _root(body), how
    schedule = Schedule(root, "VEVENT", zone)
    for instance in islice(schedule.instances(*window, budget), MOST_OCCURRENCES):
        yield _occurrence(item, instance, zone)


def _occurrence(item: Item, instance: Instance, zone: Zone) -> Occurrence:
    source = instance.component
    first, last = _days_of(instance, zone)
    return Occurrence(
        item.collection_id,
        item.name,
        text_of(source, "SUMMARY"),
        text_of(source, "LOCATION"),
        text_of(source, "STATUS").upper(),
        instance.start,
        instance.end,
        instance.is_date,
        first,
        last,
        instance.recurrence_id,
    )


def _days_of(instance: Instance, zone: Zone) -> tuple[int, int]:
    """The first and the last day on which an instance is shown."""
    first = (instance.local if instance.is_date else zone.to_local(instance.start)) // DAY
    return first, max(first, (zone.to_local(instance.end) - 1) // DAY)


def text_of(component: Component, name: str) -> str:
    """The text of the first property of that name, "" without."""
    line = component.first(name)
    return "" if line is None else values.whole_text(line).strip()


def _root(body: bytes) -> Component:
    return lines.parse_components(lines.decode(body))[0]


# -- tasks ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """A task. ``due``: UTC seconds; ``percent``: 0 to 100; ``priority``: 1 (highest) to 9, 0 for none."""

    collection_id: int
    name: str
    title: str
    due: int | None
    due_is_date: bool
    done: bool
    percent: int
    priority: int
    repeats: bool


@dataclass(frozen=True, slots=True)
class Tasks:
    """One page of tasks, and how many there are in all pages."""

    tasks: tuple[Task, ...]
    count: int


def tasks(
    tx: Connection, calendars: Sequence[Collection], zone: Zone, page: slice, *, done: bool = False
) -> Tasks:
    """Open tasks, the next due first, or done ones, the last first."""
    ids, prefix = [one.id for one in calendars], listing.DONE if done else listing.OPEN
    shown = stored.by_key(tx, ids, prefix, page)
    bodies = _bodies(tx, shown)
    found = tuple(_task(item, _root(bodies[item.id]), zone) for item in shown)
    return Tasks(found, stored.count(tx, ids, prefix))


def _bodies(tx: Connection, shown: Sequence[Item]) -> dict[int, bytes]:
    bodies = items.bodies_of(tx, ((item.id, item.size) for item in shown))
    return dict(zip((item.id for item in shown), bodies, strict=True))


def _task(item: Item, root: Component, zone: Zone) -> Task:
    task = next(child for child in root.children if child.name == "VTODO")
    due = moment_of(facts_of(task), "DUE", Zones(root, zone))
    return Task(
        item.collection_id,
        item.name,
        text_of(task, "SUMMARY"),
        None if due is None else due.utc(zone),
        due is not None and due.is_date,
        listing.is_done(task),
        _number(task, "PERCENT-COMPLETE", 100),
        _number(task, "PRIORITY", 9),
        task.first("RRULE") is not None or task.first("RDATE") is not None,
    )


def _number(component: Component, name: str, most: int) -> int:
    text = (component.value(name) or "").strip()
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 6 else 0


# -- contacts ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contact:
    """What a list shows of a card."""

    collection_id: int
    name: str
    title: str
    company: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    has_photo: bool
    is_group: bool
    etag: str


@dataclass(frozen=True, slots=True)
class Contacts:
    """One page of contacts, and how many there are in all pages; None where nobody counted."""

    contacts: tuple[Contact, ...]
    count: int | None


def contacts(tx: Connection, books: Sequence[Collection], text: str, page: slice) -> Contacts:
    """Contacts by name; with words in ``text``, those that hold all of them."""
    ids, words = [one.id for one in books], _words(text)
    shown = stored.with_words(tx, ids, words, page) if words else stored.by_key(tx, ids, b"", page)
    bodies = _bodies(tx, shown)
    found = tuple(_contact(item, _root(bodies[item.id])) for item in shown)
    return Contacts(found, None if words else sum(one.item_count for one in books))


def _words(text: str) -> list[str]:
    return [listing.folded(word) for word in text.split()[:MOST_WORDS]]


def _contact(item: Item, card: Component) -> Contact:
    fields = {name: [values.whole_text(line) for line in card.all(name)] for name in ("EMAIL", "TEL")}
    company = card.first("ORG")
    return Contact(
        item.collection_id,
        item.name,
        title_of(card),
        details.text_of(company) if company else "",
        tuple(fields["EMAIL"]),
        tuple(phone.removeprefix("tel:") for phone in fields["TEL"]),
        card.first("PHOTO") is not None or card.first("LOGO") is not None,
        "group" in (text_of(card, "KIND") or text_of(card, "X-ADDRESSBOOKSERVER-KIND")).lower(),
        item.etag,
    )


def title_of(component: Component) -> str:
    """What a person would call an event, a task or a card."""
    for name in ("SUMMARY", "FN", "NICKNAME", "ORG", "EMAIL"):
        text = text_of(component, name).strip(" ;")
        if text:
            return text.replace(";", ", ") if name == "ORG" else text
    return ""


# -- search --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found. ``when`` is the start of an event or the due date of a task, UTC seconds."""

    collection_id: int
    name: str
    component: str
    title: str
    detail: str
    when: int | None
    all_day: bool


def find(
    tx: Connection, collections: Sequence[Collection], text: str, moment: int, page: slice
) -> tuple[Hit, ...]:
    """A page of all that holds all the words, wherever people read; nearest to ``moment`` first."""
    words = _words(text)
    if not words:
        return ()
    found = stored.nearest(tx, [one.id for one in collections], words, moment, page)
    bodies = _bodies(tx, [item for item, _ in found])
    return tuple(_hit(item, first, _root(bodies[item.id])) for item, first in found)


def _hit(item: Item, first: int, root: Component) -> Hit:
    part = root if root.name == "VCARD" else next(one for one in root.children if one.name == item.component)
    detail = next((text for name in ("LOCATION", "EMAIL", "TEL", "ORG") if (text := text_of(part, name))), "")
    is_date = (part.value("DTSTART") or part.value("DUE") or "T").find("T") < 0
    when = None if first == items.BEGINNING else first
    return Hit(item.collection_id, item.name, item.component, title_of(part), detail, when, is_date)


def first_instance(root: Component, component: Component, zone: Zone) -> Instance | None:
    """When an event, a task or a journal entry is, or its first instance; None where it has no time."""
    shape = shape_of(component, facts_of(component), Zones(root, zone))
    return None if shape is None else shape.at(shape.anchor.local, zone)
