"""What DAV servers answer, read tolerantly: hrefs, entity tags, properties of a multistatus.

Belongs here: bytes → values. Must not be here: requests (client), what follows from a value.

Servers stray: the propstat with 404 first (iCloud), two responses for one href (Zimbra, DavMail), entity
tags without quotes (robur), with %22 (Bedework), weak, with -gzip (Apache), absolute hrefs (iCloud), %40
for @ here and not there. RFC 4918 14.16, RFC 6578 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote_to_bytes, urljoin, urlsplit

from davserver import davxml
from davserver.davxml import DAV, Element
from davserver.errors import HttpError
from davserver.sync.problems import Problem, RemoteError

MAX_DEPTH = 64
_STATUS = re.compile(r"^\s*(?:HTTP/[\d.]+\s+)?(\d{3})")
_NORMAL = re.compile(r"(?:/[A-Za-z0-9_~@][A-Za-z0-9._~@!$&'()*+,;=:-]*)+/?")
"""Paths that are in their one spelling already: no escapes, no dots at the begin of a segment."""
_UNRESERVED = "!$&'()*+,;=:@-._~"


@dataclass(frozen=True, slots=True)
class Member:
    """One DAV:response. ``href`` is normal (:func:`normal_href`); ``props`` are those that were found."""

    href: str
    status: int
    props: dict[str, Element]
    precondition: str = ""

    def text(self, name: str) -> str:
        """The text of a property, "" where it is missing."""
        element = self.props.get(name)
        return "" if element is None else (element.text or "").strip()

    def names(self, name: str) -> frozenset[str]:
        """Clark names of all elements inside a property."""
        element = self.props.get(name)
        found = () if element is None else element.iterdescendants()
        return frozenset(one.tag for one in found if isinstance(one.tag, str))

    def href_in(self, name: str, base: str) -> str:
        """The first href inside a property, normal; "" where there is none."""
        element = self.props.get(name)
        inner = None if element is None else element.find(f"{DAV}href")
        text = "" if inner is None else (inner.text or "").strip()
        return normal_href(base, text) if text else ""


@dataclass(frozen=True, slots=True)
class Multistatus:
    """The members by href, in the answer's order, and the sync-token at its end."""

    members: dict[str, Member]
    sync_token: str = ""


def parse(body: bytes, base: str) -> Multistatus:
    """A multistatus; RemoteError (garbled) for anything else, such as one cut in the middle."""
    try:
        root = davxml.parse(body, MAX_DEPTH)
    except HttpError:
        raise RemoteError(Problem.GARBLED, "The server's answer is no proper XML.") from None
    if root is None or root.tag != f"{DAV}multistatus":
        raise RemoteError(Problem.GARBLED, "The server's answer is not the list that was asked for.")
    members: dict[str, Member] = {}
    for member in (one for response in root.iter(_RESPONSE) for one in _members(response, base)):
        known = members.get(member.href)
        if known is None or len(member.props) >= len(known.props):
            members[member.href] = member
    return Multistatus(members, (root.findtext(f"{DAV}sync-token") or "").strip())


def _members(response: Element, base: str) -> Iterator[Member]:
    own, precondition = 0, ""
    hrefs, statuses = [], []
    found: dict[str, Element] = {}
    for part in response:  # one walk: a listing has thousands of responses
        if part.tag == _PROPSTAT:
            statuses.append(_read_propstat(part, found))
        elif part.tag == _HREF:
            hrefs.append((part.text or "").strip())
        elif part.tag == _OWN_STATUS:
            own = own or _status(part.text, 0)
        elif part.tag == _ERROR:
            precondition = precondition or next((one.tag for one in part if isinstance(one.tag, str)), "")
    for href in filter(None, hrefs):
        yield Member(normal_href(base, href), own or _overall(statuses), found, precondition)


_PROPSTAT, _HREF, _OWN_STATUS, _ERROR = f"{DAV}propstat", f"{DAV}href", f"{DAV}status", f"{DAV}error"
_PROP, _RESPONSE = f"{DAV}prop", f"{DAV}response"


def _read_propstat(propstat: Element, found: dict[str, Element]) -> int:
    """The status of a propstat; where it is a good one, its properties are added."""
    status, props = None, []
    for part in propstat:
        if part.tag == _PROP:
            props.append(part)
        elif part.tag == _OWN_STATUS:
            status = status or part.text
    number = _status(status, 200)
    if 200 <= number < 300:
        found.update({one.tag: one for prop in props for one in prop if isinstance(one.tag, str)})
    return number


def _overall(statuses: list[int]) -> int:
    """The status of a response that has only those of its properties."""
    return 200 if not statuses or any(200 <= one < 300 for one in statuses) else min(statuses)


def _status(text: str | None, default: int) -> int:
    match = _STATUS.match(text or "")
    return int(match[1]) if match else default


def precondition_of(body: bytes) -> tuple[str, tuple[str, ...]]:
    """The precondition element of a DAV:error body and the hrefs in it; ("", ()) for any other body."""
    try:
        root = davxml.parse(body, MAX_DEPTH)
    except HttpError:
        return "", ()
    if root is None or root.tag != f"{DAV}error":
        return "", ()
    name = next((one.tag for one in root if isinstance(one.tag, str)), "")
    hrefs = tuple(text for one in root.iter(f"{DAV}href") if (text := (one.text or "").strip()))
    return name, hrefs


def normal_href(base: str, href: str) -> str:
    """An href in one spelling: the path where it has the origin of ``base``, else the whole URL.

    Percent escapes are decoded where they may be, so that %40 and @ are one; %2F stays as it is.
    """
    if _NORMAL.fullmatch(href):
        return href  # nearly all are; a first listing has thousands
    parts = urlsplit(urljoin(base, href))
    origin = urlsplit(base)
    path = "/".join(quote(unquote_to_bytes(segment), safe=_UNRESERVED) for segment in parts.path.split("/"))
    if not parts.netloc or _authority(parts) == _authority(origin):
        return path or "/"
    return f"{parts.scheme}://{parts.netloc}{path or '/'}"


def _authority(parts: SplitResult) -> tuple[str, str, int]:
    scheme = parts.scheme.lower()
    port = parts.port or {"http": 80, "https": 443}.get(scheme, 0)
    return scheme, (parts.hostname or "").lower(), port


def clean_etag(text: str) -> str:
    """An entity tag as it is compared and sent: quoted, W/ kept; "" where there is none."""
    text = text.strip().replace("%22", '"').replace("&quot;", '"')
    weak = text[:2] in ("W/", "w/")
    value = text[2:].strip() if weak else text
    value = value.strip('"')
    for suffix in ("-gzip", ";gzip", "--gzip"):
        value = value.removesuffix(suffix)
    if not value:
        return ""
    return f'W/"{value}"' if weak else f'"{value}"'


def is_strong(etag: str) -> bool:
    """Whether a tag may go into If-Match (RFC 9110 13.1.1)."""
    return etag.startswith('"')
