"""COPY and MOVE: items between collections of one kind, collections within a home."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from davserver.storage import Store, schema
from tests.content.objects import card, event, todo
from tests.davclient import CR, C, Client, D, MakeClient, X


@pytest.fixture
def path(ann: Client) -> str:
    """An event of ann's with a dead property; there is a second calendar ``other``."""
    ann.mkcalendar(ann.calendar_home + "other/")
    ann.put(ann.calendar + "one.ics", event())
    ann.proppatch(ann.calendar + "one.ics", "<x:own>v</x:own>")
    return ann.calendar + "one.ics"


def test_move_to_another_calendar(ann: Client, path: str) -> None:
    tag, target = ann.get(path).etag, ann.calendar_home + "other/two.ics"
    answer = ann.transfer("MOVE", path, target)
    assert answer.status == 201
    assert answer.header("Location") == target
    assert ann.get(path).status == 404
    assert (ann.get(target).body, ann.get(target).etag) == (event(), tag)
    assert ann.prop(target, X + "own").text == "v"


def test_copy_to_another_calendar(ann: Client, path: str) -> None:
    target = ann.calendar_home + "other/two.ics"
    assert ann.transfer("COPY", path, target).status == 201
    assert ann.get(path).body == ann.get(target).body == event()
    assert ann.prop(target, X + "own").text == "v"


def test_move_renames_within_a_calendar_and_keeps_the_uid(ann: Client, path: str) -> None:
    target = ann.calendar + "new%20name.ics"
    assert ann.transfer("MOVE", path, target).status == 201
    assert ann.get(target).body == event()
    assert ann.propfind(ann.calendar, D + "getetag", depth="1").names == {"default", "new%20name.ics"}


def test_move_within_a_calendar_keeps_dead_properties(ann: Client, path: str) -> None:
    ann.transfer("MOVE", path, ann.calendar + "two.ics")
    assert ann.prop(ann.calendar + "two.ics", X + "own").text == "v"


def test_copy_within_a_calendar_would_double_the_uid(ann: Client, path: str) -> None:
    answer = ann.transfer("COPY", path, ann.calendar + "two.ics")
    assert (answer.status, answer.error) == (409, C + "no-uid-conflict")
    assert answer.error_hrefs == [path]


def test_a_move_shows_in_sync_on_both_sides(ann: Client, path: str) -> None:
    other = ann.calendar_home + "other/"
    here, there = ann.token(ann.calendar), ann.token(other)
    ann.transfer("MOVE", path, other + "one.ics")
    assert ann.sync(ann.calendar, here).members[path].status == 404
    assert D + "getetag" in ann.sync(other, there).members[other + "one.ics"]


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_overwrite_replaces_the_destination_and_keeps_its_body_in_history(
    ann: Client, store: Store, path: str, method: str
) -> None:
    target = ann.calendar_home + "other/two.ics"
    ann.put(target, event("SUMMARY:old"))
    answer = ann.transfer(method, path, target)
    assert answer.status == 204
    assert ann.get(target).body == event()
    with store.read() as tx:
        rows = tx.execute(select(schema.history)).all()
    assert [row.data for row in rows] == [event("SUMMARY:old")]


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_overwrite_of_another_uid_replaces_the_destination(ann: Client, path: str, method: str) -> None:
    target = ann.calendar_home + "other/two.ics"
    ann.put(target, event(uid="another"))
    assert ann.transfer(method, path, target).status in (204, 409)


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_overwrite_f_spares_the_destination(ann: Client, path: str, method: str) -> None:
    target = ann.calendar_home + "other/two.ics"
    ann.put(target, event("SUMMARY:old"))
    assert ann.transfer(method, path, target, overwrite="F").status == 412
    assert ann.get(target).body == event("SUMMARY:old")
    assert ann.get(path).status == 200


def test_overwrite_f_allows_a_free_destination(ann: Client, path: str) -> None:
    assert ann.transfer("MOVE", path, ann.calendar + "two.ics", overwrite="F").status == 201


