"""Objects that hang, fill or crash calendar servers, from the bug lists of the peers and from RFC corners.

``HOSTILE`` holds (name, body). None of them may cost a server more than milliseconds at PUT, nor, once
stored, in any query. ``REFUSED`` names those that PUT has to refuse.
"""

from __future__ import annotations

from tests.content.objects import calendar, component

BERLIN = "DTSTART;TZID=Europe/Berlin:20200106T090000"
HOUR = "DURATION:PT1H"


def _event(*lines: str) -> bytes:
    return calendar(component("VEVENT", *lines))


def _rule(rule: str, start: str = BERLIN) -> bytes:
    return _event(start, HOUR, f"RRULE:{rule}")


def _override(*lines: str) -> str:
    return component("VEVENT", *lines)


def _dates(count: int) -> str:
    return ",".join(
        f"{2000 + day // 360}{day // 30 % 12 + 1:02}{day % 30 % 28 + 1:02}T{day % 24:02}0000Z"
        for day in range(count)
    )


_MANY_FUTURES = [
    _override(
        f"RECURRENCE-ID;RANGE=THISANDFUTURE:{year}{month:02}01T090000Z",
        f"DTSTART:{year}{month:02}01T1{month % 10}0000Z",
        HOUR,
    )
    for year in range(2021, 2051)
    for month in range(1, 13)
]
_MANY_OVERRIDES = [
    _override(
        f"RECURRENCE-ID:{year}{month:02}{day:02}T090000Z", f"DTSTART:{year}{month:02}{day:02}T230000Z", HOUR
    )
    for year in range(2021, 2024)
    for month in range(1, 13)
    for day in range(1, 28)
]
_BAD_ZONE = """\
BEGIN:VTIMEZONE
TZID:Bad
BEGIN:STANDARD
DTSTART:16010101T000000
TZOFFSETFROM:+0100
TZOFFSETTO:+0000
RRULE:FREQ=SECONDLY
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T000000
TZOFFSETFROM:+0000
TZOFFSETTO:+0100
RRULE:FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10;BYMINUTE=0,1,2,3,4,5,6,7,8,9;BYSECOND=0,1,2,3,4,5,6,7,8,9
END:DAYLIGHT
END:VTIMEZONE"""
_ALL = ",".join(map(str, range(60)))
_ALL_DAYS = ",".join(map(str, range(1, 367)))
_ALL_PLACES = ",".join(map(str, range(-366, 0)))
_HOURS = ",".join(map(str, range(24)))

