"""What is inside a value: the texts of a property and of a parameter, unescaped.

Belongs here: which properties hold lists or structures, RFC 6868 parameter encoding. Does not belong
here: splitting lines (lines), dates and rules (times, recur), and what a property means to anybody.

RFC 5545 3.1.1 and 3.3.11, RFC 6350 3.3 and 4, RFC 2426 4, RFC 6868.
"""

from __future__ import annotations

import re

from davserver.content.lines import Line, split_text, unescape_text

LISTS = frozenset({"CATEGORIES", "RESOURCES", "NICKNAME"})
"""Properties whose value is a list of texts, separated by commas."""

STRUCTURES = frozenset({"N", "ADR", "ORG", "GENDER", "CLIENTPIDMAP"})
"""vCard properties whose value has fields, separated by semicolons; a field may be a list."""

_CARET = re.compile(r"\^([n'^])")
_CARET_TEXT = {"n": "\n", "'": '"', "^": "^"}


def decode_param(value: str) -> str:
    """The text of a parameter value (RFC 6868 3.2): ``^n``, ``^'`` and ``^^``."""
    return _CARET.sub(lambda match: _CARET_TEXT[match[1]], value) if "^" in value else value


def encode_param(text: str) -> str:
    """Inverse of :func:`decode_param` (RFC 6868 3.1)."""
    encoded = text.replace("^", "^^").replace('"', "^'")
    return encoded.replace("\r\n", "^n").replace("\n", "^n").replace("\r", "^n")


def param_texts(line: Line, name: str) -> list[str]:
    """All texts of a parameter; a vCard 4 ``TYPE="work,voice"`` holds two (RFC 6350 5.6)."""
    values = [decode_param(value) for value in line.params.get(name, ())]
    if name != "TYPE":
        return values
    return [part for value in values for part in value.split(",")]


def whole_text(line: Line) -> str:
    """The value as one unescaped text, separators included: what a person would read."""
    return unescape_text(line.value)


def texts(line: Line) -> list[str]:
    """The texts that a text-match may name: the whole value, then each part of it."""
    whole = [whole_text(line)]
    if line.name in LISTS:
        return whole if "," not in line.value else whole + list_texts(line.value)
    if line.name in STRUCTURES:
        return whole + [text for field in structure_texts(line.value) for text in field if text]
    return whole


def list_texts(value: str) -> list[str]:
    """The unescaped members of a raw list value."""
    return [unescape_text(part) for part in split_text(value)]


def structure_texts(value: str) -> list[list[str]]:
    """The fields of a raw structured value, each a list of unescaped texts (RFC 6350 3.3)."""
    return [list_texts(field) for field in split_text(value, ";")]
