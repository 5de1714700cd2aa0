"""vCard 3.0 (RFC 2426) ↔ 4.0 (RFC 6350), for answers only: stored cards stay as they are.

Belongs here: what one version calls what the other has. Does not belong here: which version a client gets
(protocol), checks (vcard).

What the other version has no word for waits under an ``X-`` name or as a parameter, which every reader has
to ignore, and gets its own name again on the way back: nothing is lost either way. A value that could break
a 3.0 reader (a birthday without a day, a second FN) waits so, too.

The practice behind it: Apple reads 3.0 only, has X-ADDRESSBOOKSERVER-KIND for groups, X-ABShowAs for
companies, X-APPLE-OMIT-YEAR for birthdays without a year. Thunderbird writes PHOTO;VALUE=URL:data:… in 4.0.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote, unquote_to_bytes

from davserver.content.lines import Component, Line, escape_text, unescape_text
from davserver.content.values import basic, basic_time, extended, extended_offset, structure_texts, whole_text
from davserver.content.vcard import kind_of, version_of

_NEW_IN_4 = frozenset(
    {"ANNIVERSARY", "BIRTHPLACE", "CLIENTPIDMAP", "CONTACT-URI", "DEATHDATE", "DEATHPLACE", "EXPERTISE"}
    | {"GENDER", "HOBBY", "INTEREST", "LANG", "ORG-DIRECTORY", "RELATED", "XML"}
)
_GONE_IN_4 = frozenset({"AGENT", "CLASS", "LABEL", "MAILER", "NAME", "PROFILE", "SORT-STRING"})
_ONCE_IN_3 = frozenset({"FN", "N", "BDAY"})
_MAY_WAIT = _NEW_IN_4 | _ONCE_IN_3 | {"GEO", "KIND", "TZ"}
"""Names that a 4.0 property can have lost to an ``X-`` name in 3.0."""

_GROUPS_TO_4 = {"X-ADDRESSBOOKSERVER-KIND": "KIND", "X-ADDRESSBOOKSERVER-MEMBER": "MEMBER"}
_COMPANY = "X-ABSHOWAS"


def to_version(card: Component, version: str) -> Component:
    """The card in version ``3.0`` or ``4.0``; the card itself where it is in that version already."""
    if version_of(card) == version:
        return card
    return _to_3(card) if version == "3.0" else _to_4(card)


def _without_version(card: Component) -> list[Line]:
    return [line for line in card.lines if line.name != "VERSION"]


# -- 4.0 → 3.0 -----------------------------------------------------------------------------------


def _to_3(card: Component) -> Component:
    lines = [_line_to_3(line) for line in _without_version(card)]
    if kind_of(card) == "org" and not card.first(_COMPANY):
        lines = [Line(_COMPANY, "COMPANY") if line.name == "X-KIND" else line for line in lines]
    lines = _first_of_each(lines)
    _mark_preferred(lines)
    lines = _with_names(card, lines)
    return Component(card.name, [Line("VERSION", "3.0"), *lines], card.children)


def _with_names(card: Component, lines: list[Line]) -> list[Line]:
    """FN and N, made up from what there is where they are missing: 3.0 wants both, 4.0 wants FN."""
    names = {line.name for line in lines}
    missing = [Line("FN", escape_text(_formatted_name(card)))] if "FN" not in names else []
    if "N" not in names and version_of(card) == "4.0":
        missing.append(Line("N", _structured_name(card)))
    return missing + lines


def _copied(line: Line) -> Line:
    """A copy whose parameters may be changed; ``TYPE="work,voice"`` becomes two values."""
    params = {name: list(values) for name, values in line.params.items()}
    if "TYPE" in params:
        params["TYPE"] = [kind for value in params["TYPE"] for kind in value.split(",")]
    return replace(line, params=params)


def _line_to_3(line: Line) -> Line:
    line = _copied(line)
    if line.params.get("PREF") == ["1"]:
        del line.params["PREF"]
        line.params["TYPE"] = [*line.params.get("TYPE", ()), "pref"]
    line = _VALUES_TO_3.get(line.name, _unchanged)(line)
    if line.name in _NEW_IN_4:
        line.name = f"X-{line.name}"
    elif line.name[:2] == "X-" and line.name[2:] in _GONE_IN_4:
        line.name = line.name[2:]
    elif line.name == "MEMBER":
        line.name = "X-ADDRESSBOOKSERVER-MEMBER"
    return line


def _unchanged(line: Line) -> Line:
    return line


def _kind_to_3(line: Line) -> Line:
    """Apple knows groups; what it would make of another kind under that name nobody knows."""
    group = line.value.strip().lower() == "group"
    return replace(line, name="X-ADDRESSBOOKSERVER-KIND" if group else "X-KIND")


def _first_of_each(lines: list[Line]) -> list[Line]:
    """What 3.0 has once only waits under an X- name after its first (ALTID, RFC 6350 5.4)."""
    seen: set[str] = set()
    kept = []
    for line in lines:
        later = line.name in _ONCE_IN_3 and line.name in seen
        seen.add(line.name)
        kept.append(replace(line, name=f"X-{line.name}") if later else line)
    return kept


def _mark_preferred(lines: list[Line]) -> None:
    """TYPE=pref for the most preferred of each name, where none has PREF=1 (RFC 6350 5.3)."""
    best: dict[str, Line] = {}
    marked = {line.name for line in lines if _is_preferred(line)}
    for line in lines:
        if line.name not in marked and _preference(line) < _preference(best.get(line.name)):
            best[line.name] = line
    for line in best.values():
        line.params["TYPE"] = [*line.params.get("TYPE", ()), "pref"]


def _is_preferred(line: Line) -> bool:
    return any(kind.lower() == "pref" for kind in line.params.get("TYPE", ()))


def _preference(line: Line | None) -> int:
    text = line.param("PREF") if line else None
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 3 else 1000


def _structured_name(card: Component) -> str:
    """3.0 wants an N: the last word of FN as family name, or all of it where it is no person's."""
    words = whole_text(card.first("FN") or Line("FN", "")).split()
    if len(words) < 2 or kind_of(card) != "individual":
        return escape_text(" ".join(words)) + ";;;;"
    return f"{escape_text(words[-1])};{escape_text(' '.join(words[:-1]))};;;"


