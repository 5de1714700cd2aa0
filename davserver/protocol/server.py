"""The pipeline of a DAV request, on WsgiDAV's application, dispatcher and provider.

    DavApplication (WsgiDAVApp)     decodes the path, keeps WsgiDAV's environment, streams
      Dispatcher (RequestServer)    finds the row of METHODS for the HTTP method
        Provider (DAVProvider)      custom_request_handler: who asks, what body, which resource, may he,
                                    does the If header hold, one transaction, one ``except``

What WsgiDAV does otherwise and is replaced: its start_response wrapper closes connections of streamed
answers; its resolver makes a dispatcher for each request. See ARCHITECTURE.md.
"""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError
from wsgidav.dav_error import DAVError
from wsgidav.dav_provider import DAVProvider
from wsgidav.request_server import RequestServer
from wsgidav.wsgidav_app import WsgiDAVApp

from davserver.auth import Authenticator
from davserver.config import Settings
from davserver.davxml import CALDAV, CARDDAV
from davserver.errors import HttpError
from davserver.model import Identity
from davserver.protocol import access, answers, locking, tree
from davserver.protocol.methods import METHODS, Method, allowed
from davserver.protocol.properties import (  # noqa: F401 - fill the table
    PROTECTED,
    TABLE,
    acl,
    caldav,
    carddav,
    sharing,
    webdav,
)
from davserver.protocol.reports import (  # noqa: F401 - fill the table
    addressbook_multiget,
    addressbook_query,
    calendar_multiget,
    calendar_query,
    expand_property,
    free_busy_query,
    principals,
    sync_collection,
)
from davserver.protocol.request import Environ, Headers, Request, Response
from davserver.storage import Store, figures
from davserver.storage.engine import is_transient, is_unavailable
from davserver.wire import ONE_PIECE, Streamed, accepts_gzip, begin, gzipped, joined

StartResponse = Callable[..., Any]

PROTECTED.update(name for table in TABLE.values() for name, row in table.items() if row.set is None)

WORTH_GZIP = 1024

RECHECK_SECONDS = 2
"""How long an answer goes on after what its asker showed was revoked."""

ATTEMPTS = 3
"""How often a write is tried that failed on a deadlock or a serialization conflict."""

log = logging.getLogger("davserver.protocol")


class DavApplication(WsgiDAVApp):
    """The DAV tree as a WSGI application. ``environ["davserver.prefix"]`` is the path in front of it."""

    def __init__(self, settings: Settings, store: Store, authenticator: Authenticator) -> None:
        provider = Provider(settings, store, authenticator)
        super().__init__(
            {
                "provider_mapping": {"/": provider},
                "middleware_stack": [Dispatcher(provider)],
                "logging": {"enable": False},
                "lock_storage": False,
                "property_manager": False,
                "http_authenticator": {"accept_basic": False, "accept_digest": False},
            }
        )
        self.provider = provider

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request whose PATH_INFO begins after the prefix."""
        environ["wsgidav.app"] = self
        environ["wsgidav.config"] = self.config
        environ["wsgidav.provider"] = self.provider
        environ["wsgidav.verbose"] = 0
        environ["wsgidav.auth.user_name"] = ""
        environ["davserver.allowed"] = allowed
        return _Started(self.application(environ, start_response))


class _Started:
    """WsgiDAV's dispatcher is a generator. Its first step is taken here, where a failure can be answered."""

    def __init__(self, answer: Generator[bytes, None, None]) -> None:
        self._answer = answer
        self._first = next(answer, None)

    def __iter__(self) -> Iterator[bytes]:
        if self._first is not None:
            yield self._first
            yield from self._answer

    def close(self) -> None:
        """Passes on that the answer is done or the client gone."""
        self._answer.close()


class Dispatcher(RequestServer):
    """WsgiDAV's dispatch over our table: ``do_X`` is the row of METHODS for X."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._possible_methods = list(METHODS)
        for name, row in METHODS.items():
            setattr(self, f"do_{name}", row)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Generator[bytes, None, None]:
        """A method that is in no table is the provider's to refuse, like any other error."""
        if environ["REQUEST_METHOD"] in METHODS:
            answer: Generator[bytes, None, None] = super().__call__(environ, start_response)
            return answer
        return (one for one in self._davProvider.custom_request_handler(environ, start_response, None))


