"""How hard a password is to guess: a number of bits, a mark from 0 to 4, and what would help.

An estimate for people, made from what guessers try first: known passwords and words, what the account says of
itself, repetitions, runs of the alphabet and of the keyboard, years. What remains counts by its signs. The
length does most, as NIST SP 800-63B 5.1.1 has it; no rule asks for digits or capitals.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

_KNOWN = """
    123456 password passwort 12345678 qwerty qwertz azerty 111111 letmein dragon baseball football monkey
    abc123 abcdef mustang michael shadow master jennifer jordan superman harley hunter trustno1 ranger
    buster thomas robert soccer batman test pass killer hockey george charlie andrew michelle love sunshine
    jessica pepper daniel access joshua maggie starwars silver william dallas yankees hello amanda
    orange freedom computer thunder ginger hammer summer winter spring autumn sommer herbst fruehling
    corvette taylor austin merlin matthew golfer cheese princess patrick richard diamond yellow secret
    geheim hallo schatz passw0rd admin administrator root welcome willkommen login user guest default changeme
    iloveyou ichliebedich flower loveme zaq12wsx monday sonntag januar january october november december
    samsung google apple iphone android internet server calendar kalender contacts kontakte davserver baikal
    nextcloud family familie liebe mama papa baby angel butterfly purple lovely jesus whatever nothing chelsea
    liverpool arsenal barcelona juventus bayern schalke borussia ferrari mercedes porsche motdepasse bonjour
    soleil doudou contrasena hola amor
    """
WORDS = frozenset(_KNOWN.split())
"""Words that every guesser begins with, and what is thought of beside a calendar."""

_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop")
_LINES = [line for row in _ROWS for line in (row, row[::-1])]
RUNS = tuple(
    line[start : start + size]
    for size in range(max(map(len, _LINES)), 3, -1)
    for line in _LINES
    for start in range(len(line) - size + 1)
)
"""Four or more neighbours in the alphabet or on the keyboard, both ways, the longest first."""
MARKS = (28.0, 40.0, 52.0, 66.0)
"""Bits from which the marks 1 (weak), 2 (fair), 3 (good) and 4 (strong) begin."""

_LEET = str.maketrans("4@301!5$7", "aaeoiisst")
_YEAR = re.compile(r"(19|20)\d\d")
_REPEATED = re.compile(r"(.{1,8}?)\1{2,}")
_CLASSES = ((re.compile(r"[a-z]"), 26), (re.compile(r"[A-Z]"), 26), (re.compile(r"[0-9]"), 10))
_WORD = re.compile(r"[^\W\d_][^\W\d_A-Z]{3,}")
_WORD_BITS, _YEAR_BITS, _RUN_BITS = 10.0, 7.0, 6.0
_LETTER_BITS = 2.6
"""Of a letter in what may be a word of some language."""


@dataclass(frozen=True, slots=True)
class Strength:
    """``bits``: what a guesser needs; ``mark``: 0 very weak to 4 strong; ``known``: words everybody tries."""

    bits: float
    mark: int
    known: tuple[str, ...]


def strength(password: str, about: Iterable[str] = ()) -> Strength:
    """The estimate.

    :param about: what the account says of itself: name, mail address, the server's name.
    """
    own = {part for text in about for part in re.split(r"[^\w]+", text.lower()) if len(part) >= 3}
    rest, bits, known = _without_words(password[:256], WORDS | own)
    rest, more = _without_patterns(rest)
    words = "".join(_WORD.findall(rest))
    rest = _WORD.sub("", rest)
    bits += more + len(words) * _LETTER_BITS + len(rest) * math.log2(max(2, _signs(rest)))
    mark = sum(bits >= least for least in MARKS)
    return Strength(round(bits, 1), mark, known)


def _without_words(text: str, words: frozenset[str]) -> tuple[str, float, tuple[str, ...]]:
    """What is left without known words, longest first; each costs a guesser one look into a list."""
    found = []
    for word in sorted(words, key=lambda one: (-len(one), one)):
        plain = text.lower()
        at = max(plain.find(word), plain.translate(_LEET).find(word))
        if at >= 0:
            text = text[:at] + text[at + len(word) :]
            found.append(word)
    return text, _WORD_BITS * len(found), tuple(found)


def _without_patterns(text: str) -> tuple[str, float]:
    """What is left without years, repetitions and runs, and the bits that these are worth."""
    bits = _YEAR_BITS * len(_YEAR.findall(text))
    text = _YEAR.sub("", text)
    repeated = [match.group(1) for match in _REPEATED.finditer(text)]
    bits += len(repeated) * 3
    text = _REPEATED.sub(r"\1", text)
    for run in RUNS:
        at = text.lower().find(run)
        if at >= 0:
            text, bits = text[:at] + text[at + len(run) :], bits + _RUN_BITS
    return text, bits


def _signs(text: str) -> int:
    """How many signs a guesser must try at each place."""
    count = sum(size for pattern, size in _CLASSES if pattern.search(text))
    others = [one.isascii() for one in text if not (one.isascii() and one.isalnum())]
    return count + 32 * (True in others) + 100 * (False in others)
