"""LOCK and UNLOCK (RFC 4918 9.10, 9.11).

A lock on an address without a resource would have to create an empty one (RFC 4918 7.3); an empty
calendar object cannot exist, so such a LOCK is answered 409 with a readable reason.
"""

from __future__ import annotations

from wsgidav.dav_error import DAVError

from davserver.davxml import DAV, document, element
from davserver.errors import HttpError
from davserver.protocol import access, locking
from davserver.protocol.locking import LockDict
from davserver.protocol.request import INFINITY, XML_TYPE, Request, Response
from davserver.storage import locks


def lock(request: Request) -> Response:
    """A new lock, or with an empty body and an If header the refresh of one."""
    node = request.node
    if not node.exists:
        raise HttpError(409, "There is nothing to lock: an empty calendar object or card cannot exist.")
    if request.xml is None:
        return _refresh(request)
    scope, owner = locking.lock_info(request.xml)
    depth = request.depth(INFINITY)
    if depth == 1:
        raise HttpError(400, "A lock has Depth: 0 or infinity.")
    header = locking.if_header(request)
    try:
        made: LockDict = locking.manager(request).acquire(
            url=node.path,
            lock_type="write",
            lock_scope=scope,
            lock_depth="infinity" if depth == INFINITY else "0",
            lock_owner=owner,
            timeout=locking.timeout_of(request),
            principal=request.user.name,
            token_list=header.tokens if header else [],
        )
    except DAVError as error:
        raise locking.locked(request, error) from None
    answer = _discovery(request, made)
    answer.headers.append(("Lock-Token", f"<{made['token']}>"))
    return answer


def _refresh(request: Request) -> Response:
    header = locking.if_header(request)
    tokens = header.tokens if header else []
    if len(tokens) != 1:
        raise HttpError(400, "A lock is refreshed by naming its token in the If header.")
    manager = locking.manager(request)
    held = manager.get_lock(tokens[0])
    if (
        held is None
        or held["principal"] != request.user.name
        or not manager.is_url_locked_by_token(request.node.path, tokens[0])
    ):
        raise HttpError(412, "No such lock covers this resource.", DAV + "lock-token-matches-request-uri")
    return _discovery(request, manager.refresh(tokens[0], timeout=locking.timeout_of(request)))


def _discovery(request: Request, held: LockDict) -> Response:
    inner = element(DAV + "lockdiscovery", locking.activelock(request, held))
    return Response(200, [XML_TYPE], document(DAV + "prop", inner))


def unlock(request: Request) -> Response:
    """204; the holder may, and whoever has DAV:unlock (the owner of the tree)."""
    token = (request.header("Lock-Token") or "").strip()
    if not (token.startswith("<") and token.endswith(">")):
        raise HttpError(400, "UNLOCK needs a Lock-Token header.")
    manager = locking.manager(request)
    held = manager.get_lock(token[1:-1])
    if held is None or not manager.is_url_locked_by_token(request.node.path, token[1:-1]):
        raise HttpError(409, "No such lock covers this resource.", DAV + "lock-token-matches-request-uri")
    if held["principal"] != request.user.name:
        request.require(request.node, access.UNLOCK)
    locks.LockStorage(request.tx, request.user.id).delete(token[1:-1])
    return Response(204)
