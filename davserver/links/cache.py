"""Finished answers in memory, the one used least recently thrown away first. Keys are entity tags."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator


class Cache:
    """At most so many bytes in all, no body of more than a quarter of them. Safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def largest(self) -> int:
        """Bytes of the largest body that is kept."""
        return self._size // 4

    def get(self, key: Hashable) -> bytes | None:
        """The body under a key."""
        with self._lock:
            body = self._bodies.get(key)
            if body is not None:
                self._bodies.move_to_end(key)
            return body

    def put(self, key: Hashable, body: bytes) -> None:
        """Keep a body, if it is not too large."""
        if len(body) > self.largest:
            return
        with self._lock:
            self._held += len(body) - len(self._bodies.pop(key, b""))
            self._bodies[key] = body
            while self._held > self._size:
                self._held -= len(self._bodies.popitem(last=False)[1])

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
