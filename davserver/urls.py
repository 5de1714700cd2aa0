"""Addresses of things elsewhere, as people type them and as they are used and shown (RFC 3986).

Belongs here: what can be told of a URL's text. Must not be here: whether it may be reached (sync/addresses).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from davserver.errors import OutgoingError
from davserver.sentences import Sentence

LONGEST_URL = 4000
DEFAULT_PORTS = {"http": 80, "https": 443}


class BadAddress(OutgoingError):
    """The URL itself cannot be used; the text says why (400)."""

    code = "address"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.status = 400


@dataclass(frozen=True, slots=True)
class Password:
    """Name and password. Basic at once over https (Yahoo asks for it wordlessly), Digest where asked for."""

    username: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """The value of Authorization for Basic (RFC 7617, UTF-8)."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()


def check_url(text: str) -> str:
    """An http or https URL as it is used, from what a person typed; webcal(s) means https.

    :raises BadAddress: with the remedy.
    """
    text = text.strip()
    if len(text) > LONGEST_URL:
        raise BadAddress(Sentence("An address has at most %(most)s characters.", most=LONGEST_URL))
    text = re.sub(r"^webcals?:", "https:", text, flags=re.IGNORECASE)
    if "://" not in text and "." in text.partition("/")[0]:  # else it is a word that somebody typed
        text = "https://" + text
    if not text.isprintable() or " " in text or "\\" in text:
        raise BadAddress("The address has a character that does not belong there.")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise BadAddress("This is not an address.") from None
    if parts.scheme.lower() not in DEFAULT_PORTS:
        raise BadAddress("The address must begin with https:// or http:// (or webcal://).")
    if not host or port == 0:
        raise BadAddress("The address names no host.")
    path = quote(parts.path or "/", safe="%/" + _SAFE)
    query = quote(parts.query, safe="%/?" + _SAFE)
    netloc = parts.netloc if host.isascii() else parts.netloc.replace(host, _idna(host))
    return urlunsplit((parts.scheme.lower(), netloc, path, query, ""))


_SAFE = "!$&'()*+,;=:@~-._"


def _idna(host: str) -> str:
    import httpx  # costs 0.1 s; few names are not ASCII

    try:
        return httpx.URL(scheme="https", host=host).raw_host.decode()
    except httpx.InvalidURL:
        raise BadAddress("The name of the host cannot be used.") from None


def split_credentials(url: str) -> tuple[str, Password | None]:
    """A URL without the name and password in it, and these."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), Password(unquote(name), unquote(password))


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: where credentials belong (RFC 6454)."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower().rstrip("."), parts.port or DEFAULT_PORTS.get(scheme, 0)


def masked(url: str) -> str:
    """A URL for logs and pages: scheme and host; path and query may be secrets."""
    scheme, host, port = origin(url)
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}{'' if port == DEFAULT_PORTS.get(scheme) else f':{port}'}/…"
