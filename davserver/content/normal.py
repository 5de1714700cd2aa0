"""When two bodies say the same: a fingerprint that ignores what servers rewrite, and what a loser tells.

Belongs here: which differences between two texts of one object mean nothing (order, folding, escapes,
zones' rules, who wrote it and when), when a body says it was changed, a copy of it under another UID.
Does not belong here: what follows from a difference (sync/plan).

Servers re-serialise what they are given (Radicale, Xandikos, Google); an entity tag that moved says nothing
about that. RFC 5545, RFC 6350; the list of properties is that of vdirsyncer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from davserver.content.lines import (
    Component,
    Line,
    decode,
    dump,
    escape_text,
    parse_components,
    unescape_text,
    walk,
)
from davserver.errors import InvalidContent

IGNORED = frozenset(
    {
        "PRODID",
        "DTSTAMP",
        "LAST-MODIFIED",
        "CREATED",
        "VERSION",
        "CALSCALE",
        "METHOD",
        "REV",
        "X-WR-CALNAME",
        "X-RADICALE-NAME",
    }
)
"""Properties that servers add, drop or set anew."""

_LISTS = frozenset(
    {"N", "ADR", "ORG", "CATEGORIES", "NICKNAME", "RESOURCES", "GENDER", "X-ADDRESSBOOKSERVER"}
)
"""Properties whose unescaped separators mean something: their escapes are kept."""


def fingerprint(body: bytes, ignored: frozenset[str] = IGNORED) -> str:
    """32 hexadecimal digits, equal for bodies that say the same but for the ignored properties.

    What cannot be parsed is compared by its unfolded lines, so that every body has a fingerprint.
    """
    try:
        roots = parse_components(decode(body))
    except InvalidContent:
        text = body.replace(b"\r\n ", b"").replace(b"\r\n\t", b"")
        return _digest(sorted(line.strip() for line in text.decode("latin-1").splitlines()))
    return fingerprint_of(roots, ignored)


def fingerprint_of(roots: Iterable[Component], ignored: frozenset[str] = IGNORED) -> str:
    """That of a body which is parsed already."""
    return _digest(line for root in roots for line in _component(root, ignored))


def _digest(lines: Iterable[str]) -> str:
    return blake2b("\n".join(lines).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _component(component: Component, ignored: frozenset[str]) -> list[str]:
    """A component as lines that do not depend on any order but that of nesting."""
    own = sorted(_line(line) for line in component.lines if line.name not in ignored)
    children = sorted(
        "\n".join(_component(child, ignored)) for child in component.children if child.name != "VTIMEZONE"
    )
    return [f"BEGIN:{component.name}", *own, *children, f"END:{component.name}"]


def _line(line: Line) -> str:
    value = line.value if line.name in _LISTS else unescape_text(line.value)
    params = sorted(
        f"{name}={','.join(sorted(set(_values(name, values))))}" for name, values in line.params.items()
    )
    # the names of groups (item1.TEL) mean nothing beyond what they tie together; Apple renumbers them
    return ";".join(["." if line.group else "", line.name, *params]) + ":" + value.strip()


def _values(name: str, values: list[str]) -> Iterator[str]:
    return (value.upper() if name in ("TYPE", "VALUE", "ENCODING") else value for value in values)


def changed_at(body: bytes) -> tuple[str, int]:
    """When a body says that it was changed last: LAST-MODIFIED or REV in basic format, then SEQUENCE.

    ("", 0) where it does not say; to be compared with that of another body of the same object.
    """
    try:
        components = list(walk(parse_components(decode(body))))
    except InvalidContent:
        return "", 0
    stamps = [
        line.value.strip().replace("-", "").replace(":", "").upper()
        for component in components
        if component.name != "VTIMEZONE"
        for line in component.lines
        if line.name in ("LAST-MODIFIED", "REV")
    ]
    sequences = [line.value.strip() for component in components for line in component.all("SEQUENCE")]
    return max(stamps, default=""), max((int(one) for one in sequences if one.isdigit()), default=0)


def has_people(body: bytes) -> bool:
    """Whether an object is a meeting: two of it would invite everybody twice (RFC 5546)."""
    try:
        components = walk(parse_components(decode(body)))
    except InvalidContent:
        return False
    return any(component.first("ATTENDEE") or component.first("ORGANIZER") for component in components)


def title_of(body: bytes) -> str:
    """SUMMARY or FN, to tell people which object is meant; "" where it has none."""
    try:
        components = list(walk(parse_components(decode(body))))
    except InvalidContent:
        return ""
    found = (component.value("SUMMARY") or component.value("FN") for component in components)
    return unescape_text(next((value for value in found if value), ""))


def copy_as(body: bytes, uid: str, mark: str) -> bytes:
    """A copy of an object under another UID, ``mark`` appended to what it is called.

    :raises InvalidContent: where the body cannot be parsed.
    """
    roots = parse_components(decode(body))
    for component in walk(roots):
        for line in component.lines:
            if line.name == "UID":
                line.value = escape_text(uid)
            elif line.name in ("SUMMARY", "FN"):
                line.value += escape_text(f" {mark}")
    return "".join(dump(root) for root in roots).encode()
