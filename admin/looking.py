"""What the pages share that look into calendars and address books: whose, in what zone, times and colours.

Not a page. Times are told in the zone of who looks; whole days stay the days that they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import abort, request
from flask_babel import format_date, format_time, get_locale, get_timezone
from sqlalchemy import Connection

from davserver.content.stamps import DAY
from davserver.content.zones import UTC_ZONE, Zone, named_zone
from davserver.jobs.agenda import Occurrence
from davserver.jobs.places import Place
from davserver.model import Collection, CollectionKind
from davserver.storage import collections, shares

from .context import owner, person_url

_COLOR = re.compile(r"(#[0-9A-Fa-f]{6})[0-9A-Fa-f]{0,2}")
_COLORS = ("#1f77b4", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#17becf")
_EPOCH = date(1970, 1, 1)


def zone() -> Zone:
    """The zone of who looks."""
    return named_zone(str(get_timezone())) or UTC_ZONE


def owned(tx: Connection, kind: CollectionKind) -> list[Collection]:
    """The owner's calendars or address books in the order that he gave them."""
    found = collections.of_owner(tx, owner().id, kind)
    return sorted(found, key=lambda one: (one.position is None, one.position or 0, one.id))


def visible(tx: Connection, kind: CollectionKind) -> list[Collection]:
    """These, and after them what others share with the owner and he took, as he sees it."""
    shared = shares.of_user(tx, owner().id, kind)
    return [*owned(tx, kind), *(one.collection._replace(name=one.view.name) for one in shared)]


def reach(tx: Connection, kind: str, name: str) -> Collection:
    """One of these by its name in the owner's home; 404 for any other."""
    where = place(kind, name)
    found = collections.get(tx, where.owner, where.kind, where.name)
    if found is None:
        shared = shares.get(tx, owner().id, where.kind, where.name)
        if shared is None:
            abort(404)
        return shared.collection._replace(name=shared.view.name)
    return found


def is_owned(one: Collection) -> bool:
    """Whether it belongs to the owner of the pages, and not to somebody who shares it with him."""
    return one.owner_id == owner().id


def chosen(all_of_kind: Sequence[Collection]) -> list[Collection]:
    """Those that ``?in=`` names, all without it."""
    name = request.args.get("in", "")
    return [one for one in all_of_kind if one.name == name] if name else list(all_of_kind)


def place(kind: str, name: str) -> Place:
    """Where a collection of the owner lies."""
    if kind not in (CollectionKind.CALENDAR.value, CollectionKind.ADDRESSBOOK.value):
        abort(404)
    return Place(owner().name, CollectionKind(kind), name)


def color_of(one: Collection) -> str:
    """A colour that may stand in a page: the collection's own, where it is one."""
    match = _COLOR.fullmatch(one.color or "")
    return match[1] if match else _COLORS[one.id % len(_COLORS)]


def title_of(one: Collection) -> str:
    """What people call it."""
    return one.display_name or one.name


def entry_url(one: Collection, name: str) -> str:
    """The page of an item."""
    return person_url("entries.show", kind=one.kind.value, home=one.name, name=name)


def day_of(number: int) -> date:
    """The date of a day number; days beyond the calendar become its ends."""
    return _EPOCH + timedelta(days=min(max(number, -719_162), 2_932_896))


def number_of(day: date) -> int:
    """The number of a date since 1970."""
    return (day - _EPOCH).days


def day_in_address(name: str) -> date:
    """A day like 2026-01-31 (or a month like 2026-01) in the address; today without a good one."""
    text = request.args.get(name, "")
    try:
        found = date.fromisoformat(text if len(text) > 7 else f"{text}-01")
        if 1900 <= found.year <= 2999:
            return found
    except ValueError:
        pass
    return day_of(zone().to_local(int(datetime.now(UTC).timestamp())) // DAY)


def midnight(day: date) -> int:
    """When a day begins in the zone of who looks, in UTC seconds."""
    return zone().to_utc(number_of(day) * DAY)


def clock(seconds: int) -> str:
    """A time of day."""
    return _clock(str(get_locale()), zone().to_local(seconds) % DAY // 60)


@lru_cache(maxsize=10_000)
def _clock(language: str, minute: int) -> str:
    """A month is full of times, few of them different, and each takes as long to write as its line."""
    return str(format_time(datetime(2000, 1, 1, minute // 60, minute % 60), "short", rebase=False))


def day_and_clock(seconds: int, *, is_date: bool) -> str:
    """A day, with the time where it is not a whole day."""
    if is_date:
        return str(format_date(_aware(seconds), "full"))
    return f"{format_date(_aware(seconds), 'full')}, {clock(seconds)}"


def wall_clock(seconds: int, *, is_date: bool) -> str:
    """The same for a time that is not in the zone of who looks: as it stands on the wall there."""
    told = _aware(seconds).replace(tzinfo=None)
    day = str(format_date(told.date(), "full"))
    return day if is_date else f"{day}, {format_time(told.time(), 'short')}"


def _aware(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, -62_000_000_000), 253_000_000_000), UTC)


@dataclass(frozen=True, slots=True)
class Shown:
    """An occurrence as a page shows it on one of its days."""

    title: str
    time: str
    location: str
    url: str
    color: str
    calendar: str
    repeats: bool
    cancelled: bool
    whole_day: bool


def shown(one: Occurrence, day: int, calendar: Collection) -> Shown:
    """An occurrence on a day (its number); of longer ones the first day has the time."""
    starts, ends = day == one.first_day, day == one.last_day
    whole = one.all_day or not (starts or ends)
    time = "" if whole else _span(one, starts=starts, ends=ends)
    return Shown(
        one.title,
        time,
        one.location,
        entry_url(calendar, one.name),
        color_of(calendar),
        title_of(calendar),
        one.repeats,
        one.status == "CANCELLED",
        whole,
    )


def _span(one: Occurrence, *, starts: bool, ends: bool) -> str:
    if starts and ends and one.end > one.start:
        return f"{clock(one.start)}–{clock(one.end)}"
    if starts:
        return clock(one.start) if ends else f"{clock(one.start)}–"
    return f"–{clock(one.end)}"


def by_day(
    occurrences: Sequence[Occurrence], calendars: Sequence[Collection], days: tuple[int, int], most: int
) -> dict[int, list[Shown]]:
    """What is on each day between two (their numbers, both inside), so many of each at most."""
    known: dict[int, Collection] = {one.id: one for one in calendars}
    found: dict[int, list[Shown]] = {}
    for one in occurrences:
        for day in range(max(one.first_day, days[0]), min(one.last_day, days[1]) + 1):
            held = found.setdefault(day, [])
            if len(held) < most:
                held.append(shown(one, day, known[one.collection_id]))
    return found


def first_weekday() -> int:
    """The day on which a week begins where the language is spoken; Monday is 0."""
    locale: Any = get_locale()
    return int(locale.first_week_day) if locale is not None else 0
