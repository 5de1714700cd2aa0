"""What properties need beyond the rows of their nodes, read for all nodes of an answer in one statement."""

from __future__ import annotations

from collections.abc import Callable

from davserver.protocol import locking
from davserver.protocol.multistatus import Plan
from davserver.protocol.request import Request
from davserver.protocol.tree import COLLECTIONS, ITEMS, Kind, Node
from davserver.storage import collections, dead_properties, shares


def prefetch(request: Request, nodes: list[Node], plans: dict[Kind, Plan]) -> None:
    """Read what the plans need beyond the rows themselves, for all nodes at once."""
    dead = [node for node in nodes if plans[node.kind].dead or plans[node.kind].all_dead]
    if dead:
        wanted = {name for node in dead for name in plans[node.kind].dead}
        everything = any(plans[node.kind].all_dead for node in dead)
        _dead(request, dead, None if everything else wanted)
    for need, read in _READERS.items():
        chosen = [node for node in nodes if need in plans[node.kind].needs]
        if chosen:
            read(request, chosen)


def _dead(request: Request, nodes: list[Node], names: set[str] | None) -> None:
    """Dead properties: one node by its scope, many members by their common parent."""
    first, tx = nodes[0], request.tx
    if len(nodes) == 1 and first.scope_id is not None:
        first.extra["dead"] = dead_properties.of(tx, first.scope, first.scope_id)
        return
    if first.kind in ITEMS and first.collection is not None:
        found = dead_properties.of_items(tx, first.collection.id, names)
    elif first.kind in COLLECTIONS:
        found = dead_properties.of_collections(tx, request.user.id, names)
        _dead_of_views(request, nodes, names)
    else:
        found = dead_properties.of_principals(tx, [node.scope_id or 0 for node in nodes])
    for node in nodes:
        if not node.is_own_view:
            node.extra["dead"] = found.get(node.scope_id or 0, {})


def _dead_of_views(request: Request, nodes: list[Node], names: set[str] | None) -> None:
    views = [node for node in nodes if node.is_own_view]
    found = dead_properties.of_views(request.tx, request.user.id, names) if views else {}
    for node in views:
        node.extra["dead"] = found.get(node.scope_id or 0, {})


def _acl(request: Request, nodes: list[Node]) -> None:
    ids = {node.collection.id for node in nodes if node.collection is not None}
    lists = collections.acls(request.tx, ids) if ids else {}
    for node in nodes:
        node.extra["acl"] = lists.get(node.collection.id, []) if node.collection else []
    _sharees(request, nodes)


def _sharees(request: Request, nodes: list[Node]) -> None:
    """To whom the collections are given; asked only where there is one that is given to anybody."""
    ids = {node.collection.id for node in nodes if node.collection is not None and node.collection.shares}
    found = shares.sharees(request.tx, ids) if ids else {}
    for node in nodes:
        node.extra["sharees"] = found.get(node.collection.id, []) if node.collection else []


_READERS: dict[str, Callable[[Request, list[Node]], None]] = {
    "locks": locking.of_nodes,
    "acl": _acl,
    "sharees": _sharees,
}
