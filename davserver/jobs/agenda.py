"""Looking inside: what happens in a stretch of time, tasks, contacts, and search over all that one has.

Belongs here: reading collections for people, in few statements (their number does not grow with what is
found), bodies only of what is shown. Must not be here: words and layout (the pages), what a body says in
detail (content.details).

Recurrence is exact: the same machinery as calendar-query (jobs.query, content.schedule).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection

from davserver.config import LimitSettings
from davserver.content import details, lines, values
from davserver.content.collations import unicode_casemap
from davserver.content.filters import CompFilter, TimeRange
from davserver.content.lines import Component
from davserver.content.recur import Budget
from davserver.content.schedule import Schedule
from davserver.content.search import AllOf, AnyOf, Condition, HasComponent, HasText
from davserver.content.shapes import BEGINNING, FOREVER, Instance, facts_of, moment_of, shape_of
from davserver.content.stamps import DAY
from davserver.content.zones import Zone, Zones
from davserver.errors import BudgetExceeded
from davserver.jobs.query import Row, Scope, Search, matches
from davserver.model import Collection, CollectionKind, Item, ItemIndex
from davserver.storage import items
from davserver.storage import search as stored

MOST_OCCURRENCES = 3000
"""Occurrences of one answer; a page with more could not be looked at."""

MOST_FOUND = 5000
"""Items that a search sorts; beyond them it says that there are more."""

_NARROW = tuple(Item._fields)
_DONE = ("\nSTATUS:COMPLETED\n", "\nSTATUS:CANCELLED\n", "\nCOMPLETED:")


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


@dataclass(frozen=True, slots=True)
class Agenda:
    """Occurrences in order; ``complete`` is False where there are more than an answer holds."""

    occurrences: tuple[Occurrence, ...]
    complete: bool = True


# -- events --------------------------------------------------------------------------------------


def agenda(
    tx: Connection, calendars: Sequence[Collection], window: Window, zone: Zone, limits: LimitSettings
) -> Agenda:
    """The events of calendars in a window, each instance by itself, whole days first.

    :param zone: whose days are meant, and where floating times and dates are read.
    """
    wish = CompFilter("VCALENDAR", comp_filters=(CompFilter("VEVENT", time_range=TimeRange(*window)),))
    scope = Scope(tx, tuple(one.id for one in calendars), limits.query_seconds)
    found = _with_bodies(tx, matches(scope, Search(wish, zone), _NARROW))
    return occurrences_of(found, window, zone, limits)


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
    if instance.is_date:
        first = instance.local // DAY
        last = max(first, (zone.to_local(instance.end) - 1) // DAY)
    else:
        first = zone.to_local(instance.start) // DAY
        last = max(first, (zone.to_local(instance.end) - 1) // DAY)
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
    found = _candidates(tx, calendars, HasComponent("VTODO"))
    wanted = [(item, index.last) for item, index in found if _is_done(index) is done]
    if done:
        wanted.sort(key=lambda pair: -pair[0].modified)
    else:
        wanted.sort(key=lambda pair: (FOREVER if pair[1] is None else pair[1], pair[0].id))
    shown = [item for item, _ in wanted[page]]
    bodies = _bodies(tx, shown)
    return Tasks(tuple(_task(item, _root(bodies[item.id]), zone) for item in shown), len(wanted))


def _is_done(index: ItemIndex) -> bool:
    return any(mark in index.search for mark in _DONE)


def _bodies(tx: Connection, shown: Sequence[Item]) -> dict[int, bytes]:
    bodies = items.bodies_of(tx, ((item.id, item.size) for item in shown))
    return dict(zip((item.id for item in shown), bodies, strict=True))


def _with_bodies(tx: Connection, batches: Iterable[list[Row]]) -> Iterator[tuple[Item, bytes]]:
    for rows in batches:
        found = [Item._make(row) for row in rows]
        bodies = items.bodies_of(tx, ((item.id, item.size) for item in found))
        yield from zip(found, bodies, strict=True)


def _candidates(
    tx: Connection, collections: Sequence[Collection], condition: Condition | None
) -> Iterator[tuple[Item, ItemIndex]]:
    for batch in stored.candidates(tx, [one.id for one in collections], condition, _NARROW):
        for row in batch:
            yield Item._make(row[: len(_NARROW)]), items.index_of(row[len(_NARROW) :])


def _task(item: Item, root: Component, zone: Zone) -> Task:
    task = next(child for child in root.children if child.name == "VTODO")
    due = moment_of(facts_of(task), "DUE", Zones(root, zone))
    closed = text_of(task, "STATUS").upper() in ("COMPLETED", "CANCELLED")
    return Task(
        item.collection_id,
        item.name,
        text_of(task, "SUMMARY"),
        None if due is None else due.utc(zone),
        due is not None and due.is_date,
        closed or task.first("COMPLETED") is not None,
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
    """One page of contacts, and how many there are in all pages."""

    contacts: tuple[Contact, ...]
    count: int


def contacts(tx: Connection, books: Sequence[Collection], words: str, page: slice) -> Contacts:
    """Contacts by name; with ``words``, those that hold all of them."""
    wish = _Words(words, CollectionKind.ADDRESSBOOK)
    found = _found(tx, books, wish)
    wanted = sorted(((_sort_key(index), item.id, item) for item, index in found))
    shown = [item for _, _, item in wanted[page]]
    bodies = _bodies(tx, shown)
    return Contacts(tuple(_contact(item, _root(bodies[item.id])) for item in shown), len(wanted))


def _sort_key(index: ItemIndex) -> str:
    """The folded name, from the search text; cards without FN by whatever names them."""
    for mark in ("\nFN:", "\nORG:", "\nN:", "\nEMAIL:"):
        start = index.search.find(mark)
        if start >= 0:
            start += len(mark)
            return index.search[start : index.search.index("\n", start)].lstrip(" ;")
    return ""


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


@dataclass(frozen=True, slots=True)
class Hits:
    """The best of what was found; ``count`` in all, ``complete`` False where only so many were looked at."""

    hits: tuple[Hit, ...]
    count: int
    complete: bool


def find(tx: Connection, collections: Sequence[Collection], words: str, moment: int, limit: int) -> Hits:
    """Everything that holds all the words, in whatever property people read; nearest to ``moment`` first."""
    if not words.strip():
        return Hits((), 0, True)
    found: list[tuple[Item, ItemIndex]] = []
    for kind in CollectionKind:
        some = [one for one in collections if one.kind is kind]
        found += islice(_found(tx, some, _Words(words, kind)), MOST_FOUND + 1 - len(found))
    best = nlargest(limit, found[:MOST_FOUND], key=lambda pair: -_distance(pair[1], moment))
    bodies = _bodies(tx, [item for item, _ in best])
    hits = tuple(_hit(item, index, _root(bodies[item.id])) for item, index in best)
    return Hits(hits, min(len(found), MOST_FOUND), len(found) <= MOST_FOUND)


def _distance(index: ItemIndex, moment: int) -> int:
    """Seconds between an item and a moment; contacts are always near."""
    if index.component == "VCARD":
        return 0
    first = BEGINNING if index.first is None else index.first
    last = FOREVER if index.last is None else index.last
    return max(first - moment, moment - last, 0)


def _hit(item: Item, index: ItemIndex, root: Component) -> Hit:
    part = root if root.name == "VCARD" else next(one for one in root.children if one.name == item.component)
    detail = next((text for name in ("LOCATION", "EMAIL", "TEL", "ORG") if (text := text_of(part, name))), "")
    is_date = (part.value("DTSTART") or part.value("DUE") or "T").find("T") < 0
    return Hit(item.collection_id, item.name, item.component, title_of(part), detail, index.first, is_date)


_READ = {
    CollectionKind.CALENDAR: (
        *("SUMMARY", "LOCATION", "DESCRIPTION", "CATEGORIES", "ATTENDEE", "ORGANIZER"),
        *("COMMENT", "CONTACT", "URL"),
    ),
    CollectionKind.ADDRESSBOOK: (
        *("FN", "N", "NICKNAME", "ORG", "TITLE", "ROLE", "EMAIL", "TEL", "ADR", "NOTE"),
        *("URL", "CATEGORIES", "IMPP", "BDAY"),
    ),
}
"""The properties that a search looks at, by what people read."""

_LONG = {
    CollectionKind.CALENDAR: ("DESCRIPTION", "SUMMARY", "LOCATION"),
    CollectionKind.ADDRESSBOOK: ("NOTE",),
}
"""Those that are cut in the index often enough to look into the body."""


class _Words:
    """Words that an item has to hold, all of them, case ignored."""

    def __init__(self, words: str, kind: CollectionKind) -> None:
        self.words = [unicode_casemap(word) for word in words.split()][:10]
        self._cut = tuple(f"\n{name}~:" for name in _LONG[kind])
        self._read = frozenset(_READ[kind])

    @property
    def condition(self) -> Condition | None:
        """What SQL can do."""
        parts = [AnyOf(tuple(HasText(word, cut) for cut in self._cut)) for word in self.words]
        return AllOf(tuple(parts)) if parts else None

    def by_index(self, index: ItemIndex) -> bool | None:
        """Whether the index row holds them; None where only the body can tell."""
        if not self.words:
            return True
        entries = (entry.partition(":") for entry in index.search.split("\n"))
        whole = "\n".join(text for name, _, text in entries if name.rstrip("~") in self._read)
        if all(word in whole for word in self.words):
            return True
        return None if any(cut in index.search for cut in self._cut) else False

    def by_body(self, body: bytes) -> bool:
        """Whether the body holds them; looked at as text before it is parsed."""
        text = unicode_casemap(lines.unescape_text("\n".join(lines.unfold(lines.decode(body)))))
        if not all(word in text for word in self.words):
            return False
        read = [line for part in lines.walk([_root(body)]) for line in part.lines if line.name in self._read]
        whole = unicode_casemap("\n".join(values.whole_text(line) for line in read))
        return all(word in whole for word in self.words)


def _found(
    tx: Connection, collections: Sequence[Collection], wish: _Words
) -> Iterator[tuple[Item, ItemIndex]]:
    """Items that hold the words, with their index rows; bodies are read for those that it does not tell."""
    found = _candidates(tx, collections, wish.condition)
    while batch := list(islice(found, items.NAMES_PER_STATEMENT)):
        decided = [(item, index, wish.by_index(index)) for item, index in batch]
        unsure = [item for item, _, known in decided if known is None]
        bodies = _bodies(tx, unsure)
        for item, index, known in decided:
            if known or (known is None and wish.by_body(bodies[item.id])):
                yield item, index


def first_instance(root: Component, component: Component, zone: Zone) -> Instance | None:
    """When an event, a task or a journal entry is, or its first instance; None where it has no time."""
    shape = shape_of(component, facts_of(component), Zones(root, zone))
    return None if shape is None else shape.at(shape.anchor.local, zone)
