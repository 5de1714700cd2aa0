"""vCard 2.1, as phones and Outlook still export it, to 3.0. For import only: it is not stored (RFC 6352 5.1).

Belongs here: what 2.1 spells in another way: parameters without names, CHARSET, quoted-printable with soft
line breaks, base64 up to a blank line. Does not belong here: 3.0 and 4.0 (vcard_versions).

versit Consortium, vCard: The Electronic Business Card 2.1 (1996); RFC 2426 5 for the differences.
"""

from __future__ import annotations

import quopri
import re

from davserver.content.lines import Component, Line, dump, escape_text, parse_components
from davserver.errors import InvalidContent

_VERSION = re.compile(rb"^VERSION[ \t]*:[ \t]*2\.1[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_QUOTED = re.compile(rb"^[^:\r\n]*;(?:ENCODING=)?QUOTED-PRINTABLE[;:]", re.IGNORECASE)
_BASE64 = re.compile(rb"[ \t]*[A-Za-z0-9+/=]+[ \t]*")
_ENCODINGS = {"BASE64": "b", "B": "b", "8BIT": "", "7BIT": "", "QUOTED-PRINTABLE": ""}
_STRUCTURED = frozenset({"N", "ADR", "ORG"})


def is_21(text: bytes) -> bool:
    """Whether a card says that it is a vCard 2.1."""
    return _VERSION.search(text) is not None


def to_3(text: bytes) -> bytes:
    """The card in version 3.0, with CRLF line ends.

    :raises InvalidContent: where its lines cannot be read.
    """
    logical = _logical_lines(text.replace(b"\r\n", b"\n").split(b"\n"))
    source = "\r\n".join(_decoded(line) for line in logical) + "\r\n"
    roots = parse_components(source)
    if len(roots) != 1:
        raise InvalidContent("The vCard 2.1 is not exactly one card.")
    return dump(_card(roots[0])).encode()


def _logical_lines(physical: list[bytes]) -> list[bytes]:
    """Lines with their continuations: folded ones, soft breaks of quoted-printable."""
    logical: list[bytes] = []
    for line in physical:
        if logical and logical[-1].endswith(b"=") and _QUOTED.match(logical[-1]):
            logical[-1] = logical[-1][:-1] + line.lstrip()
        elif logical and b"BASE64" in logical[-1][:200].upper() and _BASE64.fullmatch(line):
            logical[-1] += line.strip()
        elif logical and line[:1] in (b" ", b"\t"):
            logical[-1] += line[1:]
        elif line.strip():
            logical.append(line)
    return logical


def _decoded(line: bytes) -> str:
    """A logical line as text, quoted-printable decoded under its CHARSET; line breaks become ``\\n``."""
    head, colon, value = line.partition(b":")
    charset = re.search(rb";CHARSET=\"?([A-Za-z0-9._-]+)", head, re.IGNORECASE)
    if _QUOTED.match(line):
        raw = quopri.decodestring(value)
        text = _text(raw, charset[1].decode() if charset else "utf-8")
        value = text.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n").encode()
    return _text(head + colon, "utf-8") + _text(value, "utf-8")


def _text(raw: bytes, charset: str) -> str:
    """Text of bytes whose charset may be wrong or unknown."""
    for name in (charset, "utf-8"):
        try:
            return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("latin-1")


def _card(card: Component) -> Component:
    lines = [_line(line) for line in card.lines if line.name not in ("VERSION", "AGENT")]
    names = {line.name for line in lines}
    if "FN" not in names:
        lines.insert(0, Line("FN", _formatted_name(lines)))
    return Component("VCARD", [Line("VERSION", "3.0"), *lines])


def _formatted_name(lines: list[Line]) -> str:
    """3.0 wants an FN: from N, else from whatever there is."""
    for name in ("N", "ORG", "EMAIL", "TEL"):
        for line in lines:
            parts = [part for part in line.value.split(";") if part.strip()]
            if line.name == name and parts:
                return " ".join([*parts[1:2], *parts[:1]] if name == "N" else parts[:1])
    return "?"


def _line(line: Line) -> Line:
    """A property with 3.0's parameters; commas of texts are escaped, which 2.1 does not do."""
    params: dict[str, list[str]] = {}
    for name, values in line.params.items():
        if name == "ENCODING":
            values = [_ENCODINGS.get(value.upper(), value) for value in values]
        elif name == "TYPE":
            encodings = [value for value in values if value.upper() in _ENCODINGS]
            if any(_ENCODINGS[value.upper()] for value in encodings):
                params["ENCODING"] = ["b"]
            values = [value for value in values if value not in encodings]
        if name != "CHARSET" and (kept := [value for value in values if value]):
            params.setdefault(name, kept)
    value = line.value.strip() if "ENCODING" in params else _escaped(line)
    return Line(line.name, "".join(value.split()) if "ENCODING" in params else value, params, line.group)


def _escaped(line: Line) -> str:
    """2.1 escapes semicolons only, and those only in structures; text that is escaped already stays."""
    if line.name in _STRUCTURED or "\\" in line.value:
        return re.sub(r"(?<!\\),", r"\\,", line.value)
    if line.name in ("CATEGORIES", "NICKNAME", "URL", "GEO", "TEL", "EMAIL", "BDAY", "REV", "UID"):
        return line.value
    return escape_text(line.value)
