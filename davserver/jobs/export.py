"""A collection as one file for other programs: .ics or .vcf, spliced from the stored bodies as a stream."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from davserver.content import lines, splice
from davserver.model import Collection, CollectionKind
from davserver.storage import items

MEDIA_TYPES = {CollectionKind.CALENDAR: "text/calendar", CollectionKind.ADDRESSBOOK: "text/vcard"}
SUFFIXES = {CollectionKind.CALENDAR: ".ics", CollectionKind.ADDRESSBOOK: ".vcf"}


def export_collection(tx: Connection, wanted: Collection) -> Iterator[bytes]:
    """The whole collection, to be read while the transaction is open."""
    bodies = (body for _, body in items.listing_with_bodies(tx, wanted.id))
    if wanted.kind is CollectionKind.ADDRESSBOOK:
        return splice.splice_cards(bodies)
    return splice.splice_calendar(bodies, calendar_header(wanted))


def file_name(wanted: Collection) -> str:
    """What people call it, with the suffix of its format."""
    return (wanted.display_name or wanted.name) + SUFFIXES[wanted.kind]


def calendar_header(calendar: Collection) -> bytes:
    """Lines in front of the components: product, name, colour, zone."""
    text = ["VERSION:2.0", "PRODID:-//davserver//EN", "CALSCALE:GREGORIAN"]
    name = lines.escape_text(calendar.display_name or calendar.name)
    text.append(f"X-WR-CALNAME:{name}")
    if calendar.description:
        text.append(f"X-WR-CALDESC:{lines.escape_text(calendar.description)}")
    if calendar.color:
        text.append(f"X-APPLE-CALENDAR-COLOR:{lines.escape_text(calendar.color)}")
    if calendar.timezone_id:
        text.append(f"X-WR-TIMEZONE:{calendar.timezone_id}")
    return "".join(lines.fold(line.replace("\r", " ")) + "\r\n" for line in text).encode()
