"""Conditional requests: If-Match, If-None-Match, the dates (RFC 9110 13), and If (RFC 4918 10.4).

Called inside the transaction of the write that depends on them, so a check cannot be overtaken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import inf

from davserver.errors import HttpError
from davserver.protocol.request import Request
from davserver.wire import http_date, tags_of

__all__ = [
    "IfHeader",
    "IfState",
    "check_write",
    "http_date",
    "not_modified",
    "parse_if",
    "tags_of",
    "variant_tag",
]

_IF_TOKEN = re.compile(r'\s*(?:(Not)\b|<([^>]*)>|\[((?:W/)?"[^"]*"|[^\]]*)\]|([()]))', re.IGNORECASE)


def _strong(tag: str) -> str:
    return tag if tag.startswith(('"', "W/", "*")) else f'"{tag}"'


def _weak(tag: str) -> str:
    return _strong(tag.removeprefix("W/"))


def variant_tag(etag: str, form: str) -> str:
    """The strong tag of another form of a body: it must not share the tag of the stored bytes."""
    return f'{etag[:-1]}-{form}"' if form else etag


def _state(tag: str) -> str:
    """The tag of the stored bytes that a variant's tag stands for: who read jCal may write with its tag."""
    return tag.partition("-")[0] + '"' if "-" in tag and tag.startswith('"') else tag


def check_write(request: Request, etag: str | None, modified: int | None) -> None:
    """Raise 412 unless a write to a resource in that state is what the client wants.

    :param etag: the current entity tag, None where the resource does not exist.
    """
    match, none_match = request.header("If-Match"), request.header("If-None-Match")
    if match is not None:
        wanted = [_state(_strong(tag)) for tag in tags_of(match)]
        if etag is None or not ("*" in wanted or etag in wanted):
            raise HttpError(412, "The resource is not in the state that If-Match names.")
    elif modified is not None and modified > _latest(request):
        raise HttpError(412, "The resource was changed after If-Unmodified-Since.")
    if none_match is not None and etag is not None:
        unwanted = [_weak(tag) for tag in tags_of(none_match)]
        if "*" in unwanted or '"*"' in unwanted or etag in unwanted:
            raise HttpError(412, "The resource exists, or is in the state that If-None-Match excludes.")


def not_modified(request: Request, etag: str, modified: int) -> bool:
    """Whether a GET is to be answered 304; raises 412 for a failed If-Match (RFC 9110 13.2.2)."""
    match, none_match = request.header("If-Match"), request.header("If-None-Match")
    if match is not None:
        wanted = [_strong(tag) for tag in tags_of(match)]
        if not ("*" in wanted or etag in wanted):
            raise HttpError(412, "The resource is not in the state that If-Match names.")
    elif modified > _latest(request):
        raise HttpError(412, "The resource was changed after If-Unmodified-Since.")
    if none_match is not None:
        known = [_weak(tag) for tag in tags_of(none_match)]
        return "*" in known or etag in known
    since = _date(request.header("If-Modified-Since"))
    return since is not None and modified <= since


def _latest(request: Request) -> float:
    limit = _date(request.header("If-Unmodified-Since"))
    return inf if limit is None else limit


def _date(header: str | None) -> int | None:
    """Seconds of an HTTP date; an unreadable one is ignored, as RFC 9110 13.1.3 says."""
    if header is None:
        return None
    try:
        return int(parsedate_to_datetime(header).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class IfState:
    """What the If header asks of a resource: its tag, and the tokens of the locks that cover it."""

    etag: str | None
    tokens: Collection[str]


@dataclass(frozen=True, slots=True)
class IfHeader:
    """The If header: for each list its resource ("" for the request's own) and its conditions."""

    lists: tuple[tuple[str, tuple[tuple[bool, str, str], ...]], ...]

    @property
    def tokens(self) -> list[str]:
        """All state tokens that were submitted."""
        return [value for _, terms in self.lists for _, kind, value in terms if kind == "token"]

    def holds(self, state_of: Callable[[str], IfState]) -> bool:
        """Whether at least one list is true. ``state_of`` is asked once for each resource."""
        states: dict[str, IfState] = {}
        for resource, terms in self.lists:
            state = states.get(resource) or states.setdefault(resource, state_of(resource))
            if all(_term(state, kind, value) is wanted for wanted, kind, value in terms):
                return True
        return False


def _term(state: IfState, kind: str, value: str) -> bool:
    if kind == "token":
        return value in state.tokens
    return state.etag is not None and _strong(value) == state.etag


def parse_if(header: str) -> IfHeader:
    """Parse an If header; 400 where it is malformed (RFC 4918 10.4.2)."""
    lists: list[tuple[str, tuple[tuple[bool, str, str], ...]]] = []
    terms: list[tuple[bool, str, str]] | None = None
    resource, wanted, position = "", True, 0
    header = header.strip()
    while position < len(header):
        match = _IF_TOKEN.match(header, position)
        if match is None:
            raise HttpError(400, "The If header is malformed.")
        position = match.end()
        negation, reference, tag, parenthesis = match.groups()
        if parenthesis == "(" and terms is None:
            terms = []
        elif parenthesis == ")" and terms:
            lists.append((resource, tuple(terms)))
            terms = None
        elif reference is not None and terms is None:
            resource = reference
        elif terms is not None and negation:
            wanted = False
        elif terms is not None and (reference is not None or tag is not None):
            terms.append((wanted, "token" if tag is None else "tag", reference if tag is None else tag))
            wanted = True
        else:
            raise HttpError(400, "The If header is malformed.")
    if terms is not None or not lists:
        raise HttpError(400, "The If header is malformed.")
    return IfHeader(tuple(lists))
