"""Questions about the instances of an object: filters, index, refusals (RFC 4791 5.3.2.1, 9.9).

Belongs here: whether a component or an alarm is in a time-range, the bounds that the index keeps,
what PUT refuses because no budget could answer it. Does not belong here: how instances are found
(schedule), how an answer is written (expand, freebusy).

Whatever :func:`bounds` and :func:`alarm_bounds` accepted at PUT raises nothing but BudgetExceeded
later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from davserver.content.lines import Component, Line
from davserver.content.recur import UNITS, Budget, Recurrence, Rule, parse_rule
from davserver.content.schedule import RecurrenceSet, Schedule, components_of
from davserver.content.shapes import BEGINNING, FOREVER, Instance
from davserver.content.stamps import DAY, MAX_SECONDS, MIN_SECONDS, Span, parse_duration
from davserver.content.times import parse_moment
from davserver.content.zones import UTC_ZONE, Zone, Zones
from davserver.errors import CALDAV, BudgetExceeded, InvalidContent
from davserver.sentences import Sentence

__all__ = [
    "NEVER",
    "Bounds",
    "Budget",
    "Instance",
    "Schedule",
    "alarm_bounds",
    "alarm_in_range",
    "bounds",
    "component_in_range",
    "local_windows",
    "refuse_unanswerable",
]

_WIDEST_OFFSET = 16 * 3600
"""No zone is or was farther from UTC."""


def component_in_range(schedule: Schedule, component: Component, start: int | None, end: int | None) -> bool:
    """A comp-filter's time-range: whether an instance that this component describes overlaps it.

    Where the search would go over its budget the answer is yes: a client can cope with an event
    too many, not with one that is missing, and one odd object must not fail the whole query.
    """
    try:
        return next(schedule.instances(start, end, Budget(), component), None) is not None
    except BudgetExceeded:
        return True


class _Trigger(NamedTuple):
    """When an alarm rings: absolutely, or by an offset from one end; then at regular intervals."""

    moment: int | None
    offset: Span
    from_end: bool
    repeat: int
    interval: int

    @property
    def earliest(self) -> int:
        """The least number of seconds between its anchor and a ring."""
        slack = DAY if self.offset.days else 0
        return self.offset.days * DAY + self.offset.seconds - slack + min(self.repeat * self.interval, 0)

    @property
    def latest(self) -> int:
        """The greatest number of seconds between its anchor and a ring."""
        slack = DAY if self.offset.days else 0
        return self.offset.days * DAY + self.offset.seconds + slack + max(self.repeat * self.interval, 0)

    def rings(self, moment: int, start: int, end: int) -> bool:
        """Whether the first ring or a repetition is in [start, end)."""
        if start <= moment < end:
            return True
        if self.interval <= 0 or not self.repeat:
            return False
        place = max(-(-(start - moment) // self.interval), 0)
        return place <= self.repeat and start <= moment + place * self.interval < end


def _trigger(alarm: Component, zones: Zones) -> _Trigger | None:
    line = alarm.first("TRIGGER")
    if line is None:
        return None
    repeat = (alarm.value("REPEAT") or "0").strip()
    length = alarm.value("DURATION")
    if not (repeat.isascii() and repeat.isdecimal() and len(repeat) <= 9):
        raise InvalidContent(Sentence("Bad REPEAT: %(value)r", value=repeat[:20]))
    days, seconds = parse_duration(length) if length else (0, 0)
    offset, moment = Span(0, 0), None
    if "P" in line.value.upper():
        offset = parse_duration(line.value)
    else:
        moment = parse_moment(line, zones).utc(zones.default)
    from_end = (line.param("RELATED") or "").upper() == "END"
    return _Trigger(moment, offset, from_end, int(repeat), days * DAY + seconds)


def alarm_in_range(
    schedule: Schedule, component: Component, alarm: Component, start: int | None, end: int | None
) -> bool:
    """A VALARM's time-range: whether it rings in it for an instance that the component describes."""
    trigger = _trigger(alarm, schedule.zones)
    if trigger is None:
        return False
    low, high = BEGINNING if start is None else start, FOREVER if end is None else end
    if trigger.moment is not None:
        return trigger.rings(trigger.moment, low, high)
    around = (
        None if start is None else start - trigger.latest - 1,
        None if end is None else end - trigger.earliest + 1,
    )
    try:
        return any(
            trigger.rings(_ring(schedule, instance, trigger), low, high)
            for instance in schedule.instances(*around, Budget(), component)
        )
    except BudgetExceeded:
        return True


