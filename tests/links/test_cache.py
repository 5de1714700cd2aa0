"""Finished answers stay in bounded memory; hits survive a database that is away for a moment."""

from __future__ import annotations

import gc
import weakref

import pytest
from sqlalchemy.exc import OperationalError

from davserver.links.cache import ENTRY, Cache
from davserver.links.statistics import Statistics, client_name
from davserver.storage import Store


def test_the_body_used_least_recently_makes_room() -> None:
    cache = Cache(4 * (10 + ENTRY))
    for key in "abcd":
        cache.put(key, b"x" * 10)
    assert cache.get("a") == b"x" * 10
    cache.put("e", b"y" * 10)
    assert [key for key in "abcde" if cache.get(key) is not None] == ["a", "c", "d", "e"]


def test_a_body_that_would_take_most_of_it_is_not_kept() -> None:
    cache = Cache(2 * (10 + ENTRY))
    cache.put("a", b"x" * 11)
    assert b"".join(cache.keeping("b", iter([b"x" * 600, b"y" * 600]))) == b"x" * 600 + b"y" * 600
    assert cache.get("a") is cache.get("b") is None
    assert b"".join(cache.keeping("c", iter([b"x", b"y"]))) == b"xy"
    assert cache.get("c") == b"xy"


def test_a_body_that_was_not_read_to_its_end_is_not_kept() -> None:
    cache = Cache(10_000)
    pieces = cache.keeping("a", iter([b"x", b"y"]))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert cache.get("a") is None


def test_replacing_a_body_counts_it_once() -> None:
    cache = Cache(2 * (10 + ENTRY))
    for _ in range(10):
        cache.put("a", b"x" * 10)
    cache.put("b", b"x" * 10)
    assert cache.get("a") is not None


def test_nothing_is_kept_where_the_operator_says_so() -> None:
    cache = Cache(0)
    cache.put("a", b"x")
    assert cache.get("a") is None


def test_a_database_that_is_away_costs_hits_and_nothing_else(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(self: Store) -> None:
        raise OperationalError("BEGIN", {}, Exception("locked"))

    statistics = Statistics(store)
    statistics.note(1, 1, "x")
    monkeypatch.setattr(Store, "write", away)
    statistics.flush()
    statistics.flush()


def test_statistics_do_not_keep_a_server_alive(store: Store) -> None:
    statistics = Statistics(store)
    held = weakref.ref(statistics)
    del statistics
    gc.collect()
    assert held() is None


@pytest.mark.parametrize(
    ("agent", "name"), [(None, ""), ("ICSx5/2\x00\n\u2028", "ICSx5/2"), ("x" * 999, "x" * 200)]
)
def test_a_client_is_one_short_line(agent: str | None, name: str) -> None:
    assert client_name(agent) == name
