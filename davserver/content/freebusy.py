"""Busy time of many objects in one window (RFC 4791 7.10, RFC 5545 3.6.4).

Belongs here: which instance counts as what FBTYPE, merging, clipping, the VFREEBUSY answer. Does not
belong here: which calendars count (protocol), how instances are found (schedule).

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

from davserver.content.lines import Component, Line
from davserver.content.recur import Budget
from davserver.content.schedule import Schedule
from davserver.content.shapes import facts_of, shape_of
from davserver.content.stamps import format_utc
from davserver.content.times import parse_periods
from davserver.content.zones import Zones
from davserver.errors import InvalidContent

FBTYPES = ("BUSY", "BUSY-TENTATIVE", "BUSY-UNAVAILABLE")
"""The types that an answer names, in its order."""
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
    return merge(
        BusyPeriod(max(period.start, asked.start), min(period.end, asked.end), period.fbtype)
        for root in roots
        for period in _periods(root, asked)
    )


def merge(periods: Iterable[BusyPeriod]) -> list[BusyPeriod]:
    """Overlapping and adjacent periods of one type as one (RFC 4791 7.10), ordered by start."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for start, end, fbtype in periods:
        if start < end:
            spans.setdefault(fbtype, []).append((start, end))
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


def _periods(root: Component, asked: Asked) -> Iterator[BusyPeriod]:
    names = {child.name for child in root.children}
    if "VEVENT" in names:
        types: dict[int, str | None] = {}
        schedule = Schedule(root, "VEVENT", asked.zone)
        for instance in schedule.instances(asked.start, asked.end, asked.budget):
            known = id(instance.component)
            if known not in types:
                types[known] = _fbtype(instance.component, asked.addresses)
            fbtype = types[known]
            if fbtype:
                yield BusyPeriod(instance.start, instance.end, fbtype)
    if "VFREEBUSY" in names:
        zones = Zones(root, asked.zone)
        for child in root.children:
            if child.name == "VFREEBUSY":
                yield from _published(child, zones)


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


def _fbtype(event: Component, addresses: frozenset[str]) -> str | None:
    """What an event counts as; None is free."""
    status, answer = (event.value("STATUS") or "").strip().upper(), _answer(event, addresses)
    transparent = (event.value("TRANSP") or "").strip().upper() == "TRANSPARENT"
    if status == "CANCELLED" or transparent or answer == "DECLINED":
        return None
    if status == "TENTATIVE" or answer in ("TENTATIVE", "NEEDS-ACTION"):
        return "BUSY-TENTATIVE"
    return _OUTLOOK.get((event.value("X-MICROSOFT-CDO-BUSYSTATUS") or "").strip().upper(), "BUSY")


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
