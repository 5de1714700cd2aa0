"""The one way out to the network: a guarded HTTP client for feeds, remote accounts and their logins.

    with Client(settings.outgoing, Access(Password("ann", "secret"))) as web:
        answer = web.request("GET", "https://example.org/a.ics", headers={"If-None-Match": '"1"'})

Belongs here: what a request outwards may do, and what its failures are called. Must not be here: what is
fetched (feeds, client), retries (who asks knows what may be repeated), the connection itself (transport).

    addresses   resolved once, all must be allowed, and the connection goes to what was checked
    redirects   at most five, each checked like a first request; never from https to http; a request with
                credentials goes to another origin only where the account consents to that host
    sizes       an answer is read up to a limit, unpacked bytes count
    times       to connect, between two bytes, and for the whole
    trust       the usual authorities, or an own CA or a pinned certificate: there is no "do not verify"

A refused, a dead and a slow place are told alike to users (``str(error)``), so that nobody can map a
network through this server; ``error.detail`` is for the log and the operator.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from davserver import __version__
from davserver.config import MIB, OutgoingSettings
from davserver.errors import OutgoingError
from davserver.sentences import Sentence, joined
from davserver.sync.addresses import rules_of
from davserver.urls import BadAddress, Password, check_url, masked, origin, split_credentials

if TYPE_CHECKING:
    from davserver.sync.transport import Connections

__all__ = [
    "Access",
    "Answer",
    "BadAddress",
    "Bearer",
    "CertificateRefused",
    "Client",
    "Garbled",
    "Limits",
    "OutgoingError",
    "Password",
    "RedirectRefused",
    "TooLarge",
    "Trust",
    "Unreachable",
    "check_url",
    "masked",
    "origin",
    "split_credentials",
]

USER_AGENT = f"davserver/{__version__}"
MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
PERMANENT = (301, 308)
LONGEST_WAIT = 3600
"""Seconds of a Retry-After that are honoured."""


# -- failures ----------------------------------------------------------------------------------------


class Unreachable(OutgoingError):
    """Not allowed, unknown, refused, cut or too slow: users cannot tell which."""

    def __init__(self, host: str, detail: str) -> None:
        text = Sentence("%(host)s cannot be reached from this server.", host=host)
        super().__init__(text, f"{host}: {detail}")


class CertificateRefused(OutgoingError):
    """The other side's certificate is not trusted. ``fingerprint`` (SHA-256, hex) is what it showed."""

    code = "certificate"

    def __init__(self, host: str, reason: str, fingerprint: str = "") -> None:
        text = Sentence("The certificate of %(host)s is not trusted: %(reason)s.", host=host, reason=reason)
        if fingerprint:
            shown = Sentence("Its SHA-256 fingerprint is %(fingerprint)s.", fingerprint=fingerprint)
            text = joined((text, shown), " ")
        super().__init__(text)
        self.fingerprint = fingerprint


class RedirectRefused(OutgoingError):
    """A redirect that must not be followed. ``target`` is where it leads; may hold a secret."""

    code = "redirect"

    def __init__(self, message: str, target: str) -> None:
        super().__init__(message)
        self.target = target


class TooLarge(OutgoingError):
    """The answer, unpacked, is larger than allowed."""

    code = "too-large"


class Garbled(OutgoingError):
    """The answer breaks the rules of HTTP or was cut in the middle."""

    code = "garbled"


# -- credentials and trust ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token of RFC 6750."""

    token: str = field(repr=False)


Auth = Password | Bearer


@dataclass(frozen=True, slots=True)
class Trust:
    """What is believed instead of the usual authorities: a CA (PEM), or one certificate's SHA-256 (hex)."""

    ca_pem: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """How an account is reached.

    :param hosts: where else its credentials may go, such as ``*.icloud.com``.
    :param goes_without: elsewhere a redirect is followed without the credentials instead of being refused.
    """

    auth: Auth | None = None
    trust: Trust = Trust()
    hosts: tuple[str, ...] = ()
    goes_without: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost: bytes unpacked, seconds in all, redirects."""

    size: int = 64 * MIB
    seconds: float = 60
    redirects: int = MOST_REDIRECTS


# -- answers -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole. Header names are lower case; ``moved`` is set where each hop was permanent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    moved: bool = False

    def header(self, name: str) -> str:
        """A header's value, "" where it is missing."""
        return self.headers.get(name.lower(), "")

    def retry_after(self) -> int | None:
        """Seconds to wait (RFC 9110 10.2.3), at most an hour; None where nothing is said."""
        return parse_retry_after(self.header("retry-after"), time.time())


