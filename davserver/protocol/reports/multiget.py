"""What calendar-multiget and addressbook-multiget share: hrefs in, bodies out, a statement for each batch."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from davserver import davxml
from davserver.davxml import DAV, Element
from davserver.errors import HttpError
from davserver.protocol import access, tree
from davserver.protocol.members import Members
from davserver.protocol.multistatus import multistatus, status_response, within_budget
from davserver.protocol.properties import Asked, asked_in
from davserver.protocol.reports.data import Data, data_in
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import ITEMS, Node
from davserver.storage import items

Wanted = list[tuple[str, str]]
"""Pairs of the href as it was sent and the name of the item."""


def multiget(request: Request, root: Element) -> Response:
    """A response for each href, 404 for what is gone (RFC 4791 7.9)."""
    hrefs = [davxml.text_of(one).strip() for one in davxml.children(root, DAV + "href")]
    if len(hrefs) > request.settings.limits.multiget_hrefs:
        message = f"A multiget names at most {request.settings.limits.multiget_hrefs} items."
        raise HttpError(507, message, DAV + "number-of-matches-within-limits")
    responses = _responses(request, hrefs, asked_in(root), data_in(request, root))
    answered = within_budget(request.href(request.node), responses)
    return multistatus(answered, headers=[("Vary", "Prefer, Brief")])


def _responses(request: Request, hrefs: list[str], asked: Asked, data: Data | None) -> Iterator[str]:
    wanted, foreign = _sort(request, hrefs)
    for parent, names in wanted:
        yield from _of_collection(request, parent, names, asked, data)
    for href in foreign:
        yield status_response(href, 404)


def _sort(request: Request, hrefs: list[str]) -> tuple[list[tuple[Node, Wanted]], list[str]]:
    """Hrefs by their collection. Usually all lie in the one that the report was sent to."""
    base = request.href(request.node)
    here: Wanted = []
    others: dict[tuple[str, ...], Wanted] = {}
    foreign: list[str] = []
    for href in hrefs:
        name = href[len(base) :]
        if href.startswith(base) and name and not any(mark in name for mark in "/%?#"):
            here.append((href, name))
            continue
        segments = _segments(request, href)
        if segments is None or tree.kind_of(segments) not in ITEMS:
            foreign.append(href)
        else:
            others.setdefault(segments[:-1], []).append((urlsplit(href).path, segments[-1]))
    own = request.node.segments if request.node.kind not in ITEMS else request.node.segments[:-1]
    here += others.pop(own, [])
    sorted_hrefs = [(_collection(request, own), here)] if here else []
    for segments, names in others.items():
        parent = request.resolve(segments)
        if parent is None or not parent.exists or access.READ not in parent.privileges:
            foreign += [href for href, _ in names]
        else:
            sorted_hrefs.append((parent, names))
    return sorted_hrefs, foreign


def _segments(request: Request, href: str) -> tuple[str, ...] | None:
    try:
        return request.segments_of_href(href)
    except (HttpError, ValueError):
        return None


def _collection(request: Request, segments: tuple[str, ...]) -> Node:
    if request.node.kind not in ITEMS:
        return request.node
    parent = request.resolve(segments)
    assert parent is not None
    return parent


def _of_collection(
    request: Request, parent: Node, wanted: Wanted, asked: Asked, data: Data | None
) -> Iterator[str]:
    if parent.collection is None:
        yield from (status_response(href, 404) for href, _ in wanted)
        return
    held = Members(request, parent, asked, data.render if data else None)
    for batch in _batches(wanted):
        names = list(dict.fromkeys(name for _, name in batch))
        rows = items.rows_of_names(request.tx, parent.collection.id, held.columns, names)
        yield from held.responses(rows)
        if len(rows) < len(names):
            found = {row[0] for row in rows}
            yield from (status_response(href, 404) for href, name in batch if name not in found)


def _batches(wanted: Wanted) -> Iterator[Wanted]:
    size = items.NAMES_PER_STATEMENT
    return (wanted[start : start + size] for start in range(0, len(wanted), size))
