"""expand-property (RFC 3253 3.8): properties of the resources that properties name, nested."""

from __future__ import annotations

from lxml import etree

from davserver import davxml
from davserver.davxml import DAV, Element
from davserver.errors import HttpError
from davserver.protocol import access
from davserver.protocol.methods.propfind import members
from davserver.protocol.multistatus import multistatus, propstat, response, status_response
from davserver.protocol.properties import Asked, plan
from davserver.protocol.properties.prefetch import prefetch
from davserver.protocol.reports import report
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import ALL, Node

DEEPEST = 4
MOST_HREFS = 1000


@report(DAV + "expand-property", on=ALL, rfc="RFC 3253 3.8")
def expand_property(request: Request, root: Element) -> Response:
    """A response for the resource (and with Depth: 1 its members)."""
    nodes = [request.node]
    if request.depth(0) == 1:
        nodes += members(request, request.node)
    budget = [MOST_HREFS]
    return multistatus(_response(request, node, root, 0, budget) for node in nodes)


def _name(element: Element) -> str:
    """The Clark name in a property element. It stands in attributes, so no parser has looked at it yet."""
    local, space = element.get("name", ""), element.get("namespace", "DAV:")
    try:
        etree.fromstring(f'<x xmlns="{davxml.escape_attribute(space)}"/>'.encode())
        return str(etree.QName(space, local).text)
    except (ValueError, etree.XMLSyntaxError):
        raise HttpError(400, "A property of expand-property has a name and a namespace.") from None


def _response(request: Request, node: Node, wanted: Element, level: int, budget: list[int]) -> str:
    """One response; properties with children of their own have their hrefs replaced by responses."""
    elements = {_name(one): one for one in davxml.children(wanted, DAV + "property")}
    plain = tuple(name for name, one in elements.items() if not davxml.children(one, DAV + "property"))
    compiled = plan(request, node, Asked(tuple(elements)))
    prefetch(request, [node], {node.kind: compiled})
    if len(plain) == len(elements):
        return response(request.href(node), compiled.render(request, node))
    text = f"<d:x {davxml.DECLARATIONS}>{compiled.render(request, node)}</d:x>"
    parsed = etree.fromstring(text.encode())
    parts = []
    for stat in parsed:
        status = int(davxml.text_of(davxml.child(stat, DAV + "status")).split()[1])
        props = davxml.child(stat, DAV + "prop")
        rendered = [
            _property(request, one, elements[str(one.tag)], level, budget)
            for one in (props if props is not None else ())
        ]
        parts.append(propstat(status, "".join(rendered)))
    return response(request.href(node), "".join(parts))


def _property(request: Request, value: Element, wanted: Element, level: int, budget: list[int]) -> str:
    hrefs = davxml.children(value, DAV + "href")
    if not davxml.children(wanted, DAV + "property") or not hrefs:
        inner = "".join(davxml.serialize(one) for one in value) or davxml.escape(value.text or "")
        return davxml.element(str(value.tag), inner)
    budget[0] -= len(hrefs)
    if level >= DEEPEST or budget[0] < 0:
        raise HttpError(507, "The expansion is too large.", DAV + "number-of-matches-within-limits")
    inner = "".join(_referenced(request, davxml.text_of(one), wanted, level, budget) for one in hrefs)
    return davxml.element(str(value.tag), inner)


def _referenced(request: Request, href: str, wanted: Element, level: int, budget: list[int]) -> str:
    segments = request.segments_of_href(href)
    node = None if segments is None else request.resolve(segments)
    if node is not None and access.READ not in node.privileges:
        return status_response(href, 403)  # before 404: who may not read learns nothing of what exists
    if node is None or not node.exists:
        return status_response(href, 404)
    return _response(request, node, wanted, level + 1, budget)
