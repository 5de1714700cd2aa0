"""sync-collection (RFC 6578): what changed since a token, in work proportional to the changes.

A token names a revision and its random stamp; both must be known here. A token of another life of the
database, or from its future, is refused with DAV:valid-sync-token: 403, which CalDav Synchronizer, DAVx5 and
Apple understand; but 400 for Thunderbird on address books, which starts over on nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from davserver import davxml
from davserver.davxml import DAV, Element
from davserver.errors import HttpError
from davserver.model import Collection
from davserver.protocol import tree
from davserver.protocol.members import Members
from davserver.protocol.multistatus import more_response, multistatus, status_response
from davserver.protocol.properties import Asked, asked_in
from davserver.protocol.properties.webdav import token_of
from davserver.protocol.reports import report
from davserver.protocol.reports.data import data_in
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import COLLECTIONS, Kind
from davserver.storage import collections, items

_TOKEN = re.compile(r"data:,([0-9]{1,18})-([0-9]{1,18})-([0-9a-f]{1,32})")


@report(DAV + "sync-collection", on=COLLECTIONS, rfc="RFC 6578 3.2")
def sync_collection(request: Request, root: Element) -> Response:
    """Changed items with the asked properties, gone ones as 404, and the new token."""
    collection = request.node.collection
    assert collection is not None
    if request.depth(0) > 1:
        raise HttpError(400, "sync-collection has Depth: 0.")
    level = davxml.text_of(davxml.child(root, DAV + "sync-level")).strip()
    if level not in ("", "1", "infinite"):
        raise HttpError(400, "sync-level is 1 or infinite.")
    since = _since(request, collection, davxml.text_of(davxml.child(root, DAV + "sync-token")).strip())
    limit = _limit(root)
    last = None
    if limit is not None and since < collection.revision:
        last = items.truncated_at(request.tx, collection.id, since, limit)
    token = token_of(collection)
    responses: Iterable[str] = _responses(request, root, since, last)
    if last is not None:
        token = f"data:,{collection.id}-{last}-{collections.stamp_of(request.tx, collection.id, last)}"
        responses = chain(responses, [more_response(request.href(request.node))])
    return multistatus(responses, tail=davxml.text_element(DAV + "sync-token", token))


def _since(request: Request, collection: Collection, token: str) -> int:
    """The revision that a token names, 0 for the initial sync."""
    if not token:
        return 0
    if token == token_of(collection):
        return collection.revision
    named = _revision(request, collection, token)
    if named is not None:
        return named
    agent = request.header("User-Agent") or ""
    restarts_on_400 = request.node.kind is Kind.ADDRESSBOOK and "Thunderbird" in agent
    message = "This sync-token was not given out here. Start over with an empty one."
    raise HttpError(400 if restarts_on_400 else 403, message, DAV + "valid-sync-token")


def _revision(request: Request, collection: Collection, token: str) -> int | None:
    """The revision of a token that this collection gave out, None for any other."""
    match = _TOKEN.fullmatch(token)
    if match is None or int(match[1]) != collection.id:
        return None
    known = collections.stamp_of(request.tx, collection.id, int(match[2])) == match[3]
    return int(match[2]) if known else None


def _limit(root: Element) -> int | None:
    limit = davxml.child(root, DAV + "limit")
    if limit is None:
        return None
    text = davxml.text_of(davxml.child(limit, DAV + "nresults")).strip()
    if not (text.isascii() and text.isdigit()) or not int(text[:9]) > 0:
        raise HttpError(400, "nresults is a positive number.")
    return int(text[:9])


def _responses(request: Request, root: Element, since: int, last: int | None) -> Iterator[str]:
    """Changed items, then gone ones, each oldest change first and streamed; ``last`` None: to the newest."""
    collection = request.node.collection
    assert collection is not None
    asked = asked_in(root) if davxml.child(root, DAV + "prop") is not None else Asked()
    data = data_in(request, root)
    until = last or collection.revision
    if since >= until:
        return iter(())
    held = Members(request, request.node, asked, data.render if data else None)
    return chain.from_iterable(_changes(request, collection, held, since, until))


def _changes(
    request: Request, collection: Collection, held: Members, since: int, until: int
) -> Iterator[Iterator[str]]:
    for rows in items.written(request.tx, collection.id, held.columns, since, until):
        yield held.responses(rows)
    if since:
        gone = items.gone_until(request.tx, collection.id, since, until)
        yield (status_response(request.href(tree.child(request.node, name)), 404) for name in gone)
