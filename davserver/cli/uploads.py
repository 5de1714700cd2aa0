"""Large bodies for waitress: who may send one is asked as soon as the header is read.

Waitress stores a body before the application sees the request, so the application would ask too late.
Everybody may send ``server.max_request_size`` bytes. Larger ones, up to ``limits.import_size``, only a
browser that is signed in may send. Its session is looked up by the token in its cookie; the page then checks
the cookie's signature, the form's token and the rest.
"""

from __future__ import annotations

import copy
import hashlib
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Any

from waitress.parser import HTTPRequestParser

from davserver.config import Settings
from davserver.storage import Store, open_store, web_sessions


class Uploads:
    """Who may send a large body."""

    def __init__(self, settings: Settings) -> None:
        self.normal = settings.server.max_request_size
        self.largest = max(self.normal, settings.limits.import_size)
        self._storage = settings.storage

    @cached_property
    def _store(self) -> Store:
        return open_store(self._storage)

    def may(self, cookie: str) -> bool:
        """Whether the request comes from a browser that is signed in."""
        token = _token(cookie)
        if token is None:
            return False
        with self._store.read() as tx:
            found = web_sessions.find(tx, hashlib.sha256(token.encode()).hexdigest())
        return found is not None and found[0].level == web_sessions.FULL and not found[1].disabled


def _token(cookie: str) -> str | None:
    """The session's random token in Flask's cookie, its signature unchecked; None where there is none."""
    # loaded here: only who sends a large file with a cookie needs it, and he loads the pages anyway
    from itsdangerous import BadData, URLSafeTimedSerializer

    try:
        morsel = SimpleCookie(cookie).get("davserver")
        _, content = URLSafeTimedSerializer("").loads_unsafe(morsel.value if morsel else "")
    except (CookieError, BadData):
        return None
    token = content.get("token") if isinstance(content, dict) else None
    return token if isinstance(token, str) else None


def parser_for(uploads: Uploads) -> type[HTTPRequestParser]:
    """The parser class of a server with these rules."""

    class Parser(HTTPRequestParser):  # type: ignore[misc]
        adj: Any

        def parse_header(self, header_plus: bytes) -> Any:
            super().parse_header(header_plus)
            is_large = self.content_length >= uploads.normal or self.chunked
            if is_large and self.command == "POST" and uploads.may(self.headers.get("COOKIE", "")):
                self.adj = copy.copy(self.adj)
                self.adj.max_request_body_size = uploads.largest

    return Parser
