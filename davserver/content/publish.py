"""What of an object a public link shows: everything, titles and times, or that one is busy.

Belongs here: leaving out. Does not belong here: which objects (links.render), joining them (splice).

What is left over is a list of what is kept, never of what is removed: below "everything" a line is written
anew from its name and those parts of its value that have the form of a time, a rule or one of a few words.
UIDs, which clients make of names and mail addresses, become digests with the link's own salt. Zones that
everybody knows are named; others get a name that says nothing.

CLASS (RFC 5545 3.8.1.3) is honoured for each instance: PRIVATE is hidden or busy, CONFIDENTIAL is busy.
Where an instance of a series is not shown, the series gets an EXDATE; where only the instance is, it stands
by itself. An object that needs nothing of this, and has no long line, is returned as it is stored.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from davserver.content.lines import Component, Line, decode, dump, parse_components
from davserver.content.stamps import format_utc
from davserver.content.zones import named_zone
from davserver.errors import InvalidContent
from davserver.model import Detail, Private, View

BUSY = "Busy"

_SHORT_LINES = re.compile(rb"(?:[^\n]{0,76}+\n)*+")
_CLASS = re.compile(rb"\n[cC](?:[lL][aA][sS][sS]|[lL]?[aA]?[sS]?(?:\r\n|\r|\n)[ \t])")
"""CLASS, or any beginning of it that is folded."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a link shows, and the salt of its digests."""

    view: View
    salt: str

    @property
    def is_everything(self) -> bool:
        """Whether entries without CLASS are shown as they are."""
        return self.view.detail is Detail.FULL and not self.view.left_out


def publish_calendar(body: bytes, publication: Publication, changed: int) -> bytes:
    """A calendar object as the link shows it, b"" for nothing; its lines are at most 75 octets long.

    :param changed: UTC seconds; DTSTAMP of a component that has none, so that it is always the same.
    """
    if publication.is_everything and _is_plain(body):
        return body
    try:
        root = parse_components(decode(body))[0]
    except InvalidContent:
        return b""
    shown = _Object(root, publication, changed).shown()
    return dump(shown).encode() if shown else b""


def publish_card(body: bytes, publication: Publication) -> bytes:
    """A card as the link shows it; b"" for one that is not PUBLIC."""
    if publication.is_everything and _is_plain(body):
        return body
    try:
        card = parse_components(decode(body))[0]
    except InvalidContent:
        return b""
    if _class(card) != "PUBLIC":
        return b""
    if publication.view.detail is not Detail.FULL:
        card = _names_only(card, publication)
    elif "attachments" in publication.view.left_out:
        card = Component(card.name, [line for line in card.lines if line.name not in _CARD_FILES])
    return dump(card).encode()


def _is_plain(body: bytes) -> bool:
    """Whether nothing has to be done to an object of which everything is shown."""
    short = _SHORT_LINES.match(body)
    if short is None or short.end() != len(body) or _CLASS.search(body):
        return False
    return b"\nDTSTAMP" in body or b"BEGIN:VCARD" in body


def _class(component: Component) -> str:
    """PUBLIC, CONFIDENTIAL or PRIVATE; a word nobody knows is PRIVATE, of several the strictest counts."""
    words = {line.value.strip().upper() for line in component.all("CLASS")} - {"PUBLIC"}
    if not words:
        return "PUBLIC"
    return "CONFIDENTIAL" if words == {"CONFIDENTIAL"} else "PRIVATE"


