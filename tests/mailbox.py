"""A mail server for tests: takes messages in the clear, by STARTTLS or by TLS (RFC 5321, 3207, 8314).

with running() as mailbox:
    mailbox.port, mailbox.messages, mailbox.auth, mailbox.encrypted
"""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any


class Mailbox(socketserver.ThreadingTCPServer):
    """The server. ``encrypted`` tells of each login whether it came by TLS."""

    daemon_threads = True

    def __init__(self, certificate: Path | None, *, at_once: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.messages: list[Message] = []
        self.auth: list[bytes] = []
        self.encrypted: list[bool] = []
        self.tls: ssl.SSLContext | None = None
        self.at_once = at_once
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust us hangs up."""


class _Talk(socketserver.StreamRequestHandler):
    """One connection: enough for smtplib."""

    server: Mailbox

    def handle(self) -> None:
        self.secure = False
        if self.server.at_once:
            self._encrypt()
        self.wfile.write(b"220 mail ready\r\n")
        with suppress(OSError):
            while (line := self.rfile.readline()) and self._answer(line):
                pass

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # what encrypts is not what the server knows of

    def _answer(self, line: bytes) -> bool:
        word = (line.split() or [b""])[0].upper()
        if word in (b"EHLO", b"HELO"):
            offer = b"250-STARTTLS\r\n" if self.server.tls and not self.secure else b""
            self.wfile.write(b"250-mail\r\n" + offer + b"250 AUTH PLAIN\r\n")
        elif word == b"STARTTLS":
            self.wfile.write(b"220 go on\r\n")
            self._encrypt()
        elif word == b"AUTH":
            self.server.auth.append(line)
            self.server.encrypted.append(self.secure)
            self.wfile.write(b"235 welcome\r\n")
        elif word == b"DATA":
            self._take()
        elif word == b"QUIT":
            self.wfile.write(b"221 bye\r\n")
            return False
        else:
            self.wfile.write(b"250 ok\r\n")
        return True

    def _encrypt(self) -> None:
        assert self.server.tls is not None
        self.request = self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.setup()
        self.secure = True

    def _take(self) -> None:
        self.wfile.write(b"354 go on\r\n")
        lines = []
        while (part := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(part)
        self.server.messages.append(message_from_bytes(b"".join(lines)))
        self.wfile.write(b"250 taken\r\n")


@contextmanager
def running(certificate: Path | None = None, *, at_once: bool = False) -> Iterator[Mailbox]:
    """A server that listens while the block runs.

    :param certificate: a file of certificate and key: it offers STARTTLS.
    :param at_once: it speaks TLS from the first word instead.
    """
    server = Mailbox(certificate, at_once=at_once)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
