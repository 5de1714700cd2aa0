"""Random calendar objects, cards, filters and windows: what people's calendars hold, and stranger things.

Each maker takes a ``random.Random``, so that a seed names a collection. Not all that is made may be stored:
whoever uses it asks the checks of PUT first. Moments lie around YEAR_2026, and WINDOWS_NEAR them, so that
windows touch the ends of instances more often than chance would have it.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from davserver.content.filters import (
    CardFilter,
    CompFilter,
    MatchType,
    ParamFilter,
    PropFilter,
    Test,
    TextMatch,
    TimeRange,
)
from tests.content.objects import BERLIN, calendar, text

DAY = 86_400
START_2026 = 1_767_225_600

FAR = """\
BEGIN:VTIMEZONE
TZID:Far/Out
BEGIN:STANDARD
TZOFFSETFROM:+1245
TZOFFSETTO:+1345
DTSTART:19700101T000000
RRULE:FREQ=YEARLY;BYMONTH=9;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
TZOFFSETFROM:+1345
TZOFFSETTO:+1245
DTSTART:19700405T000000
RRULE:FREQ=YEARLY;BYMONTH=4;BYDAY=1SU
END:DAYLIGHT
END:VTIMEZONE"""
WEST = """\
BEGIN:VTIMEZONE
TZID:(UTC-11:00) Home
BEGIN:STANDARD
TZOFFSETFROM:-1100
TZOFFSETTO:-1100
DTSTART:16010101T000000
END:STANDARD
END:VTIMEZONE"""
LYING = WEST.replace("(UTC-11:00) Home", "Asia/Tokyo")

ZONES = {
    "": "",
    "Z": "",
    "Europe/Berlin": BERLIN,
    "America/New_York": "",
    "America/Sao_Paulo": "",
    "Pacific/Apia": "",
    "Asia/Tokyo": LYING,
    "Far/Out": FAR,
    "(UTC-11:00) Home": WEST,
    "W. Europe Standard Time": BERLIN.replace("Europe/Berlin", "W. Europe Standard Time"),
}
"""TZID → the VTIMEZONE that comes with it; "" is a floating time, Z is UTC, DATE stands for a DATE."""
DATE = "DATE"
CALENDAR_ZONES = (
    "",
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Kiritimati",
    "Africa/Cairo",
    "Asia/Kolkata",
)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def moment(rng: Random, *, early: bool = False) -> datetime:
    """A wall-clock time in or around 2026, mostly on a round minute; early: also decades before."""
    year = rng.choice((1951, 1968, 1999, 2012, 2020, 2024, 2025)) if early and rng.random() < 0.6 else 2026
    days = rng.choice((rng.randrange(366), rng.randrange(366), 0, 30, 31, 58, 59, 87, 297, 364))
    seconds = rng.choice((0, 0, 9 * 3600, 2 * 3600 + 1800, rng.randrange(96) * 900, rng.randrange(DAY)))
    return datetime(year, 1, 1) + timedelta(days=days, seconds=seconds)


def value(zone: str, when: datetime) -> str:
    """The parameters and the value of a time: ``;TZID=…:…``."""
    if zone == DATE:
        return f";VALUE=DATE:{when:%Y%m%d}"
    if zone in ("", "Z"):
        return f":{when:%Y%m%dT%H%M%S}{zone}"
    quoted = f'"{zone}"' if ":" in zone else zone
    return f";TZID={quoted}:{when:%Y%m%dT%H%M%S}"


def _bare(zone: str, when: datetime) -> str:
    return value(zone, when).rpartition(":")[2]


# -- series


def rule(rng: Random, zone: str, start: datetime) -> str:
    """An RRULE that a program may have made."""
    freq = rng.choice(("YEARLY",) * 4 + ("MONTHLY",) * 4 + ("WEEKLY",) * 3 + ("DAILY",) * 2 + ("HOURLY",))
    parts = [f"FREQ={freq}"]
    if rng.random() < 0.5:
        parts.append(f"INTERVAL={rng.choice((1, 2, 3, 4, 5, 6, 7, 9, 12, 18, 24))}")
    parts += _PARTS[freq](rng)
    end = rng.random()
    if end < 0.15:
        parts.append(f"COUNT={rng.choice((1, 2, 3, 10, 50))}")
    elif end < 0.4:
        until = start + timedelta(days=rng.choice((-1, 0, 1, 30, 366, 5000)))
        parts.append("UNTIL=" + _bare(zone if zone == DATE else rng.choice(("Z", "")), until))
    return ";".join(parts)


def _some(rng: Random, name: str, choices: range | tuple[str, ...], most: int = 2) -> str:
    count = rng.randint(1, most)
    return f"{name}=" + ",".join(str(one) for one in rng.sample(list(choices), count))


def _yearly(rng: Random) -> list[str]:
    chosen: list[list[str]] = [
        [],
        [],
        [],
        [_some(rng, "BYMONTH", range(1, 13))],
        [_some(rng, "BYMONTH", range(1, 13)), _some(rng, "BYMONTHDAY", range(1, 32))],
        [_some(rng, "BYMONTH", range(1, 13), 1), f"BYDAY={rng.choice((1, 2, -1))}{rng.choice(WEEKDAYS)}"],
        [_some(rng, "BYYEARDAY", range(-366, 0))],
        [_some(rng, "BYYEARDAY", range(1, 367))],
        [_some(rng, "BYWEEKNO", range(1, 54)), _some(rng, "BYDAY", WEEKDAYS)],
        [f"BYDAY={rng.choice((1, 20, -1))}{rng.choice(WEEKDAYS)}"],
        [
            _some(rng, "BYMONTH", range(1, 13)),
            _some(rng, "BYDAY", WEEKDAYS),
            f"BYSETPOS={rng.choice((1, -1))}",
        ],
        [_some(rng, "BYMONTHDAY", range(-31, 0))],
    ]
    return rng.choice(chosen)


def _monthly(rng: Random) -> list[str]:
    chosen: list[list[str]] = [
        [],
        [],
        [_some(rng, "BYMONTHDAY", range(1, 32))],
        [_some(rng, "BYMONTHDAY", range(-31, 0), 1)],
        [f"BYDAY={rng.choice((1, 3, 5, -1))}{rng.choice(WEEKDAYS)}"],
        ["BYDAY=MO,TU,WE,TH,FR", f"BYSETPOS={rng.choice((1, -1, 22))}"],
        [_some(rng, "BYMONTH", range(1, 13))],
        [_some(rng, "BYMONTH", range(1, 13)), _some(rng, "BYMONTHDAY", range(1, 32))],
        ["BYHOUR=1,23"],
    ]
    return rng.choice(chosen)


def _weekly(rng: Random) -> list[str]:
    parts = [[], [_some(rng, "BYDAY", WEEKDAYS, 3)], [_some(rng, "BYMONTH", range(1, 13))], ["WKST=SU"]]
    return rng.choice(parts)


def _daily(rng: Random) -> list[str]:
    return rng.choice([[], [_some(rng, "BYMONTH", range(1, 13))], [_some(rng, "BYDAY", WEEKDAYS)]])


_PARTS: dict[str, Callable[[Random], list[str]]] = {
    "YEARLY": _yearly,
    "MONTHLY": _monthly,
    "WEEKLY": _weekly,
    "DAILY": _daily,
    "HOURLY": _daily,
}


def _series(rng: Random, zone: str, start: datetime) -> list[str]:
    """The recurrence lines of a master."""
    lines = [f"RRULE:{rule(rng, zone, start)}"] if rng.random() < 0.9 else []
    for name, chance in (("EXDATE", 0.3), ("RDATE", 0.15 if lines else 1)):
        if rng.random() < chance:
            days = rng.choice((0, 1, 7, 31, 365, 400))
            lines.append(name + value(zone, start + timedelta(days=days)))
    if rng.random() < 0.08:
        begin = moment(rng)
        length = rng.choice(("PT1H", "P3D", f"{begin + timedelta(days=40):%Y%m%dT%H%M%SZ}"))
        lines.append(f"RDATE;VALUE=PERIOD:{begin:%Y%m%dT%H%M%SZ}/{length}")
    return lines


# -- objects


def _length(rng: Random, name: str, zone: str, start: datetime) -> list[str]:
    """DTEND or DUE, DURATION or nothing; some months long, some with another zone."""
    kind = rng.random()
    if kind < 0.2:
        return []
    days = rng.choice((0, 0, 1, 2, 14, 19, 20, 21, 45, 400)) if rng.random() < 0.5 else 0
    if kind < 0.4:
        exact = "" if zone == DATE else rng.choice(("", "T1H", "T25H", "T30M", "T1S", "T0S"))
        return [f"DURATION:{'-' if rng.random() < 0.03 else ''}P{days}D{exact}"]
    end = start + timedelta(days=days, seconds=rng.choice((0, 1, 3600, 3600, 5400, 86_399)))
    other = rng.choice(tuple(ZONES)) if zone != DATE and rng.random() < 0.1 else zone
    return [name + value(other, end)]


WORDS = (
    "Meeting",
    "birthday",
    "Käse",
    "ÄRZTIN",
    "straße",
    "a;b,c",
    "line\nbreak",
    "İstanbul",
    "x" * 230,
    "Nr 100%_",
)


def _text(rng: Random) -> str:
    words = " ".join(rng.sample(WORDS, rng.choice((1, 1, 2, 3))))
    return words.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


ANN = frozenset({"mailto:ann@example.org"})
ANSWERS = ("ACCEPTED", "DECLINED", "TENTATIVE", "NEEDS-ACTION")


def _described(rng: Random) -> list[str]:
    """Properties that people search for."""
    lines = [f"SUMMARY:{_text(rng)}"] if rng.random() < 0.8 else []
    makers: list[Callable[[], str]] = [
        lambda: f"LOCATION:{_text(rng)}",
        lambda: f"DESCRIPTION;LANGUAGE=de:{_text(rng)}",
        lambda: f"CATEGORIES:{_text(rng)},{_text(rng)}",
        lambda: f"STATUS:{rng.choice(('CONFIRMED', 'TENTATIVE', 'CANCELLED', 'NEEDS-ACTION', 'COMPLETED'))}",
        lambda: f"TRANSP:{rng.choice(('OPAQUE', 'TRANSPARENT'))}",
        lambda: f"CLASS:{rng.choice(('PUBLIC', 'PRIVATE'))}",
        lambda: f"X-MICROSOFT-CDO-BUSYSTATUS:{rng.choice(('FREE', 'OOF', 'BUSY', 'TENTATIVE'))}",
        lambda: f"PRIORITY:{rng.randrange(10)}",
        lambda: f"X-ODD:{_text(rng)}",
        lambda: f"ATTENDEE;PARTSTAT={rng.choice(ANSWERS)}:mailto:Ann@example.org",
    ]
    lines += [make() for make in makers if rng.random() < 0.25]
    if rng.random() < 0.15:
        count = rng.choice((1, 2, 60))
        state = rng.choice(("ACCEPTED", "DECLINED"))
        lines += [f"ATTENDEE;PARTSTAT={state};CN=N {n}:mailto:n{n}@example.org" for n in range(count)]
    return lines


def _alarm(rng: Random) -> list[str]:
    trigger = rng.choice(
        ("TRIGGER:-PT15M", "TRIGGER;RELATED=END:P1D", "TRIGGER;VALUE=DATE-TIME:20260501T080000Z")
    )
    return ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Meeting", trigger, "END:VALARM"]


_ENDS = {"VEVENT": "DTEND", "VTODO": "DUE"}


def _timed(rng: Random, name: str, uid: str) -> bytes:
    zone = rng.choice((*ZONES, "", "Z", DATE, DATE, DATE))
    recurs = rng.random() < 0.6
    start = moment(rng, early=recurs)
    master = ["DTSTART" + value(zone, start)]
    length = _length(rng, _ENDS[name], zone, start) if name in _ENDS else []
    if name == "VTODO":
        master += rng.choice(([], [], ["COMPLETED:20260601T120000Z"], ["CREATED:20260201T080000Z"]))
    series = _series(rng, zone, start) if recurs else []
    texts = _described(rng)
    alarm = _alarm(rng) if rng.random() < 0.15 else []
    parts = [*_component(name, uid, [*master, *length, *series, *texts, *alarm])]
    if series and rng.random() < 0.3:
        for _ in range(rng.choice((1, 1, 2))):
            parts += _component(name, uid, [*_override(rng, name, zone, start), *_described(rng)])
        if rng.random() < 0.1:
            del parts[: parts.index(f"END:{name}") + 1]
    return calendar(*_vtimezones("\n".join(parts)), *parts)


def _override(rng: Random, name: str, zone: str, start: datetime) -> list[str]:
    identity = start + timedelta(days=rng.choice((0, 1, 7, 7, 14, 28, 365, 366)))
    moved = identity + timedelta(days=rng.choice((0, 0, 1, -3, 90)), hours=rng.choice((0, 0, 2)))
    future = ";RANGE=THISANDFUTURE" if rng.random() < 0.2 else ""
    own = zone if rng.random() < 0.8 else rng.choice(("Z", "", DATE, "Europe/Berlin"))
    length = _length(rng, _ENDS[name], own, moved) if name in _ENDS else []
    return [f"RECURRENCE-ID{future}{value(zone, identity)}", "DTSTART" + value(own, moved), *length]


def _component(name: str, uid: str, lines: list[str]) -> list[str]:
    return [f"BEGIN:{name}", f"UID:{uid}", "DTSTAMP:20260101T000000Z", *lines, f"END:{name}"]


def _vtimezones(body: str) -> list[str]:
    return [definition for zone, definition in ZONES.items() if definition and zone in body]


def _undated_task(rng: Random, uid: str) -> bytes:
    lines = [
        name + value(rng.choice(("Z", "Z", "Z", "")), moment(rng))
        for name in ("COMPLETED", "CREATED")
        if rng.random() < 0.5
    ]
    if rng.random() < 0.4:
        lines = ["DUE" + value(rng.choice((*ZONES, DATE)), moment(rng))]
        if rng.random() < 0.3:
            lines.append("RRULE:FREQ=MONTHLY")
    parts = _component("VTODO", uid, [*lines, *_described(rng)])
    return calendar(*_vtimezones("\n".join(parts)), *parts)


def _published(rng: Random, uid: str) -> bytes:
    begin = moment(rng)
    lines = [f"DTSTART:{begin:%Y%m%dT%H%M%SZ}", f"DTEND:{begin + timedelta(days=7):%Y%m%dT%H%M%SZ}"]
    lines = lines if rng.random() < 0.5 else []
    for _ in range(rng.choice((1, 2))):
        first = begin + timedelta(hours=rng.randrange(100))
        kind = rng.choice(("", ";FBTYPE=BUSY-TENTATIVE", ";FBTYPE=FREE", ";FBTYPE=BUSY-UNAVAILABLE"))
        lines.append(f"FREEBUSY{kind}:{first:%Y%m%dT%H%M%SZ}/PT{rng.choice((1, 24, 1000))}H")
    return calendar(*_component("VFREEBUSY", uid, lines))


def calendar_object(rng: Random, uid: str) -> bytes:
    """Any calendar object, mostly events."""
    kind = rng.random()
    if kind < 0.05:
        return _undated_task(rng, uid)
    if kind < 0.09:
        return _published(rng, uid)
    return _timed(rng, "VEVENT" if kind < 0.75 else "VTODO" if kind < 0.92 else "VJOURNAL", uid)


def card(rng: Random, uid: str) -> bytes:
    """Any card."""
    version = rng.choice(("3.0", "4.0"))
    lines = ["BEGIN:VCARD", f"VERSION:{version}", f"UID:{uid}", f"FN:{_text(rng)}"]
    lines.append(f"N:{_text(rng)};{_text(rng)};;;")
    makers: list[Callable[[], str]] = [
        lambda: f"EMAIL;TYPE={rng.choice(('HOME', 'work'))}:{rng.choice(('ann', 'Bob', 'eve'))}@example.org",
        lambda: f"item1.TEL;TYPE=cell:+49 {rng.randrange(10**6)}",
        lambda: f"TEL:{rng.randrange(10**6)}",
        lambda: f"ORG:{_text(rng)};{_text(rng)}",
        lambda: f"NICKNAME:{_text(rng)},{_text(rng)}",
        lambda: f"ADR;TYPE=home:;;{_text(rng)};Berlin;;;",
        lambda: f"NOTE:{_text(rng)} {_text(rng)}",
        lambda: f"CATEGORIES:{_text(rng)}",
        lambda: f"X-ODD:{_text(rng)}",
        lambda: f"ATTENDEE;PARTSTAT={rng.choice(ANSWERS)}:mailto:Ann@example.org",
        lambda: (
            "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo="
            if version == "3.0"
            else "PHOTO:data:image/png;base64,AA=="
        ),
    ]
    lines += [make() for make in makers if rng.random() < 0.4]
    if rng.random() < 0.05:
        lines += [f"EMAIL:n{n}@example.org" for n in range(60)]
    return text(*lines, "END:VCARD").encode()


# -- windows and filters


def window(rng: Random, *, bounded: bool = False) -> TimeRange:
    """A month, a day, a year, an hour, a second, an open end."""
    local = timegm(moment(rng, early=rng.random() < 0.3).timetuple())
    start = local + rng.choice((0, 0, 0, 1, -1, 3600, -3600, -7200, 18_000, -49_500, 12 * 3600))
    length = rng.choice(
        (1, 1, 2, 3600, DAY, DAY, 7 * DAY, 31 * DAY, 31 * DAY, 92 * DAY, 299 * DAY, 366 * DAY)
    )
    open_end = 1 if bounded else rng.random()
    if open_end < 0.08:
        return TimeRange(None, start)
    if open_end < 0.16:
        return TimeRange(start, None)
    if open_end < 0.4:
        first = datetime(2026 + rng.randrange(-2, 3), rng.randint(1, 12), 1)
        return TimeRange(
            timegm(first.timetuple()), timegm((first + timedelta(days=31)).replace(day=1).timetuple())
        )
    return TimeRange(start, start + length)


COLLATIONS = ("i;ascii-casemap", "i;octet", "i;unicode-casemap")
NEEDLES = (
    "meet",
    "Meeting",
    "KÄSE",
    "käse",
    "STRASSE",
    "straße",
    "ärztin",
    "i̇stanbul",
    "a;b",
    "b,c",
    "xx",
    "line\nb",
)
NEEDLES_OF = {
    "UID": ("uid-1", "UID-1", "uid-17"),
    "ATTENDEE": ("n1@", "N59@example"),
    "STATUS": ("COMPLETED", "confirmed"),
    "EMAIL": ("ann", "BOB@example.org", "n55"),
    "TEL": ("+49", "9", "12"),
}
CALENDAR_NAMES = (
    "SUMMARY",
    "SUMMARY",
    "LOCATION",
    "DESCRIPTION",
    "CATEGORIES",
    "STATUS",
    "UID",
    "ATTENDEE",
    "X-ODD",
)
CARD_NAMES = (
    "FN",
    "N",
    "EMAIL",
    "EMAIL",
    "TEL",
    "item1.TEL",
    "ORG",
    "NICKNAME",
    "NOTE",
    "CATEGORIES",
    "PHOTO",
    "UID",
    "X-ODD",
)
PARAMETERS = {"ATTENDEE": ("PARTSTAT", "accept"), "EMAIL": ("TYPE", "WORK"), "TEL": ("TYPE", "cell")}


def _text_match(rng: Random, name: str) -> TextMatch:
    needle = rng.choice(NEEDLES_OF.get(name.rpartition(".")[2], NEEDLES))
    return TextMatch(needle, rng.choice(COLLATIONS), rng.random() < 0.2, rng.choice(tuple(MatchType)))


def _prop_filter(rng: Random, names: tuple[str, ...]) -> PropFilter:
    name = rng.choice(names)
    if rng.random() < 0.15:
        return PropFilter(name, is_not_defined=True)
    matches = tuple(_text_match(rng, name) for _ in range(rng.choice((0, 1, 1, 1, 2))))
    params: tuple[ParamFilter, ...] = ()
    if name in PARAMETERS and rng.random() < 0.4:
        param, needle = PARAMETERS[name]
        params = (ParamFilter(param, text_match=TextMatch(needle, COLLATIONS[0])),)
    return PropFilter(name, False, None, matches, params, rng.choice(tuple(Test)))


def _comp_filter(rng: Random) -> CompFilter:
    name = rng.choice(("VEVENT", "VEVENT", "VEVENT", "VTODO", "VTODO", "VJOURNAL", "VFREEBUSY"))
    kind = rng.random()
    if kind < 0.05:
        return CompFilter(name, is_not_defined=True)
    if kind < 0.5:
        return CompFilter(name, time_range=window(rng))
    span = window(rng) if rng.random() < 0.5 else None
    props = tuple(_prop_filter(rng, CALENDAR_NAMES) for _ in range(rng.choice((0, 1, 1, 2))))
    inner: tuple[CompFilter, ...] = ()
    if rng.random() < 0.15:
        inner = (CompFilter("VALARM", time_range=window(rng) if rng.random() < 0.7 else None),)
    return CompFilter(name, False, span, props, inner, rng.choice((Test.ALLOF, Test.ALLOF, Test.ANYOF)))


def calendar_filter(rng: Random) -> CompFilter:
    """A filter for VCALENDAR with one condition on components, or two."""
    parts = tuple(_comp_filter(rng) for _ in range(rng.choice((1, 1, 1, 1, 2))))
    test = rng.choice(tuple(Test))
    if len({part.name for part in parts}) > 1 and all(
        part == CompFilter(part.name, time_range=part.time_range) for part in parts
    ):
        test = Test.ANYOF  # of these the server takes the first (protocol/reports/filter)
    return CompFilter("VCALENDAR", comp_filters=parts, test=test)


def card_filter(rng: Random) -> CardFilter:
    """A filter for cards."""
    props = tuple(_prop_filter(rng, CARD_NAMES) for _ in range(rng.choice((1, 1, 2))))
    return CardFilter(props, rng.choice(tuple(Test)))