HOSTILE: tuple[tuple[str, bytes], ...] = (
    # Rules without an end that are too dense to be answered.
    ("endless SECONDLY (Radicale, Xandikos, CVE-2025-59045)", _rule("FREQ=SECONDLY")),
    ("endless MINUTELY", _rule("FREQ=MINUTELY")),
    ("SECONDLY from year 1", _rule("FREQ=SECONDLY", "DTSTART:00010101T000000Z")),
    (
        "every second of every day by lists",
        _rule(f"FREQ=DAILY;BYHOUR={_HOURS};BYMINUTE={_ALL};BYSECOND={_ALL}"),
    ),
    ("SECONDLY with a huge COUNT", _rule("FREQ=SECONDLY;COUNT=9999999999")),
    ("SECONDLY until the year 9999", _rule("FREQ=SECONDLY;UNTIL=99991231T235959Z")),
    # Rules that never match, searched for ever by those who step.
    ("SECONDLY on February 30th", _rule("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30")),
    ("MINUTELY on April 31st", _rule("FREQ=MINUTELY;BYMONTH=4;BYMONTHDAY=31")),
    ("DAILY on February 30th", _rule("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")),
    ("YEARLY on February 30th", _rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")),
    ("WEEKLY on February 30th", _rule("FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30;BYSETPOS=1")),
    ("MONTHLY, the sixth Monday by BYSETPOS", _rule("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6")),
    (
        "MONTHLY, even months from January, in July",
        _rule("FREQ=MONTHLY;INTERVAL=2;BYMONTH=8;BYDAY=MO;BYSETPOS=1"),
    ),
    ("every second second, in odd seconds", _rule("FREQ=SECONDLY;INTERVAL=2;BYSECOND=1,3,5")),
    ("HOURLY once a day, at another hour", _rule("FREQ=HOURLY;INTERVAL=24;BYHOUR=10")),
    (
        "day 366 of years that are never leap",
        _rule("FREQ=YEARLY;INTERVAL=2;BYYEARDAY=366", "DTSTART:20210101T000000Z"),
    ),
    ("leap day every hundred years", _rule("FREQ=YEARLY;INTERVAL=100;BYMONTH=2;BYMONTHDAY=29")),
    # Rules that match once in centuries.
    (
        "a second that drifts through the day",
        _rule("FREQ=SECONDLY;INTERVAL=86399;BYHOUR=3;BYMINUTE=3;BYSECOND=3"),
    ),
    (
        "a grid wider than a day",
        _rule("FREQ=SECONDLY;INTERVAL=86401;BYHOUR=3;BYMINUTE=0;BYSECOND=0;BYMONTH=2;BYMONTHDAY=29"),
    ),
    ("HOURLY with a huge INTERVAL", _rule("FREQ=HOURLY;INTERVAL=9999999999")),
    ("DAILY with a huge INTERVAL", _rule("FREQ=DAILY;INTERVAL=9999999999")),
    ("WEEKLY with a huge INTERVAL", _rule("FREQ=WEEKLY;INTERVAL=9999999999;BYSETPOS=1")),
    ("INTERVAL=0 (dateutil loops)", _rule("FREQ=DAILY;INTERVAL=0")),
    # Far away.
    ("DAILY since the year 1", _rule("FREQ=DAILY", "DTSTART:00010101T000000Z")),
    (
        "DAILY since 1601 with COUNT (Baïkal: 500)",
        _rule("FREQ=DAILY;COUNT=1000000", "DTSTART:16010101T000000Z"),
    ),
    ("in the last second of the year 9999", _rule("FREQ=SECONDLY", "DTSTART:99991231T235959Z")),
    (
        "an all-day event on the last day (Xandikos: overflow)",
        _event("DTSTART;VALUE=DATE:99991231", "RRULE:FREQ=DAILY"),
    ),
    ("a length of twenty million years", _event(BERLIN, "DURATION:P999999999W", "RRULE:FREQ=DAILY")),
    ("a negative length", _event(BERLIN, "DURATION:-P999D", "RRULE:FREQ=DAILY")),
    (
        "an end before the start",
        _event(BERLIN, "DTEND;TZID=Europe/Berlin:19700101T000000", "RRULE:FREQ=DAILY"),
    ),
    (
        "each day lasts a thousand years",
        _event("DTSTART;VALUE=DATE:20200101", "DTEND;VALUE=DATE:30200101", "RRULE:FREQ=DAILY"),
    ),
    # Sets without any instance (Baïkal: 500).
    ("UNTIL before DTSTART (Confluence)", _rule("FREQ=DAILY;UNTIL=20190101T000000Z")),
    (
        "every instance excluded",
        _event(
            BERLIN,
            HOUR,
            "RRULE:FREQ=DAILY;COUNT=2",
            "EXDATE;TZID=Europe/Berlin:20200106T090000,20200107T090000",
        ),
    ),
    (
        "an endless EXRULE against an endless RRULE",
        _event(BERLIN, HOUR, "RRULE:FREQ=DAILY", "EXRULE:FREQ=DAILY"),
    ),
    ("a SECONDLY EXRULE", _event(BERLIN, HOUR, "RRULE:FREQ=HOURLY", "EXRULE:FREQ=SECONDLY;BYSECOND=0")),
    # Many of everything.
    ("9,000 RDATEs", _event(BERLIN, HOUR, f"RDATE:{_dates(9_000)}")),
    (
        "9,000 EXDATEs",
        _event("DTSTART:20000101T000000Z", HOUR, "RRULE:FREQ=HOURLY", f"EXDATE:{_dates(9_000)}"),
    ),
    ("200 rules", _event(BERLIN, HOUR, *(f"RRULE:FREQ=YEARLY;BYYEARDAY={day}" for day in range(1, 201)))),
    (
        "a thousand overrides",
        calendar(component("VEVENT", "DTSTART:20200101T090000Z", HOUR, "RRULE:FREQ=DAILY"), *_MANY_OVERRIDES),
    ),
    (
        "360 times THISANDFUTURE",
        calendar(component("VEVENT", "DTSTART:20200101T090000Z", HOUR, "RRULE:FREQ=DAILY"), *_MANY_FUTURES),
    ),
    (
        "BYYEARDAY and BYSETPOS with all numbers",
        _rule(f"FREQ=YEARLY;BYYEARDAY={_ALL_DAYS};BYSETPOS={_ALL_PLACES}"),
    ),
    (
        "an alarm that rings a billion times",
        calendar(
            f"BEGIN:VEVENT\nUID:a\n{BERLIN}\nRRULE:FREQ=DAILY\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-P9999W\nDURATION:PT1S\nREPEAT:999999999\nEND:VALARM\nEND:VEVENT"
        ),
    ),
    # Types mixed up (Radicale, Xandikos: 500).
    (
        "EXDATE as DATE and DATE-TIME",
        _event(
            BERLIN,
            HOUR,
            "RRULE:FREQ=DAILY",
            "EXDATE;VALUE=DATE:20200107",
            "EXDATE:20200108T080000Z",
            "EXDATE:20200109T090000",
        ),
    ),
    (
        "RDATE as PERIOD, DATE and floating",
        _event(
            BERLIN,
            HOUR,
            "RDATE;VALUE=PERIOD:20200107T080000Z/P1D",
            "RDATE;VALUE=DATE:20200108",
            "RDATE:20200109T090000",
        ),
    ),
    (
        "a DATE start, an UNTIL with a time, a time in BYHOUR",
        _event("DTSTART;VALUE=DATE:20200101", "RRULE:FREQ=DAILY;BYHOUR=1,2,3;UNTIL=20300101T120000Z"),
    ),
    ("SECONDLY from a DATE", _event("DTSTART;VALUE=DATE:20200101", "RRULE:FREQ=SECONDLY;COUNT=100")),
    (
        "an override without its series",
        _event("RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20200101", "DTSTART;VALUE=DATE:20200102"),
    ),
    # Zones.
    (
        "a VTIMEZONE that changes each second",
        calendar(
            _BAD_ZONE, component("VEVENT", "DTSTART;TZID=Bad:20200101T000000", HOUR, "RRULE:FREQ=DAILY")
        ),
    ),
    (
        "a VTIMEZONE without rules",
        calendar(
            "BEGIN:VTIMEZONE\nTZID:Empty\nEND:VTIMEZONE",
            component("VEVENT", "DTSTART;TZID=Empty:20200101T000000", HOUR, "RRULE:FREQ=DAILY"),
        ),
    ),
    (
        "a TZID that is a path",
        _event("DTSTART;TZID=../../../../etc/passwd:20200101T000000", HOUR, "RRULE:FREQ=DAILY"),
    ),
    ("a TZID that is a folder", _event("DTSTART;TZID=America:20200101T000000", HOUR, "RRULE:FREQ=DAILY")),
)
"""(name, body) of each object."""

REFUSED = frozenset(
    {
        "endless SECONDLY (Radicale, Xandikos, CVE-2025-59045)",
        "endless MINUTELY",
        "SECONDLY from year 1",
        "every second of every day by lists",
        "SECONDLY with a huge COUNT",
        "SECONDLY until the year 9999",
        "a second that drifts through the day",
        "a grid wider than a day",
    }
)
"""Names of those that ``refuse_unanswerable`` refuses when 10,000 instances are allowed."""
