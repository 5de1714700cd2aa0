"""Export and import of whole collections by cutting text (RFC 5545 3.4, 3.6; RFC 6350 3.3).

Belongs here: many stored bodies → one text, and one text → many bodies. Does not belong here: what is in
them (ical, vcard), expanding (expand), storage.

Export cuts the components out of each body between its BEGIN and END lines, which costs microseconds
where parsing costs a tenth of a millisecond. A body whose lines are not as plain as nearly all are (lower
case BEGIN, blank or folded structure lines, lone CR) goes through the parser instead: same result, slower.

Time zones: each VTIMEZONE is there once. Of two different ones with the same TZID the first stays if the
TZID names a known zone, since readers and this server go by the name; else the later object's zone gets
a new TZID, so that both keep their times.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256

from davserver.content.lines import (
    Component,
    Line,
    decode,
    dump,
    escape_text,
    fold,
    parse_components,
    unescape_text,
    walk,
)
from davserver.content.zones import named_zone, vtimezone
from davserver.errors import InvalidContent
from davserver.sentences import Sentence

MOST_WRITTEN = 8
"""Zones that bodies are held against one by one before they are cut: nearly all calendars have one or two."""

_BOM = b"\xef\xbb\xbf"


def splice_calendar(
    bodies: Iterable[bytes],
    header: bytes,
    components: Collection[str] | None = None,
    *,
    define_zones: bool = False,
) -> Iterator[bytes]:
    """One VCALENDAR of all components of the bodies.

    :param bodies: stored calendar objects.
    :param header: the properties of the VCALENDAR, VERSION and PRODID among them; each line ends with CRLF.
    :param components: names of the components to keep, such as ``{"VEVENT"}``; None keeps all.
    :param define_zones: also write the zones that bodies use by name alone (RFC 7809): Outlook refuses a
        calendar that does not define them.
    :returns: pieces of the text, about one for each body. A body that no parser takes is left out: storage
        holds none, and one bad line would make readers refuse the whole calendar.
    """
    kept = None if components is None else frozenset(name.encode() for name in components)
    export = _Export(kept, define_zones)
    yield b"BEGIN:VCALENDAR\r\n" + header
    for body in bodies:
        piece = export.add(body)
        if piece:
            yield piece
    yield b"END:VCALENDAR\r\n"


def splice_cards(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """The cards one after the other, with CRLF line ends."""
    for body in bodies:
        text = _with_crlf(body.removeprefix(_BOM)).strip(b"\r\n")
        yield text + b"\r\n"


def _with_crlf(body: bytes) -> bytes:
    if body.count(b"\n") == body.count(b"\r\n"):
        return body
    return body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@dataclass(slots=True)
class _Export:
    """What an export has to remember: the zones that are written already.

    ``zones``: text of a VTIMEZONE → the TZID it was given instead of its own, "" where it kept it.
    """

    keep: frozenset[bytes] | None
    define_zones: bool = False
    zones: dict[bytes, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    seen: set[bytes] = field(default_factory=set)
    written: list[bytes] = field(default_factory=list)

    def add(self, body: bytes) -> bytes:
        """The components of a body, without the zones that are there already."""
        pieces = self._quick(body)
        if pieces is None:
            pieces = self._slow(body)
        if self.define_zones and b";TZID" in pieces:
            return self._missing_zones(pieces) + pieces
        return pieces

    def _quick(self, body: bytes) -> bytes | None:
        """The only component of a plain object, behind zones that are written already; None for others."""
        newlines = body.count(b"\r\n")
        if body.count(b"\n") != newlines or body.count(b"\r") != newlines:
            return None
        start = body.find(b"\r\nBEGIN:") + 2
        stop = body.rfind(b"\r\nEND:VCALENDAR") + 2
        for zone in self.written:
            if body.startswith(zone, start):
                start += len(zone)
        if not (2 <= start < stop and body.startswith(b"BEGIN:", start)):
            return None
        name = body[start + 6 : body.find(b"\r", start)]
        end = b"\r\nEND:" + name + b"\r\n"
        if name == b"VTIMEZONE" or body.find(end, start) + len(end) != stop:
            return None
        return body[start:stop] if self._wanted(name) else b""

    def _slow(self, body: bytes) -> bytes:
        """The same for any object."""
        parts = _cut(body)
        if parts is None:
            parts = _cut_parsed(body)
        kept = [text for name, text in parts if self._wanted(name)]
        if not kept:
            return b""
        zones = [text for name, text in parts if name == b"VTIMEZONE" and self.zones.get(text, "?")]
        return self._with_zones(body, kept, zones) if zones else b"".join(kept)

    def _missing_zones(self, pieces: bytes) -> bytes:
        """VTIMEZONEs of known zones that nobody has defined so far."""
        if self.seen.issuperset(_TZID.findall(pieces)):
            return b""
        text = pieces.decode()
        used = {line.param("TZID") or "" for part in walk(parse_components(text)) for line in part.lines}
        texts = [_defined(tzid) for tzid in sorted(used - self.names) if named_zone(tzid)]
        self.names |= used
        self.seen |= {tzid.encode() for tzid in used}
        return "".join(texts).encode()

    def _wanted(self, name: bytes) -> bool:
        return name != b"VTIMEZONE" and (self.keep is None or name in self.keep)

    def _with_zones(self, body: bytes, kept: list[bytes], zones: list[bytes]) -> bytes:
        """The same where a zone is new, or was given another name."""
        pieces, renamed = [], {}
        for text in zones:
            tzid, known = _tzid(text), text in self.zones
            if not known:
                self.zones[text] = self._new_name(tzid)
            if self.zones[text]:
                renamed[tzid] = self.zones[text]
            if not known and (renamed.get(tzid) or tzid not in self.names):
                pieces.append(_renamed(text, renamed))
                if not renamed and len(self.written) < MOST_WRITTEN:
                    self.written.append(text)
            self.names.add(self.zones[text] or tzid)
        if renamed:
            kept = [_renamed(text, renamed) for text in kept]
        return b"".join(pieces + kept)

    def _new_name(self, tzid: str) -> str:
        """Another name for a zone whose own is taken by a different one; "" where it keeps its own."""
        if tzid not in self.names or named_zone(tzid) is not None:
            return ""
        number = 2
        while f"{tzid} ({number})" in self.names:
            number += 1
        return f"{tzid} ({number})"


_TZID = re.compile(rb";TZID=([^:;,\r\n]*)")
"""A TZID as it stands in nearly all lines; of one that is folded a part, which no zone is called."""


def _defined(tzid: str) -> str:
    """The VTIMEZONE of a known zone under the name that is used for it."""
    zone = named_zone(tzid)
    text = vtimezone(zone.name if zone else tzid)
    return text.replace(f"TZID:{zone.name}\r\n", fold(f"TZID:{tzid}") + "\r\n", 1) if zone else text


def _renamed(text: bytes, names: dict[str, str]) -> bytes:
    """A component with other TZIDs, through the parser."""
    if not names:
        return text
    component = parse_components(text.decode())[0]
    for line in (line for part in walk([component]) for line in part.lines):
        _rename_line(line, names)
    return dump(component).encode()


def _rename_line(line: Line, renamed: dict[str, str]) -> None:
    tzid = line.param("TZID")
    if tzid is not None and tzid.strip() in renamed:
        line.params["TZID"] = [renamed[tzid.strip()]]
    elif line.name == "TZID" and line.value.strip() in renamed:
        line.value = renamed[line.value.strip()]


def _name_of(zone: Component) -> str:
    return (zone.value("TZID") or "").strip()


def _tzid(text: bytes) -> str:
    return _name_of(parse_components(text.decode())[0])


def _cut(body: bytes) -> list[tuple[bytes, bytes]] | None:
    """(name, text) of each component below VCALENDAR; None where the body's lines are not plain enough."""
    newlines = body.count(b"\r\n")
    if body.count(b"\n") != newlines:
        body = _with_crlf(body)
        newlines = body.count(b"\r\n")
    if body.count(b"\r") != newlines:
        return None
    parts = []
    stop = body.rfind(b"\r\nEND:VCALENDAR") + 2
    start = body.find(b"\r\nBEGIN:") + 2
    while 2 <= start < stop:
        if not body.startswith(b"BEGIN:", start):
            return None
        name = body[start + 6 : body.find(b"\r", start)]
        end = body.find(b"\r\nEND:" + name + b"\r\n", start) + 2
        if end < 2 or body.find(b"\r\nBEGIN:" + name, start, end) >= 0:
            return None
        end += len(name) + 6
        parts.append((name, body[start:end]))
        start = end
    return parts if parts and start == stop else None