def parse_retry_after(value: str, now: float) -> int | None:
    """Seconds from ``now``, between 0 and LONGEST_WAIT, of a number or an HTTP date."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), LONGEST_WAIT)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(0, min(int(seconds), LONGEST_WAIT))


# -- requests ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request as it leaves: ``auth`` only where the credentials may go."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    auth: Auth | None


def _is_consented(host: str, consented: tuple[str, ...]) -> bool:
    return any(
        host == name.lower() or (name.startswith("*.") and host.endswith(name[1:].lower()))
        for name in consented
    )


_OF_ORIGIN = frozenset({"authorization", "cookie", "if-none-match", "if-modified-since", "if-match"})
"""Headers that mean nothing, or too much, at another origin."""


class Client:
    """Requests outwards within the rules, two connections at most. For one thread; use it with ``with``."""

    def __init__(
        self, settings: OutgoingSettings, access: Access | None = None, limits: Limits | None = None
    ) -> None:
        self.access = access or Access()
        self.limits = limits or Limits(seconds=settings.seconds)
        self._settings = settings
        self._home: tuple[str, str, int] | None = None
        self._opened: Connections | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.close()

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send a request and read the answer, following redirects within the rules.

        Credentials go to the origin of the client's first request and to ``access.hosts``.

        :param url: as from :func:`check_url`, without credentials in it.
        :raises OutgoingError: where no answer came; an answer of any status is returned.
        """
        if not self._settings.enabled:
            raise OutgoingError("This server fetches nothing from others (setting outgoing.enabled).")
        self._home = self._home or origin(url)
        until = time.monotonic() + self.limits.seconds
        wanted = Wanted(method, url, {"User-Agent": USER_AGENT, **(headers or {})}, body, self._auth_for(url))
        moved: bool | None = None
        for _ in range(self.limits.redirects + 1):
            answer = self._connections().send(wanted, self.limits.size, until)
            target = answer.header("location")
            if answer.status not in REDIRECTS or not target:
                return replace(answer, moved=bool(moved))
            moved = moved is not False and answer.status in PERMANENT
            wanted = self._redirected(wanted, answer.status, urljoin(wanted.url, target))
        raise RedirectRefused(Sentence("%(host)s redirects without end.", host=origin(url)[1]), wanted.url)

    def _connections(self) -> Connections:
        if self._opened is None:
            from davserver.sync.transport import Connections  # loads httpx: only where something is fetched

            self._opened = Connections(rules_of(self._settings), self.access.trust, self._settings.proxy)
        return self._opened

    def _redirected(self, before: Wanted, status: int, target: str) -> Wanted:
        """The request after a redirect, or RedirectRefused."""
        try:
            target, password = split_credentials(check_url(target))
        except BadAddress:
            raise RedirectRefused("The redirect leads nowhere.", target) from None
        host = origin(target)[1]
        if password is not None:
            raise RedirectRefused(Sentence("The redirect to %(host)s carries a password.", host=host), target)
        if before.url.startswith("https:") and target.startswith("http:"):
            raise RedirectRefused(Sentence("The redirect to %(host)s leaves https.", host=host), target)
        headers = before.headers
        if origin(target) != origin(before.url):
            headers = {name: value for name, value in headers.items() if name.lower() not in _OF_ORIGIN}
        method, body = ("GET", None) if status == 303 else (before.method, before.body)
        return Wanted(method, target, headers, body, self._auth_for(target))

    def _auth_for(self, url: str) -> Auth | None:
        """The credentials, where they may go to this URL; RedirectRefused elsewhere."""
        auth, home = self.access.auth, self._home
        if auth is None or home is None:
            return None
        scheme, host, port = origin(url)
        is_upgrade = home == ("http", host, 80) and (scheme, port) == ("https", 443)
        is_consented = scheme == "https" and _is_consented(host, self.access.hosts)
        if (scheme, host, port) == home or is_upgrade or is_consented:
            return auth
        if self.access.goes_without:
            return None
        raise RedirectRefused(
            Sentence(
                "The password must not go from %(home)s to %(host)s without your consent.",
                home=home[1],
                host=host,
            ),
            url,
        )
