"""PUT (RFC 4791 5.3.2, RFC 6352 6.3.2) and POST add-member (RFC 5995).

A body is checked before the transaction, stored byte for byte inside it. All checks that depend on what is
stored (entity tags, UIDs, quota) are made on the locked collection, so two writers cannot both win.
"""

from __future__ import annotations

import uuid

from davserver.content import index, jcal, lines
from davserver.davxml import CALDAV, CARDDAV, DAV
from davserver.errors import HttpError
from davserver.model import Collection, CollectionKind, Item, NewItem
from davserver.protocol import conditions, locking, negotiation, tree
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import LONGEST_NAME, Kind, Node
from davserver.storage import collections, items

SPACES = {Kind.EVENT: CALDAV, Kind.CARD: CARDDAV}


def put(request: Request) -> Response:
    """Create or replace one item: 201 or 204, with its new entity tag."""
    node = request.node
    if node.collection is None:
        raise HttpError(409, "There is no such calendar or address book.")
    if "HTTP_CONTENT_RANGE" in request.environ:
        raise HttpError(400, "PUT of a part is refused (RFC 9110 9.3.4).")
    check_name(node.name)
    new = read_item(request, node)
    target = lock_collection(request, node.collection.id)
    current = items.get(request.tx, target.id, node.name)
    try:
        conditions.check_write(
            request, current.etag if current else None, current.modified if current else None
        )
    except HttpError:
        if current is None or not _wants_representation(request):
            raise
        return represent(request, node, current, 412)
    locking.check_write(request, node, membership=current is None)
    stored = store(request, target, node, new, current)
    return written(request, node, stored, created=current is None)


def post(request: Request) -> Response:
    """Add a member under a name of the server's choice (RFC 5995 3.2.2)."""
    node = request.node
    assert node.collection is not None
    suffix = ".ics" if node.kind is Kind.CALENDAR else ".vcf"
    member = request.grant(tree.child(node, f"{uuid.uuid4()}{suffix}"))
    new = read_item(request, member)
    target = lock_collection(request, node.collection.id)
    locking.check_write(request, member, membership=True)
    stored = store(request, target, member, new, None)
    answer = written(request, member, stored, created=True)
    answer.headers += [("Location", request.href(member))]
    return answer


def check_name(name: str) -> None:
    """Names of items and collections have at most 255 characters."""
    if len(name) > LONGEST_NAME:
        raise HttpError(403, f"A name has at most {LONGEST_NAME} characters.")


def read_item(request: Request, node: Node) -> NewItem:
    """The body checked against the rules of its kind, with its index row."""
    body, settings = request.body, request.settings
    if (request.header("Content-Encoding") or "identity").strip().lower() != "identity":
        raise HttpError(415, "The body must not be encoded.")
    if node.kind is Kind.EVENT:
        check_size(len(body), settings.caldav.max_resource_size, CALDAV)
        if request.content_type == negotiation.JCAL:
            body = lines.dump(jcal.from_jcal(body)).encode()
        elif request.content_type not in CALENDAR_TYPES:
            raise HttpError(403, "A calendar takes text/calendar.", CALDAV + "supported-calendar-data")
        return NewItem(node.name, body, index.of_calendar_object(body, settings.caldav))
    check_size(len(body), settings.carddav.max_resource_size, CARDDAV)
    if request.content_type == negotiation.JCARD:
        body = lines.dump(jcal.from_jcard(body)).encode()
    elif request.content_type not in CARD_TYPES:
        raise HttpError(403, "An address book takes text/vcard.", CARDDAV + "supported-address-data")
    return NewItem(node.name, body, index.of_card(body, settings.carddav))


CALENDAR_TYPES = ("text/calendar", "application/octet-stream", "text/plain", "")
"""Media types taken as iCalendar; cadaver and curl send no better one. The content decides."""

CARD_TYPES = ("text/vcard", "text/x-vcard", "text/directory", "application/octet-stream", "text/plain", "")


def check_size(size: int, limit: int, space: str) -> None:
    """max-resource-size of RFC 4791 5.3.2.1 and RFC 6352 6.3.2.1."""
    if size > limit:
        raise HttpError(403, f"An item has at most {limit} bytes.", space + "max-resource-size")


def lock_collection(request: Request, collection_id: int) -> Collection:
    """The collection as it is now, locked; 409 where it went away meanwhile."""
    target = collections.lock(request.tx, collection_id)
    if target is None:
        raise HttpError(409, "The calendar or address book is gone.")
    return target


def store(request: Request, target: Collection, node: Node, new: NewItem, current: Item | None) -> Item:
    """Check what depends on the collection, then store."""
    if target.kind is CollectionKind.CALENDAR and new.index.component not in target.components.split(","):
        message = f"This calendar takes {target.components}, not {new.index.component}."
        raise HttpError(403, message, CALDAV + "supported-calendar-component")
    check_uid(request, target, node, new, current)
    check_quota(request, node, len(new.body) - (current.size if current else 0))
    return items.put(request.tx, target, new, current, request.user.name)


def check_uid(request: Request, target: Collection, node: Node, new: NewItem, current: Item | None) -> None:
    """no-uid-conflict (RFC 4791 5.3.2.1, RFC 6352 6.3.2.1); the answer names the item in the way.

    A UID lives in one item of a collection, and an item keeps its UID.
    """
    if current is not None and current.uid == new.index.uid:
        return
    names = [node.name] if current else items.names_with_uid(request.tx, target.id, new.index.uid)
    if not names:
        return
    message = "An item keeps its UID." if current else "Another item of the collection has this UID."
    other = request.href_of(node.segments[:-1]) + tree.encode(names[0])
    raise HttpError(409, message, SPACES[node.kind] + "no-uid-conflict", [other])


def check_quota(request: Request, node: Node, growth: int) -> None:
    """RFC 4331 6: 507 with DAV:quota-not-exceeded."""
    if node.owner is None or node.owner.quota is None or growth <= 0:
        return
    if collections.used_bytes(request.tx, node.owner.id) + growth > node.owner.quota:
        raise HttpError(507, "The quota is used up.", DAV + "quota-not-exceeded")


def written(request: Request, node: Node, stored: Item, *, created: bool) -> Response:
    """The answer to a write: strong tag, and the stored body where return=representation asks for it.

    Who sent JSON gets no tag, since what is stored are not the sent bytes (RFC 4791 5.3.4).
    """
    if _wants_representation(request):
        return represent(request, node, stored, 201 if created else 200)
    headers = [("Last-Modified", conditions.http_date(stored.modified))]
    if request.content_type not in (negotiation.JCAL, negotiation.JCARD):
        headers.append(("ETag", stored.etag))
    return Response(201 if created else 204, headers)


def _wants_representation(request: Request) -> bool:
    return request.preferences.get("return") == "representation"


def represent(request: Request, node: Node, held: Item, status: int) -> Response:
    """The stored item in the answer to a write; also to one that came too late (RFC 8144 3.1)."""
    form = negotiation.accepted(request.header("Accept"), node.kind)
    stored = items.read_body(request.tx, held.id)
    body = negotiation.in_form(stored, form)
    etag = held.etag if body is stored else conditions.variant_tag(held.etag, form.mark)
    headers = [
        ("ETag", etag),
        ("Last-Modified", conditions.http_date(held.modified)),
        ("Content-Type", f"{form.media_type}; charset=utf-8"),
        ("Content-Location", request.href(node)),
        ("Preference-Applied", "return=representation"),
    ]
    return Response(status, headers, body)
