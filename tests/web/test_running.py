"""Where nothing runs by itself the pages say so, say what to do, and do themselves what they say they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from davserver.app import Server
from davserver.storage import Store, principals, remote
from davserver.storage.engine import now
from tests.content.test_feed import calendar, event
from tests.davclient import MakeServer
from tests.sync.remote import Remote, Reply, running
from tests.sync.test_runner import wait_until
from tests.web.test_remote import There, connect, there, titles

__all__ = ["there"]

NOBODY = "Nothing runs by itself on this server."


@pytest.fixture
def background() -> bool:
    """Whether the server fetches by itself."""
    return False


@pytest.fixture
def enabled() -> bool:
    """Whether the server fetches at all."""
    return True


@pytest.fixture
def server(make_server: MakeServer, background: bool, enabled: bool) -> Server:
    """A server that may reach the loopback."""
    reach = {"allow": ("127.0.0.0/8",), "ports": ("*",), "seconds": 5}
    made: Server = make_server(outgoing={**reach, "background": background, "enabled": enabled})
    return made


@pytest.fixture
def feeds() -> Iterator[Remote]:
    """A server of calendars."""
    with running() as made:
        yield made


def test_an_account_is_synchronised_by_the_page_itself(visit: Any, there: There, store: Store) -> None:
    there.put("a Dentist")
    ann = visit("ann")
    page = connect(ann, there).follow()
    path = page.path
    assert NOBODY in page.text(".alert-warning")
    assert "davserver sync" in page.text(".alert-warning code")
    page.submit("Keep in step", chosen=[one.get("value") for one in page.find("input.form-check-input")])
    wait_until(lambda: titles(store) == ["a Dentist"], 20)
    wait_until(lambda: not ann.get(path).find("[data-progress]"), 20)
    there.put("b Choir")
    ann.get(path).submit("Sync now")
    wait_until(lambda: titles(store) == ["a Dentist", "b Choir"], 20)
    wait_until(lambda: not ann.get(path).find("[data-progress]"), 20)
    page = ann.get(path)
    assert "not by itself" in page.text("dl")
    assert "Last run" in page.text("dl")
    assert NOBODY in ann.get("/account/remote/").text("main")


def test_a_subscription_is_fetched_by_the_page_itself(visit: Any, feeds: Remote, store: Store) -> None:
    feeds.replies["/a.ics"] = Reply(body=calendar(event(1)))
    ann = visit("ann")
    ann.get("/account/subscriptions/add").submit("Subscribe", url=feeds.url("/a.ics"), name="Bins")
    wait_until(lambda: last_ok(store) > 0, 20)
    feeds.seen.clear()
    page = ann.get("/account/subscriptions/")
    assert NOBODY in page.text(".alert-warning")
    page.link("Bins").submit("Refresh now")
    wait_until(lambda: bool(feeds.seen), 20)
    wait_until(lambda: not ann.get("/account/subscriptions/").find("[data-progress]"), 20)


def last_ok(store: Store) -> int:
    with store.read() as tx:
        row = tx.exec_driver_sql("SELECT max(last_ok) FROM subscription").scalar()
    return row or 0


@pytest.mark.parametrize("background", [True])
def test_what_nobody_does_is_told_although_it_should_be_done(visit: Any, there: There, store: Store) -> None:
    ann = visit("ann")
    path = connect(ann, there).follow().path
    assert not ann.get(path).find(".alert-warning")
    with store.write() as tx:
        (account,) = remote.accounts_of(tx)
        remote.change_account(tx, account.id, next_run=now() - 3600)
    page = ann.get(path)
    assert NOBODY in page.text(".alert-warning")
    assert not page.find("[data-progress]")
    page.submit("Sync now")
    wait_until(lambda: last_run(store) > 0, 20)


def last_run(store: Store) -> int:
    with store.read() as tx:
        (account,) = remote.accounts_of(tx)
    return account.last_run or 0


@pytest.mark.parametrize("enabled", [False])
def test_where_nothing_may_be_fetched_the_pages_say_so_and_begin_nothing(visit: Any, store: Store) -> None:
    with store.write() as tx:
        ann = principals.get(tx, "ann")
        assert ann
        key = remote.add_account(
            tx, owner_id=ann.id, interval_seconds=900, label="Work", base_url="http://127.0.0.1:1/"
        )
        before = remote.account(tx, key)
    page = visit("ann").get(f"/account/remote/{key}")
    told = page.text(".alert-warning")
    assert "fetches nothing from others" in told
    assert "outgoing.enabled" in told
    assert NOBODY not in told
    assert "Sync now" not in told
    page = page.submit("Sync now").follow()
    assert "outgoing.enabled" in page.text("main")
    assert "at once" not in page.text("main")
    with store.read() as tx:
        assert remote.account(tx, key) == before
