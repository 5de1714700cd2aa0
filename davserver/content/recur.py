"""Recurrence rules: RRULE text → :class:`Rule`, and the search for occurrences (RFC 5545 3.3.10, 3.8.5.3).

Belongs here: parsing RRULE and finding wall-clock occurrences inside a window. Does not belong
here: zones, EXDATE, RDATE, overrides, durations (instances).

The idea: no period depends on an earlier one, so the search starts at the period that holds the
window's start, however far DTSTART is. Days come from the bit masks of daymask, a year at a time;
SECONDLY to HOURLY work through the grid points of the allowed days. COUNT becomes an end date by
adding up the masks' bit counts. What cannot be found cheaply is limited by a :class:`Budget` that
counts work, not time, so the same object gets the same answer on every machine.

DTSTART is always the first occurrence, also where the rule does not produce it: RFC 5545 leaves
that open, and Thunderbird, Apple, Evolution and Google show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import compress, islice, product
from math import gcd

from davserver.content.daymask import (
    ANY_DAY,
    FULL,
    MONTHS,
    DayFilter,
    all_year_kinds,
    allowed_days,
    bits,
    striped_days,
    year_kind,
)
from davserver.content.stamps import (
    DAY,
    MAX_SECONDS,
    Stamp,
    calendar_date,
    is_leap,
    parse_stamp,
    year_of,
    year_start,
)
from davserver.errors import CALDAV, BudgetExceeded, InvalidContent
from davserver.sentences import Sentence

WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
UNITS = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}
"""The grid of the frequencies below a day, in seconds."""
FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", *UNITS)
_LAST_DAY = MAX_SECONDS // DAY
_LONGEST_TEXT = 4_000
_COUNT_STEPS = 20_000
_DOUBTFUL = 12
"""After so many years without an occurrence it is worth asking whether there can be any."""


@dataclass(slots=True)
class Budget:
    """How much an expansion may cost: instances it may yield and steps it may search.

    A step is a year, a period of a BYSETPOS rule, a day of a sub-daily rule or a grid point that
    was looked at in vain: at most a few microseconds each. What one object uses is also taken from
    ``whole``, the budget of all that a request looks at.
    """

    instances: int = 10_000
    steps: int = 10_000
    whole: Budget | None = None

    @classmethod
    def of_request(cls, instances: int) -> Budget:
        """For any number of objects: as many steps as instances, since each object needs a few."""
        return cls(instances, instances)

    def instance(self, cost: int = 1) -> None:
        """Account for one instance; BudgetExceeded when there is none left."""
        self.instances -= cost
        if self.instances < 0:
            raise BudgetExceeded("A recurrence has more instances than an answer may hold.")
        if self.whole is not None:
            self.whole.instance(cost)

    def step(self, cost: int = 1) -> None:
        """Account for steps; BudgetExceeded when there are not so many left."""
        self.steps -= cost
        if self.steps < 0:
            raise BudgetExceeded("A recurrence rule needs too long a search for its instances.")
        if self.whole is not None:
            self.whole.step(cost)


@dataclass(frozen=True, slots=True)
class Rule:
    """A parsed RRULE. Names are RFC 5545's; ``by_day`` holds (ordinal or 0, weekday, Monday = 0)."""

    freq: str
    interval: int = 1
    count: int | None = None
    until: Stamp | None = None
    by_second: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_hour: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0
    skip: str = "OMIT"


def parse_rule(text: str) -> Rule:
    """The rule of an RRULE value; InvalidContent where RFC 5545 or RFC 7529 do not allow it."""
    if len(text) > _LONGEST_TEXT:
        raise InvalidContent("An RRULE is too long.")
    return _parse_rule(text.strip().upper())


@lru_cache(maxsize=256)
def _parse_rule(text: str) -> Rule:
    parts: dict[str, str] = {}
    for part in filter(None, text.split(";")):
        name, _, value = part.partition("=")
        name = name.strip()
        if name in parts:
            raise InvalidContent(Sentence("RRULE has %(name)s twice.", name=name[:20]))
        parts[name] = value.strip()
    if parts.pop("RSCALE", "GREGORIAN") != "GREGORIAN":
        raise InvalidContent("Only RSCALE=GREGORIAN is supported.", CALDAV + "supported-rscale")
    values: dict[str, object] = {}
    for name, value in parts.items():
        if name.startswith("X-"):
            continue
        if name not in _PARTS:
            raise InvalidContent(Sentence("Unknown part of an RRULE: %(name)r", name=name[:20]))
        attribute, parse = _PARTS[name]
        values[attribute] = parse(name, value)
    if "freq" not in values:
        raise InvalidContent("An RRULE without FREQ.")
    return _checked(Rule(**values))  # type: ignore[arg-type]


