"""The page for people: a month, or the days with events, of what a link shows.

No script, no cookie, no form; nothing is fetched from anywhere. Jinja2 escapes whatever comes from a
calendar. One search for the month, however large the calendar is. The words are translated by the catalogs of
the pages.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import jinja2
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, get_timezone
from babel.support import NullTranslations, Translations
from sqlalchemy import Connection

from davserver import sentences
from davserver.content.stamps import DAY, to_datetime
from davserver.content.zones import Zone
from davserver.jobs import agenda
from davserver.jobs.agenda import Agenda, Occurrence
from davserver.links.render import Maker, Window, published, zone_of
from davserver.links.sight import (
    FIRST_YEAR,
    LAST_YEAR,
    PLAIN_COLOR,
    Sight,
    best_language,
    catalogs,
    color_of,
    month_days,
    style,
    templates,
)
from davserver.model import Link

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be shown. ``address``: that of the page, without its suffix."""

    link: Link
    sight: Sight
    window: Window
    address: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An event on a day: its time as words ("" for the whole day), its title and place."""

    time: str
    title: str
    location: str
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the page. ``elsewhere``: of the month before or after, to fill the first and last week."""

    number: int
    iso: str
    name: str
    entries: tuple[Entry, ...]
    today: bool
    elsewhere: bool


def render(tx: Connection, shown: Shown, maker: Maker) -> bytes:
    """The page as UTF-8 HTML."""
    link, sight = shown.link, shown.sight
    locale, zone = _locale(sight.language), zone_of(link)
    first, end = month_days(sight.year, sight.month)
    grid = range(first, end)
    if sight.view == "month":
        lead = (_weekday(first) - locale.first_week_day) % 7
        grid = range(first - lead, end + (locale.first_week_day - _weekday(end)) % 7)
    found = _found(tx, shown, (zone, grid), maker)
    days = _days(found, grid, range(first, end), (sight.today, zone, locale))
    values = {
        "link": link,
        "sight": sight,
        "title": link.shown_title,
        "month": format_skeleton("yMMMM", _date(first), locale=locale),
        "weekdays": [format_date(_date(grid[index]), "EEE", locale) for index in range(7)],
        "days": days if sight.view == "month" else [day for day in days if day.entries],
        "complete": found.complete,
        "zone": zone.name.replace("_", " "),
        "style": style(color_of(link)),
        "locale": locale,
    }
    return _template("page.html", sight.language[:2]).render(**values, **_addresses(shown)).encode()


def refusal(message: str, code: int, languages: str) -> bytes:
    """The page that says why there is none, as UTF-8 HTML.

    :param languages: Accept-Language.
    """
    language = best_language(languages)[:2]
    text = sentences.said(message, _words(language).gettext)
    values = {"text": text, "code": code, "language": language, "style": style(PLAIN_COLOR)}
    return _template("refused.html", language).render(**values).encode()


def _locale(language: str) -> Locale:
    """How dates and times are written; a country that nobody knows counts as none."""
    try:
        return Locale.parse(language, sep="-")
    except UnknownLocaleError:
        return Locale.parse(language[:2])


def _found(tx: Connection, shown: Shown, where: tuple[Zone, range], maker: Maker) -> Agenda:
    """The occurrences of the days, within the window of the link."""
    zone, grid = where
    days = Window(zone.to_utc(grid.start * DAY), zone.to_utc(grid.stop * DAY)).within(shown.window)
    if days.is_empty or days.start is None or days.end is None:
        return Agenda(())
    window = agenda.Window(days.start, days.end)
    return agenda.occurrences_of(
        published(tx, shown.link, days, maker.kept), window, zone, maker.settings.limits
    )


def _days(found: Agenda, grid: range, month: range, how: tuple[int, Zone, Locale]) -> list[Day]:
    today, zone, locale = how
    held: dict[int, list[Entry]] = {number: [] for number in grid}
    for one in found.occurrences:
        for number in range(max(one.first_day, grid.start), min(one.last_day + 1, grid.stop)):
            held[number].append(_entry(one, number, zone, locale))
    return [
        Day(
            _date(number).day,
            _date(number).isoformat(),
            format_date(_date(number), "full", locale),
            tuple(entries),
            number == today,
            number not in month,
        )
        for number, entries in held.items()
    ]


def _entry(one: Occurrence, number: int, zone: Zone, locale: Locale) -> Entry:
    time = "" if one.all_day else _time(one, number, zone, locale)
    return Entry(time, one.title, one.location, one.status == "CANCELLED")


def _time(one: Occurrence, number: int, zone: Zone, locale: Locale) -> str:
    """``10:00 – 11:30``; of a longer event what falls on the day."""
    start = _clock(zone.to_local(one.start), locale) if number == one.first_day else ""
    end = _clock(zone.to_local(one.end), locale) if number == one.last_day and one.end > one.start else ""
    return f"{start} – {end}" if end else start


def _clock(local: int, locale: Locale) -> str:
    return str(format_time(to_datetime(local), "short", tzinfo=get_timezone("UTC"), locale=locale))


def _addresses(shown: Shown) -> dict[str, Any]:
    """The links of the page."""
    sight = shown.sight
    before = (sight.year - (sight.month == 1), (sight.month + 10) % 12 + 1)
    after = (sight.year + sight.month // 12, sight.month % 12 + 1)

    def to(view: str, month: tuple[int, int]) -> str:
        shown_in = "&embed=1" if sight.embedded else ""
        return f"?month={month[0]:04}-{month[1]:02}&view={view}{shown_in}"

    here = (sight.year, sight.month)
    now = _date(sight.today)
    return {
        "before": to(sight.view, before) if before[0] >= FIRST_YEAR else "",
        "after": to(sight.view, after) if after[0] <= LAST_YEAR else "",
        "now": to(sight.view, (now.year, now.month)),
        "webcal": f"webcal:{shown.address.partition(':')[2]}.ics",
        "download": f"{shown.address}.ics",
        "other": to("agenda" if sight.view == "month" else "month", here),
    }


def _date(number: int) -> date:
    return EPOCH + timedelta(days=number)


def _weekday(number: int) -> int:
    return calendar.weekday(*_date(number).timetuple()[:3])


@cache
def _template(name: str, language: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates()),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(_words(language), newstyle=True)  # type: ignore[attr-defined]
    return environment.get_template(f"links/{name}")


@cache
def _words(language: str) -> NullTranslations:
    for place in catalogs():
        found = Translations.load(place, [language])
        if isinstance(found, Translations):
            return found
    return NullTranslations()
