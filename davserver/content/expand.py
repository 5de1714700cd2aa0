"""Parts of an object for a stretch of time: expand, limit-recurrence-set, limit-freebusy-set.

Belongs here: RFC 4791 9.6.5 to 9.6.7, from a parsed VCALENDAR to a new one; the input is never
changed (lines that stay as they are may be shared). Does not belong here: choosing components and
properties (partial), finding instances (schedule).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import tzinfo

from davserver.content.instances import component_in_range
from davserver.content.lines import Component, Line
from davserver.content.recur import Budget
from davserver.content.schedule import Override, Schedule
from davserver.content.shapes import BEGINNING, FOREVER, Instance
from davserver.content.stamps import (
    DAY,
    format_date,
    format_duration,
    format_local,
    format_utc,
    parse_duration,
    parse_stamp,
)
from davserver.content.times import Period, parse_moments, parse_periods
from davserver.content.zones import Zones
from davserver.errors import InvalidContent

Window = tuple[int | None, int | None]
"""[start, end) in UTC seconds; None is open."""

LARGE = 8192
"""Characters for which an instance counts as one more; each line counts as LINE at least."""

LINE = 128

_RECURRING = ("VEVENT", "VTODO", "VJOURNAL")
_DROPPED = frozenset(("RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"))
_ENDS = frozenset(("DTEND", "DUE", "DURATION"))


def expand(root: Component, window: Window, default_zone: tzinfo, budget: Budget | None = None) -> Component:
    """Each instance that overlaps the window as a component of its own, times in UTC (RFC 4791 9.6.5).

    DATE and floating times stay what they are; no recurrence property and no VTIMEZONE is left.
    Components that have no instances (VFREEBUSY, X-) are kept. BudgetExceeded where the budget ends; a large
    instance counts for several, since each is written out in full.
    """
    budget = budget or Budget()
    answer = Component(root.name, list(root.lines))
    zones = Zones(root, default_zone)
    for name in _RECURRING:
        if any(child.name == name for child in root.children):
            schedule = Schedule(root, name, default_zone)
            weights = {id(child): _weight(child) for child in root.children}
            for item in schedule.instances(*window, budget):
                budget.instance(weights.get(id(item.component), 0))
                answer.children.append(_expanded(item, zones))
    kept = (child for child in root.children if child.name not in (*_RECURRING, "VTIMEZONE"))
    answer.children += [_in_utc(child, zones) for child in kept]
    return answer


def _weight(component: Component) -> int:
    """How many instances more than itself an instance counts for."""
    parts = (component, *component.children)
    return sum(_size(line) for part in parts for line in part.lines) // LARGE


def _size(line: Line) -> int:
    """About how many characters it takes to write a line, or how long."""
    params = sum(len(value) for values in line.params.values() for value in values) if line.params else 0
    return LINE + params + len(line.value)


def limit_recurrence_set(root: Component, window: Window, default_zone: tzinfo) -> Component:
    """The object without the overrides that have no effect on the window (RFC 4791 9.6.6).

    An override has one if its own time overlaps the window or if the instance that it replaces
    would; one with RANGE=THISANDFUTURE also if any later instance of it does.
    """
    useless: set[int] = set()
    for name in _RECURRING:
        if any(child.name == name and child.first("RECURRENCE-ID") for child in root.children):
            schedule = Schedule(root, name, default_zone)
            useless |= {
                id(item.component) for item in schedule.overrides if not _has_effect(schedule, item, window)
            }
    children = [child for child in root.children if id(child) not in useless]
    return Component(root.name, list(root.lines), children)


def limit_freebusy_set(root: Component, window: Window, default_zone: tzinfo) -> Component:
    """The object with only those FREEBUSY periods that overlap the window (RFC 4791 9.6.7)."""
    zones = Zones(root, default_zone)
    children = [
        Component(child.name, list(_limited_lines(child, window, zones)), list(child.children))
        if child.name == "VFREEBUSY"
        else child
        for child in root.children
    ]
    return Component(root.name, list(root.lines), children)


# -- expand -------------------------------------------------------------------------------------


def _expanded(instance: Instance, zones: Zones) -> Component:
    """The component of one instance, its lines in the order of its source."""
    source = instance.component
    lines: list[Line] = []
    for line in source.lines:
        if line.name in _TIMES:
            lines += _time_lines(line, instance, zones)
        elif line.name not in _DROPPED:
            lines.append(_line_in_utc(line, zones))
    if instance.recurrence_id is not None and not _is_first(instance):
        key = instance.recurrence_id
        lines.append(_time_line("RECURRENCE-ID", instance.recurrence_kind, key, key))
    if instance.end > instance.start and not _ENDS & {line.name for line in lines} and not instance.is_date:
        lines.append(Line("DURATION", format_duration(instance.end - instance.start)))  # of an RDATE PERIOD
    return Component(source.name, lines, [_in_utc(child, zones) for child in source.children])


def _is_first(instance: Instance) -> bool:
    """Whether this is the instance that a series' own DTSTART names: it stands for the series, unnumbered.

    So do CalendarServer and DAViCal, and clients find the rest of a series by what has no RECURRENCE-ID.
    """
    source = instance.component
    start = source.value("DTSTART")
    named = start is not None and source.first("RECURRENCE-ID") is None
    return named and parse_stamp(start or "").seconds == instance.local


def _time_lines(line: Line, instance: Instance, zones: Zones) -> list[Line]:
    """A line that nobody had to read so far (DURATION beside DUE) stays as it is if it is no time."""
    try:
        return _TIMES[line.name](line, instance, zones)
    except InvalidContent:
        return [line]


def _start_line(line: Line, instance: Instance, zones: Zones) -> list[Line]:
    return [_time_line(line.name, instance.kind, instance.local, instance.start)]


def _end_line(line: Line, instance: Instance, zones: Zones) -> list[Line]:
    """DTEND or DUE, in its own form where that differs from DTSTART's (a DATE with a time as DUE)."""
    kind = "date" if parse_stamp(line.value).is_date else "zoned" if instance.is_date else instance.kind
    return [_time_line(line.name, kind, zones.default.to_local(instance.end), instance.end)]


