"""Collations: how two texts are compared (RFC 4790, RFC 5051, RFC 4791 7.5, RFC 6352 8.3).

Belongs here: turning a text into its comparison key, one function per collation. Does not belong
here: where the texts come from (filters) and where keys are kept (search).

Every key function works character by character, so ``key(a + b) == key(a) + key(b)``: a substring
of a text has a key that is a substring of the text's key. The search text relies on that, and on
equal keys under i;octet or i;ascii-casemap being equal under i;unicode-casemap too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from davserver.errors import CALDAV, HttpError
from davserver.sentences import Sentence

ASCII_CASEMAP = "i;ascii-casemap"
OCTET = "i;octet"
UNICODE_CASEMAP = "i;unicode-casemap"

_REMEMBERED = 20_000
"""Characters whose mapping is kept; more than any writing system needs, less than 5 MiB."""

_HANGUL = range(0xAC00, 0xD7A4)
"""Syllables decompose by arithmetic, not by a property in UnicodeData.txt: RFC 5051 leaves them whole."""

_ASCII_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}


class _UnicodeMap(dict[int, str]):
    """Code point → its titlecase, decomposed; filled on demand by str.translate."""

    def __missing__(self, code: int) -> str:
        mapped = _title_and_decompose(chr(code))
        if len(self) < _REMEMBERED:
            self[code] = mapped
        return mapped


def _title_and_decompose(character: str) -> str:
    """RFC 5051 section 2: the simple titlecase, then its decomposition, repeated to the end."""
    title = character.title()
    if len(title) != 1:  # a mapping of SpecialCasing.txt, such as ß → Ss, which RFC 5051 does not use
        title = character
    return title if ord(title) in _HANGUL else unicodedata.normalize("NFKD", title)


_UNICODE = _UnicodeMap()


def octet(text: str) -> str:
    """The key of i;octet: the text itself."""
    return text


def ascii_casemap(text: str) -> str:
    """The key of i;ascii-casemap: a-z become A-Z, everything else stays (RFC 4790 9.2.1)."""
    return text.upper() if text.isascii() else text.translate(_ASCII_UPPER)


def unicode_casemap(text: str) -> str:
    """The key of i;unicode-casemap (RFC 5051): ``Zoë`` and ``ZOE`` followed by U+0308 are equal."""
    return text.upper() if text.isascii() else text.translate(_UNICODE)


COLLATIONS: dict[str, Callable[[str], str]] = {
    ASCII_CASEMAP: ascii_casemap,
    OCTET: octet,
    UNICODE_CASEMAP: unicode_casemap,
}
"""Name → key function; also what supported-collation-set announces."""


def check_collation(name: str, namespace: str = CALDAV) -> str:
    """The name, if it is a supported collation.

    :param namespace: Clark prefix of the report's namespace, ``errors.CALDAV`` or ``errors.CARDDAV``.
    :raises HttpError: 403 with ``supported-collation`` for any other name (RFC 4791 7.8, RFC 6352 8.6).
    """
    if name not in COLLATIONS:
        raise HttpError(
            403,
            Sentence("The collation %(name)r is not supported.", name=name[:60]),
            f"{namespace}supported-collation",
        )
    return name


def key(text: str, collation: str) -> str:
    """The comparison key of a text under a collation named as in :data:`COLLATIONS`."""
    return COLLATIONS[check_collation(collation)](text)
