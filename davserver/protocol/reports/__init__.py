"""The table of reports. One file for each report; it registers itself here.

    @report(CALDAV + "calendar-query", on={Kind.CALENDAR}, rfc="RFC 4791 7.8")
    def calendar_query(request, root): ...

supported-report-set and the compliance page derive from the table. The modules are imported by
protocol.server, so this module can be imported by the properties without a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from davserver.davxml import Element
from davserver.protocol import access
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import Kind

Run = Callable[[Request, Element], Response]


@dataclass(frozen=True, slots=True)
class Report:
    """One row: the root element's name, where it may be sent, what it needs, what it does."""

    name: str
    kinds: frozenset[Kind]
    rfc: str
    privilege: str
    run: Run


TABLE: dict[str, Report] = {}


def report(name: str, *, on: Iterable[Kind], rfc: str, privilege: str = access.READ) -> Callable[[Run], Run]:
    """Put a function into the table."""

    def register(run: Run) -> Run:
        TABLE[name] = Report(name, frozenset(on), rfc, privilege, run)
        return run

    return register


def names_for(kind: Kind) -> list[str]:
    """The reports that a kind of resource answers."""
    return [row.name for row in TABLE.values() if kind in row.kinds]
