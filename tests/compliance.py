"""The page docs/compliance.md, made from the server's own tables.

    python -m tests.compliance > docs/compliance.md

Methods, properties and reports are told by their tables. Preconditions lie where they are raised, so they
have a table here; test_compliance holds it against the source.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace

from davserver.davxml import PREFIXES, split
from davserver.protocol import server  # noqa: F401 - fills the tables
from davserver.protocol.methods import METHODS
from davserver.protocol.methods.options import COMPLIANCE
from davserver.protocol.properties import TABLE as PROPERTIES
from davserver.protocol.properties import Property
from davserver.protocol.reports import TABLE as REPORTS
from davserver.protocol.tree import ALL, COLLECTIONS, HOMES, ITEMS, Kind

PRECONDITIONS = {
    "d": {
        "need-privileges": "RFC 3744 7.1.1",
        "recognized-principal": "RFC 3744 8.1.1",
        "allowed-principal": "RFC 3744 8.1.1",
        "not-supported-privilege": "RFC 3744 8.1.1",
        "grant-only": "RFC 3744 8.1.1",
        "no-invert": "RFC 3744 8.1.1",
        "supported-report": "RFC 3253 3.6",
        "quota-not-exceeded": "RFC 4331 6",
        "resource-must-be-null": "RFC 4791 5.3.1.1",
        "number-of-matches-within-limits": "RFC 3744 9.4, RFC 4791 7.8, RFC 6578 3.6",
        "cannot-modify-protected-property": "RFC 4918 16",
        "no-external-entities": "RFC 4918 16",
        "propfind-finite-depth": "RFC 4918 16",
        "lock-token-submitted": "RFC 4918 16",
        "lock-token-matches-request-uri": "RFC 4918 16",
        "no-conflicting-lock": "RFC 4918 16",
        "valid-resourcetype": "RFC 5689 3.3",
        "valid-sync-token": "RFC 6578 3.2",
    },
    "c": {
        "calendar-collection-location-ok": "RFC 4791 5.3.1.1",
        "supported-calendar-data": "RFC 4791 5.3.2.1",
        "valid-calendar-data": "RFC 4791 5.3.2.1",
        "valid-calendar-object-resource": "RFC 4791 5.3.2.1",
        "supported-calendar-component": "RFC 4791 5.3.2.1",
        "no-uid-conflict": "RFC 4791 5.3.2.1",
        "max-resource-size": "RFC 4791 5.3.2.1",
        "min-date-time": "RFC 4791 5.3.2.1",
        "max-date-time": "RFC 4791 5.3.2.1",
        "max-instances": "RFC 4791 5.3.2.1",
        "max-attendees-per-instance": "RFC 4791 5.3.2.1",
        "valid-filter": "RFC 4791 7.8",
        "supported-collation": "RFC 4791 7.5.1",
        "supported-rscale": "RFC 7529",
        "valid-timezone": "RFC 7809",
    },
    "cs": {
        "valid-request": "CalendarServer",
    },
    "cr": {
        "addressbook-collection-location-ok": "RFC 6352 6.3.1.1",
        "supported-address-data": "RFC 6352 6.3.2.1",
        "valid-address-data": "RFC 6352 6.3.2.1",
        "no-uid-conflict": "RFC 6352 6.3.2.1",
        "max-resource-size": "RFC 6352 6.3.2.1",
        "max-image-size": "CalendarServer",
        "valid-filter": "RFC 6352 8.6",
        "supported-collation": "RFC 6352 8.3",
    },
}
"""Prefix → element that an error holds → where it is defined."""

SPACES = {
    "d": "DAV:",
    "c": "urn:ietf:params:xml:ns:caldav",
    "cr": "urn:ietf:params:xml:ns:carddav",
    "cs": "http://calendarserver.org/ns/",
    "ic": "http://apple.com/ns/ical/",
}
_GROUPS = (
    (ALL, "everything"),
    (HOMES | COLLECTIONS | ITEMS | {Kind.PRINCIPAL}, "principals, homes, collections, items"),
    (HOMES | COLLECTIONS | ITEMS, "homes, collections, items"),
    (HOMES | COLLECTIONS, "homes, collections"),
    (COLLECTIONS | ITEMS, "collections, items"),
    (COLLECTIONS | ITEMS | {Kind.NOTIFICATION}, "collections, items, notifications"),
    (ALL - ITEMS, "everything but items"),
    (COLLECTIONS, "collections"),
    (ITEMS, "items"),
    (HOMES, "homes"),
)
INTRODUCTION = """\
# What is supported

