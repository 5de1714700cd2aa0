"""Whatever the index answers, each body by itself would have answered: queries against brute force.

    DAVSERVER_TEST_COMPARISONS=200000 pytest tests/protocol/test_index_is_exact.py

makes that many comparisons (one object, one filter), other objects at each run; without the variable a fixed
number of fixed ones. The collection is found again by the seed in the message of a failure.
"""

from __future__ import annotations

import os
import secrets
from calendar import timegm
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from html import escape
from itertools import product
from random import Random

import pytest
from sqlalchemy import select

from davserver import davxml
from davserver.config import CalDavSettings, CardDavSettings
from davserver.content import index, lines
from davserver.content.filters import (
    CardFilter,
    CompFilter,
    PropFilter,
    TextMatch,
    TimeRange,
    match_calendar,
    match_card,
)
from davserver.content.freebusy import Asked, busy_periods, free_busy_component
from davserver.content.lines import Component
from davserver.content.recur import Budget
from davserver.content.stamps import format_utc
from davserver.content.zones import calendar_zone, named_zone
from davserver.errors import InvalidContent
from davserver.model import CollectionKind, ItemIndex, NewCollection, NewItem
from davserver.protocol.reports.filter import calendar_filter, card_filter
from davserver.storage import Store, collections, items, maintenance
from davserver.storage.schema import item
from tests.content import random_objects
from tests.content.objects import calendar, component, event
from tests.davclient import C, Client, xml

ASKED_FOR = os.environ.get("DAVSERVER_TEST_COMPARISONS", "")
SEED = secrets.randbits(32) if ASKED_FOR else 2026
SIZE, QUERIES = 60, 36
"""Objects of a collection and queries of it."""
COLLECTIONS = max(int(ASKED_FOR or 14_000) // (SIZE * QUERIES), 1)
SEEDS = [f"{SEED}-{number}" for number in range(COLLECTIONS)]
CUSTOM_ZONE = calendar(random_objects.FAR).decode()


def index_of(kind: CollectionKind, body: bytes) -> ItemIndex:
    """The index row, as PUT makes it."""
    if kind is CollectionKind.CALENDAR:
        return index.of_calendar_object(body, CalDavSettings())
    return index.of_card(body, CardDavSettings())


@dataclass(frozen=True)
class Held:
    """A stored collection: its address and what is in it by name, parsed."""

    href: str
    objects: dict[str, Component]
    zone: tzinfo


def stored(store: Store, owner: int, new: NewCollection, bodies: dict[str, bytes]) -> dict[str, Component]:
    """Put what may be stored into a new collection; the parsed bodies by name."""
    held = {}
    with store.write() as tx:
        made = collections.create(tx, new)
        for name, body in bodies.items():
            try:
                row = index_of(new.kind, body)
            except InvalidContent:
                continue
            target = collections.lock(tx, made.id)
            assert target is not None
            items.put(tx, target, NewItem(name, body, row), None, "ann")
            held[name] = lines.parse_components(lines.decode(body))[0]
    return held


def random_calendar(store: Store, ann: Client, owner: int, rng: Random) -> Held:
    """A calendar of random objects, with any zone of its own."""
    bodies = {f"{n}.ics": random_objects.calendar_object(rng, f"uid-{n}") for n in range(SIZE)}
    name = rng.choice((*random_objects.CALENDAR_ZONES, "Far/Out"))
    new = NewCollection(owner, CollectionKind.CALENDAR, "x", timezone_id=name)
    zone = named_zone(name or "UTC")
    if name == "Far/Out":
        new = replace(new, timezone_id=None, timezone=CUSTOM_ZONE)
        zone = calendar_zone(lines.parse_components(CUSTOM_ZONE)[0])
    assert zone is not None
    return Held(ann.calendar_home + "x/", stored(store, owner, new, bodies), zone)


def found(ann: Client, held: Held, report: str, inner: str) -> set[str]:
    """The names that a query answers."""
    prefix = report.partition(":")[0]
    text = f"<{report}><d:prop><d:getetag/></d:prop><{prefix}:filter{inner}</{prefix}:filter></{report}>"
    answer = ann.report(held.href, text)
    assert answer.status == 207, answer.text
    return {href.rpartition("/")[2] for href in answer.members}


# -- filters as XML


def span_xml(span: TimeRange | None) -> str:
    """A time-range element."""
    if span is None:
        return ""
    ends = (("start", span.start), ("end", span.end))
    return (
        "<c:time-range "
        + " ".join(f'{name}="{format_utc(at)}"' for name, at in ends if at is not None)
        + "/>"
    )


def match_xml(space: str, match: TextMatch) -> str:
    """A text-match element."""
    negate = "yes" if match.negate else "no"
    return (
        f'<{space}:text-match collation="{match.collation}" match-type="{match.match_type}" '
        f'negate-condition="{negate}">{escape(match.text)}</{space}:text-match>'
    )


def prop_xml(space: str, query: PropFilter) -> str:
    """A prop-filter element."""
    inner = f"<{space}:is-not-defined/>" if query.is_not_defined else span_xml(query.time_range)
    inner += "".join(match_xml(space, match) for match in query.text_matches)
    for param in query.param_filters:
        assert param.text_match is not None
        inside = match_xml(space, param.text_match)
        inner += f'<{space}:param-filter name="{param.name}">{inside}</{space}:param-filter>'
    return f'<{space}:prop-filter name="{query.name}" test="{query.test}">{inner}</{space}:prop-filter>'


def comp_xml(query: CompFilter) -> str:
    """A comp-filter element."""
    inner = "<c:is-not-defined/>" if query.is_not_defined else span_xml(query.time_range)
    inner += "".join(prop_xml("c", prop) for prop in query.prop_filters)
    inner += "".join(comp_xml(part) for part in query.comp_filters)
    return f'<c:comp-filter name="{query.name}" test="{query.test}">{inner}</c:comp-filter>'


def calendar_xml(query: CompFilter) -> str:
    """The inside of a calendar-query's filter, after its tag's name."""
    return ">" + comp_xml(query)


def card_xml(query: CardFilter) -> str:
    """The inside of an addressbook-query's filter, after its tag's name."""
    return f' test="{query.test}">' + "".join(prop_xml("cr", prop) for prop in query.prop_filters)


def read_back(filter_xml: str, space: str) -> CompFilter | CardFilter:
    """The filter that the server reads from it."""
    root = davxml.parse(xml(f"<d:x><{space}:filter{filter_xml}</{space}:filter></d:x>"), 50)
    return calendar_filter(root) if space == "c" else card_filter(root)


# -- the comparisons


@pytest.mark.parametrize("seed", SEEDS)
def test_calendar_query_answers_what_the_bodies_say(
    store: Store, people: dict[str, int], ann: Client, seed: str
) -> None:
    rng = Random(seed)
    held = random_calendar(store, ann, people["ann"], rng)
    assert len(held.objects) > 0.8 * SIZE
    hits = 0
    for _ in range(QUERIES):
        query = random_objects.calendar_filter(rng)
        assert read_back(calendar_xml(query), "c") == query
        truth = {name for name, root in held.objects.items() if match_calendar(root, query, held.zone)}
        assert found(ann, held, "c:calendar-query", calendar_xml(query)) == truth, (seed, held.zone, query)
        hits += len(truth)
    assert hits > SIZE


CLOCK_CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29)),
    ("Europe/Berlin", datetime(2026, 10, 25)),
    ("Africa/Cairo", datetime(2026, 4, 24)),
    ("America/Sao_Paulo", datetime(2018, 2, 18)),
    ("Pacific/Apia", datetime(2011, 12, 30)),
]
"""Zones and days on which their clocks change: at night, at midnight, by a whole day."""


