"""Finished answers, and objects as a link shows them, in memory; what was used least recently goes first.

Keys of answers are their entity tags; those of objects name the link and the object with their versions, so
that after a change only what has changed is made anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator

ENTRY = 300
"""Bytes that an entry takes besides its body."""


class Cache:
    """At most so many bytes in all, no body of more than half of them. Safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def largest(self) -> int:
        """Bytes of the largest body that is kept."""
        return self._size // 2

    def get(self, key: Hashable) -> bytes | None:
        """The body under a key."""
        with self._lock:
            body = self._bodies.get(key)
            if body is not None:
                self._bodies.move_to_end(key)
            return body

    def put(self, key: Hashable, body: bytes) -> None:
        """Keep a body, if it is not too large."""
        if len(body) + ENTRY > self.largest:
            return
        with self._lock:
            if (replaced := self._bodies.pop(key, None)) is not None:
                self._held -= len(replaced) + ENTRY
            self._bodies[key] = body
            self._held += len(body) + ENTRY
            while self._held > self._size:
                self._held -= len(self._bodies.popitem(last=False)[1]) + ENTRY

    def keeping(self, key: Hashable, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces; when the last one is out the whole is kept, unless it is too large."""
        kept: list[bytes] = []
        size = 0
        for piece in pieces:
            size += len(piece)
            if size <= self.largest:
                kept.append(piece)
            elif kept:
                kept = []
            yield piece
        if size <= self.largest:
            self.put(key, b"".join(kept))
