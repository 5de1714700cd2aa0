"""MKCALENDAR (RFC 4791 5.3.1) and MKCOL (RFC 4918 9.3, extended by RFC 5689): new collections in a home.

iOS sends MKCALENDAR without a final slash and with one component, DAVx5 with a resourcetype inside,
vdirsyncer an extended MKCOL for both kinds. A collection is made with all its properties or not at all.
"""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from davserver import davxml
from davserver.davxml import CALDAV, CARDDAV, DAV, Element
from davserver.errors import HttpError
from davserver.model import CollectionKind, NewCollection
from davserver.protocol import locking
from davserver.protocol.methods import proppatch
from davserver.protocol.methods.options import allow
from davserver.protocol.methods.proppatch import Change
from davserver.protocol.methods.put import check_name
from davserver.protocol.properties.caldav import components_in
from davserver.protocol.request import XML_TYPE, Request, Response
from davserver.protocol.tree import HOLDS, ITEMS, Kind
from davserver.storage import collections

TYPES = {
    Kind.CALENDAR: (DAV + "collection", CALDAV + "calendar"),
    Kind.ADDRESSBOOK: (DAV + "collection", CARDDAV + "addressbook"),
}
XML_TYPES = ("application/xml", "text/xml", "")
"""Media types of a body that MKCOL understands (RFC 4918 9.3)."""

DEFAULT_COMPONENTS = "VEVENT,VTODO,VJOURNAL,VFREEBUSY"


def mkcalendar(request: Request) -> Response:
    """201, or 207 with the properties that could not be set."""
    root = request.xml
    if root is not None and root.tag != CALDAV + "mkcalendar":
        raise HttpError(400, "MKCALENDAR takes a mkcalendar element.")
    if root is not None and not davxml.children(root, DAV + "set"):
        raise HttpError(400, "mkcalendar without set.")
    return _make(request, [] if root is None else _set(root), CALDAV + "mkcalendar-response")


def mkcol(request: Request) -> Response:
    """A calendar or an address book by its resourcetype; without one, what the home holds."""
    if request.body and request.content_type not in XML_TYPES:
        raise HttpError(415, "MKCOL takes XML.")
    root = request.xml
    if request.body and root is not None and root.tag != DAV + "mkcol":
        raise HttpError(415, "MKCOL takes a mkcol element.")
    changes = [] if root is None else _set(root)
    wanted = next((element for name, element in changes if name == DAV + "resourcetype"), None)
    types = set() if wanted is None else {str(one.tag) for one in wanted}
    if request.node.kind in TYPES and types != set(TYPES[request.node.kind]):
        raise HttpError(403, "Homes hold calendars, address books nothing else.", DAV + "valid-resourcetype")
    return _make(request, changes, DAV + "mkcol-response")


def _set(root: Element) -> list[Change]:
    return [(name, element) for name, element in proppatch.changes_in(root) if element is not None]


def _make(request: Request, changes: list[Change], answer: str) -> Response:
    node = request.node
    if node.kind in ITEMS:
        space = CALDAV + "calendar" if node.kind is Kind.EVENT else CARDDAV + "addressbook"
        raise HttpError(403, "Collections lie in homes only.", space + "-collection-location-ok")
    if node.exists:
        status = 405 if request.method == "MKCOL" else 403
        message = "There is something at this address."
        raise HttpError(status, message, DAV + "resource-must-be-null", headers=allow(request))
    if node.owner is None:
        raise HttpError(409, "The home does not exist.")
    check_name(node.name)
    locking.check_write(request, node, membership=True)
    columns, failed = proppatch.values_for_creation(request, node.kind, changes)
    if not failed:
        components = _components(node.kind, changes)
        new = NewCollection(node.owner.id, HOLDS[node.kind], node.name, components=components, **columns)
        try:
            node.collection = collections.create(request.tx, new)
        except IntegrityError:
            message = "There is something at this address already."
            raise HttpError(405, message, headers=allow(request)) from None
        dead = [change for change in changes if change[0] not in proppatch.CREATE_ONLY]
        proppatch.apply(request, node, dead, {})
        return Response(201, [("Cache-Control", "no-cache")])
    names = {name: None for name, _ in changes}
    body = davxml.document(answer, proppatch.propstats(names, failed))
    raise_status = next(iter(failed.values())).status
    return Response(raise_status, [XML_TYPE], body)


def _components(kind: Kind, changes: list[Change]) -> str:
    if HOLDS[kind] is not CollectionKind.CALENDAR:
        return ""
    name = CALDAV + "supported-calendar-component-set"
    wanted = next((element for changed, element in changes if changed == name), None)
    return DEFAULT_COMPONENTS if wanted is None else components_in(wanted)
