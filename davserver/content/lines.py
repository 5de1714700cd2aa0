"""Content lines, the ground that iCalendar and vCard share (RFC 5545 3.1, RFC 6350 3.2-3.3).

Belongs here: unfolding, folding, splitting a line into name, parameters and value, nesting lines
into components, escaping of TEXT values. Does not belong here: what any property means.

The stored bytes are never made from these values: a parse validates and indexes, and only an
answer that a client asked to be different (expanded, partial, converted) is serialised again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from davserver.errors import InvalidContent
from davserver.sentences import Sentence

MAX_DEPTH = 8
"""Deepest nesting of BEGIN:…; real objects reach 4 (VCALENDAR, VEVENT, VALARM, VLOCATION)."""

_FOLD = re.compile(r"\r?\n[ \t]|\r[ \t]")
_SIMPLE = re.compile(r"([A-Za-z0-9-]+):(.*)", re.DOTALL)
_HEAD = re.compile(r"(?:([A-Za-z0-9-]+)\.)?([A-Za-z0-9-]+)")
_PARAM = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)')
_PARAM_VALUE = re.compile(r'"([^"]*)"|([^",]+)')
_BAD_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(slots=True)
class Line:
    """One unfolded content line. ``name`` and parameter names are upper case, the value is raw."""

    name: str
    value: str
    params: dict[str, list[str]] = field(default_factory=dict)
    group: str = ""

    def param(self, name: str) -> str | None:
        """The first value of a parameter, or None."""
        values = self.params.get(name)
        return values[0] if values else None


@dataclass(slots=True)
class Component:
    """A component: its lines in order and its sub-components in order."""

    name: str
    lines: list[Line] = field(default_factory=list)
    children: list[Component] = field(default_factory=list)

    def first(self, name: str) -> Line | None:
        """The first line of that name, or None."""
        return next((line for line in self.lines if line.name == name), None)

    def all(self, name: str) -> list[Line]:
        """All lines of that name, in order."""
        return [line for line in self.lines if line.name == name]

    def value(self, name: str) -> str | None:
        """The raw value of the first line of that name, or None."""
        line = self.first(name)
        return None if line is None else line.value


def decode(body: bytes) -> str:
    """UTF-8 text of an uploaded body; InvalidContent for other encodings or control characters.

    Control characters cannot be represented in XML 1.0, so a REPORT could never return them.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidContent(Sentence("The body is not UTF-8 (byte %(start)s).", start=error.start)) from None
    bad = _BAD_CHARACTERS.search(text)
    if bad:
        raise InvalidContent(
            Sentence("The body has the control character U+%(code)s.", code=format(ord(bad[0]), "04X"))
        )
    return text


def unfold(text: str) -> list[str]:
    """Logical lines without their line ends; empty lines are dropped."""
    return [line for line in _FOLD.sub("", text).replace("\r\n", "\n").split("\n") if line.strip()]


def parse_line(text: str) -> Line:
    """Split one logical line; InvalidContent where it is none."""
    simple = _SIMPLE.fullmatch(text)
    if simple:
        return Line(simple[1].upper(), simple[2].rstrip("\r"))
    head = _HEAD.match(text)
    if head is None:
        raise InvalidContent(Sentence("Not a content line: %(text)r", text=text[:60]))
    position = head.end()
    params: dict[str, list[str]] = {}
    while match := _PARAM.match(text, position):
        values = [quoted or plain for quoted, plain in _PARAM_VALUE.findall(match[2])] or [""]
        params.setdefault(match[1].upper(), []).extend(values)
        position = match.end()
    position = _skip_bare_params(text, position, params)
    if text[position : position + 1] != ":":
        raise InvalidContent(Sentence("Not a content line: %(text)r", text=text[:60]))
    return Line(head[2].upper(), text[position + 1 :].rstrip("\r"), params, head[1] or "")