def _date_to_3(line: Line) -> Line:
    """``19960415`` → ``1996-04-15``; ``--0415`` → Apple's spelling; what 3.0 cannot say waits as X-BDAY."""
    if (line.param("VALUE") or "").lower() in _DATE_TYPES:
        line = _without(line, "VALUE")
    yearless = re.fullmatch(r"--(\d\d)-?(\d\d)", line.value, re.ASCII)
    if yearless and "VALUE" not in line.params:
        params = {**line.params, "X-APPLE-OMIT-YEAR": [_NO_YEAR]}
        return replace(line, value=f"{_NO_YEAR}-{yearless[1]}-{yearless[2]}", params=params)
    value = extended(line.value)
    if "VALUE" not in line.params and (not value or _DATE_OF_3.fullmatch(value)):
        return replace(line, value=value)
    return replace(line, name=f"X-{line.name}")


_DATE_TYPES = frozenset({"date", "date-time", "date-and-or-time"})
_NO_YEAR = "1604"
"""Apple's stand-in; a leap year, so that February 29th is one."""
_DATE_OF_3 = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


def _anniversary_to_3(line: Line) -> Line:
    return replace(_date_to_3(line), name="X-ANNIVERSARY")


def _revision_to_3(line: Line) -> Line:
    return replace(line, value=extended(line.value))


def _phone_to_3(line: Line) -> Line:
    """``TEL;VALUE=uri:tel:+1-555`` → the number; other addresses (sip:) stay."""
    if (line.param("VALUE") or "").lower() != "uri" or line.value[:4].lower() != "tel:":
        return line
    return replace(_without(line, "VALUE"), value=escape_text(unquote(line.value[4:])))


def _place_to_3(line: Line) -> Line:
    match = re.fullmatch(r"geo:(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)", line.value, re.ASCII | re.IGNORECASE)
    return replace(line, value=f"{match[1]};{match[2]}") if match else replace(line, name="X-GEO")


def _zone_to_3(line: Line) -> Line:
    """3.0's TZ is an offset, unless it says that it is a text."""
    kind = (line.param("VALUE") or "text").lower()
    if kind == "utc-offset":
        return replace(_without(line, "VALUE"), value=extended_offset(line.value))
    return _with(line, VALUE="text") if kind == "text" else replace(line, name="X-TZ")


def _with(line: Line, **params: str) -> Line:
    return replace(line, params={**line.params, **{name: [value] for name, value in params.items()}})


def _without(line: Line, *names: str) -> Line:
    return replace(line, params={name: value for name, value in line.params.items() if name not in names})


