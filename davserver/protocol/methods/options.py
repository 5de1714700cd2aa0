"""OPTIONS: what the server can do. ``DAV:`` must start with 1 (Thunderbird drops the first token)."""

from __future__ import annotations

from davserver.protocol.request import Request, Response

COMPLIANCE = ("1", "2", "3", "access-control", "extended-mkcol", "add-member")
"""Compliance classes of every resource (RFC 4918 18, RFC 3744 7.2, RFC 5689 3.1, RFC 5995 3)."""


def compliance(request: Request) -> str:
    """The DAV header: only what works."""
    classes = list(COMPLIANCE[:3])
    if request.settings.caldav.enabled:
        classes += ["calendar-access", "calendar-no-timezone"]
    if request.settings.carddav.enabled:
        classes.append("addressbook")
    return ", ".join([*classes, *COMPLIANCE[3:]])


def options(request: Request) -> Response:
    """200 with DAV and Allow, on every address of the tree."""
    allow = request.environ["davserver.allowed"](request.node.kind)
    headers = [("DAV", compliance(request)), ("Allow", ", ".join(allow)), ("MS-Author-Via", "DAV")]
    return Response(200, headers)
