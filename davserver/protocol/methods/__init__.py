"""The table of methods. One can audit the server by reading it.

A row says which function answers, what privilege the resource (or, for what is not there yet, its parent)
must grant, whether a write transaction is needed, on what kinds of resources it is allowed, and whether
the resource may be missing. Allow headers and 405 answers are derived from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from davserver.protocol import access
from davserver.protocol.methods import (
    acl,
    copymove,
    delete,
    get,
    lock,
    mkcol,
    options,
    post,
    propfind,
    proppatch,
    put,
    report,
)
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import ALL, CHILD, COLLECTIONS, HOMES, ITEMS, SCOPE, Kind

Handler = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Method:
    """One row. ``privilege`` None: the handler has its own rule (and says so)."""

    handler: Handler
    privilege: str | None
    writes: bool = False
    kinds: frozenset[Kind] = ALL
    missing: bool = False


_MAKEABLE = COLLECTIONS | ITEMS
_STORED = COLLECTIONS | ITEMS

METHODS: dict[str, Method] = {
    "OPTIONS": Method(options.options, None, missing=True),
    "GET": Method(get.get, access.READ),
    "HEAD": Method(get.get, access.READ),
    "PROPFIND": Method(propfind.propfind, access.READ),
    "REPORT": Method(report.report, None),
    "PUT": Method(put.put, access.WRITE_CONTENT, writes=True, kinds=ITEMS, missing=True),
    "POST": Method(post.post, None, writes=True, kinds=COLLECTIONS | HOMES),
    "DELETE": Method(delete.delete, access.UNBIND, writes=True, kinds=_STORED | {Kind.NOTIFICATION}),
    "PROPPATCH": Method(proppatch.proppatch, access.WRITE_PROPERTIES, writes=True, kinds=frozenset(SCOPE)),
    "MKCOL": Method(mkcol.mkcol, access.BIND, writes=True, kinds=_MAKEABLE, missing=True),
    "MKCALENDAR": Method(
        mkcol.mkcalendar, access.BIND, writes=True, kinds=frozenset({Kind.CALENDAR, Kind.EVENT}), missing=True
    ),
    "COPY": Method(copymove.copy, access.READ, writes=True, kinds=_STORED),
    "MOVE": Method(copymove.move, access.UNBIND, writes=True, kinds=_STORED),
    "LOCK": Method(lock.lock, access.WRITE_CONTENT, writes=True, kinds=_STORED, missing=True),
    "UNLOCK": Method(lock.unlock, access.WRITE_CONTENT, writes=True, kinds=_STORED),
    "ACL": Method(acl.acl, access.WRITE_ACL, writes=True, kinds=COLLECTIONS),
}


def allowed(kind: Kind) -> list[str]:
    """The methods that a kind of resource answers, for Allow; of a home also those that make members.

    CardDAV clients look for MKCOL on the home before they offer a new address book.
    """
    made = {CHILD[kind]} if kind in HOMES else set()
    return [
        name for name, row in METHODS.items() if kind in row.kinds or (name in MAKING and made & row.kinds)
    ]


MAKING = ("MKCOL", "MKCALENDAR")
