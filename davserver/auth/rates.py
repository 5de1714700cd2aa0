"""How many requests somebody makes: a token bucket for each key, in memory.

Belongs here: counting and how long to wait. Must not be here: failed logins (throttle counts those, for all
processes together). A bucket is full at first, so whoever comes seldom is never refused; each process counts
for itself, which only makes the limit more generous.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from davserver.errors import HttpError
from davserver.sentences import Sentence

MOST_KEYS = 20_000
"""Buckets that are remembered; the one used least recently makes room (and would be nearly full again)."""


class Rates:
    """At most ``per_minute`` units a minute for each key. Safe to share between threads."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, key: Hashable) -> None:
        """Raise 429 with Retry-After where the key has nothing left."""
        left = self._left(key)
        if left >= 1:
            return
        wait = math.ceil((1 - left) * 60 / self._size)
        message = Sentence("Too many requests. Try again in %(wait)s seconds.", wait=wait)
        raise HttpError(429, message, headers=[("Retry-After", str(wait))])

    def charge(self, key: Hashable, units: float = 1) -> None:
        """Count what a request cost."""
        with self._lock:
            self._buckets[key] = (self._left(key) - units, self._clock())
            self._buckets.move_to_end(key)
            if len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)

    def _left(self, key: Hashable) -> float:
        left, at = self._buckets.get(key, (self._size, 0.0))
        return min(self._size, left + (self._clock() - at) * self._size / 60)
