"""In which form data is sent: as stored, as jCal or jCard, or as another vCard version.

GET reads Accept; reports read content-type and version of calendar-data and address-data. The default of a
report on cards is vCard 3.0 (RFC 6352 10.4), since macOS marks a whole address book as failed for one 4.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from davserver.content import jcal, lines
from davserver.content.vcard_versions import to_version
from davserver.davxml import CALDAV, CARDDAV, Element
from davserver.errors import HttpError
from davserver.protocol.properties.carddav import ADDRESS_DATA
from davserver.protocol.tree import Kind

_VERSION = re.compile(rb"^VERSION:([0-9.]+)\s*$", re.IGNORECASE | re.MULTILINE)

JCAL = "application/calendar+json"
JCARD = "application/vcard+json"
ICALENDAR = "text/calendar"
VCARD = "text/vcard"


@dataclass(frozen=True, slots=True)
class Form:
    """A media type and, for cards, a version; version "" takes the card as it is."""

    media_type: str
    version: str = ""

    @property
    def mark(self) -> str:
        """What tells this form from the stored one in an entity tag; "" for the stored form."""
        kind = {JCAL: "jcal", JCARD: "jcard"}.get(self.media_type, "")
        return kind + self.version


def accepted(accept: str | None, kind: Kind) -> Form:
    """The best form of an Accept header. One that asks for nothing we have gets the stored form."""
    plain, json = (ICALENDAR, JCAL) if kind is Kind.EVENT else (VCARD, JCARD)
    best, best_quality = Form(plain), 0.0
    for part in (accept or "").split(","):
        name, *parameters = [piece.strip().lower() for piece in part.split(";")]
        values = dict(parameter.partition("=")[::2] for parameter in parameters)
        quality = _quality(values.get("q", "1"))
        if name in (plain, json) and quality > best_quality:
            version = values.get("version", "").strip('"') if kind is Kind.CARD else ""
            best, best_quality = Form(name, version if version in ("3.0", "4.0") else ""), quality
        elif name in ("*/*", "text/*") and quality > best_quality:
            best, best_quality = Form(plain), quality
    return best


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def in_form(stored: bytes, form: Form) -> bytes:
    """The stored bytes themselves where they have that form, else a conversion."""
    if form.media_type == ICALENDAR:
        return stored
    if form.media_type == VCARD:
        return as_version(stored, form.version) if form.version else stored
    text = lines.decode(stored)
    if form.media_type == JCAL:
        return jcal.to_jcal(lines.parse_components(text)[0]).encode()
    root = lines.parse_components(text)[0]
    if form.version:
        root = to_version(root, form.version)
    return jcal.to_jcard(root).encode()


def as_version(stored: bytes, version: str) -> bytes:
    """The card in that version; the stored bytes where it has it already."""
    found = _VERSION.search(stored)
    if found is not None and found[1].decode() == version:
        return stored
    root = lines.parse_components(lines.decode(stored))[0]
    return lines.dump(to_version(root, version)).encode()


def form_of_calendar_data(element: Element) -> Form:
    """What a calendar-data element asks for (RFC 4791 9.6); CALDAV:supported-calendar-data for others."""
    media_type = (element.get("content-type") or ICALENDAR).strip().lower()
    if media_type not in (ICALENDAR, JCAL) or (element.get("version") or "2.0").strip() != "2.0":
        raise HttpError(403, "Calendar data is text/calendar 2.0.", CALDAV + "supported-calendar-data")
    return Form(media_type)


def form_of_address_data(element: Element) -> Form:
    """What an address-data element asks for (RFC 6352 10.4); CARDDAV:supported-address-data for others.

    Without any attribute: 3.0 for clients that take nothing else, which the RFC makes the default.
    """
    media_type = (element.get("content-type") or VCARD).strip().lower()
    version = (element.get("version") or "3.0").strip()
    if (media_type, version) not in ADDRESS_DATA:
        raise HttpError(403, "Cards are had as vCard 3.0 or 4.0.", CARDDAV + "supported-address-data")
    return Form(media_type, version)
