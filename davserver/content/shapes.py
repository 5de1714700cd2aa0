"""What one component says about each of its instances: start, length and reach (RFC 4791 9.9, RFC 7953).

Belongs here: DTSTART, DTEND, DURATION, DUE and the time-range table of each kind of component.
Does not belong here: recurrence (schedule).

The idea: each of RFC 4791's time-range tables, over whole seconds, comes down to two numbers per
instance, its reach: it overlaps [start, end) if and only if ``first < end and last > start``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from davserver.content.lines import Component, Line
from davserver.content.stamps import DAY, Span, parse_duration
from davserver.content.times import Moment, parse_moment, parse_periods
from davserver.content.zones import Zone, Zones

BEGINNING, FOREVER = -(10**15), 10**15
"""Reach of what has no first or no last second."""
_FACTS = frozenset(
    {
        *("UID", "DTSTART", "DTEND", "DURATION", "DUE", "COMPLETED", "CREATED", "FREEBUSY"),
        *("RECURRENCE-ID", "RRULE", "RDATE", "EXDATE", "EXRULE"),
    }
)
Facts = dict[str, list[Line]]
"""The lines of a component that bear on its times, by name."""


class Instance(NamedTuple):
    """One instance of a component.

    ``start`` and ``end`` are UTC seconds; ``first`` and ``last`` its reach (see the module);
    ``local`` is the start on the wall clock of its zone. ``kind`` is ``date``, ``floating`` or
    ``zoned``. ``recurrence_id`` is None outside of a recurrence set; it is UTC seconds where
    ``recurrence_kind`` is ``zoned``, else wall-clock seconds.
    """

    first: int
    last: int
    start: int
    end: int
    component: Component
    local: int
    kind: str
    recurrence_id: int | None = None
    recurrence_kind: str = "zoned"

    @property
    def is_date(self) -> bool:
        """Whether the start is a DATE."""
        return self.kind == "date"

    @property
    def is_floating(self) -> bool:
        """Whether the start is a DATE-TIME without a zone."""
        return self.kind == "floating"

    def overlaps(self, start: int | None, end: int | None) -> bool:
        """Whether it overlaps the time-range, by the rules of RFC 4791 9.9."""
        return (end is None or self.first < end) and (start is None or self.last > start)


def _reach_span(start: int, end: int) -> tuple[int, int]:
    return start, end


def _reach_point(start: int, end: int) -> tuple[int, int]:
    return start, start + 1


def _reach_closed(start: int, end: int) -> tuple[int, int]:
    return start, end + 1


def _reach_due(start: int, end: int) -> tuple[int, int]:
    return min(start, end - 1), max(end, start + 1)


def _reach_due_only(start: int, end: int) -> tuple[int, int]:
    return end - 1, end


def _reach_task_duration(start: int, end: int) -> tuple[int, int]:
    return min(start, end - 1), end + 1


def _reach_open_end(start: int, end: int) -> tuple[int, int]:
    return start, FOREVER


def _reach_open_start(start: int, end: int) -> tuple[int, int]:
    return BEGINNING, end


_Reach = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a component says about each of its instances: anchor (DTSTART or DUE), length, reach."""

    component: Component
    anchor: Moment
    span: Span
    reach: _Reach

    @property
    def kind(self) -> str:
        """``date``, ``zoned`` or ``floating``."""
        return "date" if self.anchor.is_date else "zoned" if self.anchor.zone else "floating"

    @property
    def longest(self) -> int:
        """A bound of the length in seconds: nominal days may be longer in UTC."""
        return self.span.days * DAY + self.span.seconds + (DAY if self.span.days else 0)

    def end_of(self, local: int, start: int, default: Zone, span: Span | None = None) -> int:
        """The end in UTC of the instance that starts at that wall-clock time, which is ``start`` in UTC."""
        days, seconds = span or self.span
        if not days:
            return start + seconds
        return (self.anchor.zone or default).to_utc(local + days * DAY) + seconds

    def at(self, local: int, default: Zone, span: Span | None = None) -> Instance:
        """The instance that starts at a wall-clock time in the component's zone."""
        start = (self.anchor.zone or default).to_utc(local)
        end = self.end_of(local, start, default, span)
        first, last = self.reach(start, end)
        return Instance(first, last, start, end, self.component, local, self.kind)


def facts_of(component: Component) -> Facts:
    """The lines that this and the recurrence set need, in one pass."""
    facts: Facts = {}
    for line in component.lines:
        if line.name in _FACTS:
            facts.setdefault(line.name, []).append(line)
    return facts


def moment_of(facts: Facts, name: str, zones: Zones) -> Moment | None:
    """The value of a DATE or DATE-TIME property, if it is there."""
    return parse_moment(facts[name][0], zones) if name in facts else None


