"""Nextcloud's Login Flow v2 over HTTP: two addresses of JSON. What it means is in jobs/login_flow.

    POST /index.php/login/v2        (also /login/v2)        200: where to poll, and the page to open
    POST …/poll, token=…                                    200 once granted, 404 until then and afterwards

Clients put ``remote.php/dav`` behind the server's address that they get; app.py redirects that to the tree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from davserver.auth.proxy import client_address
from davserver.auth.throttle import RateLimit, network
from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs import login_flow
from davserver.jobs.office import Office
from davserver.protocol import answers
from davserver.protocol.request import Environ
from davserver.protocol.server import StartResponse, read_body
from davserver.storage import Store
from davserver.wire import base_url

PATHS = ("/index.php/login/v2", "/login/v2")
PAGE = "/account/grant/"
"""Where the page is that a flow's user sees; the flow's own token follows."""

LONGEST_BODY = 4096
STARTS = (20, 600)
"""Flows that one address may start in so many seconds."""
POLLS = (60, 60)
"""Polls of one token in so many seconds: clients ask once a second at most."""
STRANGE_POLLS = (120, 60)
"""Polls from one address in so many seconds, whatever the token."""


class LoginFlow:
    """The WSGI application behind PATHS and PATHS + /poll."""

    def __init__(self, settings: Settings, store: Store, limit: RateLimit) -> None:
        self.settings = settings
        self.store = store
        self.limit = limit

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer in JSON, errors too."""
        action = self._poll if environ["PATH_INFO"].rstrip("/").endswith("/poll") else self._start
        headers: list[tuple[str, str]] = []
        try:
            status, answer = 200, self._run(action, environ)
        except HttpError as error:
            status, answer, headers = error.status, {"message": error.message}, list(error.headers)
        body = json.dumps(answer).encode()
        common = [("Content-Type", "application/json; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response(answers.status(status), [*common, ("Cache-Control", "no-store"), *headers])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _run(self, action: Callable[[Environ, Office], Any], environ: Environ) -> Any:
        if environ["REQUEST_METHOD"] != "POST":
            raise HttpError(405, "This is for POST.", headers=[("Allow", "POST")])
        return action(environ, Office(self.store, self.settings, "login flow", client_address(environ)))

    def _start(self, environ: Environ, office: Office) -> Any:
        read_body(environ, LONGEST_BODY)
        self.limit.use("login-flow", network(office.address), *STARTS)
        started = login_flow.start(office, environ.get("HTTP_USER_AGENT", ""))
        server = base_url(environ, self.settings)
        return {
            "poll": {"token": started.token, "endpoint": server + PATHS[-1] + "/poll"},
            "login": server + PAGE + started.page,
        }

    def _poll(self, environ: Environ, office: Office) -> Any:
        text = read_body(environ, LONGEST_BODY).decode("utf-8", "replace")
        token = parse_qs(text).get("token", [""])[0]
        self.limit.use("login-flow-polls", network(office.address), *STRANGE_POLLS)
        self.limit.use("login-flow-poll", token, *POLLS)
        taken = login_flow.poll(office, token)
        return {
            "server": base_url(environ, self.settings),
            "loginName": taken.login_name,
            "appPassword": taken.made.password,
        }
