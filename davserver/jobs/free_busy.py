"""When somebody is busy: of single calendars, and of all that count for a person (for scheduling).

A calendar counts unless it is transparent (schedule-calendar-transp, RFC 6638 9.1). What others share with a
person is their time, not his: transparent, unless he says otherwise. DATE and floating times are read in the
zone of their calendar, else in the one that is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from sqlalchemy import Connection

from davserver.config import LimitSettings
from davserver.content import zones
from davserver.content.filters import CompFilter, Test, TimeRange
from davserver.content.freebusy import Asked, BusyPeriod, busy_periods, merge
from davserver.content.lines import parse_components
from davserver.content.recur import Budget
from davserver.jobs.query import near
from davserver.model import Collection, CollectionKind, Principal
from davserver.storage import collections, shares


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when (UTC seconds, half-open); the zone of calendars that name none."""

    start: int
    end: int
    zone: tzinfo = UTC


def of_person(tx: Connection, person: Principal, span: Span, limits: LimitSettings) -> list[BusyPeriod]:
    """Busy time over all calendars that count for a person, merged, by start.

    :raises BudgetExceeded: where it would take more instances or time than a query may.
    """
    mine = collections.of_owner(tx, person.id, CollectionKind.CALENDAR)
    mine += [one.collection for one in shares.of_user(tx, person.id, CollectionKind.CALENDAR)]
    return of_calendars(tx, (one for one in mine if not one.transparent), person, (span, limits))


def of_calendars(
    tx: Connection, calendars: Iterable[Collection], owner: Principal, asked: tuple[Span, LimitSettings]
) -> list[BusyPeriod]:
    """Busy time of calendars of one owner, merged, by start."""
    span, limits = asked
    window = TimeRange(span.start, span.end)
    parts = tuple(CompFilter(name, time_range=window) for name in ("VEVENT", "VFREEBUSY"))
    wanted = CompFilter("VCALENDAR", comp_filters=parts, test=Test.ANYOF)
    budget = Budget.of_request(limits.query_instances)
    whole = Asked(span.start, span.end, span.zone, addresses_of(owner), budget)
    found: list[BusyPeriod] = []
    for calendar in calendars:
        roots = near(tx, calendar.id, wanted, limits.query_seconds)
        found += busy_periods(roots, replace(whole, zone=zone_of_calendar(calendar) or span.zone))
    return merge(found)


def addresses_of(person: Principal) -> frozenset[str]:
    """The calendar user addresses by which events name a person, lower case."""
    return frozenset({f"mailto:{person.email.lower()}"}) if person.email else frozenset()


def zone_of_calendar(calendar: Collection) -> tzinfo | None:
    """The zone that a calendar names or describes (RFC 4791 5.2.2, RFC 7809 5.2)."""
    if calendar.timezone_id:
        return zones.named_zone(calendar.timezone_id)
    if calendar.timezone is None:
        return None
    return zones.calendar_zone(parse_components(calendar.timezone)[0])
