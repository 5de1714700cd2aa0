"""A calendar that somebody publishes, read into objects, and what has changed since the last time.

Belongs here: is it a calendar and whole, what its head says, one object for each UID, names that stay, the
difference to what is there. Does not belong here: fetching it, storing, judging an object (ical).

Feeds are made by programs of all kinds: Latin-1, bare LF, no VERSION, METHOD:PUBLISH, new DTSTAMPs at each
fetch, one UID for many events, new UIDs at each fetch. An object keeps its name as long as its UID stays;
where all UIDs are new and the events are not, events are known by what they say from then on.

RFC 5545; RFC 7986 5.1, 5.7, 5.9; X-WR-CALNAME, X-PUBLISHED-TTL, X-APPLE-CALENDAR-COLOR.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import count

from davserver.content import streams
from davserver.content.lines import Line, parse_line, unescape_text, unfold
from davserver.content.normal import IGNORED, fingerprint
from davserver.content.stamps import parse_duration
from davserver.content.streams import Damage, Head, Piece
from davserver.content.zones import named_zone
from davserver.errors import InvalidContent
from davserver.sentences import Sentence

TASKS = "VTODO"
COMPONENTS = ("VEVENT", TASKS, "VJOURNAL", "VFREEBUSY")
_IGNORED = IGNORED | {"UID"}
_BEGIN = re.compile(rb"^BEGIN[ \t]*:[ \t]*VCALENDAR[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_END = re.compile(rb"^END[ \t]*:[ \t]*VCALENDAR[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_NEXT = re.compile(rb"^(BEGIN|END)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?")
_ATTACH = re.compile(rb"ATTACH[;:]", re.IGNORECASE)
_LONGEST_TITLE = 200


class NoCalendar(InvalidContent):
    """What came is no calendar, such as a page for people."""

    def __init__(self) -> None:
        super().__init__(Sentence("The address answers with something that is no calendar."))


class CutShort(InvalidContent):
    """The calendar ends in the middle."""

    def __init__(self) -> None:
        super().__init__(Sentence("The calendar ends in the middle: END:VCALENDAR is missing."))


class TooMany(InvalidContent):
    """More components than allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(Sentence("The calendar has more than %(limit)s entries.", limit=limit))


@dataclass(frozen=True, slots=True)
class Wish:
    """What of a feed is wanted, and how much of it."""

    alarms: bool = False
    attachments: bool = False
    tasks: bool = False
    most: int = 50_000
    largest: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FeedObject:
    """One calendar object. ``digest`` is equal for objects that say the same but for UID and DTSTAMP."""

    uid: str
    name: str
    body: bytes
    digest: str
    title: str


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed says.

    :param minutes: how often it wants to be fetched, None where it does not say.
    :param damaged: title and reason of what cannot be read.
    """

    title: str
    color: str
    minutes: int | None
    timezone_id: str
    objects: tuple[FeedObject, ...]
    damaged: tuple[tuple[str, str], ...]


def read(body: bytes, wish: Wish) -> Feed:
    """Read a fetched body.

    :raises NoCalendar, CutShort, TooMany: where nothing of it may be believed.
    """
    text = _as_utf8(body)
    begins = _BEGIN.findall(text)
    if not begins:
        raise NoCalendar
    if len(_END.findall(text)) < len(begins):
        raise CutShort
    pieces: list[Piece] = []
    heads: dict[int, bytes] = {}
    damaged: list[tuple[str, str]] = []
    for found in streams.cut([text], wish.largest):
        if isinstance(found, Damage):
            damaged.append((found.title or found.uid, found.reason))
        elif isinstance(found, Head):
            heads[found.calendar] = _without_version(found.text)
        elif found.name in COMPONENTS or found.name == "VTIMEZONE":
            pieces.append(found)
            if len(pieces) > wish.most:
                raise TooMany(wish.most)
    head = _head_lines(text)
    return Feed(
        _title(head),
        _color(head),
        _minutes(head),
        _zone(head),
        tuple(_objects(pieces, heads, wish)),
        tuple(damaged),
    )


def _as_utf8(body: bytes) -> bytes:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace").encode()
    if b"\r" in body and b"\n" not in body:
        return body.replace(b"\r", b"\n")
    return body.removeprefix(b"\xef\xbb\xbf")


# -- the head ----------------------------------------------------------------------------------------


def _head_lines(text: bytes) -> dict[str, Line]:
    """The properties of the first VCALENDAR itself; what is no line is passed over."""
    begin = _BEGIN.search(text)
    assert begin is not None
    following = _NEXT.search(text, begin.end())
    head = text[begin.end() : following.start() if following else begin.end()]
    found: dict[str, Line] = {}
    for logical in unfold(streams.text_of(head)):
        try:
            line = parse_line(logical)
        except InvalidContent:
            continue
        found.setdefault(line.name, line)
    return found


def _title(head: Mapping[str, Line]) -> str:
    for name in ("NAME", "X-WR-CALNAME"):
        if name in head and (title := " ".join(unescape_text(head[name].value).split())):
            return title[:_LONGEST_TITLE]
    return ""


def _color(head: Mapping[str, Line]) -> str:
    """A colour as #RRGGBB; RFC 7986's names of CSS are left to who shows them."""
    for name in ("X-APPLE-CALENDAR-COLOR", "X-OUTLOOK-COLOR", "COLOR"):
        if name in head and _COLOR.fullmatch(head[name].value.strip()):
            return head[name].value.strip().upper()
    return ""


