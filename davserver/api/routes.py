"""The one table of the API: what can be asked, by whom it is answered, what goes in and comes out.

    @route("GET", "/things/{id}/", answers={200: "Thing"})
    def read(call: Call) -> Answer:
        \"\"\"One thing.\"\"\"

The document, the validation of requests and Flask's URL map are all derived from ROUTES, so none of them can
say anything else than the others. Paths end with a slash; ``{id}`` is a number, every other ``{name}`` one
segment of text. A handler reads ``call``, calls a use-case of jobs/ and says what it became; what goes wrong
is an HttpError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

from davserver.api.schemas import Schema
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.model import Identity, Principal
from davserver.wire import tags_of

MOST_AT_ONCE = 200
PAGING: Mapping[str, Schema] = {
    "limit": {
        "type": "integer",
        "minimum": 1,
        "maximum": MOST_AT_ONCE,
        "description": "Entries of a page; 50.",
    },
    "after": {
        "type": "integer",
        "minimum": 0,
        "maximum": 2**53,
        "description": "The last id of the page before.",
    },
}
"""Query parameters of lists."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers: a status, data that becomes JSON (None: no body), further headers.

    ``tag``: the entity tag of the data, where it has one of its own; else it is made of the data.
    """

    status: int = 200
    data: Any = None
    headers: Sequence[tuple[str, str]] = ()
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: ``query`` and ``body`` fit the route's schemas.

    ``base`` is scheme, host and mount point; ``path`` the path of the request below it; ``is_new``: only
    where there is nothing yet (If-None-Match: *).
    """

    office: Office
    identity: Identity
    base: str
    path: str
    parts: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    if_match: str | None = None
    is_new: bool = False

    @property
    def user(self) -> Principal:
        """Who asks."""
        return self.identity.principal

    @property
    def id(self) -> int:
        """The number in the path."""
        number: int = self.parts["id"]
        return number

    def expect(self, data: Any) -> None:
        """Raise 412 unless ``data``, what a GET answers now, is what If-Match names (RFC 9110 13.1.1).

        Called within the transaction of the change, so that nobody comes between.
        """
        self.expect_tag(tag_of(data) if self.if_match else None)

    def expect_tag(self, tag: str | None) -> None:
        """The same for data with an entity tag of its own; None where there is nothing."""
        if self.is_new and tag is not None:
            raise HttpError(412, "There is something already.")
        if self.if_match is None:
            return
        wanted = tags_of(self.if_match)
        if tag is None or ("*" not in wanted and tag not in wanted):
            raise HttpError(412, "It was changed meanwhile: read it again.")

    @property
    def limit(self) -> int:
        """How many entries a page has at most."""
        number: int = self.query.get("limit", 50)
        return number

    @property
    def after(self) -> int:
        """After which id a page begins."""
        number: int = self.query.get("after", 0)
        return number

    def page(self, found: Sequence[dict[str, Any]], key: str = "id") -> Answer:
        """A page of a list, in the order of the entries' ``key``; ``found`` may be longer by one."""
        shown = found[: self.limit]
        following = None
        if len(found) > self.limit:
            wanted = {**self.query, "limit": self.limit, "after": shown[-1][key]}
            following = f"{self.base}{self.path}?{urlencode(wanted)}"
        headers = [("Link", f'<{following}>; rel="next"')] if following else []
        return Answer(200, {"results": shown, "next": following}, headers)


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One row. ``body`` and the values of ``answers`` name schemas; "" is none."""

    method: str
    path: str
    handler: Handler
    answers: Mapping[int, str]
    query: Mapping[str, Schema]
    body: str
    errors: tuple[int, ...]

    @property
    def summary(self) -> str:
        """One line for the document: the first of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    @property
    def tag(self) -> str:
        """The resource, by its module."""
        return self.handler.__module__.rpartition(".")[2].replace("_", "-")

    @property
    def name(self) -> str:
        """Unique among all routes."""
        return f"{self.tag}_{self.handler.__name__}"


ROUTES: list[Route] = []


def route(
    method: str,
    path: str,
    *,
    answers: Mapping[int, str],
    query: Mapping[str, Schema] | None = None,
    body: str = "",
    errors: Sequence[int] = (),
) -> Callable[[Handler], Handler]:
    """Adds a row. ``errors``: statuses besides those that every route of its shape may answer."""

    def add(handler: Handler) -> Handler:
        ROUTES.append(Route(method, path, handler, answers, query or {}, body, tuple(errors)))
        return handler

    return add


def tag_of(data: Any) -> str:
    """The entity tag of what is answered."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return f'"{blake2b(text.encode(), digest_size=16).hexdigest()}"'


def moment(seconds: int | None) -> str | None:
    """UTC seconds as RFC 3339, None for None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str | None) -> int | None:
    """The inverse of :func:`moment` for any offset; 400 for a day that does not exist."""
    if text is None:
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise HttpError(400, f"{text[:40]} is no moment.") from None
