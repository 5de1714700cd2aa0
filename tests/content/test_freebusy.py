"""Busy time: RFC 4791 7.10, RFC 5545 3.2.9 and 3.6.4."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from davserver.content.freebusy import Asked, BusyPeriod, busy_periods, free_busy_component
from davserver.content.instances import Budget
from davserver.content.lines import decode, dump, parse_components
from davserver.content.stamps import format_utc, parse_stamp
from davserver.errors import BudgetExceeded
from tests.content.hostile import HOSTILE
from tests.content.objects import calendar, component, event, todo

BERLIN = ZoneInfo("Europe/Berlin")
START, END = parse_stamp("20200101").seconds, parse_stamp("20200201").seconds


ANN = frozenset({"mailto:ann@example.org"})


def busy(*bodies: bytes, budget: Budget | None = None) -> list[str]:
    """The busy time of January 2020 as ``start/end TYPE``."""
    roots = (parse_components(decode(body))[0] for body in bodies)
    periods = busy_periods(roots, Asked(START, END, BERLIN, ANN, budget or Budget()))
    return [f"{format_utc(start)}/{format_utc(end)} {fbtype}" for start, end, fbtype in periods]


def at_ten(*lines: str) -> bytes:
    return event("DTSTART:20200102T100000Z", "DTEND:20200102T110000Z", *lines)


TEN = "20200102T100000Z/20200102T110000Z"


@pytest.mark.parametrize(
    ("lines", "fbtype"),
    [
        ((), "BUSY"),
        (("TRANSP:OPAQUE",), "BUSY"),
        (("TRANSP:TRANSPARENT",), None),
        (("STATUS:CONFIRMED",), "BUSY"),
        (("STATUS:TENTATIVE",), "BUSY-TENTATIVE"),
        (("STATUS:CANCELLED",), None),
        (("STATUS:tentative", "TRANSP:transparent"), None),
        (("CLASS:PRIVATE",), "BUSY"),
        (("CLASS:CONFIDENTIAL", "STATUS:TENTATIVE"), "BUSY-TENTATIVE"),
        (("X-MICROSOFT-CDO-BUSYSTATUS:OOF",), "BUSY-UNAVAILABLE"),
        (("X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE",), "BUSY-TENTATIVE"),
        (("X-MICROSOFT-CDO-BUSYSTATUS:FREE",), None),
        (("X-MICROSOFT-CDO-BUSYSTATUS:BUSY",), "BUSY"),
        (("ATTENDEE;PARTSTAT=DECLINED:mailto:Ann@example.org",), None),
        (("ATTENDEE;PARTSTAT=tentative:mailto:ann@example.org",), "BUSY-TENTATIVE"),
        (("ATTENDEE;PARTSTAT=NEEDS-ACTION:MAILTO:ann@example.org",), "BUSY-TENTATIVE"),
        (("ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org",), "BUSY"),
        (("ATTENDEE:mailto:ann@example.org",), "BUSY"),
        (("ATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.org",), "BUSY"),
    ],
)
def test_what_an_event_counts_as(lines: tuple[str, ...], fbtype: str | None) -> None:
    assert busy(at_ten(*lines)) == ([f"{TEN} {fbtype}"] if fbtype else [])


def test_overlapping_and_adjacent_time_of_one_type_is_one_period() -> None:
    bodies = [
        event("DTSTART:20200102T100000Z", "DTEND:20200102T110000Z"),
        event("DTSTART:20200102T103000Z", "DTEND:20200102T113000Z"),
        event("DTSTART:20200102T113000Z", "DTEND:20200102T120000Z"),
        event("DTSTART:20200102T110000Z", "DTEND:20200102T130000Z", "STATUS:TENTATIVE"),
    ]
    assert busy(*bodies) == [
        "20200102T100000Z/20200102T120000Z BUSY",
        "20200102T110000Z/20200102T130000Z BUSY-TENTATIVE",
    ]


def test_busy_time_is_clipped_to_the_range() -> None:
    long = event("DTSTART:20191201T000000Z", "DTEND:20200301T000000Z")
    assert busy(long) == ["20200101T000000Z/20200201T000000Z BUSY"]
    assert busy(event("DTSTART:20191201T000000Z", "DTEND:20200101T000000Z")) == []


def test_moments_are_no_busy_time() -> None:
    assert busy(event("DTSTART:20200102T100000Z")) == []


def test_all_day_and_floating_events_are_busy_in_the_zone_of_their_owner() -> None:
    assert busy(event("DTSTART;VALUE=DATE:20200102")) == ["20200101T230000Z/20200102T230000Z BUSY"]
    assert busy(event("DTSTART:20200102T100000", "DURATION:PT1H")) == [
        "20200102T090000Z/20200102T100000Z BUSY"
    ]


def test_a_series_is_busy_at_each_instance_as_that_instance_says() -> None:
    series = ("DTSTART:20200102T100000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=3")
    body = calendar(
        component("VEVENT", *series),
        component("VEVENT", "RECURRENCE-ID:20200109T100000Z", "DTSTART:20200109T100000Z", "STATUS:CANCELLED"),
        component(
            "VEVENT",
            "RECURRENCE-ID:20200116T100000Z",
            "DTSTART:20200117T100000Z",
            "DURATION:PT1H",
            "STATUS:TENTATIVE",
        ),
    )
    assert busy(body) == [f"{TEN} BUSY", "20200117T100000Z/20200117T110000Z BUSY-TENTATIVE"]


def test_stored_free_busy_counts_with_its_own_types() -> None:
    body = calendar(
        component(
            "VFREEBUSY",
            "FREEBUSY:20200102T100000Z/PT1H,20200102T110000Z/20200102T120000Z",
            "FREEBUSY;FBTYPE=FREE:20200103T100000Z/PT1H",
            "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20200104T100000Z/PT1H",
            "FREEBUSY;FBTYPE=X-LUNCH:20200105T100000Z/PT1H",
            "FREEBUSY:rubbish",
        )
    )
    assert busy(body) == [
        "20200102T100000Z/20200102T120000Z BUSY",
        "20200104T100000Z/20200104T110000Z BUSY-UNAVAILABLE",
        "20200105T100000Z/20200105T110000Z BUSY",
    ]


def test_tasks_and_journals_are_no_busy_time() -> None:
    assert busy(todo("DTSTART:20200102T100000Z", "DURATION:PT1H")) == []


def test_the_answer_is_one_vfreebusy_in_utc() -> None:
    periods = [
        BusyPeriod(parse_stamp("20200102T100000").seconds, parse_stamp("20200102T110000").seconds, "BUSY"),
        BusyPeriod(
            parse_stamp("20200102T120000").seconds, parse_stamp("20200102T130000").seconds, "BUSY-TENTATIVE"
        ),
        BusyPeriod(parse_stamp("20200103T100000").seconds, parse_stamp("20200103T110000").seconds, "BUSY"),
    ]
    text = dump(free_busy_component(periods, START, END, START)).replace("\r\n ", "")
    assert text.split("\r\n") == [
        "BEGIN:VFREEBUSY",
        "UID:busy-20200101T000000Z-20200201T000000Z",
        "DTSTAMP:20200101T000000Z",
        "DTSTART:20200101T000000Z",
        "DTEND:20200201T000000Z",
        f"FREEBUSY;FBTYPE=BUSY:{TEN},20200103T100000Z/20200103T110000Z",
        "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20200102T120000Z/20200102T130000Z",
        "END:VFREEBUSY",
        "",
    ]


def test_all_objects_together_keep_one_budget() -> None:
    daily = event("DTSTART:20200101T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")
    assert len(busy(daily, daily, budget=Budget(instances=70))) == 31
    with pytest.raises(BudgetExceeded):
        busy(daily, daily, budget=Budget(instances=50))


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_hostile_objects_are_busy_or_over_budget(name: str, body: bytes) -> None:
    try:
        assert len(busy(body, budget=Budget(instances=2_000))) <= 2_000
    except BudgetExceeded:
        assert "SECONDLY" in name or "MINUTELY" in name or "every second" in name or "years" in name
