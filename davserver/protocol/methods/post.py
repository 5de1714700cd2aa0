"""POST: a new member (RFC 5995), or a request of the sharing protocols, told apart by what is sent.

    any calendar object or card     to a collection     add-member
    CS:share, DAV:share-resource    to a collection     share it (caldav-sharing 5.3.2, draft-pot)
    CS:invite-reply                 to a home           accept or decline (caldav-sharing 5.4.1)

The privilege depends on which it is, so each has its own.
"""

from __future__ import annotations

from collections.abc import Callable

from davserver import davxml
from davserver.davxml import CALENDARSERVER, DAV, Element, document, href
from davserver.errors import HttpError
from davserver.jobs import sharing as jobs_sharing
from davserver.model import ShareState
from davserver.protocol import access, sharing
from davserver.protocol.methods import put
from davserver.protocol.request import XML_TYPE, Request, Response
from davserver.protocol.sharing import Wish
from davserver.protocol.tree import COLLECTIONS, HOLDS, HOMES
from davserver.storage import audit, collections

XML_TYPES = ("application/xml", "text/xml", "application/davsharing+xml")


def post(request: Request) -> Response:
    """Whatever the row for it answers; 403 for XML that is none of these."""
    if request.content_type not in XML_TYPES:
        if request.node.kind not in COLLECTIONS:
            raise HttpError(415, "A home takes an answer to an invitation.")
        request.require(request.node, access.BIND)
        return put.post(request)
    root = request.xml
    row = None if root is None else _REQUESTS.get(str(root.tag))
    if row is None or request.node.kind not in row[0]:
        request.require(request.node, access.READ)
        raise HttpError(403, "This is no request that can be posted here.", CALENDARSERVER + "valid-request")
    request.require(request.node, row[1])
    return row[2](request, root)


def _share(request: Request, root: Element) -> Response:
    return _apply(request, sharing.wishes_of_share(root))


def _share_resource(request: Request, root: Element) -> Response:
    return _apply(request, sharing.wishes_of_share_resource(root))


def _apply(request: Request, wishes: list[Wish]) -> Response:
    """All of it or nothing."""
    node = request.node
    assert node.collection is not None
    assert node.owner is not None
    target = put.lock_collection(request, node.collection.id)
    grants = sharing.grants(request, target.id, wishes)
    jobs_sharing.apply(request.tx, request.settings, (node.owner, target), grants)
    for grant in grants:
        action = "share.set" if grant.access else "share.remove"
        allowed = f": {grant.access.value}" if grant.access else ""
        note(request, action, f"{node.path[1:]} → {grant.sharee.name}{allowed}")
    return Response(200, [("Cache-Control", "no-cache")])


def _invite_reply(request: Request, root: Element) -> Response:
    """200; where it was accepted, with the address at which the collection now lies in the home."""
    host = davxml.child(root, CALENDARSERVER + "hosturl")
    address = davxml.text_of(davxml.child(host, DAV + "href")).strip() if host is not None else ""
    accepted = davxml.child(root, CALENDARSERVER + "invite-accepted") is not None
    declined = davxml.child(root, CALENDARSERVER + "invite-declined") is not None
    if not address or accepted == declined:
        message = "An invite-reply has a hosturl, and says accepted or declined."
        raise HttpError(403, message, CALENDARSERVER + "valid-request")
    segments = request.segments_of_href(address) or ()
    home = request.node
    inside = len(segments) == 3 and segments[0] == home.segments[0]
    found = collections.get(request.tx, segments[1], HOLDS[home.kind], segments[2]) if inside else None
    if found is None:
        raise HttpError(404, "That is not shared with this account.")
    state = ShareState.ACCEPTED if accepted else ShareState.DECLINED
    answered = jobs_sharing.answer(request.tx, request.user, found.id, state)
    note(request, f"share.{state.value}", "/".join(segments))
    if declined:
        return Response(200, [("Cache-Control", "no-cache")])
    shared_as = href(request.href_of((*home.segments, answered.view.name)))
    return Response(200, [XML_TYPE], document(CALENDARSERVER + "shared-as", shared_as))


def note(request: Request, action: str, target: str) -> None:
    """A line in the audit log, as the pages leave it, too."""
    address = str(request.environ.get("REMOTE_ADDR") or "")
    audit.record(request.tx, request.user.name, action, target, address=address)


_REQUESTS: dict[str, tuple[frozenset[object], str, Callable[[Request, Element], Response]]] = {
    CALENDARSERVER + "share": (frozenset(COLLECTIONS), access.SHARE, _share),
    DAV + "share-resource": (frozenset(COLLECTIONS), access.SHARE, _share_resource),
    CALENDARSERVER + "invite-reply": (frozenset(HOMES), access.WRITE, _invite_reply),
}
"""Root element → where it may be sent, what it needs, what it does."""
