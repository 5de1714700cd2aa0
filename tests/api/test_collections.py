"""Calendars, address books and groups by script."""

from __future__ import annotations

import pytest

from tests.api.conftest import Caller, MakeCaller
from tests.davclient import IC, D, MakeClient

CALENDARS = "/users/ann/calendars/"
BOOKS = "/users/ann/addressbooks/"


def test_what_is_made_here_is_what_a_phone_sees(ann: Caller, client: MakeClient) -> None:
    status, made = ann.post(
        CALENDARS, name="work", display_name="Work", color="#112233", components=["VEVENT"]
    )
    assert (status, made["path"], made["components"]) == (201, "/calendars/ann/work/", ["VEVENT"])
    phone = client("ann")
    seen = phone.propfind("/dav/calendars/ann/work/", D + "displayname", IC + "calendar-color").one
    assert (seen[D + "displayname"].text, seen[IC + "calendar-color"].text) == ("Work", "#112233")
    assert [one["name"] for one in ann.get(CALENDARS)[1]["results"]] == ["default", "work"]


def test_a_change_keeps_what_it_does_not_name(ann: Caller) -> None:
    ann.post(CALENDARS, name="work", display_name="Work", color="#112233", timezone="Europe/Berlin")
    changed = ann.patch(f"{CALENDARS}work/", position=1, transparent=True)[1]
    assert (changed["display_name"], changed["color"], changed["position"]) == ("Work", "#112233", 1)
    assert (changed["timezone"], changed["transparent"]) == ("Europe/Berlin", True)
    assert ann.send("PATCH", f"{CALENDARS}work/", {"color": ""}, if_match='"old"')[0] == 412
    assert ann.patch(f"{CALENDARS}work/", color="")[1]["color"] == ""


def test_what_is_deleted_lies_in_the_trash(ann: Caller) -> None:
    ann.post(BOOKS, name="club", display_name="Club")
    status, gone = ann.delete(f"{BOOKS}club/")
    assert (status, gone["until"] is not None) == (200, True)
    assert ann.get(f"{BOOKS}club/")[0] == 404
    assert ann.send("POST", f"/users/ann/trash/{gone['trash_id']}/restore/")[0] == 200
    assert ann.get(f"{BOOKS}club/")[1]["display_name"] == "Club"


@pytest.mark.parametrize(
    "body",
    [
        {"color": "red"},
        {"components": ["VTIMEZONE"]},
        {"components": []},
        {"timezone": "Mars/Crater"},
        {"name": "a/b"},
        {"position": 2**40},
    ],
)
def test_what_makes_no_sense_is_refused(ann: Caller, body: dict[str, object]) -> None:
    assert ann.post(CALENDARS, **body)[0] == 400


def test_an_address_is_taken_once(ann: Caller) -> None:
    assert ann.post(CALENDARS, name="default")[0] == 409


def test_bob_sees_what_is_shared_with_him_in_his_own_way(ann: Caller, caller: MakeCaller) -> None:
    ann.send("PUT", f"{CALENDARS}default/shares/bob/", {"access": "read"})
    bob = caller("bob")
    shared = next(one for one in bob.get("/users/bob/calendars/")[1]["results"] if one["is_shared"])
    assert (shared["owner"]["name"], shared["is_writable"]) == ("ann", False)
    place = f"/users/bob/calendars/{shared['name']}/"
    assert bob.patch(place, color="#ff0000", display_name="Ann's")[1]["color"] == "#ff0000"
    assert ann.get(f"{CALENDARS}default/")[1]["display_name"] == "Calendar"
    assert bob.delete(place)[0] == 403


def test_eve_finds_none_of_it(ann: Caller, eve: Caller) -> None:
    for path in (CALENDARS, f"{CALENDARS}default/", BOOKS, f"{CALENDARS}no/"):
        assert eve.get(path)[0] == 404
    assert eve.post(CALENDARS, name="mine")[0] == 404
    assert eve.patch(f"{CALENDARS}default/", color="#000000")[0] == 404
    assert eve.delete(f"{CALENDARS}default/")[0] == 404
    assert ann.get(f"{CALENDARS}default/")[0] == 200


# -- groups


def test_a_group_is_made_filled_and_removed(admin: Caller) -> None:
    status, made = admin.post("/groups/", name="family", members=["ann"])
    assert (status, [one["name"] for one in made["members"]]) == (201, ["ann"])
    changed = admin.patch("/groups/family/", display_name="The family", members=["ann", "eve"])[1]
    assert (changed["display_name"], len(changed["members"])) == ("The family", 2)
    assert [one["name"] for one in admin.get("/groups/")[1]["results"]] == ["family"]
    assert admin.post("/groups/", name="ann")[0] == 409
    assert admin.post("/groups/", name="x", members=["nobody"])[0] == 404
    assert admin.delete("/groups/family/")[0] == 204
    assert admin.get("/groups/family/")[0] == 404


def test_groups_are_for_administrators(ann: Caller) -> None:
    assert ann.get("/groups/")[0] == 403
    assert ann.get("/groups/no/")[0] == 403
    assert ann.post("/groups/", name="x")[0] == 403
