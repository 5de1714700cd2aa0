"""A link → the pieces of its .ics, .vcf or .json.

Stored bodies are spliced as text; only what has to be changed for the link is parsed (content.publish). The
index says which objects lie in a window, so a small window of a large calendar costs little. A series is
there whole where one of its instances lies in the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from davserver.config import LinkSettings, Settings
from davserver.content import filters, jcal, lines, splice
from davserver.content.birthdays import birthdays
from davserver.content.publish import Publication, publish_calendar, publish_card
from davserver.content.vcard_versions import to_version
from davserver.content.zones import UTC_ZONE, Zone, named_zone
from davserver.jobs.query import Scope, Search, matches
from davserver.links.cache import Cache
from davserver.links.colors import color_name
from davserver.model import Collection, CollectionKind, Detail, Item, Link
from davserver.storage import items

DAY = 86_400
LONGEST_SEARCH = 60.0
"""Seconds that the search for what lies in a window may take."""

COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL")

TYPES = {
    "ics": "text/calendar; charset=utf-8",
    "vcf": "text/vcard; charset=utf-8",
    "html": "text/html; charset=utf-8",
    ("json", CollectionKind.CALENDAR): "application/calendar+json; charset=utf-8",
    ("json", CollectionKind.ADDRESSBOOK): "application/vcard+json; charset=utf-8",
}
"""Media types, by suffix and where it matters by kind."""


@dataclass(frozen=True, slots=True)
class Window:
    """UTC seconds, half open; None is without that end."""

    start: int | None = None
    end: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether everything lies in it."""
        return self.start is None and self.end is None

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.start is not None and self.end is not None and self.start >= self.end

    def within(self, other: Window) -> Window:
        """What lies in both."""
        starts = [one for one in (self.start, other.start) if one is not None]
        ends = [one for one in (self.end, other.end) if one is not None]
        return Window(max(starts, default=None), min(ends, default=None))


def window_of(link: Link, moment: int) -> Window:
    """The window of a link at a moment: the fixed one and the one that moves with the days."""
    today, view = moment - moment % DAY, link.view
    back = None if view.days_back is None else today - view.days_back * DAY
    ahead = None if view.days_ahead is None else today + (view.days_ahead + 1) * DAY
    return Window(view.start, view.end).within(Window(back, ahead))


def zone_of(link: Link) -> Zone:
    """The zone in which whole days and floating times are placed."""
    named = [held.timezone_id for held in link.collections if held.timezone_id]
    return named_zone((named or [link.timezone])[0]) or UTC_ZONE


@dataclass(frozen=True, slots=True)
class Maker:
    """What every body is made with."""

    settings: Settings
    kept: Cache


def pieces(tx: Connection, link: Link, suffix: str, window: Window, maker: Maker) -> Iterator[bytes]:
    """The body, piece by piece.

    :param suffix: ``ics``, ``vcf`` or ``json``.
    """
    if link.kind is CollectionKind.ADDRESSBOOK and suffix == "ics":
        return _birthdays(tx, link, maker)
    if link.kind is CollectionKind.ADDRESSBOOK:
        cards = (body for _, body in published(tx, link, Window(), maker.kept))
        return splice.splice_cards(cards) if suffix == "vcf" else _jcards(cards)
    bodies = (body for _, body in published(tx, link, window, maker.kept))
    whole = splice.splice_calendar(bodies, _header(link, maker.settings.links), define_zones=True)
    return whole if suffix == "ics" else _jcal(whole)


def published(tx: Connection, link: Link, window: Window, kept: Cache) -> Iterator[tuple[Item, bytes]]:
    """The objects that a link shows, as it shows them; of one UID in several collections the first."""
    publication = Publication(link.view, link.salt)
    whole = publication.is_everything
    seen: set[str] = set()
    for held in link.collections:
        for item, body in _stored(tx, held, link, window):
            if item.uid in seen:
                continue
            seen.add(item.uid)
            key = (link.id, link.version, item.id, item.revision)
            shown = None if whole else kept.get(key)
            if shown is None:
                shown = _publish(link, item, body, publication)
                if not whole:
                    kept.put(key, shown)
            if shown:
                yield item, shown


