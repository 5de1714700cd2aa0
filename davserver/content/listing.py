"""What lists for people ask of an item: where it stands in them, and the words by which it is found.

Both are told once when a body is stored and kept beside it, so that a page reads no more than it shows:
``sort_key`` in the index row, compared byte for byte; ``words`` in a table of its own, since no DAV query
asks for it. DAV's own searches have another text (content.search), which knows names of properties.

A card stands by its name, case and accents ignored; an open task by its due date, those without one last;
a done task by when it was done, the newest first. Open tasks and done ones begin with OPEN and DONE. Nothing
else is listed in an order of its own.
"""

from __future__ import annotations

import struct
import unicodedata

from davserver.content.collations import unicode_casemap
from davserver.content.lines import Component, Line
from davserver.content.shapes import BEGINNING, FOREVER, facts_of, moment_of
from davserver.content.stamps import parse_stamp
from davserver.content.values import decode_param, whole_text
from davserver.content.zones import UTC_ZONE, Zones
from davserver.errors import InvalidContent

OPEN, DONE = b"o", b"x"
"""What the sort key of a task begins with."""

LONGEST_KEY = 100
"""Bytes of a sort key; names that are equal so far stand in no order."""

MOST_WORDS = 20_000
"""Characters of an item that a search looks through: a long letter, but no book in a description."""

_NAMES = ("FN", "ORG", "N", "EMAIL")
_READ = frozenset(
    {"SUMMARY", "LOCATION", "DESCRIPTION", "CATEGORIES", "ATTENDEE", "ORGANIZER", "COMMENT", "CONTACT"}
    | {"URL", "FN", "N", "NICKNAME", "ORG", "TITLE", "ROLE", "EMAIL", "TEL", "ADR", "NOTE", "IMPP", "BDAY"}
)
"""The properties in which people look for words."""


def words(root: Component) -> str:
    """All that people read in an object or a card, each text once, folded as :func:`folded` does."""
    parts = [root] if root.name == "VCARD" else [one for one in root.children if one.name != "VTIMEZONE"]
    texts = (_text(line) for part in parts for line in part.lines if line.name in _READ)
    return folded("\n".join(dict.fromkeys(texts))[:MOST_WORDS])


def _text(line: Line) -> str:
    name = decode_param(line.param("CN") or "") if line.params else ""
    return f"{name} {whole_text(line)}" if name else whole_text(line)


def folded(text: str) -> str:
    """A text or a word as it is looked for: case does not count."""
    return unicode_casemap(text)


def sort_key(root: Component) -> bytes:
    """Where a card or a task stands in its list; empty for anything else."""
    if root.name == "VCARD":
        return _name_key(root)
    task = next((child for child in root.children if child.name == "VTODO"), None)
    return b"" if task is None else _task_key(task, Zones(root, UTC_ZONE))


def _name_key(card: Component) -> bytes:
    names = (whole_text(line).lstrip(" ;") for name in _NAMES for line in card.all(name)[:1])
    plain = folded(next(filter(None, names), ""))
    if not plain.isascii():
        plain = "".join(one for one in unicodedata.normalize("NFD", plain) if not unicodedata.combining(one))
    return plain.encode()[:LONGEST_KEY]


def _task_key(task: Component, zones: Zones) -> bytes:
    if is_done(task):
        return DONE + _number(-_done_at(task))
    due = moment_of(facts_of(task), "DUE", zones)
    return OPEN + _number(FOREVER if due is None else due.utc(UTC_ZONE))


def _number(value: int) -> bytes:
    """A number as bytes of the same order."""
    return struct.pack(">Q", value + 2**63)


def is_done(task: Component) -> bool:
    """Whether a task is done or was given up."""
    closed = (task.value("STATUS") or "").strip().upper() in ("COMPLETED", "CANCELLED")
    return closed or task.first("COMPLETED") is not None


def _done_at(task: Component) -> int:
    """When it was done, as far as it says."""
    for name in ("COMPLETED", "LAST-MODIFIED", "DTSTAMP"):
        value = task.value(name)
        if value:
            try:
                return parse_stamp(value).seconds
            except InvalidContent:  # of these, only COMPLETED is looked at when a body comes in
                continue
    return BEGINNING
