"""The filter elements of calendar-query and addressbook-query as values of content.filters.

A filter that is malformed is refused with valid-filter, one that names what is not known with
supported-filter or supported-collation (RFC 4791 7.8, RFC 6352 8.6).
"""

from __future__ import annotations

import re
from calendar import timegm
from dataclasses import replace
from datetime import UTC, tzinfo

from davserver import davxml
from davserver.content import ical, lines, zones
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
from davserver.davxml import CALDAV, CARDDAV, Element
from davserver.errors import HttpError
from davserver.jobs.free_busy import zone_of_calendar
from davserver.protocol.properties.caldav import COLLATIONS
from davserver.protocol.request import Request

_DATE_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
DEFAULT_COLLATIONS = {CALDAV: "i;ascii-casemap", CARDDAV: "i;unicode-casemap"}


def utc_seconds(value: str) -> int:
    """Seconds of a UTC date-time as time-range attributes have it."""
    match = _DATE_TIME.fullmatch(value.strip())
    if match is None:
        raise HttpError(400, f"{value[:40]!r} is no date with UTC time.", CALDAV + "valid-filter")
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    if not (year and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        raise HttpError(400, f"{value!r} is no date with UTC time.", CALDAV + "valid-filter")
    return timegm((year, month, day, hour, minute, second))


def time_range(element: Element) -> TimeRange:
    """start and end of a time-range-like element (RFC 4791 9.9)."""
    start, end = element.get("start"), element.get("end")
    if start is None and end is None:
        raise _invalid(CALDAV, "A time-range has a start or an end.")
    span = TimeRange(None if start is None else utc_seconds(start), None if end is None else utc_seconds(end))
    if span.start is not None and span.end is not None and span.end <= span.start:
        raise _invalid(CALDAV, "A time-range ends after its start.")
    return span


def _invalid(space: str, message: str) -> HttpError:
    return HttpError(403, message, space + "valid-filter")


def calendar_filter(root: Element) -> CompFilter:
    """The filter of a calendar-query: one comp-filter for VCALENDAR (RFC 4791 9.7)."""
    holder = davxml.child(root, CALDAV + "filter")
    filters = [] if holder is None else davxml.children(holder, CALDAV + "comp-filter")
    if len(filters) != 1:
        raise _invalid(CALDAV, "A filter has one comp-filter, for VCALENDAR.")
    found = _comp_filter(filters[0], 0)
    if found.name.upper() != "VCALENDAR":
        raise _invalid(CALDAV, "The outermost comp-filter is for VCALENDAR.")
    return _loosened(found)


_MAIN = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY")
_OF_VCALENDAR = {"VERSION", "PRODID", "CALSCALE", "METHOD"}


def _loosened(top: CompFilter) -> CompFilter:
    """What can match nothing by the letter, since an object has one kind of component (RFC 4791 4.1).

    Conditions on VCALENDAR that only its components can meet go down to them: python-caldav means "in any
    component" by leaving it out. Of several kinds that are asked for by nothing but a time, the first is
    found, as by CalendarServer and Baïkal (CalDAVTester: reports 17a, 21a, 23a).
    """
    plain = [part for part in top.comp_filters if part == CompFilter(part.name, time_range=part.time_range)]
    kinds = {part.name.upper() for part in plain}
    is_plain = top == CompFilter(top.name, comp_filters=tuple(plain))
    if is_plain and 1 < len(kinds) == len(plain) and kinds <= set(_MAIN):
        return replace(top, comp_filters=top.comp_filters[:1])
    lower = tuple(part for part in top.prop_filters if part.name.upper() not in _OF_VCALENDAR)
    if top.comp_filters or not (lower or top.time_range):
        return top
    parts = tuple(CompFilter(name, False, top.time_range, lower, test=top.test) for name in _MAIN)
    return CompFilter(top.name, comp_filters=parts, test=Test.ANYOF)


def _comp_filter(element: Element, level: int) -> CompFilter:
    span = davxml.child(element, CALDAV + "time-range")
    name = _name(element, CALDAV)
    if level > 4:
        raise _invalid(CALDAV, "The filter is nested too deeply.")
    return CompFilter(
        name,
        _is_not_defined(element, CALDAV),
        None if span is None else time_range(span),
        tuple(_prop_filter(one, CALDAV) for one in davxml.children(element, CALDAV + "prop-filter")),
        tuple(_comp_filter(one, level + 1) for one in davxml.children(element, CALDAV + "comp-filter")),
        _test(element, Test.ALLOF, CALDAV),
    )


def _prop_filter(element: Element, space: str) -> PropFilter:
    span = davxml.child(element, CALDAV + "time-range") if space == CALDAV else None
    return PropFilter(
        _name(element, space),
        _is_not_defined(element, space),
        None if span is None else time_range(span),
        tuple(_text_match(one, space) for one in davxml.children(element, space + "text-match")),
        tuple(_param_filter(one, space) for one in davxml.children(element, space + "param-filter")),
        _test(element, Test.ALLOF if space == CALDAV else Test.ANYOF, space),
    )


def _param_filter(element: Element, space: str) -> ParamFilter:
    match = davxml.child(element, space + "text-match")
    return ParamFilter(
        _name(element, space),
        _is_not_defined(element, space),
        None if match is None else _text_match(match, space),
    )


def _text_match(element: Element, space: str) -> TextMatch:
    collation = (element.get("collation") or "default").strip()
    if collation == "default":
        collation = DEFAULT_COLLATIONS[space]
    if collation not in COLLATIONS:
        raise HttpError(403, f"Collations are {', '.join(COLLATIONS)}.", space + "supported-collation")
    kind = (element.get("match-type") or "contains").strip().lower()
    if kind in ("endswith", "startswith"):  # CalendarServer's clients write so, and get what contains it
        kind = "contains"
    if kind not in tuple(MatchType):
        raise _invalid(space, "match-type is equals, contains, starts-with or ends-with.")
    negate = (element.get("negate-condition") or "no").strip().lower() == "yes"
    return TextMatch("".join(element.itertext()), collation, negate, MatchType(kind))


def card_filter(root: Element) -> CardFilter:
    """The filter of an addressbook-query (RFC 6352 10.5)."""
    holder = davxml.child(root, CARDDAV + "filter")
    if holder is None:
        raise _invalid(CARDDAV, "An addressbook-query has a filter.")
    filters = davxml.children(holder, CARDDAV + "prop-filter")
    return CardFilter(
        tuple(_prop_filter(one, CARDDAV) for one in filters), _test(holder, Test.ANYOF, CARDDAV)
    )


def _name(element: Element, space: str) -> str:
    name = (element.get("name") or "").strip()
    if not name:
        raise _invalid(space, "A filter element has a name.")
    return name


def _is_not_defined(element: Element, space: str) -> bool:
    if davxml.child(element, space + "is-not-defined") is None:
        return False
    if len([one for one in element if isinstance(one.tag, str)]) > 1:
        raise _invalid(space, "is-not-defined stands alone.")
    return True


def _test(element: Element, default: Test, space: str) -> Test:
    value = (element.get("test") or default.value).strip().lower()
    if value not in tuple(Test):
        raise _invalid(space, "test is anyof or allof.")
    return Test(value)


def zone_of(request: Request, root: Element | None = None) -> tzinfo:
    """The zone in which dates and floating times are read (RFC 4791 7.3).

    In order: the timezone or timezone-id of the query, the calendar's, the owner's, the server's.
    """
    named = _queried_zone(root) if root is not None else None
    if named is not None:
        return named
    calendar, owner = request.node.collection, request.node.owner
    own = zone_of_calendar(calendar) if calendar is not None else None
    if own is not None:
        return own
    name = (owner.timezone if owner else "") or request.settings.accounts.timezone
    return (zones.named_zone(name) if name else None) or UTC


def _queried_zone(root: Element) -> tzinfo | None:
    zone_id = davxml.child(root, CALDAV + "timezone-id")
    if zone_id is not None:
        named = zones.named_zone(davxml.text_of(zone_id).strip())
        if named is None:
            raise HttpError(403, "The time zone is not known.", CALDAV + "valid-timezone")
        return named
    text = davxml.child(root, CALDAV + "timezone")
    return None if text is None else zone_in(davxml.text_of(text))


def zone_in(text: str) -> tzinfo:
    """The zone of a VCALENDAR with one VTIMEZONE."""
    ical.check_vtimezone(text)
    return zones.calendar_zone(lines.parse_components(text)[0]) or UTC
