"""A calendar that is filled from elsewhere: a normal one for every client, and nobody can write to it."""

from __future__ import annotations

import pytest

from davserver.model import CollectionKind, ItemIndex, NewCollection, NewItem
from davserver.storage import Store, collections, items
from tests.content.objects import calendar, component
from tests.davclient import Client, D

PRIVILEGES = D + "current-user-privilege-set"


def event(uid: str) -> bytes:
    return calendar(component("VEVENT", "DTSTART:20260101T100000Z", uid=uid))


@pytest.fixture
def feed(store: Store, people: dict[str, int], ann: Client) -> str:
    """ann's read-only calendar with one event."""
    kind = CollectionKind.CALENDAR
    new = NewCollection(people["ann"], kind, "feed", display_name="Feed", components="VEVENT", read_only=True)
    with store.write() as tx:
        held = NewItem("a.ics", event("a"), ItemIndex("VEVENT", "a"))
        items.put_new(tx, collections.create(tx, new), [held])
    return ann.calendar_home + "feed/"


def test_its_owner_reads_it_and_is_told_that_he_cannot_write(feed: str, ann: Client) -> None:
    assert ann.get(feed + "a.ics").status == 200
    for depth, path in (("0", feed), ("1", ann.calendar_home)):
        shown = ann.propfind(path, PRIVILEGES, depth=depth).members[feed][PRIVILEGES]
        names = {one[0].tag.removeprefix(D) for one in shown.element}
        assert "read" in names
        assert not names & {"all", "write", "write-content", "write-properties", "bind", "unbind"}


def test_nobody_writes_to_it(feed: str, ann: Client, bob: Client, eve: Client) -> None:
    ann.grant(feed, "bob", D + "read", D + "write")
    before = ann.get(feed + "a.ics").etag
    for who in (ann, bob, eve):
        for name in ("a", "b"):
            assert who.put(f"{feed}{name}.ics", event(name)).status == 403
        assert who.delete(feed + "a.ics").status == 403
    ann.put(ann.calendar + "x.ics", event("x"))
    for method in ("COPY", "MOVE"):
        assert ann.transfer(method, ann.calendar + "x.ics", feed + "x.ics").status == 403
    assert ann.transfer("MOVE", feed + "a.ics", ann.calendar + "a.ics").status == 403
    assert ann.get(feed + "a.ics").etag == before
    assert ann.get(feed + "x.ics").status == 404
    assert bob.get(feed + "a.ics").status == 200
    assert eve.get(feed + "a.ics").status == 403


def test_its_owner_names_it_copies_from_it_and_removes_it(feed: str, ann: Client) -> None:
    ann.proppatch(feed, "<d:displayname>Bins</d:displayname>")
    assert ann.prop(feed, D + "displayname").text == "Bins"
    assert ann.transfer("COPY", feed + "a.ics", ann.calendar + "a.ics").status == 201
    assert ann.delete(feed).status == 204
    assert ann.get(feed + "a.ics").status == 404
