"""PROPPATCH (RFC 4918 9.2): all or nothing. What is not live is kept as a dead property.

At a collection that somebody else shares, in the user's own home, name, colour, order and the rest are the
user's own and change nothing for others.
"""

from __future__ import annotations

from typing import Any

from davserver import davxml
from davserver.davxml import CALDAV, DAV, Element
from davserver.errors import HttpError
from davserver.protocol import locking
from davserver.protocol.multistatus import multistatus, propstat, response
from davserver.protocol.properties import PROTECTED, TABLE
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import Kind, Node
from davserver.storage import collections, dead_properties, shares

Change = tuple[str, Element | None]
"""A property and its new element, None to remove it."""

LONGEST_NAME = 400
LARGEST_VALUE = 1024 * 1024
CREATE_ONLY = {CALDAV + "supported-calendar-component-set", DAV + "resourcetype"}


def proppatch(request: Request) -> Response:
    """207 with 200 for all properties, or with the failed ones and 424 for the others.

    Where all are set and the client wants it short, an empty 200 (RFC 8144 2.2).
    """
    root = request.xml
    if root is None or root.tag != DAV + "propertyupdate":
        raise HttpError(400, "PROPPATCH takes a propertyupdate element.")
    node = request.node
    locking.check_write(request, node)
    changes = changes_in(root)
    if not changes:
        raise HttpError(400, "No property is named.")
    failed: dict[str, HttpError] = {}
    columns: dict[str, Any] = {}
    for name, element in changes:
        try:
            columns.update(_columns(request, node, name, element))
        except HttpError as error:
            failed[name] = error
    if not failed:
        apply(request, node, changes, columns)
    names = dict.fromkeys(name for name, _ in changes)
    if not failed and request.minimal:
        return Response(200, [("Preference-Applied", "return=minimal"), ("Vary", "Prefer, Brief")])
    return multistatus([response(request.href(node), propstats(names, failed))])


def changes_in(root: Element) -> list[Change]:
    """set and remove in document order (RFC 4918 9.2)."""
    changes: list[Change] = []
    for action in root:
        if action.tag not in (DAV + "set", DAV + "remove"):
            continue
        for props in davxml.children(action, DAV + "prop"):
            changes += [(str(one.tag), one if action.tag == DAV + "set" else None) for one in props]
    return changes


def _columns(request: Request, node: Node, name: str, element: Element | None) -> dict[str, Any]:
    """The columns that a live property changes; {} for a dead one. Raises where it cannot be set."""
    row = TABLE[node.kind].get(name)
    if row is not None and row.set is not None:
        return row.set(request, element)
    if row is not None or name in PROTECTED:
        raise HttpError(403, "The property is protected.", DAV + "cannot-modify-protected-property")
    if len(name) > LONGEST_NAME or (element is not None and len(davxml.serialize(element)) > LARGEST_VALUE):
        raise HttpError(507, "The property is too large.")
    return {}


def apply(request: Request, node: Node, changes: list[Change], columns: dict[str, Any]) -> None:
    """Write columns and dead properties; the values were checked."""
    if node.shared is not None and node.is_own_view:
        shares.change_view(request.tx, node.shared.view.id, **columns)
    elif columns and node.collection is not None:
        collections.change(request.tx, node.collection.id, **columns)
    scope, scope_id = node.scope, node.scope_id
    assert scope_id is not None
    for name, element in changes:
        if name in TABLE[node.kind]:
            continue
        if element is None:
            dead_properties.remove(request.tx, scope, scope_id, name)
        else:
            dead_properties.put(request.tx, scope, scope_id, name, davxml.serialize(element))


def propstats(names: dict[str, None], failed: dict[str, HttpError]) -> str:
    """One propstat for all, or one for each error and one with 424 for the rest."""
    if not failed:
        return propstat(200, "".join(davxml.tags(name)[2] for name in names))
    parts = []
    for name, error in failed.items():
        tail = ""
        if error.precondition:
            tail += davxml.element(DAV + "error", davxml.element(error.precondition))
        if error.message:
            tail += davxml.text_element(DAV + "responsedescription", error.message)
        parts.append(propstat(error.status, davxml.tags(name)[2], tail))
    others = "".join(davxml.tags(name)[2] for name in names if name not in failed)
    return "".join(parts) + (propstat(424, others) if others else "")


def values_for_creation(
    request: Request, kind: Kind, changes: list[Change]
) -> tuple[dict[str, Any], dict[str, HttpError]]:
    """Columns for a collection that is being made, and the properties that cannot be set."""
    columns: dict[str, Any] = {}
    failed: dict[str, HttpError] = {}
    place = Node(kind, ())
    for name, element in changes:
        if name in CREATE_ONLY:
            continue
        try:
            columns.update(_columns(request, place, name, element))
        except HttpError as error:
            failed[name] = error
    return columns, failed
