"""PROPFIND (RFC 4918 9.1): one plan for each kind, rows to text, a constant number of statements."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from itertools import chain, islice
from threading import Lock

from davserver.davxml import DAV, Element
from davserver.errors import HttpError
from davserver.protocol import tree
from davserver.protocol.members import Members
from davserver.protocol.multistatus import Plan, multistatus, response
from davserver.protocol.properties import Asked, asked_in, plan
from davserver.protocol.properties.prefetch import prefetch
from davserver.protocol.request import INFINITY, Request, Response
from davserver.protocol.tree import COLLECTIONS, HOLDS, HOMES, Kind, Node
from davserver.storage import collections, items, principals

BATCH = 500
"""Nodes for which needed rows are read in one statement."""


def propfind(request: Request) -> Response:
    """Properties of a resource, and with Depth: 1 of its members."""
    depth = request.depth(INFINITY)
    root = request.xml
    if root is not None and root.tag != DAV + "propfind":
        raise HttpError(400, "PROPFIND takes a propfind element.")
    if root is not None:
        _check(root)
    node = request.node
    if depth == INFINITY and node.is_collection:
        raise HttpError(403, "Ask with Depth: 1.", DAV + "propfind-finite-depth")
    asked = asked_in(root)
    noroot = depth == 1 and "depth-noroot" in request.preferences
    own = () if noroot else render(request, [node], asked)
    below = _below(request, node, asked) if depth == 1 else ()
    return multistatus(chain(own, below), _applied(request, noroot=noroot))


_KNOWN = {DAV + "prop", DAV + "allprop", DAV + "propname", DAV + "include"}


def _check(root: Element) -> None:
    """propfind holds prop, allprop with include, or propname (RFC 4918 14.20); others are ignored."""
    known = {str(one.tag) for one in root if one.tag in _KNOWN}
    if len(known - {DAV + "include"}) != 1 or (DAV + "include" in known and DAV + "allprop" not in known):
        raise HttpError(400, "propfind holds one of prop, allprop and propname.")


def _applied(request: Request, *, noroot: bool) -> list[tuple[str, str]]:
    applied = ["return=minimal"] if request.minimal else []
    applied += ["depth-noroot"] if noroot else []
    named = [("Preference-Applied", ", ".join(applied))] if applied and request.header("Prefer") else []
    return [*named, ("Vary", "Prefer, Brief")]


def _below(request: Request, node: Node, asked: Asked) -> Iterator[str]:
    """The responses for the direct members."""
    if node.kind not in COLLECTIONS or node.collection is None:
        return render(request, members(request, node), asked)
    held = Members(request, node, asked)
    every = items.written(request.tx, node.collection.id, held.columns, 0, node.collection.revision)
    return chain.from_iterable(map(held.responses, every))


def render(request: Request, nodes: Iterable[Node], asked: Asked) -> Iterator[str]:
    """A response for each node. Nodes of one call have one owner, so a plan is made once for a kind."""
    plans: dict[Kind, Plan] = {}
    remaining = iter(nodes)
    while batch := list(islice(remaining, BATCH)):
        for node in batch:
            if node.kind not in plans:
                plans[node.kind] = plan(request, node, asked)
        key = _key(request, batch, plans)
        text = _REMEMBERED.get(key) if key else None
        if text is not None:
            yield text
            continue
        prefetch(request, batch, plans)
        rendered = [response(request.href(node), plans[node.kind].render(request, node)) for node in batch]
        if key:
            _REMEMBERED.put(key, "".join(rendered))
        yield from rendered


def _key(request: Request, batch: list[Node], plans: dict[Kind, Plan]) -> Hashable | None:
    """All that a listing of collections depends on: what is asked, the rows, the rights, the address.

    Clients ask for their homes again and again; while no row has changed, the text is the same. None for
    anything else, and where something beyond the rows is read.
    """
    first = batch[0]
    if first.kind not in COLLECTIONS or any(node.kind is not first.kind for node in batch):
        return None
    asked = plans[first.kind]
    if asked.dead or asked.all_dead or asked.needs:
        return None
    rows = tuple((node.collection, node.privileges) for node in batch)
    return (*asked.steps, asked.absent, asked.minimal, request.href_of(first.segments[:-1]), rows)


class _Remembered:
    """The newest texts by their keys; bounded by their number and size."""

    def __init__(self, most: int, longest: int) -> None:
        self._texts: OrderedDict[Hashable, str] = OrderedDict()
        self._lock = Lock()
        self._most = most
        self._longest = longest

    def get(self, key: Hashable) -> str | None:
        """The text under the key."""
        with self._lock:
            return self._texts.get(key)

    def put(self, key: Hashable, text: str) -> None:
        """Keep a text, and let the oldest go."""
        if len(text) > self._longest:
            return
        with self._lock:
            self._texts[key] = text
            while len(self._texts) > self._most:
                self._texts.popitem(last=False)


_REMEMBERED = _Remembered(most=64, longest=64 * 1024)


def members(request: Request, node: Node) -> Iterator[Node]:
    """The direct members that the user may see, streamed."""
    if node.kind in COLLECTIONS and node.collection is not None:
        return (tree.item_node(node, held) for held in items.listing(request.tx, node.collection.id))
    if node.kind in HOMES and node.owner is not None:
        held_here = collections.of_owner(request.tx, node.owner.id, HOLDS[node.kind])
        return _opened(request, (tree.collection_node(node, held) for held in held_here))
    return iter(_containers(request, node))


def _opened(request: Request, nodes: Iterator[Node]) -> Iterator[Node]:
    """Those that an app password for single collections opens; the home's own rights say nothing of them."""
    scope = request.identity.scope
    if scope.collections is None:
        return nodes
    return (request.grant(node) for node in nodes if node.collection and scope.opens(node.collection.id))


def _containers(request: Request, node: Node) -> list[Node]:
    """Members of the root and of the containers: the user's own, never a list of all accounts."""
    mine = request.user.name
    below: dict[Kind, list[tuple[str, ...]]] = {
        Kind.ROOT: [("principals",), ("calendars",), ("addressbooks",)],
        Kind.PRINCIPALS: [tree.principal_segments(name) for name in (mine, *_group_names(request, node))],
        Kind.CALENDARS: [tree.home_segments(Kind.CALENDAR_HOME, mine)],
        Kind.ADDRESSBOOKS: [tree.home_segments(Kind.ADDRESSBOOK_HOME, mine)],
    }
    resolved = [request.resolve(segments) for segments in below.get(node.kind, [])]
    return [found for found in resolved if found is not None and found.exists and found.privileges]


def _group_names(request: Request, node: Node) -> list[str]:
    if node.kind is not Kind.PRINCIPALS:
        return []
    return [group.name for group in principals.groups_of(request.tx, request.user.id)]
