"""The recurrence set of an object: all its instances, in order and lazily (RFC 5545 3.8.4.4, 3.8.5).

Belongs here: RRULE, RDATE, EXDATE, EXRULE, RECURRENCE-ID and RANGE put together. Does not belong
here: how a rule is searched (recur), what one component means (shapes), filters (instances).

The idea: a set is a stream of identities (the original starts) from the rules, minus exclusions and
overridden ones; segments say which component describes which stretch of it; instances that stand
alone (overrides, single events) are a sorted list beside it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import NamedTuple

from davserver.content.lines import Component, Line
from davserver.content.recur import UNITS, Budget, Recurrence, parse_rule
from davserver.content.shapes import (
    BEGINNING,
    FOREVER,
    Facts,
    Instance,
    Shape,
    facts_of,
    moment_of,
    shape_of,
    undated,
)
from davserver.content.stamps import DAY, Span
from davserver.content.times import Moment, Period, parse_moment, parse_moments
from davserver.content.zones import UTC_ZONE, Zone, Zones

_RECURRENCE = frozenset(("RRULE", "RDATE", "EXDATE"))


class _Rule(NamedTuple):
    """A rule from its DTSTART, with UNTIL as a moment where that decides more exactly."""

    recurrence: Recurrence
    until: int | None


class Segment(NamedTuple):
    """The stretch of a recurrence set that one component describes (RANGE=THISANDFUTURE)."""

    shape: Shape
    first_id: int
    end_id: int
    shift: int


class Override(NamedTuple):
    """A component with a RECURRENCE-ID: the set it belongs to (an orphan to none), its own instance."""

    component: Component
    series: RecurrenceSet | None
    key: int
    instance: Instance | None
    is_future: bool


class RecurrenceSet:
    """The recurrence set of a component with RRULE or RDATE.

    Its instances are identified by keys: UTC seconds where DTSTART has a zone, else wall-clock.
    """

    def __init__(self, shape: Shape, facts: Facts, zones: Zones) -> None:
        self.shape, self.kind, self.default = shape, shape.kind, zones.default
        self.zone = shape.anchor.zone
        self.rules = [self._rule(line) for line in facts.get("RRULE", ())]
        self.exclusion_rules = [self._rule(line) for line in facts.get("EXRULE", ())]
        self.periods: dict[int, Span] = {}
        self.extra = self._extra(facts, zones)
        self.excluded, self.excluded_days = self._exclusions(facts, zones)
        self.overridden: set[int] = set()
        self.segments = [Segment(shape, BEGINNING, FOREVER, 0)]

    def key_of(self, moment: Moment) -> int:
        """The key that a RECURRENCE-ID, EXDATE or RDATE means, however the client typed it.

        A DATE means the instance of that day, a floating time the clock of DTSTART's zone.
        """
        if self.kind == "date":
            return moment.local // DAY * DAY
        local = moment.local + (self.shape.anchor.local % DAY if moment.is_date else 0)
        if self.kind == "floating":
            return self.default.to_local(local) if moment.zone is UTC_ZONE else local
        return (moment.zone or self.zone or self.default).to_utc(local)

    def local_of(self, key: int) -> int:
        """A key on the wall clock of DTSTART."""
        return self.zone.to_local(key) if self.zone else key

    def ids(self, low: int | None, high: int | None, budget: Budget) -> Iterator[tuple[int, int]]:
        """(wall clock, key) of the set without exclusions, from ``low`` to before ``high``."""
        previous = None
        for local, key in self._candidates(low, high, budget):
            if key == previous or key in self.excluded or local // DAY in self.excluded_days:
                continue
            previous = key
            if any(self._produces(rule, local) for rule in self.exclusion_rules):
                budget.step()
            else:
                yield local, key

    def split(self, overrides: list[tuple[int, Shape]]) -> None:
        """Let RANGE=THISANDFUTURE overrides describe what follows them, each up to the next."""
        self.segments = []
        key, shape, shift = BEGINNING, self.shape, 0
        for next_key, next_shape in [*sorted(overrides, key=lambda pair: pair[0]), (FOREVER, None)]:
            self.segments.append(Segment(shape, key, next_key, shift))
            if next_shape:
                key, shape = next_key, next_shape
                shift = shape.anchor.local - self._on_clock_of(shape, self.local_of(key), key)

    def instances(
        self, segment: Segment, window: tuple[int | None, int | None], budget: Budget
    ) -> Iterator[Instance]:
        """The instances of a segment that overlap the window."""
        low, high = BEGINNING if window[0] is None else window[0], FOREVER if window[1] is None else window[1]
        shape, kind, shape_kind = segment.shape, self.kind, segment.shape.kind
        zone = shape.anchor.zone or self.default
        keys_are_utc = shape is self.shape and self.zone is not None
        for local, key in self.ids(*self._local_window(segment, *window), budget):
            budget.instance()
            if key in self.overridden or not segment.first_id <= key < segment.end_id:
                continue
            clock = local if shape is self.shape else self._on_clock_of(shape, local, key) + segment.shift
            start = key if keys_are_utc else zone.to_utc(clock)
            end = shape.end_of(clock, start, zone, self.periods.get(key))
            first, last = shape.reach(start, end)
            if first < high and last > low:
                yield Instance(first, last, start, end, shape.component, clock, shape_kind, key, kind)

    def original(self, key: int) -> Instance:
        """The instance of that key as it would be if no component overrode it."""
        segment = next(item for item in self.segments if item.first_id < key <= item.end_id)
        clock = self._on_clock_of(segment.shape, self.local_of(key), key) + segment.shift
        return segment.shape.at(clock, self.default, self.periods.get(key))

    def last_id(self) -> int | None:
        """A wall-clock time that no instance is identified by a later one of; None if endless."""
        last = max((local for local, _ in self.extra), default=self.shape.anchor.local)
        for rule in self.rules:
            end = rule.recurrence.last()
            if end is None:
                return None
            last = max(last, end)
        return last

    def _local_window(
        self, segment: Segment, start: int | None, end: int | None
    ) -> tuple[int | None, int | None]:
        """Wall-clock times between which all keys lie whose instances may overlap the window."""
        zone = segment.shape.anchor.zone or self.default
        foreign = DAY if zone is not (self.zone or self.default) else 0
        longest = max([segment.shape.longest, *(sum(span) for span in self.periods.values())])
        low = high = None
        if start is not None:
            low = zone.local_bounds(start - max(longest, 0) - 1)[0] - segment.shift - foreign
        if end is not None:
            high = zone.local_bounds(end - min(segment.shape.longest, 0) + 1)[1] + 1 - segment.shift + foreign
        if segment.first_id > BEGINNING:
            first = self.local_of(segment.first_id) - DAY
            low = first if low is None else max(low, first)
        if segment.end_id < FOREVER:
            last = self.local_of(segment.end_id) + DAY
            high = last if high is None else min(high, last)
        return low, high

    def _on_clock_of(self, shape: Shape, local: int, key: int) -> int:
        """A key on the wall clock of another component of the set."""
        other = shape.anchor.zone
        return other.to_local(key) if other and self.zone and other is not self.zone else local

    def _rule(self, line: Line) -> _Rule:
        rule, anchor = parse_rule(line.value), self.shape.anchor
        if self.kind == "date":
            until = rule.until and rule.until.seconds // DAY * DAY
            return _Rule(Recurrence.of_dates(rule, anchor.local, until), None)
        if rule.until is None:
            return _Rule(Recurrence(rule, anchor.local), None)
        if rule.until.is_utc:
            until = (self.zone or self.default).local_bounds(rule.until.seconds)[1]
            return _Rule(Recurrence(rule, anchor.local, until), rule.until.seconds if self.zone else None)
        # A DATE includes its whole day: with a DATE-TIME start it can mean nothing else.
        until = rule.until.seconds + (DAY - 1 if rule.until.is_date else 0)
        return _Rule(Recurrence(rule, anchor.local, until), None)

    def _extra(self, facts: Facts, zones: Zones) -> list[tuple[int, int]]:
        """RDATE, and DTSTART where no rule brings it: (wall clock, key), ascending."""
        keys = set() if self.rules else {self.key_of(self.shape.anchor)}
        for line in facts.get("RDATE", ()):
            for value in parse_moments(line, zones):
                key = self.key_of(value.start if isinstance(value, Period) else value)
                keys.add(key)
                if isinstance(value, Period):
                    start, end = value.utc(zones.default)
                    self.periods[key] = Span(0, end - start)
        return sorted((self.local_of(key), key) for key in keys)

    def _exclusions(self, facts: Facts, zones: Zones) -> tuple[set[int], set[int]]:
        """EXDATE as keys, and as days where clients sent a DATE for a DATE-TIME."""
        keys, days = set(), set()
        for line in facts.get("EXDATE", ()):
            for value in parse_moments(line, zones):
                moment = value.start if isinstance(value, Period) else value
                if moment.is_date and self.kind != "date":
                    days.add(moment.local // DAY)
                else:
                    keys.add(self.key_of(moment))
        return keys, days

    def _candidates(self, low: int | None, high: int | None, budget: Budget) -> Iterator[tuple[int, int]]:
        streams = [self._rule_ids(rule, low, high, budget) for rule in self.rules]
        if self.extra:
            place = 0 if low is None else bisect_left(self.extra, (low, BEGINNING))
            stop = len(self.extra) if high is None else bisect_left(self.extra, (high, BEGINNING))
            streams.append(iter(self.extra[place:stop]))
        return streams[0] if len(streams) == 1 else heapq.merge(*streams)

    def _rule_ids(
        self, rule: _Rule, low: int | None, high: int | None, budget: Budget
    ) -> Iterator[tuple[int, int]]:
        locals_ = rule.recurrence.between(low, high, budget)
        zone = self.zone
        if zone is None:
            return ((local, local) for local in locals_)
        ids: Iterator[tuple[int, int]] = ((local, zone.to_utc(local)) for local in locals_)
        if rule.recurrence.rule.freq in UNITS:
            ids = _in_order(ids, zone)
        return ids if rule.until is None else (pair for pair in ids if pair[1] <= (rule.until or 0))

    def _produces(self, rule: _Rule, local: int) -> bool:
        return next(rule.recurrence.between(local, local + 1, Budget()), None) is not None


def _in_order(ids: Iterable[tuple[int, int]], zone: Zone) -> Iterator[tuple[int, int]]:
    """Inside a gap wall-clock times run ahead of those after it: put them in order of UTC."""
    waiting: list[tuple[int, int]] = []
    for local, key in ids:
        heapq.heappush(waiting, (key, local))
        soonest = min(key, zone.to_utc(local + DAY) - DAY)
        while waiting and waiting[0][0] <= soonest:
            moment, clock = heapq.heappop(waiting)
            yield clock, moment
    while waiting:
        moment, clock = heapq.heappop(waiting)
        yield clock, moment


class Schedule:
    """The instances of all components of one kind in an object.

    :param root: the VCALENDAR (for AVAILABLE the components below its VAVAILABILITYs are taken).
    :param component_name: VEVENT, VTODO, VJOURNAL, VFREEBUSY, VAVAILABILITY or AVAILABLE.
    :param default_zone: the zone of DATE and floating values, and of unknown TZIDs.
    """

    def __init__(self, root: Component, component_name: str, default_zone: tzinfo) -> None:
        self.zones = Zones(root, default_zone)
        self.name = component_name
        self.fixed: list[Instance] = []
        self.overrides: list[Override] = []
        self.recurring: list[RecurrenceSet] = []
        groups: dict[str, list[tuple[Component, Facts]]] = {}
        for component in components_of(root, component_name):
            facts = facts_of(component)
            uid = facts["UID"][0].value if "UID" in facts else ""
            groups.setdefault(uid, []).append((component, facts))
        for group in groups.values():
            self._add(group)
        self.fixed.sort(key=_by_start)

    def instances(
        self,
        start: int | None,
        end: int | None,
        budget: Budget | None = None,
        component: Component | None = None,
    ) -> Iterator[Instance]:
        """Instances that overlap [start, end), in order of their start, lazily.

        :param component: only the instances which that component describes.
        """
        budget = budget or Budget()
        fixed = self._fixed_instances(start, end, budget, component)
        if not self.recurring:
            return fixed
        streams = [
            series.instances(segment, (start, end), budget)
            for series in self.recurring
            for segment in series.segments
            if component is None or segment.shape.component is component
        ]
        if self.fixed:
            streams.append(fixed)
        return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=_by_start)

    def zone_of(self, instance: Instance) -> Zone:
        """The zone on whose clock an instance starts."""
        facts = facts_of(instance.component)
        anchor = moment_of(facts, "DTSTART", self.zones) or moment_of(facts, "DUE", self.zones)
        return (anchor.zone if anchor else None) or self.zones.default

    def _fixed_instances(
        self, start: int | None, end: int | None, budget: Budget, component: Component | None
    ) -> Iterator[Instance]:
        for instance in self.fixed:
            if instance.overlaps(start, end) and (component is None or instance.component is component):
                budget.instance()
                yield instance

    def _add(self, group: list[tuple[Component, Facts]]) -> None:
        """One UID: masters first, since overrides are identified on their clock."""
        master: RecurrenceSet | None = None
        overrides = [pair for pair in group if "RECURRENCE-ID" in pair[1]]
        recurs = bool(overrides)
        for component, facts in group:
            if "RECURRENCE-ID" in facts:
                continue
            shape = shape_of(component, facts, self.zones)
            if shape is None:
                self.fixed += undated(component, facts, self.zones)
            elif recurs or not _RECURRENCE.isdisjoint(facts):
                master = RecurrenceSet(shape, facts, self.zones)
                self.recurring.append(master)
            else:
                self.fixed.append(shape.at(shape.anchor.local, self.zones.default))
        if overrides:
            self._add_overrides(master, overrides)

    def _add_overrides(self, master: RecurrenceSet | None, overrides: list[tuple[Component, Facts]]) -> None:
        future: list[tuple[int, Shape]] = []
        found = [self._override(component, facts, master) for component, facts in overrides]
        for (component, facts), override in zip(overrides, found, strict=True):
            if master is None:
                continue
            master.overridden.add(override.key)
            shape = shape_of(component, facts, self.zones) if override.is_future else None
            if shape:
                future.append((override.key, shape))
        if master and future:
            master.split(future)
        self.overrides += found
        # Of two overrides of one instance the later one in the object counts.
        by_key = {override.key: override.instance for override in found}
        self.fixed += filter(None, by_key.values())

    def _override(self, component: Component, facts: Facts, master: RecurrenceSet | None) -> Override:
        line = facts["RECURRENCE-ID"][0]
        identity = parse_moment(line, self.zones)
        key, kind = (master.key_of(identity), master.kind) if master else _orphan_key(identity)
        shape = shape_of(component, facts, self.zones)
        if shape:
            own = [shape.at(shape.anchor.local, self.zones.default)]
        else:
            own = undated(component, facts, self.zones)
        instance = own[0]._replace(recurrence_id=key, recurrence_kind=kind) if own else None
        is_future = (line.param("RANGE") or "").upper() == "THISANDFUTURE"
        return Override(component, master, key, instance, is_future)


def components_of(root: Component, name: str) -> Iterator[Component]:
    """The components of that name where RFC 5545 and RFC 7953 put them."""
    for child in root.children:
        if child.name == name:
            yield child
        elif name == "AVAILABLE" and child.name == "VAVAILABILITY":
            yield from (below for below in child.children if below.name == name)


def _by_start(instance: Instance) -> int:
    return instance.start


def _orphan_key(moment: Moment) -> tuple[int, str]:
    """The identity of an override whose master is not in the object (an invitation to one date)."""
    if moment.is_date:
        return moment.local, "date"
    return (moment.zone.to_utc(moment.local), "zoned") if moment.zone else (moment.local, "floating")
