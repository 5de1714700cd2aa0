"""Subscribed calendars: what an answer makes of them, and that what is there survives every trouble."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs import background
from davserver.jobs import subscriptions as jobs
from davserver.jobs.office import Office
from davserver.jobs.subscriptions import Shown, Wanted
from davserver.model import FeedState, Principal
from davserver.storage import Store, collections, items, leases, principals, subscriptions
from davserver.storage.engine import now
from davserver.storage.schema import history
from davserver.sync import feeds
from davserver.sync.work import Place
from davserver.urls import Password
from davserver.vault import Vault
from tests.content.test_feed import calendar, event
from tests.sync.remote import OPEN, Remote, Reply, Seen


class World:
    """ann's office, the remote server with a calendar at /a.ics, and her subscription to it."""

    def __init__(self, store: Store, settings: Settings, remote: Remote) -> None:
        self.store, self.remote = store, remote
        self.office = Office(store, settings, "ann")
        with store.read() as tx:
            self.ann = self.person(tx, "ann")
            self.eve = self.person(tx, "eve")
        self.publish(event(1), event(2), event(3))

    def person(self, tx: Any, name: str) -> Principal:
        found = principals.get(tx, name)
        assert found is not None
        return found

    def publish(self, *events: str, **headers: str) -> None:
        self.remote.replies["/a.ics"] = Reply(body=calendar(*events), headers=headers)

    def add(self, **wanted: Any) -> int:
        url = wanted.pop("url", self.remote.url("/a.ics"))
        self.key = jobs.add(self.office, self.ann, Wanted(url, **wanted))
        return self.key

    def fetch(self) -> Shown:
        """Fetch now, and the subscription as it is then."""
        with self.store.write() as tx:
            subscriptions.change(tx, self.key, next_run=now())
        feeds.run(Place(self.store, self.office.settings), self.key)
        return self.shown()

    def shown(self) -> Shown:
        with self.store.read() as tx:
            return jobs.get(tx, self.ann, self.key)

    def summaries(self) -> list[str]:
        with self.store.read() as tx:
            bodies = [body for _, body in items.listing_with_bodies(tx, self.shown().collection.id)]
        return sorted(body.decode().partition("SUMMARY:")[2].partition("\r\n")[0] for body in bodies)

    def etags(self) -> dict[str, tuple[str, int]]:
        """Item name → entity tag and revision."""
        with self.store.read() as tx:
            found = items.listing(tx, self.shown().collection.id)
            return {held.name: (held.etag, held.revision) for held in found}


ALL = ["Event 1", "Event 2", "Event 3"]


@pytest.fixture
def world(store: Store, people: dict[str, int], remote: Remote, tmp_path: Path) -> World:
    """ann may reach the scripted server."""
    base = Settings()
    storage = replace(base.storage, data_dir=tmp_path)
    return World(store, replace(base, storage=storage, outgoing=OPEN), remote)


def test_a_calendar_elsewhere_becomes_a_calendar_here(world: World) -> None:
    background.woken.clear()
    world.add()
    assert background.woken.is_set()
    assert world.shown().subscription.state is FeedState.NEW
    shown = world.fetch()
    assert shown.subscription.state is FeedState.OK
    assert shown.collection.read_only
    assert world.summaries() == ALL
    assert world.remote.seen[0].headers["accept"].startswith("text/calendar")


def test_only_what_has_changed_is_written_and_names_stay(world: World) -> None:
    world.add()
    world.fetch()
    before = world.etags()
    world.publish(*(event(number, stamp="20270707T000000Z") for number in (1, 2, 3)))
    world.fetch()
    assert world.etags() == before
    world.publish(event(1), event(2, "LOCATION:New"), event(4))
    shown = world.fetch()
    after = world.etags()
    assert world.summaries() == ["Event 1", "Event 2", "Event 4"]
    assert sum(after[name] == before[name] for name in after if name in before) == 1
    assert len(set(before) & set(after)) == 2
    assert shown.subscription.last_change is not None


def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    def reply(seen: Seen) -> Reply:
        if seen.headers.get("if-none-match") == '"v1"' and seen.headers.get("if-modified-since") == "then":
            return Reply(304)
        return Reply(body=calendar(event(1)), headers={"ETag": '"v1"', "Last-Modified": "then"})

    world.remote.replies["/a.ics"] = reply
    world.add()
    world.fetch()
    before = world.etags()
    shown = world.fetch()
    assert shown.subscription.state is FeedState.OK
    assert world.etags() == before
    assert "if-none-match" in world.remote.seen[1].headers


