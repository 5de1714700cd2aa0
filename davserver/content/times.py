"""Date and time properties: content line → :class:`Moment`, with its zone (RFC 5545 3.3.4-3.3.9).

Belongs here: what a property's value and TZID mean. Does not belong here: which properties make an
instance (instances), how a zone works (zones), how digits are read (stamps).

Lenient where clients are: the form of the value decides between DATE and DATE-TIME, not VALUE=;
a TZID beside a ``Z`` is ignored; EXDATE and RDATE may mix DATE, DATE-TIME and PERIOD.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from davserver.content.lines import Line
from davserver.content.stamps import (
    Span,
    Stamp,
    format_date,
    format_duration,
    format_local,
    format_utc,
    parse_duration,
    parse_stamp,
    parse_utc_offset,
)
from davserver.content.zones import (
    UTC_ZONE,
    Zone,
    Zones,
    as_zone,
    calendar_zone,
    known_zone,
    named_zone,
    vtimezone,
    zone_of_vtimezone,
)
from davserver.errors import InvalidContent

__all__ = [
    "UTC_ZONE",
    "Moment",
    "Period",
    "Span",
    "Stamp",
    "Zone",
    "Zones",
    "as_zone",
    "calendar_zone",
    "format_date",
    "format_duration",
    "format_local",
    "format_utc",
    "known_zone",
    "named_zone",
    "parse_duration",
    "parse_moment",
    "parse_moments",
    "parse_periods",
    "parse_stamp",
    "parse_utc_offset",
    "property_in_range",
    "vtimezone",
    "zone_of_vtimezone",
]


class Moment(NamedTuple):
    """A DATE or DATE-TIME with its zone; ``zone`` is None where it floats (every DATE does)."""

    local: int
    zone: Zone | None
    is_date: bool

    def utc(self, default: Zone) -> int:
        """Seconds since 1970 in UTC; floating values are read in the default zone."""
        return (self.zone or default).to_utc(self.local)

    def plus(self, span: Span) -> Moment:
        """Later by a nominal duration: days on the calendar, then exact seconds (RFC 5545 3.3.6)."""
        local = self.local + span.days * 86_400
        if self.zone is None or not span.seconds:
            return self._replace(local=local + span.seconds)
        return self._replace(local=self.zone.to_local(self.zone.to_utc(local) + span.seconds))


class Period(NamedTuple):
    """A PERIOD: its start and either its end or its length."""

    start: Moment
    end: Moment | Span

    def utc(self, default: Zone) -> tuple[int, int]:
        """Start and end in UTC seconds."""
        end = self.start.plus(self.end) if isinstance(self.end, Span) else self.end
        return self.start.utc(default), end.utc(default)


def parse_moment(line: Line, zones: Zones) -> Moment:
    """The value of a DATE or DATE-TIME property."""
    return _moment(parse_stamp(line.value), line, zones)


def parse_moments(line: Line, zones: Zones) -> Iterator[Moment | Period]:
    """The values of EXDATE or RDATE, in the order of the line. Empty values are skipped."""
    for item in line.value.split(","):
        if "/" in item:
            yield _period(item, line, zones)
        elif item.strip():
            yield _moment(parse_stamp(item), line, zones)


def parse_periods(line: Line, zones: Zones) -> Iterator[Period]:
    """The values of FREEBUSY; InvalidContent for anything but periods."""
    for item in line.value.split(","):
        if item.strip():
            yield _period(item, line, zones)


def property_in_range(line: Line, zones: Zones, start: int | None, end: int | None) -> bool:
    """A prop-filter's time-range on a DATE or DATE-TIME property (RFC 4791 9.9): start <= value < end.

    A value that is no date or time (an X- property, for example) is in no range.
    """
    try:
        values = [item.start if isinstance(item, Period) else item for item in parse_moments(line, zones)]
    except InvalidContent:
        return False
    moments = [value.utc(zones.default) for value in values]
    return any((start is None or start <= moment) and (end is None or moment < end) for moment in moments)


def _moment(stamp: Stamp, line: Line, zones: Zones) -> Moment:
    if stamp.is_date:
        return Moment(stamp.seconds, None, True)
    if stamp.is_utc:
        return Moment(stamp.seconds, UTC_ZONE, False)
    tzid = line.params.get("TZID")
    return Moment(stamp.seconds, zones.get(tzid[0]) if tzid else None, False)


def _period(text: str, line: Line, zones: Zones) -> Period:
    start, _, end = text.partition("/")
    first = _moment(parse_stamp(start), line, zones)
    if "P" in end.upper():
        return Period(first, parse_duration(end))
    return Period(first, _moment(parse_stamp(end), line, zones))
