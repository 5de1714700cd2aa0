"""expand, limit-recurrence-set, limit-freebusy-set: RFC 4791 7.8.2, 7.8.3, 9.6.5-9.6.7."""

from __future__ import annotations

import copy
from zoneinfo import ZoneInfo

import pytest

from davserver.content.expand import expand, limit_freebusy_set, limit_recurrence_set
from davserver.content.instances import Budget
from davserver.content.lines import Component, decode, dump, parse_components
from davserver.content.stamps import parse_stamp
from davserver.content.zones import vtimezone
from davserver.errors import BudgetExceeded
from tests.content.hostile import HOSTILE
from tests.content.objects import calendar, component, event, todo

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = vtimezone("America/New_York").replace("\r", "").strip()


def window(start: str, end: str) -> tuple[int, int]:
    return parse_stamp(start).seconds, parse_stamp(end).seconds


def parsed(body: bytes) -> Component:
    return parse_components(decode(body))[0]


def lines_of(root: Component) -> list[list[str]]:
    """The lines of each component of an answer that bear on its times, as texts."""
    names = ("DTSTART", "DTEND", "DUE", "DURATION", "RECURRENCE-ID", "RRULE", "RDATE", "EXDATE")
    return [
        [line for line in dump(child).replace("\r\n ", "").split("\r\n") if line.startswith(names)]
        for child in root.children
    ]


def expanded(body: bytes, start: str, end: str) -> list[list[str]]:
    return lines_of(expand(parsed(body), window(start, end), BERLIN))


# RFC 4791 appendix B, abcd2.ics: daily at noon, the third day moved by two hours.
ABCD2 = calendar(
    NEW_YORK,
    component(
        "VEVENT",
        "DTSTART;TZID=America/New_York:20060102T120000",
        "DURATION:PT1H",
        "RRULE:FREQ=DAILY;COUNT=5",
        "SUMMARY:Event #2",
    ),
    component(
        "VEVENT",
        "DTSTART;TZID=America/New_York:20060104T140000",
        "DURATION:PT1H",
        "RECURRENCE-ID;TZID=America/New_York:20060104T120000",
        "SUMMARY:Event #2 bis",
    ),
    component(
        "VEVENT",
        "DTSTART;TZID=America/New_York:20060106T140000",
        "DURATION:PT1H",
        "RECURRENCE-ID;TZID=America/New_York:20060106T120000",
        "SUMMARY:Event #2 bis bis",
    ),
)


def test_the_example_of_rfc_4791_7_8_3() -> None:
    assert expanded(ABCD2, "20060103T000000Z", "20060105T000000Z") == [
        ["DTSTART:20060103T170000Z", "DURATION:PT1H", "RECURRENCE-ID:20060103T170000Z"],
        ["DTSTART:20060104T190000Z", "DURATION:PT1H", "RECURRENCE-ID:20060104T170000Z"],
    ]


def test_expansion_leaves_no_recurrence_property_no_zone_and_all_the_rest() -> None:
    body = calendar(
        NEW_YORK,
        component(
            "VEVENT",
            "DTSTART;TZID=America/New_York:20060102T120000",
            "DTEND;TZID=America/New_York:20060102T130000",
            "RRULE:FREQ=DAILY;COUNT=5",
            "EXDATE;TZID=America/New_York:20060103T120000",
            "RDATE;TZID=America/New_York:20060105T150000",
            "X-CHECKED;TZID=America/New_York:20060101T120000",
            "SUMMARY;LANGUAGE=en:A\\, B",
            "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nEND:VALARM",
        ),
    )
    root = expand(parsed(body), window("20060105T000000Z", "20060106T000000Z"), BERLIN)
    text = dump(root).replace("\r\n ", "")
    assert text.count("BEGIN:VEVENT") == 2
    assert text.count("TRIGGER:-PT5M") == 2
    assert text.count("SUMMARY;LANGUAGE=en:A\\, B") == 2
    assert text.count("X-CHECKED:20060101T170000Z") == 2
    assert text.count("VERSION:2.0") == 1
    assert not any(word in text for word in ("RRULE", "EXDATE", "RDATE", "TZID", "VTIMEZONE"))


def test_all_day_instances_stay_dates() -> None:
    body = event("DTSTART;VALUE=DATE:20200328", "DTEND;VALUE=DATE:20200330", "RRULE:FREQ=DAILY;INTERVAL=3")
    assert expanded(body, "20200331T000000Z", "20200401T000000Z") == [
        ["DTSTART;VALUE=DATE:20200331", "DTEND;VALUE=DATE:20200402", "RECURRENCE-ID;VALUE=DATE:20200331"]
    ]
    across = event("DTSTART;VALUE=DATE:20200328", "DTEND;VALUE=DATE:20200330")
    assert expanded(across, "20200328T000000Z", "20200329T000000Z") == [
        ["DTSTART;VALUE=DATE:20200328", "DTEND;VALUE=DATE:20200330"]
    ]


