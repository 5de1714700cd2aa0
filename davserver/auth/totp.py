"""Time-based one-time passwords (RFC 6238), as authenticator apps make them: SHA-1, 6 digits, 30 seconds."""

from __future__ import annotations

import base64
import hmac
import secrets
from urllib.parse import quote

DIGITS = 6
STEP = 30
"""Seconds for which a code is shown."""
DRIFT = 1
"""Steps by which the clock of a phone may be wrong (RFC 6238 5.2)."""


def new_secret() -> str:
    """160 random bits (RFC 4226 4) in base32, as apps take them."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code(secret: str, step: int, digits: int = DIGITS) -> str:
    """The code of a step (RFC 4226 5.3)."""
    key = base64.b32decode(secret)
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: str, given: str, moment: float, after: int = 0) -> int | None:
    """The step whose code was given, if it is current and later than ``after``; None otherwise.

    Remember the answer and give it as ``after`` the next time: a code counts once (RFC 6238 5.2).
    """
    given = "".join(given.split())
    now = int(moment) // STEP
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):  # all are computed, so that time tells nothing
        if hmac.compare_digest(code(secret, step).encode(), given.encode()) and step > after:
            found = step
    return found


def address(secret: str, account: str, issuer: str) -> str:
    """The otpauth address that an app reads from a QR code."""
    label = quote(f"{issuer}:{account}", safe="")
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}"