def _duration_line(line: Line, instance: Instance, zones: Zones) -> list[Line]:
    """In UTC a nominal duration would lose or gain the hour of a clock change: say it exactly then."""
    days, seconds = parse_duration(line.value)
    length = instance.end - instance.start
    if instance.kind != "zoned":
        length = zones.default.to_local(instance.end) - instance.local
    return [line if length == days * DAY + seconds else Line("DURATION", format_duration(length))]


_TIMES: dict[str, Callable[[Line, Instance, Zones], list[Line]]] = {
    "DTSTART": _start_line,
    "DTEND": _end_line,
    "DUE": _end_line,
    "DURATION": _duration_line,
}


def _time_line(name: str, kind: str, local: int, utc: int) -> Line:
    if kind == "date":
        return Line(name, format_date(local), {"VALUE": ["DATE"]})
    return Line(name, format_local(local) if kind == "floating" else format_utc(utc))


def _in_utc(component: Component, zones: Zones) -> Component:
    return Component(
        component.name,
        [_line_in_utc(line, zones) for line in component.lines],
        [_in_utc(child, zones) for child in component.children],
    )


def _line_in_utc(line: Line, zones: Zones) -> Line:
    """Any property with a TZID, so that no reference to a VTIMEZONE is left."""
    if "TZID" not in line.params:
        return line
    params = {name: values for name, values in line.params.items() if name != "TZID"}
    try:
        values = list(parse_moments(line, zones))
    except InvalidContent:
        return line
    moments = [value.start if isinstance(value, Period) else value for value in values]
    texts = (
        format_date(moment.local) if moment.is_date else format_utc(moment.utc(zones.default))
        for moment in moments
    )
    return Line(line.name, ",".join(texts), params, line.group)


# -- limits -------------------------------------------------------------------------------------


def _has_effect(schedule: Schedule, override: Override, window: Window) -> bool:
    """Whether the override, or the instance that it replaces, overlaps the window."""
    if override.instance and override.instance.overlaps(*window):
        return True
    if override.series is None:
        return False
    if override.is_future and component_in_range(schedule, override.component, *window):
        return True
    return override.series.original(override.key).overlaps(*window)


def _limited_lines(component: Component, window: Window, zones: Zones) -> Iterator[Line]:
    start, end = window
    for line in component.lines:
        if line.name != "FREEBUSY":
            yield line
            continue
        kept = []
        for text in line.value.split(","):
            first, last = _span(Line(line.name, text, line.params), zones)
            if (end is None or first < end) and (start is None or last > start):
                kept.append(text)
        if kept:
            yield Line(line.name, ",".join(kept), line.params, line.group)


def _span(line: Line, zones: Zones) -> tuple[int, int]:
    """One FREEBUSY period in UTC; what cannot be read is kept for whoever can."""
    try:
        period = next(parse_periods(line, zones), None)
    except InvalidContent:
        period = None
    return period.utc(zones.default) if period else (BEGINNING, FOREVER)