def _ring(schedule: Schedule, instance: Instance, trigger: _Trigger) -> int:
    """The moment of the first ring; days before an event are days on the calendar."""
    anchor = instance.end if trigger.from_end else instance.start
    if not trigger.offset.days:
        return anchor + trigger.offset.seconds
    zone = schedule.zone_of(instance)
    return zone.to_utc(zone.to_local(anchor) + trigger.offset.days * DAY) + trigger.offset.seconds


# -- the index ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where an object lies: it can overlap [start, end) only if ``first < end and last > start``.

    :param first: seconds; None is no bound.
    :param last: seconds, exclusive; None is endless.
    :param floating: the seconds are wall-clock times read as if UTC, so the window has to be taken
        on the wall clock of the calendar's zone (all times of the object are DATE or floating).
    :param exact: the comparison alone decides, for a VEVENT, VTODO or VJOURNAL time-range alike (for
        floating ones up to the hour that a change of the clocks repeats or leaves out).
    """

    first: int | None
    last: int | None
    floating: bool
    exact: bool


NEVER = Bounds(MAX_SECONDS + 1, MIN_SECONDS, floating=False, exact=True)
"""Overlaps nothing: a VJOURNAL without DTSTART, for example."""


class _Extent(NamedTuple):
    first: int
    last: int
    kind: str


def bounds(root: Component, component_name: str) -> Bounds:
    """What the index has to know about the components of that name; InvalidContent if unreadable."""
    schedule = Schedule(root, component_name, UTC_ZONE)
    extents = [_Extent(instance.first, instance.last, instance.kind) for instance in schedule.fixed]
    for series in schedule.recurring:
        extents += _extents_of(series)
    if extents and any(_mixes_local_and_zoned(one) for one in components_of(root, component_name)):
        # As if each were there in both kinds: wide enough for every zone, and never exact.
        extents.append(extents[0]._replace(kind="zoned" if extents[0].kind != "zoned" else "floating"))
    return _bounds_of(extents, exact=len(extents) == 1 and not schedule.recurring)


def _mixes_local_and_zoned(component: Component) -> bool:
    """Whether one end is on the calendar's clock and the other one is not, so that no zone moves both."""
    dated = {_is_local(line) for line in component.lines if line.name in ("DTSTART", "DTEND", "DUE")}
    if dated and component.name != "VFREEBUSY":
        return len(dated) > 1
    moments = ("COMPLETED", "CREATED", "DTSTART", "DTEND", "FREEBUSY")
    return any(_is_local(line) for line in component.lines if line.name in moments)


def _is_local(line: Line) -> bool:
    """Whether a DATE or floating time is among the values; lengths of periods say nothing."""
    if "TZID" in line.params and "T" in line.value.upper():
        return False
    values = line.value.upper().replace("/", ",").split(",")
    return any(not value.strip().endswith("Z") and "P" not in value for value in values)


def _extents_of(series: RecurrenceSet) -> Iterator[_Extent]:
    """One extent per component of a recurrence set."""
    last_id = series.last_id()
    first_local = min([series.shape.anchor.local, *(local for local, _ in series.extra)])
    longest_period = max((sum(span) for span in series.periods.values()), default=0)
    # The zone is not known yet in which an UNTIL in UTC ends a floating series.
    slack = DAY if series.kind == "floating" else 0
    for segment in series.segments:
        shape = segment.shape
        local = first_local if shape is series.shape else shape.anchor.local - DAY
        earliest = shape.at(local, series.default)
        last = FOREVER
        if last_id is not None:
            latest = shape.at(max(last_id, local) + segment.shift, series.default)
            last = max(latest.last, latest.start + longest_period) + 1 + slack
            last += DAY if shape is not series.shape or shape.span.days else 0
        yield _Extent(min(earliest.first, earliest.start), last, shape.kind)


def _bounds_of(extents: list[_Extent], *, exact: bool) -> Bounds:
    if not extents:
        return NEVER
    first, last = min(extent.first for extent in extents), max(extent.last for extent in extents)
    local = [extent.kind != "zoned" for extent in extents]
    if any(local) and not all(local):
        first, last = first - _WIDEST_OFFSET, last + _WIDEST_OFFSET
    return Bounds(
        None if first <= BEGINNING + DAY else first,
        None if last >= FOREVER else last,
        floating=all(local),
        exact=exact,
    )


