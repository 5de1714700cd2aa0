"""/ical/TOKEN.ics and /ical/TOKEN/Any name.ics: the answer to somebody who has nothing but the address.

    GET, HEAD    the calendar; ``.vcf`` an address book, whose ``.ics`` are its birthdays; ``.json``
                 either, ``.html`` a page for people
    OPTIONS      where the link may be read by scripts of other sites (CORS)
    others       405

An unknown token, a paused, an expired and a deleted link are answered alike. One statement finds link and
collections; their revisions make the entity tag, so "not modified" costs nothing more. Nothing is written for
a poll. ``?start=`` and ``?end=`` (seconds, days or UTC times) narrow the window of the link.
"""

from __future__ import annotations

import logging
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qs, quote

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from davserver.auth import Authenticator, client_address
from davserver.auth.rates import Rates
from davserver.auth.throttle import network
from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs.links import SUFFIXES, digest_of
from davserver.links.cache import Cache
from davserver.links.render import TYPES, Maker, Window, pieces, window_of, zone_of
from davserver.links.sight import PLAIN_COLOR, Sight, color_of, policy, sight_of
from davserver.links.statistics import Statistics, client_name
from davserver.model import CollectionKind, Link
from davserver.sentences import Sentence
from davserver.storage import Store, links
from davserver.wire import (
    Environ,
    Headers,
    Streamed,
    accepts_gzip,
    base_url,
    begin,
    disposition,
    gzipped,
    http_date,
    joined,
    status,
    tags_of,
)

StartResponse = Callable[..., Any]

FORMAT_VERSION = 1
"""Part of each entity tag: raised when the same calendar is to be written otherwise."""

NOT_MODIFIED_COST = 0.1
ALWAYS: tuple[tuple[str, str], ...] = (
    ("Cache-Control", "private, no-cache"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("X-Content-Type-Options", "nosniff"),
)
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d):?(\d\d)Z)?", re.ASCII)
_PATH = re.compile(r"/ical/([A-Za-z0-9_-]{16,64})(?:/[^/]+)?\.([a-z]{3,4})", re.ASCII | re.DOTALL)

_shown_of = attrgetter(
    "id", "revision", "stamp", "name", "display_name", "description", "color", "timezone_id"
)

