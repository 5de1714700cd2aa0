"""The Authorization header: where it hides, and what Basic (RFC 7617) says in it.

WSGI gives headers as latin-1 text. Nothing here raises: what cannot be read is None.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """What a client gave as name and password."""

    name: str
    password: str = field(repr=False)


@lru_cache(maxsize=64)
def variable(header: str) -> str:
    """The WSGI variable of a header: ``X-Remote-User`` → ``HTTP_X_REMOTE_USER``."""
    return "HTTP_" + header.upper().replace("-", "_")


def authorization(environ: dict[str, Any], further_header: str = "") -> str:
    """The Authorization header, also where Apache renamed it on an internal redirect."""
    for place in (*_PLACES, variable(further_header)) if further_header else _PLACES:
        if value := environ.get(place):
            return str(value).strip()
    return ""


_PLACES = ("HTTP_AUTHORIZATION", "REDIRECT_HTTP_AUTHORIZATION", "REDIRECT_REDIRECT_HTTP_AUTHORIZATION")


def split_scheme(header: str) -> tuple[str, str]:
    """``Basic YW5u…`` → ("basic", "YW5u…")."""
    scheme, _, rest = header.partition(" ")
    return scheme.lower(), rest.strip()


def parse_basic(token: str) -> BasicCredentials | None:
    """Name and password; None for anything malformed. UTF-8, else latin-1 as old clients send it."""
    try:
        raw = base64.b64decode(token.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    name, colon, password = _decode(raw).partition(":")
    if not colon or not name:
        return None
    return BasicCredentials(unicodedata.normalize("NFC", name), password)


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def is_plausible(name: str) -> bool:
    """Whether an account could have that name; others are not looked up (NUL is an error in SQL)."""
    return 0 < len(name) <= MAX_NAME and name.isprintable() and "/" not in name
