"""What the index row of a body promises: its months leave out no instance, its summary answers as the body.

    DAVSERVER_TEST_COMPARISONS=200000 pytest tests/content/test_index.py tests/protocol/test_index_is_exact.py

compares that many times, other objects at each run; without the variable a fixed number of fixed ones.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import tzinfo
from random import Random

import pytest

from davserver.config import CalDavSettings, CardDavSettings
from davserver.content import index, lines, summary
from davserver.content.filters import CompFilter, TimeRange, match_calendar
from davserver.content.freebusy import Asked, BusyPeriod, busy_periods, merge, of_row
from davserver.content.lines import Component
from davserver.content.recur import Budget
from davserver.content.zones import as_zone, named_zone
from davserver.errors import InvalidContent
from davserver.model import Busy, ItemIndex, Timing
from tests.content import random_objects
from tests.content.objects import BERLIN, calendar, card, component, event, todo

ASKED_FOR = os.environ.get("DAVSERVER_TEST_COMPARISONS", "")
OBJECTS = int(ASKED_FOR or 10_000) // 20
SEED = secrets.randbits(32) if ASKED_FOR else 2026
SETTINGS = CalDavSettings()


def parsed(body: bytes) -> Component:
    """The VCALENDAR of a body."""
    return lines.parse_components(lines.decode(body))[0]


def indexed() -> Iterator[tuple[str, Random, bytes, ItemIndex]]:
    """Objects that PUT takes, with a name that makes them again, and the random numbers that follow."""
    for number in range(OBJECTS):
        name = f"{SEED}-{number}"
        rng = Random(name)
        body = random_objects.calendar_object(rng, name)
        try:
            yield name, rng, body, index.of_calendar_object(body, SETTINGS)
        except InvalidContent:
            continue


def in_range(root: Component, name: str, span: TimeRange, zone: tzinfo) -> bool:
    """The truth."""
    return match_calendar(
        root, CompFilter("VCALENDAR", comp_filters=(CompFilter(name, time_range=span),)), zone
    )


def any_zone(rng: Random) -> tzinfo:
    """A calendar's zone: the farthest ones, some that change at night or at midnight, one that lost a day."""
    names = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata", "Africa/Cairo", "Pacific/Apia")
    zone = named_zone(rng.choice(names))
    assert zone is not None
    return zone


def test_nearly_all_random_objects_can_be_stored() -> None:
    assert sum(1 for _ in indexed()) > 0.9 * OBJECTS


def test_months_never_exclude_an_instance() -> None:
    excluded = 0
    for name, rng, body, row in indexed():
        root = parsed(body)
        for _ in range(12):
            span = random_objects.window(rng)
            if not row.months & summary.window_months(span.start, span.end):
                excluded += 1
                assert not in_range(root, row.component, span, any_zone(rng)), (name, span, body.decode())
    assert excluded > OBJECTS / 20, "something is excluded at all"


def test_a_summary_answers_as_its_body() -> None:
    for name, rng, body, row in indexed():
        if not row.summary:
            continue
        root, zone = parsed(body), any_zone(rng)
        short = lines.parse_components(row.summary)[0]
        for _ in range(4):
            span = random_objects.window(rng, bounded=True)
            query = CompFilter("VCALENDAR", comp_filters=(CompFilter(row.component, time_range=span),))
            assert summary.in_range(row.summary, row.component, span, zone) == match_calendar(
                root, query, zone
            ), (name, span, body.decode())
            assert span.start is not None
            assert span.end is not None
            window = span.start, min(span.end, span.start + 40 * random_objects.DAY)
            asked = Asked(*window, zone, random_objects.ANN, Budget(10**7, 10**7))
            busy = [busy_periods([one], asked) for one in (short, root)]
            assert busy[0] == busy[1], name


def test_the_busy_time_of_a_row_is_that_of_its_body() -> None:
    counts: Counter[Busy] = Counter()
    for name, rng, body, row in indexed():
        counts[row.busy] += 1
        for _ in range(4):
            span, zone = random_objects.window(rng, bounded=True), any_zone(rng)
            assert span.start is not None
            assert span.end is not None
            window = span.start, min(span.end, span.start + 40 * random_objects.DAY)
            asked = Asked(*window, zone, random_objects.ANN, Budget(10**7, 10**7))
            told: list[BusyPeriod] = []
            if row.busy is Busy.UNKNOWN:
                assert row.summary or row.component != "VEVENT"
                continue
            if row.busy is not Busy.FREE:
                assert row.first is not None
                assert row.last is not None
                told = merge([of_row(row.busy, (row.first, row.last, row.timing), as_zone(zone))], *window)
            assert told == busy_periods([parsed(body)], asked), (name, zone, span, body.decode())
    assert set(counts) == set(Busy)


