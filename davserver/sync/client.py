"""One DAV client for calendars and address books: requests and what the answers mean.

Belongs here: the requests of synchronisation and discovery, repeats of what may be repeated, typed errors.
Must not be here: what follows from an answer (pull, push), the network's rules (http).

Calendars and address books differ by five names: KINDS. A request that writes is never sent twice: after a
lost answer nobody knows what happened, and the run looks (RFC 9110 9.2.2). If-Match is always the entity
tag of the version that a change was made from, never one fetched just before.

RFC 4791, RFC 6352, RFC 6578, RFC 5689.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urljoin

from davserver.davxml import (
    APPLE_ICAL,
    CALDAV,
    CALENDARSERVER,
    CARDDAV,
    DAV,
    DECLARATIONS,
    PROLOG,
    escape,
)
from davserver.model import CollectionKind
from davserver.sentences import Sentence
from davserver.sync import multistatus
from davserver.sync.http import Answer, OutgoingError, RedirectRefused
from davserver.sync.multistatus import Member, Multistatus, clean_etag, normal_href
from davserver.sync.problems import Problem, RemoteError
from davserver.sync.quirks import Quirks

TRIES = 4
"""How often a request that only reads is sent at most."""

WAIT = 0.5
"""Seconds before the second try; doubled each time, with jitter."""

BUSY_SECONDS = 300
"""How long to wait where a server says 429 without Retry-After."""

ADDRESSBOOK_COLOR = "{http://inf-it.com/ns/ab/}addressbook-color"


@dataclass(frozen=True, slots=True)
class Names:
    """What calendars and address books call differently."""

    home: str
    resourcetype: str
    multiget: str
    query: str
    data: str
    media_type: str
    extension: str
    color: str


KINDS = {
    CollectionKind.CALENDAR: Names(
        f"{CALDAV}calendar-home-set",
        f"{CALDAV}calendar",
        "c:calendar-multiget",
        "c:calendar-query",
        f"{CALDAV}calendar-data",
        "text/calendar; charset=utf-8",
        ".ics",
        f"{APPLE_ICAL}calendar-color",
    ),
    CollectionKind.ADDRESSBOOK: Names(
        f"{CARDDAV}addressbook-home-set",
        f"{CARDDAV}addressbook",
        "cr:addressbook-multiget",
        "cr:addressbook-query",
        f"{CARDDAV}address-data",
        "text/vcard; charset=utf-8",
        ".vcf",
        ADDRESSBOOK_COLOR,
    ),
}

_DATA = {
    CollectionKind.CALENDAR: "<c:calendar-data/>",
    CollectionKind.ADDRESSBOOK: "<d:getcontentlength/><cr:address-data/>",
}
_DATA_4 = '<d:getcontentlength/><cr:address-data content-type="text/vcard" version="4.0"/>'
_DECLARED = f'{DECLARATIONS} xmlns:ab="http://inf-it.com/ns/ab/"'
_COLLECTION_PROPS = (
    "<d:resourcetype/><d:displayname/><d:supported-report-set/><d:current-user-privilege-set/>"
    "<c:supported-calendar-component-set/><ic:calendar-color/><ab:addressbook-color/>"
)
_STATE_PROPS = "<d:sync-token/><cs:getctag/>"
"""What tells whether a collection has changed. Servers of files read all of it for that."""
TOKEN_REFUSED = frozenset({400, 403, 405, 409, 410, 412, 415, 418, 501})
"""Answers to sync-collection after which everything is listed instead."""


class Web(Protocol):
    """Who sends requests: :class:`davserver.sync.http.Client`, or an application in the tests."""

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send a request, read the answer; OutgoingError where none came."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of one collection. ``reports`` and ``writable`` None: it does not say."""

    href: str
    kind: CollectionKind | None
    display_name: str = ""
    color: str = ""
    components: tuple[str, ...] = ()
    sync_token: str = ""
    ctag: str = ""
    reports: frozenset[str] | None = None
    writable: bool | None = None

    @property
    def can_sync(self) -> bool:
        """Whether it may know sync-collection."""
        if self.reports is None:
            return bool(self.sync_token)
        return f"{DAV}sync-collection" in self.reports


