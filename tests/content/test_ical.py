"""check_calendar_object: what may be stored in a calendar, and the precondition of what may not."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from davserver.content.filters import CompFilter, PropFilter, Test, TimeRange, match_calendar
from davserver.content.ical import CalendarLimits, CheckedCalendar, check_calendar_object, check_vtimezone
from davserver.content.instances import alarm_bounds, bounds
from davserver.errors import CALDAV, InvalidContent
from tests.content.objects import BERLIN, calendar, component, event, text, todo

LIMITS = CalendarLimits()
VALID = CALDAV + "valid-calendar-data"
OBJECT = CALDAV + "valid-calendar-object-resource"


def check(body: bytes, limits: CalendarLimits = LIMITS) -> CheckedCalendar:
    return check_calendar_object(body, limits)


def precondition(body: bytes, limits: CalendarLimits = LIMITS) -> str | None:
    with pytest.raises(InvalidContent) as caught:
        check(body, limits)
    assert caught.value.status == 403
    assert caught.value.message
    return caught.value.precondition


def test_an_event_is_accepted_with_its_component_and_uid() -> None:
    checked = check(event("SUMMARY:Lunch", uid="a\\,b@example.com"))
    assert (checked.component, checked.uid) == ("VEVENT", "a,b@example.com")
    assert checked.root.name == "VCALENDAR"
    assert "\nSUMMARY:LUNCH\n" in checked.search


@pytest.mark.parametrize(
    "body",
    [
        calendar(component("VTODO", "SUMMARY:No date")),
        calendar(component("VJOURNAL", "DTSTART;VALUE=DATE:20260504")),
        calendar(component("VFREEBUSY", "FREEBUSY:20260504T100000Z/PT1H,20260504T120000Z/20260504T130000Z")),
        calendar(
            component(
                "VAVAILABILITY",
                "DTSTART:20260504T100000Z",
                "BEGIN:AVAILABLE\nUID:x\nDTSTART:20260504T110000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\nEND:AVAILABLE",
            )
        ),
    ],
    ids=["VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"],
)
def test_each_kind_of_component_is_accepted(body: bytes) -> None:
    assert check(body).component in {"VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"}


# -- what real clients send ----------------------------------------------------------------------

LENIENT = {
    "no PRODID": event().replace(b"PRODID:-//test//EN\r\n", b""),
    "no DTSTAMP": calendar("BEGIN:VEVENT\nUID:1\nDTSTART:20260504T100000Z\nEND:VEVENT"),
    "LF line ends and no last one": event().replace(b"\r\n", b"\n").rstrip(),
    "byte order mark": b"\xef\xbb\xbf" + event(),
    "DATE without VALUE=DATE": event("DTSTART:20260504", "DTEND:20260505"),
    "DURATION with an empty T, as Apple's tests": event("DTSTART;VALUE=DATE:20260504", "DURATION:P1DT"),
    "EXDATE as DATE on a timed series": event("RRULE:FREQ=DAILY", "EXDATE;VALUE=DATE:20260505"),
    "empty EXDATE": event("RRULE:FREQ=DAILY", "EXDATE:"),
    "RDATE as PERIOD": event("RDATE;VALUE=PERIOD:20260505T100000Z/PT2H,20260506T100000Z/20260506T110000Z"),
    "Windows zone name without VTIMEZONE": event("DTSTART;TZID=W. Europe Standard Time:20260504T100000"),
    "Windows zone name with a space at its end": event(
        "DTSTART;TZID=W. Europe Standard Time :20260504T100000"
    ),
    "IANA zone without VTIMEZONE (RFC 7809)": event("DTSTART;TZID=Europe/Berlin:20260504T100000"),
    "Lightning's zone path": event("DTSTART;TZID=/mozilla.org/20050126_1/Europe/Berlin:20260504T100000"),
    "own zone": calendar(
        BERLIN.replace("Europe/Berlin", "Customized Time Zone"),
        component("VEVENT", "DTSTART;TZID=Customized Time Zone:20260504T100000"),
    ),
    "unknown TZID beside a UTC time": event("DTSTART;TZID=Nowhere:20260504T100000Z"),
    "VTIMEZONE without rules, of a known zone": calendar(
        "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nEND:VTIMEZONE", component("VEVENT", "DTSTART:20260504")
    ),
    "Outlook's VTIMEZONE from 1601": calendar(
        BERLIN.replace("19700329", "16010325").replace("19701025", "16011028"),
        component("VEVENT", "DTSTART;TZID=Europe/Berlin:20260504T100000"),
    ),
    "DTEND in another zone": event("DTSTART:20260504T100000Z", "DTEND;TZID=Europe/Berlin:20260504T130000"),
    "DTEND equal to DTSTART": event("DTSTART;VALUE=DATE:20260504", "DTEND;VALUE=DATE:20260504"),
    "Apple's parameters": event(
        'X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-ADDRESS="A\\nB";X-APPLE-RADIUS=70:geo:52.5,13.4',
        'ATTENDEE;CN="Lee, Ann";SCHEDULE-STATUS="2.0;Ok":mailto:ann@example.com',
    ),
    "bad escapes in a text": event('DESCRIPTION:so \\"called\\" C:\\temp\\'),
    "a CREATED of the year 5122": event("CREATED:   51222T205954Z"),
    "a private component beside the event": calendar(
        component("VEVENT", "DTSTART:20260504"), "BEGIN:X-OUTLOOK\nX-A:1\nEND:X-OUTLOOK"
    ),
    "an alarm of Apple's that never fires": event(
        "BEGIN:VALARM\nACTION:NONE\nTRIGGER;VALUE=DATE-TIME:19760401T005545Z\nEND:VALARM"
    ),
    "an alarm without a trigger": event("BEGIN:VALARM\nACTION:DISPLAY\nEND:VALARM"),
    "override before its master": calendar(
        component("VEVENT", "RECURRENCE-ID:20260505T100000Z", "DTSTART:20260505T120000Z"),
        component("VEVENT", "DTSTART:20260504T100000Z", "RRULE:FREQ=DAILY"),
    ),
    "overrides without a master (an invitation to two instances)": calendar(
        component("VEVENT", "RECURRENCE-ID:20260505T100000Z", "DTSTART:20260505T120000Z"),
        component("VEVENT", "RECURRENCE-ID:20260506T100000Z", "DTSTART:20260506T120000Z"),
    ),
    "an override that the series was moved away from": calendar(
        component("VEVENT", "DTSTART:20260504T100000Z", "RRULE:FREQ=DAILY"),
        component("VEVENT", "RECURRENCE-ID:20260505T090000Z", "DTSTART:20260505T120000Z"),
    ),
    "a recurring task with DUE alone": todo("DUE:20260504T100000Z", "RRULE:FREQ=DAILY"),
    "a task whose DUE has another type": todo("DTSTART:20260504T100000Z", "DUE;VALUE=DATE:20260505"),
    "a task that is due before it starts": todo("DTSTART:20260504T100000Z", "DUE:20260503T100000Z"),
    "INTERVAL=0": event("RRULE:FREQ=DAILY;INTERVAL=0"),
    "a UID of 255 characters": event(uid="u" * 255),
}


@pytest.mark.parametrize("body", LENIENT.values(), ids=LENIENT.keys())
def test_what_clients_are_known_to_send_is_accepted(body: bytes) -> None:
    assert check(body)


# -- what is refused -----------------------------------------------------------------------------

NO_DATA = {
    "not iCalendar": b"<?xml version='1.0'?><a/>",
    "empty": b"",
    "not UTF-8": event("SUMMARY:\u00fc").decode().encode("latin-1"),
    "control character": event("SUMMARY:a\x07b"),
    "NUL": event("SUMMARY:a\x00b"),
    "another root": event().replace(b"VCALENDAR", b"XCALENDAR"),
    "two calendars": event() + event(),
    "a card": text("BEGIN:VCARD", "VERSION:3.0", "FN:Ann", "UID:1", "END:VCARD").encode(),
    "no VERSION": event().replace(b"VERSION:2.0\r\n", b""),
    "VERSION:1.0": event().replace(b"VERSION:2.0", b"VERSION:1.0"),
    "another CALSCALE": event().replace(b"VERSION:2.0", b"VERSION:2.0\r\nCALSCALE:HEBREW"),
    "END missing": event().replace(b"END:VCALENDAR", b""),
    "a line that is none": event("no line at all"),
    "event without DTSTART": calendar(component("VEVENT", "SUMMARY:x")),
    "year 0": event("DTSTART:00000101T000000Z"),
    "February 30th": event("DTSTART:20260230T000000Z"),
    "hour 25": event("DTSTART:20260504T250000Z"),
    "not a date": event("DTSTART:tomorrow"),
    "time with VALUE=DATE": event("DTSTART;VALUE=DATE:20260504T100000Z"),
    "two DTSTART": event("DTSTART:20260504T100000Z", "DTSTART:20260505T100000Z"),
    "DTEND and DURATION": event("DTEND:20260504T110000Z", "DURATION:PT1H"),
    "DUE and DURATION": todo("DTSTART:20260504T100000Z", "DUE:20260504T110000Z", "DURATION:PT1H"),
    "DTEND before DTSTART": event("DTEND:20260504T090000Z"),
    "DTEND a DATE, DTSTART a time": event("DTEND;VALUE=DATE:20260505"),
    "DTEND floating, DTSTART in UTC": event("DTEND:20260504T110000"),
    "DTEND in a zone, DTSTART floating": event(
        "DTSTART:20260504T100000", "DTEND;TZID=Europe/Berlin:20260504T110000"
    ),
    "negative DURATION": event("DURATION:-PT1H"),
    "bad DURATION": event("DURATION:1H"),
    "bad RRULE": event("RRULE:FREQ=MONTHLY;BYDAY=+1,3MO"),
    "RRULE without FREQ": event("RRULE:COUNT=3"),
    "bad EXDATE": event("RRULE:FREQ=DAILY", "EXDATE:20261301"),
    "bad RDATE": event("RDATE:20260505T100000Z/"),
    "bad RECURRENCE-ID": event("RECURRENCE-ID:x"),
    "period that ends before it starts": event("RDATE;VALUE=PERIOD:20260505T100000Z/20260504T100000Z"),
    "bad TRIGGER": event("BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:soon\nEND:VALARM"),
    "bad REPEAT": event("BEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-PT5M\nDURATION:PT1M\nREPEAT:twice\nEND:VALARM"),
    "bad COMPLETED": todo("COMPLETED:yes"),
    "VTIMEZONE without TZID": calendar(
        BERLIN.replace("TZID:Europe/Berlin\n", ""), component("VEVENT", "DTSTART:20260504")
    ),
    "unknown VTIMEZONE without rules": calendar(
        "BEGIN:VTIMEZONE\nTZID:Nowhere\nEND:VTIMEZONE", component("VEVENT", "DTSTART:20260504")
    ),
    "VTIMEZONE with a bad offset": calendar(
        BERLIN.replace("TZOFFSETTO:+0100", "TZOFFSETTO:one"), component("VEVENT", "DTSTART:20260504")
    ),
    "VTIMEZONE with a rule without DTSTART": calendar(
        BERLIN.replace("DTSTART:19701025T030000\n", ""), component("VEVENT", "DTSTART:20260504")
    ),
    "nested too deeply": calendar("BEGIN:X-A\n" * 20 + "END:X-A\n" * 20),
    "bad rule in AVAILABLE": calendar(
        component(
            "VAVAILABILITY", "BEGIN:AVAILABLE\nDTSTART:20260504T110000Z\nRRULE:FREQ=NEVER\nEND:AVAILABLE"
        )
    ),
}


@pytest.mark.parametrize("body", NO_DATA.values(), ids=NO_DATA.keys())
def test_what_is_no_icalendar_is_refused_with_valid_calendar_data(body: bytes) -> None:
    assert precondition(body) == VALID


NO_OBJECT = {
    "METHOD": event().replace(b"VERSION:2.0", b"VERSION:2.0\r\nMETHOD:PUBLISH"),
    "nothing inside": calendar(),
    "a time zone alone": calendar(BERLIN),
    "two kinds of components": calendar(component("VEVENT", "DTSTART:20260504"), component("VTODO")),
    "two UIDs": calendar(
        component("VEVENT", "DTSTART:20260504"),
        component("VEVENT", "DTSTART:20260505", "RECURRENCE-ID:20260505", uid="other"),
    ),
    "no UID": calendar("BEGIN:VEVENT\nDTSTART:20260504\nEND:VEVENT"),
    "empty UID": event(uid=" "),
    "two UIDs in one event": event("UID:other"),
    "override without a UID": calendar(
        component("VEVENT", "DTSTART:20260504"),
        "BEGIN:VEVENT\nDTSTART:20260505\nRECURRENCE-ID:20260505\nEND:VEVENT",
    ),
    "two masters": calendar(component("VEVENT", "DTSTART:20260504"), component("VEVENT", "DTSTART:20260505")),
    "one instance overridden twice": calendar(
        component("VEVENT", "DTSTART:20260504", "RRULE:FREQ=DAILY"),
        *[
            component("VEVENT", f"DTSTART:2026050{day}", "RECURRENCE-ID;VALUE=DATE:20260505")
            for day in (6, 7)
        ],
    ),
}


@pytest.mark.parametrize("body", NO_OBJECT.values(), ids=NO_OBJECT.keys())
def test_what_is_no_calendar_object_is_refused_with_valid_calendar_object_resource(body: bytes) -> None:
    assert precondition(body) == OBJECT


def test_a_zone_that_nobody_knows_is_refused_with_valid_timezone() -> None:
    assert precondition(event("DTSTART;TZID=Bogus:20260504T100000")) == CALDAV + "valid-timezone"


def test_attendees_are_counted_per_component() -> None:
    limits = CalendarLimits(max_attendees_per_instance=2)
    two = ["ATTENDEE:mailto:ann@example.com", "ATTENDEE:mailto:bob@example.com"]
    assert check(event(*two), limits)
    assert (
        precondition(event(*two, "ATTENDEE:mailto:eve@example.com"), limits)
        == CALDAV + "max-attendees-per-instance"
    )


@pytest.mark.parametrize(
    ("start", "name"), [("15991231T000000Z", "min-date-time"), ("30000101", "max-date-time")]
)
def test_dates_outside_the_announced_span_are_refused(start: str, name: str) -> None:
    assert precondition(event(f"DTSTART:{start}")) == CALDAV + name


def test_a_recurrence_that_no_answer_could_hold_is_refused() -> None:
    assert precondition(event("RRULE:FREQ=SECONDLY")) == CALDAV + "max-instances"
    assert (
        precondition(event("RRULE:FREQ=DAILY"), CalendarLimits(max_instances=100)) == CALDAV + "max-instances"
    )


def test_a_heap_of_recurrence_rules_is_refused() -> None:
    assert check(event(*["RRULE:FREQ=DAILY;COUNT=2"] * 2))
    assert precondition(event(*["RRULE:FREQ=DAILY;COUNT=2"] * 21)) == CALDAV + "max-instances"


# -- calendar-timezone ---------------------------------------------------------------------------


def test_a_vtimezone_is_named_by_its_tzid() -> None:
    assert check_vtimezone(calendar(BERLIN).decode()) == "Europe/Berlin"


@pytest.mark.parametrize(
    "value",
    ["", "Europe/Berlin", calendar().decode(), calendar(BERLIN, BERLIN).decode(), event().decode(), "\ud800"],
)
def test_a_calendar_timezone_is_one_vtimezone_in_a_vcalendar(value: str) -> None:
    with pytest.raises(InvalidContent) as caught:
        check_vtimezone(value)
    assert caught.value.precondition == VALID


# -- hostile bodies ------------------------------------------------------------------------------

SEEDS = [*LENIENT.values(), *NO_DATA.values()]


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_mutated_body_is_accepted_or_refused_and_nothing_else(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 30)))
        body[start:end] = data.draw(
            st.binary(max_size=8)
            | st.sampled_from([b"", b"\r\n", b"\n ", b":", b";", b"-", b"999999999999", b"T", b"Z"])
        )
    _accepted_or_refused(bytes(body))


@settings(deadline=None)
@given(st.binary())
@example(b"BEGIN:VCALENDAR\r\n" * 5000)
@example(b"BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\nDTSTART" + b";A=B" * 50_000)
@example(event("RRULE:FREQ=DAILY;BYDAY=" + "MO," * 100_000))
@example(event("EXDATE:" + "20260504," * 10_000 + "x"))
def test_any_bytes_are_accepted_or_refused_and_nothing_else(body: bytes) -> None:
    _accepted_or_refused(body)


MAY = TimeRange(1_777_593_600, 1_780_272_000)
ALARMS_IN_MAY = CompFilter("VALARM", time_range=MAY)
START_IN_MAY = PropFilter("DTSTART", time_range=MAY)
IN_MAY = CompFilter(
    "VCALENDAR",
    comp_filters=tuple(
        CompFilter(name, False, MAY, (START_IN_MAY,), (ALARMS_IN_MAY,), Test.ANYOF)
        for name in ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY")
    ),
    test=Test.ANYOF,
)


def _accepted_or_refused(body: bytes) -> None:
    """And what is accepted can be indexed and queried without an error."""
    try:
        checked = check(body)
        bounds(checked.root, checked.component)
        alarm_bounds(checked.root, checked.component)
    except InvalidContent as refused:
        answer = refused.precondition
    else:
        answer = CALDAV + str(match_calendar(checked.root, IN_MAY, ZoneInfo("Europe/Berlin")))
    assert str(answer).startswith(CALDAV)
