"""What a calendar may store: the check of an uploaded calendar object resource.

Belongs here: RFC 4791's preconditions of PUT that depend on the body alone, with RFC 5545's syntax where
a wrong value would leave it unclear what happens when. Does not belong here: what a collection
allows (its components, its UIDs, sizes), instances (instances), searching (search).

Strict where the object would mean nothing or two things; lenient where clients are known to stray and
the meaning is clear: missing PRODID or DTSTAMP, dates without VALUE=DATE, EXDATE of another type, Windows
zone names, zones by name alone (RFC 7809), bad escapes, anything in properties that place nothing in time.

RFC 4791 4.1, 5.3.2.1; RFC 5545 3.6; RFC 7953.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from davserver.content.instances import refuse_unanswerable
from davserver.content.lines import Component, Line, decode, parse_components, unescape_text
from davserver.content.recur import parse_rule
from davserver.content.search import calendar_search
from davserver.content.stamps import Stamp, parse_duration, parse_stamp, parse_utc_offset
from davserver.content.zones import named_zone
from davserver.errors import CALDAV, InvalidContent
from davserver.sentences import Sentence


@dataclass(frozen=True, slots=True)
class CalendarLimits:
    """What is announced on calendars (RFC 4791 5.2.6-5.2.9); times as DATE-TIME in UTC."""

    max_instances: int = 10_000
    max_attendees_per_instance: int = 1000
    min_date_time: str = "16000101T000000Z"
    max_date_time: str = "29991231T235959Z"


@dataclass(frozen=True, slots=True)
class CheckedCalendar:
    """A calendar object that may be stored.

    ``component`` is the one name that its components besides VTIMEZONE have, ``uid`` their one UID,
    unescaped; ``search`` the text of :mod:`davserver.content.search`.
    """

    root: Component
    component: str
    uid: str
    search: str


def check_calendar_object(body: bytes, limits: CalendarLimits) -> CheckedCalendar:
    """Check the body of a PUT.

    :raises InvalidContent: 403 with the precondition of RFC 4791 5.3.2.1 that the body violates.
    """
    root = parse_calendar(body)
    components = _components(root)
    uid = _check_identity(components)
    zones = _check_zones(root)
    for component in components:
        _check_component(component, limits)
        _check_zone_names(component, zones)
    refuse_unanswerable(root, limits.max_instances)
    return CheckedCalendar(root, components[0].name, uid, calendar_search(components))


def parse_calendar(body: bytes) -> Component:
    """The one VCALENDAR of a body, with VERSION 2.0; CALDAV:valid-calendar-data where it has none."""
    roots = parse_components(decode(body))
    if len(roots) != 1 or roots[0].name != "VCALENDAR":
        raise InvalidContent("The body is not exactly one VCALENDAR.")
    root = roots[0]
    if [line.value.strip() for line in root.all("VERSION")] != ["2.0"]:
        raise InvalidContent("A VCALENDAR needs VERSION:2.0.")
    if (root.value("CALSCALE") or "GREGORIAN").strip().upper() != "GREGORIAN":
        raise InvalidContent("Only CALSCALE:GREGORIAN is supported.")
    return root


def check_vtimezone(text: str) -> str:
    """The TZID of the value of a calendar-timezone property (RFC 4791 5.2.2): one VTIMEZONE in a VCALENDAR.

    :raises InvalidContent: with CALDAV:valid-calendar-data for anything else.
    """
    root = parse_calendar(text.encode(errors="surrogatepass"))
    if [child.name for child in root.children] != ["VTIMEZONE"]:
        raise InvalidContent("A time zone is a VCALENDAR with exactly one VTIMEZONE.")
    return _check_zone(root.children[0])


def _not_an_object(message: str) -> InvalidContent:
    return InvalidContent(message, CALDAV + "valid-calendar-object-resource")


def _components(root: Component) -> list[Component]:
    """The components besides VTIMEZONE and private ones, all of one name (RFC 4791 4.1)."""
    if root.first("METHOD"):
        raise _not_an_object("A stored calendar object has no METHOD.")
    found = [
        child for child in root.children if child.name != "VTIMEZONE" and not child.name.startswith("X-")
    ]
    if not found:
        raise _not_an_object("There is no event, task or journal entry in the object.")
    if len({component.name for component in found}) > 1:
        raise _not_an_object("The object has components of different types.")
    return found


def _check_identity(components: list[Component]) -> str:
    """The one UID; at most one component without RECURRENCE-ID, no instance overridden twice."""
    uids = {unescape_text(line.value).strip() for component in components for line in component.all("UID")}
    if len(uids) != 1 or "" in uids or not all(component.first("UID") for component in components):
        raise _not_an_object("The components need one UID, the same for all.")
    if len(components) > 1:
        keys = [_recurrence_id(component) for component in components]
        if len(set(keys)) < len(keys):
            raise _not_an_object("Two components stand for the same instance.")
    return uids.pop()


def _recurrence_id(component: Component) -> tuple[str, str]:
    line = component.first("RECURRENCE-ID")
    return ("", "") if line is None else (line.value.strip().upper(), line.param("TZID") or "")


def _check_zones(root: Component) -> set[str]:
    """The TZIDs that the object defines itself."""
    return {_check_zone(child) for child in root.children if child.name == "VTIMEZONE"}


def _check_zone(zone: Component) -> str:
    """The TZID of a VTIMEZONE. One without rules, as some clients send, must have a known name."""
    tzid = (zone.value("TZID") or "").strip()
    if not tzid:
        raise InvalidContent("A VTIMEZONE has no TZID.")
    observances = [child for child in zone.children if child.name in ("STANDARD", "DAYLIGHT")]
    if not observances and named_zone(tzid) is None:
        raise InvalidContent(Sentence("The VTIMEZONE %(tzid)r has no rules.", tzid=tzid[:60]))
    for observance in observances:
        for name in ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO"):
            if observance.first(name) is None:
                raise InvalidContent(
                    Sentence("The VTIMEZONE %(tzid)r has a rule without %(name)s.", tzid=tzid[:60], name=name)
                )
        for line in observance.lines:
            _check_line(line)
    return tzid


def _check_component(component: Component, limits: CalendarLimits) -> None:
    seen: dict[str, Line] = {}
    for line in component.lines:
        if line.name in _SYNTAX:
            _check_line(line)
            if line.name in _ONCE and line.name in seen:
                raise InvalidContent(Sentence("%(name)s is there twice.", name=line.name))
            seen[line.name] = line
    if "DTSTART" not in seen and component.name in ("VEVENT", "AVAILABLE"):
        raise InvalidContent(Sentence("A %(name)s needs a DTSTART.", name=component.name))
    _check_extent(component.name, seen)
    _check_limits(component, seen, limits)
    for child in component.children:
        if child.name == "AVAILABLE":
            _check_component(child, limits)
        elif child.name == "VALARM":
            for line in child.lines:
                _check_line(line)


def _check_extent(name: str, seen: dict[str, Line]) -> None:
    """DTEND or DURATION, of DTSTART's type and not before it. Tasks are not held to the last two:
    clients write a DUE of another type, and one that DTSTART was moved beyond."""
    end = seen.get("DUE" if name == "VTODO" else "DTEND")
    if end is None:
        return
    if "DURATION" in seen:
        raise InvalidContent(Sentence("%(name)s and DURATION exclude each other.", name=end.name))
    if name == "VTODO" or "DTSTART" not in seen:
        return
    start, stop = parse_stamp(seen["DTSTART"].value), parse_stamp(end.value)
    zones = _zone_of(seen["DTSTART"], start), _zone_of(end, stop)
    if start.is_date != stop.is_date or (zones[0] is None) != (zones[1] is None):
        raise InvalidContent("DTEND has another value type than DTSTART.")
    if zones[0] == zones[1] and stop.seconds < start.seconds:
        raise InvalidContent("DTEND is before DTSTART.")


def _zone_of(line: Line, stamp: Stamp) -> str | None:
    """What the wall-clock time is relative to; None for dates and floating times."""
    if stamp.is_date:
        return None
    return "Z" if stamp.is_utc else line.param("TZID")


MOST_RULES = 20
"""RRULEs of one component; RFC 5545 3.8.5.3 advises against a second one, and every query reads all."""


def _check_limits(component: Component, seen: dict[str, Line], limits: CalendarLimits) -> None:
    if "RRULE" in seen and len(component.all("RRULE")) > MOST_RULES:
        raise InvalidContent("The object has too many recurrence rules.", CALDAV + "max-instances")
    if len(component.all("ATTENDEE")) > limits.max_attendees_per_instance:
        raise InvalidContent("The object has too many attendees.", CALDAV + "max-attendees-per-instance")
    lowest, highest = _seconds(limits.min_date_time), _seconds(limits.max_date_time)
    for name in ("DTSTART", "DTEND", "DUE", "RECURRENCE-ID"):
        if name in seen:
            seconds = parse_stamp(seen[name].value).seconds
            if seconds < lowest:
                raise InvalidContent(
                    Sentence("%(name)s is too far in the past.", name=name), CALDAV + "min-date-time"
                )
            if seconds > highest:
                raise InvalidContent(
                    Sentence("%(name)s is too far in the future.", name=name), CALDAV + "max-date-time"
                )


@lru_cache(maxsize=8)
def _seconds(date_time: str) -> int:
    return parse_stamp(date_time).seconds


def _check_zone_names(component: Component, zones: set[str]) -> None:
    """Every TZID that places a time must be defined in the object or be known here (RFC 7809 5.6)."""
    for part in (component, *component.children):
        for line in part.lines:
            if line.params and line.name in _SYNTAX and "TZID" in line.params and line.value[-1:] != "Z":
                tzid = line.params["TZID"][0].strip()
                if tzid not in zones and named_zone(tzid) is None:
                    raise InvalidContent(
                        Sentence("Unknown time zone: %(tzid)r", tzid=tzid[:60]), CALDAV + "valid-timezone"
                    )


def _check_line(line: Line) -> None:
    """The value of a property that places something in time; others are the clients' affair."""
    check = _SYNTAX.get(line.name)
    if check is not None:
        check(line)