def test_a_summary_is_small_and_has_no_words() -> None:
    body = event("SUMMARY:Secret", "DESCRIPTION:" + "long " * 1000, "RRULE:FREQ=DAILY")
    row = index.of_calendar_object(body, SETTINGS)
    assert len(row.summary) < 200
    assert "Secret" not in row.summary


def test_a_summary_keeps_only_zones_whose_names_say_nothing() -> None:
    for zone, definition in (("Europe/Berlin", BERLIN), ("Far/Out", random_objects.FAR)):
        lines_ = (f"DTSTART;TZID={zone}:20260504T100000", "RRULE:FREQ=DAILY")
        row = index.of_calendar_object(calendar(definition, component("VEVENT", *lines_)), SETTINGS)
        assert ("BEGIN:VTIMEZONE" in row.summary) == (zone == "Far/Out")


# -- the row


def row_of(body: bytes) -> ItemIndex:
    """The index row of a calendar object."""
    return index.of_calendar_object(body, SETTINGS)


TIMINGS = [
    (event(), Timing.EXACT),
    (event("DTSTART;TZID=Europe/Berlin:20260504T100000"), Timing.EXACT),
    (event("DTSTART:20260504T100000"), Timing.FLOATING),
    (event("DTSTART;VALUE=DATE:20260504"), Timing.FLOATING),
    (event("RRULE:FREQ=YEARLY"), Timing.SERIES),
    (event("RDATE:20260505T100000Z"), Timing.SERIES),
    (todo(), Timing.EXACT),
    (todo("DUE;VALUE=DATE:20260504"), Timing.FLOATING),
]


@pytest.mark.parametrize(("body", "timing"), TIMINGS)
def test_one_instance_needs_no_summary(body: bytes, timing: Timing) -> None:
    row = row_of(body)
    assert row.timing is timing
    assert bool(row.summary) == (timing is Timing.SERIES)


def test_what_has_one_instance_has_its_bounds() -> None:
    row = row_of(event("DTSTART:20260504T100000Z", "DTEND:20260504T113000Z"))
    assert (row.component, row.uid) == ("VEVENT", "one@example.com")
    assert (row.first, row.last) == (1777888800, 1777888800 + 5400)
    endless = row_of(event("RRULE:FREQ=WEEKLY"))
    assert endless.first is not None
    assert endless.last is None


HOUR = "DTEND:20260504T110000Z"
OVERRIDE = component("VEVENT", "RECURRENCE-ID:20260504T100000Z", "DTSTART:20260504T100000Z", HOUR)
SAME = OVERRIDE.replace("-ID:20260504T100000Z", "-ID;TZID=Europe/Berlin:20260504T120000\nSTATUS:TENTATIVE")
BUSY_ROWS = [
    (event(HOUR), Busy.BUSY),
    (event(HOUR, "STATUS:tentative"), Busy.TENTATIVE),
    (event(HOUR, "X-MICROSOFT-CDO-BUSYSTATUS:OOF"), Busy.UNAVAILABLE),
    (event(HOUR, "TRANSP:TRANSPARENT", "ATTENDEE;PARTSTAT=TENTATIVE:mailto:ann@example.org"), Busy.FREE),
    (event(HOUR, "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org"), Busy.BUSY),
    (event(HOUR, "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org"), Busy.UNKNOWN),
    (event(HOUR, "STATUS:TENTATIVE", "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:bob@b.example"), Busy.TENTATIVE),
    (event(), Busy.FREE),
    (event("DURATION:PT0S"), Busy.UNKNOWN),
    (event("DURATION:PT1S"), Busy.UNKNOWN),
    (event("DTSTART;VALUE=DATE:20260504"), Busy.BUSY),
    (event("DTSTART;VALUE=DATE:20260504", "DURATION:P1DT1H"), Busy.UNKNOWN),
    (event("DTSTART:20260504T100000", "DURATION:PT1H"), Busy.UNKNOWN),
    (event(HOUR, "RRULE:FREQ=DAILY"), Busy.UNKNOWN),
    (event(HOUR, "RRULE:FREQ=DAILY", "STATUS:CANCELLED"), Busy.FREE),
    (calendar(OVERRIDE, SAME), Busy.UNKNOWN),
    (todo("DUE:20260504T100000Z"), Busy.UNKNOWN),
    (calendar(component("VFREEBUSY", "FREEBUSY:20260504T100000Z/PT1H")), Busy.UNKNOWN),
]
"""Bodies, and whether they are told as busy by their row alone."""


@pytest.mark.parametrize(("body", "busy"), BUSY_ROWS)
def test_the_row_tells_what_its_times_mean_where_that_is_plain(body: bytes, busy: Busy) -> None:
    assert row_of(body).busy is busy