Made by `python -m tests.compliance` from the tables that the server itself works by; nothing is kept by hand.
Collections are calendars and address books, items are calendar objects and cards, homes hold a user's
collections. What is in no table is a dead property: stored and returned as it was sent.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, *_classes(), *_methods(), *_properties(), *_reports(), *_preconditions()]
    return "\n".join(parts)


def _table(*rows: Iterable[str]) -> str:
    """A Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * lines[0].count(" | ") + "---|")
    return "\n".join(lines) + "\n"


def _kinds(kinds: frozenset[Kind]) -> str:
    """Where something is: in as few words as there are."""
    for group, words in _GROUPS:
        if kinds == group:
            return words
    return ", ".join(kind.value for kind in Kind if kind in kinds)


def _name(clark: str) -> str:
    space, local = split(clark)
    return f"`{PREFIXES[space]}:{local}`"


def _classes() -> Iterator[str]:
    yield "## The DAV header\n"
    kinds = ("calendar-access", "calendarserver-sharing", "addressbook")
    yield f"`{', '.join([*COMPLIANCE[:3], *kinds, *COMPLIANCE[3:]])}`\n"


def _methods() -> Iterator[str]:
    rows = (
        (name, _kinds(row.kinds), _name(row.privilege) if row.privilege else "by its own rule")
        for name, row in METHODS.items()
    )
    yield "## Methods\n"
    yield _table(("method", "on", "privilege"), *rows)


def _properties() -> Iterator[str]:
    yield "## Properties\n"
    yield "Those in **bold** can be changed by PROPPATCH; * marks those of `allprop`.\n"
    found: dict[str, dict[tuple[str, str], Property]] = {prefix: {} for prefix in PREFIXES.values()}
    for rows in PROPERTIES.values():
        for row in rows.values():
            space, local = split(row.name)
            before = found[PREFIXES[space]].get((local, row.rfc))
            kinds = row.kinds | (before.kinds if before else frozenset())
            setter = row.set or (before.set if before else None)
            found[PREFIXES[space]][local, row.rfc] = replace(row, kinds=kinds, set=setter)
    for prefix, named in found.items():
        yield f"### {prefix}: {SPACES[prefix]}\n"
        rows_ = (
            (_property(local, row), _kinds(row.kinds), rfc) for (local, rfc), row in sorted(named.items())
        )
        yield _table(("property", "on", "defined in"), *rows_)


def _property(local: str, row: Property) -> str:
    return f"{f'**{local}**' if row.set else local}{' *' if row.allprop else ''}"


def _reports() -> Iterator[str]:
    rows = (
        (_name(row.name), _kinds(row.kinds), _name(row.privilege), row.rfc)
        for row in sorted(REPORTS.values(), key=lambda row: row.name)
    )
    yield "## Reports\n"
    yield _table(("report", "on", "privilege", "defined in"), *rows)


def _preconditions() -> Iterator[str]:
    yield "## Preconditions\n"
    yield "What an error's `d:error` can hold.\n"
    rows = (
        (f"`{prefix}:{name}`", rfc) for prefix, named in PRECONDITIONS.items() for name, rfc in named.items()
    )
    yield _table(("element", "defined in"), *rows)


if __name__ == "__main__":
    sys.stdout.write(page().rstrip("\n") + "\n")
