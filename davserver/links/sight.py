"""Which part of a calendar a page shows, and how it may be shown: what can be told without making the page.

?month=2026-11      the month; the present one without it
?view=agenda        days with events only; ``month`` is a grid (on a phone always the list)
?embed=1            without the heading and the hints, for a frame in another page
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import davserver
from davserver.content.stamps import DAY, from_datetime, to_datetime
from davserver.errors import HttpError
from davserver.model import Link
from davserver.sentences import Sentence

VIEWS = ("month", "agenda")
FIRST_YEAR, LAST_YEAR = 1970, 2199
_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_LANGUAGE = re.compile(
    r"\s*([A-Za-z]{2,3})(?:-([A-Za-z]{2}))?(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([\d.]{1,5}))?\s*", re.ASCII
)
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
PLAIN_COLOR = "#3a6ea5"


@dataclass(frozen=True, slots=True)
class Sight:
    """What of a calendar is looked at. ``today`` is a day's number since 1970 in the calendar's zone."""

    year: int
    month: int
    view: str
    embedded: bool
    language: str
    today: int


def sight_of(query: dict[str, list[str]], languages: str, local: int) -> Sight:
    """What the query asks for; 400 where it makes no sense.

    :param languages: Accept-Language.
    :param local: the time on the calendar's clock, in seconds since 1970.
    """
    year, month = to_datetime(local).timetuple()[:2]
    if text := query.get("month", [""])[0]:
        match = _MONTH.fullmatch(text)
        year, month = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12):
        raise HttpError(400, "month is like 2026-11.")
    view = query.get("view", ["month"])[0]
    if view not in VIEWS:
        raise HttpError(400, Sentence("view is one of %(views)s.", views=", ".join(VIEWS)))
    embedded = query.get("embed", ["0"])[0] == "1"
    return Sight(year, month, view, embedded, best_language(languages), local // DAY)


def best_language(header: str) -> str:
    """The first of the languages in Accept-Language that the pages are translated to; English without one.

    With its country, as ``en-GB``, where there is one: times and dates are written as there.
    """
    wanted = []
    for part in header.split(",")[:20]:
        match = _LANGUAGE.fullmatch(part)
        if match and match[1].lower() in languages():
            name = match[1].lower() + (f"-{match[2].upper()}" if match[2] else "")
            wanted.append((_quality(match[3]), name))
    best = max(wanted, key=lambda one: one[0], default=(0.0, ""))
    return best[1] if best[0] > 0 else "en"


def _quality(text: str | None) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0


@cache
def languages() -> frozenset[str]:
    """The languages that there is a catalog of."""
    found = (path.parent.parent.name for place in catalogs() for path in place.glob("*/LC_MESSAGES/*.mo"))
    return frozenset({"en", *found})


def catalogs() -> list[Path]:
    """Where the catalogs of the pages may lie: beside the pages, in a checkout and in a wheel."""
    return [Path(place) / "admin/translations" for place in davserver.__path__]


def templates() -> list[Path]:
    """Where the templates lie, in a checkout or in a wheel."""
    return [found for place in davserver.__path__ if (found := Path(place) / "templates").is_dir()]


def color_of(link: Link) -> str:
    """``#RRGGBB`` of the first calendar that has one."""
    colors = (held.color or "" for held in link.collections)
    return next((color[:7] for color in colors if _COLOR.match(color)), PLAIN_COLOR)


@cache
def _sheet() -> str:
    return next(path for place in templates() if (path := place / "links/page.css").is_file()).read_text(
        "utf-8"
    )


def style(color: str) -> str:
    """The style sheet of a page."""
    return f":root{{--color:{color}}}\n{_sheet()}"


def policy(color: str, *, embed: bool) -> str:
    """The Content-Security-Policy: this style sheet, nothing else; in frames where the owner allows it."""
    digest = b64encode(sha256(style(color).encode()).digest()).decode()
    frames = "*" if embed else "'none'"
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors {frames}"
    )


def month_days(year: int, month: int) -> tuple[int, int]:
    """The first day of a month and that of the next, as numbers since 1970."""
    after = (year + month // 12, month % 12 + 1)
    first, end = (from_datetime(to_datetime(0).replace(year=y, month=m)) for y, m in ((year, month), after))
    return first // DAY, end // DAY
