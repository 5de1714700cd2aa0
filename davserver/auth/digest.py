"""HTTP Digest (RFC 7616, MD5, qop=auth) for accounts that still have Baïkal's A1 hash.

Nonces carry their own birth date and a signature, so no process needs to remember which it gave out; the
count that the client sends with each use (nc) is noted for all processes, and the same count twice is a
replay. Baïkal checks neither. Digest protects nothing that https does not: it is here for the move.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from davserver.storage.attempts import Attempts

NONCE_SECONDS = 300
MAX_COUNT = 0xFFFFFFFF

_PARAMETER = re.compile(r'([A-Za-z0-9*_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HEX_32 = re.compile(r"[0-9a-f]{32}")
_HEX_8 = re.compile(r"[0-9a-fA-F]{8}")


@dataclass(frozen=True, slots=True)
class DigestAnswer:
    """What a client sent; ``count`` is nc as it was written."""

    username: str
    realm: str
    nonce: str
    uri: str
    cnonce: str
    count: str
    response: str


def parse_digest(rest: str) -> DigestAnswer | None:
    """The parameters after ``Digest``; None for anything malformed or of another algorithm."""
    given = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
    if given.get("qop") != "auth" or given.get("algorithm", "MD5").upper() != "MD5":
        return None
    names = ("username", "realm", "nonce", "uri", "cnonce", "nc", "response")
    if any(name not in given for name in names):
        return None
    answer = DigestAnswer(_text(given["username"]), *(given[name] for name in names[1:]))
    is_well_formed = _HEX_8.fullmatch(answer.count) and _HEX_32.fullmatch(answer.response)
    return answer if is_well_formed and answer.username else None


def _text(value: str) -> str:
    """A quoted parameter: escapes undone, UTF-8 where it is (WSGI hands it over as latin-1)."""
    raw = re.sub(r"\\(.)", r"\1", value).encode("latin-1", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class Digest:
    """Challenges, and the check of their answers.

    :param key: secret for signing nonces, the same in all processes.
    """

    def __init__(
        self, realm: str, key: bytes, attempts: Attempts, clock: Callable[[], float] = time.time
    ) -> None:
        self._realm = realm
        self._key = key
        self._attempts = attempts
        self._clock = clock

    def challenge(self, *, stale: bool = False) -> str:
        """The value of WWW-Authenticate."""
        moment = f"{int(self._clock()):x}.{secrets.token_hex(8)}"
        text = f'Digest realm="{self._realm}", qop="auth", algorithm=MD5, nonce="{self._signed(moment)}"'
        return text + ", stale=true" if stale else text

    def is_fresh(self, nonce: str) -> bool:
        """Whether we gave out this nonce, not too long ago."""
        moment, _, _ = nonce.rpartition(".")
        if not hmac.compare_digest(self._signed(moment).encode(), nonce.encode("utf-8", "replace")):
            return False
        return self._clock() - _born(nonce) <= NONCE_SECONDS

    def is_first_use(self, answer: DigestAnswer) -> bool:
        """Whether nonce and count come together for the first time; ask only after verify()."""
        expires = _born(answer.nonce) + NONCE_SECONDS + 1
        return self._attempts.is_first_use(answer.nonce, int(answer.count, 16), expires, self._clock())

    def verify(self, answer: DigestAnswer, environ: dict[str, Any], a1: str) -> bool:
        """Whether the response fits the A1 hash and this request (RFC 7616 3.4.1)."""
        if answer.realm != self._realm or not _is_same_path(answer.uri, environ):
            return False
        a2 = _md5(f"{environ.get('REQUEST_METHOD', '')}:{answer.uri}")
        parts = (a1.lower(), answer.nonce, answer.count, answer.cnonce, "auth", a2)
        return hmac.compare_digest(_md5(":".join(parts)), answer.response)

    def _signed(self, moment: str) -> str:
        text = moment.encode("utf-8", "replace")
        return f"{moment}.{hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]}"


def _born(nonce: str) -> int:
    """The moment in a nonce whose signature is ours."""
    return int(nonce.partition(".")[0], 16)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("latin-1", "replace"), usedforsecurity=False).hexdigest()


def _is_same_path(uri: str, environ: dict[str, Any]) -> bool:
    """Whether the signed URI ends in the path asked for (a proxy may have cut off the front)."""
    path = re.sub(r"^https?://[^/]*", "", uri).partition("?")[0]
    return unquote_to_bytes(path).endswith(environ.get("PATH_INFO", "").encode("latin-1", "replace"))
