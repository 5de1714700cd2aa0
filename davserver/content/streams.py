"""A file of any size, cut into components as it is read, in bounded memory (RFC 5545 3.4, RFC 6350 3.3).

Belongs here: finding where components begin and end, what they are grouped by, the repairs without which
files of other programs could not be stored (line ends, encodings, control characters, a missing UID). Does
not belong here: judging what is inside (ical, vcard), keeping the pieces (storage.spool).

A component's bytes stay as they stand in the file, but for CRLF line ends and those repairs; lines stay
folded as they are. METHOD, X-WR-CALNAME and whatever else describes the whole file stays behind.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256

from davserver.content.lines import escape_text, unescape_text
from davserver.sentences import Sentence

CALENDAR, CARD = "VCALENDAR", "VCARD"
ENCODING, CHARACTERS, UID = "encoding", "characters", "uid"
"""Names of repairs: another encoding than UTF-8, control characters left out, a UID given."""

_BOM = b"\xef\xbb\xbf"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = bytes({*range(32), 127} - {9, 10, 13})
_STRUCTURE = re.compile(rb"(BEGIN|END)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*$", re.IGNORECASE)
_STARTS = frozenset({b"BE", b"be", b"Be", b"EN", b"en", b"En"})
_FOLD = re.compile(rb"\r?\n[ \t]")
_TZID = re.compile(rb';TZID=(?:"([^"\r\n]*)"|([^";:,\r\n]*))', re.IGNORECASE)
_TITLE = re.compile(
    rb"^(?:[A-Za-z0-9-]+\.)?(?:SUMMARY|FN)(?:;[^:\r\n]*)?:([^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_MAIN = frozenset({b"VEVENT", b"VTODO", b"VJOURNAL", b"VFREEBUSY", b"VAVAILABILITY", b"VTIMEZONE"})
_HEAD_LINES = (b"PRODID", b"CALSCALE", b"VERSION")
_LONGEST_TITLE = 80


@dataclass(frozen=True, slots=True)
class Piece:
    """One component below a VCALENDAR, or one VCARD.

    ``line`` is where it begins in its file, from 1; ``calendar`` counts the VCALENDARs; ``uid`` is
    unescaped; ``instance`` its RECURRENCE-ID as written, "" without; ``zones`` the TZIDs that it names,
    of a VTIMEZONE its own; ``repairs`` what had to be mended.
    """

    name: str
    text: bytes
    line: int
    calendar: int = 0
    uid: str = ""
    instance: str = ""
    zones: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What the components of one VCALENDAR keep of it: PRODID and CALSCALE; each line ends with CRLF."""

    calendar: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """A component that cannot be read, with the reason for a person."""

    line: int
    reason: str
    uid: str = ""
    title: str = ""


Found = Piece | Head | Damage


def cut(chunks: Iterable[bytes], limit: int) -> Iterator[Found]:
    """The components of a file in their order; a Head comes before the first piece of its calendar.

    :param limit: bytes of the largest component that is kept whole; larger ones are Damage.
    """
    cutter = _Cutter(limit)
    number = 0
    for number, line in enumerate(_lines(chunks, limit), 1):
        if line[:2] in _STARTS:
            structure = _STRUCTURE.match(line)
            if structure:
                yield from cutter.structure(structure, line, number)
                continue
        if line:
            cutter.collect(line)
    yield from cutter.end(number)