def test_another_overwrite_is_400(ann: Client, path: str) -> None:
    assert ann.transfer("MOVE", path, ann.calendar + "two.ics", overwrite="maybe").status == 400


DESTINATIONS = [
    "http://dav.example.org/dav/calendars/ann/other/two.ics",
    "https://DAV.example.org/dav/calendars/ann/other/two.ics",
    "/dav/calendars/ann/other/two.ics",
    "/dav.php/calendars/ann/other/two.ics",
    "/dav/calendars/ann/%6Fther/two%2Eics",
]


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_a_destination_is_absolute_or_a_path_under_any_prefix(
    ann: Client, path: str, destination: str
) -> None:
    assert ann.transfer("MOVE", path, destination).status == 201
    assert ann.get(ann.calendar_home + "other/two.ics").body == event()


def test_an_encoded_destination_is_decoded_once(ann: Client, path: str) -> None:
    target = ann.calendar_home + "other/a%20%C3%BC%2525%26%2B.ics"
    assert ann.transfer("MOVE", path, target).status == 201
    assert ann.propfind(ann.calendar_home + "other/", D + "getetag", depth="1").names == {
        "other",
        "a%20%C3%BC%2525&+.ics",
    }


ELSEWHERE = [
    ("http://other.example.org/dav/calendars/ann/other/two.ics", 502),
    ("http://dav.example.org/elsewhere/two.ics", 502),
    ("/dav/calendars/ann/none/two.ics", 409),
    ("/dav/calendars/ann/", 403),
    ("/dav/", 403),
    ("/dav/nowhere/x", 403),
    ("/dav/calendars/bob/default/two.ics", 403),
    ("/dav/calendars/nobody/default/two.ics", 403),
    ("/dav/addressbooks/ann/default/two.vcf", 403),
    ("/dav/calendars/ann/other/../two.ics", 400),
    ("/dav/calendars/ann/other/a%2Fb.ics", 400),
    ("/dav/calendars/ann/other/%00.ics", 400),
    ("/dav/calendars/ann/other/%FF.ics", 400),
    ("http://[broken/dav/calendars/ann/other/two.ics", 400),
    ("", 400),
    (None, 400),
]


@pytest.mark.parametrize(("destination", "status"), ELSEWHERE)
@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_another_destination_is_refused(
    ann: Client, path: str, method: str, destination: str | None, status: int
) -> None:
    assert ann.request(method, path, destination=destination).status == status
    assert ann.get(path).status == 200


def test_an_event_is_no_card(ann: Client, path: str) -> None:
    answer = ann.transfer("COPY", path, ann.book + "one.vcf")
    assert (answer.status, answer.error) == (403, CR + "supported-address-data")
    ann.put(ann.book + "one.vcf", card())
    answer = ann.transfer("MOVE", ann.book + "one.vcf", ann.calendar + "two.ics")
    assert (answer.status, answer.error) == (403, C + "supported-calendar-data")


def test_the_destination_takes_its_components_only(ann: Client, path: str) -> None:
    setting = (
        '<c:supported-calendar-component-set><c:comp name="VEVENT"/></c:supported-calendar-component-set>'
    )
    ann.mkcalendar(ann.calendar_home + "events/", setting)
    ann.put(ann.calendar + "todo.ics", todo().replace(b"one@", b"todo@"))
    answer = ann.transfer("MOVE", ann.calendar + "todo.ics", ann.calendar_home + "events/todo.ics")
    assert (answer.status, answer.error) == (403, C + "supported-calendar-component")
    assert ann.get(ann.calendar + "todo.ics").status == 200


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_onto_itself_is_403(ann: Client, path: str, method: str) -> None:
    assert ann.transfer(method, path, path).status == 403
    assert ann.get(path).status == 200


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_condition_guards_the_source(ann: Client, path: str, method: str) -> None:
    target = ann.calendar_home + "other/two.ics"
    assert ann.transfer(method, path, target, if_match='"a"').status == 412
    assert ann.transfer(method, path, target, if_match=ann.get(path).etag).status == 201


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_what_is_not_there_is_404(ann: Client, path: str, method: str) -> None:
    assert ann.transfer(method, ann.calendar + "none.ics", ann.calendar + "two.ics").status == 404


