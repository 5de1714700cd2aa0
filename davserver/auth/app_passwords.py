"""App passwords: made, read back from what somebody typed, and checked.

    k3x9q2-7mvw40-… (six groups of six)     32 signs without look-alikes: 5 bits each
    the first group                         public: finds the row, in one indexed look-up
    the other five                          150 random bits: the secret

The secret is stored as its plain SHA-256. A slow hash protects passwords that people think up, whose
number is small; nobody can try 2**150. So a hundred app passwords cost no more than one, and a request needs
neither the slow hash nor the memory of verified passwords.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
GROUP = 6
GROUPS = 6

_SHAPE = re.compile(f"[{ALPHABET}]{{{GROUP * GROUPS}}}")
_LOOK_ALIKE = str.maketrans({"o": "0", "i": "1", "l": "1", "-": "", " ": ""})
_LONGEST = 3 * GROUP * GROUPS


@dataclass(frozen=True, slots=True)
class Parts:
    """An app password as it was given: what finds it, and the hash of what proves it."""

    lookup: str
    secret: str = field(repr=False)


def generate() -> str:
    """A new app password as it is shown, once."""
    letters = [secrets.choice(ALPHABET) for _ in range(GROUP * GROUPS)]
    return "-".join("".join(letters[at : at + GROUP]) for at in range(0, len(letters), GROUP))


def parse(text: str) -> Parts | None:
    """The parts of what was typed, letter case, hyphens and blanks ignored; None for what cannot be one."""
    if len(text) > _LONGEST:
        return None
    plain = text.strip().lower().translate(_LOOK_ALIKE)
    if not _SHAPE.fullmatch(plain):
        return None
    return Parts(plain[:GROUP], digest(plain[GROUP:]))


def digest(secret: str) -> str:
    """What is stored of a secret that is random and long: 64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fits(given: Parts, stored: str) -> bool:
    """Whether the secret is the right one; takes the same time for every wrong one."""
    return hmac.compare_digest(given.secret, stored)
