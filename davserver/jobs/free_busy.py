"""When somebody is busy: of single calendars, and of all that count for a person (for scheduling).

A calendar counts unless it is transparent (schedule-calendar-transp, RFC 6638 9.1). What others share with a
person is their time, not his: transparent, unless he says otherwise. DATE and floating times are read in the
zone of their calendar, else in the one that is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from time import monotonic

from sqlalchemy import Connection

from davserver.config import LimitSettings
from davserver.content import zones
from davserver.content.freebusy import Asked, BusyPeriod, merge, of_object, of_row, of_summary
from davserver.content.lines import decode, parse_components
from davserver.content.recur import Budget
from davserver.content.zones import as_zone
from davserver.jobs.query import in_time
from davserver.model import Collection, CollectionKind, Principal
from davserver.storage import collections, items, shares
from davserver.storage.search import busy


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
    budget = Budget.of_request(limits.query_instances)
    whole = Asked(span.start, span.end, span.zone, addresses_of(owner), budget)
    found: list[BusyPeriod] = []
    for calendar in calendars:
        here = replace(whole, zone=zone_of_calendar(calendar) or span.zone)
        found += _of_calendar(tx, calendar, here, monotonic() + limits.query_seconds)
    return merge(found, span.start, span.end)


def _of_calendar(tx: Connection, calendar: Collection, asked: Asked, deadline: float) -> Iterator[BusyPeriod]:
    """From index rows as far as these tell it, else from summaries; from bodies where there is none."""
    zone = as_zone(asked.zone)
    for batch in busy(tx, calendar.id, asked.start, asked.end):
        sized = []
        for row in in_time(batch, deadline):
            key, size, component, short, told = row[:5]
            if told:
                asked.budget.instance()
                yield of_row(told, row[5:], zone)
            elif short:
                yield from of_summary(short, component, asked)
            else:
                sized.append((key, size))
        for body in in_time(items.bodies_of(tx, sized), deadline):
            yield from of_object(parse_components(decode(body))[0], asked)


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
