"""ACL (RFC 3744 8.1): replace a collection's list of who else may use it. Entries grant, never deny."""

from __future__ import annotations

from davserver import davxml
from davserver.davxml import DAV, Element
from davserver.errors import HttpError
from davserver.model import Ace
from davserver.protocol import access, locking
from davserver.protocol.request import Request, Response
from davserver.storage import collections, principals

GRANTABLE = access.ALL - {DAV + "all", access.WRITE_ACL, access.UNLOCK, access.SHARE}
"""What can be given away. Who may give access, and the owner's locks, stay with the owner."""


def acl(request: Request) -> Response:
    """200, or 403 with the precondition of RFC 3744 8.1.1 that the list breaks."""
    root, node = request.xml, request.node
    if root is None or root.tag != DAV + "acl":
        raise HttpError(400, "ACL takes an acl element.")
    assert node.collection is not None
    locking.check_write(request, node)
    entries = [_entry(request, ace) for ace in davxml.children(root, DAV + "ace") if not _is_protected(ace)]
    merged: dict[int | None, frozenset[str]] = {}
    for entry in entries:
        merged[entry.principal_id] = merged.get(entry.principal_id, frozenset()) | entry.privileges
    collections.set_acl(request.tx, node.collection.id, [Ace(who, what) for who, what in merged.items()])
    return Response(200)


def _is_protected(ace: Element) -> bool:
    """The owner's own entry, as clients send it back with the rest, changes nothing."""
    if davxml.child(ace, DAV + "protected") is not None or davxml.child(ace, DAV + "inherited") is not None:
        return True
    who = davxml.child(ace, DAV + "principal")
    named = davxml.child(who, DAV + "property") if who is not None else None
    return named is not None and davxml.child(named, DAV + "owner") is not None


def _entry(request: Request, ace: Element) -> Ace:
    if davxml.child(ace, DAV + "invert") is not None:
        raise HttpError(403, "No entry is inverted here.", DAV + "no-invert")
    if davxml.child(ace, DAV + "deny") is not None:
        raise HttpError(403, "Entries only grant.", DAV + "grant-only")
    who, granted = davxml.child(ace, DAV + "principal"), davxml.child(ace, DAV + "grant")
    if who is None or granted is None:
        raise HttpError(400, "An ace has a principal and a grant.")
    privileges = {str(one.tag) for holder in davxml.children(granted, DAV + "privilege") for one in holder}
    if not privileges:
        raise HttpError(400, "A grant names at least one privilege.")
    if not privileges <= access.ALL:
        raise HttpError(403, "There is no such privilege.", DAV + "not-supported-privilege")
    if DAV + "all" in privileges:
        privileges = privileges - {DAV + "all"} | {access.READ, access.WRITE}
    return Ace(_principal(request, who), frozenset(privileges & GRANTABLE))


def _principal(request: Request, who: Element) -> int | None:
    """The id of the named principal, None for everybody signed in."""
    if davxml.child(who, DAV + "authenticated") is not None:
        return None
    href = davxml.child(who, DAV + "href")
    if href is None:
        raise HttpError(403, "Access is given to a principal or to all.", DAV + "allowed-principal")
    segments = request.segments_of_href(davxml.text_of(href)) or ()
    is_principal = len(segments) == 2 and segments[0] == "principals"
    found = principals.get(request.tx, segments[1]) if is_principal else None
    if found is None:
        raise HttpError(403, "There is no such principal.", DAV + "recognized-principal")
    return found.id
