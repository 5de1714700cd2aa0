"""Busy time of many objects in one window (RFC 4791 7.10, RFC 5545 3.6.4).

Belongs here: which instance counts as what FBTYPE, what the index row tells of that, merging, clipping, the
VFREEBUSY answer. Does not belong here: which calendars count (protocol), how instances are found (schedule).

TRANSP:TRANSPARENT and STATUS:CANCELLED are free, STATUS:TENTATIVE is BUSY-TENTATIVE, everything
else BUSY: CLASS hides what an event is about, not that its owner is busy. What the owner has declined
as an ATTENDEE is free, what he has not accepted yet BUSY-TENTATIVE (PARTSTAT, RFC 5545 3.2.12). Outlook's own
word for "out of office" and "tentative" (X-MICROSOFT-CDO-BUSYSTATUS) is heard where these say no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple

from davserver.content import summary
from davserver.content.instances import Bounds
from davserver.content.lines import Component, Line
from davserver.content.recur import Budget
from davserver.content.schedule import Schedule
from davserver.content.shapes import facts_of, shape_of
from davserver.content.stamps import format_utc
from davserver.content.times import parse_periods
from davserver.content.zones import Zone, Zones
from davserver.errors import InvalidContent
from davserver.model import Busy, Timing

FBTYPES = ("BUSY", "BUSY-TENTATIVE", "BUSY-UNAVAILABLE")
"""The types that an answer names, in its order."""
_TYPES: dict[str | None, Busy] = {
    None: Busy.FREE,
    **dict(zip(FBTYPES, (Busy.BUSY, Busy.TENTATIVE, Busy.UNAVAILABLE), strict=True)),
}
_TOLD = {int(busy): fbtype for fbtype, busy in _TYPES.items() if fbtype}
_OUTLOOK = {"FREE": None, "TENTATIVE": "BUSY-TENTATIVE", "OOF": "BUSY-UNAVAILABLE"}


class BusyPeriod(NamedTuple):
    """A stretch of busy time in UTC seconds."""

    start: int
    end: int
    fbtype: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose busy time is asked for, and when.

    :param start: UTC seconds; busy time is clipped to [start, end).
    :param zone: places DATE and floating times.
    :param addresses: the calendar user addresses of the person, lower case (``mailto:ann@example.org``).
    """

    start: int
    end: int
    zone: tzinfo
    addresses: frozenset[str] = frozenset()
    budget: Budget = field(default_factory=Budget)


def busy_periods(roots: Iterable[Component], asked: Asked) -> list[BusyPeriod]:
    """The busy time of the objects, clipped, merged per type, ordered by start.

    BudgetExceeded where all objects together have more instances than the budget allows.
    """
    return merge((period for root in roots for period in of_object(root, asked)), asked.start, asked.end)


