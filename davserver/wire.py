"""HTTP as all mouths speak it: status lines, dates, entity tags, compression, bodies in pieces.

Belongs here: plain functions over what WSGI hands over. Must not be here: DAV, JSON, pages, SQL, a decision
about what is answered. RFC 9110.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from davserver.config import Settings

Environ = dict[str, Any]
Headers = list[tuple[str, str]]

PIECE = 64 * 1024
ONE_PIECE = 1024 * 1024
"""Answers up to this size leave whole, with Content-Length; larger ones are streamed."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_TAG = re.compile(r'\s*((?:W/)?"[^"]*"|\*|[^,\s"]+)\s*(?:,|$)')
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)
"""gzip in Accept-Encoding, unless it is refused there (RFC 9110 12.5.3)."""


def status(code: int) -> str:
    """``404 Not Found``."""
    return f"{code} {_PHRASES.get(code, 'Error')}"


@lru_cache(maxsize=1000)
def http_date(seconds: int) -> str:
    """An HTTP date."""
    return formatdate(seconds, usegmt=True)


def tags_of(header: str) -> list[str]:
    """The entity tags of a list header; tolerates tags without quotes, as some clients send them."""
    found, position = [], 0
    while match := _TAG.match(header, position):
        found.append(match[1])
        position = match.end()
        if position >= len(header):
            break
    return found


def accepts_gzip(environ: Environ) -> bool:
    """Whether the client takes a gzipped answer."""
    return bool(_GZIP.search(environ.get("HTTP_ACCEPT_ENCODING") or ""))


@lru_cache(maxsize=1000)
def disposition(kind: str, name: str) -> str:
    """Content-Disposition with a file name in any script (RFC 6266 4.3).

    :param kind: ``inline`` or ``attachment``.
    """
    plain = "".join(one if " " <= one < "\x7f" and one not in '"\\/' else "_" for one in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def origin(environ: Environ, settings: Settings) -> str:
    """Scheme and host by which the client came, or as configured."""
    if settings.server.base_url:
        return settings.server.base_url
    host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
    return f"{environ.get('wsgi.url_scheme', 'http')}://{host}"


def base_url(environ: Environ, settings: Settings) -> str:
    """The origin with the mount point, without a slash at the end."""
    mount: str = environ.get("davserver.mount", "")
    return origin(environ, settings) + mount


def begin(body: bytes | Iterator[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
    """The first ONE_PIECE of a body, and what comes after it, None where that was all."""
    if isinstance(body, bytes):
        return body, None
    pieces, size = [], 0
    for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size >= ONE_PIECE:
            return b"".join(pieces), body
    return b"".join(pieces), None


def joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces of some size: each one costs the WSGI server a buffer and a system call."""
    buffer, size = [], 0
    for piece in pieces:
        buffer.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(buffer)
            buffer, size = [], 0
    if buffer:  # an empty piece would end a chunked answer
        yield b"".join(buffer)


def gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces compressed on their way."""
    compressor = zlib.compressobj(3, zlib.DEFLATED, 31)
    for piece in pieces:
        packed = compressor.compress(piece)
        if packed:
            yield packed
    yield compressor.flush()


class Streamed:
    """The body of a long answer. Closing it (a client that left) ends the query and the transaction."""

    def __init__(self, pieces: Iterator[bytes], stack: ExitStack) -> None:
        self._pieces = pieces
        self._stack = stack

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Called by the WSGI server when the answer is done or the client is gone."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
        self._stack.close()