class Provider(DAVProvider):
    """Runs each request: the one place where it is resolved, checked, answered, and where errors end."""

    def __init__(self, settings: Settings, store: Store, authenticator: Authenticator) -> None:
        super().__init__()
        self.settings = settings
        self.store = store
        self.authenticator = authenticator

    def get_resource_inst(self, path: str, environ: Environ) -> None:
        """Asked for by WsgiDAV's own methods only, which the table replaces: there is nothing for them."""

    def custom_request_handler(
        self, environ: Environ, start_response: StartResponse, default_handler: Any
    ) -> Iterable[bytes]:
        """WsgiDAV's hook; ``default_handler`` is the row of METHODS that the dispatcher found."""
        stack = ExitStack()
        try:
            response = self._answer(environ, default_handler, stack)
            return send(environ, start_response, response, stack)
        except HttpError as error:
            stack.close()
            return send(environ, start_response, answers.error(environ, error), ExitStack())
        except DBAPIError as error:
            stack.close()
            answer = answers.error(environ, self._database_error(error))
            return send(environ, start_response, answer, ExitStack())
        except BaseException:
            stack.close()
            raise

    def _answer(self, environ: Environ, method: Method | None, stack: ExitStack) -> Response:
        """The response, or an HttpError for whatever goes wrong. ``stack`` outlives a streamed body."""
        try:
            if method is None:
                raise HttpError(405, "This method does not exist here.", headers=_allow(tree.Kind.ROOT))
            request = Request(environ, self.settings, environ["davserver.prefix"], _segments(environ))
            if method.writes:
                return self._write(request, method)
            tx = stack.enter_context(self.store.read())
            request.tx, request.identity = tx, self.authenticator.authenticate(environ, tx)
            request.body = self._body(request)
            response = run(request, method)
            if not isinstance(response.body, bytes):
                response.body = self._begun(request.identity, response.body)
            return response
        except DAVError as error:
            raise HttpError(error.value, str(error.context_info or "")) from None

    def _write(self, request: Request, method: Method) -> Response:
        """Who asks and the body come before the write transaction: neither may hold its lock."""
        with self.store.read() as tx:
            request.tx, request.identity = tx, self.authenticator.authenticate(request.environ, tx)
        request.body = self._body(request)
        for attempt in range(ATTEMPTS):
            try:
                with self.store.write() as tx:
                    request.tx = tx
                    response = run(request, method)
                    if not isinstance(response.body, bytes):
                        response.body = b"".join(response.body)
                figures.count(self.store, figures.CHANGES)
                return response
            except DBAPIError as error:
                lost_race = isinstance(error, IntegrityError) or is_transient(error)
                if not lost_race or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.02 * (attempt + 1))
        raise AssertionError("unreachable")

    def _begun(self, identity: Identity, pieces: Iterator[bytes]) -> bytes | Iterator[bytes]:
        """The whole body where it is short, else one that goes on while the asker is let in."""
        began = time.monotonic()
        first, rest = begin(pieces)
        if time.monotonic() - began > RECHECK_SECONDS:
            self._recheck(identity, pieces)
        return first if rest is None else self._while_current(identity, chain([first], rest))

    def _while_current(self, identity: Identity, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """A long answer ends where whoever asked is locked out: within seconds, not when all is sent.

        The connection breaks, so that nobody takes what came for the whole.
        """
        checked = time.monotonic()
        for piece in pieces:
            if time.monotonic() - checked > RECHECK_SECONDS:
                self._recheck(identity, pieces)
                checked = time.monotonic()
            yield piece

    def _recheck(self, identity: Identity, pieces: Iterator[bytes]) -> None:
        with self.store.read() as tx:
            if self.authenticator.is_current(tx, identity):
                return
        if isinstance(pieces, Generator):
            pieces.close()  # and with it the cursor that it reads from
        raise HttpError(401, "The sign-in was revoked.")

    def _body(self, request: Request) -> bytes:
        if request.method not in ("PUT", "POST"):
            return read_body(request.environ, self._limit(request))
        space = CARDDAV if request.segments[:1] == ("addressbooks",) else CALDAV
        return read_body(request.environ, self._limit(request), space + "max-resource-size")

    def _limit(self, request: Request) -> int:
        """Bytes of the body that are read at most; more is refused unread."""
        settings = self.settings
        if request.method in ("PUT", "POST"):
            largest = max(settings.caldav.max_resource_size, settings.carddav.max_resource_size)
            return min(settings.server.max_request_size, largest)
        return min(settings.server.max_request_size, settings.limits.xml_size)

    def _database_error(self, error: DBAPIError) -> HttpError:
        log.warning("database: %s", str(error.orig).partition("\n")[0])
        if isinstance(error, IntegrityError) or is_transient(error) or is_unavailable(error):
            message = "The database is busy. Try again in a moment."
            return HttpError(503, message, headers=[("Retry-After", "5")])
        return HttpError(400, "The request holds a value that cannot be stored.")


def _allow(kind: tree.Kind) -> list[tuple[str, str]]:
    return [("Allow", ", ".join(allowed(kind)))]


def _segments(environ: Environ) -> tuple[str, ...]:
    """The decoded path. WSGI hands it over as Latin-1; it must be UTF-8."""
    try:
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise HttpError(400, "The address is not UTF-8.") from None
    return tree.segments_of(path)


def run(request: Request, method: Method) -> Response:
    """Resolve, authorise, check the If header, and call the method."""
    node = request.resolve(request.segments)
    if node is None:
        # RFC 4918 9.3.1, 9.7.1: what is made needs a parent, and below an item there is none
        status = 409 if method.writes and method.missing else 404
        raise HttpError(status, "There is nothing at this address.")
    request.node = node
    _authorise(request, node, method)
    if node.kind not in method.kinds:
        raise HttpError(405, "This resource does not take the method.", headers=_allow(node.kind))
    if "HTTP_IF" in request.environ:
        locking.check_if(request, node)
    return method.handler(request)


def _authorise(request: Request, node: tree.Node, method: Method) -> None:
    """403 for what is not the user's, whether it exists or not; 404 only within what he may see."""
    if not node.privileges:
        raise access.NeedPrivileges(request.href(node), method.privilege or access.READ)
    if not node.exists and not method.missing:
        raise HttpError(404, "There is nothing at this address.")
    if method.privilege is not None and node.kind in method.kinds:
        request.require(node, access.BIND if not node.exists else method.privilege)


def read_body(environ: Environ, limit: int, precondition: str | None = None) -> bytes:
    """The whole request body; 413 before anything is read where it is announced to be too large.

    :param precondition: the element that says so (max-resource-size, RFC 4791 5.3.2.1).
    """
    too_large = HttpError(413, f"The request body is larger than {limit} bytes.", precondition)
    announced = environ.get("CONTENT_LENGTH") or ""
    stream = environ["wsgi.input"]
    if announced:
        if not (announced.isascii() and announced.isdigit()):
            raise HttpError(400, "Content-Length is not a number.")
        length = int(announced[:18])
        if length > limit:
            raise too_large
        body: bytes = stream.read(length) if length else b""
        if len(body) < length:
            raise HttpError(400, "The request body ended early.")
        return body
    if not environ.get("wsgi.input_terminated"):
        return b""
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise too_large
    return body


def send(
    environ: Environ, start_response: StartResponse, response: Response, stack: ExitStack
) -> Iterable[bytes]:
    """Start the response; the stack (the transaction) is closed when the last byte is out."""
    body, rest = begin(response.body)
    headers = response.headers
    head = environ["REQUEST_METHOD"] == "HEAD"
    if rest is None:
        stack.close()
        encode = "gzip" if _wants_gzip(environ, response, len(body)) else ""
        if encode:
            body = gzip.compress(body, 3, mtime=0)
            headers.append(("Content-Encoding", encode))
        if response.status not in (204, 304):
            headers.append(("Content-Length", str(len(body))))
        start_response(answers.status(response.status), headers)
        return [] if head or response.status in (204, 304) else [body]
    pieces: Iterator[bytes] = chain([body], joined(rest))
    if _wants_gzip(environ, response, ONE_PIECE):
        headers.append(("Content-Encoding", "gzip"))
        pieces = gzipped(pieces)
    start_response(answers.status(response.status), headers)
    if head:
        stack.close()
        return []
    return Streamed(pieces, stack)


def _wants_gzip(environ: Environ, response: Response, size: int) -> bool:
    """Texts of some size, for who accepts gzip; never a body with a strong tag of its own bytes."""
    if size < WORTH_GZIP or not accepts_gzip(environ):
        return False
    names = {name.lower() for name, _ in response.headers}
    if "etag" in names or "content-encoding" in names:
        return False
    response.headers[:] = _vary(response.headers)
    return True


def _vary(headers: Headers) -> Headers:
    others = [value for name, value in headers if name.lower() == "vary"]
    kept = [(name, value) for name, value in headers if name.lower() != "vary"]
    return [*kept, ("Vary", ", ".join([*others, "Accept-Encoding"]))]