def test_floating_instances_stay_floating() -> None:
    body = event("DTSTART:20200329T010000", "DTEND:20200329T040000", "RRULE:FREQ=DAILY;COUNT=1")
    assert expanded(body, "20200329T000000Z", "20200330T000000Z") == [
        ["DTSTART:20200329T010000", "DTEND:20200329T040000"]
    ]


def test_a_single_event_is_put_into_utc_without_a_recurrence_id() -> None:
    body = calendar(
        NEW_YORK, component("VEVENT", "DTSTART;TZID=America/New_York:20060102T120000", "DURATION:PT1H")
    )
    assert expanded(body, "20060102T000000Z", "20060103T000000Z") == [
        ["DTSTART:20060102T170000Z", "DURATION:PT1H"]
    ]
    assert expanded(body, "20060103T000000Z", "20060104T000000Z") == []


def test_the_first_instance_of_a_series_has_no_recurrence_id_unless_it_was_changed() -> None:
    """CalendarServer and DAViCal: what bears no RECURRENCE-ID stands for the series."""
    series = component("VEVENT", "DTSTART:20200101T090000Z", "RRULE:FREQ=DAILY;COUNT=2")
    assert expanded(calendar(series), "20200101T000000Z", "20200103T000000Z") == [
        ["DTSTART:20200101T090000Z"],
        ["DTSTART:20200102T090000Z", "RECURRENCE-ID:20200102T090000Z"],
    ]
    moved = component("VEVENT", "RECURRENCE-ID:20200101T090000Z", "DTSTART:20200101T100000Z")
    assert expanded(calendar(series, moved), "20200101T000000Z", "20200102T000000Z") == [
        ["DTSTART:20200101T100000Z", "RECURRENCE-ID:20200101T090000Z"]
    ]


def test_a_nominal_duration_across_a_change_of_the_clocks_is_said_exactly() -> None:
    body = event("DTSTART;TZID=Europe/Berlin:20200328T120000", "DURATION:P1D", "RRULE:FREQ=DAILY;COUNT=2")
    assert expanded(body, "20200328T000000Z", "20200331T000000Z") == [
        ["DTSTART:20200328T110000Z", "DURATION:PT23H"],
        ["DTSTART:20200329T100000Z", "DURATION:P1D", "RECURRENCE-ID:20200329T100000Z"],
    ]


def test_a_period_of_rdate_keeps_its_own_length() -> None:
    dates = "RDATE;VALUE=PERIOD:20200102T000000Z/PT3H"
    with_end = event("DTSTART:20200101T000000Z", "DTEND:20200101T010000Z", dates)
    assert expanded(with_end, "20200102T000000Z", "20200103T000000Z") == [
        ["DTSTART:20200102T000000Z", "DTEND:20200102T030000Z", "RECURRENCE-ID:20200102T000000Z"]
    ]
    without = event("DTSTART:20200101T000000Z", dates)
    assert expanded(without, "20200102T000000Z", "20200103T000000Z") == [
        ["DTSTART:20200102T000000Z", "RECURRENCE-ID:20200102T000000Z", "DURATION:PT3H"]
    ]


def test_this_and_future_is_expanded_from_its_own_component() -> None:
    body = calendar(
        component(
            "VEVENT", "DTSTART:20200101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY", "SUMMARY:before"
        ),
        component(
            "VEVENT",
            "RECURRENCE-ID;RANGE=THISANDFUTURE:20200103T090000Z",
            "DTSTART:20200103T100000Z",
            "DURATION:PT2H",
            "SUMMARY:after",
        ),
    )
    root = expand(parsed(body), window("20200102T000000Z", "20200105T000000Z"), BERLIN)
    assert [child.value("SUMMARY") for child in root.children] == ["before", "after", "after"]
    assert lines_of(root)[2] == [
        "DTSTART:20200104T100000Z",
        "DURATION:PT2H",
        "RECURRENCE-ID:20200104T090000Z",
    ]


def test_tasks_are_expanded_with_due() -> None:
    body = todo(
        "DTSTART;TZID=Europe/Berlin:20200101T090000",
        "DUE;TZID=Europe/Berlin:20200101T100000",
        "RRULE:FREQ=WEEKLY",
    )
    assert expanded(body, "20200601T000000Z", "20200604T000000Z") == [
        ["DTSTART:20200603T070000Z", "DUE:20200603T080000Z", "RECURRENCE-ID:20200603T070000Z"]
    ]
    only_due = todo("DUE;VALUE=DATE:20200101", "RRULE:FREQ=WEEKLY")
    assert expanded(only_due, "20200602T000000Z", "20200604T000000Z") == [
        ["DUE;VALUE=DATE:20200603", "RECURRENCE-ID;VALUE=DATE:20200603"]
    ]


