"""Reports of access control (RFC 3744 9): who is who, and who has access.

acl-principal-prop-set, principal-match, principal-property-search, principal-search-property-set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from davserver import davxml
from davserver.davxml import CALDAV, CALENDARSERVER, DAV, Element
from davserver.errors import HttpError
from davserver.model import Principal
from davserver.protocol import access, tree
from davserver.protocol.methods.propfind import members, render
from davserver.protocol.multistatus import multistatus
from davserver.protocol.properties import Asked, asked_in
from davserver.protocol.reports import report
from davserver.protocol.request import XML_TYPE, Request, Response
from davserver.protocol.tree import COLLECTIONS, HOMES, ITEMS, Kind, Node
from davserver.storage import collections, principals, shares

SEARCHABLE = {
    DAV + "displayname": "Name",
    CALDAV + "calendar-user-address-set": "Mail address",
    CALENDARSERVER + "email-address-set": "Mail address",
    DAV + "alternate-URI-set": "Mail address",
    CALDAV + "calendar-user-type": "Person, group, room or resource",
}
"""Properties that principal-property-search can look at (RFC 3744 9.5)."""

MOST_FOUND = 200
_CONTAINERS = frozenset({Kind.ROOT, Kind.PRINCIPALS, Kind.PRINCIPAL})


def _depth_0(request: Request) -> None:
    if request.depth(0) != 0:
        raise HttpError(400, "This report has Depth: 0.")


def _render(request: Request, found: Iterable[Principal], asked: Asked) -> Iterator[str]:
    """A response for each principal; they have different owners, so each is rendered by itself."""
    for principal in found:
        node = Node(Kind.PRINCIPAL, tree.principal_segments(principal.name), principal)
        yield from render(request, [request.grant(node)], asked)


@report(DAV + "principal-search-property-set", on=_CONTAINERS, rfc="RFC 3744 9.5")
def principal_search_property_set(request: Request, root: Element) -> Response:
    """What can be searched."""
    _depth_0(request)
    inner = "".join(
        davxml.element(
            DAV + "principal-search-property",
            davxml.element(DAV + "prop", davxml.element(name))
            + f'<d:description xml:lang="en">{davxml.escape(text)}</d:description>',
        )
        for name, text in SEARCHABLE.items()
    )
    return Response(200, [XML_TYPE], davxml.document(DAV + "principal-search-property-set", inner))


@report(DAV + "principal-property-search", on=_CONTAINERS, rfc="RFC 3744 9.4")
def principal_property_search(request: Request, root: Element) -> Response:
    """Principals whose properties contain the texts, letter case ignored."""
    _depth_0(request)
    searches = [_search(one) for one in davxml.children(root, DAV + "property-search")]
    any_of = (root.get("test") or "allof") == "anyof"
    found = [one for one in _candidates(request, searches) if _matches(request, one, searches, any_of=any_of)]
    if len(found) > MOST_FOUND:
        raise HttpError(507, "Too many are found.", DAV + "number-of-matches-within-limits")
    return multistatus(_render(request, found, _asked(root)))


_PARTS = {DAV + "property-search", DAV + "prop", DAV + "apply-to-principal-collection-set"}


def _asked(root: Element) -> Asked:
    """python-caldav writes the properties it wants beside an empty prop instead of into it."""
    props = davxml.child(root, DAV + "prop")
    beside = tuple(str(one.tag) for one in root if one.tag not in _PARTS)
    return Asked(beside) if beside and props is not None and not len(props) else asked_in(root)


Search = tuple[list[str], str, str]
"""Property names, the text, and how it must match."""


def _search(element: Element) -> Search:
    props, match = davxml.child(element, DAV + "prop"), davxml.child(element, DAV + "match")
    if props is None or match is None or not len(props):
        raise HttpError(400, "A property-search has a prop and a match.")
    kind = (match.get("match-type") or "contains").lower()
    return [str(one.tag) for one in props], davxml.text_of(match).strip().casefold(), kind


def _candidates(request: Request, searches: list[Search]) -> list[Principal]:
    """Everybody who may be known to the user; only himself where nothing is searched or it is closed."""
    if not request.settings.accounts.directory:
        return [request.user]
    texts = [text.removeprefix("mailto:") for _, text, _ in searches if text]
    if not texts:
        return [request.user]
    found = {one.id: one for text in texts for one in principals.search(request.tx, text, MOST_FOUND + 1)}
    kinds = {text for names, text, _ in searches if CALDAV + "calendar-user-type" in names}
    for kind in kinds:
        found.update((one.id, one) for one in principals.of_kind(request.tx, kind, MOST_FOUND + 1))
    return sorted(found.values(), key=lambda one: one.name)


def _matches(request: Request, one: Principal, searches: list[Search], *, any_of: bool) -> bool:
    answers = (
        all(_holds(_texts(request, one, name), text, kind) for name in names)
        for names, text, kind in searches
    )
    return any(answers) if any_of else all(answers)


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "equals": str.__eq__,
    "starts-with": str.startswith,
    "ends-with": str.endswith,
}


def _holds(candidates: list[str], text: str, kind: str) -> bool:
    test = _TESTS.get(kind, str.__contains__)
    return any(test(candidate.casefold(), text) for candidate in candidates)


def _texts(request: Request, one: Principal, name: str) -> list[str]:
    """The values of a searchable property, without URI schemes in the way."""
    if name == DAV + "displayname":
        return [one.display_name or one.name]
    if name == CALDAV + "calendar-user-type":
        return ["INDIVIDUAL" if one.kind.value == "user" else one.kind.value]
    if name in SEARCHABLE:
        own = request.href_of(tree.principal_segments(one.name))
        return [one.email, "mailto:" + one.email, own] if one.email else [own]
    return []


@report(DAV + "principal-match", on=frozenset(Kind) - ITEMS, rfc="RFC 3744 9.3")
def principal_match(request: Request, root: Element) -> Response:
    """Below a collection: the principals that are the user, or the resources that name him."""
    _depth_0(request)
    asked = asked_in(root) if davxml.child(root, DAV + "prop") is not None else Asked()
    if davxml.child(root, DAV + "self") is not None:
        mine = [request.user, *principals.groups_of(request.tx, request.user.id)]
        here = mine if request.node.kind in _CONTAINERS else []
        return multistatus(_render(request, here, asked))
    named = davxml.child(root, DAV + "principal-property")
    if named is None or not len(named):
        raise HttpError(400, "principal-match has a self or a principal-property.")
    owned = str(named[0].tag) == DAV + "owner"
    nodes = [node for node in members(request, request.node) if owned and _is_mine(request, node)]
    return multistatus(render(request, nodes, asked))


def _is_mine(request: Request, node: Node) -> bool:
    return node.owner is not None and node.owner.id == request.user.id


@report(
    DAV + "acl-principal-prop-set",
    on=HOMES | COLLECTIONS | ITEMS,
    rfc="RFC 3744 9.2",
    privilege=access.READ_ACL,
)
def acl_principal_prop_set(request: Request, root: Element) -> Response:
    """The principals that the access list of a resource names, its owner first."""
    _depth_0(request)
    if davxml.child(root, DAV + "prop") is None:
        raise HttpError(400, "acl-principal-prop-set has a prop.")
    node = request.node
    named = [node.owner] if node.owner else []
    if node.collection is not None:
        listed = collections.acls(request.tx, [node.collection.id]).get(node.collection.id, [])
        found = (principals.get(request.tx, name) for name, _ in listed if name)
        named += [one for one in found if one is not None]
        given = shares.sharees(request.tx, [node.collection.id]).get(node.collection.id, [])
        known = {one.id for one in named}
        named += [one.principal for one in given if one.principal.id not in known]
    return multistatus(_render(request, named, asked_in(root)))