def _checked(rule: Rule) -> Rule:
    if rule.skip == "FORWARD" and (rule.by_set_pos or (rule.freq == "MONTHLY" and rule.interval > 1)):
        raise InvalidContent(
            "SKIP=FORWARD is supported without BYSETPOS and without INTERVAL over months only.",
            CALDAV + "supported-rscale",
        )
    return rule


def _choice(*allowed: str) -> Callable[[str, str], str]:
    def parse(name: str, value: str) -> str:
        if value not in allowed:
            raise InvalidContent(Sentence("Bad %(name)s in an RRULE: %(value)r", name=name, value=value[:20]))
        return value

    return parse


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= 10):
        raise InvalidContent(Sentence("Bad %(name)s in an RRULE: %(value)r", name=name, value=value[:20]))
    return int(value)


def _interval(name: str, value: str) -> int:
    """INTERVAL=0 is sent in the wild; Thunderbird reads it as 1, dateutil loops for ever."""
    return max(_number(name, value), 1)


def _count(name: str, value: str) -> int | None:
    """COUNT=0 means no limit to libical and ical.js, so to Evolution and Thunderbird."""
    return _number(name, value) or None


def _until(name: str, value: str) -> Stamp:
    return parse_stamp(value)


def _week_start(name: str, value: str) -> int:
    if value not in WEEKDAYS:
        raise InvalidContent(Sentence("Bad %(name)s in an RRULE: %(value)r", name=name, value=value[:20]))
    return WEEKDAYS[value]


def _numbers(lowest: int, highest: int, *, signed: bool = False) -> Callable[[str, str], tuple[int, ...]]:
    def parse(name: str, value: str) -> tuple[int, ...]:
        numbers = set()
        for item in value.split(","):
            digits = item.strip()
            sign = -1 if digits.startswith("-") else 1
            number = _number(name, digits[1:] if signed and digits.startswith(("+", "-")) else digits)
            if not lowest <= number <= highest:
                raise InvalidContent(
                    Sentence("Bad %(name)s in an RRULE: %(value)r", name=name, value=item[:20])
                )
            numbers.add(sign * number)
        return tuple(sorted(numbers))

    return parse


def _by_second(name: str, value: str) -> tuple[int, ...]:
    """Second 60 exists in leap seconds only: it is read as 59."""
    return tuple(sorted({min(second, 59) for second in _numbers(0, 60)(name, value)}))


def _by_day(name: str, value: str) -> tuple[tuple[int, int], ...]:
    days = set()
    for item in value.split(","):
        day = item.strip()
        ordinal = _numbers(1, 53, signed=True)(name, day[:-2])[0] if len(day) > 2 else 0
        if day[-2:] not in WEEKDAYS:
            raise InvalidContent(
                Sentence("Bad %(name)s in an RRULE: %(value)r", name="BYDAY", value=item[:20])
            )
        days.add((ordinal, WEEKDAYS[day[-2:]]))
    return tuple(sorted(days))


_PARTS: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "FREQ": ("freq", _choice(*FREQUENCIES)),
    "INTERVAL": ("interval", _interval),
    "COUNT": ("count", _count),
    "UNTIL": ("until", _until),
    "WKST": ("week_start", _week_start),
    "SKIP": ("skip", _choice("OMIT", "BACKWARD", "FORWARD")),
    "BYSECOND": ("by_second", _by_second),
    "BYMINUTE": ("by_minute", _numbers(0, 59)),
    "BYHOUR": ("by_hour", _numbers(0, 23)),
    "BYDAY": ("by_day", _by_day),
    "BYMONTHDAY": ("by_month_day", _numbers(1, 31, signed=True)),
    "BYYEARDAY": ("by_year_day", _numbers(1, 366, signed=True)),
    "BYWEEKNO": ("by_week_no", _numbers(1, 53, signed=True)),
    "BYMONTH": ("by_month", _numbers(1, 12)),
    "BYSETPOS": ("by_set_pos", _numbers(1, 366, signed=True)),
}


