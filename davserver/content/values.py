"""What is inside a value: the texts of a property and of a parameter, unescaped; two spellings of dates.

Belongs here: which properties hold lists or structures, RFC 6868 parameter encoding, ISO 8601's basic and
extended form. Does not belong here: splitting lines (lines), the meaning of dates and rules (stamps,
recur), and what a property means to anybody.

RFC 5545 3.1.1 and 3.3.11, RFC 6350 3.3 and 4, RFC 2426 4, RFC 6868, ISO 8601.
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


# -- dates without separators (iCalendar, vCard 4.0) and with them (JSON, vCard 3.0) ---------------

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_YEARLESS = re.compile(r"--(\d\d)(\d\d)", re.ASCII)
_CLOCK = re.compile(r"(-{0,2})(\d\d)(\d\d)?(\d\d)?(Z|[+-]\d\d(?:\d\d)?)?", re.ASCII)
_OFFSET = re.compile(r"([+-]\d\d)(\d\d)(\d\d)?", re.ASCII)
_EXTENDED_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_EXTENDED_YEARLESS = re.compile(r"--(\d\d)-(\d\d)", re.ASCII)


def extended(text: str) -> str:
    """``20260504T100000Z`` as ``2026-05-04T10:00:00Z``, with all that vCard 4.0 may leave out of it.

    What is no date or time comes back as it is.
    """
    day, mark, time = text.partition("T")
    match = _DATE.fullmatch(day) or _YEARLESS.fullmatch(day)
    if match:
        day = ("" if match.re is _DATE else "--") + "-".join(match.groups())
    return day + mark + extended_time(time)


def extended_time(text: str) -> str:
    """``100000+0200`` as ``10:00:00+02:00``."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return text
    clock = ":".join(part for part in match.group(2, 3, 4) if part)
    return match[1] + clock + extended_offset(match[5] or "")


def extended_offset(text: str) -> str:
    """``+0200`` as ``+02:00``."""
    match = _OFFSET.fullmatch(text)
    return text if match is None else ":".join(part for part in match.groups() if part)


def basic(text: str) -> str:
    """Inverse of :func:`extended`; a duration passes through."""
    day, mark, time = text.partition("T")
    if "P" in day:
        return text
    match = _EXTENDED_DATE.fullmatch(day) or _EXTENDED_YEARLESS.fullmatch(day)
    if match:
        day = ("" if match.re is _EXTENDED_DATE else "--") + "".join(match.groups())
    return day + mark + basic_time(time)


def basic_time(text: str) -> str:
    """Inverse of :func:`extended_time` and :func:`extended_offset`."""
    return text.replace(":", "")
