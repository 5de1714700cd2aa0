"""Looking into calendars: a month, a list of what comes, tasks."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import format_date

from davserver.jobs import agenda
from davserver.jobs.agenda import Agenda, Room, Window
from davserver.model import Collection, CollectionKind
from davserver.storage.engine import now

from . import looking
from .context import reading, settings
from .looking import Shown
from .paging import PER_PAGE, offset, page_of

pages = Blueprint("calendar_view", __name__)

IN_A_CELL = 4
"""Events of one day that a month shows; the day itself shows all."""

DAYS, IN_A_LIST = 30, 150
"""Days of one page of the agenda, fewer where more than so many events are on them."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day with what is shown of it; ``more``: how many events are not."""

    date: date
    title: str
    events: Sequence[Shown]
    more: int
    today: bool
    outside: bool = False


@pages.get("/calendar")
def month() -> str:
    """A month; on a phone the same as a list."""
    first = looking.day_in_address("month").replace(day=1)
    weeks = calendar.Calendar(looking.first_weekday()).monthdatescalendar(first.year, first.month)
    calendars, found = _read(weeks[0][0], weeks[-1][-1], a_day=IN_A_CELL)
    rows = [[_day(day, found, first.month) for day in week] for week in weeks]
    return render_template(
        "calendar_view/month.html",
        title=format_date(first, "LLLL y"),
        weekdays=[(format_date(day, "EEEE"), format_date(day, "EEE")) for day in weeks[0]],
        weeks=rows,
        listed=[day for week in rows for day in week if day.events and not day.outside],
        complete=found.agenda.complete,
        around={
            "previous": _month_url(first, -1),
            "next": _month_url(first, 1),
            "today": _month_url(None, 0),
        },
        **_common(calendars),
    )


def _month_url(first: date | None, step: int) -> str:
    if first is None:
        return url_for(".month", **_kept())
    other = (first + timedelta(days=32 if step > 0 else -1)).replace(day=1)
    return url_for(".month", month=f"{other:%Y-%m}", **_kept())


def _kept() -> dict[str, Any]:
    """What stays in the address from page to page."""
    return {"in": request.args["in"]} if request.args.get("in") else {}


@dataclass(frozen=True, slots=True)
class _Found:
    days: dict[int, list[Shown]]
    agenda: Agenda


def _read(first: date, last: date, **room: int) -> tuple[list[Collection], _Found]:
    """The calendars, and what is on the days between two (both inside), as far as there is room."""
    zone = looking.zone()
    window = Window(looking.midnight(first), looking.midnight(last + timedelta(days=1)))
    with reading() as tx:
        calendars = looking.visible(tx, CollectionKind.CALENDAR)
        wanted = looking.chosen(calendars)
        how = Room(settings().limits, **room)
        found = agenda.agenda(tx, wanted, window, zone, how) if wanted else Agenda(())
    numbers = looking.number_of(first), looking.number_of(last)
    return calendars, _Found(looking.by_day(found.occurrences, calendars, numbers, how.a_day), found)


def _day(day: date, found: _Found, month_number: int) -> Day:
    today = day == looking.day_in_address("")
    title = format_date(day, "full")
    number = looking.number_of(day)
    events = found.days.get(number, [])
    more = found.agenda.counts.get(number, 0) - len(events)
    return Day(day, title, events, more, today, day.month != month_number)


def _common(calendars: list[Collection]) -> dict[str, object]:
    """What all these pages need to draw the choice of calendars."""
    legend = [(one, looking.title_of(one), looking.color_of(one)) for one in calendars]
    return {"calendars": legend, "chosen": request.args.get("in", "")}


@pages.get("/calendar/agenda")
def list_days() -> str:
    """What comes, day by day."""
    first = looking.day_in_address("from")
    last = first + timedelta(days=DAYS - 1)
    calendars, found = _read(first, last, in_all=IN_A_LIST)
    if found.agenda.until is not None:
        last = looking.day_of(found.agenda.until - 1)
    days = [_day(first + timedelta(days=step), found, first.month) for step in range((last - first).days + 1)]
    around = {
        "previous": _agenda_url(first - timedelta(days=DAYS)),
        "next": _agenda_url(last + timedelta(days=1)),
        "today": url_for(".list_days", **_kept()),
    }
    return render_template(
        "calendar_view/agenda.html",
        title=f"{format_date(first, 'long')} – {format_date(last, 'long')}",
        first=first,
        days=[day for day in days if day.events],
        complete=found.agenda.complete,
        around=around,
        **_common(calendars),
    )


def _agenda_url(first: date) -> str:
    values: dict[str, Any] = {"from": first.isoformat(), **_kept()}
    return url_for(".list_days", **values)


@pages.get("/tasks")
def tasks() -> str:
    """Open tasks by their due date, or those that are done."""
    done = request.args.get("done") == "1"
    with reading() as tx:
        calendars = looking.visible(tx, CollectionKind.CALENDAR)
        wanted = looking.chosen(calendars)
        start = offset()
        found = agenda.tasks(tx, wanted, looking.zone(), slice(start, start + PER_PAGE + 1), done=done)
    known = {one.id: one for one in calendars}
    rows = [(task, known[task.collection_id]) for task in found.tasks]
    page = page_of(rows, found.count)
    return render_template(
        "calendar_view/tasks.html",
        page=page,
        done=done,
        now=now(),
        entry_url=looking.entry_url,
        color_of=looking.color_of,
        when=looking.day_and_clock,
        **_common(calendars),
    )
