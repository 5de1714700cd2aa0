"""Properties of WebDAV itself: RFC 4918 15, quota (RFC 4331), sync-token (RFC 6578), reports (RFC 3253)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from davserver import davxml
from davserver.davxml import DAV, Element, escape
from davserver.model import Collection
from davserver.protocol import locking, reports
from davserver.protocol.conditions import http_date
from davserver.protocol.properties import item_prop, prop
from davserver.protocol.request import Request
from davserver.protocol.tree import ALL, COLLECTIONS, HOMES, ITEMS, Kind, Node
from davserver.storage import collections

_RESOURCE_TYPES = {
    Kind.PRINCIPAL: "<d:principal/>",
    Kind.EVENT: "",
    Kind.CARD: "",
    Kind.NOTIFICATIONS: "<d:collection/><cs:notification/>",
    Kind.NOTIFICATION: "",
}
CONTENT_TYPES = {Kind.EVENT: "text/calendar; charset=utf-8", Kind.CARD: "text/vcard; charset=utf-8"}
_CONTENT_TYPES = {
    component: f"{CONTENT_TYPES[Kind.EVENT]}; component={component.lower()}"
    for component in ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY")
} | {"VCARD": CONTENT_TYPES[Kind.CARD]}


@prop(DAV + "resourcetype", on=ALL - COLLECTIONS, rfc="RFC 4918 15.9", allprop=True)
def resourcetype(request: Request, node: Node) -> str | None:
    """Collection, principal; empty for items."""
    return _RESOURCE_TYPES.get(node.kind, "<d:collection/>")


@prop(DAV + "resourcetype", on=COLLECTIONS, rfc="RFC 4918 15.9", needs="collection", allprop=True)
def collection_resourcetype(request: Request, node: Node) -> str | None:
    """Calendar or addressbook; a calendar also says on which side of a share one is (caldav-sharing)."""
    if node.kind is Kind.ADDRESSBOOK:
        return "<d:collection/><cr:addressbook/>"
    if node.shared is not None:
        return "<d:collection/><c:calendar/><cs:shared/>"
    is_owner = node.owner is not None and node.owner.id == request.user.id
    shares = _collection(node).shares if is_owner else 0
    return f"<d:collection/><c:calendar/>{'<cs:shared-owner/>' if shares else ''}"


@prop(DAV + "displayname", on=COLLECTIONS, rfc="RFC 4918 15.2", needs="collection", allprop=True)
def displayname(request: Request, node: Node) -> str | None:
    """The name that people see."""
    name = _collection(node).display_name
    return None if name is None else escape(name)


@displayname.setter
def set_displayname(request: Request, element: Element | None) -> dict[str, Any]:
    """Any text."""
    return {"display_name": text_value(element)}


@prop(DAV + "displayname", on={Kind.PRINCIPAL}, rfc="RFC 3744 4", needs="principal", allprop=True)
def principal_displayname(request: Request, node: Node) -> str | None:
    """The person's name, else the account's."""
    return escape(node.owner.display_name or node.owner.name) if node.owner else None


@item_prop(DAV + "getcontenttype", column="component", rfc="RFC 4918 15.5", allprop=True)
def getcontenttype(component: str) -> str:
    """text/calendar with the component, or text/vcard."""
    return _CONTENT_TYPES.get(component, CONTENT_TYPES[Kind.EVENT])


@item_prop(DAV + "getcontentlength", column="size", rfc="RFC 4918 15.4", allprop=True)
def getcontentlength(size: int) -> str:
    """Bytes of the stored body."""
    return str(size)


@item_prop(DAV + "getetag", column="etag", rfc="RFC 4918 15.6", allprop=True)
def getetag(etag: str) -> str:
    """The strong entity tag, quoted; the same in PUT, GET, PROPFIND and REPORT."""
    return etag


@item_prop(DAV + "getlastmodified", column="modified", rfc="RFC 4918 15.7", allprop=True)
def item_lastmodified(modified: int) -> str:
    """When the body was stored."""
    return http_date(modified)


@prop(DAV + "getlastmodified", on=COLLECTIONS, rfc="RFC 4918 15.7", needs="collection", allprop=True)
def collection_lastmodified(request: Request, node: Node) -> str | None:
    """When anything in the collection changed last."""
    return http_date(_collection(node).modified)


@item_prop(DAV + "creationdate", column="created", rfc="RFC 4918 15.1", allprop=True)
def item_creationdate(created: int) -> str:
    """When the item came into being (RFC 3339)."""
    return _moment(created)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@prop(DAV + "creationdate", on=COLLECTIONS, rfc="RFC 4918 15.1", needs="collection", allprop=True)
def creationdate(request: Request, node: Node) -> str | None:
    """When the collection came into being (RFC 3339)."""
    return _moment(_collection(node).created)


_LOCK_ENTRY = (
    "<d:lockentry><d:lockscope><d:{}/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockentry>"
)


@prop(DAV + "supportedlock", on=ITEMS | COLLECTIONS, rfc="RFC 4918 15.10", allprop=True)
def supportedlock(request: Request, node: Node) -> str | None:
    """Exclusive and shared write locks."""
    return _LOCK_ENTRY.format("exclusive") + _LOCK_ENTRY.format("shared")


@prop(DAV + "lockdiscovery", on=ITEMS | COLLECTIONS, rfc="RFC 4918 15.8", needs="locks", allprop=True)
def lockdiscovery(request: Request, node: Node) -> str | None:
    """The locks on the resource, with their tokens only for who holds them."""
    return "".join(locking.activelock(request, lock) for lock in node.extra.get("locks", ()))


@prop(DAV + "supported-report-set", on=ALL, rfc="RFC 3253 3.1.5")
def supported_report_set(request: Request, node: Node) -> str | None:
    """Derived from the table of reports."""
    return _report_set(node.kind)


@lru_cache(maxsize=len(Kind))
def _report_set(kind: Kind) -> str:
    return "".join(
        f"<d:supported-report><d:report>{davxml.element(name)}</d:report></d:supported-report>"
        for name in reports.names_for(kind)
    )


@prop(DAV + "supported-method-set", on=ALL, rfc="RFC 3253 3.1.3")
def supported_method_set(request: Request, node: Node) -> str | None:
    """Derived from the table of methods."""
    allowed = request.environ["davserver.allowed"](node.kind)
    return "".join(f'<d:supported-method name="{name}"/>' for name in allowed)


@prop(DAV + "add-member", on=COLLECTIONS, rfc="RFC 5995 3.2.1", needs="collection")
def add_member(request: Request, node: Node) -> str | None:
    """Where a POST adds a member: the collection itself."""
    return davxml.href(request.href(node))


@prop(DAV + "sync-token", on=COLLECTIONS, rfc="RFC 6578 4", needs="collection")
def sync_token(request: Request, node: Node) -> str | None:
    """The state of the collection."""
    return token_of(_collection(node))


@prop(DAV + "quota-used-bytes", on=HOMES | COLLECTIONS, rfc="RFC 4331 3")
def quota_used_bytes(request: Request, node: Node) -> str | None:
    """Bytes of all that the owner stores; not told to those with whom he shares."""
    if node.owner is None or node.shared is not None:
        return None
    return str(collections.used_bytes(request.tx, node.owner.id))


@prop(DAV + "quota-available-bytes", on=HOMES | COLLECTIONS, rfc="RFC 4331 4")
def quota_available_bytes(request: Request, node: Node) -> str | None:
    """Bytes that the owner may still store; absent without a quota."""
    if node.owner is None or node.owner.quota is None or node.shared is not None:
        return None
    return str(max(0, node.owner.quota - collections.used_bytes(request.tx, node.owner.id)))


def token_of(collection: Collection) -> str:
    """The sync-token of a collection: a URI (RFC 6578 3.2) naming id, revision and the revision's stamp."""
    return f"data:,{collection.id}-{collection.revision}-{collection.stamp}"


def text_value(element: Element | None) -> str | None:
    """The text of a new property value, None for its removal."""
    return None if element is None else davxml.clean("".join(element.itertext()))


def _collection(node: Node) -> Collection:
    assert node.collection is not None
    return node.collection