def merge(periods: Iterable[BusyPeriod], first: int, last: int) -> list[BusyPeriod]:
    """Periods clipped to [first, last), by start; those of one type that overlap or touch are one (7.10)."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for period in periods:
        start, end = max(period.start, first), min(period.end, last)
        if start < end:
            spans.setdefault(period.fbtype, []).append((start, end))
    merged = (
        BusyPeriod(first, last, fbtype) for fbtype, found in spans.items() for first, last in _merged(found)
    )
    return sorted(merged)


def free_busy_component(periods: Iterable[BusyPeriod], start: int, end: int, stamp: int) -> Component:
    """The VFREEBUSY of an answer; ``stamp`` is now, in UTC seconds. One FREEBUSY line per type."""
    lines = [
        Line("UID", f"busy-{format_utc(start)}-{format_utc(end)}"),
        Line("DTSTAMP", format_utc(stamp)),
        Line("DTSTART", format_utc(start)),
        Line("DTEND", format_utc(end)),
    ]
    by_type: dict[str, list[str]] = {}
    for period in periods:
        by_type.setdefault(period.fbtype, []).append(f"{format_utc(period.start)}/{format_utc(period.end)}")
    lines += [
        Line("FREEBUSY", ",".join(by_type[fbtype]), {"FBTYPE": [fbtype]})
        for fbtype in FBTYPES
        if fbtype in by_type
    ]
    return Component("VFREEBUSY", lines)


# -- of one object ------------------------------------------------------------------------------


def busy_of_row(root: Component, component: str, bounds: Bounds) -> Busy:
    """What the bounds of an object mean as busy time, where they and this tell all of it."""
    if component != "VEVENT":
        return Busy.UNKNOWN
    events = [child for child in root.children if child.name == component]
    types = {_certain(event) for event in events}
    if types == {Busy.FREE}:
        return Busy.FREE
    if len(events) > 1 or not bounds.exact:
        return Busy.UNKNOWN
    if bounds.last == (bounds.first or 0) + 1:  # a moment, or a second?
        has_end = events[0].first("DTEND") or events[0].first("DURATION")
        return Busy.UNKNOWN if has_end else Busy.FREE
    # Where clocks change, the length of what floats depends on the zone, but for whole days.
    return types.pop() if not bounds.floating or _is_of_days(events[0]) else Busy.UNKNOWN


def _certain(event: Component) -> Busy:
    """What an event counts as, whoever asks."""
    words = _words(event)
    busy = _TYPES[_fbtype(words, "")]
    answers = {(line.param("PARTSTAT") or "").upper() for line in event.lines if line.name == "ATTENDEE"}
    sure = all(_TYPES[_fbtype(words, answer)] is busy for answer in answers & summary.UNSURE)
    return busy if sure else Busy.UNKNOWN


def _is_of_days(event: Component) -> bool:
    return not any("T" in line.value.upper() for line in event.lines if line.name in _TIMES)


_TIMES = frozenset({"DTSTART", "DTEND", "DURATION"})


def of_row(busy: int, times: tuple[int, int, int], zone: Zone) -> BusyPeriod:
    """The busy time of an object whose row tells it.

    :param times: its first, last and timing.
    """
    first, last, timing = times
    if timing == Timing.FLOATING:
        first, last = zone.to_utc(first), zone.to_utc(last)
    return BusyPeriod(first, last, _TOLD[busy])


def of_summary(text: str, component: str, asked: Asked) -> Iterator[BusyPeriod]:
    """The busy time of an object that has a summary."""
    if component == "VEVENT":
        return _of_events(summary.schedule_of(text, component, asked.zone), asked)
    return of_object(summary.parsed(text), asked)


def of_object(root: Component, asked: Asked) -> Iterator[BusyPeriod]:
    """The busy time of an object, some of it perhaps outside the window.

    :raises BudgetExceeded: where there are more instances than the budget allows.
    """
    names = {child.name for child in root.children}
    if "VEVENT" in names:
        yield from _of_events(Schedule(root, "VEVENT", asked.zone), asked)
    if "VFREEBUSY" in names:
        zones = Zones(root, asked.zone)
        for child in root.children:
            if child.name == "VFREEBUSY":
                yield from _published(child, zones)


def _of_events(schedule: Schedule, asked: Asked) -> Iterator[BusyPeriod]:
    types: dict[int, str | None] = {}
    for instance in schedule.instances(asked.start, asked.end, asked.budget):
        event, known = instance.component, id(instance.component)
        if known not in types:
            types[known] = _fbtype(_words(event), _answer(event, asked.addresses))
        fbtype = types[known]
        if fbtype:
            yield BusyPeriod(instance.start, instance.end, fbtype)


def _published(component: Component, zones: Zones) -> Iterator[BusyPeriod]:
    """The FREEBUSY lines of a stored VFREEBUSY; types nobody knows count as BUSY (RFC 5545 3.2.9).

    What lies outside its own DTSTART and DTEND, where it has them, it does not speak of (RFC 5545 3.6.4).
    """
    shape = shape_of(component, facts_of(component), zones)
    whole = shape.at(shape.anchor.local, zones.default) if shape else None
    for line in component.all("FREEBUSY"):
        fbtype = (line.param("FBTYPE") or "BUSY").upper()
        if fbtype == "FREE":
            continue
        try:
            spans = [period.utc(zones.default) for period in parse_periods(line, zones)]
        except InvalidContent:
            continue  # an old object must not fail the answer about all the others
        for first, last in spans:
            if whole is not None:
                first, last = max(first, whole.start), min(last, whole.end)
            yield BusyPeriod(first, last, fbtype if fbtype in FBTYPES else "BUSY")


_WORDS = frozenset({"STATUS", "TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS"})


def _words(event: Component) -> dict[str, str]:
    """What the event itself says of how it counts, in upper case; of several the first."""
    return {line.name: line.value.strip().upper() for line in reversed(event.lines) if line.name in _WORDS}


def _fbtype(words: dict[str, str], answer: str) -> str | None:
    """What an event counts as, with that answer to the invitation; None is free."""
    status, transparency = words.get("STATUS"), words.get("TRANSP")
    if status == "CANCELLED" or transparency == "TRANSPARENT" or answer == "DECLINED":
        return None
    if status == "TENTATIVE" or answer in ("TENTATIVE", "NEEDS-ACTION"):
        return "BUSY-TENTATIVE"
    return _OUTLOOK.get(words.get("X-MICROSOFT-CDO-BUSYSTATUS", ""), "BUSY")


def _answer(event: Component, addresses: frozenset[str]) -> str:
    """What the person has answered to an invitation; "" where that is not said."""
    for line in event.all("ATTENDEE") if addresses else ():
        if line.value.strip().lower() in addresses:
            return (line.param("PARTSTAT") or "").upper()
    return ""


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Overlapping and adjacent spans as one (RFC 4791 7.10)."""
    spans.sort()
    first, last = spans[0]
    for start, end in spans[1:]:
        if start > last:
            yield first, last
            first = start
        last = max(last, end)
    yield first, last