@dataclass(frozen=True, slots=True)
class Listing:
    """Part of what a collection holds: href → entity tag ("" unknown), and what is gone."""

    changed: dict[str, str]
    gone: frozenset[str] = frozenset()
    token: str = ""
    more: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """One item as the server has it; ``body`` None: it is not there."""

    href: str
    etag: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a write."""

    status: int
    etag: str = ""
    href: str = ""
    precondition: str = ""
    hrefs: tuple[str, ...] = ()
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300


class TokenRefused(RemoteError):
    """The server does not take the sync-token, or does not know sync-collection at all."""


@dataclass
class DavClient:
    """Requests to one account's servers. ``base`` is the URL that hrefs are relative to."""

    web: Web
    base: str
    quirks: Quirks = field(default_factory=Quirks)
    sleep: Callable[[float], None] = time.sleep
    requests: int = 0
    final: str = ""
    """The URL of the last answer, after redirects."""
    _last: float = 0.0
    _has_versions: bool = True
    """Whether asking for another version of cards may help."""

    def url(self, href: str) -> str:
        """The URL of an href."""
        return urljoin(self.base, href)

    # -- reading

    def propfind(self, href: str, depth: str, props: str) -> Multistatus:
        """PROPFIND; ``props`` are empty elements with the prefixes of davxml."""
        body = f"{PROLOG}<d:propfind {_DECLARED}><d:prop>{props}</d:prop></d:propfind>"
        return self._multistatus("PROPFIND", href, body, depth)

    def facts(self, href: str) -> Facts:
        """What is to be known of one collection before it is synchronised."""
        found = self.propfind(href, "0", _COLLECTION_PROPS + _STATE_PROPS)
        member = found.members.get(normal_href(self.base, href)) or next(iter(found.members.values()), None)
        if member is None or member.status == 404:
            raise RemoteError(Problem.GONE, status=404)
        return facts_of(member)

    def home(self, href: str, *, states: bool = False) -> dict[str, Facts]:
        """The calendars and address books in a home, in one request; ``states``: with token and ctag."""
        found = self.propfind(href, "1", _COLLECTION_PROPS + (_STATE_PROPS if states else ""))
        listed = (facts_of(member) for member in found.members.values() if member.status < 300)
        return {facts.href: facts for facts in listed if facts.kind is not None}

    def sync(self, href: str, token: str) -> Listing:
        """sync-collection (RFC 6578 3.2): what changed since the token; all where it is "".

        :raises TokenRefused: where all has to be listed in another way.
        """
        body = (
            f"{PROLOG}<d:sync-collection {_DECLARED}><d:sync-token>{escape(token)}</d:sync-token>"
            "<d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop></d:sync-collection>"
        )
        try:
            found = self._multistatus("REPORT", href, body, "0")
        except RemoteError as error:
            if error.status in TOKEN_REFUSED:
                raise TokenRefused(error.problem, str(error), status=error.status) from None
            raise
        return self._listing(href, found)

    def etags(self, href: str) -> Listing:
        """All items with their entity tags by PROPFIND: what every server can do."""
        found = self.propfind(href, "1", "<d:resourcetype/><d:getetag/>")
        return self._listing(href, found)

    def _listing(self, href: str, found: Multistatus) -> Listing:
        own = normal_href(self.base, href)
        changed: dict[str, str] = {}
        gone = set()
        more = False
        for member in found.members.values():
            if member.href.rstrip("/") == own.rstrip("/"):
                more = more or member.status == 507
            elif member.status in (404, 410):
                gone.add(member.href)
            elif not _is_collection(member):
                changed[member.href] = clean_etag(member.text(f"{DAV}getetag"))
        return Listing(changed, frozenset(gone), found.sync_token, more)

    def multiget(self, href: str, kind: CollectionKind, hrefs: Sequence[str]) -> list[Fetched]:
        """The bodies of some items; those the server does not mention are missing in the answer.

        Cards come in the version in which they are stored. Many servers make 3.0 of each unless 4.0 is asked
        for, and then 4.0 of each (RFC 6352 10.4); what has not its own length was made so.
        """
        members = self._bodies(href, kind, hrefs)
        if kind is CollectionKind.ADDRESSBOOK and self._has_versions:
            members = self._as_stored(href, members)
        return [_fetched(one, KINDS[kind].data) for one in members]

    def _as_stored(self, href: str, members: list[Member]) -> list[Member]:
        made = [one.href for one in members if _is_made(one)]
        if not made:
            return members
        stored = {one.href: one for one in self._bodies_4(href, made) if not _is_made(one)}
        self._has_versions = bool(stored)
        return [stored.get(one.href, one) for one in members]

    def _bodies(self, href: str, kind: CollectionKind, hrefs: Sequence[str], data: str = "") -> list[Member]:
        names = KINDS[kind]
        wanted = "".join(f"<d:href>{escape(one)}</d:href>" for one in hrefs)
        body = (
            f"{PROLOG}<{names.multiget} {_DECLARED}><d:prop><d:getetag/>{data or _DATA[kind]}</d:prop>"
            f"{wanted}</{names.multiget}>"
        )
        depth = "1" if kind is CollectionKind.CALENDAR else "0"
        found = self._multistatus("REPORT", href, body, depth)
        return [member for member in found.members.values() if _tells(member, names.data)]

    def _bodies_4(self, href: str, hrefs: Sequence[str]) -> list[Member]:
        """Cards in version 4.0; none where the server has no such thing."""
        try:
            return self._bodies(href, CollectionKind.ADDRESSBOOK, hrefs, _DATA_4)
        except RemoteError as error:
            if error.status not in (400, 403, 415):
                raise
            return []

    def get(self, href: str) -> Fetched:
        """One item by GET; ``body`` None where the server has none."""
        answer = self._ask("GET", href, None, {}, may_repeat=True)
        if answer.status in (404, 410):
            return Fetched(href, "", None)
        if answer.status != 200:
            raise _error(answer)
        return Fetched(href, clean_etag(answer.header("etag")), answer.body)

    def find_uid(self, href: str, kind: CollectionKind, uid: str, component: str) -> list[Fetched]:
        """The items that hold a UID, by a query; ``component`` such as VEVENT matters in calendars only."""
        names = KINDS[kind]
        prefix = names.query.partition(":")[0]
        match = (
            f'<{prefix}:prop-filter name="UID"><{prefix}:text-match collation="i;octet">{escape(uid)}'
            f"</{prefix}:text-match></{prefix}:prop-filter>"
        )
        if kind is CollectionKind.CALENDAR:
            inner = f'<c:comp-filter name="{escape(component)}">{match}</c:comp-filter>'
            match = f'<c:comp-filter name="VCALENDAR">{inner}</c:comp-filter>'
        body = (
            f"{PROLOG}<{names.query} {_DECLARED}><d:prop><d:getetag/>{_DATA[kind]}</d:prop>"
            f"<{prefix}:filter>{match}</{prefix}:filter></{names.query}>"
        )
        found = self._multistatus("REPORT", href, body, "1").members.values()
        return [_fetched(member, names.data) for member in found if names.data in member.props]

    # -- writing

    def put(self, href: str, kind: CollectionKind, body: bytes, *, if_match: str = "") -> Reply:
        """Store an item; ``if_match`` "" means that there must be none yet."""
        headers = {"Content-Type": KINDS[kind].media_type}
        if if_match:
            headers["If-Match"] = if_match
        elif self.quirks.if_none_match:
            headers["If-None-Match"] = "*"
        return self._write("PUT", href, body, headers)

    def put_anyway(self, href: str, kind: CollectionKind, body: bytes) -> Reply:
        """Store over an item whose entity tag cannot go into If-Match; the caller has just compared it."""
        return self._write("PUT", href, body, {"Content-Type": KINDS[kind].media_type})

    def delete(self, href: str, *, if_match: str = "") -> Reply:
        """Delete an item."""
        return self._write("DELETE", href, None, {"If-Match": if_match} if if_match else {})

    def describe(self, href: str, kind: CollectionKind, *, display_name: str, color: str) -> Reply:
        """Set a collection's name and colour; "" leaves one alone."""
        name = f"<d:displayname>{escape(display_name)}</d:displayname>" if display_name else ""
        body = (
            f"{PROLOG}<d:propertyupdate {_DECLARED}><d:set><d:prop>{name}{_color(kind, color)}</d:prop>"
            "</d:set></d:propertyupdate>"
        )
        answer = self._ask("PROPPATCH", href, body.encode(), _XML, may_repeat=False)
        if answer.status == 207:
            members = multistatus.parse(answer.body, self.base).members.values()
            return Reply(next((one.status for one in members if one.status >= 300), 200))
        return self._reply(answer)

    def make(self, href: str, kind: CollectionKind, facts: Facts) -> Reply:
        """Create a calendar (MKCALENDAR) or an address book (extended MKCOL, RFC 5689)."""
        name = f"<d:displayname>{escape(facts.display_name)}</d:displayname>"
        if kind is CollectionKind.CALENDAR:
            components = "".join(f'<c:comp name="{escape(one)}"/>' for one in facts.components)
            chosen = f"<c:supported-calendar-component-set>{components}</c:supported-calendar-component-set>"
            chosen = chosen if components else ""
            props = f"{name}{_color(kind, facts.color)}{chosen}"
            body = f"{PROLOG}<c:mkcalendar {_DECLARED}><d:set><d:prop>{props}</d:prop></d:set></c:mkcalendar>"
            return self._reply(self._ask("MKCALENDAR", href, body.encode(), _XML, may_repeat=False))
        kinds = "<d:resourcetype><d:collection/><cr:addressbook/></d:resourcetype>"
        body = f"{PROLOG}<d:mkcol {_DECLARED}><d:set><d:prop>{kinds}{name}</d:prop></d:set></d:mkcol>"
        return self._reply(self._ask("MKCOL", href, body.encode(), _XML, may_repeat=False))

    def _write(self, method: str, href: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        return self._reply(self._ask(method, href, body, headers, may_repeat=False))

    def _reply(self, answer: Answer) -> Reply:
        """A write's answer; what concerns more than this one write is an error."""
        if answer.status in (401, 429, 500, 502, 503, 504) or _is_rate_limit(answer):
            raise _error(answer)
        if answer.status >= 300:
            precondition, hrefs = multistatus.precondition_of(answer.body)
            hrefs = tuple(normal_href(self.base, one) for one in hrefs)
            return Reply(answer.status, "", "", precondition, hrefs, _told(answer))
        location = answer.header("location")
        href = normal_href(self.base, urljoin(answer.url, location)) if location else ""
        return Reply(answer.status, clean_etag(answer.header("etag")), href)

    # -- sending

    def _multistatus(self, method: str, href: str, body: str, depth: str) -> Multistatus:
        headers = {**_XML, "Depth": depth}
        for attempt in range(TRIES):
            answer = self._ask(method, href, body.encode(), headers, may_repeat=True)
            if answer.status != 207:
                raise _error(answer)
            try:
                return multistatus.parse(answer.body, self.base)
            except RemoteError:
                if attempt == TRIES - 1:
                    raise
                self._pause(attempt)
        raise AssertionError("not reached")

    def _ask(
        self, method: str, href: str, body: bytes | None, headers: Mapping[str, str], *, may_repeat: bool
    ) -> Answer:
        tries = TRIES if may_repeat else 1
        for attempt in range(tries):
            is_last = attempt == tries - 1
            try:
                answer = self._send(method, href, body, headers)
            except OutgoingError as error:
                if is_last or error.code not in ("unreachable", "garbled"):
                    target = error.target if isinstance(error, RedirectRefused) else ""
                    problem = _CODES.get(error.code, Problem.UNREACHABLE)
                    raise RemoteError(problem, str(error), hrefs=(target,) if target else ()) from None
            else:
                waits = answer.status in (502, 503, 504) and answer.retry_after() is None
                if is_last or not waits:
                    return answer
            self._pause(attempt)
        raise AssertionError("not reached")

    def _send(self, method: str, href: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        if self.quirks.min_interval:
            wait = self._last + self.quirks.min_interval - time.monotonic()
            if wait > 0:
                self.sleep(wait)
            self._last = time.monotonic()
        self.requests += 1
        answer = self.web.request(method, self.url(href), headers=headers, body=body)
        self.final = answer.url
        if answer.status == 401:
            raise _error(answer)
        return answer

    def _pause(self, attempt: int) -> None:
        self.sleep(WAIT * 2**attempt * random.uniform(0.7, 1.3))  # noqa: S311 - no secret


_XML = {"Content-Type": "application/xml; charset=utf-8"}
_CODES = {
    "unreachable": Problem.UNREACHABLE,
    "address": Problem.UNREACHABLE,
    "certificate": Problem.CERTIFICATE,
    "redirect": Problem.REDIRECT,
    "too-large": Problem.TOO_LARGE,
    "garbled": Problem.GARBLED,
}
_PROBLEMS = {
    401: Problem.CREDENTIALS,
    403: Problem.FORBIDDEN,
    404: Problem.GONE,
    405: Problem.NOT_DAV,
    410: Problem.GONE,
    429: Problem.BUSY,
    501: Problem.NOT_DAV,
    507: Problem.QUOTA_THERE,
}


def _error(answer: Answer) -> RemoteError:
    """What an answer other than success means."""
    wait = answer.retry_after()
    problem = _PROBLEMS.get(answer.status, Problem.SERVER if answer.status >= 500 else Problem.NOT_DAV)
    if (answer.status == 503 and wait is not None) or _is_rate_limit(answer):
        problem = Problem.BUSY
    if problem is Problem.BUSY and wait is None:
        wait = BUSY_SECONDS
    precondition, hrefs = multistatus.precondition_of(answer.body)
    return RemoteError(
        problem,
        Sentence("The server answered %(answer)s.", answer=_told(answer)),
        status=answer.status,
        precondition=precondition,
        hrefs=hrefs,
        retry_after=wait,
    )


def _is_rate_limit(answer: Answer) -> bool:
    """Google says 403 where others say 429."""
    return answer.status == 403 and (b"usageLimits" in answer.body or b"ateLimitExceeded" in answer.body)


def _told(answer: Answer) -> str:
    """The status, and the precondition where there is one, for people."""
    name = multistatus.precondition_of(answer.body)[0].rpartition("}")[2]
    return f"{answer.status} ({name})" if name else str(answer.status)


def facts_of(member: Member) -> Facts:
    """What a response to the properties of a collection tells."""
    types = member.names(f"{DAV}resourcetype")
    kind = next((kind for kind, names in KINDS.items() if names.resourcetype in types), None)
    reports = member.names(f"{DAV}supported-report-set")
    privileges = member.names(f"{DAV}current-user-privilege-set")
    element = member.props.get(f"{CALDAV}supported-calendar-component-set")
    named = (
        () if element is None else tuple(one.get("name", "").upper() for one in element.iter(f"{CALDAV}comp"))
    )
    return Facts(
        member.href,
        kind,
        member.text(f"{DAV}displayname"),
        member.text(KINDS[kind].color) if kind else "",
        tuple(one for one in named if one),
        member.text(f"{DAV}sync-token"),
        member.text(f"{CALENDARSERVER}getctag"),
        reports or None,
        bool(privileges & _WRITES) if privileges else None,
    )


_WRITES = frozenset({f"{DAV}all", f"{DAV}write", f"{DAV}write-content", f"{DAV}bind"})


def _is_collection(member: Member) -> bool:
    return f"{DAV}collection" in member.names(f"{DAV}resourcetype") or member.href.endswith("/")


def _tells(member: Member, data: str) -> bool:
    return data in member.props or member.status in (404, 410)


def _is_made(member: Member) -> bool:
    """Whether a card is not the stored one, by the length of that; some servers count bare line feeds."""
    length = member.text(f"{DAV}getcontentlength")
    body = _fetched(member, KINDS[CollectionKind.ADDRESSBOOK].data).body
    lengths = (len(body), len(body.replace(b"\r\n", b"\n"))) if body else ()
    return length.isdigit() and bool(body) and int(length) not in lengths


def _fetched(member: Member, data: str) -> Fetched:
    element = member.props.get(data)
    if element is None:
        return Fetched(member.href, "", None)
    text = "".join(element.itertext())
    if "\r\n" not in text:  # XML swallows the carriage returns that are not escaped
        text = text.replace("\n", "\r\n")
    return Fetched(member.href, clean_etag(member.text(f"{DAV}getetag")), text.lstrip().encode())


def _color(kind: CollectionKind, color: str) -> str:
    if not color:
        return ""
    name = "ic:calendar-color" if kind is CollectionKind.CALENDAR else "ab:addressbook-color"
    return f"<{name}>{escape(color)}</{name}>"


def batches(hrefs: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Parts of at most so many."""
    return (hrefs[start : start + size] for start in range(0, len(hrefs), size))
