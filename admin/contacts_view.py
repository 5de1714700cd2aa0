"""Looking into address books: the contacts by name, with photos; search among them."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, request

from davserver.content import details, lines
from davserver.jobs import agenda
from davserver.model import CollectionKind
from davserver.storage import items

from . import looking
from .context import reading
from .paging import PER_PAGE, offset, page_of

pages = Blueprint("contacts_view", __name__)

PHOTO_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=86400, immutable",
}
"""A photo is somebody else's bytes: it is shown as a picture or not at all. Its address has its version."""


@pages.get("/contacts")
def index() -> str:
    """Contacts by name, those with all the words where some are given."""
    words = request.args.get("q", "").strip()
    with reading() as tx:
        books = looking.visible(tx, CollectionKind.ADDRESSBOOK)
        start = offset()
        found = agenda.contacts(tx, looking.chosen(books), words, slice(start, start + PER_PAGE + 1))
    known = {one.id: one for one in books}
    rows = [(contact, known[contact.collection_id]) for contact in found.contacts]
    page = page_of(rows, found.count)
    return render_template(
        "contacts_view/index.html",
        page=page,
        q=words,
        books=[(one, looking.title_of(one)) for one in books],
        chosen=request.args.get("in", ""),
        entry_url=looking.entry_url,
    )


@pages.get("/contacts/<home>/<name>/photo")
def photo(home: str, name: str) -> Response:
    """The picture of a contact; only kinds that browsers show and that cannot hold a script."""
    with reading() as tx:
        book = looking.reach(tx, CollectionKind.ADDRESSBOOK.value, home)
        found = items.get_with_body(tx, book.id, name)
    if found is None:
        abort(404)
    picture = details.picture(lines.parse_components(lines.decode(found[1]))[0])
    if picture is None:
        abort(404)
    return Response(picture.data, mimetype=picture.media_type, headers=PHOTO_HEADERS)