@lru_cache(maxsize=256)
def _day_filter(rule: Rule, month: int, day: int, weekday: int) -> DayFilter:
    """What chooses the days, with what DTSTART has to add where the rule says nothing."""
    frame = "month" if rule.freq == "MONTHLY" or (rule.freq == "YEARLY" and rule.by_month) else ""
    if rule.freq == "YEARLY" and not frame:
        frame = "year"
    chosen = DayFilter(
        rule.by_month,
        rule.by_month_day,
        rule.by_year_day,
        rule.by_week_no,
        rule.by_day,
        rule.week_start,
        frame,
        rule.skip,
    )
    if rule.by_month_day or rule.by_year_day or rule.by_day:
        return chosen
    if rule.freq == "WEEKLY" or (rule.freq == "YEARLY" and rule.by_week_no):
        return replace(chosen, by_day=((0, weekday),))
    if rule.freq == "MONTHLY" and not rule.by_week_no:
        return replace(chosen, by_month_day=(day,))
    if rule.freq == "YEARLY":
        return replace(chosen, by_month=rule.by_month or (month,), by_month_day=(day,))
    return chosen if rule.by_month or rule.by_week_no else ANY_DAY


def _set_positions(values: Sequence[int], positions: tuple[int, ...]) -> Sequence[int]:
    """The elements that BYSETPOS keeps, ascending."""
    if not positions:
        return values
    size = len(values)
    places = {place - 1 if place > 0 else size + place for place in positions}
    return [values[place] for place in sorted(places) if 0 <= place < size]


