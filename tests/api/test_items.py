"""Items: scripts and phones see the same bytes and the same entity tags, and never overwrite each other."""

from __future__ import annotations

import pytest

from davserver.jobs import sharing
from davserver.jobs.office import Office
from davserver.jobs.places import Place
from davserver.model import Access, CollectionKind
from davserver.storage import Store
from tests.api.conftest import Caller, MakeCaller
from tests.davclient import Client, MakeClient, MakeServer

ITEMS = "/users/ann/calendars/default/items/"
CARDS = "/users/ann/addressbooks/default/items/"
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:card-1\r\nFN:Zoë\r\nN:;Zoë;;;\r\nEND:VCARD\r\n"


def text_of(uid: str = "one", summary: str = "Lunch") -> str:
    """An event."""
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\n"
        f"UID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260102T120000Z\r\nSUMMARY:{summary}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )


def test_an_item_that_is_made_here_is_what_a_phone_reads(ann: Caller, client: MakeClient) -> None:
    status, made = ann.post(ITEMS, text=text_of())
    assert (status, made["uid"], made["component"]) == (201, "one", "VEVENT")
    assert (ann.last.header("Location") or "").endswith(f"{ITEMS}{made['name']}/")
    phone: Client = client("ann")
    answer = phone.get(phone.calendar + made["name"])
    assert (answer.body, answer.etag) == (text_of().encode(), made["etag"])


def test_an_item_is_shown_as_text_and_as_json(ann: Caller) -> None:
    name = ann.post(ITEMS, text=text_of())[1]["name"]
    assert ann.get(f"{ITEMS}{name}/")[1]["text"] == text_of()
    shown = ann.get(f"{ITEMS}{name}/?form=json")[1]
    assert shown["json"][0] == "vcalendar"
    assert "text" not in shown
    contact = ann.post(CARDS, text=CARD)[1]
    assert ann.get(f"{CARDS}{contact['name']}/?form=json")[1]["json"][0] == "vcard"


def test_jcal_and_jcard_are_taken(ann: Caller) -> None:
    name = ann.post(ITEMS, text=text_of())[1]["name"]
    as_json = ann.get(f"{ITEMS}{name}/?form=json")[1]["json"]
    status, changed = ann.send("PUT", f"{ITEMS}{name}/", {"json": as_json})
    assert (status, changed["uid"]) == (200, "one")
    card = ann.post(CARDS, text=CARD)[1]["name"]
    as_json = ann.get(f"{CARDS}{card}/?form=json")[1]["json"]
    assert ann.send("PUT", f"{CARDS}{card}/", {"json": as_json})[0] == 200


def test_nobody_overwrites_what_a_phone_has_changed(ann: Caller, client: MakeClient) -> None:
    made = ann.post(ITEMS, text=text_of())[1]
    place = f"{ITEMS}{made['name']}/"
    phone: Client = client("ann")
    phone.put(phone.calendar + made["name"], text_of(summary="Dinner").encode())
    body = {"text": text_of(summary="Breakfast")}
    assert ann.send("PUT", place, body, if_match=made["etag"])[0] == 412
    assert ann.delete(place, if_match=made["etag"])[0] == 412
    ann.get(place)
    assert ann.send("PUT", place, body, if_match=ann.last.header("ETag"))[0] == 200
    assert ann.send("PUT", place, body, if_none_match="*")[0] == 412
    assert ann.delete(place)[0] == 204
    assert ann.get(place)[0] == 404


def test_a_list_comes_in_pages_and_tells_what_is_new(ann: Caller) -> None:
    for number in range(5):
        assert ann.post(ITEMS, text=text_of(f"uid-{number}"))[0] == 201
    first = ann.get(f"{ITEMS}?limit=3&form=text")[1]
    assert [one["uid"] for one in first["results"]] == ["uid-0", "uid-1", "uid-2"]
    assert "SUMMARY:Lunch" in first["results"][0]["text"]
    rest = ann.get(first["next"].removeprefix("http://dav.example.org/api/v1.0"))[1]
    assert ([one["uid"] for one in rest["results"]], rest["next"]) == (["uid-3", "uid-4"], None)
    seen = rest["results"][-1]["revision"]
    changed = first["results"][0]["name"]
    ann.send("PUT", f"{ITEMS}{changed}/", {"text": text_of("uid-0", "Tea")})
    assert [one["name"] for one in ann.get(f"{ITEMS}?after={seen}")[1]["results"]] == [changed]
    assert [one["uid"] for one in ann.get(f"{ITEMS}?uid=uid-3")[1]["results"]] == ["uid-3"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"}, 403),
        ({"text": CARD}, 403),
        ({"text": ""}, 403),
        ({"json": []}, 403),
        ({"json": ["vcalendar", [], [[]]]}, 403),
        ({}, 400),
        ({"text": "x", "json": []}, 400),
    ],
)
def test_what_is_no_event_is_refused_with_a_reason(ann: Caller, body: object, status: int) -> None:
    got, problem = ann.send("POST", ITEMS, body)
    assert (got, bool(problem["detail"])) == (status, True)


def test_a_uid_is_in_a_calendar_once(ann: Caller) -> None:
    assert ann.post(ITEMS, text=text_of())[0] == 201
    assert ann.post(ITEMS, text=text_of())[0] == 409


def test_eve_finds_nothing_whether_it_exists_or_not(ann: Caller, eve: Caller) -> None:
    name = ann.post(ITEMS, text=text_of())[1]["name"]
    places = (ITEMS, f"{ITEMS}{name}/", "/users/ann/calendars/no/items/", "/users/no/calendars/x/items/")
    answers = [eve.get(place) for place in places]
    assert {status for status, _ in answers} == {404}
    assert len({str(problem) for _, problem in answers}) == 1
    assert eve.post(ITEMS, text=text_of("two"))[0] == 404
    assert eve.send("PUT", f"{ITEMS}{name}/", {"text": text_of()})[0] == 404
    assert eve.delete(f"{ITEMS}{name}/")[0] == 404


def test_what_is_shared_for_reading_cannot_be_written(
    caller: MakeCaller, ann: Caller, store: Store, make_server: MakeServer
) -> None:
    office = Office(store, make_server().settings, "ann")
    place = Place("ann", CollectionKind.CALENDAR, "default")
    sharing.share(office, place, "bob", Access.READ)
    name = ann.post(ITEMS, text=text_of())[1]["name"]
    bob = caller("bob")
    shared = bob.get("/users/bob/shares/")[1]["results"][0]["name"]
    theirs = f"/users/bob/calendars/{shared}/items/"
    assert bob.get(f"{theirs}{name}/")[1]["uid"] == "one"
    assert bob.post(theirs, text=text_of("two"))[0] == 403
    sharing.share(office, place, "bob", Access.READ_WRITE)
    assert bob.post(theirs, text=text_of("two"))[0] == 201
    assert {one["uid"] for one in ann.get(ITEMS)[1]["results"]} == {"one", "two"}
    sharing.revoke(office, place, "bob")
    assert bob.get(theirs)[0] == 404
