"""OPTIONS: what the server can do. ``DAV:`` must start with 1 (Thunderbird drops the first token)."""

from __future__ import annotations

from davserver.model import CollectionKind
from davserver.protocol.request import Headers, Request, Response

COMPLIANCE = ("1", "2", "3", "access-control", "extended-mkcol", "resource-sharing")
"""Compliance classes of every resource (RFC 4918 18, RFC 3744 7.2, RFC 5689 3.1, draft-pot)."""


def compliance(request: Request) -> str:
    """The DAV header: only what works."""
    classes = list(COMPLIANCE[:3])
    if request.serves(CollectionKind.CALENDAR):
        classes += ["calendar-access", "calendarserver-sharing"]
    if request.serves(CollectionKind.ADDRESSBOOK):
        classes.append("addressbook")
    return ", ".join([*classes, *COMPLIANCE[3:]])


def allow(request: Request) -> Headers:
    """The Allow header of the resource, which a 405 has, too (RFC 9110 15.5.6)."""
    return [("Allow", ", ".join(request.environ["davserver.allowed"](request.node.kind)))]


def options(request: Request) -> Response:
    """200 with DAV and Allow, on every address of the tree."""
    return Response(200, [("DAV", compliance(request)), *allow(request), ("MS-Author-Via", "DAV")])
