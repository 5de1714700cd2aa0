"""A small HTTP client that times what it sends, and the XML of answers as plain values.

Rules: knows no server and no workload. One connection, kept alive; a connection that the server dropped
while idle is opened again, and the time for that counts.
"""

from __future__ import annotations

import base64
import http.client
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

TIMEOUT = 120.0
"""Seconds after which an answer is no answer."""

Properties = Mapping[str, str]
"""Clark name → text of a property that a response gave with status 200."""


class Wrong(Exception):
    """An answer is not what the data demands."""


class Missing(Exception):
    """The server says that it does not do this (501)."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; the path is complete."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case, ``seconds`` from first byte out to last byte in."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class Client:
    """One keep-alive connection to 127.0.0.1."""

    def __init__(self, port: int, account: tuple[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self._always: dict[str, str] = {}
        if account:
            token = base64.b64encode(":".join(account).encode()).decode()
            self._always["Authorization"] = f"Basic {token}"

    def close(self) -> None:
        """Drop the connection."""
        self._connection.close()

    def send(self, request: Request) -> Answer:
        """One request and its whole answer; ``Wrong`` when none comes."""
        began = time.perf_counter()
        try:
            return self._talk(request, began)
        except (http.client.RemoteDisconnected, ConnectionError):
            self._connection.close()
        except TimeoutError as exc:
            self._connection.close()
            raise Wrong(f"no answer within {TIMEOUT:.0f} s") from exc
        return self._talk(request, began)

    def _talk(self, request: Request, began: float) -> Answer:
        headers = {**self._always, **request.headers}
        self._connection.request(request.method, request.path, request.body or None, headers)
        response = self._connection.getresponse()
        body = response.read()
        seconds = time.perf_counter() - began
        lowered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, lowered, body, seconds)


def expect(condition: object, message: str) -> None:
    """Raise ``Wrong`` unless the condition holds."""
    if not condition:
        raise Wrong(message)


def expect_status(answer: Answer, *allowed: int) -> None:
    """Raise ``Wrong`` unless the status is one of these, ``Missing`` for 501."""
    if answer.status == 501:
        raise Missing
    said = " ".join(answer.body[:200].decode("utf-8", "replace").split())
    expect(answer.status in allowed, f"status {answer.status}: {said}")


@dataclass(frozen=True, slots=True)
class Multistatus:
    """A 207: the last path segment of each href → its properties, and the sync-token."""

    responses: Mapping[str, Properties]
    token: str

    def members(self, suffix: str) -> dict[str, Properties]:
        """The responses about items, by the end of their name."""
        return {name: given for name, given in self.responses.items() if name.endswith(suffix)}


def multistatus(answer: Answer) -> Multistatus:
    """Read a 207; anything else is ``Wrong``."""
    expect_status(answer, 207)
    try:
        root = ET.fromstring(answer.body)
    except ET.ParseError as exc:
        raise Wrong(f"not XML: {exc}") from exc
    responses = {_name(node): _properties(node) for node in root.iter("{DAV:}response")}
    return Multistatus(responses, root.findtext("{DAV:}sync-token", ""))


def _name(response: ET.Element) -> str:
    return unquote(response.findtext("{DAV:}href", "").strip().rstrip("/").rpartition("/")[2])


def _properties(response: ET.Element) -> Properties:
    found: dict[str, str] = {}
    for propstat in response.iter("{DAV:}propstat"):
        if " 200" in propstat.findtext("{DAV:}status", ""):
            found |= {node.tag: node.text or "" for group in propstat.iter("{DAV:}prop") for node in group}
    return found