def _minutes(head: Mapping[str, Line]) -> int | None:
    for name in ("REFRESH-INTERVAL", "X-PUBLISHED-TTL"):
        if name in head:
            try:
                span = parse_duration(head[name].value)
            except InvalidContent:
                continue
            if (seconds := span.days * 86_400 + span.seconds) > 0:
                return max(1, seconds // 60)
    return None


def _zone(head: Mapping[str, Line]) -> str:
    zone = head["X-WR-TIMEZONE"].value.strip() if "X-WR-TIMEZONE" in head else ""
    return zone if zone and named_zone(zone) is not None else ""


def _without_version(head: bytes) -> bytes:
    return b"".join(
        line + b"\r\n" for line in head.split(b"\r\n") if line and not line.upper().startswith(b"VERSION")
    )


# -- objects -----------------------------------------------------------------------------------------


def _objects(pieces: Iterable[Piece], heads: Mapping[int, bytes], wish: Wish) -> Iterator[FeedObject]:
    zones: dict[tuple[int, str], bytes] = {}
    groups: dict[tuple[str, str, int], list[Piece]] = {}
    copies: dict[tuple[str, str, str], list[bytes]] = {}
    for piece in pieces:
        if piece.name == "VTIMEZONE":
            zones.setdefault((piece.calendar, piece.zones[0]), piece.text)
        elif piece.name != TASKS or wish.tasks:
            texts = copies.setdefault((piece.name, piece.uid, piece.instance), [])
            if piece.text not in texts[-20:]:
                texts.append(piece.text)
                groups.setdefault((piece.name, piece.uid, len(texts)), []).append(piece)
    for (component, uid, number), members in groups.items():
        texts = [_stripped(member.text, wish) for member in members]
        if number > 1:
            uid = f"{uid}-{number}"
            texts = [streams.with_uid(text, uid) for text in texts]
        calendar = members[0].calendar
        used = dict.fromkeys((calendar, tzid) for member in members for tzid in member.zones)
        needed = [zones[key] for key in used if key in zones]
        body = streams.calendar_object(heads.get(calendar, b""), needed, texts)
        digest = fingerprint(body, _IGNORED)
        yield FeedObject(uid, _name(component, uid), body, digest, streams.title_of(texts[0]))


def _name(component: str, uid: str) -> str:
    """A name that stays as long as the UID does."""
    mark = uid if component == "VEVENT" else f"{component}:{uid}"
    return sha256(mark.encode()).hexdigest()[:32] + ".ics"


def _stripped(text: bytes, wish: Wish) -> bytes:
    """A component without what is not wanted."""
    if (wish.alarms or b"VALARM" not in text.upper()) and (wish.attachments or not _ATTACH.search(text)):
        return text
    kept: list[bytes] = []
    in_alarm = dropped = False
    for line in text.split(b"\r\n")[:-1]:
        word = line.strip().upper()
        if word == b"BEGIN:VALARM" and not wish.alarms:
            in_alarm = True
        is_fold = line[:1] in (b" ", b"\t")
        dropped = dropped if is_fold else not wish.attachments and _ATTACH.match(line) is not None
        if not in_alarm and not dropped:
            kept.append(line)
        if word == b"END:VALARM" and not wish.alarms:
            in_alarm = False
    return b"".join(line + b"\r\n" for line in kept)


# -- what has changed --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written and removed; ``by_content``: events are known by what they say."""

    written: Mapping[str, FeedObject]
    gone: tuple[str, ...]
    by_content: bool


def difference(objects: Iterable[FeedObject], known: Mapping[str, str], *, by_content: bool) -> Difference:
    """Compare a feed with what was last taken from it.

    :param known: item name → digest.
    :param by_content: whether its UIDs were found to change with each fetch.
    """
    named = {one.name: one for one in objects}
    by_content = by_content or _has_new_uids(named, known)
    if by_content:
        named = _named_by_content(named.values(), known)
    written = {name: one for name, one in named.items() if known.get(name) != one.digest}
    return Difference(written, tuple(name for name in known if name not in named), by_content)


def _has_new_uids(named: Mapping[str, FeedObject], known: Mapping[str, str]) -> bool:
    """Whether no UID is known any more, and most events are."""
    if not known or not named or any(name in known for name in named):
        return False
    before, after = Counter(known.values()), Counter(one.digest for one in named.values())
    return 2 * (before & after).total() >= min(len(known), len(named))


def _named_by_content(objects: Iterable[FeedObject], known: Mapping[str, str]) -> dict[str, FeedObject]:
    """Names by what events say: the one under which it is there, else one made from it."""
    there: dict[str, list[str]] = {}
    for name, digest in known.items():
        there.setdefault(digest, []).append(name)
    named: dict[str, FeedObject] = {}
    for one in objects:
        names = there.get(one.digest)
        if names:
            named[names.pop(0)] = one
            continue
        candidates = (f"{one.digest}-{number}.ics" if number else f"{one.digest}.ics" for number in count())
        named[next(name for name in candidates if name not in named and name not in known)] = one
    return named