# -- 3.0 → 4.0 -----------------------------------------------------------------------------------


def _to_4(card: Component) -> Component:
    lines = [_line_to_4(line) for line in _without_version(card)]
    if not any(line.name == "KIND" for line in lines):
        lines = [Line("KIND", "org") if _is_company(line) else line for line in lines]
    return Component(card.name, [Line("VERSION", "4.0"), *_with_names(card, lines)], card.children)


def _is_company(line: Line) -> bool:
    return line.name == _COMPANY and line.value.strip().upper() == "COMPANY"


def _line_to_4(line: Line) -> Line:
    line = _copied(line)
    line.name = _GROUPS_TO_4.get(line.name, line.name)
    if line.name[:2] == "X-" and line.name[2:] in _MAY_WAIT and _fits_in_4(line):
        line.name = line.name[2:]
    elif line.name in _GONE_IN_4:
        line.name = f"X-{line.name}"
    return _preferred_to_4(_VALUES_TO_4.get(line.name, _unchanged)(line))


def _fits_in_4(line: Line) -> bool:
    """People wrote X-GENDER:Male and X-ANNIVERSARY:in May before 4.0 had these names."""
    pattern = _FORMS_OF_4.get(line.name[2:])
    return pattern is None or "VALUE" in line.params or pattern.fullmatch(basic(line.value)) is not None


_FORMS_OF_4 = {
    "GENDER": re.compile(r"[MFONU]?(;.*)?", re.DOTALL),
    "ANNIVERSARY": re.compile(r"(\d{4}|\d{8}|\d{4}-\d\d|--\d{4}|--\d\d|---\d\d)?(T.*)?", re.ASCII),
}


def _preferred_to_4(line: Line) -> Line:
    if not _is_preferred(line):
        return line
    rest = [kind for kind in line.params["TYPE"] if kind.lower() != "pref"]
    line = _without(line, "TYPE")
    if rest:
        line.params["TYPE"] = rest
    line.params.setdefault("PREF", ["1"])
    return line


def _formatted_name(card: Component) -> str:
    """4.0 wants an FN: from N, else from whatever names the card."""
    name = card.first("N")
    if name is not None:
        fields = [" ".join(filter(None, texts)) for texts in structure_texts(name.value)] + [""] * 5
        family, given, additional, prefix, suffix = fields[:5]
        found = " ".join(filter(None, (prefix, given, additional, family, suffix)))
        if found:
            return found
    for other in ("ORG", "NICKNAME", "EMAIL", "TEL"):
        line = card.first(other)
        if line is not None and line.value.strip(";, "):
            return unescape_text(line.value.strip(";"))
    return ""


def _date_to_4(line: Line) -> Line:
    if (line.param("VALUE") or "").lower() in _DATE_TYPES:
        line = _without(line, "VALUE")
    omitted = line.param("X-APPLE-OMIT-YEAR") or " "
    yearless = re.fullmatch(r"-?(\d\d)-?(\d\d)", line.value.removeprefix(omitted), re.ASCII)
    if yearless and line.value.startswith(omitted):
        return replace(_without(line, "X-APPLE-OMIT-YEAR"), value=f"--{yearless[1]}{yearless[2]}")
    return replace(line, value=basic(line.value))


def _revision_to_4(line: Line) -> Line:
    return replace(_without(line, "VALUE"), value=basic(line.value))


def _place_to_4(line: Line) -> Line:
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)\\?[;,](-?\d+(?:\.\d+)?)", line.value, re.ASCII)
    return replace(line, value=f"geo:{match[1]},{match[2]}") if match else line


def _zone_to_4(line: Line) -> Line:
    kind = (line.param("VALUE") or "").lower()
    if kind == "text":
        return _without(line, "VALUE")
    if not kind and re.fullmatch(r"[+-]\d\d:?\d\d", line.value, re.ASCII):
        return _with(replace(line, value=basic_time(line.value)), VALUE="utc-offset")
    return line


# -- pictures, sounds and keys -------------------------------------------------------------------

_MAIN_TYPES = {"PHOTO": "image", "LOGO": "image", "SOUND": "audio", "KEY": "application"}
_KEY_TYPES = {"application/pgp-keys": "PGP", "application/pkix-cert": "X509"}
_MEDIA_TYPES = {"PGP": "application/pgp-keys", "X509": "application/pkix-cert", "JPG": "image/jpeg"}
_NO_FORMATS = frozenset({"HOME", "WORK", "PREF", "BASE64"})
_MAGIC = {"/9j/": "image/jpeg", "iVBOR": "image/png", "R0lGOD": "image/gif", "UklGR": "image/webp"}
"""How the base64 of a picture begins whose card does not say what it is."""


