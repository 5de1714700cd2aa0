"""COPY and MOVE (RFC 4918 9.8, 9.9): items between collections of one kind, collections within a home.

Body, index row and dead properties go along unparsed. A MOVE is one transaction: no client ever sees the item
in both places or in none.
"""

from __future__ import annotations

from davserver.davxml import CALDAV, CARDDAV
from davserver.errors import HttpError
from davserver.model import Collection, Item, NewCollection, NewItem
from davserver.protocol import access, conditions, locking
from davserver.protocol.methods.delete import remove_collection, require_unbind
from davserver.protocol.methods.put import check_name, lock_collection, store
from davserver.protocol.request import INFINITY, Request, Response
from davserver.protocol.tree import ITEMS, Kind, Node
from davserver.storage import collections, dead_properties, items, locks


def copy(request: Request) -> Response:
    """201 or 204."""
    return _transfer(request, move=False)


def move(request: Request) -> Response:
    """201 or 204."""
    return _transfer(request, move=True)


def _transfer(request: Request, *, move: bool) -> Response:
    source, target, overwrite = request.node, destination(request), request.overwrite
    if target.path == source.path:
        raise HttpError(403, "Source and destination are the same resource.")
    if target.kind is not source.kind:
        raise HttpError(403, *_WRONG_PLACE.get(target.kind, ("That cannot lie there.", None)))
    check_name(target.name)
    request.require(target, access.WRITE_CONTENT if target.exists else access.BIND)
    if target.exists and not overwrite:
        raise HttpError(412, "There is something at the destination, and Overwrite is F.")
    if move:
        locking.check_write(request, source, deep=True, membership=True)
    locking.check_write(request, target, deep=True, membership=not target.exists)
    existed = target.exists
    if source.kind in ITEMS:
        answer = _item(request, source, target, move=move)
    else:
        answer = _collection(request, source, target, move=move)
    if move:
        locks.forget(request.tx, source.path)
    answer.status = 204 if existed else 201
    return answer


_WRONG_PLACE = {
    Kind.EVENT: ("A calendar takes calendar objects only.", CALDAV + "supported-calendar-data"),
    Kind.CARD: ("An address book takes cards only.", CARDDAV + "supported-address-data"),
    Kind.CALENDAR: ("A calendar is not an item.", CALDAV + "calendar-collection-location-ok"),
    Kind.ADDRESSBOOK: ("An address book is not an item.", CARDDAV + "addressbook-collection-location-ok"),
}


def destination(request: Request) -> Node:
    """The node that the Destination header names (RFC 4918 10.3)."""
    value = request.header("Destination")
    if not value:
        raise HttpError(400, "The Destination header is missing.")
    segments = request.segments_of_href(value)
    if segments is None:
        raise HttpError(502, "The destination is not on this server.")
    node = request.resolve(segments)
    if node is None or len(segments) < 3:
        raise HttpError(403, "Nothing can be put there.")
    if not node.privileges:
        raise access.NeedPrivileges(request.href(node), access.BIND)
    if node.kind in ITEMS and node.collection is None:
        raise HttpError(409, "The destination's collection does not exist.")
    return node


def _item(request: Request, source: Node, target: Node, *, move: bool) -> Response:
    assert source.collection is not None
    assert target.collection is not None
    first, second = _lock_both(request, source.collection, target.collection)
    held = items.get(request.tx, first.id, source.name)
    if held is None:
        raise HttpError(404)
    conditions.check_write(request, held.etag, held.modified)
    current = items.get(request.tx, second.id, target.name)
    new = NewItem(target.name, items.read_body(request.tx, held.id), items.read_index(request.tx, held.id))
    if move and first.id == second.id:
        stored = _rename(request, first, held, target, new)
    else:
        stored = store(request, second, target, new, current)
        dead_properties.copy(request.tx, "item", held.id, stored.id)
        if move:
            items.remove(request.tx, first, held, request.user.name, moved=True)
    return Response(201, [("ETag", stored.etag), ("Location", request.href(target))])


def _rename(request: Request, where: Collection, held: Item, target: Node, new: NewItem) -> Item:
    """MOVE within one collection: the item and its UID never exist twice."""
    current = items.get(request.tx, where.id, target.name)
    kept = dead_properties.of(request.tx, "item", held.id)
    items.remove(request.tx, where, held, request.user.name, moved=True)
    stored = store(request, lock_collection(request, where.id), target, new, current)
    dead_properties.forget(request.tx, "item", stored.id)
    for name, value in kept.items():
        dead_properties.put(request.tx, "item", stored.id, name, value)
    return stored


def _lock_both(request: Request, source: Collection, target: Collection) -> tuple[Collection, Collection]:
    """Both collections locked, always in the order of their ids, so that two MOVEs cannot deadlock."""
    locked = {key: lock_collection(request, key) for key in sorted({source.id, target.id})}
    return locked[source.id], locked[target.id]


def _collection(request: Request, source: Node, target: Node, *, move: bool) -> Response:
    assert source.collection is not None
    if target.owner is None or target.owner.id != request.user.id:
        raise access.NeedPrivileges(request.href_of(target.segments[:-1]), access.BIND)
    if move:
        require_unbind(request)
    depth = request.depth(INFINITY)
    if depth == 1 or (move and depth != INFINITY):
        raise HttpError(400, "A collection is copied with Depth 0 or infinity and moved with infinity.")
    if target.collection is not None:
        remove_collection(request, lock_collection(request, target.collection.id))
    if move:
        collections.rename(request.tx, source.collection, target.name)
    else:
        _copy_collection(request, source.collection, target, whole=depth == INFINITY)
    return Response(201, [("Location", request.href(target))])


def _copy_collection(request: Request, source: Collection, target: Node, *, whole: bool) -> None:
    assert target.owner is not None
    described = {name: getattr(source, name) for name in NewCollection.__dataclass_fields__}
    described.update(owner_id=target.owner.id, name=target.name)
    made = collections.create(request.tx, NewCollection(**described))
    dead_properties.copy(request.tx, "collection", source.id, made.id)
    if not whole:
        return
    for held, body in items.listing_with_bodies(request.tx, source.id):
        index = items.read_index(request.tx, held.id)
        made = lock_collection(request, made.id)
        stored = items.put(request.tx, made, NewItem(held.name, body, index), None, request.user.name)
        dead_properties.copy(request.tx, "item", held.id, stored.id)
