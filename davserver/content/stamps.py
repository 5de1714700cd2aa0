"""Date and time values as integers: the lexical forms of RFC 5545 3.3 and nothing about zones.

Belongs here: DATE, DATE-TIME, DURATION and UTC-OFFSET text ↔ numbers, and calendar arithmetic.
Does not belong here: what a zone does to a value (zones), what a property means (times).

The idea: a wall-clock time is one integer, the seconds since 1970-01-01T00:00:00 read as if the
clock stood in UTC; a day is that divided by 86,400. Integers compare, add and jump at once, over
the whole range of years 1 to 9999, where datetime objects would have to be built for each step.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from davserver.errors import InvalidContent
from davserver.sentences import Sentence

DAY = 86_400
MIN_SECONDS = -62_135_596_800
"""0001-01-01T00:00:00, the first moment that a DATE-TIME can name here."""
MAX_SECONDS = 253_402_300_799
"""9999-12-31T23:59:59, the last moment that four digits can name."""

_EPOCH = datetime(1970, 1, 1)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,12})H)?(?:(\d{1,12})M)?(?:(\d{1,12})S)?)?",
    re.ASCII,
)
_UTC_OFFSET = re.compile(r"([+-]?)(\d\d):?(\d\d):?(\d\d)?", re.ASCII)


class Stamp(NamedTuple):
    """A DATE or DATE-TIME value without its zone: wall-clock seconds and its form."""

    seconds: int
    is_date: bool
    is_utc: bool


class Span(NamedTuple):
    """A DURATION: nominal days (which a zone may stretch) and exact seconds, equally signed."""

    days: int
    seconds: int


def parse_stamp(text: str) -> Stamp:
    """A DATE or a DATE-TIME, told apart by their form; InvalidContent for anything else.

    Clients leave out ``VALUE=DATE`` too often to insist on it. Second 60 is read as 59.
    """
    return _stamp(text.strip())


@lru_cache(maxsize=1024)
def _stamp(text: str) -> Stamp:  # a check, an index and a query ask for one value several times
    is_utc = text[-1:] in ("Z", "z")
    digits = text[:-1] if is_utc else text
    try:
        if len(digits) == 8 and digits.isdecimal() and digits.isascii() and not is_utc:
            return Stamp((date.fromisoformat(digits).toordinal() - _EPOCH_ORDINAL) * DAY, True, False)
        if len(digits) == 15 and digits[8] == "T" and (digits[:8] + digits[9:]).isdecimal():
            past = datetime.fromisoformat(digits if digits[13:] != "60" else digits[:13] + "59") - _EPOCH
            return Stamp(past.days * DAY + past.seconds, False, is_utc)
    except ValueError:
        pass
    raise InvalidContent(Sentence("Not a DATE or DATE-TIME: %(text)r", text=text[:40]))


def parse_duration(text: str) -> Span:
    """A DURATION in all forms of RFC 5545 3.3.6, and ``P1DT``, which Apple's tests send."""
    return _span(text.strip())


@lru_cache(maxsize=256)
def _span(text: str) -> Span:
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        raise InvalidContent(Sentence("Not a DURATION: %(text)r", text=text[:40]))
    weeks, days, hours, minutes, seconds = (int(group or 0) for group in match.groups()[1:])
    sign = -1 if match[1] == "-" else 1
    return Span(sign * (weeks * 7 + days), sign * (hours * 3600 + minutes * 60 + seconds))


def parse_utc_offset(text: str) -> int:
    """A UTC-OFFSET in seconds east of Greenwich."""
    match = _UTC_OFFSET.fullmatch(text.strip())
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        raise InvalidContent(Sentence("Not a UTC-OFFSET: %(text)r", text=text[:40]))
    seconds = int(match[2]) * 3600 + int(match[3]) * 60 + int(match[4] or 0)
    return -seconds if match[1] == "-" else seconds


def format_local(seconds: int) -> str:
    """``YYYYMMDDTHHMMSS``; moments beyond the years 1 to 9999 become the nearest end."""
    clamped = min(max(seconds, MIN_SECONDS), MAX_SECONDS)
    return (_EPOCH + timedelta(seconds=clamped)).isoformat().replace("-", "").replace(":", "")


def format_utc(seconds: int) -> str:
    """``YYYYMMDDTHHMMSSZ``."""
    return format_local(seconds) + "Z"


def format_date(seconds: int) -> str:
    """``YYYYMMDD``."""
    return format_local(seconds)[:8]


def format_duration(seconds: int) -> str:
    """An exact DURATION, never with days, so that no zone can stretch it."""
    sign, rest = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, minutes, left = rest // 3600, rest // 60 % 60, rest % 60
    text = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (left, "S")) if value)
    return f"{sign}PT{text or '0S'}"


def format_utc_offset(seconds: int) -> str:
    """Inverse of :func:`parse_utc_offset`."""
    rest = abs(seconds)
    tail = f"{rest % 60:02}" if rest % 60 else ""
    return f"{'-' if seconds < 0 else '+'}{rest // 3600:02}{rest // 60 % 60:02}{tail}"


def year_of(day: int) -> int:
    """The year of a day number (days since 1970-01-01), at most 9999, at least 1."""
    return date.fromordinal(min(max(day + _EPOCH_ORDINAL, 1), 3_652_059)).year


def year_start(year: int) -> int:
    """The day number of January 1st."""
    past = year - 1
    return 365 * (year - 1970) + past // 4 - past // 100 + past // 400 - 477


def is_leap(year: int) -> bool:
    """Whether the year has a February 29th."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def calendar_date(seconds: int) -> date:
    """The calendar date of wall-clock seconds inside the years 1 to 9999."""
    return date.fromordinal(seconds // DAY + _EPOCH_ORDINAL)


def to_datetime(seconds: int) -> datetime:
    """A naive datetime of wall-clock seconds, clamped to the years 1 to 9999."""
    return _EPOCH + timedelta(seconds=min(max(seconds, MIN_SECONDS), MAX_SECONDS))


def from_datetime(value: datetime) -> int:
    """Inverse of :func:`to_datetime`; a zone on the value is ignored."""
    past = value.replace(tzinfo=None) - _EPOCH
    return past.days * DAY + past.seconds