def _data_to_3(line: Line) -> Line:
    """A data: URI, Thunderbird's with VALUE=URL too, as 3.0's inline form; other addresses get VALUE=uri."""
    if line.value[:5].lower() != "data:":
        kind = (line.param("VALUE") or "uri").lower()
        return _without(line, "VALUE") if kind == "text" else _with(line, VALUE="uri")
    media, data = _read_data(line.value)
    line = replace(_with(_without(line, "VALUE", "MEDIATYPE"), ENCODING="b"), value=data)
    short = _short_type(line.name, media)
    if short:
        line.params["TYPE"] = [short, *line.params.get("TYPE", ())]
    elif media:
        line.params["MEDIATYPE"] = [media]
    return line


def _read_data(value: str) -> tuple[str, str]:
    """Media type and base64 of a data: URI (RFC 2397); old clients escape its ``;`` and ``,``."""
    head, _, data = value[5:].partition(",")
    tokens = [token.strip().lower() for token in head.replace("\\", "").split(";")]
    if tokens[-1] == "base64":
        return ";".join(tokens[:-1]), "".join(data.split())
    return ";".join(tokens), b64encode(unquote_to_bytes(data)).decode()


def _short_type(name: str, media: str) -> str:
    """3.0's word for a media type, or "" where it has none."""
    if name == "KEY":
        return _KEY_TYPES.get(media, "")
    main, _, sub = media.partition("/")
    plain = main == _MAIN_TYPES[name] and re.fullmatch(r"[a-z0-9.+-]+", sub, re.ASCII)
    return sub.upper() if plain and sub.upper() not in _NO_FORMATS else ""


def _data_to_4(line: Line) -> Line:
    """3.0's inline form in all its spellings (``ENCODING=b``, ``;BASE64``) as a data: URI."""
    kinds = line.params.get("TYPE", [])
    encoded = (line.param("ENCODING") or "").upper() in ("B", "BASE64")
    if not encoded and "BASE64" not in (kind.upper() for kind in kinds):
        return _address_to_4(line)
    known = line.param("MEDIATYPE")
    formats = [] if known else [kind for kind in kinds if kind.upper() not in _NO_FORMATS]
    rest = [kind for kind in kinds if kind not in formats[:1] and kind.upper() != "BASE64"]
    data = "".join(line.value.split())
    media = known or _media_type(line.name, formats[0] if formats else "", data)
    line = _without(line, "ENCODING", "TYPE", "MEDIATYPE", "VALUE")
    if rest:
        line.params["TYPE"] = rest
    return replace(line, value=f"data:{media.replace(',', '%2C')};base64,{data}")


def _address_to_4(line: Line) -> Line:
    kind = (line.param("VALUE") or "").lower()
    if kind in ("uri", "url"):
        return _without(line, "VALUE")
    if not kind and line.value and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", line.value):
        return _with(line, VALUE="text")
    return line


def _media_type(name: str, short: str, data: str) -> str:
    """The media type of 3.0's TYPE, which some clients fill with a whole one, or of the data's beginning."""
    if "/" in short:
        return short.lower()
    if short:
        return _MEDIA_TYPES.get(short.upper()) or f"{_MAIN_TYPES[name]}/{short.lower()}"
    known = (media for magic, media in _MAGIC.items() if data.startswith(magic))
    return next(known, "application/octet-stream")


_Convert = Callable[[Line], Line]

_VALUES_TO_3: dict[str, _Convert] = {
    **dict.fromkeys(_MAIN_TYPES, _data_to_3),
    "ANNIVERSARY": _anniversary_to_3,
    "BDAY": _date_to_3,
    "GEO": _place_to_3,
    "KIND": _kind_to_3,
    "REV": _revision_to_3,
    "TEL": _phone_to_3,
    "TZ": _zone_to_3,
}
_VALUES_TO_4: dict[str, _Convert] = {
    **dict.fromkeys(_MAIN_TYPES, _data_to_4),
    "ANNIVERSARY": _date_to_4,
    "BDAY": _date_to_4,
    "GEO": _place_to_4,
    "REV": _revision_to_4,
    "TZ": _zone_to_4,
}
"""Names in 4.0 → what to do with the value, on the way to 3.0 and back."""