def _publish(link: Link, item: Item, body: bytes, publication: Publication) -> bytes:
    if link.kind is CollectionKind.CALENDAR:
        return publish_calendar(body, publication, item.modified)
    return publish_card(body, publication)


def _stored(tx: Connection, held: Collection, link: Link, window: Window) -> Iterator[tuple[Item, bytes]]:
    """The objects of a collection in the order in which they were changed, or within a window made."""
    if window.is_empty:
        return iter(())
    wanted = link.view.components
    if window.is_open and not wanted:
        return items.listing_with_bodies(tx, held.id)
    span = None if window.is_open else filters.TimeRange(window.start, window.end)
    parts = tuple(filters.CompFilter(name, time_range=span) for name in wanted or COMPONENTS)
    query = filters.CompFilter("VCALENDAR", comp_filters=parts, test=filters.Test.ANYOF)
    batches = matches(Scope(tx, (held.id,), LONGEST_SEARCH), Search(query, zone_of(link)), Item._fields)
    found = sorted(Item._make(row) for rows in batches for row in rows)
    bodies = items.bodies_of(tx, ((item.id, item.size) for item in found))
    return zip(found, bodies, strict=True)


# -- what stands before the components


def _header(link: Link, settings: LinkSettings) -> bytes:
    """Names, colour, zone, how often to come back (RFC 7986; the X- ones are Apple's and Outlook's)."""
    first = link.collections[0]
    name, every = lines.escape_text(link.shown_title), f"PT{settings.refresh_minutes}M"
    text = ["VERSION:2.0", "PRODID:-//davserver//EN", "CALSCALE:GREGORIAN"]
    text += [f"NAME:{name}", f"X-WR-CALNAME:{name}"]
    if first.description and link.view.detail is Detail.FULL and len(link.collections) == 1:
        description = lines.escape_text(first.description)
        text += [f"DESCRIPTION:{description}", f"X-WR-CALDESC:{description}"]
    zone = first.timezone_id or link.timezone
    if zone and named_zone(zone):
        text.append(f"X-WR-TIMEZONE:{zone}")
    if first.color and (plain := color_name(first.color)):
        text += [f"COLOR:{plain}", f"X-APPLE-CALENDAR-COLOR:{first.color[:7]}"]
    text += [f"REFRESH-INTERVAL;VALUE=DURATION:{every}", f"X-PUBLISHED-TTL:{every}"]
    return "".join(lines.fold(_one_line(line)) + "\r\n" for line in text).encode()


def _one_line(text: str) -> str:
    return "".join(one if one >= " " and one != "\x7f" else " " for one in text)


def _birthdays(tx: Connection, link: Link, maker: Maker) -> Iterator[bytes]:
    """The birthdays of an address book as a calendar."""
    cards = published(tx, link, Window(), maker.kept)
    events = (birthdays(body, item.modified) for item, body in cards)
    made = (event for event in events if event)
    return splice.splice_calendar(made, _header(link, maker.settings.links))


# -- JSON


def _jcal(whole: Iterable[bytes]) -> Iterator[bytes]:
    root = lines.parse_components(lines.decode(b"".join(whole)))[0]
    yield jcal.to_jcal(root).encode()


def _jcards(cards: Iterable[bytes]) -> Iterator[bytes]:
    """An array of jCards (RFC 7095), which are vCard 4.0."""
    mark = b"["
    for body in cards:
        card = lines.parse_components(lines.decode(body))[0]
        yield mark + jcal.to_jcard(to_version(card, "4.0")).encode()
        mark = b","
    yield b"]" if mark == b"," else b"[]"