class _Object:
    """One calendar object on its way out."""

    def __init__(self, root: Component, publication: Publication, changed: int) -> None:
        self._root = root
        self._view = publication.view
        self._salt = publication.salt.encode()
        self._changed = changed
        self._zones = {
            (zone.value("TZID") or "").strip(): zone for zone in root.children if zone.name == "VTIMEZONE"
        }

    def shown(self) -> Component | None:
        """The object with what may be seen of it."""
        parts = [part for part in self._root.children if part.name != "VTIMEZONE"]
        levels = [self._level(part) for part in parts]
        reduced = any(level is not Detail.FULL for level in levels)
        kept = []
        for part, level in zip(parts, levels, strict=True):
            new = None if level is None else self._part(part, level, reduced=reduced)
            if new is not None:
                kept.append((part, new))
        if not kept:
            return None
        if reduced:
            self._settle(parts, kept)
        zones = self._written_zones() if reduced else []
        if Detail.FULL in levels:
            zones += self._zones.values()
        return Component("VCALENDAR", [Line("VERSION", "2.0")], [*zones, *(new for _, new in kept)])

    def _settle(self, parts: list[Component], kept: list[tuple[Component, Component]]) -> None:
        """Series and instances of which the one is shown and the other is not."""
        series = next((new for part, new in kept if part.first("RECURRENCE-ID") is None), None)
        if series is None:
            for part, new in kept:
                self._stand_alone(part, new)
            return
        shown = {id(part) for part, _ in kept}
        gone = (part for part in parts if id(part) not in shown and part.first("RECURRENCE-ID"))
        series.lines += [self._exdate(part) for part in gone]

    def _level(self, part: Component) -> Detail | None:
        """How much of a component is shown, None for nothing."""
        found = _class(part)
        level: Detail | None = self._view.detail
        if found == "CONFIDENTIAL":
            level = Detail.BUSY
        elif found == "PRIVATE":
            level = Detail.BUSY if self._view.private is Private.BUSY else None
        if level is Detail.FULL or level is None:
            return level
        allowed = _TITLED if level is Detail.TITLES else _BUSY_COMPONENTS
        if part.name not in allowed or (level is Detail.BUSY and _is_free(part)):
            return None
        return level

    def _part(self, part: Component, level: Detail, *, reduced: bool) -> Component | None:
        if level is Detail.FULL:
            return self._whole(part, reduced=reduced)
        known = _TITLE_LINES if level is Detail.TITLES else _BUSY_LINES
        lines = [Line("UID", self._digest(part.value("UID") or ""))]
        lines += [
            Line(line.name, value, self._params(line))
            for line in part.lines
            if line.name in known and (value := known[line.name](line.value.strip()))
        ]
        names = {line.name for line in lines}
        if part.name == "VEVENT" and "DTSTART" not in names:
            return None
        if "DTSTAMP" not in names:
            lines.insert(1, self._stamp())
        if level is Detail.BUSY and part.name == "VEVENT":
            lines.append(Line("SUMMARY", BUSY))
        return Component(part.name, lines)

    def _whole(self, part: Component, *, reduced: bool) -> Component:
        """A component of which everything is shown that is not left out.

        Where another component of the object is reduced, both need the same UID.
        """
        shown = _without(part, self._view.left_out)
        if shown.first("DTSTAMP") is None and part.name in _NEED_DTSTAMP:
            shown.lines.append(self._stamp())
        if reduced:
            uid = Line("UID", self._digest(part.value("UID") or ""))
            shown.lines[:] = [uid if line.name == "UID" else line for line in shown.lines]
        return shown

    def _stamp(self) -> Line:
        return Line("DTSTAMP", format_utc(self._changed))

    def _digest(self, text: str) -> str:
        return hmac.digest(self._salt, text.encode(), "sha256").hex()[:32]

    def _exdate(self, part: Component) -> Line:
        """What takes an instance that is not shown out of its series."""
        line = part.first("RECURRENCE-ID")
        assert line is not None
        params = {name: value for name, value in self._params(line).items() if name != "RANGE"}
        return Line("EXDATE", _moments(line.value.strip()), params)

    def _stand_alone(self, part: Component, new: Component) -> None:
        """An instance whose series is not shown becomes an event of its own."""
        line = part.first("RECURRENCE-ID")
        instance = line.value.strip() if line else ""
        uid = Line("UID", self._digest(f"{part.value('UID')} {instance}"))
        kept = (one for one in new.lines if one.name != "RECURRENCE-ID")
        new.lines[:] = [uid if one.name == "UID" else one for one in kept]

    # -- zones

    def _params(self, line: Line) -> dict[str, list[str]]:
        """Of the parameters those that bear on the time, with values that say nothing else."""
        kept: dict[str, list[str]] = {}
        for name, words in _PARAMS.items():
            value = (line.param(name) or "").upper()
            if value in words:
                kept[name] = [value]
        tzid = (line.param("TZID") or "").strip()
        if tzid and (known := self._zone_name(tzid)):
            kept["TZID"] = [known]
        return kept

    def _zone_name(self, tzid: str) -> str:
        """Under which name a zone is shown; "" for one that nobody has described."""
        zone = named_zone(tzid)
        if zone is not None:
            return zone.name
        return f"Zone-{self._digest(tzid)[:8]}" if tzid in self._zones else ""

    def _written_zones(self) -> list[Component]:
        """The zones that nobody else knows. Known ones are left to who joins the objects (define_zones)."""
        custom = ((tzid, zone) for tzid, zone in self._zones.items() if named_zone(tzid) is None)
        return [
            Component("VTIMEZONE", [Line("TZID", self._zone_name(tzid))], _observances(zone))
            for tzid, zone in custom
        ]