def _length(start: Moment, end: Moment, zones: Zones) -> Span:
    """DTEND and DUE mean an exact length, in whole days between DATEs (RFC 5545 3.8.5.3)."""
    if start.is_date and end.is_date:
        return Span((end.local - start.local) // DAY, 0)
    return Span(0, end.utc(zones.default) - start.utc(zones.default))


def _forward(span: Span) -> Span:
    """A length that runs backwards is none: what ends before it starts is shown as a moment."""
    return Span(0, 0) if min(span) < 0 else span


def _event_shape(component: Component, facts: Facts, zones: Zones) -> Shape | None:
    start = moment_of(facts, "DTSTART", zones)
    if start is None:
        return None
    end = moment_of(facts, "DTEND", zones)
    if end:
        span = _length(start, end, zones)
        if start.is_date and end.is_date and span.days < 1:
            span = Span(1, 0)  # DTEND on the same DATE is an old client's one day, not nothing
        return Shape(component, start, _forward(span), _reach_span if min(span) >= 0 else _reach_point)
    if "DURATION" in facts:
        span = _forward(parse_duration(facts["DURATION"][0].value))
        return Shape(component, start, span, _reach_span if any(span) else _reach_point)
    if start.is_date:
        return Shape(component, start, Span(1, 0), _reach_span)
    return Shape(component, start, Span(0, 0), _reach_point)


def _task_shape(component: Component, facts: Facts, zones: Zones) -> Shape | None:
    start, due = moment_of(facts, "DTSTART", zones), moment_of(facts, "DUE", zones)
    if start and due:
        return Shape(component, start, _length(start, due, zones), _reach_due)
    if start and "DURATION" in facts:
        return Shape(
            component, start, _forward(parse_duration(facts["DURATION"][0].value)), _reach_task_duration
        )
    if start:
        return Shape(component, start, Span(0, 0), _reach_point)
    return Shape(component, due, Span(0, 0), _reach_due_only) if due else None


def _journal_shape(component: Component, facts: Facts, zones: Zones) -> Shape | None:
    start = moment_of(facts, "DTSTART", zones)
    if start is None:
        return None
    return Shape(
        component, start, Span(int(start.is_date), 0), _reach_span if start.is_date else _reach_point
    )


def _busy_shape(component: Component, facts: Facts, zones: Zones) -> Shape | None:
    start, end = moment_of(facts, "DTSTART", zones), moment_of(facts, "DTEND", zones)
    if start is None or end is None:
        return None
    return Shape(component, start, _length(start, end, zones), _reach_closed)


def _availability_shape(component: Component, facts: Facts, zones: Zones) -> Shape | None:
    start, end = moment_of(facts, "DTSTART", zones), moment_of(facts, "DTEND", zones)
    if start and (end or "DURATION" in facts):
        return _event_shape(component, facts, zones)
    if start:
        return Shape(component, start, Span(0, 0), _reach_open_end)
    return Shape(component, end, Span(0, 0), _reach_open_start) if end else None


_SHAPES: dict[str, Callable[[Component, Facts, Zones], Shape | None]] = {
    "VTODO": _task_shape,
    "VJOURNAL": _journal_shape,
    "VFREEBUSY": _busy_shape,
    "VAVAILABILITY": _availability_shape,
}


def undated(component: Component, facts: Facts, zones: Zones) -> list[Instance]:
    """The instances of a component without DTSTART and DUE: RFC 4791 9.9 has rules for these too."""
    found = []
    if component.name == "VTODO":
        completed, created = (moment_of(facts, name, zones) for name in ("COMPLETED", "CREATED"))
        times = [moment.utc(zones.default) for moment in (completed, created) if moment]
        first, last = (min(times) - 1, max(times) + 1) if times else (BEGINNING, FOREVER)
        if times and not completed:
            first, last = times[0], FOREVER
        start = times[0] if times else first
        found.append(Instance(first, last, start, start, component, start, "zoned"))
    elif component.name == "VAVAILABILITY":
        found.append(Instance(BEGINNING, FOREVER, BEGINNING, FOREVER, component, BEGINNING, "zoned"))
    elif component.name == "VFREEBUSY":
        for line in facts.get("FREEBUSY", ()):
            for period in parse_periods(line, zones):
                start, end = period.utc(zones.default)
                found.append(Instance(start, end, start, end, component, start, "zoned"))
    return found


def shape_of(component: Component, facts: Facts, zones: Zones) -> Shape | None:
    """The shape of a component; None without a DTSTART or DUE to hang instances on."""
    return _SHAPES.get(component.name, _event_shape)(component, facts, zones)
