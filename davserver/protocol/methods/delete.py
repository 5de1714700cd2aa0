"""DELETE (RFC 4918 9.6): an item, or a collection with all that is in it.

An item's body goes to history, a collection to the trash. What somebody else shares is declined: it leaves
the user's home and nothing happens to it (caldav-sharing 5.4.2).
"""

from __future__ import annotations

from davserver.errors import HttpError
from davserver.jobs import sharing, trash
from davserver.model import Collection, ShareState
from davserver.protocol import access, conditions, locking
from davserver.protocol.methods.put import lock_collection
from davserver.protocol.request import INFINITY, Request, Response
from davserver.protocol.tree import COLLECTIONS, Kind
from davserver.storage import items, locks, notifications


def delete(request: Request) -> Response:
    """204, or 404 and 412 as seen inside the transaction."""
    node = request.node
    if node.kind is Kind.NOTIFICATION:
        notifications.remove(request.tx, request.user.id, node.name)
        return Response(204)
    assert node.collection is not None
    if node.kind in COLLECTIONS and request.depth(INFINITY) != INFINITY:
        raise HttpError(400, "A collection is deleted with Depth: infinity.")
    if node.kind in COLLECTIONS:
        _require_home(request)
    if node.is_own_view:
        return _decline(request)
    target = lock_collection(request, node.collection.id)
    if node.kind in COLLECTIONS:
        require_unbind(request)
        locking.check_write(request, node, deep=True, membership=True)
        remove_collection(request, target)
        return Response(204)
    current = items.get(request.tx, target.id, node.name)
    if current is None:
        raise HttpError(404)
    conditions.check_write(request, current.etag, current.modified)
    locking.check_write(request, node, deep=True, membership=True)
    items.remove(request.tx, target, current, request.user.name)
    locks.forget(request.tx, node.path)
    return Response(204)


def _decline(request: Request) -> Response:
    node = request.node
    assert node.collection is not None
    sharing.answer(request.tx, request.user, node.collection.id, ShareState.DECLINED)
    return Response(204)


def require_unbind(request: Request) -> None:
    """A collection is a member of its owner's home: who was merely given access cannot remove it."""
    _require_home(request)
    owner = request.node.owner
    if owner is None or owner.id != request.user.id:
        raise access.NeedPrivileges(request.href_of(request.node.segments[:-1]), access.UNBIND)


def _require_home(request: Request) -> None:
    """An app password for single collections does not open the home that they would be taken out of."""
    if request.identity.scope.collections is not None:
        raise access.NeedPrivileges(request.href_of(request.node.segments[:-1]), access.UNBIND)


def remove_collection(request: Request, target: Collection) -> None:
    """The user's own collection goes to the trash."""
    trash.discard(request.tx, request.settings, (request.user, target), request.user.name)