def _observances(zone: Component) -> list[Component]:
    """What a zone says about its clocks."""
    return [
        Component(child.name, [Line(line.name, line.value) for line in child.lines if _is_rule(line)])
        for child in zone.children
        if child.name in ("STANDARD", "DAYLIGHT")
    ]


def _is_free(part: Component) -> bool:
    """Whether an event takes no time."""
    transparent = (part.value("TRANSP") or "").strip().upper() == "TRANSPARENT"
    return transparent or (part.value("STATUS") or "").strip().upper() == "CANCELLED"


def _without(part: Component, left_out: frozenset[str]) -> Component:
    """A copy of a component without what is left out."""
    names = {name for what in left_out for name in _PROPERTIES_OF[what]}
    inner = {name for what in left_out for name in _COMPONENTS_OF[what]}
    people = "attendees" in left_out
    lines = [
        line for line in part.lines if line.name not in names and not (people and _PEOPLE.search(line.name))
    ]
    children = [_without(child, left_out) for child in part.children if child.name not in inner]
    return Component(part.name, lines, children)


_PROPERTIES_OF: Mapping[str, frozenset[str]] = {
    "alarms": frozenset({"X-MOZ-LASTACK", "X-MOZ-SNOOZE-TIME", "X-WR-ALARMUID"}),
    "attendees": frozenset({"CONTACT"}),
    "attachments": frozenset({"ATTACH", "IMAGE", "STRUCTURED-DATA"}),
}
_COMPONENTS_OF: Mapping[str, frozenset[str]] = {
    "alarms": frozenset({"VALARM"}),
    "attendees": frozenset({"PARTICIPANT"}),
    "attachments": frozenset(),
}
_PEOPLE = re.compile("ATTENDEE|ORGANIZER|SENDER")
_NEED_DTSTAMP = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"})
_TITLED = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"})
_BUSY_COMPONENTS = frozenset({"VEVENT", "VFREEBUSY"})
_CARD_FILES = frozenset({"PHOTO", "LOGO", "SOUND", "KEY"})
_PARAMS: Mapping[str, frozenset[str]] = {
    "VALUE": frozenset({"DATE", "DATE-TIME", "PERIOD"}),
    "RANGE": frozenset({"THISANDFUTURE"}),
    "FBTYPE": frozenset({"BUSY", "FREE", "BUSY-UNAVAILABLE", "BUSY-TENTATIVE"}),
}


# -- values: those of a known form, else ""

