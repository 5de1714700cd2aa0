"""A server that strays: a real one behind a script that changes what goes in and what comes out.

    pair.connect = quirky(pair, without_etags)

A quirk is a function of the request and of ``send``, which asks the real server.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from davserver.sync.client import DavClient
from davserver.sync.http import Answer
from davserver.sync.quirks import Quirks
from tests.sync.pairs import Pair
from tests.sync.peers import ORIGIN, WsgiWeb


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_report(self) -> bool:
        """Whether this is sync-collection."""
        return self.method == "REPORT" and b"sync-collection" in self.body

    @property
    def token(self) -> str:
        """The sync-token in it."""
        found = re.search(rb"sync-token>([^<]*)<", self.body)
        return found[1].decode() if found else ""


Send = Callable[[Asked], Answer]
Quirk = Callable[[Asked, Send], Answer]


@dataclass
class Strange:
    """Requests through quirks, the first one outermost; ``seen`` lists what was asked."""

    web: WsgiWeb
    quirks: tuple[Quirk, ...]
    seen: list[Asked] = field(default_factory=list)

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """The answer as the quirks have it."""
        asked = Asked(method, urlsplit(url).path, dict(headers or {}), body or b"")
        self.seen.append(asked)
        return self._send(asked, self.quirks)

    def _send(self, asked: Asked, quirks: tuple[Quirk, ...]) -> Answer:
        if quirks:
            return quirks[0](asked, lambda one: self._send(one, quirks[1:]))
        return self.web.request(asked.method, ORIGIN + asked.path, headers=asked.headers, body=asked.body)

    def count(self, method: str) -> int:
        """How often a method was used."""
        return sum(one.method == method for one in self.seen)


def behind(pair: Pair, *quirks: Quirk, known: Quirks | None = None) -> Strange:
    """Put quirks between the pair and its server; ``known`` is what the table of quirks says of it."""
    strange = Strange(pair.peer.web(), quirks)

    def connect(office: Any, account: Any) -> Any:
        client = DavClient(strange, ORIGIN + "/", known or Quirks(), sleep=lambda _: None)
        return contextlib.nullcontext(client)

    pair.connect = connect
    return strange


# -- quirks ------------------------------------------------------------------------------------------


def without_sync(asked: Asked, send: Send) -> Answer:
    """No sync-token, no report (GMX, Posteo, Yahoo)."""
    if asked.is_report:
        return Answer(501, {}, b"", asked.path)
    answer = send(asked)
    if asked.method != "PROPFIND":
        return answer
    body = re.sub(rb"<d:sync-token>.*?</d:sync-token>", b"", answer.body)
    body = re.sub(rb"<d:supported-report-set>.*?</d:supported-report-set>", b"", body)
    return replace(answer, body=body)


def without_ctag(asked: Asked, send: Send) -> Answer:
    """No ctag either."""
    answer = send(asked)
    body = re.sub(rb"<cs:getctag>.*?</cs:getctag>", b"", answer.body)
    return replace(answer, body=body) if asked.method == "PROPFIND" else answer


def silent_puts(asked: Asked, send: Send) -> Answer:
    """No ETag in the answer to PUT (sabre with plugins, Cyrus for meetings)."""
    answer = send(asked)
    if asked.method != "PUT":
        return answer
    return replace(answer, headers={k: v for k, v in answer.headers.items() if k != "etag"})


def weak_etags(asked: Asked, send: Send) -> Answer:
    """Weak entity tags everywhere (GMX); If-Match with one never matches."""
    if "W/" in asked.headers.get("If-Match", ""):
        return Answer(412, {}, b"", asked.path)
    answer = send(asked)
    headers = {**answer.headers}
    if "etag" in headers:
        headers["etag"] = "W/" + headers["etag"]
    body = re.sub(rb"<d:getetag>(&quot;|\")", rb"<d:getetag>W/\1", answer.body)
    return replace(answer, headers=headers, body=body)


def rewriting(asked: Asked, send: Send) -> Answer:
    """PUT stores something else than what was sent, and says nothing (Google, Zoho)."""
    if asked.method == "PUT":
        return send(replace(asked, body=asked.body.replace(b"END:VEVENT", b"X-SERVER:x\r\nEND:VEVENT")))
    return send(asked)