TROUBLES: list[tuple[Reply, FeedState, bool]] = [
    (Reply(401), FeedState.REFUSED, False),
    (Reply(403), FeedState.REFUSED, True),
    (Reply(404), FeedState.NOT_FOUND, True),
    (Reply(410), FeedState.GONE, False),
    (Reply(429, headers={"Retry-After": "30"}), FeedState.SERVER, True),
    (Reply(500), FeedState.SERVER, True),
    (Reply(304), FeedState.OK, True),
    (Reply(200, b"<!DOCTYPE html><html>Sign in</html>"), FeedState.NO_CALENDAR, True),
    (Reply(200, b""), FeedState.NO_CALENDAR, True),
    (Reply(200, calendar(event(1), event(2))[:-30]), FeedState.CUT, True),
    (Reply(200, calendar()), FeedState.EMPTY, True),
    (Reply(200, b"x" * 20_000_000), FeedState.TOO_LARGE, True),
    (Reply(302, headers={"Location": "http://10.0.0.1/"}), FeedState.UNREACHABLE, True),
    (Reply(302, headers={"Location": "ftp://x/"}), FeedState.REDIRECT, True),
    (Reply(raw=lambda connection: None), FeedState.SERVER, True),
]


@pytest.mark.parametrize(
    ("reply", "state", "again"), TROUBLES, ids=lambda one: str(getattr(one, "status", one))
)
def test_whatever_goes_wrong_what_is_there_stays(
    world: World, reply: Reply, state: FeedState, *, again: bool
) -> None:
    world.add()
    world.fetch()
    before = world.etags()
    world.remote.replies["/a.ics"] = reply
    shown = world.fetch()
    one = shown.subscription
    assert world.etags() == before
    assert one.state is state
    assert (one.next_run is not None) is again
    assert bool(one.error_text) is (state is not FeedState.OK)
    assert one.last_ok is not None
    world.publish(event(1), event(2), event(3))
    assert world.fetch().subscription.state is FeedState.OK
    assert world.shown().subscription.failures == 0


def test_tries_become_rarer_with_each_failure_and_a_wish_to_wait_is_honoured(world: World) -> None:
    world.add(minutes=15)
    world.remote.replies["/a.ics"] = Reply(503)
    waits = []
    for _ in range(9):
        run_at = world.fetch().subscription.next_run
        assert run_at is not None
        waits.append(run_at - now())
    assert 700 < waits[0] < 1100
    assert all(later > 1.5 * sooner for sooner, later in pairwise(waits[:6]))
    assert waits[-1] <= 86_400 * 1.1
    world.remote.replies["/a.ics"] = Reply(429, headers={"Retry-After": "3000"})
    world.add(url=world.remote.url("/a.ics?2"), minutes=15)
    world.remote.replies["/a.ics?2"] = Reply(429, headers={"Retry-After": "3000"})
    run_at = world.fetch().subscription.next_run
    assert run_at is not None
    assert run_at - now() >= 2990


@pytest.mark.parametrize(
    ("user", "said", "minutes"),
    [(None, None, 60), (30, "PT6H", 30), (None, "PT6H", 360), (None, "PT1M", 15), (None, "P1W", 1440)],
)
def test_how_often_is_the_users_word_then_the_feeds_then_the_settings(
    world: World, user: int | None, said: str | None, minutes: int
) -> None:
    head = "VERSION:2.0\r\n" + (f"X-PUBLISHED-TTL:{said}\r\n" if said else "")
    world.remote.replies["/a.ics"] = Reply(body=calendar(event(1), head=head))
    world.add(minutes=user)
    run_at = world.fetch().subscription.next_run
    assert run_at is not None
    assert 0.89 * minutes * 60 < run_at - now() < 1.11 * minutes * 60


def test_a_sudden_zero_is_believed_once_after_somebody_accepts_it(world: World) -> None:
    world.add()
    world.fetch()
    world.publish()
    shown = world.fetch()
    assert shown.subscription.state is FeedState.EMPTY
    assert "3 entries" in shown.subscription.error_text
    jobs.accept(world.office, world.ann, world.key)
    assert world.fetch().subscription.state is FeedState.OK
    assert world.summaries() == []
    world.publish(event(1))
    world.fetch()
    world.publish()
    assert world.fetch().subscription.state is FeedState.EMPTY


