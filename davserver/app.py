"""Composition: the URL map, one WSGI callable. The only module that knows everybody.

    /dav, /dav.php, /cal.php, /card.php     the DAV tree (protocol)
    /.well-known/caldav, …/carddav          301 to /dav/ for every method, without a login
    /ical/TOKEN.ics                         public links (links), without a login
    /api/v1.0/                              the JSON API (api), loaded when it is first asked for
    /index.php/login/v2, /login/v2          Nextcloud's Login Flow v2 for clients (protocol.login_flow)
    /remote.php/dav                         301 to /dav/: where such clients look for the tree
    /, /principals/                         PROPFIND, OPTIONS, REPORT: the DAV tree; GET of /: the pages
    /admin, /account, /bootstrap            the pages (Flask), loaded when the first one is asked for
    /healthz                                200 while the database answers
    /healthz/request                        what arrived here, for `davserver doctor`; every method

The paths hold below SCRIPT_NAME, so the whole can be mounted anywhere.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from davserver.auth import Authenticator, proxy_fix
from davserver.auth.headers import authorization
from davserver.auth.proxy import PEER
from davserver.auth.throttle import RateLimit
from davserver.config import Settings
from davserver.jobs import settings as live_settings
from davserver.log import AccessLog, mask
from davserver.log import adjust as log_adjust
from davserver.protocol import answers
from davserver.protocol.login_flow import PATHS as LOGIN_FLOW
from davserver.protocol.login_flow import LoginFlow
from davserver.protocol.request import PREFIX_NAMES, Environ
from davserver.protocol.server import DavApplication
from davserver.protocol.tree import SAFE
from davserver.storage import Store, figures, migrations, open_store, principals
from davserver.storage.attempts import Attempts

if TYPE_CHECKING:
    from davserver.links import LinkServer

StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

PAGES = frozenset({"admin", "account", "bootstrap"})
"""First parts of the paths that the pages answer."""

LOOK_SECONDS = 2
"""How long another process may go on with settings that were changed on the pages."""

log = logging.getLogger("davserver.app")


def create_app(settings: Settings) -> Application:
    """The whole server over the database that the settings name; its schema is brought up to date."""
    store = open_store(settings.storage)
    migrations.ensure(store)
    return _ProxyFix(Server(settings, store))


class _ProxyFix:
    """Outermost: what the proxy says becomes what the request says, before anything looks at it."""

    def __init__(self, application: Server) -> None:
        self.application = application
        self.logged = AccessLog(application)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        settings = self.application.settings
        proxy_fix(environ, settings.server)
        answer = self.logged if settings.log.access else self.application
        return answer(environ, start_response)


class Lazy:
    """An application that is made when it is first asked for: who only speaks DAV never pays for Flask."""

    def __init__(self, make: Callable[[], Application]) -> None:
        self._make = make
        self._made: Application | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return self._made(environ, start_response)


class Server:
    """The URL map."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.base = settings
        self.store = store
        self._version: str | None = None
        self._look_at = 0.0
        self._build(settings)
        self._look()

    def _build(self, settings: Settings) -> None:
        self.settings = settings
        self.authenticator = Authenticator(settings, self.store)
        self.dav = DavApplication(settings, self.store, self.authenticator)
        self.api = Lazy(self._make_api)
        self.pages = Lazy(self._make_pages)
        self.__dict__.pop("links", None)
        self.exact: dict[str, Application] = {
            "/.well-known/caldav": self._well_known,
            "/.well-known/carddav": self._well_known,
            "/healthz": self._healthz,
            "/healthz/request": self._mirror,
            "/remote.php/dav": self._well_known,
        }
        if settings.web.enabled:  # a flow is granted on a page
            flow = LoginFlow(settings, self.store, RateLimit(Attempts(settings.storage.data_dir)))
            self.exact |= {path + tail: flow for path in LOGIN_FLOW for tail in ("", "/poll")}

    def _look(self) -> None:
        """Settings that were changed on the pages, by any process, hold from here on."""
        self._look_at = time.monotonic() + LOOK_SECONDS
        try:
            with self.store.read() as tx:
                version = live_settings.version(tx)
        except SQLAlchemyError:
            return  # each request says by itself that the database is away
        if version != self._version:
            self._version = version
            self._build(live_settings.in_force(self.store, self.base))
            log_adjust(self.settings)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Find who answers. What nobody foresaw is logged and answered without a word about the inside."""
        try:
            return self._route(environ, start_response)
        except Exception:
            log.exception("%s %s failed", environ.get("REQUEST_METHOD"), mask(environ.get("PATH_INFO", "")))
            return _plain(start_response, 500, "The server made a mistake; its log says more.")

    def _route(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if time.monotonic() > self._look_at:
            self._look()
        environ["davserver.mount"] = _encoded(environ.get("SCRIPT_NAME", "").rstrip("/"))
        head, slash, rest = path[1:].partition("/")
        if "/" + head in PREFIX_NAMES:
            figures.count(self.store, figures.REQUESTS)
            environ["davserver.prefix"] = f"{environ['davserver.mount']}/{head}"
            environ["PATH_INFO"] = slash + rest
            return self.dav(environ, start_response)
        if head == "ical":
            return self.links(environ, start_response)
        if head == "api" and self.settings.api.enabled:
            return self.api(environ, start_response)
        if head in PAGES and self.settings.web.enabled:
            if environ["REQUEST_METHOD"] == "POST":
                self._look_at = 0.0  # what is changed here holds with the next request
            return self.pages(environ, start_response)
        answer = self.exact.get(path.rstrip("/"))
        if answer is not None:
            return answer(environ, start_response)
        if path in ("", "/"):
            return self._root(environ, start_response)
        if head == "principals":
            return self._tree(environ, start_response)
        return _plain(start_response, 404, "There is nothing at this address.")

    def _make_api(self) -> Application:
        from davserver.api import create_api  # Flask: see Lazy

        return create_api(self.settings, self.store, self.authenticator)

    @cached_property
    def links(self) -> LinkServer:
        """Public links; loaded with the first one that is asked for."""
        from davserver.links import LinkServer  # loaded here: see above

        return LinkServer(self.settings, self.store, self.authenticator)

    def _make_pages(self) -> Application:
        from davserver.admin import create_admin  # Flask: see Lazy

        made: Application = create_admin(self.settings, self.store, self.authenticator)
        return made

    def _root(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """``/``: some clients look for the DAV root there, people for a page."""
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._to_pages(environ, start_response)
        environ["PATH_INFO"] = "/"
        return self._tree(environ, start_response)

    def _to_pages(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """``/`` in a browser: one's own page, or the set-up where nobody has an account yet."""
        if not self.settings.web.enabled:
            return _plain(start_response, 200, "davserver runs: calendars, tasks and contacts.")
        with self.store.read() as tx:
            page = "/account/" if principals.count(tx) else "/admin/setup"
        headers = [("Location", environ["davserver.mount"] + page), ("Content-Length", "0")]
        start_response("302 Found", [*headers, ("Cache-Control", "no-store")])
        return []

    def _tree(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The tree without its prefix, where iOS looks when /.well-known fails; answers name the real one."""
        environ["davserver.prefix"] = f"{environ['davserver.mount']}/dav"
        return self.dav(environ, start_response)

    def _well_known(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """RFC 6764 5: a path, so that scheme, host and port stay what the client used."""
        headers = [("Location", f"{environ['davserver.mount']}/dav/"), ("Content-Length", "0")]
        start_response("301 Moved Permanently", [*headers, ("Cache-Control", "max-age=86400")])
        return []

    def _healthz(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            with self.store.read() as tx:
                tx.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return _plain(start_response, 503, "The database does not answer.")
        return _plain(start_response, 200, "ok")

    def _mirror(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Every method: how this request looked when it came in, for whoever sent it."""
        seen = {
            "server": "davserver",
            "method": environ["REQUEST_METHOD"],
            "scheme": environ.get("wsgi.url_scheme", ""),
            "host": environ.get("HTTP_HOST", ""),
            "mount": environ["davserver.mount"],
            "authorization": bool(authorization(environ, self.settings.auth.authorization_header)),
            "forwarded": "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ,
            "trusted": environ.get(PEER) != environ.get("REMOTE_ADDR"),
            "time": int(time.time()),
        }
        return _plain(start_response, 200, json.dumps(seen))


def _encoded(script_name: str) -> str:
    """SCRIPT_NAME as it stands in an href."""
    return quote(script_name.encode("latin-1"), safe="/" + SAFE)


def _plain(start_response: StartResponse, status: int, message: str) -> Iterable[bytes]:
    body = (message + "\n").encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(answers.status(status), headers)
    return [body]
