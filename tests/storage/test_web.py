"""What the pages keep: sessions, second factors, links, devices, figures, long work, lists, the audit log."""

from __future__ import annotations

from typing import Any

import pytest

from davserver.model import NewPrincipal, PrincipalKind
from davserver.storage import (
    Store,
    audit,
    devices,
    figures,
    one_time_links,
    principals,
    second_factors,
    tasks,
    web_sessions,
)
from davserver.storage.devices import Seen
from davserver.storage.engine import now
from davserver.storage.principals import Order, Wanted
from davserver.storage.schema import daily_figure


def test_a_session_is_found_by_its_token_until_it_ends(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        for number in range(3):
            web_sessions.add(tx, people["ann"], f"token{number}", "full", 100, address="::1", agent="x" * 400)
        web_sessions.add(tx, people["ann"], "old", "full", -1, address="", agent="")
        assert web_sessions.find(tx, "old") is None
        found = web_sessions.find(tx, "token0")
        assert found is not None
        session, person = found
        assert (person.name, session.level, len(session.agent)) == ("ann", "full", 300)
        web_sessions.end(tx, people["eve"], session.id)
        assert web_sessions.find(tx, "token0") is not None, "eve ends nobody's session"
        web_sessions.end(tx, people["ann"], session.id)
        assert web_sessions.find(tx, "token0") is None
        keep = web_sessions.of_principal(tx, people["ann"])[0]
        assert web_sessions.end_all(tx, people["ann"], but=keep.id) == 2
        assert [one.id for one in web_sessions.of_principal(tx, people["ann"])] == [keep.id]


def test_touching_a_session_makes_it_last(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        web_sessions.add(tx, people["ann"], "token", "full", 10, address="a", agent="")
        (session,) = web_sessions.of_principal(tx, people["ann"])
        web_sessions.touch(tx, session.id, 1000, "b")
        (touched,) = web_sessions.of_principal(tx, people["ann"])
        assert touched.expires >= session.expires + 900
        assert touched.address == "b"


def test_a_step_is_taken_once_and_a_recovery_code_too(store: Store, people: dict[str, int]) -> None:
    ann = people["ann"]
    with store.write() as tx:
        second_factors.begin(tx, ann, "sealed")
        assert not second_factors.is_on(tx, ann)
        second_factors.confirm(tx, ann, 5, ["one", "two"])
        assert second_factors.is_on(tx, ann)
        assert [second_factors.take_step(tx, ann, step) for step in (4, 5, 6, 6)] == [
            False,
            False,
            True,
            False,
        ]
        assert [second_factors.take_code(tx, ann, "one") for _ in range(2)] == [True, False]
        assert not second_factors.take_code(tx, people["eve"], "two")
        assert second_factors.codes_left(tx, ann) == 1
        assert second_factors.remove(tx, ann)
        assert second_factors.codes_left(tx, ann) == 0


def test_a_link_is_known_by_purpose_until_it_is_too_old(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        one_time_links.add(tx, people["ann"], "password", "first", 100)
        assert one_time_links.principal_of(tx, "password", "first") == people["ann"]
        assert one_time_links.principal_of(tx, "other", "first") is None
        one_time_links.add(tx, people["ann"], "password", "second", 100)
        assert one_time_links.principal_of(tx, "password", "first") is None
        one_time_links.add(tx, people["ann"], "password", "third", -1)
        assert one_time_links.principal_of(tx, "password", "third") is None


def test_a_device_is_one_row_however_often_it_comes(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        for agent in ("DAVx⁵", "DAVx⁵", "Thunderbird"):
            devices.note(tx, Seen(people["ann"], 0, agent, "::1"))
        devices.note(tx, Seen(people["bob"], 0, "DAVx⁵", "::1"))
        assert sorted(one.agent for one in devices.listing(tx, people["ann"], 10)) == ["DAVx⁵", "Thunderbird"]
        assert len(devices.listing(tx, None, 10)) == 3
        assert len(devices.listing(tx, None, 2, offset=2)) == 1
        assert devices.forget_old(tx) == 0
        principals.remove(tx, people["ann"])
        assert [one.owner for one in devices.listing(tx, None, 10)] == ["bob"]


def test_figures_are_added_up_per_day_and_written_in_one_go(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "FLUSH_SECONDS", 10**9)
    figures.flush(store)  # what tests before this one have left
    with store.write() as tx:
        tx.execute(daily_figure.delete())
    for _ in range(3):
        figures.count(store, figures.REQUESTS)
    with store.read() as tx:
        assert figures.daily(tx, 2)[figures.REQUESTS][-1][1] == 0, "nothing is written at once"
    figures.flush(store)
    figures.count(store, figures.REQUESTS)
    figures.count(store, figures.CHANGES)
    figures.flush(store)
    figures.flush(store)
    with store.read() as tx:
        daily = figures.daily(tx, 3)
    assert [number for _day, number in daily[figures.REQUESTS]] == [0, 0, 4]
    assert [number for _day, number in daily[figures.CHANGES]] == [0, 0, 1]
    assert daily[figures.REQUESTS][-1][0] == now() // 86_400 * 86_400


def test_totals_count_what_is_there(store: Store, people: dict[str, int]) -> None:
    with store.read() as tx:
        totals = figures.totals(tx)
    assert (totals.users, totals.calendars, totals.addressbooks, totals.events, totals.size) == (
        3,
        3,
        3,
        0,
        0,
    )


def test_long_work_is_seen_by_its_owner_only(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        key = tasks.add(tx, people["ann"], "import", total=200, message="…")
        tasks.progress(tx, key, 50, message="half")
        task = tasks.get(tx, people["ann"], key)
        assert task is not None
        assert (task.state, task.percent, task.message, task.result) == ("running", 25, "half", None)
        assert tasks.get(tx, people["eve"], key) is None
        tasks.finish(tx, key, message="done", result={"added": 3})
        (newest,) = tasks.newest(tx, people["ann"], "import")
        assert (newest.state, newest.result) == ("done", {"added": 3})


def test_work_whose_process_died_counts_as_failed(
    store: Store, people: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.write() as tx:
        key = tasks.add(tx, people["ann"], "import")
        monkeypatch.setattr(tasks, "now", lambda: now() + tasks.STALE + 1)
        task = tasks.get(tx, people["ann"], key)
        assert task is not None
        assert (task.state, task.percent) == ("failed", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ["ann", "bob", "eve"]), ("NN", ["ann"]), ("bob@EXAMPLE", ["bob"]), ("%", []), ("_", [])],
)
def test_lists_of_people_are_searched_as_people_write(
    store: Store, people: dict[str, int], text: str, expected: list[str]
) -> None:
    wanted = Wanted((PrincipalKind.USER,), text)
    with store.read() as tx:
        assert [one.principal.name for one in principals.listing(tx, wanted)] == expected
        assert principals.count_listed(tx, wanted) == len(expected)


@pytest.mark.parametrize("order", list(Order))
def test_every_order_of_a_list(store: Store, people: dict[str, int], order: Order) -> None:
    with store.write() as tx:
        devices.note(tx, Seen(people["eve"], 0, "x", ""))
        group = principals.add(tx, NewPrincipal("friends", PrincipalKind.GROUP))
        principals.set_members(tx, group.id, [people["ann"], people["bob"]])
        rows = principals.listing(tx, Wanted((PrincipalKind.USER,), order=order, limit=2, offset=0))
        groups = principals.listing(tx, Wanted((PrincipalKind.GROUP,), order=order))
    assert len(rows) == 2
    assert (rows[0].calendars, rows[0].addressbooks, rows[0].size) == (1, 1, 0)
    assert [one.members for one in groups] == [2]
    if order is Order.LAST_SEEN:
        assert rows[0].principal.name == "eve"


def test_the_audit_log_is_searched_and_paged(store: Store) -> None:
    with store.write() as tx:
        for number in range(5):
            audit.record(tx, "ada", "user.add", f"user{number}", address="192.0.2.1")
        found: list[Any] = audit.listing(tx, "USER3", 10)
        assert [one.target for one in found] == ["user3"]
        assert [one.target for one in audit.listing(tx, "", 2, 1)] == ["user3", "user2"]
        assert audit.listing(tx, "%", 10) == []
