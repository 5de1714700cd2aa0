"""Busy time of many objects in one window (RFC 4791 7.10, RFC 5545 3.6.4).

Belongs here: which instance counts as what FBTYPE, merging, clipping, the VFREEBUSY answer. Does not
belong here: which calendars count (protocol), how instances are found (schedule).

TRANSP:TRANSPARENT and STATUS:CANCELLED are free, STATUS:TENTATIVE is BUSY-TENTATIVE, everything
else BUSY: CLASS hides what an event is about, not that its owner is busy. Outlook's own word for
"out of office" and "tentative" (X-MICROSOFT-CDO-BUSYSTATUS) is heard where STATUS says no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def busy_periods(
    roots: Iterable[Component], start: int, end: int, default_zone: tzinfo, budget: Budget | None = None
) -> list[BusyPeriod]:
    """The busy time of the objects, clipped to [start, end), merged per type, ordered by start.

    BudgetExceeded where all objects together have more instances than the budget allows.
    """
    budget = budget or Budget()
    found: dict[str, list[tuple[int, int]]] = {}
    for root in roots:
        for period in _periods(root, (start, end), default_zone, budget):
            first, last = max(period.start, start), min(period.end, end)
            if first < last:
                found.setdefault(period.fbtype, []).append((first, last))
    merged = [
        BusyPeriod(first, last, fbtype) for fbtype, spans in found.items() for first, last in _merged(spans)
    ]
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


def _periods(
    root: Component, window: tuple[int, int], default_zone: tzinfo, budget: Budget
) -> Iterator[BusyPeriod]:
    names = {child.name for child in root.children}
    if "VEVENT" in names:
        types: dict[int, str | None] = {}
        for instance in Schedule(root, "VEVENT", default_zone).instances(*window, budget):
            known = id(instance.component)
            if known not in types:
                types[known] = _fbtype(instance.component)
            fbtype = types[known]
            if fbtype:
                yield BusyPeriod(instance.start, instance.end, fbtype)
    if "VFREEBUSY" in names:
        zones = Zones(root, default_zone)
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


def _fbtype(event: Component) -> str | None:
    """What an event counts as; None is free."""
    status = (event.value("STATUS") or "").strip().upper()
    if status == "CANCELLED" or (event.value("TRANSP") or "").strip().upper() == "TRANSPARENT":
        return None
    if status == "TENTATIVE":
        return "BUSY-TENTATIVE"
    return _OUTLOOK.get((event.value("X-MICROSOFT-CDO-BUSYSTATUS") or "").strip().upper(), "BUSY")


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