def _lines(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Physical lines without their ends; one that is endless comes in pieces of about ``limit`` bytes."""
    tail = b""
    for chunk in _utf8_chunks(chunks):
        parts = (tail + chunk).split(b"\n")
        tail = parts.pop()
        for part in parts:
            yield part[:-1] if part[-1:] == b"\r" else part
        if len(tail) > limit:
            yield tail
            tail = b""
    if tail:
        yield tail.rstrip(b"\r")


def _utf8_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same without a byte order mark, UTF-16 as UTF-8, and CR as LF where a file has no LF."""
    remaining = iter(chunks)
    first = next(remaining, b"")
    while len(first) < 4 and (more := next(remaining, b"")):
        first += more
    rest = _chained(first, remaining)
    if first[:2] in _UTF16:
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        rest = (decoder.decode(chunk).encode("utf-8", "replace") for chunk in rest)
    elif b"\r" in first and b"\n" not in first:
        rest = (chunk.replace(b"\r", b"\n") for chunk in rest)
    yield from rest


def _chained(first: bytes, remaining: Iterator[bytes]) -> Iterator[bytes]:
    yield first.removeprefix(_BOM)
    yield from remaining


@dataclass(slots=True)
class _Open:
    """A component that has begun. ``marked``: places of its own lines that may be UID or RECURRENCE-ID."""

    name: bytes
    line: int
    lines: list[bytes]
    size: int = 0
    marked: list[int] = field(default_factory=list)


class _Cutter:
    """Which component is open, and what its calendar's head says."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._calendar = 0
        self._inside = False
        self._head: list[bytes] | None = None
        self._open: _Open | None = None
        self._stack: list[bytes] = []

    def collect(self, line: bytes) -> None:
        """A line that is no BEGIN and no END."""
        if self._open is None:
            if self._head is not None:
                self._head.append(line)
            return
        current = self._open
        current.size += len(line) + 2
        if current.size <= self._limit:
            if line[0] in b"UuRr" and len(self._stack) == 1:
                current.marked.append(len(current.lines))
            current.lines.append(line)

    def structure(self, found: re.Match[bytes], line: bytes, number: int) -> Iterator[Found]:
        """A BEGIN or END."""
        name = found[2].upper()
        if found[1].upper() == b"BEGIN":
            yield from self._begin(name, line, number)
        else:
            yield from self._end(name, line, number)

    def _begin(self, name: bytes, line: bytes, number: int) -> Iterator[Found]:
        wrapper = name == CALENDAR.encode()
        if self._open is not None and (wrapper or self._is_anew(name)):
            yield self._damaged(Sentence("BEGIN:%(name)s without its END.", name=_shown(self._open.name)))
        if wrapper:
            self._inside, self._calendar, self._head = True, self._calendar + 1, []
        elif self._open is not None:
            self.collect(line)
            self._stack.append(name)
        elif self._inside or name == CARD.encode():
            yield from self._write_head()
            self._open, self._stack = _Open(name, number, [line], len(line) + 2), [name]
        else:
            yield Damage(number, Sentence("%(name)s stands outside of a VCALENDAR.", name=_shown(name)))

    def _is_anew(self, name: bytes) -> bool:
        """Whether this can only be the next component, so that the open one was never ended."""
        assert self._open is not None
        return name in _MAIN and self._open.name in _MAIN

    def _end(self, name: bytes, line: bytes, number: int) -> Iterator[Found]:
        if name == CALENDAR.encode():
            if self._open is not None:
                yield self._damaged(Sentence("BEGIN:%(name)s without its END.", name=_shown(self._open.name)))
            yield from self._write_head()
            self._inside = False
            return
        if self._open is None:
            return
        self.collect(line)
        if self._stack[-1] == name:
            self._stack.pop()
            if not self._stack:
                yield self._finished()
        elif name in self._stack:
            yield self._damaged(Sentence("BEGIN:%(name)s without its END.", name=_shown(self._stack[-1])))
        else:
            yield self._damaged(Sentence("END:%(name)s without its BEGIN.", name=_shown(name)))

    def end(self, number: int) -> Iterator[Found]:
        """The end of the file."""
        if self._open is not None:
            yield self._damaged("The file ends in the middle of it.")
        elif self._inside:
            yield Damage(number, "The file ends before END:VCALENDAR; something may be missing.")

    def _write_head(self) -> Iterator[Head]:
        if self._head is not None:
            yield Head(self._calendar, _head(self._head))
            self._head = None

    def _damaged(self, reason: str) -> Damage:
        current = self._open
        assert current is not None
        self._open, self._stack = None, []
        text = b"\r\n".join(current.lines)
        return Damage(current.line, reason, _marked_value(current, b"UID"), title_of(text))

    def _finished(self) -> Found:
        current = self._open
        assert current is not None
        if current.size > self._limit:
            return self._damaged(Sentence("An item has at most %(most)s bytes.", most=self._limit))
        self._open = None
        return _piece(current, self._calendar)


def _shown(name: bytes) -> str:
    return name.decode("ascii", "replace")[:40]


def _head(lines: list[bytes]) -> bytes:
    """The lines of a VCALENDAR that its objects keep, with their continuations. A wrong VERSION is kept."""
    kept: list[bytes] = []
    keep = False
    for line in lines:
        if line[0] not in b" \t":
            name = re.split(rb"[;:]", line, maxsplit=1)[0].upper()
            keep = name in _HEAD_LINES and not re.fullmatch(rb"VERSION[^:]*:\s*2\.0\s*", line, re.IGNORECASE)
        if keep:
            kept.append(line)
    return _repaired(b"".join(line + b"\r\n" for line in kept))[0]


def _marked_value(current: _Open, name: bytes, *, whole: bool = False) -> str:
    """The value of an own line of that name, unfolded; ``whole``: with its parameters."""
    for place in current.marked:
        line = current.lines[place]
        if line[: len(name)].upper() == name and line[len(name) : len(name) + 1] in (b":", b";"):
            rest = b""
            for more in current.lines[place + 1 :]:
                if more[0] not in b" \t":
                    break
                rest += more[1:]
            text = _repaired(line + rest)[0].decode()[len(name) :]
            return text if whole else text.partition(":")[2]
    return ""


def _piece(current: _Open, calendar: int) -> Piece:
    text, repairs = _repaired(b"\r\n".join(current.lines) + b"\r\n")
    name = _shown(current.name)
    if name == "VTIMEZONE":
        found = re.search(
            r"^TZID(?:;[^:\r\n]*)?:([^\r\n]*)", _unfolded(text).decode(), re.MULTILINE | re.IGNORECASE
        )
        return Piece(name, text, current.line, calendar, zones=(found[1].strip() if found else "",))
    uid = unescape_text(_marked_value(current, b"UID")).strip()
    instance = _marked_value(current, b"RECURRENCE-ID", whole=True).strip().upper()
    zones = _zones(text) if name != CARD else ()
    piece = Piece(name, text, current.line, calendar, uid, instance, zones, repairs)
    return piece if uid else _with_stable_uid(piece)


def _zones(text: bytes) -> tuple[str, ...]:
    found = {(quoted or plain).decode().strip() for quoted, plain in _TZID.findall(_unfolded(text))}
    return tuple(sorted(found))


def _unfolded(text: bytes) -> bytes:
    return _FOLD.sub(b"", text) if b"\n " in text or b"\n\t" in text else text


def text_of(raw: bytes) -> str:
    """Bytes of a file as text, whatever their encoding, without control characters."""
    return _repaired(raw)[0].decode()


def _repaired(text: bytes) -> tuple[bytes, tuple[str, ...]]:
    """UTF-8 without control characters, and what was mended for it."""
    repairs: tuple[str, ...] = ()
    plain = text.translate(None, _CONTROL)
    if len(plain) != len(text):
        repairs = (CHARACTERS,)
    if not plain.isascii():
        try:
            plain.decode()
        except UnicodeDecodeError:
            plain, repairs = _from_windows(plain).encode(), (*repairs, ENCODING)
    return plain, repairs


def _from_windows(text: bytes) -> str:
    """Windows-1252, in which bytes without a meaning are what they are in Latin-1."""
    try:
        return text.decode("cp1252")
    except UnicodeDecodeError:
        return text.decode("latin-1").translate(dict.fromkeys(range(0x80, 0xA0)))


def _with_stable_uid(piece: Piece) -> Piece:
    """A UID made from the text, so that importing the file again finds it again."""
    uid = sha256(piece.text).hexdigest()[:32]
    return replace(piece, uid=uid, text=with_uid(piece.text, uid), repairs=(*piece.repairs, UID))


def with_uid(text: bytes, uid: str) -> bytes:
    """A component with another UID, every other byte as it is; a card keeps VERSION first."""
    line = f"UID:{escape_text(uid)}\r\n".encode()
    lines = text.split(b"\r\n")[:-1]
    depth, place, after = 0, -1, 1
    for number, one in enumerate(lines):
        head = one[:8].upper()
        depth += head.startswith(b"BEGIN:") - head.startswith(b"END:")
        if depth == 1 and re.match(rb"UID[;:]", one, re.IGNORECASE):
            place = number
        elif depth == 1 and head.startswith(b"VERSION"):
            after = number + 1
    if place < 0:
        return _joined(lines[:after]) + line + _joined(lines[after:])
    end = place + 1
    while end < len(lines) and lines[end][:1] in (b" ", b"\t"):
        end += 1
    return _joined(lines[:place]) + line + _joined(lines[end:])


def _joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


def title_of(text: bytes) -> str:
    """SUMMARY or FN, for a person who has to find the item again; cut to a line."""
    found = _TITLE.search(_unfolded(text[:65536]))
    if found is None:
        return ""
    title = " ".join(unescape_text(_repaired(found[1])[0].decode()).split())
    return title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"


def calendar_object(head: bytes, zones: Iterable[bytes], members: Iterable[bytes]) -> bytes:
    """A calendar object of components with the same UID, and the VTIMEZONEs that they need."""
    version = b"" if b"VERSION" in head.upper() else b"VERSION:2.0\r\n"
    if b"PRODID" not in head.upper():
        head = b"PRODID:-//davserver//import//EN\r\n" + head
    return b"".join((b"BEGIN:VCALENDAR\r\n", version, head, *zones, *members, b"END:VCALENDAR\r\n"))
