"""Undelete and "as of": nothing that was stored is lost while the history has it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs import history
from davserver.jobs.office import Office
from davserver.jobs.places import Place
from davserver.model import CollectionKind
from davserver.storage import Store
from tests.content.objects import event
from tests.davclient import Answer, Client, D

CALENDAR = Place("ann", CollectionKind.CALENDAR, "default")


@pytest.fixture
def office(store: Store, people: dict[str, int]) -> Office:
    """ann at work."""
    return Office(store, Settings(), actor="ann")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each look at the clock by the storage is a second later; clock[0] is the last one."""
    from davserver.storage import items

    ticks, last = itertools.count(1_800_000_000), [0]

    def now() -> int:
        last[0] = next(ticks)
        return last[0]

    monkeypatch.setattr(items, "now", now)
    return last


def bodies(ann: Client) -> dict[str, bytes]:
    """What the calendar holds: name → body."""
    members = ann.propfind(ann.calendar, D + "getetag", depth="1").hrefs[1:]
    return {href.rpartition("/")[2]: ann.get(href).body for href in members}


def test_an_item_s_versions_are_listed_and_put_back(ann: Client, office: Office, store: Store) -> None:
    path = ann.calendar + "one.ics"
    for text in ("a", "b", "c"):
        ann.put(path, event(f"SUMMARY:{text}"))
    with store.read() as tx:
        past = history.versions(tx, CALENDAR, "one.ics")
    assert [(one.reason, one.actor) for one in past.versions] == [("overwritten", "ann")] * 2
    assert past.current is not None
    with store.read() as tx:
        assert history.version(tx, CALENDAR, past.versions[-1].id)[1] == event("SUMMARY:a")
    token = ann.token(ann.calendar)
    history.restore_item(office, CALENDAR, past.versions[-1].id)
    assert ann.get(path).body == event("SUMMARY:a")
    assert ann.sync(ann.calendar, token).hrefs == [path]
    with store.read() as tx:
        newest = history.versions(tx, CALENDAR, "one.ics").versions[0]
        assert history.version(tx, CALENDAR, newest.id)[1] == event("SUMMARY:c")


def test_a_deleted_item_comes_back_once(ann: Client, office: Office, store: Store) -> None:
    path = ann.calendar + "one.ics"
    ann.put(path, event("SUMMARY:a"))
    ann.put(path, event("SUMMARY:b"))
    ann.delete(path)
    with store.read() as tx:
        (gone,) = history.deleted(tx, CALENDAR)
    assert (gone.name, gone.reason) == ("one.ics", "deleted")
    history.restore_item(office, CALENDAR, gone.id)
    assert ann.get(path).body == event("SUMMARY:b")
    with store.read() as tx:
        assert history.deleted(tx, CALENDAR) == []


def test_what_would_be_there_twice_is_refused(ann: Client, office: Office, store: Store) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.delete(ann.calendar + "one.ics")
    ann.put(ann.calendar + "two.ics", event())
    with store.read() as tx:
        (gone,) = history.deleted(tx, CALENDAR)
    with pytest.raises(HttpError) as caught:
        history.restore_item(office, CALENDAR, gone.id)
    assert caught.value.status == 409


def test_versions_of_others_are_not_reached(ann: Client, office: Office, store: Store) -> None:
    ann.put(ann.calendar + "one.ics", event("SUMMARY:a"))
    ann.put(ann.calendar + "one.ics", event("SUMMARY:b"))
    with store.read() as tx:
        one = history.versions(tx, CALENDAR, "one.ics").versions[0]
    for place in (
        Place("eve", CollectionKind.CALENDAR, "default"),
        Place("eve", CollectionKind.CALENDAR, "x"),
    ):
        with pytest.raises(HttpError) as caught:
            history.restore_item(office, place, one.id)
        assert caught.value.status == 404
    with store.read() as tx, pytest.raises(HttpError):
        history.versions(tx, CALENDAR, "none.ics")


def test_a_calendar_is_restored_as_it_was_at_any_moment(
    ann: Client, office: Office, store: Store, clock: list[int]
) -> None:
    """Every state that ever was is reached again, and the last of all is reached back from it."""
    steps: list[Callable[[], Answer]] = [
        lambda: ann.put(ann.calendar + "one.ics", event("SUMMARY:a", uid="1")),
        lambda: ann.put(ann.calendar + "two.ics", event("SUMMARY:a", uid="2")),
        lambda: ann.put(ann.calendar + "one.ics", event("SUMMARY:b", uid="1")),
        lambda: ann.put(ann.calendar + "one.ics", event("SUMMARY:b", uid="1")),
        lambda: ann.delete(ann.calendar + "two.ics"),
        lambda: ann.put(ann.calendar + "two.ics", event("SUMMARY:c", uid="2 again")),
        lambda: ann.put(ann.calendar + "three.ics", event("SUMMARY:a", uid="3")),
        lambda: ann.delete(ann.calendar + "one.ics"),
    ]
    seen: list[tuple[int, dict[str, bytes]]] = []
    for step in steps:
        assert step().status in (201, 204)
        seen.append((clock[0], bodies(ann)))
    for moment, state in [*seen, seen[-1]]:
        with store.read() as tx:
            expected = history.would_change(tx, CALENDAR, moment)
        assert history.restore_as_of(office, CALENDAR, moment) == expected
        assert bodies(ann) == state, moment
        assert not history.restore_as_of(office, CALENDAR, moment)


def test_before_the_beginning_there_was_nothing(
    ann: Client, office: Office, store: Store, clock: list[int]
) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.put(ann.calendar + "one.ics", event("SUMMARY:x"))
    assert history.restore_as_of(office, CALENDAR, 1_700_000_000).removed == 1
    assert bodies(ann) == {}
    with store.read() as tx:
        assert [one.name for one in history.deleted(tx, CALENDAR)] == ["one.ics"]
