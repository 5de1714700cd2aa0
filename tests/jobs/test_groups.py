"""Groups, rooms and equipment: nobody signs in as one; what they are given or own follows their people."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs import groups
from davserver.jobs.groups import Described
from davserver.jobs.office import Office
from davserver.model import PrincipalKind
from davserver.storage import Store, principals
from tests.content.objects import event
from tests.davclient import C, Client, D, MakeClient
from tests.sharing import listed, share

BUSY = (
    '<c:free-busy-query><c:time-range start="20260501T000000Z" end="20260601T000000Z"/></c:free-busy-query>'
)


@pytest.fixture
def office(store: Store, people: dict[str, int]) -> Office:
    """ann at work."""
    return Office(store, Settings(), actor="ann")


def test_a_group_is_told_of_in_dav(office: Office, ann: Client, bob: Client) -> None:
    groups.create_group(office, Described("family", "The family", "family@example.org"), ["ann", "bob"])
    path = ann.root + "principals/family/"
    assert ann.prop(path, D + "displayname").text == "The family"
    assert ann.prop(path, D + "group-member-set").hrefs == [ann.principal, bob.principal]
    assert ann.prop(path, C + "calendar-user-type").text == "GROUP"
    assert ann.propfind(path, C + "calendar-home-set").one.missing == {C + "calendar-home-set"}
    assert bob.prop(bob.principal, D + "group-membership").hrefs == [path]


def test_what_a_group_is_given_follows_its_members(
    office: Office, ann: Client, bob: Client, eve: Client
) -> None:
    groups.create_group(office, Described("family"), ["bob"])
    share(ann, ann.calendar, "family", "read")
    assert len(listed(bob, bob.calendar_home)) == 2
    groups.set_members(office, "family", ["eve"])
    assert len(listed(bob, bob.calendar_home)) == 1
    assert len(listed(eve, eve.calendar_home)) == 2
    groups.remove(office, "family")
    assert len(listed(eve, eve.calendar_home)) == 1
    assert ann.prop(ann.calendar, D + "resourcetype").names == [D + "collection", C + "calendar"]


def test_a_room_has_a_calendar_that_its_managers_keep(
    office: Office, ann: Client, bob: Client, eve: Client
) -> None:
    groups.create_resource(office, PrincipalKind.ROOM, Described("attic", "The attic"), ["bob"])
    room = bob.root + "calendars/attic/default/"
    mine = bob.calendar_home + "attic-default/"
    assert bob.prop(bob.root + "principals/attic/", C + "calendar-user-type").text == "ROOM"
    assert bob.prop(mine, D + "displayname").text == "The attic"
    assert bob.put(mine + "one.ics", event("DURATION:PT1H")).status == 201
    assert "\nFREEBUSY" in eve.report(room, BUSY).text
    assert eve.get(room + "one.ics").status == 403
    assert listed(eve, eve.calendar_home) == [eve.calendar]
    groups.set_managers(office, "attic", ["ann"])
    assert bob.get(mine + "one.ics").status == 404
    assert ann.get(ann.calendar_home + "attic-default/one.ics").status == 200


def test_nobody_signs_in_as_one(office: Office, client: MakeClient) -> None:
    groups.create_group(office, Described("family"))
    groups.create_resource(office, PrincipalKind.RESOURCE, Described("beamer"))
    for name in ("family", "beamer"):
        assert client(name).propfind("/dav/", D + "displayname").status == 401


def test_names_are_of_one_kind_only(office: Office) -> None:
    groups.create_group(office, Described("family"))
    attempts: tuple[Callable[[], object], ...] = (
        lambda: groups.create_group(office, Described("family")),
        lambda: groups.create_group(office, Described("ann")),
        lambda: groups.create_resource(office, PrincipalKind.ROOM, Described("family")),
    )
    for again in attempts:
        with pytest.raises(HttpError) as caught:
            again()
        assert caught.value.status == 409


@pytest.mark.parametrize(
    ("members", "status"), [(["nobody"], 404), (["other"], 404)], ids=["unknown", "a group"]
)
def test_members_are_people(office: Office, store: Store, members: list[str], status: int) -> None:
    groups.create_group(office, Described("other"))
    with pytest.raises(HttpError) as caught:
        groups.create_group(office, Described("family"), members)
    assert caught.value.status == status
    with store.read() as tx:
        assert principals.get(tx, "family") is None


def test_people_are_not_edited_or_removed_as_groups(office: Office) -> None:
    attempts: tuple[Callable[[], object], ...] = (
        lambda: groups.edit(office, Described("ann", "X")),
        lambda: groups.remove(office, "ann"),
        lambda: groups.set_members(office, "ann", []),
    )
    for attempt in attempts:
        with pytest.raises(HttpError) as caught:
            attempt()
        assert caught.value.status == 404


def test_a_group_is_described_anew(office: Office, ann: Client) -> None:
    groups.create_group(office, Described("family"))
    groups.edit(office, Described("family", "We", "we@example.org"))
    assert ann.prop(ann.root + "principals/family/", D + "displayname").text == "We"
    with pytest.raises(HttpError) as caught:
        groups.edit(office, Described("family", "We", "no address"))
    assert caught.value.status == 400
