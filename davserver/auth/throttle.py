"""Failed logins: counted per account and address, answered by 429 beyond the limit, logged for fail2ban.

Three counters: one account from one address, one address whatever the account, one account from
everywhere (ten times the first limit: a stranger must work hard to lock a user out, and whoever is
remembered from an earlier login is not asked here at all). An IPv6 client owns a /64, so that counts as
one address. Requests without credentials are no failures: nearly every client sends them first.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import time
from collections.abc import Callable
from functools import lru_cache

from davserver.config import AuthSettings
from davserver.errors import HttpError
from davserver.sentences import Sentence
from davserver.storage.attempts import Attempts

EVERYWHERE_FACTOR = 10

log = logging.getLogger("davserver.auth")


class Throttle:
    """Says whether a login may be tried, and remembers how it went."""

    def __init__(
        self, settings: AuthSettings, attempts: Attempts, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._attempts = attempts
        self._clock = clock

    def check(self, name: str, address: str) -> None:
        """Raise 429 with Retry-After where there were too many failures."""
        now, span = self._clock(), self._settings.throttle_seconds
        for key, limit in self._limits(name, address).items():
            reached = self._attempts.nth_newest(key, limit, now - span)
            if reached is not None:
                log.warning("throttled login from %s for %s", address or "-", quoted(name))
                wait = max(1, math.ceil(reached + span - now))
                raise HttpError(
                    429,
                    Sentence("Too many failed logins. Try again in %(wait)s seconds.", wait=wait),
                    headers=[("Retry-After", str(wait))],
                )

    def failed(self, name: str, address: str) -> None:
        """Count a failure and log it, in a line whose shape no client can change."""
        now = self._clock()
        self._attempts.record(self._limits(name, address), now, now - self._settings.throttle_seconds)
        log.warning("failed login from %s for %s", address or "-", quoted(name))

    def succeeded(self, name: str, address: str) -> None:
        """Whoever knows the password gets all tries back, for this account from this address."""
        self._attempts.forget(_key("both", name, network(address)))

    def _limits(self, name: str, address: str) -> dict[str, int]:
        place, settings = network(address), self._settings
        limits = {
            _key("both", name, place): settings.throttle_account,
            _key("account", name): settings.throttle_account * EVERYWHERE_FACTOR,
            _key("address", place): settings.throttle_address,
        }
        return {key: limit for key, limit in limits.items() if limit}


class RateLimit:
    """So many uses of something in so many seconds, by whoever; beyond them 429. Shared by all processes."""

    def __init__(self, attempts: Attempts, clock: Callable[[], float] = time.time) -> None:
        self._attempts = attempts
        self._clock = clock

    def use(self, what: str, who: str, most: int, seconds: float) -> None:
        """Count a use; raise 429 with Retry-After where there were too many.

        :param who: an address (see network()), a token, a name: of whatever has the limit to itself.
        """
        wait = self._attempts.hit(_key(what, who), most, seconds, self._clock())
        if wait > 0:
            after = math.ceil(wait)
            message = Sentence("Too many requests. Try again in %(wait)s seconds.", wait=after)
            raise HttpError(429, message, headers=[("Retry-After", str(after))])


@lru_cache(maxsize=10_000)
def network(address: str) -> str:
    """What counts as one address: an IPv4 address, an IPv6 /64, or the text itself."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 6:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def quoted(name: str) -> str:
    """A name for the log: one line, ASCII, at most 100 characters, in quotes that it cannot close."""
    return '"' + ascii(name[:100])[1:-1].replace('"', "\\x22") + '"'


def _key(*parts: str) -> str:
    # A digest: what people type as a name may be their password, and must not lie in a file.
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()
