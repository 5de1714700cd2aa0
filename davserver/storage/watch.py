"""Collections whose changes somebody in this process waits for: he is told at each write to one.

For all other collections, and where nobody waits, a write pays for one look into an empty set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

_watched: frozenset[int] = frozenset()
_tell: Callable[[], None] | None = None


def expect(collection_ids: Iterable[int], tell: Callable[[], None] | None) -> None:
    """Wait for changes of these collections, and of no others. ``tell`` is called inside transactions."""
    global _watched, _tell
    _watched, _tell = frozenset(collection_ids), tell


def changed(collection_id: int) -> None:
    """A collection took a new revision, in a transaction that may still fail."""
    if collection_id in _watched and _tell is not None:
        _tell()