log = logging.getLogger("davserver.links")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a link: the suffix of the address, the effective window, the time of the request.

    ``sight``: which part a page shows, None for what is no page. ``address``: its own, without the suffix.
    """

    link: Link
    suffix: str
    window: Window
    moment: int
    sight: Sight | None
    address: str

    @property
    def modified(self) -> int:
        """When what is answered changed last; a window that moves does so at midnight."""
        moments = [self.link.modified, *(held.modified for held in self.link.collections)]
        view = self.link.view
        if view.days_back is not None or view.days_ahead is not None:
            moments.append(self.moment - self.moment % 86_400)
        return max(moments)


class LinkServer:
    """The WSGI application. Safe to share between threads; one per process."""

    def __init__(self, settings: Settings, store: Store, authenticator: Authenticator) -> None:
        self._settings = settings
        self._store = store
        self._authenticator = authenticator
        self._rates = Rates(settings.links.requests_per_minute)
        self._cache = Cache(settings.links.cache_size)
        self._maker = Maker(settings, self._cache)
        self.statistics = Statistics(store)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        stack = ExitStack()
        try:
            return self._answer(environ, start_response, stack)
        except HttpError as error:
            stack.close()
            return _refuse(environ, start_response, error)
        except DBAPIError as error:
            stack.close()
            log.warning("database: %s", str(error.orig).partition("\n")[0])
            busy = HttpError(503, "The database is busy.", headers=[("Retry-After", "30")])
            return _refuse(environ, start_response, busy)
        except BaseException:
            stack.close()
            raise

    def _answer(self, environ: Environ, start_response: StartResponse, stack: ExitStack) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD", "OPTIONS"):
            raise HttpError(405, "A link is read, never written.", headers=[("Allow", "GET, HEAD")])
        tx = stack.enter_context(self._store.read())
        moment = int(time.time())
        link, suffix = self._find(tx, environ, moment)
        if method == "OPTIONS":
            return _preflight(start_response, link)
        if link.password:
            self._authenticator.check_secret(environ, f"link/{link.id}", link.password)
        reader = (link.id, network(client_address(environ)))
        self._rates.check(reader)
        asked = self._asked(environ, link, suffix, moment)
        tag = _tag(asked, self._settings.links.refresh_minutes)
        self.statistics.note(link.id, moment, client_name(environ.get("HTTP_USER_AGENT")))
        headers = _headers(asked, tag)
        if _is_known(environ, tag, asked, headers):
            self._rates.charge(reader, NOT_MODIFIED_COST)
            stack.close()
            start_response(status(304), headers)
            return []
        self._rates.charge(reader)
        return self._send(environ, start_response, (asked, tag, headers), (tx, stack))

    def _find(self, tx: Connection, environ: Environ, moment: int) -> tuple[Link, str]:
        """The link and the suffix of the address; 404 for what cannot be read, always after one look-up."""
        match = _PATH.fullmatch(_path(environ))
        token, suffix = (match[1], match[2]) if match else ("", "")
        link = links.by_digest(tx, digest_of(token))
        if link is None or not (self._settings.links.enabled and link.active and link.collections):
            raise _not_found()
        if link.expires is not None and link.expires <= moment:
            raise _not_found()
        known = {SUFFIXES[link.kind], "json", "ics"} | ({"html"} if link.page else set())
        if suffix not in known or (suffix == "html" and link.kind is not CollectionKind.CALENDAR):
            raise _not_found()
        return link, suffix

    def _send(
        self,
        environ: Environ,
        start_response: StartResponse,
        answer: tuple[Asked, str, Headers],
        held: tuple[Connection, ExitStack],
    ) -> Iterable[bytes]:
        """The body: from the cache, whole, or streamed while the transaction stays open."""
        asked, tag, headers = answer
        tx, stack = held
        packed = accepts_gzip(environ)
        kept = self._cache.get((tag, packed))
        if kept is None and not packed and (other := self._cache.get((tag, True))) is not None:
            body: bytes | Iterator[bytes] = _unpacked(other)
        elif kept is not None:
            body = kept
        else:
            made = self._pieces(tx, asked)
            body = self._cache.keeping((tag, packed), gzipped(made) if packed else joined(made))
        if packed:
            headers.append(("Content-Encoding", "gzip"))
            headers[0] = ("ETag", f'{tag[:-1]}-gzip"')
        first, rest = begin(body)
        head = environ["REQUEST_METHOD"] == "HEAD"
        if rest is None:
            stack.close()
            start_response(status(200), [*headers, ("Content-Length", str(len(first)))])
            return [] if head else [first]
        start_response(status(200), headers)
        if head:
            stack.close()
            return []
        return Streamed(chain([first], rest), stack)

    def _asked(self, environ: Environ, link: Link, suffix: str, moment: int) -> Asked:
        window, text = window_of(link, moment), environ.get("QUERY_STRING", "")
        query = parse_qs(text) if text else {}
        if query:
            narrowed = Window(_moment(query, "start"), _moment(query, "end"))
            if narrowed.is_empty:
                raise HttpError(400, "end must come after start.")
            window = window.within(narrowed)
        if suffix != "html":
            return Asked(link, suffix, window, moment, None, "")
        sight = sight_of(query, environ.get("HTTP_ACCEPT_LANGUAGE") or "", zone_of(link).to_local(moment))
        address = base_url(environ, self._settings) + quote(_path(environ).removesuffix(".html"))
        return Asked(link, suffix, window, moment, sight, address)

    def _pieces(self, tx: Connection, asked: Asked) -> Iterator[bytes]:
        if asked.sight is None:
            return pieces(tx, asked.link, asked.suffix, asked.window, self._maker)
        # Jinja2 and Babel, which most servers never need
        from davserver.links import page

        shown = page.Shown(asked.link, asked.sight, asked.window, asked.address)
        return iter([page.render(tx, shown, self._maker)])


def _unpacked(packed: bytes) -> Iterator[bytes]:
    """A kept answer for a reader that does not take gzip, in pieces."""
    machine = zlib.decompressobj(31)
    rest = packed
    while rest:
        yield machine.decompress(rest, 512 * 1024)
        rest = machine.unconsumed_tail


def _path(environ: Environ) -> str:
    try:
        return str(environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return ""


def _moment(query: dict[str, list[str]], name: str) -> int | None:
    """Seconds since 1970, ``2026-05-01``, ``20260501`` or ``20260501T120000Z``; 400 for anything else."""
    text = query.get(name, [""])[0]
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) != 8 and len(text) < 12:
        return int(text)
    match = _DAY.fullmatch(text)
    try:
        if match:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        pass
    raise HttpError(400, Sentence("%(name)s is a day such as 2026-05-01, or seconds since 1970.", name=name))


def _tag(asked: Asked, refresh_minutes: int) -> str:
    """The entity tag: everything that the answer depends on, without making it."""
    link = asked.link
    shown = [_shown_of(held) for held in link.collections]
    facts = (FORMAT_VERSION, link.id, link.version, link.timezone, shown, asked.suffix, refresh_minutes)
    text = repr((*facts, asked.window.start, asked.window.end, asked.sight, asked.sight and asked.address))
    return f'"{blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()}"'


def _headers(asked: Asked, tag: str) -> Headers:
    """Those of 200 and 304; the entity tag is the first."""
    link = asked.link
    # A change within this second would have the same date, so this second is not told yet (RFC 9110 8.8.2.1).
    modified = min(asked.modified, asked.moment - 1)
    name = disposition("inline", f"{link.shown_title.replace('/', '-')}.{asked.suffix}")
    content_type = TYPES.get(asked.suffix) or TYPES[asked.suffix, link.kind]
    headers: Headers = [("ETag", tag), ("Last-Modified", http_date(modified)), *ALWAYS]
    headers.append(("Content-Type", content_type))
    if asked.sight is None:
        headers += [("Content-Disposition", name), ("Vary", "Accept-Encoding")]
    else:
        headers += [
            ("Content-Security-Policy", policy(color_of(link), embed=link.embed)),
            ("Vary", "Accept-Encoding, Accept-Language"),
        ]
    if link.cors:
        headers += [
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Expose-Headers", "ETag, Last-Modified"),
        ]
    return headers


def _is_known(environ: Environ, tag: str, asked: Asked, headers: Headers) -> bool:
    """Whether the reader has it (RFC 9110 13.1.2, 13.1.3).

    Dates are compared as texts: a link that lost a calendar may become older than what the reader has.
    """
    none_match = environ.get("HTTP_IF_NONE_MATCH")
    if none_match is None:
        return environ.get("HTTP_IF_MODIFIED_SINCE") == http_date(asked.modified)
    known = tags_of(none_match)
    if "*" in known:
        return True
    held = next(
        (one for one in known if one.removeprefix("W/").replace("-gzip", "").strip('"') == tag[1:-1]), ""
    )
    if held:
        headers[0] = ("ETag", held.removeprefix("W/"))
    return bool(held)


def _preflight(start_response: StartResponse, link: Link) -> Iterable[bytes]:
    """OPTIONS, which browsers send before a script of another site reads the link."""
    if not link.cors:
        raise HttpError(405, "A link is read, never written.", headers=[("Allow", "GET, HEAD")])
    headers = [
        ("Allow", "GET, HEAD, OPTIONS"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
        ("Access-Control-Allow-Headers", "If-None-Match, If-Modified-Since, Authorization"),
        ("Access-Control-Max-Age", "86400"),
        *ALWAYS,
    ]
    start_response(status(204), headers)
    return []


def _not_found() -> HttpError:
    return HttpError(404, "There is nothing at this address.")


def _reason(environ: Environ, error: HttpError) -> tuple[bytes, Headers]:
    """What the error says: in a line of English, to a browser on a page in its language."""
    if "text/html" not in environ.get("HTTP_ACCEPT", ""):
        return f"{error.message}\n".encode(), [("Content-Type", "text/plain; charset=utf-8")]
    # Jinja2 and Babel, which most servers never need
    from davserver.links import page

    languages = environ.get("HTTP_ACCEPT_LANGUAGE") or ""
    headers = [("Content-Type", TYPES["html"])]
    # Where a page in a frame of another site has ended, the frame says so.
    headers.append(("Content-Security-Policy", policy(PLAIN_COLOR, embed=True)))
    return page.refusal(error.message, error.status, languages), headers


def _refuse(environ: Environ, start_response: StartResponse, error: HttpError) -> Iterable[bytes]:
    body, headers = _reason(environ, error)
    headers += [("Vary", "Accept, Accept-Language"), ("Content-Length", str(len(body)))]
    start_response(status(error.status), [*error.headers, *ALWAYS, *headers])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
