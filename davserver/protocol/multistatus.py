"""propstat, response and multistatus (RFC 4918 14) as text.

A Plan is compiled once for a kind of resource and a set of asked properties; rendering a node is then a walk
over a list of getters. What is the same for all nodes of the request is rendered once. The propstat
with 200 comes first: Thunderbird looks at no other (clients.md, "For every client" 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from davserver import davxml
from davserver.davxml import DAV
from davserver.errors import BudgetExceeded
from davserver.protocol.request import XML_TYPE, Headers, Request, Response
from davserver.protocol.tree import Node
from davserver.wire import ONE_PIECE

Getter = Callable[[Request, Node], str | None]
"""Returns the inner XML of a property, "" for an empty element, None where the node has none."""

STATUS_TEXT = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    412: "Precondition Failed",
    423: "Locked",
    424: "Failed Dependency",
    507: "Insufficient Storage",
}
WITHIN_LIMITS = DAV + "number-of-matches-within-limits"
SURELY_HELD_BACK = ONE_PIECE // 4
"""So many characters never exceed ONE_PIECE in UTF-8: with less, the status has not been sent."""

CHUNK = 64 * 1024
"""Pieces of a streamed answer are at least this long, in characters."""


def status_line(status: int) -> str:
    """``HTTP/1.1 200 OK``: the very spelling that clients compare with."""
    return f"HTTP/1.1 {status} {STATUS_TEXT[status]}"


def propstat(status: int, properties: str, tail: str = "") -> str:
    """One propstat; ``tail`` is an error or a responsedescription."""
    line = status_line(status)
    return f"<d:propstat><d:prop>{properties}</d:prop><d:status>{line}</d:status>{tail}</d:propstat>"


def response(href: str, content: str) -> str:
    """A response with propstats. Of what an encoded href can hold, XML minds only the ampersand."""
    return f"<d:response><d:href>{href.replace('&', '&amp;')}</d:href>{content}</d:response>"


def status_response(href: str, status: int, tail: str = "") -> str:
    """A response with a status of its own (a gone item, an item that could not be deleted)."""
    return response(href, f"<d:status>{status_line(status)}</d:status>{tail}")


def within_budget(href: str, responses: Iterable[str]) -> Iterator[str]:
    """The responses. Where a budget ends after the first of them have left, the last one is a 507.

    Before that the error is passed on: the whole answer is 507 then. ``href`` is the request's own.
    """
    held_back = 0
    try:
        for text in responses:
            held_back += len(text)
            yield text
    except BudgetExceeded:
        if held_back < SURELY_HELD_BACK:
            raise
        yield more_response(href)


def more_response(href: str) -> str:
    """The 507 within an answer that says: there is more (RFC 6578 3.6, RFC 6352 8.6.1)."""
    return status_response(href, 507, davxml.element(DAV + "error", davxml.element(WITHIN_LIMITS)))


def multistatus(responses: Iterable[str], headers: Headers | None = None, tail: str = "") -> Response:
    """The answer 207; the responses are consumed while it is sent."""
    return Response(207, [XML_TYPE, *(headers or [])], _pieces(responses, tail))


def _pieces(responses: Iterable[str], tail: str) -> Iterator[bytes]:
    head = f"{davxml.PROLOG}<d:multistatus {davxml.DECLARATIONS}>"
    buffer, size = [head], 0
    for text in responses:
        buffer.append(text)
        size += len(text)
        if size >= CHUNK:
            yield "".join(buffer).encode()
            buffer, size = [], 0
    yield "".join([*buffer, tail, "</d:multistatus>"]).encode()


class Column(NamedTuple):
    """The column of an item that tells a property, and how: its value in, inner XML out."""

    name: str
    text: Callable[[Any], str]


class Step(NamedTuple):
    """A property of a Plan: its tags and its getter; without a getter, ``opening`` is the finished text."""

    opening: str
    closing: str = ""
    empty: str = ""
    get: Getter | None = None
    column: Column | None = None


@dataclass(slots=True)
class Plan:
    """What to render for nodes of one kind. ``absent`` are the tags of what these nodes never have."""

    steps: list[Step] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    all_dead: bool = False
    only_names: bool = False
    absent: str = ""
    minimal: bool = False

    @property
    def columns(self) -> list[Column] | None:
        """The columns of an item that tell all that is asked; None where they do not."""
        if self.dead or self.all_dead or self.needs or any(one.get and not one.column for one in self.steps):
            return None
        return [one.column for one in self.steps if one.column]

    def template(self, *, with_data: bool) -> str:
        """The propstats of an item with %s for each of :attr:`columns`, and one more for its data."""
        slots = [
            f"{one.opening}%s{one.closing}" if one.column else _literal(one.opening) for one in self.steps
        ]
        return self._propstats("".join([*slots, "%s" if with_data else ""]), _literal(self.absent))

    def render(self, request: Request, node: Node, data: str = "") -> str:
        """The propstats of one node; ``data`` is a finished calendar-data or address-data element."""
        found: list[str] = []
        missing = [self.absent]
        for opening, closing, empty, getter, _ in self.steps:
            if getter is None:
                found.append(opening)
                continue
            value = getter(request, node)
            if value is None:
                missing.append(empty)
            else:
                found.append(f"{opening}{value}{closing}" if value else empty)
        if self.dead or self.all_dead:
            self._dead(node.dead, found, missing)
        if data:
            found.append(data)
        return self._propstats("".join(found), "".join(missing))

    def _propstats(self, found: str, missing: str) -> str:
        if self.minimal or not missing:
            return propstat(200, found)
        if not found:
            return propstat(404, missing)
        return propstat(200, found) + propstat(404, missing)

    def _dead(self, kept: Mapping[str, str], found: list[str], missing: list[str]) -> None:
        if self.only_names:
            found.extend(davxml.tags(name)[2] for name in kept)
            return
        if self.all_dead:
            found.extend(kept.values())
        for name in self.dead:
            value = kept.get(name)
            if value is None:
                missing.append(davxml.tags(name)[2])
            elif not self.all_dead:
                found.append(value)


def _literal(text: str) -> str:
    """Text as it stands in a template."""
    return text.replace("%", "%%")