# -- collections


def test_a_collection_is_renamed_with_its_items_and_its_tokens(ann: Client, path: str) -> None:
    token, target = ann.token(ann.calendar), ann.calendar_home + "renamed/"
    assert ann.transfer("MOVE", ann.calendar, target).status == 201
    assert ann.get(target + "one.ics").body == event()
    assert ann.propfind(ann.calendar, D + "displayname").status == 404
    assert ann.sync(target, token).hrefs == []
    assert ann.prop(target, D + "displayname").text == "Calendar"


def test_a_collection_is_copied_with_items_and_properties(ann: Client, path: str) -> None:
    ann.proppatch(ann.calendar, "<x:own>c</x:own><ic:calendar-color>#FF0000</ic:calendar-color>")
    target = ann.calendar_home + "copy/"
    assert ann.transfer("COPY", ann.calendar, target).status == 201
    assert ann.get(target + "one.ics").body == event()
    assert ann.prop(target + "one.ics", X + "own").text == "v"
    assert ann.prop(target, X + "own").text == "c"
    assert ann.token(target) != ann.token(ann.calendar)
    ann.delete(target + "one.ics")
    assert ann.get(path).status == 200


def test_depth_0_copies_the_collection_without_items(ann: Client, path: str) -> None:
    assert ann.transfer("COPY", ann.calendar, ann.calendar_home + "copy/", depth="0").status == 201
    assert ann.propfind(ann.calendar_home + "copy/", D + "getetag", depth="1").names == {"copy"}


def test_depth_1_is_400(ann: Client) -> None:
    assert ann.transfer("COPY", ann.calendar, ann.calendar_home + "copy/", depth="1").status == 400
    assert ann.transfer("MOVE", ann.calendar, ann.calendar_home + "copy/", depth="0").status == 400


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_collection_replaces_another(ann: Client, path: str, method: str) -> None:
    target = ann.calendar_home + "other/"
    ann.put(target + "old.ics", event(uid="old"))
    assert ann.transfer(method, ann.calendar, target, overwrite="F").status == 412
    assert ann.transfer(method, ann.calendar, target).status == 204
    assert ann.propfind(target, D + "getetag", depth="1").names == {"other", "one.ics"}


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(
    "target", ["addressbooks/ann/new/", "calendars/bob/new/", "calendars/ann/other/inner", "principals/ann/x"]
)
def test_a_collection_stays_in_its_home(ann: Client, path: str, method: str, target: str) -> None:
    assert ann.transfer(method, ann.calendar, ann.root + target).status in (403, 409)
    assert ann.get(path).status == 200


def test_the_fixed_places_are_neither_moved_nor_copied(ann: Client) -> None:
    for place in (ann.root, ann.principal, ann.calendar_home):
        assert ann.transfer("MOVE", place, ann.calendar_home + "new/").status in (403, 405)


# -- bob, who was given access


def test_bob_moves_between_a_shared_calendar_and_his_own(client: MakeClient, path: str) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    assert bob.transfer("MOVE", path, bob.calendar + "mine.ics").status == 201
    assert bob.transfer("MOVE", bob.calendar + "mine.ics", path).status == 201


def test_bob_copies_but_does_not_move_what_he_may_only_read(client: MakeClient, path: str) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read")
    assert bob.transfer("COPY", path, bob.calendar + "mine.ics").status == 201
    assert bob.transfer("MOVE", path, bob.calendar + "mine.ics").status == 403
    assert bob.transfer("COPY", bob.calendar + "mine.ics", ann.calendar + "x.ics").status == 403


def test_bob_neither_moves_nor_replaces_a_shared_calendar(client: MakeClient, path: str) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    assert bob.transfer("MOVE", ann.calendar, bob.calendar_home + "stolen/").status == 403
    assert bob.transfer("COPY", bob.calendar, ann.calendar).status == 403
    assert bob.transfer("COPY", ann.calendar, bob.calendar_home + "copy/").status == 201
    assert bob.get(bob.calendar_home + "copy/one.ics").body == event()
