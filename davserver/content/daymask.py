"""The days of a year as the bits of one integer: bit 0 is January 1st.

Belongs here: which days of a year the BYMONTH, BYMONTHDAY, BYYEARDAY, BYWEEKNO and BYDAY parts of
an RRULE allow, and which days an INTERVAL touches. Does not belong here: times of day, COUNT,
UNTIL, BYSETPOS (recur).

The idea: a part is a mask of 366 bits, parts combine by AND, a year's number of occurrences is the
mask's bit count, and a year without any costs one comparison with zero. A mask depends on the kind
of year only (weekday of January 1st, leap or not), so each rule has 14 at most (56 with BYWEEKNO).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from davserver.content.stamps import is_leap, year_start

_COMMON = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LENGTHS = (_COMMON, (31, 29, *_COMMON[2:]))
MONTH_STARTS = tuple(tuple(accumulate(lengths, initial=0)) for lengths in _LENGTHS)
"""For common and leap years: the day of the year on which each month starts, and the year's length."""
FULL = tuple((1 << starts[12]) - 1 for starts in MONTH_STARTS)
"""All days of a common and of a leap year."""
MONTHS = tuple(
    tuple(((1 << length) - 1) << start for length, start in zip(lengths, starts, strict=False))
    for lengths, starts in zip(_LENGTHS, MONTH_STARTS, strict=True)
)
"""For common and leap years: the days of each month."""
_EVERY_SEVENTH = sum(1 << day for day in range(0, 366, 7))


@dataclass(frozen=True, slots=True)
class DayFilter:
    """The parts of an RRULE that choose days. ``by_day`` holds (ordinal or 0, weekday, Monday = 0).

    ``frame`` says inside what an ordinal counts: ``month``, ``year`` or, where RFC 5545 allows no
    ordinals, nothing (they are ignored then, as all known clients do). ``skip`` is RFC 7529's.
    """

    by_month: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    week_start: int = 0
    frame: str = ""
    skip: str = "OMIT"


ANY_DAY = DayFilter()


def year_kind(year: int, days: DayFilter) -> tuple[int, bool, bool, bool]:
    """What a mask depends on: weekday of January 1st, leapness of this, the last and the next year."""
    weekday = (year_start(year) + 3) % 7
    if days.by_week_no:
        return weekday, is_leap(year), is_leap(year - 1), is_leap(year + 1)
    return weekday, is_leap(year), False, False


@lru_cache(maxsize=2)
def all_year_kinds(*, with_neighbours: bool) -> frozenset[tuple[int, bool, bool, bool]]:
    """Every kind of year that exists, for filters with BYWEEKNO or without; 400 years hold them all."""
    days = DayFilter(by_week_no=(1,)) if with_neighbours else ANY_DAY
    return frozenset(year_kind(year, days) for year in range(2000, 2400))


@lru_cache(maxsize=4096)
def allowed_days(days: DayFilter, kind: tuple[int, bool, bool, bool]) -> int:
    """The mask of the days that the filter allows in a year of that kind."""
    weekday, leap = kind[0], kind[1]
    mask = FULL[leap]
    if days.by_month_day:
        mask &= _month_days(days, leap)
    elif days.by_month:
        mask &= _months(days.by_month, leap)
    if days.by_year_day:
        mask &= _year_days(days.by_year_day, MONTH_STARTS[leap][12])
    if days.by_week_no:
        mask &= _week_numbers(days, kind)
    if days.by_day:
        mask &= _weekdays(days, weekday, leap)
    return mask & FULL[leap]


def _months(by_month: tuple[int, ...], leap: bool) -> int:
    mask = 0
    for month in by_month:
        mask |= MONTHS[leap][month - 1]
    return mask


def _month_days(days: DayFilter, leap: bool) -> int:
    """BYMONTHDAY inside the months of BYMONTH; a SKIP other than OMIT moves days that do not exist."""
    mask, starts = 0, MONTH_STARTS[leap]
    for month in days.by_month or range(1, 13):
        first, after = starts[month - 1], starts[month]
        for number in days.by_month_day:
            day = first + number - 1 if number > 0 else after + number
            if first <= day < after:
                mask |= 1 << day
            elif number > 0 and days.skip != "OMIT":
                mask |= 1 << (after if days.skip == "FORWARD" else after - 1)
    return mask


def _year_days(numbers: tuple[int, ...], length: int) -> int:
    mask = 0
    for number in numbers:
        day = number - 1 if number > 0 else length + number
        if 0 <= day < length:
            mask |= 1 << day
    return mask


def _first_week(weekday: int, week_start: int) -> int:
    """The day of the year (maybe negative) on which week 1 starts: it has four days in the year."""
    into = (weekday - week_start) % 7
    return -into if into <= 3 else 7 - into


def _week_numbers(days: DayFilter, kind: tuple[int, bool, bool, bool]) -> int:
    """Days of the year in the numbered weeks, even in a week that belongs to a neighbouring year."""
    weekday, length = kind[0], 365 + kind[1]
    before = 365 + kind[2]
    first = _first_week(weekday, days.week_start)
    following = length + _first_week((weekday + length) % 7, days.week_start)
    preceding = _first_week((weekday - before) % 7, days.week_start) - before
    last = following + 7 * _weeks((weekday + length) % 7, 365 + kind[3], days.week_start)
    mask = 0
    for start, end in ((preceding, first), (first, following), (following, last)):
        weeks = (end - start) // 7
        for number in days.by_week_no:
            index = number - 1 if number > 0 else weeks + number
            if 0 <= index < weeks:
                day = start + 7 * index
                mask |= 127 << day if day >= 0 else 127 >> -day if day > -7 else 0
    return mask


def _weeks(weekday: int, length: int, week_start: int) -> int:
    start = _first_week(weekday, week_start)
    return (length + _first_week((weekday + length) % 7, week_start) - start) // 7


def _weekdays(days: DayFilter, weekday: int, leap: bool) -> int:
    mask, starts = 0, MONTH_STARTS[leap]
    frames: list[tuple[int, int]] = [(0, starts[12])]
    if days.frame == "month":
        months = days.by_month or range(1, 13)
        frames = [(starts[month - 1], starts[month]) for month in months]
    for ordinal, day in days.by_day:
        if ordinal == 0 or not days.frame:
            mask |= _EVERY_SEVENTH << (day - weekday) % 7
            continue
        for first, after in frames:
            found = first + (day - weekday - first) % 7
            weeks = ordinal - 1 if ordinal > 0 else (after - 1 - found) // 7 + ordinal + 1
            found += 7 * weeks
            if first <= found < after:
                mask |= 1 << found
    return mask


@lru_cache(maxsize=256)
def _stripes(cycle: int, width: int) -> int:
    """``width`` bits set at each multiple of ``cycle``, over more than a year and one cycle."""
    repeats = 366 // cycle + 2
    return ((1 << width) - 1) * (((1 << cycle * repeats) - 1) // ((1 << cycle) - 1))


def striped_days(cycle: int, width: int, offset: int) -> int:
    """Every ``cycle`` days the first ``width`` ones; the year starts ``offset`` days into a cycle."""
    if cycle <= 366:
        return _stripes(cycle, width) >> offset
    stripe = (1 << width) - 1
    mask = stripe >> offset if offset < width else 0
    return mask | stripe << (cycle - offset) if cycle - offset < 366 else mask


def bits(mask: int) -> Iterator[int]:
    """The numbers of the set bits, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