def _cut_parsed(body: bytes) -> list[tuple[bytes, bytes]]:
    return [(component.name.encode(), dump(component).encode()) for component in _parse(body)]


def _parse(body: bytes) -> list[Component]:
    try:
        return [component for root in parse_components(decode(body)) for component in root.children]
    except InvalidContent:
        return []


# -- import --------------------------------------------------------------------------------------

_STRUCTURE = re.compile(r"^(BEGIN|END):([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_HEADER = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
_DEFAULT_PRODID = "PRODID:-//davserver//import//EN\r\n"


def split_calendar(text: str) -> Iterator[tuple[str, bytes]]:
    """The calendar objects of an iCalendar stream of any size: (UID, body) for each UID.

    A body holds all components of one UID with the VTIMEZONEs that they use. METHOD and other properties of
    the VCALENDAR stay behind. A component without a UID gets one made from its text, so that importing it
    again finds it again. Two different components for the same instance become two objects, the second with
    a UID of its own. The bodies still have to be checked: nothing is judged here.

    :raises InvalidContent: where BEGIN and END do not match.
    """
    for root in _blocks(text, "VCALENDAR"):
        yield from _split_one_calendar(root)


def split_cards(text: str) -> Iterator[tuple[str, bytes]]:
    """The cards of a vCard stream: (UID, body) for each; one without a UID gets one made from its text.

    :raises InvalidContent: where BEGIN and END do not match.
    """
    for raw in _blocks(text, "VCARD"):
        part = _Part.of(raw)
        yield part.uid, part.text.encode()


@dataclass(frozen=True, slots=True)
class _Part:
    """A component cut out of a stream: its text with CRLF line ends, and what it is grouped by."""

    text: str
    name: str
    uid: str
    instance: str
    zones: frozenset[str]

    @classmethod
    def of(cls, raw: str) -> _Part:
        """The part that a piece of text is."""
        text = raw.replace("\r\n", "\n").replace("\n", "\r\n").strip("\r\n") + "\r\n"
        component = parse_components(text)[0]
        uid = unescape_text(component.value("UID") or "").strip()
        if not uid and component.name != "VTIMEZONE":
            uid = sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
            text = _with_uid(component, uid)
        lines = [line for part in walk([component]) for line in part.lines if line.params]
        zones = frozenset(line.params["TZID"][0].strip() for line in lines if "TZID" in line.params)
        identity = component.first("RECURRENCE-ID")
        return cls(text, component.name, uid, identity.value.strip() if identity else "", zones)


def _with_uid(component: Component, uid: str) -> str:
    others = [line for line in component.lines if line.name != "UID"]
    version = [line for line in others if line.name == "VERSION"]  # a VCARD must begin with it
    rest = [line for line in others if line.name != "VERSION"]
    return dump(Component(component.name, [*version, Line("UID", uid), *rest], component.children))


def _blocks(text: str, name: str) -> Iterator[str]:
    """The outermost blocks of that name, as they stand in the text."""
    for start, end, found in _outermost(text, 0, len(text)):
        if found == name:
            yield text[start:end]


def _outermost(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """(start, end, name) of the blocks between two positions that are inside no other."""
    stack: list[str] = []
    begin = start
    for match in _STRUCTURE.finditer(text, start, end):
        name = match[2].strip().upper()
        if match[1].upper() == "BEGIN":
            if not stack:
                begin = match.start()
            stack.append(name)
        elif not stack or stack.pop() != name:
            raise InvalidContent(Sentence("END:%(name)s without its BEGIN.", name=name[:40]))
        elif not stack:
            yield begin, match.end(), name
    if stack:
        raise InvalidContent(Sentence("BEGIN:%(name)s without its END.", name=stack[-1][:40]))


def _split_one_calendar(root: str) -> Iterator[tuple[str, bytes]]:
    inside = root.index("\n") + 1, root.rindex("\n") + 1
    spans = list(_outermost(root, *inside))
    parts = [_Part.of(root[start:end]) for start, end, _ in spans]
    zones = {_tzid(part.text.encode()): part.text for part in parts if part.name == "VTIMEZONE"}
    head = _HEADER + _prodid(root[: spans[0][0]] if spans else root)
    for uid, members in _grouped(part for part in parts if part.name != "VTIMEZONE"):
        used = {tzid for member in members for tzid in member.zones}
        texts = [text for tzid, text in zones.items() if tzid in used]
        texts += [member.text for member in members]
        yield uid, (head + "".join(texts) + "END:VCALENDAR\r\n").encode()


def _prodid(head: str) -> str:
    match = re.search(r"^PRODID[;:][^\r\n]*(\r?\n[ \t][^\r\n]*)*", head, re.MULTILINE | re.IGNORECASE)
    return _DEFAULT_PRODID if match is None else match[0].replace("\r\n", "\n").replace("\n", "\r\n") + "\r\n"


def _grouped(parts: Iterable[_Part]) -> Iterator[tuple[str, list[_Part]]]:
    """Parts of one UID and one name together, each instance once."""
    seen: dict[tuple[str, str, str], dict[str, int]] = {}
    groups: dict[tuple[str, str, int], list[_Part]] = {}
    for part in parts:
        texts = seen.setdefault((part.uid, part.name, part.instance), {})
        if part.text not in texts:
            number = texts[part.text] = len(texts) + 1
            groups.setdefault((part.uid, part.name, number), []).append(part)
    for (uid, _, number), members in groups.items():
        if number == 1:
            yield uid, members
        else:
            yield f"{uid}-{number}", [_with_new_uid(part, f"{uid}-{number}") for part in members]


def _with_new_uid(part: _Part, uid: str) -> _Part:
    text = _with_uid(parse_components(part.text)[0], escape_text(uid))
    return replace(part, text=text, uid=uid)
