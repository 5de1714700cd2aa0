"""A relay that lets litmus, which knows of plain files only, talk to a calendar.

It changes nothing but what a calendar cannot be: ``MKCOL /litmus/`` becomes MKCALENDAR, a file becomes an
event that carries its bytes (and comes out again at GET), addresses are moved below Ann's home. Methods, all
other headers, statuses and multistatus bodies pass as they are.
"""

from __future__ import annotations

import base64
import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

HOME = "/dav/calendars/ann"
_EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n"
    "DTSTAMP:20260101T000000Z\r\nDTSTART:20260102T100000Z\r\nX-FILE:{data}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_FILE = re.compile(rb"X-FILE:([A-Za-z0-9+/=]*)\r\n")
_HOP = {"connection", "keep-alive", "te", "transfer-encoding", "content-length", "host", "expect"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream_port = 0
    uids: ClassVar[dict[str, str]] = {}
    """Path → UID. A file's UID goes along with a MOVE and is not used again."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._relay
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: litmus tells what went wrong."""

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        method = "MKCALENDAR" if (self.command, self.path) == ("MKCOL", "/litmus/") else self.command
        headers = {
            name: self._moved(value) for name, value in self.headers.items() if name.lower() not in _HOP
        }
        if method == "PUT":
            uid = self.uids.setdefault(self.path, str(uuid4()))
            body, headers["Content-Type"] = _as_event(uid, body), "text/calendar"
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream_port, timeout=30)
        with closing(connection), suppress(ConnectionError):  # litmus may hang up on us
            connection.request(method, HOME + self.path, body or None, headers)
            response = connection.getresponse()
            self._answer(response, response.read())
        if method in ("DELETE", "MOVE") and response.status < 300:
            uid = self.uids.pop(self.path, "")
            self.uids[urlsplit(self.headers.get("Destination", "")).path] = uid

    def _moved(self, value: str) -> str:
        """Addresses in Destination and If."""
        own = f"http://{self.headers['Host']}/"
        return value.replace(own, f"http://127.0.0.1:{self.upstream_port}{HOME}/")

    def _answer(self, response: http.client.HTTPResponse, body: bytes) -> None:
        found = _FILE.search(body)
        if self.command == "GET" and found:
            body = base64.b64decode(found[1])
        body = body.replace(HOME.encode() + b"/", b"/")
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _as_event(uid: str, body: bytes) -> bytes:
    return _EVENT.format(uid=uid, data=base64.b64encode(body).decode()).encode()


@contextmanager
def relayed(port: int) -> Iterator[str]:
    """The address of a relay before the server at the port."""
    handler = type("Handler", (_Handler,), {"upstream_port": port, "uids": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as relay:
        thread = threading.Thread(target=relay.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{relay.server_address[1]}/"
        finally:
            relay.shutdown()
            thread.join()
