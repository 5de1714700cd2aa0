"""Properties of address books: RFC 6352."""

from __future__ import annotations

from typing import Any

from davserver import davxml
from davserver.davxml import CARDDAV, Element, escape, href
from davserver.model import CollectionKind, PrincipalKind
from davserver.protocol.properties import prop
from davserver.protocol.properties.caldav import COLLATIONS
from davserver.protocol.properties.webdav import text_value
from davserver.protocol.request import Request
from davserver.protocol.tree import Kind, Node, home_segments

ADDRESSBOOK = frozenset({Kind.ADDRESSBOOK})
ADDRESSBOOK_HOME = frozenset({Kind.ADDRESSBOOK_HOME})

ADDRESS_DATA = (
    ("text/vcard", "3.0"),
    ("text/vcard", "4.0"),
    ("application/vcard+json", "3.0"),
    ("application/vcard+json", "4.0"),
)
"""Media types and versions in which a card can be had (RFC 6352 6.2.2, RFC 7095)."""


@prop(CARDDAV + "addressbook-home-set", on={Kind.PRINCIPAL}, rfc="RFC 6352 7.1.1", needs="principal")
def addressbook_home_set(request: Request, node: Node) -> str | None:
    """The one home. A group has none."""
    is_group = node.owner is not None and node.owner.kind is PrincipalKind.GROUP
    if node.owner is None or is_group or not request.serves(CollectionKind.ADDRESSBOOK):
        return None
    return href(request.href_of(home_segments(Kind.ADDRESSBOOK_HOME, node.owner.name)))


@prop(CARDDAV + "addressbook-description", on=ADDRESSBOOK, rfc="RFC 6352 6.2.1", needs="collection")
def addressbook_description(request: Request, node: Node) -> str | None:
    """A text for people."""
    description = node.collection.description if node.collection else None
    return None if description is None else escape(description)


@addressbook_description.setter
def set_addressbook_description(request: Request, element: Element | None) -> dict[str, Any]:
    """Any text."""
    return {"description": text_value(element)}


@prop(CARDDAV + "supported-address-data", on=ADDRESSBOOK, rfc="RFC 6352 6.2.2")
def supported_address_data(request: Request, node: Node) -> str | None:
    """vCard 3.0 and 4.0, and jCard."""
    return "".join(
        f'<cr:address-data-type content-type="{kind}" version="{version}"/>' for kind, version in ADDRESS_DATA
    )


@prop(CARDDAV + "max-resource-size", on=ADDRESSBOOK | ADDRESSBOOK_HOME, rfc="RFC 6352 6.2.3")
def max_resource_size(request: Request, node: Node) -> str | None:
    """Bytes of one card."""
    return str(request.settings.carddav.max_resource_size)


@prop(CARDDAV + "max-image-size", on=ADDRESSBOOK | ADDRESSBOOK_HOME, rfc="CalendarServer")
def max_image_size(request: Request, node: Node) -> str | None:
    """Bytes of one photo; asked for by iOS and macOS."""
    return str(request.settings.carddav.max_image_size)


@prop(CARDDAV + "supported-collation-set", on=ADDRESSBOOK, rfc="RFC 6352 8.3.1")
def supported_collation_set(request: Request, node: Node) -> str | None:
    """The collations of text-match."""
    return "".join(davxml.text_element(CARDDAV + "supported-collation", name) for name in COLLATIONS)