def _skip_bare_params(text: str, position: int, params: dict[str, list[str]]) -> int:
    """vCard 2.1 habit still sent by phones: ``TEL;HOME:…`` means TYPE=HOME."""
    while match := re.compile(r";([A-Za-z0-9-]+)(?=[;:])").match(text, position):
        params.setdefault("TYPE", []).append(match[1])
        position = match.end()
        while full := _PARAM.match(text, position):
            params.setdefault(full[1].upper(), []).append(full[2].strip('"'))
            position = full.end()
    return position


def parse_components(text: str) -> list[Component]:
    """The top-level components of a text (one VCALENDAR, or one or more VCARDs)."""
    roots: list[Component] = []
    stack: list[Component] = []
    for logical in unfold(text):
        line = parse_line(logical)
        if line.name == "BEGIN":
            component = Component(line.value.strip().upper())
            (stack[-1].children if stack else roots).append(component)
            stack.append(component)
            if len(stack) > MAX_DEPTH:
                raise InvalidContent("Components are nested too deeply.")
        elif line.name == "END":
            if not stack or stack.pop().name != line.value.strip().upper():
                raise InvalidContent(Sentence("END:%(name)s without its BEGIN.", name=line.value))
        elif stack:
            stack[-1].lines.append(line)
        else:
            raise InvalidContent(Sentence("A line outside of any component: %(line)r", line=logical[:60]))
    if stack:
        raise InvalidContent(Sentence("BEGIN:%(name)s without its END.", name=stack[-1].name))
    return roots


def fold(logical: str) -> str:
    """Fold at 75 octets, never inside a character (RFC 5545 3.1). No line end at the end."""
    if len(logical) <= 75 and (logical.isascii() or len(logical.encode()) <= 75):
        return logical
    if logical.isascii():
        rest = (logical[index : index + 74] for index in range(75, len(logical), 74))
        return "\r\n ".join((logical[:75], *rest))
    pieces: list[str] = []
    start = size = 0
    for index, character in enumerate(logical):
        width = 1 if character < "\x80" else len(character.encode())
        if size + width > (75 if not pieces else 74):
            pieces.append(logical[start:index])
            start, size = index, 0
        size += width
    pieces.append(logical[start:])
    return "\r\n ".join(pieces)


def dump_line(line: Line) -> str:
    """Inverse of :func:`parse_line`, not folded."""
    head = f"{line.group}.{line.name}" if line.group else line.name
    params = "".join(
        f";{name}={','.join(_quote(value) for value in values)}" for name, values in line.params.items()
    )
    return f"{head}{params}:{line.value}"


def _quote(value: str) -> str:
    return f'"{value}"' if any(mark in value for mark in ";:,") else value


def dump(component: Component) -> str:
    """Inverse of :func:`parse_components` for one component: folded, CRLF line ends."""
    return "".join(fold(logical) + "\r\n" for logical in _logical_lines(component))


def _logical_lines(component: Component) -> Iterator[str]:
    yield f"BEGIN:{component.name}"
    for line in component.lines:
        yield dump_line(line)
    for child in component.children:
        yield from _logical_lines(child)
    yield f"END:{component.name}"


def unescape_text(value: str) -> str:
    """The text of a TEXT value: ``\\n``, ``\\,``, ``\\;``, ``\\\\`` (RFC 5545 3.3.11)."""
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def escape_text(text: str) -> str:
    """Inverse of :func:`unescape_text`."""
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\\n").replace("\n", "\\n")


def split_text(value: str, separator: str = ",") -> list[str]:
    """Split a raw value at unescaped separators; the parts stay escaped."""
    if separator not in value:
        return [value]
    parts, start, index = [], 0, 0
    while index < len(value):
        if value[index] == "\\":
            index += 1
        elif value[index] == separator:
            parts.append(value[start:index])
            start = index + 1
        index += 1
    parts.append(value[start:])
    return parts


def walk(components: Iterable[Component]) -> Iterator[Component]:
    """The components and all below them, parents first."""
    for component in components:
        yield component
        yield from walk(component.children)