@pytest.mark.parametrize(("name", "day"), CLOCK_CHANGES)
def test_local_times_are_exact_where_clocks_change(
    store: Store, people: dict[str, int], ann: Client, name: str, day: datetime
) -> None:
    zone = named_zone(name)
    assert zone is not None
    bodies = {}
    for shift, (hour, minute) in product(range(-2, 3), ((0, 0), (1, 30), (2, 0), (2, 30), (3, 0), (23, 30))):
        start = day + timedelta(days=shift, hours=hour, minutes=minute)
        bodies[f"{start:%d%H%M}.ics"] = event(f"DTSTART:{start:%Y%m%dT%H%M%S}", "DURATION:PT30M")
        bodies[f"{start:%d}.ics"] = event(f"DTSTART;VALUE=DATE:{start:%Y%m%d}")
    new = NewCollection(people["ann"], CollectionKind.CALENDAR, "x", timezone_id=name)
    held = Held(ann.calendar_home + "x/", stored(store, people["ann"], new, bodies), zone)
    for hours, length in product(range(-40, 50), (1, 1800, 86_400)):
        start_utc = timegm(day.timetuple()) + hours * 1800
        span = TimeRange(start_utc, start_utc + length)
        query = CompFilter("VCALENDAR", comp_filters=(CompFilter("VEVENT", time_range=span),))
        truth = {name for name, root in held.objects.items() if match_calendar(root, query, zone)}
        assert found(ann, held, "c:calendar-query", calendar_xml(query)) == truth, span


MIXED = [
    "DTSTART:20260504T100000\nDUE;TZID=America/Sao_Paulo:20260504T110000",
    "DTSTART:20260504T100000Z\nDUE:20260504T120000",
    "COMPLETED:20260504T100000",
    "CREATED:20260504T100000\nCOMPLETED:20260504T120000Z",
    "DTSTART:20260504T100000\nDUE:20260504T120000Z\nRRULE:FREQ=DAILY;COUNT=2",
]


