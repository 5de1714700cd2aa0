"""Password hashes: argon2id by passlib's API, and the A1 hash that Baïkal and Digest use.

Nothing here raises for what a client or an imported database may contain: a hash that cannot be read
matches no password.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from typing import Any

MAX_LENGTH = 1024
"""Characters; a longer password is wrong without being looked at (hashing it would cost time)."""


@functools.cache
def _argon2() -> Any:
    # Loaded at the first login: importing it takes as long as the rest of a small request.
    from passlib.handlers.argon2 import argon2

    # OWASP's smallest recommended argon2id: 19 MiB, so that many logins at once fit on a small machine.
    return argon2.using(type="ID", memory_cost=19 * 1024, time_cost=2, parallelism=1)


@functools.cache
def _dummy_hash() -> str:
    return hash_password("a password that nobody has")


def hash_password(password: str) -> str:
    """A new salted hash (about 16 ms, on purpose)."""
    return str(_argon2().hash(password))


def verify(password: str, stored: str) -> bool:
    """Whether the password has that hash; takes about 16 ms for every readable hash."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        return bool(_argon2().verify(password, stored))
    except ValueError:  # passlib's complaints about a hash are ValueErrors
        return False


def verify_nothing(password: str) -> None:
    """Take as long as verify() does: an account that does not exist must not answer sooner."""
    verify(password, _dummy_hash())


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return bool(_argon2().needs_update(stored))


def a1_hash(name: str, realm: str, password: str) -> str:
    """The A1 hash of RFC 7616 3.4.2, which Baïkal stores as ``digesta1``: 32 lower-case hex digits."""
    text = f"{name}:{realm}:{password}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def verify_a1(name: str, realm: str, password: str, stored: str) -> bool:
    """Whether the password has that A1 hash."""
    return hmac.compare_digest(a1_hash(name, realm, password).encode(), stored.lower().encode())