def test_a_date_as_start_and_a_time_as_due_keep_their_forms() -> None:
    body = todo("DTSTART;VALUE=DATE:20200101", "DUE;TZID=Europe/Berlin:20200101T180000")
    assert expanded(body, "20200101T000000Z", "20200102T000000Z") == [
        ["DTSTART;VALUE=DATE:20200101", "DUE:20200101T170000Z"]
    ]


def test_expansion_does_not_touch_its_input() -> None:
    root = parsed(ABCD2)
    before = copy.deepcopy(root)
    expand(root, window("20060101T000000Z", "20060201T000000Z"), BERLIN)
    limit_recurrence_set(root, window("20060103T000000Z", "20060105T000000Z"), BERLIN)
    limit_freebusy_set(root, window("20060103T000000Z", "20060105T000000Z"), BERLIN)
    assert root == before


def test_expansion_keeps_its_budget() -> None:
    with pytest.raises(BudgetExceeded):
        expand(parsed(ABCD2), window("20060101T000000Z", "20060201T000000Z"), BERLIN, Budget(instances=3))


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_hostile_objects_are_expanded_or_over_budget(name: str, body: bytes) -> None:
    for start, end in (("20300101", "20300201"), ("00010101", "99991231")):
        try:
            root = expand(parsed(body), window(start, end), BERLIN, Budget(instances=2_000))
        except BudgetExceeded:
            continue
        assert parse_components(dump(root))[0].name == "VCALENDAR"


# -- limit-recurrence-set -------------------------------------------------------------------------


def summaries(root: Component) -> list[str | None]:
    return [child.value("SUMMARY") for child in root.children if child.name == "VEVENT"]


def test_the_example_of_rfc_4791_7_8_2() -> None:
    root = limit_recurrence_set(parsed(ABCD2), window("20060103T000000Z", "20060105T000000Z"), BERLIN)
    assert summaries(root) == ["Event #2", "Event #2 bis"]
    assert "VTIMEZONE" in {child.name for child in root.children}
    assert "RRULE:FREQ=DAILY;COUNT=5" in lines_of(root)[1]


def test_an_override_has_an_effect_where_it_is_and_where_it_would_have_been() -> None:
    body = calendar(
        component(
            "VEVENT", "DTSTART:20200101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY", "SUMMARY:series"
        ),
        component("VEVENT", "RECURRENCE-ID:20200102T090000Z", "DTSTART:20200301T090000Z", "SUMMARY:moved"),
    )
    for month, kept in (("01", True), ("02", False), ("03", True)):
        span = window(f"2020{month}01T000000Z", f"2020{month}28T000000Z")
        assert ("moved" in summaries(limit_recurrence_set(parsed(body), span, BERLIN))) is kept


def test_this_and_future_has_an_effect_on_all_that_follows() -> None:
    identity = "RECURRENCE-ID;RANGE=THISANDFUTURE:20200201T090000Z"
    body = calendar(
        component(
            "VEVENT", "DTSTART:20200101T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY", "SUMMARY:series"
        ),
        component("VEVENT", identity, "DTSTART:20200201T100000Z", "DURATION:PT1H", "SUMMARY:later"),
    )
    for month, kept in (("01", False), ("02", True), ("12", True)):
        span = window(f"2020{month}05T000000Z", f"2020{month}06T000000Z")
        assert ("later" in summaries(limit_recurrence_set(parsed(body), span, BERLIN))) is kept


def test_an_orphan_has_an_effect_where_it_is() -> None:
    body = calendar(
        component("VEVENT", "RECURRENCE-ID:20200102T090000Z", "DTSTART:20200301T090000Z", "SUMMARY:orphan")
    )
    march, january = window("20200301", "20200302"), window("20200101", "20200201")
    assert summaries(limit_recurrence_set(parsed(body), march, BERLIN)) == ["orphan"]
    assert summaries(limit_recurrence_set(parsed(body), january, BERLIN)) == []


# -- limit-freebusy-set ---------------------------------------------------------------------------


def test_only_periods_in_the_range_are_kept_as_they_were_written() -> None:
    body = calendar(
        component(
            "VFREEBUSY",
            "DTSTART:20200101T000000Z",
            "DTEND:20200201T000000Z",
            "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20200102T100000Z/PT1H,20200103T100000Z/20200103T110000Z",
            "FREEBUSY:20200104T100000Z/PT1H,rubbish",
            "FREEBUSY:20200105T100000Z/PT1H",
        )
    )
    root = limit_freebusy_set(parsed(body), window("20200103T103000Z", "20200104T000000Z"), BERLIN)
    assert [(line.params, line.value) for line in root.children[0].all("FREEBUSY")] == [
        ({"FBTYPE": ["BUSY-TENTATIVE"]}, "20200103T100000Z/20200103T110000Z"),
        ({}, "rubbish"),
    ]
    assert root.children[0].first("DTSTART") is not None
