"""PUT (RFC 4791 5.3.2, RFC 6352 6.3.2) and POST add-member (RFC 5995).

A body is checked before the transaction, stored byte for byte inside it. All checks that depend on what is
stored (entity tags, UIDs, quota) are made on the locked collection, so two writers cannot both win.
"""

from __future__ import annotations

import uuid

from davserver.content import jcal, lines
from davserver.davxml import CALDAV, CARDDAV
from davserver.errors import HttpError
from davserver.jobs import items as jobs_items
from davserver.model import Collection, CollectionKind, Item, NewItem
from davserver.protocol import conditions, locking, negotiation, tree
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import HOLDS, LONGEST_NAME, Kind, Node
from davserver.storage import items


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
    body, kind = request.body, HOLDS[node.kind]
    if (request.header("Content-Encoding") or "identity").strip().lower() != "identity":
        raise HttpError(415, "The body must not be encoded.")
    if kind is CollectionKind.CALENDAR:
        if request.content_type == negotiation.JCAL:
            body = lines.dump(jcal.from_jcal(body)).encode()
        elif request.content_type not in CALENDAR_TYPES:
            raise HttpError(403, "A calendar takes text/calendar.", CALDAV + "supported-calendar-data")
    elif request.content_type == negotiation.JCARD:
        body = lines.dump(jcal.from_jcard(body)).encode()
    elif request.content_type not in CARD_TYPES:
        raise HttpError(403, "An address book takes text/vcard.", CARDDAV + "supported-address-data")
    return NewItem(node.name, body, jobs_items.check_body(kind, body, request.settings))


CALENDAR_TYPES = ("text/calendar", "application/octet-stream", "text/plain", "")
"""Media types taken as iCalendar; cadaver and curl send no better one. The content decides."""

CARD_TYPES = ("text/vcard", "text/x-vcard", "text/directory", "application/octet-stream", "text/plain", "")


def lock_collection(request: Request, collection_id: int) -> Collection:
    """The collection as it is now, locked; 409 where it went away meanwhile."""
    return jobs_items.lock_collection(request.tx, collection_id)


def store(request: Request, target: Collection, node: Node, new: NewItem, current: Item | None) -> Item:
    """Check what depends on the collection, then store; a UID in the way is named by its href."""
    assert node.owner is not None
    try:
        return jobs_items.store_item(
            request.tx, target, new, current, owner=node.owner, actor=request.user.name
        )
    except jobs_items.UidConflict as conflict:
        conflict.hrefs = (request.href_of(node.segments[:-1]) + tree.encode(conflict.name),)
        raise


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