Keep = Callable[[str], str]


def _form(pattern: str) -> Keep:
    compiled = re.compile(pattern, re.ASCII | re.IGNORECASE)
    return lambda value: value.upper() if compiled.fullmatch(value) else ""


_MOMENT = r"\d{8}(T\d{6}Z?)?"
_DURATION = r"[+-]?P(\d{1,6}W|(\d{1,6}D)?(T(\d{1,6}H)?(\d{1,6}M)?(\d{1,6}S)?)?)"
_PERIOD = rf"{_MOMENT}/({_MOMENT}|{_DURATION})"
_moments = _form(rf"{_MOMENT}(,{_MOMENT})*")
_spans = _form(rf"({_MOMENT}|{_PERIOD})(,({_MOMENT}|{_PERIOD}))*")
_duration = _form(_DURATION)
_number = _form(r"\d{1,9}")
_offset = _form(r"[+-]\d{4}(\d\d)?")
_rule_part = re.compile(
    rf"FREQ=(SECONDLY|MINUTELY|HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY)|UNTIL={_MOMENT}|(COUNT|INTERVAL)=\d+"
    r"|BY(SECOND|MINUTE|HOUR|MONTHDAY|YEARDAY|WEEKNO|SETPOS)=[+\-\d,]+|BYMONTH=[\dL,]+"
    r"|BYDAY=([+-]?\d{0,2}(MO|TU|WE|TH|FR|SA|SU),?)+|WKST=(MO|TU|WE|TH|FR|SA|SU)"
    r"|RSCALE=GREGORIAN|SKIP=(OMIT|BACKWARD|FORWARD)",
    re.ASCII,
)


def _rule(value: str) -> str:
    """The parts of a recurrence rule that say when."""
    return ";".join(part for part in value.upper().split(";") if _rule_part.fullmatch(part))


_BUSY_LINES: Mapping[str, Keep] = {
    "DTSTAMP": _moments,
    "DTSTART": _moments,
    "DTEND": _moments,
    "DURATION": _duration,
    "RRULE": _rule,
    "EXRULE": _rule,
    "RDATE": _spans,
    "EXDATE": _moments,
    "RECURRENCE-ID": _moments,
    "SEQUENCE": _number,
    "STATUS": _form("CONFIRMED|TENTATIVE"),
    "FREEBUSY": _spans,
}
_TITLE_LINES: Mapping[str, Keep] = {
    **_BUSY_LINES,
    "SUMMARY": lambda value: value,
    "STATUS": _form("TENTATIVE|CONFIRMED|CANCELLED|NEEDS-ACTION|COMPLETED|IN-PROCESS|DRAFT|FINAL"),
    "TRANSP": _form("OPAQUE|TRANSPARENT"),
    "DUE": _moments,
    "COMPLETED": _moments,
    "PERCENT-COMPLETE": _form(r"\d{1,3}"),
}
_ZONE_LINES: Mapping[str, Keep] = {
    "DTSTART": _moments,
    "RRULE": _rule,
    "RDATE": _spans,
    "TZOFFSETFROM": _offset,
    "TZOFFSETTO": _offset,
}


def _is_rule(line: Line) -> bool:
    """Whether a line of a zone says when and by how much its clocks change, and nothing else."""
    return (
        line.name in _ZONE_LINES and _ZONE_LINES[line.name](line.value.strip()) == line.value.strip().upper()
    )


def _names_only(card: Component, publication: Publication) -> Component:
    """Of a card who it is: names, organisation, kind."""
    version = card.value("VERSION") or "3.0"
    uid = hmac.digest(publication.salt.encode(), (card.value("UID") or "").encode(), "sha256").hex()[:32]
    kept = [Line(line.name, line.value) for line in card.lines if line.name in ("N", "FN", "ORG", "KIND")]
    return Component(card.name, [Line("VERSION", version), Line("UID", uid), *kept])