def _check_stamp(line: Line) -> None:
    stamp = parse_stamp(line.value)
    if not stamp.is_date and line.params and (line.param("VALUE") or "").upper() == "DATE":
        raise InvalidContent(Sentence("%(name)s has a time but says VALUE=DATE.", name=line.name))


def _check_duration(line: Line) -> None:
    if min(parse_duration(line.value)) < 0:
        raise InvalidContent("A DURATION must not be negative.")


def _check_trigger(line: Line) -> None:
    if line.value.lstrip("+- ")[:1] in ("P", "p"):
        parse_duration(line.value)
    else:
        parse_stamp(line.value)


def _check_repeat(line: Line) -> None:
    if not re.fullmatch(r"\s*\d{0,9}\s*", line.value, re.ASCII):
        raise InvalidContent(Sentence("Not a number of repetitions: %(value)r", value=line.value[:20]))


def _check_rule(line: Line) -> None:
    parse_rule(line.value)


def _check_offset(line: Line) -> None:
    parse_utc_offset(line.value)


def _check_times(line: Line) -> None:
    """A list of dates, times or periods; clients leave empty ones behind."""
    for value in line.value.split(","):
        start, slash, end = value.strip().partition("/")
        if not slash:
            if start:
                parse_stamp(start)
            continue
        seconds = parse_stamp(start).seconds
        length = parse_duration(end) if end[:1] in "P+-" else (0, parse_stamp(end).seconds - seconds)
        if min(length) < 0:
            raise InvalidContent(
                Sentence("%(name)s has a period that ends before it starts.", name=line.name)
            )


_SYNTAX: dict[str, Callable[[Line], None]] = {
    "DTSTART": _check_stamp,
    "DTEND": _check_stamp,
    "DUE": _check_stamp,
    "RECURRENCE-ID": _check_stamp,
    "COMPLETED": _check_stamp,
    "DURATION": _check_duration,
    "TRIGGER": _check_trigger,
    "REPEAT": _check_repeat,
    "RRULE": _check_rule,
    "EXRULE": _check_rule,
    "RDATE": _check_times,
    "EXDATE": _check_times,
    "FREEBUSY": _check_times,
    "TZOFFSETFROM": _check_offset,
    "TZOFFSETTO": _check_offset,
}
"""Properties that place something in time → the check of their value."""

_ONCE = frozenset({"DTSTART", "DTEND", "DUE", "DURATION", "RECURRENCE-ID"})
"""Properties that must not be there twice, because two of them would mean two things."""
