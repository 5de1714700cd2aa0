"""The sharing protocols as XML: what their requests ask for, and how a message looks.

    CS:share, CS:invite-reply     CalendarServer's caldav-sharing, as macOS sends it
    DAV:share-resource            draft-pot-webdav-resource-sharing, as sabre/dav takes it

The requests are done by jobs.sharing; here is only what they look like.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from davserver import davxml
from davserver.davxml import CALDAV, CALENDARSERVER, DAV, Element, element, href, text_element
from davserver.errors import HttpError
from davserver.jobs import sharing as jobs_sharing
from davserver.jobs.sharing import Grant
from davserver.model import Access, Notification, Principal
from davserver.protocol.properties.acl import principal_href
from davserver.protocol.properties.caldav import component_set
from davserver.protocol.properties.sharing import common_name, typed
from davserver.protocol.request import Request
from davserver.protocol.tree import Kind, home_segments
from davserver.storage import principals, shares

MOST_SHAREES = 500
"""How many one request may name."""

Wish = tuple[str, Access | None, str]
"""The sharee's address as it was sent, what he may do (None: nothing any more), and the owner's title."""


def wishes_of_share(root: Element) -> list[Wish]:
    """CS:share (caldav-sharing 5.3.2): sets and removals in document order."""
    found: list[Wish] = []
    for one in root:
        if one.tag not in (CALENDARSERVER + "set", CALENDARSERVER + "remove"):
            continue
        address = davxml.text_of(davxml.child(one, DAV + "href")).strip()
        access = _cs_access(one) if one.tag == CALENDARSERVER + "set" else None
        summary = davxml.text_of(davxml.child(one, CALENDARSERVER + "summary")).strip()
        found.append((address, access, davxml.clean(summary)))
    return _checked(found)


def _cs_access(one: Element) -> Access:
    writes = davxml.child(one, CALENDARSERVER + "read-write") is not None
    if not writes and davxml.child(one, CALENDARSERVER + "read") is None:
        raise _invalid("A set says read or read-write.")
    return Access.READ_WRITE if writes else Access.READ


def wishes_of_share_resource(root: Element) -> list[Wish]:
    """DAV:share-resource: one sharee for each, ``no-access`` ends a share."""
    found: list[Wish] = []
    for one in davxml.children(root, DAV + "sharee"):
        address = davxml.text_of(davxml.child(one, DAV + "href")).strip()
        holder = davxml.child(one, DAV + "share-access")
        words = [str(part.tag).removeprefix(DAV) for part in holder] if holder is not None else []
        if len(words) != 1 or words[0] not in _DAV_ACCESS:
            raise HttpError(400, "share-access is read, read-write or no-access.")
        summary = davxml.text_of(davxml.child(one, DAV + "comment")).strip()
        found.append((address, _DAV_ACCESS[words[0]], davxml.clean(summary)))
    return _checked(found)


_DAV_ACCESS = {"read": Access.READ, "read-write": Access.READ_WRITE, "no-access": None}


def _checked(found: list[Wish]) -> list[Wish]:
    if not found or not all(address for address, _, _ in found):
        raise _invalid("Each sharee has an href.")
    if len(found) > MOST_SHAREES:
        raise HttpError(507, f"One request names at most {MOST_SHAREES} sharees.")
    return found


def _invalid(message: str) -> HttpError:
    return HttpError(403, message, CALENDARSERVER + "valid-request")


def grants(request: Request, collection_id: int, wishes: list[Wish]) -> list[Grant]:
    """The wishes with the principals they name; 403 recognized-principal names the addresses of the others.

    One who has the collection already is found among those who have it, so that a share can be ended
    where nobody may look for new ones.
    """
    given = shares.sharees(request.tx, [collection_id]).get(collection_id, [])
    there = [one.principal for one in given]
    found: list[Grant] = []
    unknown: list[str] = []
    for address, access, summary in wishes:
        sharee = next((one for one in there if _is_named(request, one, address)), None)
        if sharee is None and access is not None:
            jobs_sharing.check_open(request.settings, request.user)
            sharee = _principal(request, address)
        if sharee is not None:
            found.append(Grant(sharee, access, summary))
        elif access is not None:
            unknown.append(address)
    if unknown:
        message = "There is no such account or group on this server."
        raise HttpError(403, message, DAV + "recognized-principal", unknown)
    return found


def _is_named(request: Request, one: Principal, address: str) -> bool:
    scheme, _, rest = address.partition(":")
    if scheme.lower() == "mailto":
        return bool(one.email) and one.email.lower() == rest.lower()
    return _segments(request, address) == ("principals", one.name)


def _principal(request: Request, address: str) -> Principal | None:
    scheme, _, rest = address.partition(":")
    if scheme.lower() == "mailto":
        return principals.by_email(request.tx, rest)
    segments = _segments(request, address)
    is_principal = segments is not None and len(segments) == 2 and segments[0] == "principals"
    return principals.get(request.tx, segments[1]) if is_principal and segments else None


def _segments(request: Request, address: str) -> tuple[str, ...] | None:
    try:
        return request.segments_of_href(address)
    except HttpError:
        return None


def render(request: Request, message: Notification) -> bytes:
    """A message as a document (caldav-sharing 6.24)."""
    data: dict[str, str] = json.loads(message.data)
    stamp = datetime.fromtimestamp(message.at, UTC).strftime("%Y%m%dT%H%M%SZ")
    opening = typed(message.kind).removesuffix("/>")
    inner = f"{opening}>{_INNER[message.kind](request, data)}</cs:{message.kind}>"
    dtstamp = text_element(CALENDARSERVER + "dtstamp", stamp)
    return davxml.document(CALENDARSERVER + "notification", dtstamp + inner)


def _invite(request: Request, data: dict[str, str]) -> str:
    owner = principals.get(request.tx, data["owner"])
    organizer = principal_href(request, data["owner"]) + (common_name(owner) if owner else "")
    return (
        text_element(CALENDARSERVER + "uid", data["uid"])
        + _mine(request, request.user)
        + element(CALENDARSERVER + data["answer"])
        + element(CALENDARSERVER + "access", element(CALENDARSERVER + data["access"]))
        + _host(request, data)
        + element(CALENDARSERVER + "organizer", organizer)
        + text_element(CALENDARSERVER + "summary", data["summary"])
        + element(CALDAV + "supported-calendar-component-set", component_set(data["components"]))
    )


def _reply(request: Request, data: dict[str, str]) -> str:
    sharee = principals.get(request.tx, data["sharee"])
    who = _mine(request, sharee) if sharee else principal_href(request, data["sharee"])
    return (
        who
        + element(CALENDARSERVER + data["answer"])
        + _host(request, data)
        + text_element(CALENDARSERVER + "in-reply-to", data["uid"])
        + text_element(CALENDARSERVER + "summary", data["summary"])
    )


def _mine(request: Request, who: Principal) -> str:
    return href("mailto:" + who.email) if who.email else principal_href(request, who.name)


def _host(request: Request, data: dict[str, str]) -> str:
    segments = (*home_segments(Kind.CALENDAR_HOME, data["owner"]), data["name"])
    return element(CALENDARSERVER + "hosturl", href(request.href_of(segments)))


_INNER = {jobs_sharing.INVITE: _invite, jobs_sharing.REPLY: _reply}