def _times(rule: Rule, time: int) -> tuple[int, ...]:
    """Seconds to add to each day (or to each grid point of a sub-daily rule), ascending."""
    hours = rule.by_hour or (time // 3600,)
    minutes = rule.by_minute or (time // 60 % 60,)
    seconds = rule.by_second or (time % 60,)
    if rule.freq in UNITS:
        hours = (0,)
    if rule.freq in ("MINUTELY", "SECONDLY"):
        minutes = (0,)
    if rule.freq == "SECONDLY":
        seconds = (0,)
    times = [hour * 3600 + minute * 60 + second for hour, minute, second in product(hours, minutes, seconds)]
    by_period = rule.freq in ("YEARLY", "MONTHLY", "WEEKLY")
    return tuple(times if by_period else _set_positions(times, rule.by_set_pos))


@lru_cache(maxsize=16)
def _allowed_slots(rule: Rule) -> bytes | None:
    """For each grid point of a day, 1 where BYHOUR, BYMINUTE and BYSECOND allow it; None: all do.

    Only the parts that limit count: BYMINUTE of HOURLY expands and so belongs to the times.
    """
    parts = {
        "HOURLY": ((rule.by_hour, 24),),
        "MINUTELY": ((rule.by_hour, 24), (rule.by_minute, 60)),
        "SECONDLY": ((rule.by_hour, 24), (rule.by_minute, 60), (rule.by_second, 60)),
    }[rule.freq]
    if not any(numbers for numbers, _ in parts):
        return None
    slots, none = b"\x01", b"\x00"
    for numbers, size in reversed(parts):
        wanted = numbers or range(size)
        slots = b"".join(slots if number in wanted else none * len(slots) for number in range(size))
    return slots


@dataclass(slots=True)
class Recurrence:
    """The occurrences of one rule from one DTSTART, in wall-clock seconds.

    :param start: DTSTART in wall-clock seconds.
    :param until: the last second that an occurrence may have, if UNTIL gives one; the caller
        knows the zone and so translates it.
    """

    rule: Rule
    start: int
    until: int | None = None
    days: DayFilter = field(init=False)
    times: tuple[int, ...] = field(init=False)
    _masks: dict[tuple[int, bool, bool, bool], int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        first = calendar_date(self.start)
        self.days = _day_filter(self.rule, first.month, first.day, first.weekday())
        self.times = _times(self.rule, self.start % DAY)

    @classmethod
    def of_dates(cls, rule: Rule, start: int, until: int | None = None) -> Recurrence:
        """For a DTSTART that is a DATE: the time parts are ignored, as RFC 5545 3.3.10 demands.

        Frequencies below a day make no sense with a DATE; they are read as the days they touch.
        """
        freq, interval = rule.freq, rule.interval
        if freq in UNITS:
            freq, interval = "DAILY", max(1, interval * UNITS[freq] // DAY)
        return cls(
            replace(rule, freq=freq, interval=interval, by_hour=(), by_minute=(), by_second=()), start, until
        )

    def between(self, after: int | None, before: int | None, budget: Budget) -> Iterator[int]:
        """Occurrences in [after, before), ascending, lazily. ``None`` is no limit."""
        low = self.start if after is None else max(after, self.start)
        high = self._end(before)
        if low == self.start and low < high:
            yield low
            low += 1
        if low < high:
            yield from self._search(low, high, budget)

    def last(self) -> int | None:
        """A wall-clock second that no occurrence is later than, exact for COUNT; None if endless."""
        end = self._end(None)
        return None if end > MAX_SECONDS else end - 1

    def _end(self, before: int | None) -> int:
        """The first second that is out of the question."""
        ends = [MAX_SECONDS + 1]
        if before is not None:
            ends.append(before)
        if self.until is not None:
            ends.append(self.until + 1)
        if self.rule.count is not None and (before is None or before > self.start):
            ends.append(_counted_end(self.rule, self.start))
        return min(ends)

    def _search(self, low: int, high: int, budget: Budget) -> Iterator[int]:
        if self.rule.freq in UNITS:
            return self._grid_search(low, high, budget)
        if self.rule.by_set_pos and self.rule.freq != "DAILY":
            return self._period_search(low, high, budget)
        return self._day_search(low, high, budget)

    # -- days: YEARLY to DAILY without BYSETPOS -------------------------------------------------

    def mask(self, year: int) -> int:
        """The days of a year that the BY… parts allow, whatever the INTERVAL."""
        if self.days is ANY_DAY:
            return FULL[is_leap(year)]
        kind = year_kind(year, self.days)
        mask = self._masks.get(kind)
        if mask is None:
            mask = self._masks[kind] = allowed_days(self.days, kind)
        return mask

    def _active_mask(self, year: int) -> int:
        """The days of a year that the BY… parts and the INTERVAL allow."""
        mask = self.mask(year)
        if self.rule.interval == 1 or not mask:
            return mask
        return mask & _ACTIVE[self.rule.freq](self, year)

    def years(self, first: int, last: int) -> range:
        """The years to look at between two day numbers."""
        step = self.rule.interval if self.rule.freq == "YEARLY" else 1
        origin, low = year_of(self.start // DAY), year_of(first)
        return range(low + (origin - low) % step, year_of(last) + 1, step)

    def _active_years(self, first: int, last: int, budget: Budget) -> Iterator[tuple[int, int]]:
        """Years with an allowed day in [first, last]: the number of January 1st and the days' mask."""
        in_vain = 0
        for year in self.years(first, last):
            budget.step()
            base = year_start(year)
            mask = self._active_mask(year)
            if first > base:
                mask = mask >> (first - base) << (first - base)
            if last - base < 366:
                mask &= (2 << (last - base)) - 1
            if mask:
                yield base, mask
            elif (in_vain := in_vain + 1) == _DOUBTFUL and not self._most_days():
                return

    def _active_days(self, first: int, last: int, budget: Budget) -> Iterator[int]:
        """Allowed day numbers in [first, last], ascending."""
        for base, mask in self._active_years(first, last, budget):
            for day in bits(mask):
                yield base + day

    def _most_days(self) -> int:
        """The number of allowed days in the best of all years; 0 if the rule can never match."""
        kinds = all_year_kinds(with_neighbours=bool(self.days.by_week_no))
        return max(allowed_days(self.days, kind).bit_count() for kind in kinds)

    def _day_search(self, low: int, high: int, budget: Budget) -> Iterator[int]:
        if not self.times:  # BYSETPOS chose none of a day's
            return
        first, last = low // DAY, min((high - 1) // DAY, _LAST_DAY)
        for day in self._active_days(first, last, budget):
            base = day * DAY
            for time in self.times:
                if low <= base + time < high:
                    yield base + time

    def _most_days_of_a_period(self) -> int:
        """The same for the period of a BYSETPOS: a year, a month or a week."""
        if self.rule.freq != "MONTHLY":
            return min(self._most_days(), 7 if self.rule.freq == "WEEKLY" else 366)
        kinds = all_year_kinds(with_neighbours=bool(self.days.by_week_no))
        masks = ((allowed_days(self.days, kind), MONTHS[kind[1]]) for kind in kinds)
        return max((mask & month).bit_count() for mask, months in masks for month in months)

    # -- periods: YEARLY, MONTHLY and WEEKLY with BYSETPOS --------------------------------------

    def _period_search(self, low: int, high: int, budget: Budget) -> Iterator[int]:
        if min(map(abs, self.rule.by_set_pos)) > self._most_days_of_a_period() * len(self.times):
            return
        for days in _PERIODS[self.rule.freq](self, low // DAY, min((high - 1) // DAY, _LAST_DAY)):
            budget.step()
            for moment in self._at_positions(days):
                if low <= moment < high:
                    yield moment

    def _at_positions(self, days: list[int]) -> list[int]:
        """BYSETPOS over the days of one period, each with all its times."""
        per_day = len(self.times)
        places = _set_positions(range(len(days) * per_day), self.rule.by_set_pos)
        return [days[place // per_day] * DAY + self.times[place % per_day] for place in places]

    # -- grids: HOURLY, MINUTELY and SECONDLY ---------------------------------------------------

    def _grid_search(self, low: int, high: int, budget: Budget) -> Iterator[int]:
        if not self.times or not self._grid_is_possible():
            return
        unit = UNITS[self.rule.freq]
        first = max(low - self.times[-1], self.start) // unit
        search = self._sparse_slots if self.rule.interval * unit > DAY else self._slots
        for slot in search(first, (high - 1) // unit, budget):
            base = slot * unit
            for time in self.times:
                if low <= base + time < high:
                    yield base + time

    def _slots(self, first: int, last: int, budget: Budget) -> Iterator[int]:
        """Grid points in [first, last] that all BY… parts allow, ascending."""
        per_day = DAY // UNITS[self.rule.freq]
        for day in self._active_days(first // per_day, min(last // per_day, _LAST_DAY), budget):
            base = day * per_day
            grid = self._grid_of_day(day, max(first - base, 0), min(last - base, per_day - 1))
            budget.step(1 if isinstance(grid, range) else 1 + len(grid) // 2000)
            yield from (base + place for place in grid)

    def _sparse_slots(self, first: int, last: int, budget: Budget) -> Iterator[int]:
        """Where the grid is wider than a day, it is walked instead of the days."""
        unit, interval = UNITS[self.rule.freq], self.rule.interval
        allowed, per_day, origin = _allowed_slots(self.rule), DAY // unit, self.start // unit
        for slot in range(first + (origin - first) % interval, last + 1, interval):
            budget.step()
            day, place = divmod(slot, per_day)
            year = year_of(day)
            if self.mask(year) >> (day - year_start(year)) & 1 and (allowed is None or allowed[place]):
                yield slot

    def _grid_of_day(self, day: int, low: int, high: int) -> Sequence[int]:
        """The grid points of one day that BYHOUR and so on allow, from place ``low`` to ``high``."""
        unit, interval, allowed = UNITS[self.rule.freq], self.rule.interval, _allowed_slots(self.rule)
        low += (self.start // unit - day * (DAY // unit) - low) % interval
        points = range(low, high + 1, interval)
        if allowed is None:
            return points
        return list(compress(points, allowed[low : high + 1 : interval]))

    def _grid_is_possible(self) -> bool:
        """Whether any grid point can ever meet the BY… parts: what never matches is not searched."""
        if self.days is not ANY_DAY and not self._most_days():
            return False
        allowed = _allowed_slots(self.rule)
        if allowed is None:
            return True
        step = gcd(self.rule.interval, len(allowed))
        return 1 in allowed[self.start // UNITS[self.rule.freq] % step :: step]

    # -- COUNT ----------------------------------------------------------------------------------

    def nth(self, wanted: int, budget: Budget) -> int:
        """The ``wanted``-th occurrence after DTSTART."""
        if wanted == 0:
            return self.start
        if self.rule.freq in UNITS and self.days is ANY_DAY and _allowed_slots(self.rule) is None:
            return self._nth_on_open_grid(wanted)
        per_day = self._constant_per_day()
        if per_day is None:
            budget.step(wanted)
            return next(
                islice(self._search(self.start + 1, MAX_SECONDS + 1, budget), wanted - 1, None), MAX_SECONDS
            )
        tomorrow = self.start // DAY + 1
        today = list(self._search(self.start + 1, tomorrow * DAY, budget))
        if wanted <= len(today):
            return today[wanted - 1]
        wanted -= len(today)
        for base, mask in self._active_years(tomorrow, _LAST_DAY, budget) if per_day else ():
            found = mask.bit_count() * per_day
            if found >= wanted:
                day = base + next(islice(bits(mask), (wanted - 1) // per_day, None))
                inside = self._search(day * DAY, (day + 1) * DAY, budget)
                return next(islice(inside, (wanted - 1) % per_day, None))
            wanted -= found
        return MAX_SECONDS

    def _nth_on_open_grid(self, wanted: int) -> int:
        """The same without any BY… part that limits: plain multiplication."""
        if not self.times:
            return MAX_SECONDS
        unit = UNITS[self.rule.freq]
        slot = self.start // unit
        place = wanted + sum(slot * unit + time <= self.start for time in self.times) - 1
        periods, index = divmod(place, len(self.times))
        return min((slot + periods * self.rule.interval) * unit + self.times[index], MAX_SECONDS)

    def _constant_per_day(self) -> int | None:
        """How many occurrences each active day has, where that is the same for all of them."""
        if self.rule.freq not in UNITS:
            return None if self.rule.by_set_pos and self.rule.freq != "DAILY" else len(self.times)
        if DAY // UNITS[self.rule.freq] % self.rule.interval:
            return None
        tomorrow = self.start // DAY + 1
        return len(self._grid_of_day(tomorrow, 0, DAY // UNITS[self.rule.freq] - 1)) * len(self.times)


@lru_cache(maxsize=512)
def _counted_end(rule: Rule, start: int) -> int:
    """One second after the last occurrence that COUNT allows.

    A COUNT that a budget of its own does not reach lies so far ahead that it counts as endless.
    """
    try:
        return 1 + Recurrence(rule, start).nth((rule.count or 1) - 1, Budget(steps=_COUNT_STEPS))
    except BudgetExceeded:
        return MAX_SECONDS + 1


def _active_months(recurrence: Recurrence, year: int) -> int:
    """The days of the months that an INTERVAL over months touches."""
    first = calendar_date(recurrence.start)
    interval = recurrence.rule.interval
    past = (first.year - year) * 12 + first.month - 1
    mask = 0
    for month in range(past % interval, 12, interval):
        mask |= MONTHS[is_leap(year)][month]
    return mask


def _week_origin(recurrence: Recurrence) -> int:
    """The day number on which the week of DTSTART starts."""
    day = recurrence.start // DAY
    return day - (day + 3 - recurrence.rule.week_start) % 7


def _active_weeks(recurrence: Recurrence, year: int) -> int:
    cycle = 7 * recurrence.rule.interval
    return striped_days(cycle, 7, (year_start(year) - _week_origin(recurrence)) % cycle)


def _active_multiples(recurrence: Recurrence, year: int) -> int:
    cycle = recurrence.rule.interval
    return striped_days(cycle, 1, (year_start(year) - recurrence.start // DAY) % cycle)


def _all_active(recurrence: Recurrence, year: int) -> int:
    """An INTERVAL over years is in the choice of the years; one of a grid in the grid."""
    return FULL[1]


_ACTIVE: dict[str, Callable[[Recurrence, int], int]] = {
    "YEARLY": _all_active,
    "MONTHLY": _active_months,
    "WEEKLY": _active_weeks,
    "DAILY": _active_multiples,
    "HOURLY": _all_active,
    "MINUTELY": _all_active,
    "SECONDLY": _all_active,
}


def _year_periods(recurrence: Recurrence, first: int, last: int) -> Iterator[list[int]]:
    for year in recurrence.years(first, last):
        base = year_start(year)
        yield [base + day for day in bits(recurrence.mask(year))]


def _month_periods(recurrence: Recurrence, first: int, last: int) -> Iterator[list[int]]:
    origin, interval = calendar_date(recurrence.start), recurrence.rule.interval
    start = calendar_date(first * DAY)
    number, end = start.year * 12 + start.month - 1, calendar_date(last * DAY)
    number += (origin.year * 12 + origin.month - 1 - number) % interval
    for period in range(number, end.year * 12 + end.month, interval):
        year, month = divmod(period, 12)
        base = year_start(year)
        yield [base + day for day in bits(recurrence.mask(year) & MONTHS[is_leap(year)][month])]


def _week_periods(recurrence: Recurrence, first: int, last: int) -> Iterator[list[int]]:
    cycle = 7 * recurrence.rule.interval
    origin = _week_origin(recurrence)
    start = max(first - 6, origin)
    for week in range(start + (origin - start) % cycle, last + 1, cycle):
        days = []
        for day in range(week, min(week + 7, _LAST_DAY + 1)):
            year = year_of(day)
            if recurrence.mask(year) >> (day - year_start(year)) & 1:
                days.append(day)
        yield days


_PERIODS: dict[str, Callable[[Recurrence, int, int], Iterator[list[int]]]] = {
    "YEARLY": _year_periods,
    "MONTHLY": _month_periods,
    "WEEKLY": _week_periods,
}
