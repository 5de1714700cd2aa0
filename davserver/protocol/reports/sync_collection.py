"""sync-collection (RFC 6578): what changed since a token, in work proportional to the changes.

A token names a revision and its random stamp; both must be known here. A token of another life of the
database, or from its future, is refused with DAV:valid-sync-token: 403, which CalDav Synchronizer, DAVx5 and
Apple understand; but 400 for Thunderbird on address books, which starts over on nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from davserver import davxml
from davserver.davxml import DAV, Element
from davserver.errors import HttpError
from davserver.model import Collection, Item
from davserver.protocol import tree
from davserver.protocol.methods.propfind import prefetch
from davserver.protocol.multistatus import multistatus, response, status_response
from davserver.protocol.properties import Asked, asked_in, plan
from davserver.protocol.properties.webdav import token_of
from davserver.protocol.reports import report
from davserver.protocol.reports.data import DATA_NAMES, data_in
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import COLLECTIONS, Kind, Node
from davserver.storage import collections, items

_TOKEN = re.compile(r"data:,([0-9]{1,18})-([0-9]{1,18})-([0-9a-f]{1,32})")
MOST = 1_000_000
"""Rows of one answer where the client sets no limit."""


@report(DAV + "sync-collection", on=COLLECTIONS, rfc="RFC 6578 3.2")
def sync_collection(request: Request, root: Element) -> Response:
    """Changed items with the asked properties, gone ones as 404, and the new token."""
    collection = request.node.collection
    assert collection is not None
    if request.depth(0) > 1:
        raise HttpError(400, "sync-collection has Depth: 0.")
    level = davxml.text_of(davxml.child(root, DAV + "sync-level")).strip()
    if level not in ("", "1", "infinite"):
        raise HttpError(400, "sync-level is 1 or infinite.")
    since = _since(request, collection, davxml.text_of(davxml.child(root, DAV + "sync-token")).strip())
    limit = _limit(root)
    changed, gone = _changes(request, collection, since, limit)
    revisions = sorted([item.revision for item in changed] + [revision for _, revision in gone])
    token, truncated = token_of(collection), len(revisions) > limit
    if truncated:
        last = revisions[limit - 1]
        changed = [item for item in changed if item.revision <= last]
        gone = [(name, revision) for name, revision in gone if revision <= last]
        token = f"data:,{collection.id}-{last}-{collections.stamp_of(request.tx, collection.id, last)}"
    responses = _responses(request, root, changed, gone, truncated=truncated)
    return multistatus(responses, tail=davxml.text_element(DAV + "sync-token", token))


def _since(request: Request, collection: Collection, token: str) -> int:
    """The revision that a token names, 0 for the initial sync."""
    if not token:
        return 0
    if token == token_of(collection):
        return collection.revision
    named = _revision(request, collection, token)
    if named is not None:
        return named
    agent = request.header("User-Agent") or ""
    restarts_on_400 = request.node.kind is Kind.ADDRESSBOOK and "Thunderbird" in agent
    message = "This sync-token was not given out here. Start over with an empty one."
    raise HttpError(400 if restarts_on_400 else 403, message, DAV + "valid-sync-token")


def _revision(request: Request, collection: Collection, token: str) -> int | None:
    """The revision of a token that this collection gave out, None for any other."""
    match = _TOKEN.fullmatch(token)
    if match is None or int(match[1]) != collection.id:
        return None
    known = collections.stamp_of(request.tx, collection.id, int(match[2])) == match[3]
    return int(match[2]) if known else None


def _limit(root: Element) -> int:
    limit = davxml.child(root, DAV + "limit")
    if limit is None:
        return MOST
    text = davxml.text_of(davxml.child(limit, DAV + "nresults")).strip()
    if not (text.isascii() and text.isdigit()) or not int(text[:9]) > 0:
        raise HttpError(400, "nresults is a positive number.")
    return min(int(text[:9]), MOST)


def _changes(
    request: Request, collection: Collection, since: int, limit: int
) -> tuple[list[Item], list[tuple[str, int]]]:
    """Changed items and gone names, each oldest first, one more than the limit if there are more."""
    if since >= collection.revision:
        return [], []
    changed = items.changed_since(request.tx, collection.id, since, limit + 1)
    gone = items.gone_since(request.tx, collection.id, since, limit + 1) if since else []
    return changed, gone


def _responses(
    request: Request, root: Element, changed: list[Item], gone: list[tuple[str, int]], *, truncated: bool
) -> Iterator[str]:
    asked = asked_in(root) if davxml.child(root, DAV + "prop") is not None else Asked()
    data = data_in(request, root)
    nodes = [tree.item_node(request.node, item) for item in changed]
    if nodes:
        compiled = plan(request, nodes[0], asked, DATA_NAMES if data else ())
        prefetch(request, nodes, {nodes[0].kind: compiled})
        for batch in _batches(nodes):
            bodies = items.read_bodies(request.tx, [_id(node) for node in batch]) if data else {}
            for node in batch:
                rendered = data.render(bodies[_id(node)]) if data else ""
                yield response(request.href(node), compiled.render(request, node, rendered))
    for name, _ in gone:
        yield status_response(request.href(tree.child(request.node, name)), 404)
    if truncated:
        tail = davxml.element(DAV + "error", davxml.element(DAV + "number-of-matches-within-limits"))
        yield status_response(request.href(request.node), 507, tail)


def _batches(nodes: list[Node]) -> Iterator[list[Node]]:
    size = items.NAMES_PER_STATEMENT
    return (nodes[start : start + size] for start in range(0, len(nodes), size))


def _id(node: Node) -> int:
    assert node.item is not None
    return node.item.id
