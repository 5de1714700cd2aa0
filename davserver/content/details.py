"""What a body says, as fields that a person can read: of an event, a task, a card; and the picture of a card.

Belongs here: which properties are shown and in what order, labels that a card gives its numbers, addresses
that may become a link. Does not belong here: words for people and the look (pages), times of instances.

Everything is text from outside: whoever shows it escapes it. Links are made only of a few schemes.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass

from davserver.content.lines import Component, Line, unescape_text
from davserver.content.values import decode_param, list_texts, param_texts, structure_texts, whole_text
from davserver.sentences import Sentence

SAFE_SCHEMES = ("https:", "http:", "mailto:", "tel:", "geo:")
"""Schemes of addresses that a page may make a link of: no javascript:, no data:."""

_EVENT_FIELDS = (
    *("LOCATION", "GEO", "URL", "CONFERENCE", "DESCRIPTION", "STATUS", "PRIORITY", "PERCENT-COMPLETE"),
    *("CATEGORIES", "RESOURCES", "CLASS", "TRANSP", "ORGANIZER", "ATTENDEE", "CONTACT", "COMMENT"),
    *("ATTACH", "RELATED-TO"),
)
_CARD_FIELDS = (
    *("NICKNAME", "ORG", "TITLE", "ROLE", "TEL", "EMAIL", "IMPP", "ADR", "URL", "BDAY", "ANNIVERSARY"),
    *("GENDER", "LANG", "RELATED", "CATEGORIES", "NOTE", "GEO", "TZ", "MEMBER"),
)
_ALSO = {"MEMBER": "X-ADDRESSBOOKSERVER-MEMBER"}
"""What Apple calls a property in vCard 3."""
_HIDDEN_TYPES = frozenset({"internet", "voice", "pref", "x400", "x-internet"})
_APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_")
_ANSWERS = {
    "accepted": Sentence("accepted"),
    "declined": Sentence("declined"),
    "tentative": Sentence("tentative"),
    "delegated": Sentence("delegated"),
    "completed": Sentence("completed"),
    "in-process": Sentence("in-process"),
}
"""What attendees have answered (RFC 5545 3.2.12)."""

_IMAGE_TYPES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""How the bytes of a picture begin that browsers show and that cannot hold a script."""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of what is shown. ``labels``: home, work or what the card calls it; ``link`` "" for none."""

    name: str
    text: str
    labels: tuple[str, ...] = ()
    link: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with a media type that a browser shows."""

    media_type: str
    data: bytes


def fields(component: Component) -> list[Field]:
    """The fields of an event, a task, a journal entry or a card, in the order in which they are read."""
    names = _CARD_FIELDS if component.name == "VCARD" else _EVENT_FIELDS
    labels = {line.group: line for line in component.all("X-ABLABEL") if line.group}
    found = []
    for name in names:
        for line in (*component.all(name), *component.all(_ALSO.get(name, ""))):
            text = text_of(line)
            if text:
                found.append(Field(name, text, tuple(_labels(line, labels)), link_of(line, text)))
    return found


def text_of(line: Line) -> str:
    """The value as a person reads it."""
    if line.name in ("ORGANIZER", "ATTENDEE"):
        return _person(line)
    if line.name == "ADR":
        return "\n".join(filter(None, (", ".join(filter(None, part)) for part in _address(line.value))))
    if line.name in ("ORG", "N", "GENDER"):
        return ", ".join(text for part in structure_texts(line.value) for text in part if text)
    if line.name in ("CATEGORIES", "RESOURCES", "NICKNAME"):
        return ", ".join(list_texts(line.value))
    if line.name == "ATTACH" or line.value[:5].lower() == "data:":
        return _attachment(line)
    text = whole_text(line).strip()
    return text.removeprefix("tel:").removeprefix("mailto:") if line.name in ("TEL", "EMAIL") else text


def _address(value: str) -> Iterator[list[str]]:
    """Post box, extension and street; postal code and town; region; country."""
    parts = [*structure_texts(value), *([[""]] * 7)][:7]
    box, extension, street, town, region, code, country = (", ".join(filter(None, one)) for one in parts)
    yield [street, extension, box]
    yield [" ".join(filter(None, (code, town)))]
    yield [region]
    yield [country]


def _person(line: Line) -> str:
    address = whole_text(line).strip()
    if address[:7].lower() == "mailto:":
        address = address[7:]
    name = decode_param(line.param("CN") or "").strip()
    shown = f"{name} <{address}>" if name and name != address else address
    state = (line.param("PARTSTAT") or "").lower()
    if not state or state == "needs-action":
        return shown
    return Sentence("%(who)s (%(state)s)", who=shown, state=_ANSWERS.get(state, state))


def _attachment(line: Line) -> str:
    is_inline = (line.param("VALUE") or "").upper() == "BINARY" or line.value[:5].lower() == "data:"
    name = line.param("FILENAME") or line.param("X-FILENAME") or ""
    if not is_inline:
        return name or whole_text(line).strip()
    size = len(line.value) * 3 // 4
    name = name or line.param("FMTTYPE") or Sentence("data")
    return Sentence("%(name)s (%(size)s bytes)", name=name, size=size)


def _labels(line: Line, groups: dict[str, Line]) -> Iterator[str]:
    if line.group in groups:
        label = unescape_text(groups[line.group].value)
        match = _APPLE_LABEL.fullmatch(label)
        yield match[1].lower() if match else label
    for kind in param_texts(line, "TYPE"):
        if kind.lower() not in _HIDDEN_TYPES:
            yield kind.lower()


def link_of(line: Line, text: str) -> str:
    """An address that a link may have, "" where the value is none."""
    value = whole_text(line).strip()
    if line.name == "EMAIL" and "@" in text and not set(text) & set(' <>"\n'):
        return f"mailto:{text}"
    if line.name == "TEL" and re.fullmatch(r"\+?[0-9 ()/.-]{3,30}", text):
        return "tel:" + re.sub(r"[^+0-9]", "", text)
    if line.name in ("ORGANIZER", "ATTENDEE", "URL", "CONFERENCE", "ATTACH", "IMPP", "GEO", "SOURCE"):
        is_safe = value.lower().startswith(SAFE_SCHEMES) and not set(value) & set(" \n\r\t<>\"'\\")
        return value if is_safe else ""
    return ""


def picture(card: Component) -> Picture | None:
    """The photo or logo inside a card, if it is one that a browser may be given."""
    for line in (*card.all("PHOTO"), *card.all("LOGO")):
        data = _decoded(line)
        for magic, media_type in _IMAGE_TYPES.items():
            if data.startswith(magic):
                return Picture(media_type, data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return Picture("image/webp", data)
    return None


def _decoded(line: Line) -> bytes:
    """The bytes of 3.0's inline form or of a data: URI; empty for anything else."""
    value = line.value
    if value[:5].lower() == "data:":
        head, _, value = value[5:].partition(",")
        if not head.replace("\\", "").lower().endswith(";base64"):
            return b""
    try:
        return b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
