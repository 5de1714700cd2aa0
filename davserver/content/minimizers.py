"""Minimizers: few pieces of a text by which every long enough part of it finds it.

Of each WINDOW neighbouring pieces of PIECE characters the one with the least hash is a minimizer. Two texts
that have SHORTEST characters in a row in common have a minimizer in common: the window over them holds the
same pieces in both. So an index of minimizers, about one for seven characters, answers "whose UID contains
this?" exactly and without a look at all the others.

Roberts et al., "Reducing storage requirements for biological sequence comparison" (2004).
"""

from __future__ import annotations

from zlib import crc32

PIECE = 7
WINDOW = 14
SHORTEST = PIECE + WINDOW - 1
"""Characters that a text needs to have a minimizer: 20, fewer than the UID of any known client."""


def minimizers(text: str) -> list[int]:
    """The hashes (32 bits) of the minimizers of a text, each once, in the order of their places.

    Texts under one collation only: what is searched must have been folded like what is kept.
    """
    hashes = [crc32(text[at : at + PIECE].encode()) for at in range(len(text) - PIECE + 1)]
    windows = range(len(hashes) - WINDOW + 1)
    return list(dict.fromkeys(min(hashes[start : start + WINDOW]) for start in windows))


def telling(text: str, most: int = 8) -> list[int]:
    """Some minimizers of a text, from all over it: what many texts share seldom makes up the whole of one."""
    found = minimizers(text)
    if len(found) <= most:
        return found
    return [found[place * (len(found) - 1) // (most - 1)] for place in range(most)]