def alarm_bounds(root: Component, component_name: str, whole: Bounds | None = None) -> Bounds | None:
    """The same for the rings of all alarms; None where there are none.

    A query for alarms compares its window with these instead of :func:`bounds`; never exact.

    :param whole: the bounds of the components, where they are known.
    """
    zones = Zones(root)
    alarms = [
        trigger
        for component in components_of(root, component_name)
        for child in component.children
        if child.name == "VALARM" and (trigger := _trigger(child, zones))
    ]
    if not alarms:
        return None
    extents = []
    for trigger in alarms:
        if trigger.moment is not None:
            first, last = trigger.moment + trigger.earliest, trigger.moment + trigger.latest + 1
            extents.append(_Extent(first, last, "zoned"))
    if len(extents) < len(alarms):
        relative = [trigger for trigger in alarms if trigger.moment is None]
        whole = whole or bounds(root, component_name)
        first = BEGINNING if whole.first is None else whole.first + min(item.earliest for item in relative)
        last = FOREVER if whole.last is None else whole.last + max(item.latest for item in relative) + 1
        extents.append(_Extent(first, last, "floating" if whole.floating else "zoned"))
    return _bounds_of(extents, exact=False)


LocalWindow = tuple[int | None, int | None]


def local_windows(start: int | None, end: int | None, zone: Zone) -> tuple[LocalWindow, LocalWindow]:
    """A window in UTC on a zone's wall clock, for rows whose bounds are floating: the widest, the narrowest.

    They differ within a day of a change of the clocks; what only the widest one touches may be outside.
    """
    low = (None, None) if start is None else zone.local_bounds(start)
    high = (None, None) if end is None else zone.local_bounds(end)
    return (low[0], high[1]), (low[1], high[0])


# -- what is refused at PUT ---------------------------------------------------------------------

_YEAR = 366 * DAY


def refuse_unanswerable(root: Component, max_instances: int) -> None:
    """Refuse at PUT what no answer could ever hold: InvalidContent with CALDAV:max-instances.

    That is a recurrence with more than ``max_instances`` instances in its first year or in RDATE,
    or one whose rule has to be searched beyond all measure for its next instance. A recurrence
    set without any instance is stored: Apple and Confluence send UNTIL before DTSTART for a
    deleted series and would repeat the request for ever if it were refused.
    """
    for component in root.children:
        dates = sum(line.value.count(",") + 1 for line in component.all("RDATE"))
        if dates > max_instances:
            raise _too_many(
                Sentence(
                    "RDATE names %(dates)s instances; at most %(max_instances)s are allowed.",
                    dates=dates,
                    max_instances=max_instances,
                )
            )
    rules = (line.value for child in root.children for line in child.lines if line.name == "RRULE")
    if any(_may_be_dense(parse_rule(text), max_instances) for text in rules):
        for name in {child.name for child in root.children} - {"VTIMEZONE"}:
            for series in Schedule(root, name, UTC_ZONE).recurring:
                for rule in series.rules:
                    _refuse_dense_rule(rule.recurrence, max_instances)


def _may_be_dense(rule: Rule, max_instances: int) -> bool:
    """What most rules are not: more than the allowed number of times a day on every day of a year."""
    times = max(len(rule.by_hour), 1) * max(len(rule.by_minute), 1) * max(len(rule.by_second), 1)
    return rule.freq in UNITS or times * 366 > max_instances


def _refuse_dense_rule(recurrence: Recurrence, max_instances: int) -> None:
    start, budget = recurrence.start, Budget()
    try:
        year = recurrence.between(start, start + _YEAR, budget)
        count = sum(1 for _ in islice(year, max_instances + 1))
        if count < 2:
            next(recurrence.between(start + 1, None, budget), None)
    except BudgetExceeded:
        raise _too_many("The recurrence rule needs too long a search for its instances.") from None
    if count > max_instances:
        raise _too_many(
            Sentence(
                "The recurrence rule has more than %(max_instances)s instances in a year.",
                max_instances=max_instances,
            )
        )


def _too_many(message: str) -> InvalidContent:
    return InvalidContent(message, CALDAV + "max-instances")
