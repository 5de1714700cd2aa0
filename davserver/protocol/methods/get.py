"""GET and HEAD (RFC 9110 9.3.1): the stored bytes of an item, an export, or a page for people.

An item is sent as it was stored, unless the client asks by Accept for jCal, jCard or another vCard version.
A browser on a collection gets a small page; a reader of calendars that GETs one gets it whole.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from davserver.errors import HttpError
from davserver.model import Notification
from davserver.protocol import negotiation, pages, sharing
from davserver.protocol.conditions import http_date, not_modified, variant_tag
from davserver.protocol.methods import export
from davserver.protocol.request import XML_TYPE, Headers, Request, Response
from davserver.protocol.tree import Kind
from davserver.storage import items


def get(request: Request) -> Response:
    """Item, export or page. HEAD is the same; the server leaves the body out."""
    node = request.node
    if node.item is not None:
        return _item(request)
    if node.notification is not None:
        return _notification(request, node.notification)
    query = parse_qs(request.environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if "export" in query or (node.kind is Kind.CALENDAR and not _browser(request)):
        return export.export(request, query)
    return pages.page(request)


def _notification(request: Request, held: Notification) -> Response:
    headers = [("ETag", f'"{held.id}"'), ("Cache-Control", "private, no-cache"), XML_TYPE]
    return Response(200, headers, sharing.render(request, held))


def _browser(request: Request) -> bool:
    return "text/html" in (request.header("Accept") or "").lower()


def _item(request: Request) -> Response:
    held = request.node.item
    assert held is not None
    form = negotiation.accepted(request.header("Accept"), request.node.kind)
    etag, body = held.etag, None
    if form.mark:
        stored = items.read_body(request.tx, held.id)
        body = negotiation.in_form(stored, form)
        etag = held.etag if body is stored else variant_tag(held.etag, form.mark)
    headers: Headers = [
        ("ETag", etag),
        ("Last-Modified", http_date(held.modified)),
        ("Cache-Control", "private, no-cache"),
        ("Vary", "Accept"),
    ]
    if not_modified(request, etag, held.modified):
        return Response(304, headers)
    if body is None:
        body = items.read_body(request.tx, held.id)
    headers += [("Content-Type", f"{form.media_type}; charset=utf-8"), ("Accept-Ranges", "bytes")]
    return _ranged(request, headers, body, etag)


def _ranged(request: Request, headers: Headers, body: bytes, etag: str) -> Response:
    """A single byte range (RFC 9110 14.2); anything else about Range is ignored, as it may be."""
    wanted = request.header("Range")
    if_range = request.header("If-Range")
    if wanted is None or (if_range is not None and if_range.strip() != etag):
        return Response(200, headers, body)
    span = _range(wanted, len(body))
    if span is None:
        return Response(200, headers, body)
    first, last = span
    if first >= len(body):
        raise HttpError(416, "The range lies outside.", headers=[("Content-Range", f"bytes */{len(body)}")])
    headers.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
    return Response(206, headers, body[first : last + 1])


def _range(header: str, size: int) -> tuple[int, int] | None:
    unit, _, spec = header.strip().partition("=")
    start, dash, end = spec.strip().partition("-")
    digits = start + end
    if unit.strip().lower() != "bytes" or not dash or not (digits.isascii() and digits.isdigit()):
        return None
    if len(digits) > 30:
        return None
    if not start:
        return (max(0, size - int(end)), size - 1) if int(end) else (size, size)
    last = min(int(end), size - 1) if end else size - 1
    return None if end and int(end) < int(start) else (int(start), max(last, int(start)))
