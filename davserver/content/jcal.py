"""iCalendar and vCard as JSON: jCal (RFC 7265) and jCard (RFC 7095), both ways.

Belongs here: lines ↔ JSON arrays. Does not belong here: versions of vCard (a jCard is a 4.0 card:
vcard_versions), judging what comes in (ical, vcard check the converted body), content negotiation.

One engine for both, told apart by a :class:`_Dialect`: default types, lists, structures. Where a value is
not of the type that it claims, its text is handed on as it is, both ways: nothing is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from davserver.content.lines import MAX_DEPTH, Component, Line, escape_text, split_text, unescape_text
from davserver.content.values import (
    basic,
    basic_time,
    decode_param,
    encode_param,
    extended,
    extended_offset,
    extended_time,
)
from davserver.errors import CALDAV, CARDDAV, InvalidContent
from davserver.sentences import Sentence

Json = Any
"""What json.loads returns."""


@dataclass(frozen=True, slots=True)
class _Dialect:
    """What tells jCal from jCard. ``types``: property → its default value type."""

    root: str
    types: Mapping[str, str]
    lists: frozenset[str]
    structures: frozenset[str]
    precondition: str

    def error(self, message: str) -> InvalidContent:
        return InvalidContent(message, self.precondition)


def _types(**names: str) -> dict[str, str]:
    return {name: kind.replace("_", "-") for kind, listed in names.items() for name in listed.split()}


_JCAL = _Dialect(
    "VCALENDAR",
    _types(
        text=(
            "CALSCALE METHOD PRODID VERSION CATEGORIES CLASS COMMENT DESCRIPTION LOCATION RESOURCES STATUS"
            " SUMMARY TRANSP TZID TZNAME CONTACT RELATED-TO UID ACTION REQUEST-STATUS BUSYTYPE NAME COLOR"
        ),
        date_time="DTSTART DTEND DUE RECURRENCE-ID EXDATE RDATE COMPLETED CREATED DTSTAMP LAST-MODIFIED",
        cal_address="ATTENDEE ORGANIZER",
        uri="ATTACH TZURL URL IMAGE CONFERENCE SOURCE",
        duration="DURATION TRIGGER REFRESH-INTERVAL",
        integer="PERCENT-COMPLETE PRIORITY REPEAT SEQUENCE",
        utc_offset="TZOFFSETFROM TZOFFSETTO",
        recur="RRULE EXRULE",
        period="FREEBUSY",
        float="GEO",
    ),
    frozenset({"CATEGORIES", "RESOURCES", "EXDATE", "RDATE", "FREEBUSY"}),
    frozenset({"GEO", "REQUEST-STATUS"}),
    CALDAV + "valid-calendar-data",
)

_JCARD = _Dialect(
    "VCARD",
    _types(
        text=(
            "KIND XML FN N NICKNAME GENDER ADR TEL EMAIL TZ TITLE ROLE ORG CATEGORIES NOTE PRODID VERSION"
            " CLIENTPIDMAP EXPERTISE HOBBY INTEREST BIRTHPLACE DEATHPLACE"
        ),
        uri=(
            "SOURCE PHOTO IMPP GEO LOGO MEMBER RELATED SOUND UID URL KEY FBURL CALADRURI CALURI ORG-DIRECTORY"
            " CONTACT-URI"
        ),
        date_and_or_time="BDAY ANNIVERSARY DEATHDATE",
        timestamp="REV CREATED",
        language_tag="LANG",
    ),
    frozenset({"NICKNAME", "CATEGORIES"}),
    frozenset({"N", "ADR", "ORG", "GENDER", "CLIENTPIDMAP"}),
    CARDDAV + "valid-address-data",
)

_NESTED = frozenset({"N", "ADR"})
"""Structures whose fields are lists. A comma in an ORG is just a comma."""


def to_jcal(root: Component) -> str:
    """The jCal text of a VCALENDAR."""
    return _dumps(_component(root, _JCAL))


def from_jcal(body: bytes) -> Component:
    """The VCALENDAR of a jCal body; InvalidContent with CALDAV:valid-calendar-data where it is none."""
    return _read(body, _JCAL)


def to_jcard(card: Component) -> str:
    """The jCard text of a vCard 4.0."""
    return _dumps(_component(card, _JCARD)[:2])


def from_jcard(body: bytes) -> Component:
    """The vCard 4.0 of a jCard body; InvalidContent with CARDDAV:valid-address-data where it is none."""
    return _read(body, _JCARD)


def _dumps(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# -- lines → JSON --------------------------------------------------------------------------------


def _component(component: Component, dialect: _Dialect) -> list[Json]:
    properties = [_property(line, dialect) for line in component.lines]
    return [component.name.lower(), properties, [_component(child, dialect) for child in component.children]]


def _property(line: Line, dialect: _Dialect) -> list[Json]:
    params: dict[str, Json] = {"group": line.group} if line.group else {}
    for name, values in line.params.items():
        if name != "VALUE":
            texts = [decode_param(value) for value in values]
            params[name.lower()] = texts[0] if len(texts) == 1 else texts
    kind = _type_of(line, dialect)
    return [line.name.lower(), params, kind, *_values(line, kind, dialect)]


def _type_of(line: Line, dialect: _Dialect) -> str:
    """VALUE, else the default type, corrected by the form where clients leave out VALUE."""
    explicit = line.param("VALUE")
    if explicit:
        return explicit.lower()
    kind = dialect.types.get(line.name, "unknown")
    if kind == "date-time" and _DATE.fullmatch(line.value):
        return "date"
    if kind == "date-time" and "/" in line.value:
        return "period"
    if kind == "duration" and _DATE_TIME.fullmatch(line.value):
        return "date-time"
    return kind


def _values(line: Line, kind: str, dialect: _Dialect) -> list[Json]:
    read = _TO_JSON.get(kind, _same)
    if line.name in dialect.lists:
        return [read(part) for part in split_text(line.value)]
    if line.name not in dialect.structures:
        return [read(line.value)]
    fields: list[Json] = []
    for part in split_text(line.value, ";"):
        members = [read(member) for member in split_text(part)] if line.name in _NESTED else [read(part)]
        fields.append(members[0] if len(members) == 1 else members)
    return [fields[0] if len(fields) == 1 and not isinstance(fields[0], list) else fields]


_DATE = re.compile(r"\d{8}", re.ASCII)
_DATE_TIME = re.compile(r"\d{8}T\d{6}Z?", re.ASCII)


def _same(raw: str) -> Json:
    return raw


def _period_to_json(raw: str) -> Json:
    start, slash, end = raw.partition("/")
    return [extended(start), end if "P" in end else extended(end)] if slash else raw


def _integer_to_json(raw: str) -> Json:
    return int(raw) if re.fullmatch(r"0|-?[1-9]\d{0,17}", raw, re.ASCII) else raw


def _float_to_json(raw: str) -> Json:
    if not re.fullmatch(r"[+-]?\d{1,18}(\.\d{1,18})?", raw, re.ASCII):
        return raw
    number = float(raw)
    return number if Decimal(repr(number)) == Decimal(raw) else raw


def _boolean_to_json(raw: str) -> Json:
    return {"TRUE": True, "FALSE": False}.get(raw.upper(), raw)


def _recur_to_json(raw: str) -> Json:
    """A rule as an object; its text where it has a part that is no part or is there twice."""
    parts: dict[str, Json] = {}
    for part in raw.split(";"):
        name, equals, value = part.partition("=")
        key = name.lower()
        if not equals or key in parts:
            return raw
        members = [_recur_member(key, member) for member in value.split(",")]
        parts[key] = members[0] if len(members) == 1 else members
    return parts


def _recur_member(key: str, value: str) -> Json:
    if key == "until":
        return extended(value)
    return value if key in _RECUR_TEXTS else _integer_to_json(value)


_RECUR_TEXTS = frozenset({"freq", "byday", "wkst", "rscale", "skip"})

_TO_JSON: dict[str, Callable[[str], Json]] = {
    "text": unescape_text,
    "date": extended,
    "date-time": extended,
    "date-and-or-time": extended,
    "timestamp": extended,
    "time": extended_time,
    "utc-offset": extended_offset,
    "period": _period_to_json,
    "integer": _integer_to_json,
    "float": _float_to_json,
    "boolean": _boolean_to_json,
    "recur": _recur_to_json,
}
"""Value type → raw text to JSON; all other types are strings as they stand."""


# -- JSON → lines --------------------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BREAKS = re.compile(r"[\r\n]")


def _read(body: bytes, dialect: _Dialect) -> Component:
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise dialect.error("The body is not JSON.") from None
    root = _Reader(dialect).component(value, 1)
    if root.name != dialect.root:
        raise dialect.error(Sentence("The body is not a %(name)s.", name=dialect.root))
    return root


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON.")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Arrays → components and lines. Whatever is not of the form is refused with the dialect's error."""

    dialect: _Dialect

    def component(self, value: Json, depth: int) -> Component:
        """``[name, properties, components]``; a jCard has no components."""
        if depth > MAX_DEPTH or not isinstance(value, list) or len(value) not in (2, 3):
            raise self.dialect.error("Not a component of name, properties and components.")
        name, properties, children = value[0], value[1], value[2] if len(value) == 3 else []
        if not isinstance(properties, list) or not isinstance(children, list):
            raise self.dialect.error("The properties or the components are not an array.")
        return Component(
            self._name(name),
            [self._line(item) for item in properties],
            [self.component(child, depth + 1) for child in children],
        )

    def _line(self, value: Json) -> Line:
        if not isinstance(value, list) or len(value) < 4 or not isinstance(value[1], dict):
            raise self.dialect.error("Not a property of name, parameters, type and value.")
        name, kind, group, params = self._name(value[0]), self._name(value[2]).lower(), "", {}
        for key, given in value[1].items():
            if key.lower() == "group":
                group = self._raw_name(given)
            else:
                params[self._name(key)] = [encode_param(self._text(item)) for item in _listed(given)]
        line = Line(name, self._value(name, kind, value[3:]), params, group)
        if kind not in ("unknown", self.dialect.types.get(name)):
            line.params = {"VALUE": [kind.upper() if self.dialect is _JCAL else kind], **params}
        return line

    def _value(self, name: str, kind: str, values: list[Json]) -> str:
        if name in self.dialect.structures:
            return ";".join(self._field(kind, field) for field in _listed(values[0]))
        return ",".join(self._single(kind, value) for value in values)

    def _field(self, kind: str, value: Json) -> str:
        return ",".join(self._single(kind, member) for member in _listed(value))

    def _single(self, kind: str, value: Json) -> str:
        if kind == "text":
            return escape_text(self._text(value).replace("\r\n", "\n").replace("\r", "\n"))
        if kind == "recur" and isinstance(value, dict):
            return self._raw(self._recur(value))
        if kind == "period" and isinstance(value, list):
            return self._raw("/".join(basic(self._text(part)) for part in value))
        return self._raw(_FROM_JSON.get(kind, _same)(self._text(value)))

    def _recur(self, value: dict[str, Json]) -> str:
        """FREQ goes first, as RFC 5545 3.3.10 wants it for old readers."""
        keys = sorted(value, key=lambda key: key.lower() != "freq")
        parts = []
        for key in keys:
            read = basic if key.lower() == "until" else _same
            members = ",".join(read(self._text(member)) for member in _listed(value[key]))
            parts.append(f"{self._name(key)}={members}")
        return ";".join(parts)

    def _name(self, value: Json) -> str:
        return self._raw_name(value).upper()

    def _raw_name(self, value: Json) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self.dialect.error("Not a name of letters, digits and hyphens.")
        return value

    def _text(self, value: Json) -> str:
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, int | float):
            return _number(value)
        if not isinstance(value, str) or _FORBIDDEN.search(value):
            raise self.dialect.error("A value is neither a text nor a number, or has control characters.")
        return value

    def _raw(self, text: str) -> str:
        """A value that is not escaped: a line break in it would be a new line of the object."""
        if _BREAKS.search(text):
            raise self.dialect.error("A value that is no text has a line break.")
        return text


def _listed(value: Json) -> Iterable[Json]:
    return value if isinstance(value, list) else [value]


def _number(value: float) -> str:
    """Without an exponent, which iCalendar does not know; 1.0 stays 1.0."""
    text = repr(value)
    if "e" not in text:
        return text
    try:
        return format(Decimal(text), "f")
    except InvalidOperation:
        return text


_FROM_JSON: dict[str, Callable[[str], str]] = {
    "date": basic,
    "date-time": basic,
    "date-and-or-time": basic,
    "timestamp": basic,
    "time": basic_time,
    "utc-offset": basic_time,
}
"""Value type → JSON string to raw text, the inverse of the same row of ``_TO_JSON``."""
