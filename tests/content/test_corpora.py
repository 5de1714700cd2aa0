"""Public collections of calendars, as they were published: nothing in them breaks the engine.

icalendar (https://github.com/collective/icalendar, BSD) installs with its tests: files that people sent in
with bug reports, examples of RFC 5545, 5546, 7265, 7953 and 9253, and what its fuzzer found. Each object in
them is stored or refused by name; what is stored agrees with recurring-ical-events about its instances, where
that can read it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events

from davserver.config import CalDavSettings
from davserver.content import expand, freebusy, index, instances, lines, summary
from davserver.content.filters import CompFilter, TimeRange, match_calendar
from davserver.content.recur import Budget
from davserver.content.stamps import DAY, parse_stamp
from davserver.errors import BudgetExceeded, HttpError

FOLDER = Path(icalendar.__file__).parent / "tests"
FILES = sorted(FOLDER.rglob("*.ics"))
BERLIN = ZoneInfo("Europe/Berlin")
WINDOWS = [
    (parse_stamp(f"{year}0101").seconds, parse_stamp(f"{year}0301").seconds)
    for year in (1998, 2012, 2024, 2050)
]


def objects(file: Path) -> Iterator[bytes]:
    """The calendar objects of a file: the components of each VCALENDAR by UID, with its zones."""
    try:
        roots = lines.parse_components(lines.decode(file.read_bytes()))
    except HttpError:
        return
    for root in roots:
        if root.name != "VCALENDAR":
            continue
        zones = [child for child in root.children if child.name == "VTIMEZONE"]
        by_uid: dict[str, list[lines.Component]] = {}
        for child in root.children:
            if child.name != "VTIMEZONE":
                by_uid.setdefault(child.value("UID") or "", []).append(child)
        head = [line for line in root.lines if line.name != "METHOD"]
        for parts in by_uid.values():
            yield lines.dump(lines.Component("VCALENDAR", head, [*zones, *parts])).encode()


def parsed(body: bytes) -> lines.Component:
    return lines.parse_components(lines.decode(body))[0]


def stored() -> Iterator[tuple[str, bytes]]:
    """What a calendar takes of it, and where it comes from."""
    for file in FILES:
        for body in objects(file):
            try:
                index.of_calendar_object(body, CalDavSettings())
            except HttpError:
                continue
            yield str(file.relative_to(FOLDER)), body


STORED = list(stored())


def test_there_is_a_corpus() -> None:
    assert len(FILES) > 100
    assert len(STORED) > 50


@pytest.mark.parametrize("window", WINDOWS)
def test_every_object_answers_every_question(window: tuple[int, int]) -> None:
    """Filter, summary, expansion and free time within their budgets, and the index never misses."""
    for name, body in STORED:
        row, root = (
            index.of_calendar_object(body, CalDavSettings()),
            lines.parse_components(lines.decode(body))[0],
        )
        span = TimeRange(*window)
        matches = match_calendar(
            root, CompFilter("VCALENDAR", comp_filters=(CompFilter(row.component, time_range=span),)), BERLIN
        )
        slack = 16 * 3600
        after = row.first is not None and row.first - slack >= window[1]
        before = row.last is not None and row.last + slack <= window[0]
        assert not (matches and (after or before)), name
        if row.summary:
            assert summary.in_range(row.summary, row.component, span, BERLIN) == matches, name
        try:
            expand.expand(root, window, BERLIN, Budget())
            freebusy.busy_periods([root], freebusy.Asked(*window, BERLIN))
        except BudgetExceeded:
            continue


def test_instances_agree_with_recurring_ical_events() -> None:
    compared = 0
    for name, body in STORED:
        row = index.of_calendar_object(body, CalDavSettings())
        if row.component != "VEVENT" or row.first is None:
            continue
        window = row.first - 20 * DAY, row.first + 400 * DAY
        truth = _by_the_other(body, window)
        if truth is not None:
            schedule = instances.Schedule(parsed(body), "VEVENT", UTC)
            found = {one.start for one in schedule.instances(*window)}
            assert found == truth, name
            compared += 1
    assert compared > 20


def _by_the_other(body: bytes, window: tuple[int, int]) -> set[int] | None:
    start, end = (datetime.fromtimestamp(moment, UTC) for moment in window)
    warnings.simplefilter("ignore")  # about the files, of which it says a lot
    try:
        events = recurring_ical_events.of(icalendar.Calendar.from_ical(body)).between(start, end)
        return {_seconds(event["DTSTART"].dt) for event in events}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # what it cannot read it cannot judge


def _seconds(value: date | datetime) -> int:
    if not isinstance(value, datetime):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
