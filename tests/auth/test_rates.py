"""Requests are counted for each key by itself, and forgotten with time."""

from __future__ import annotations

import pytest

from davserver.auth import rates
from davserver.auth.rates import Rates
from davserver.errors import HttpError


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def allowed(limit: Rates, key: str, times: int) -> int:
    """How many of so many requests are let through."""
    for number in range(times):
        try:
            limit.check(key)
        except HttpError:
            return number
        limit.charge(key)
    return times


def test_so_many_a_minute_and_each_for_itself() -> None:
    clock = Clock()
    limit = Rates(6, clock)
    assert allowed(limit, "ann", 10) == 6
    assert allowed(limit, "eve", 10) == 6
    clock.now += 10
    assert allowed(limit, "ann", 10) == 1
    clock.now += 3600
    assert allowed(limit, "ann", 10) == 6


def test_it_says_when_to_come_back() -> None:
    clock = Clock()
    limit = Rates(6, clock)
    allowed(limit, "ann", 6)
    with pytest.raises(HttpError) as refused:
        limit.check("ann")
    assert (refused.value.status, refused.value.headers) == (429, (("Retry-After", "10"),))
    clock.now += 10
    limit.check("ann")


def test_what_costs_less_may_be_had_more_often() -> None:
    limit = Rates(6, Clock())
    for _ in range(50):
        limit.check("ann")
        limit.charge("ann", 0.1)
    assert allowed(limit, "ann", 10) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_KEYS", 3)
    limit = Rates(6, Clock())
    for key in "abcd":
        limit.charge(key)
    assert list(limit._buckets) == ["b", "c", "d"]
