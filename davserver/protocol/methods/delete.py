"""DELETE (RFC 4918 9.6): an item, or a collection with all that is in it. Bodies go to history."""

from __future__ import annotations

from davserver.errors import HttpError
from davserver.model import Collection
from davserver.protocol import access, conditions, locking
from davserver.protocol.methods.put import lock_collection
from davserver.protocol.request import INFINITY, Request, Response
from davserver.protocol.tree import COLLECTIONS
from davserver.storage import collections, items, locks


def delete(request: Request) -> Response:
    """204, or 404 and 412 as seen inside the transaction."""
    node = request.node
    assert node.collection is not None
    target = lock_collection(request, node.collection.id)
    if node.kind in COLLECTIONS:
        require_unbind(request)
        if request.depth(INFINITY) != INFINITY:
            raise HttpError(400, "A collection is deleted with Depth: infinity.")
        locking.check_write(request, node, deep=True, membership=True)
        remove_collection(request, target)
    else:
        current = items.get(request.tx, target.id, node.name)
        if current is None:
            raise HttpError(404)
        conditions.check_write(request, current.etag, current.modified)
        locking.check_write(request, node, deep=True, membership=True)
        items.remove(request.tx, target, current, request.user.name)
    locks.forget(request.tx, node.path)
    return Response(204)


def require_unbind(request: Request) -> None:
    """A collection is a member of its owner's home: who was merely given access cannot remove it.

    Nor can an app password for single collections: it does not open the home.
    """
    owner = request.node.owner
    if owner is None or owner.id != request.user.id or request.identity.scope.collections is not None:
        raise access.NeedPrivileges(request.href_of(request.node.segments[:-1]), access.UNBIND)


def remove_collection(request: Request, target: Collection) -> None:
    """Bodies to history, then the collection and all that hangs on it."""
    items.bury(request.tx, target, request.user.name)
    collections.remove(request.tx, target)