def months_of(*extra: str) -> set[int]:
    """The numbers of the months of an event on the 4th of May that lasts an hour, with those lines."""
    mask = row_of(event(*extra)).months
    return {month for month in range(1, 13) if mask >> month - 1 & 1}


EVERY = set(range(1, 13))
MONTHS = [
    (("RRULE:FREQ=YEARLY",), {5}),
    (("RRULE:FREQ=YEARLY;INTERVAL=4",), {5}),
    (("DTSTART;VALUE=DATE:19800601", "RRULE:FREQ=YEARLY"), {5, 6}),
    (("DTSTART:20261231T100000Z", "RRULE:FREQ=YEARLY"), {12, 1}),
    (("DTSTART:20261228T100000Z", "DURATION:PT1H", "RRULE:FREQ=YEARLY"), {12}),
    (("DTSTART:20260227T100000Z", "RRULE:FREQ=YEARLY"), {2, 3}),
    (("RRULE:FREQ=MONTHLY;INTERVAL=6",), {5, 11}),
    (("RRULE:FREQ=MONTHLY;INTERVAL=5",), EVERY),
    (("RRULE:FREQ=MONTHLY",), EVERY),
    (("RRULE:FREQ=DAILY;BYMONTH=8",), {4, 5, 6, 7, 8, 9}),
    (("DTSTART:20260528T100000Z", "DTEND;TZID=Asia/Tokyo:20260528T210000", "RRULE:FREQ=YEARLY"), {5, 6}),
    (("RRULE:FREQ=YEARLY;BYDAY=20MO",), EVERY),
    (("RRULE:FREQ=YEARLY", "RDATE:20260901T100000Z"), EVERY),
    (("DURATION:P30D", "RRULE:FREQ=YEARLY"), EVERY),
    (("RRULE:FREQ=WEEKLY",), EVERY),
]


def with_override(*lines: str) -> bytes:
    """A yearly event on the 4th of May, and an override of one instance."""
    master = component("VEVENT", "DTSTART:20260504T100000Z", "RRULE:FREQ=YEARLY")
    return calendar(master, component("VEVENT", "RECURRENCE-ID:20270504T100000Z", *lines))


OVERRIDES: list[tuple[tuple[str, ...], set[int]]] = [
    (("DTSTART:20270509T100000Z",), {5}),
    (("DTSTART:20270801T100000Z",), {5, 7, 8}),
    (("DTSTART:20270815T100000Z", "DURATION:P20D"), {5, 8, 9}),
    (("DTSTART:20270815T100000Z", "DTEND:20271015T100000Z"), {5, 8, 9, 10}),
    (("DTSTART:20270815T100000Z", "RDATE:20271215T100000Z"), set(range(1, 13))),
]


@pytest.mark.parametrize(("lines", "months"), OVERRIDES)
def test_months_of_overrides(lines: tuple[str, ...], months: set[int]) -> None:
    mask = row_of(with_override(*lines)).months
    assert {month for month in range(1, 13) if mask >> month - 1 & 1} == months


def test_an_override_for_all_that_follows_may_be_in_any_month() -> None:
    body = with_override("DTSTART:20270809T100000Z")
    assert row_of(body.replace(b"-ID:2027", b"-ID;RANGE=THISANDFUTURE:2027")).months == summary.ALL_MONTHS


@pytest.mark.parametrize(("extra", "months"), MONTHS)
def test_months_of_plain_rules(extra: tuple[str, ...], months: set[int]) -> None:
    assert months_of(*extra) == months


WINDOWS = [
    ((None, 0), EVERY),
    ((0, None), EVERY),
    ((1777593600, 1777593601), {5}),
    ((1777593599, 1777593601), {4, 5}),
    ((1777593600, 1777593600), {5}),
    ((1796083200, 1798761600), {12}),
    ((1796083200, 1798761601), {12, 1}),
    ((1767225600, 1798761600), EVERY),
    ((-62_135_596_800, -62_135_596_799), {1}),
    ((253_402_300_799, 253_402_300_800), EVERY),
    ((-62_167_219_200, -62_167_219_199), EVERY),
]


@pytest.mark.parametrize(("span", "months"), WINDOWS)
def test_months_of_windows(span: tuple[int | None, int | None], months: set[int]) -> None:
    assert {month for month in range(1, 13) if summary.window_months(*span) >> month - 1 & 1} == months


def test_of_a_card_the_row_has_words_and_no_times() -> None:
    row = index.of_card(card("TEL:1"), CardDavSettings())
    assert (row.component, row.uid, row.first, row.last, row.summary) == ("VCARD", "ann-1", None, None, "")
    assert "\nTEL:1\n" in row.search
