"""PROPFIND (RFC 4918 9.1): one plan for each kind, rows to text, a constant number of statements."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice
from threading import Lock

from davserver import davxml
from davserver.davxml import DAV, Element
from davserver.errors import HttpError
from davserver.protocol import access, tree
from davserver.protocol.members import Members
from davserver.protocol.multistatus import Plan, multistatus, response
from davserver.protocol.properties import MOST_REMEMBERED, Asked, asked_in, plan
from davserver.protocol.properties.prefetch import prefetch
from davserver.protocol.request import INFINITY, Request, Response
from davserver.protocol.tree import COLLECTIONS, HOMES, Kind, Node
from davserver.storage import items, notifications, principals

MOST_LISTED = 100
"""Collections in a home whose listing is remembered; with more of them it is too long anyway."""

BATCH = 500
"""Nodes for which needed rows are read in one statement."""


def propfind(request: Request) -> Response:
    """Properties of a resource, and with Depth: 1 of its members."""
    depth = request.depth(INFINITY)
    xml_depth = request.settings.limits.xml_depth
    read = _asked if len(request.body) < MOST_REMEMBERED else _asked.__wrapped__
    asked = read(request.body, xml_depth)
    node = request.node
    if depth == INFINITY and node.is_collection:
        raise HttpError(403, "Ask with Depth: 1.", DAV + "propfind-finite-depth")
    noroot = depth == 1 and "depth-noroot" in request.preferences
    own = () if noroot else render(request, [node], asked)
    below = _below(request, node, asked) if depth == 1 else ()
    return multistatus(chain(own, below), _applied(request, noroot=noroot))


@lru_cache(maxsize=128)
def _asked(body: bytes, xml_depth: int) -> Asked:
    """What a body asks for. A client sends the same one again and again."""
    root = davxml.parse(body, xml_depth)
    if root is not None and root.tag != DAV + "propfind":
        raise HttpError(400, "PROPFIND takes a propfind element.")
    if root is not None:
        _check(root)
    return asked_in(root)


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
    if node.kind in HOMES:
        return _home(request, node, asked)
    if node.kind not in COLLECTIONS or node.collection is None:
        return render(request, members(request, node), asked)
    held = Members(request, node, asked)
    every = items.written(request.tx, node.collection.id, held.columns, 0, node.collection.revision)
    return chain.from_iterable(map(held.responses, every))


PlanKey = tuple[Kind, int, bool]


def render(request: Request, nodes: Iterable[Node], asked: Asked) -> Iterator[str]:
    """A response for each node. A plan is made once for a kind and an owner."""
    plans: dict[PlanKey, Plan] = {}
    remaining = iter(nodes)
    while batch := list(islice(remaining, BATCH)):
        planned = _planned(request, batch, asked, plans)
        prefetch(request, batch, {node.kind: compiled for node, compiled in zip(batch, planned, strict=True)})
        for node, compiled in zip(batch, planned, strict=True):
            yield response(request.href(node), compiled.render(request, node))


def _planned(request: Request, batch: list[Node], asked: Asked, plans: dict[PlanKey, Plan]) -> list[Plan]:
    """The plan of each node. Neighbours nearly always have the same: they are compared by identity."""
    found: list[Plan] = []
    kind, owner, shared, compiled = None, None, None, Plan()
    for node in batch:
        if node.kind is not kind or node.owner is not owner or node.shared is not shared:
            kind, owner, shared = node.kind, node.owner, node.shared
            key = (kind, owner.id if owner else 0, shared is not None)
            if key not in plans:
                plans[key] = plan(request, node, asked)
            compiled = plans[key]
        found.append(compiled)
    return found


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

    def keep(self, key: Hashable, pieces: Iterable[str]) -> Iterator[str]:
        """The pieces as one text, which is kept if it is not too long; the oldest one goes."""
        text = "".join(pieces)
        if len(text) <= self._longest:
            with self._lock:
                self._texts[key] = text
                while len(self._texts) > self._most:
                    self._texts.popitem(last=False)
        yield text


_REMEMBERED = _Remembered(most=64, longest=64 * 1024)


def _home(request: Request, home: Node, asked: Asked) -> Iterator[str]:
    """The collections in a home, the own ones first.

    Clients ask for their homes again and again; while no row has changed, the text is the same, and not even
    the nodes are made.
    """
    others = list(_shared(request, home))
    key = _key(request, home, asked, others)
    text = _REMEMBERED.get(key) if key else None
    if text is not None:
        return iter((text,))
    responses = render(request, chain(_own(request, home), others), asked)
    return _REMEMBERED.keep(key, responses) if key else responses


def _key(request: Request, home: Node, asked: Asked, others: list[Node]) -> Hashable | None:
    """All that the collections in a home depend on: what is asked, the rows, the rights, the address.

    None where something beyond the rows is read, and for long lists.
    """
    own, _ = tree.held_in(request.tx, home)
    if len(own) + len(others) > MOST_LISTED:
        return None
    alike = [tree.collection_node(home, held) for held in own[:1]]
    planned = {id(one): one for one in _planned(request, [*alike, *others], asked, {})}.values()
    if any(one.dead or one.all_dead or one.needs for one in planned):
        return None
    steps = tuple((*one.steps, one.absent) for one in planned)
    rights = (home.privileges, request.identity.scope, tuple(node.privileges for node in others))
    shared = tuple(node.shared for node in others)
    return steps, request.minimal, request.href(home), rights, tuple(own), shared


def members(request: Request, node: Node) -> Iterator[Node]:
    """The direct members that the user may see, streamed; in a home what others share comes last."""
    if node.kind in COLLECTIONS and node.collection is not None:
        return (tree.item_node(node, held) for held in items.listing(request.tx, node.collection.id))
    if node.kind in HOMES and node.owner is not None:
        return chain(_own(request, node), _shared(request, node))
    if node.kind is Kind.NOTIFICATIONS and node.owner is not None:
        messages = notifications.of(request.tx, node.owner.id)
        return (tree.notification_node(node, held) for held in messages)
    return iter(_containers(request, node))


def _own(request: Request, home: Node) -> Iterator[Node]:
    """The owner's collections; of an app password for single ones those that it opens.

    The home's own rights say nothing of these, nor of a calendar that is filled from elsewhere.
    """
    scope = request.identity.scope
    nodes = (tree.collection_node(home, held) for held in tree.held_in(request.tx, home)[0])
    if scope.collections is None:
        return (request.grant(one) if one.collection and one.collection.read_only else one for one in nodes)
    return (request.grant(node) for node in nodes if node.collection and scope.opens(node.collection.id))


def _shared(request: Request, home: Node) -> Iterator[Node]:
    """What others share with the user, in his home."""
    nodes = [tree.shared_node(home, held) for held in tree.held_in(request.tx, home)[1]]
    granted = access.of_shared(request.tx, request.user, nodes)
    limited = (request.limit(node, rights) for node, rights in zip(nodes, granted, strict=True))
    yield from (node for node in limited if node.privileges)


def _containers(request: Request, node: Node) -> list[Node]:
    """Members of the root and of the containers: the user's own, never a list of all accounts."""
    mine = request.user.name
    below: dict[Kind, list[tuple[str, ...]]] = {
        Kind.ROOT: [("principals",), ("calendars",), ("addressbooks",), ("notifications",)],
        Kind.PRINCIPALS: [tree.principal_segments(name) for name in (mine, *_group_names(request, node))],
        Kind.CALENDARS: [tree.home_segments(Kind.CALENDAR_HOME, mine)],
        Kind.ADDRESSBOOKS: [tree.home_segments(Kind.ADDRESSBOOK_HOME, mine)],
        Kind.NOTIFICATION_HOMES: [tree.home_segments(Kind.NOTIFICATIONS, mine)],
    }
    resolved = [request.resolve(segments) for segments in below.get(node.kind, [])]
    return [found for found in resolved if found is not None and found.exists and found.privileges]


def _group_names(request: Request, node: Node) -> list[str]:
    if node.kind is not Kind.PRINCIPALS:
        return []
    return [group.name for group in principals.groups_of(request.tx, request.user.id)]