@pytest.mark.parametrize("zone_name", ["America/New_York", "Pacific/Kiritimati"])
def test_what_starts_on_one_clock_and_ends_on_another_is_found(
    store: Store, people: dict[str, int], ann: Client, zone_name: str
) -> None:
    zone = named_zone(zone_name)
    assert zone is not None
    bodies = {f"{n}.ics": calendar(component("VTODO", one)) for n, one in enumerate(MIXED)}
    new = NewCollection(people["ann"], CollectionKind.CALENDAR, "x", timezone_id=zone_name)
    held = Held(ann.calendar_home + "x/", stored(store, people["ann"], new, bodies), zone)
    assert len(held.objects) == len(MIXED)
    for hours in range(-16, 60):
        start = timegm((2026, 5, 4, 0, 0, 0)) + hours * 3600
        span = TimeRange(start, start + 1)
        query = CompFilter("VCALENDAR", comp_filters=(CompFilter("VTODO", time_range=span),))
        truth = {name for name, root in held.objects.items() if match_calendar(root, query, zone)}
        assert found(ann, held, "c:calendar-query", calendar_xml(query)) == truth, span


@pytest.mark.parametrize("start", ["00010101T000000Z", "99991231T000000Z", "00000101T000000Z"])
def test_windows_at_the_ends_of_time_are_answered(ann: Client, start: str) -> None:
    end = start.replace("01T", "02T").replace("31T000000", "31T235959")
    ann.put(ann.calendar + "x.ics", event("RRULE:FREQ=YEARLY"))
    span = f'<c:time-range start="{start}" end="{end}"/>'
    inside = (
        f'<c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">{span}</c:comp-filter></c:comp-filter>'
    )
    text = f"<c:calendar-query><d:prop/><c:filter>{inside}</c:filter></c:calendar-query>"
    answer = ann.report(ann.calendar, text)
    if start.startswith("0000"):
        assert (answer.status, answer.error) == (400, C + "valid-filter")
    else:
        assert answer.members == {}


@pytest.mark.parametrize("seed", SEEDS[: max(COLLECTIONS // 3, 1)])
def test_addressbook_query_answers_what_the_bodies_say(
    store: Store, people: dict[str, int], ann: Client, seed: str
) -> None:
    rng = Random(seed)
    bodies = {f"{n}.vcf": random_objects.card(rng, f"uid-{n}") for n in range(SIZE)}
    new = NewCollection(people["ann"], CollectionKind.ADDRESSBOOK, "x")
    held = Held(ann.book_home + "x/", stored(store, people["ann"], new, bodies), UTC)
    assert len(held.objects) > 0.8 * SIZE
    for _ in range(QUERIES):
        query = random_objects.card_filter(rng)
        assert read_back(card_xml(query), "cr") == query
        truth = {name for name, root in held.objects.items() if match_card(root, query)}
        assert found(ann, held, "cr:addressbook-query", card_xml(query)) == truth, (seed, query)


@pytest.mark.parametrize("seed", SEEDS)
def test_free_busy_query_answers_what_the_bodies_say(
    store: Store, people: dict[str, int], ann: Client, seed: str
) -> None:
    rng = Random(seed + "-busy")
    held = random_calendar(store, ann, people["ann"], rng)
    for _ in range(QUERIES // 4):
        span = random_objects.window(rng, bounded=True)
        assert span.start is not None
        assert span.end is not None
        window = span.start, span.end
        answer = ann.report(held.href, f"<c:free-busy-query>{span_xml(span)}</c:free-busy-query>")
        assert answer.status == 200
        asked = Asked(*window, held.zone, random_objects.ANN, Budget(10**7, 10**7))
        periods = busy_periods(held.objects.values(), asked)
        truth = free_busy_component(periods, *window, 0)
        told = lines.parse_components(answer.text)[0].children[0]
        assert busy_lines(told) == busy_lines(truth), (seed, span)


def busy_lines(busy: Component) -> list[tuple[str | None, str]]:
    """FBTYPE and value of each FREEBUSY."""
    return [(line.param("FBTYPE"), line.value) for line in busy.all("FREEBUSY")]


def test_reindexing_changes_nothing(store: Store, people: dict[str, int], ann: Client) -> None:
    rng = Random(SEED)
    random_calendar(store, ann, people["ann"], rng)
    cards = {f"{n}.vcf": random_objects.card(rng, f"uid-{n}") for n in range(SIZE)}
    stored(store, people["ann"], NewCollection(people["ann"], CollectionKind.ADDRESSBOOK, "y"), cards)
    before = rows(store)
    assert len(before) > SIZE
    with store.write() as tx:
        tx.execute(item.update().values(uid="lost", first=5, last=6, search="", months=0, summary="", busy=2))
    assert rows(store) != before
    assert list(maintenance.reindex(store, index_of))[-1] == len(before)
    assert rows(store) == before


def rows(store: Store) -> list[tuple[object, ...]]:
    """All of all items."""
    with store.read() as tx:
        return [tuple(row) for row in tx.execute(select(item).order_by(item.c.id))]