def test_a_calendar_that_is_empty_from_the_start_is_fine(world: World) -> None:
    world.publish()
    world.add()
    assert world.fetch().subscription.state is FeedState.OK


def test_new_uids_at_each_fetch_change_nothing(world: World) -> None:
    world.publish(*(event(number, uid=f"a{number}") for number in (1, 2, 3)))
    world.add()
    world.fetch()
    before = world.etags()
    for turn in "bcd":
        world.publish(*(event(number, uid=f"{turn}{number}") for number in (1, 2, 3)))
        assert world.fetch().subscription.by_content
        assert world.etags() == before


def test_a_permanent_move_is_remembered_and_another_is_not(world: World) -> None:
    world.add()
    vault = Vault(world.office.settings.storage)
    for status, path in ((302, "/a.ics"), (301, "/b.ics")):
        world.remote.replies["/a.ics"] = Reply(status, headers={"Location": "/b.ics"})
        world.remote.replies["/b.ics"] = Reply(body=calendar(event(1)))
        shown = world.fetch()
        assert jobs.source_of(vault, shown.subscription).url == world.remote.url(path)


def test_a_password_in_the_address_goes_to_the_vault_and_is_never_shown(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    def reply(seen: Seen) -> Reply:
        if seen.headers.get("authorization") == "Basic YW5uOnMzY3JldA==":
            return Reply(body=calendar(event(1)))
        return Reply(401, headers={"WWW-Authenticate": "Basic realm=x"})

    world.remote.replies["/s3cret-path"] = reply
    world.add(url=world.remote.url("/s3cret-path").replace("//", "//ann:s3cret@"))
    shown = world.fetch()
    assert shown.subscription.state is FeedState.OK
    assert "s3cret" not in repr(shown) + caplog.text + shown.subscription.secret
    assert "authorization" not in world.remote.seen[0].headers
    source = jobs.source_of(Vault(world.office.settings.storage), shown.subscription)
    assert source.url == world.remote.url("/s3cret-path")


def test_a_missing_key_is_a_state_and_no_request(world: World, tmp_path: Path) -> None:
    world.add()
    world.fetch()
    key = (tmp_path / "secret.key").read_text()
    (tmp_path / "secret.key").unlink()
    shown = world.fetch()
    assert shown.subscription.state is FeedState.LOCKED
    assert len(world.remote.seen) == 1
    (tmp_path / "secret.key").write_text(key)
    assert world.fetch().subscription.state is FeedState.OK


def test_what_cannot_be_stored_is_told_and_the_rest_is_there(world: World) -> None:
    bad = event(9).replace("DTSTART:20260110T100000Z", "DTSTART:soon")
    world.publish(event(1), bad)
    world.add()
    shown = world.fetch()
    assert world.summaries() == ["Event 1"]
    (title, reason) = json.loads(shown.subscription.skipped)[0]
    assert title == "Event 9"
    assert reason
    world.publish(event(1), event(9))
    assert world.fetch().subscription.skipped == ""
    assert world.summaries() == ["Event 1", "Event 9"]


def test_name_and_colour_are_the_feeds_unless_the_user_says_otherwise(world: World) -> None:
    head = "VERSION:2.0\r\nX-WR-CALNAME:Bins\r\nX-APPLE-CALENDAR-COLOR:#00FF00\r\n"
    world.remote.replies["/a.ics"] = Reply(body=calendar(event(1), head=head))
    world.add()
    shown = world.fetch()
    assert (shown.title, shown.collection.color) == ("Bins", "#00FF00")
    world.remote.replies["/a.ics?mine"] = Reply(body=calendar(event(1), head=head))
    world.add(url=world.remote.url("/a.ics?mine"), name="Mine", color="#123456")
    shown = world.fetch()
    assert (shown.title, shown.collection.color) == ("Mine", "#123456")


def test_microsofts_servers_are_told_of_a_browser(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PICKY_HOSTS", ("127.0.0.1",))
    world.add()
    world.fetch()
    assert world.remote.seen[0].headers["user-agent"].startswith("Mozilla/5.0")


def test_two_at_once_do_it_once(world: World) -> None:
    world.add()
    with world.store.write() as tx:
        assert leases.take(tx, leases.FEEDS, world.key, "somebody", now() + 60)
        assert subscriptions.due(tx, now()) == []
    feeds.run(Place(world.store, world.office.settings), world.key)
    assert world.remote.seen == []


def test_a_run_that_is_stopped_leaves_what_is_whole_and_the_next_does_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "BATCH", 2)
    place = Place(world.store, world.office.settings)
    real = feeds._write_batch

    def one_batch(*args: Any) -> None:
        real(*args)
        place.stopping.set()

    monkeypatch.setattr(feeds, "_write_batch", one_batch)
    world.add()
    feeds.run(place, world.key)
    assert len(world.summaries()) == 2
    with world.store.read() as tx:
        assert subscriptions.due(tx, now()) == [world.key]
    assert world.fetch().subscription.state is FeedState.OK
    assert world.summaries() == ALL


def test_a_full_quota_is_told(world: World) -> None:
    with world.store.write() as tx:
        principals.change(tx, world.ann.id, quota=100)
    world.add()
    shown = world.fetch()
    assert shown.subscription.state is FeedState.QUOTA
    assert world.summaries() == []


# -- making, changing, ending


def test_an_address_that_is_none_one_too_many_and_a_second_time_are_refused(world: World) -> None:
    for url in ("", "ftp://x/", "https://"):
        with pytest.raises(HttpError) as caught:
            world.add(url=url)
        assert caught.value.status == 400
    with pytest.raises(HttpError, match="15 minutes"):
        world.add(minutes=5)
    world.add()
    with pytest.raises(HttpError) as caught:
        world.add()
    assert caught.value.status == 409
    few = replace(world.office.settings, outgoing=replace(OPEN, feeds_per_user=1))
    with pytest.raises(HttpError) as caught:
        jobs.add(Office(world.store, few, "ann"), world.ann, Wanted("https://example.org/b.ics"))
    assert caught.value.status == 403


def test_what_is_kept_can_be_changed_and_is_fetched_anew(world: World) -> None:
    alarm = ("BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:x", "TRIGGER:-PT5M", "END:VALARM")
    world.publish(event(1, *alarm), ETag='"1"')
    world.add()
    world.fetch()
    before = world.etags()
    jobs.change(world.office, world.ann, world.key, Wanted("", "Name", keep_alarms=True, minutes=30))
    shown = world.fetch()
    assert shown.title == "Name"
    assert shown.subscription.interval_minutes == 30
    assert world.etags() != before
    assert "if-none-match" not in world.remote.seen[1].headers


def test_a_new_address_does_not_get_the_old_password(world: World) -> None:
    world.add(username="ann", password="pw")
    vault = Vault(world.office.settings.storage)

    def source() -> jobs.Source:
        return jobs.source_of(vault, world.shown().subscription)

    jobs.change(world.office, world.ann, world.key, Wanted(world.remote.url("/b.ics")))
    assert source().password is not None
    jobs.change(world.office, world.ann, world.key, Wanted("", username="bob"))
    assert source().password == Password("bob", "pw")
    jobs.change(world.office, world.ann, world.key, Wanted("https://elsewhere.example/b.ics"))
    assert source() == jobs.Source("https://elsewhere.example/b.ics", None)


def test_it_ends_with_its_events_or_leaves_a_normal_calendar(world: World) -> None:
    world.add()
    held = world.fetch().collection
    jobs.remove(world.office, world.ann, world.key, keep=True)
    with world.store.read() as tx:
        kept = collections.by_id(tx, held.id)
        assert kept is not None
        assert not kept.read_only
        assert kept.item_count == 3
    world.add()
    held = world.fetch().collection
    jobs.remove(world.office, world.ann, world.key, keep=False)
    with world.store.read() as tx:
        assert collections.by_id(tx, held.id) is None
        assert subscriptions.get(tx, world.key) is None


def test_eve_sees_and_changes_nothing(world: World) -> None:
    world.add()
    attempts: list[Callable[[], object]] = [
        lambda: jobs.refresh(world.office, world.eve, world.key),
        lambda: jobs.accept(world.office, world.eve, world.key),
        lambda: jobs.change(world.office, world.eve, world.key, Wanted("")),
        lambda: jobs.remove(world.office, world.eve, world.key, keep=False),
    ]
    for attempt in attempts:
        with pytest.raises(HttpError) as caught:
            attempt()
        assert caught.value.status == 404
    with world.store.read() as tx:
        assert jobs.of_owner(tx, world.eve) == []
    assert world.shown().subscription.state is FeedState.NEW


def test_what_others_own_fills_no_history(world: World) -> None:
    world.add()
    world.fetch()
    world.publish(event(1, "LOCATION:x"))
    world.fetch()
    with world.store.read() as tx:
        assert tx.execute(select(func.count()).select_from(history)).scalar() == 0
