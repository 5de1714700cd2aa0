"""A scripted server on the loopback: what others' servers may answer, byte by byte where it matters."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from davserver.config import OutgoingSettings

OPEN = OutgoingSettings(allow=("127.0.0.0/8", "::1"), ports=("*",), seconds=5)
"""Settings under which the loopback may be reached."""


@dataclass
class Reply:
    """One answer. ``raw`` writes to the socket by itself instead."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[Any], None] | None = None


@dataclass
class Seen:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Remote:
    """The server: ``replies[path]`` is a Reply or a function of the request; ``seen`` lists the requests."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply | Callable[[Seen], Reply]] = {}
        self.seen: list[Seen] = []
        self.scheme = "http"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of a path."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    def secure(self, certificate: Path) -> None:
        """Speak TLS with a file of certificate and key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.scheme = "https"

    def answer(self, seen: Seen) -> Reply:
        """What the script says."""
        self.seen.append(seen)
        reply = self.replies.get(seen.path, Reply(404))
        return reply if isinstance(reply, Reply) else reply(seen)

    def start(self) -> None:
        """Answer in a thread."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Leave."""
        self._server.shutdown()
        self._server.server_close()


def _handler(remote: Remote) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = remote.answer(Seen(self.command, self.path, headers, body))
            if reply.raw is not None:
                self.close_connection = True
                reply.raw(self.connection)
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else reply.body)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.handle_any
            raise AttributeError(name)

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # a client that does not trust us hangs up
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


@contextmanager
def running(certificate: Path | None = None) -> Iterator[Remote]:
    """A server that answers while the block runs."""
    remote = Remote()
    if certificate is not None:
        remote.secure(certificate)
    remote.start()
    try:
        yield remote
    finally:
        remote.stop()


@cache
def certificate_pem(*names: str) -> tuple[str, str]:
    """A self-signed certificate for the names and its key, both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
