"""The recurrence summary: of a series, just the lines that say when it is, and in which months.

Kept beside the body so that a month's query neither reads nor parses a body to find out that a series does
not fall into the month; and of single events whose busy time depends on who asks, or on the zone. Belongs
here: making the summary. Its reader is the same code that reads bodies (filters.match_calendar), since it is
a calendar object itself, only a small one.

``months`` is a bit mask (bit 0 is January) of the UTC months that instances can touch; ALL_MONTHS where
that is not plain. It lets SQL leave out yearly series (birthdays) of other months.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from functools import lru_cache
from math import gcd

from davserver.content.filters import TimeRange
from davserver.content.instances import Instance, Schedule, component_in_range
from davserver.content.lines import Component, Line, dump, parse_components
from davserver.content.recur import Budget, Rule, parse_rule
from davserver.content.stamps import DAY, MAX_SECONDS, MIN_SECONDS, calendar_date, parse_duration, parse_stamp
from davserver.content.zones import Zone, named_zone

ALL_MONTHS = 0xFFF
KEPT = frozenset(
    {"DTSTART", "DTEND", "DUE", "DURATION", "COMPLETED", "CREATED", "RECURRENCE-ID"}
    | {"RRULE", "RDATE", "EXDATE", "EXRULE", "FREEBUSY"}
    | {"STATUS", "TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS"}
)
"""The properties that the time-range rules of RFC 4791 9.9 look at, and those of free-busy (7.10)."""

UNSURE = frozenset({"DECLINED", "TENTATIVE", "NEEDS-ACTION"})

_ENDS = ("DTSTART", "DTEND")
_FEBRUARY = 1
_LONGEST = 20 * DAY
"""An instance longer than this may touch more than the months beside its own."""


def summary(root: Component) -> str:
    """The calendar object with nothing but times; its own zones only where their names say nothing."""
    children = [
        Component(child.name, _kept(child)) if child.name != "VTIMEZONE" else child
        for child in root.children
        if child.name != "VTIMEZONE" or named_zone(child.value("TZID") or "") is None
    ]
    return dump(Component(root.name, [], children))


def _kept(component: Component) -> list[Line]:
    """Times, and of the attendees only who will not come or has not said so: free-busy asks for that."""
    times = [line for line in component.lines if line.name in KEPT]
    attendees = {line.value.strip().lower(): line for line in reversed(component.all("ATTENDEE"))}
    answers = ((line, (line.param("PARTSTAT") or "").upper()) for line in attendees.values())
    return times + [
        Line("ATTENDEE", line.value, {"PARTSTAT": [answer]}) for line, answer in answers if answer in UNSURE
    ]


def in_range(text: str, component_name: str, span: TimeRange, zone: tzinfo) -> bool:
    """Whether an object with that summary has an instance in the span (RFC 4791 9.9).

    What was read of a summary is remembered: people look at month after month of the same series.
    """
    schedule, parts = _schedule(text, component_name, zone)
    return any(component_in_range(schedule, part, span.start, span.end) for part in parts)


def instances(
    text: str, component_name: str, span: tuple[int, int], how: tuple[Zone, Budget]
) -> Iterator[Instance]:
    """The instances in a window, without a look at the body; their components hold nothing but times."""
    return schedule_of(text, component_name, how[0]).instances(*span, how[1])


def schedule_of(text: str, component_name: str, zone: tzinfo) -> Schedule:
    """The instances of a component; shared, so nobody changes it."""
    return _schedule(text, component_name, zone)[0]


@lru_cache(maxsize=2048)
def parsed(text: str) -> Component:
    """The small calendar object of a summary; shared, so nobody changes it."""
    return parse_components(text)[0]


@lru_cache(maxsize=2048)
def _schedule(text: str, component_name: str, zone: tzinfo) -> tuple[Schedule, tuple[Component, ...]]:
    root = parsed(text)
    parts = tuple(child for child in root.children if child.name == component_name)
    return Schedule(root, component_name, zone), parts


def months(root: Component) -> int:
    """The months of an event with one rule, and of its overrides; ALL_MONTHS for anything else."""
    parts = [child for child in root.children if child.name != "VTIMEZONE"]
    masters = [part for part in parts if part.first("RECURRENCE-ID") is None]
    if len(masters) != 1 or masters[0].name != "VEVENT":
        return ALL_MONTHS
    mask = _months_of_series(masters[0])
    for part in parts:
        if part is not masters[0]:
            mask |= _months_of_override(part)
    return mask


def _months_of_override(part: Component) -> int:
    start, line = part.value("DTSTART"), part.first("RECURRENCE-ID")
    spreads = (line is not None and line.param("RANGE")) or part.first("RRULE") or part.first("RDATE")
    if start is None or spreads:
        return ALL_MONTHS
    first = parse_stamp(start).seconds
    return window_months(first - DAY, first + _length(part, start) + DAY)  # a day more for the zone


def _months_of_series(master: Component) -> int:
    start, rules = master.value("DTSTART"), master.all("RRULE")
    if start is None or len(rules) != 1 or master.first("RDATE"):
        return ALL_MONTHS
    rule = parse_rule(rules[0].value)
    length, first = _length(master, start), calendar_date(parse_stamp(start).seconds)
    step = _step(rule)
    if length > _LONGEST or step is None:
        return ALL_MONTHS
    if rule.by_month:
        return _mask(
            {(month - 1 + shift) % 12 for month in (first.month, *rule.by_month) for shift in (-1, 0, 1)}
        )
    # Each instance lies on DTSTART's day of the month; a day more on both sides for the zone.
    before, last = first.day == 1, first.day + length // DAY + 2
    begun = {(first.month - 1 + turn * step) % 12 for turn in range(12 // step)}
    return _mask(
        begun
        | {(month - 1) % 12 for month in begun if before}
        | {(month + 1) % 12 for month in begun if last > (28 if month == _FEBRUARY else 30)}
    )


def _step(rule: Rule) -> int | None:
    """Months from one with instances to the next, a divisor of 12; None where any month may have one."""
    if rule.by_month:
        return 12
    if rule.by_day or rule.by_week_no or rule.by_year_day or rule.by_month_day or rule.skip != "OMIT":
        return None
    return {"YEARLY": 12, "MONTHLY": gcd(rule.interval, 12)}.get(rule.freq)


def _length(event: Component, start: str) -> int:
    """Seconds of one instance at most, up to an hour that clocks change by."""
    end, duration = event.value("DTEND"), event.value("DURATION")
    if end is not None:
        zones = {(line.param("TZID"), line.value[-1:] == "Z") for line in event.lines if line.name in _ENDS}
        seconds = max(parse_stamp(end).seconds - parse_stamp(start).seconds, 0)
        return seconds + (DAY if len(zones) > 1 else 0)
    if duration is None:
        return DAY
    days, seconds = parse_duration(duration)
    return days * DAY + seconds


def _mask(indexes: set[int]) -> int:
    return sum({1 << index % 12 for index in indexes})


def window_months(start: int | None, end: int | None) -> int:
    """The UTC months that a window touches."""
    if start is None or end is None or end - start > 300 * DAY:
        return ALL_MONTHS
    if start < MIN_SECONDS or end > MAX_SECONDS:
        return ALL_MONTHS
    first, last = calendar_date(start).month - 1, calendar_date(max(start, end - 1)).month - 1
    return _mask({first + step for step in range((last - first) % 12 + 1)})
