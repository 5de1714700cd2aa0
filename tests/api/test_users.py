"""Accounts and settings by script: administrators look after them, users after their own name."""

from __future__ import annotations

import pytest

from tests.api.conftest import Caller, MakeCaller
from tests.davclient import PASSWORD


def test_an_account_is_made_with_its_calendar_and_can_be_used(admin: Caller, caller: MakeCaller) -> None:
    wanted = {"name": "zoë", "password": PASSWORD, "email": "zoe@example.org", "quota": 1_000_000}
    status, made = admin.post("/users/", **wanted, timezone="Europe/Berlin")
    assert (status, made["name"], made["quota"], made["is_admin"]) == (201, "zoë", 1_000_000, False)
    zoe = caller("zoë")
    assert zoe.get("/me/")[1]["email"] == "zoe@example.org"
    assert [one["name"] for one in zoe.get("/users/zo%C3%AB/calendars/")[1]["results"]] == ["default"]
    assert admin.post("/users/", name="zoë", password=PASSWORD)[0] == 409


def test_who_has_no_password_gets_a_link_to_one(admin: Caller) -> None:
    assert admin.post("/users/", name="new")[0] == 201
    status, link = admin.send("POST", "/users/new/password-link/")
    assert (status, "/account/new-password/" in link["url"]) == (201, True)
    assert admin.send("POST", "/users/nobody/password-link/")[0] == 404


def test_a_room_has_a_calendar_and_no_password(admin: Caller) -> None:
    assert (
        admin.post("/users/", name="room-1", kind="room", display_name="The blue room")[1]["kind"] == "room"
    )
    assert len(admin.get("/users/room-1/calendars/")[1]["results"]) == 1
    assert admin.post("/users/", name="room-2", kind="room", password=PASSWORD)[0] == 400


def test_a_list_is_searched_and_comes_in_pages(admin: Caller) -> None:
    first = admin.get("/users/?limit=2")[1]
    rest = admin.get(first["next"].removeprefix("http://dav.example.org/api/v1.0"))[1]
    assert [one["name"] for one in (*first["results"], *rest["results"])] == ["ann", "bob", "eve"]
    assert [one["name"] for one in admin.get("/users/?search=EV")[1]["results"]] == ["eve"]


def test_users_change_their_name_and_nothing_that_gives_rights(ann: Caller) -> None:
    assert ann.patch("/users/ann/", display_name="Ann B.")[1]["display_name"] == "Ann B."
    assert ann.patch("/users/ann/", timezone="Mars/Crater")[0] == 400
    assert ann.patch("/users/ann/", is_admin=True)[0] == 403
    assert ann.patch("/users/ann/", quota=None)[0] == 403


def test_an_administrator_disables_and_removes_others_not_himself(admin: Caller, caller: MakeCaller) -> None:
    assert admin.patch("/users/ann/", is_disabled=True)[1]["is_disabled"] is True
    assert caller("ann").get("/me/")[0] == 401
    assert admin.patch("/users/bob/", is_admin=False)[0] == 409
    assert admin.delete("/users/bob/")[0] == 409
    assert admin.delete("/users/ann/")[0] == 204
    assert admin.get("/users/ann/")[0] == 404


@pytest.mark.parametrize("body", [{"name": ""}, {"name": "a:b"}, {"name": "x", "password": "short"}, {}])
def test_what_is_no_account_is_refused(admin: Caller, body: dict[str, str]) -> None:
    assert admin.post("/users/", **body)[0] == 400


def test_eve_finds_only_herself(eve: Caller) -> None:
    assert eve.get("/users/")[0] == 403
    assert eve.post("/users/", name="x", password=PASSWORD)[0] == 403
    assert eve.get("/users/ann/") == eve.get("/users/nobody/")
    assert eve.get("/users/ann/")[0] == 404
    assert eve.patch("/users/ann/", display_name="x")[0] == 404
    assert eve.delete("/users/ann/")[0] == 403
    assert eve.send("POST", "/users/ann/password-link/")[0] == 403
    assert eve.get("/settings/")[0] == 403
    assert eve.patch("/settings/", **{"log.access": True})[0] == 403


# -- settings


def test_settings_are_shown_with_their_help_and_no_secret(admin: Caller) -> None:
    found = {one["name"]: one for one in admin.get("/settings/")[1]["results"]}
    assert found["caldav.enabled"]["value"] is True
    assert found["caldav.enabled"]["help"]
    assert (found["storage.database_url"]["value"], found["storage.database_url"]["is_secret"]) == (
        None,
        True,
    )


def test_settings_are_changed_all_or_none(admin: Caller) -> None:
    after = admin.patch("/settings/", **{"caldav.max_instances": 500, "accounts.calendar_name": "Main"})[1]
    found = {one["name"]: one["value"] for one in after["results"]}
    assert (found["caldav.max_instances"], found["accounts.calendar_name"]) == (500, "Main")
    assert admin.patch("/settings/", **{"caldav.max_instances": 600, "no.such": 1})[0] == 400
    assert admin.patch("/settings/", **{"caldav.max_instances": "many"})[0] == 400
    assert admin.patch("/settings/", **{"server.listen": "127.0.0.1:1"})[0] == 409
