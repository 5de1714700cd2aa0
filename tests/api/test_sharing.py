"""Shares, trash and app passwords by script: for owners and administrators; for nobody else they exist."""

from __future__ import annotations

import base64

import pytest

from davserver.jobs import trash
from davserver.jobs.office import Office
from davserver.jobs.places import Place
from davserver.model import CollectionKind
from davserver.storage import Store
from tests.api.conftest import Caller, MakeCaller
from tests.davclient import MakeClient, MakeServer

SHARES = "/users/ann/calendars/default/shares/"
PASSWORDS = "/users/ann/app-passwords/"


def test_a_calendar_is_given_changed_and_taken_back(ann: Caller, caller: MakeCaller) -> None:
    assert ann.send("PUT", f"{SHARES}bob/", {"access": "read"})[1]["sharee"]["name"] == "bob"
    assert ann.send("PUT", f"{SHARES}bob@example.org/", {"access": "read-write"})[0] == 200
    assert [one["access"] for one in ann.get(SHARES)[1]["results"]] == ["read-write"]
    bob = caller("bob")
    received = bob.get("/users/bob/shares/")[1]["results"]
    assert [(one["owner"]["name"], one["state"]) for one in received] == [("ann", "accepted")]
    place = f"/users/bob/shares/{received[0]['id']}/"
    assert bob.patch(place, state="declined")[1]["state"] == "declined"
    assert bob.get(f"/users/bob/calendars/{received[0]['name']}/items/")[0] == 404
    assert ann.delete(f"{SHARES}bob/")[0] == 204
    assert ann.delete(f"{SHARES}bob/")[0] == 404
    assert bob.patch(place, state="accepted")[0] == 404


def test_nobody_shares_what_is_only_shared_with_him(ann: Caller, caller: MakeCaller) -> None:
    ann.send("PUT", f"{SHARES}bob/", {"access": "read-write"})
    bob = caller("bob")
    name = bob.get("/users/bob/shares/")[1]["results"][0]["name"]
    assert bob.send("PUT", f"/users/bob/calendars/{name}/shares/eve/", {"access": "read"})[0] == 404
    assert bob.get(f"/users/bob/calendars/{name}/shares/")[0] == 404


@pytest.mark.parametrize("who", ["nobody", "ann"])
def test_nobody_shares_with_himself_or_with_nobody(ann: Caller, who: str) -> None:
    assert ann.send("PUT", f"{SHARES}{who}/", {"access": "read"})[0] in (403, 404)


def test_a_deleted_calendar_comes_back(ann: Caller, store: Store, make_server: MakeServer) -> None:
    office = Office(store, make_server().settings, "ann")
    for _ in range(2):
        trash.delete(office, Place("ann", CollectionKind.CALENDAR, "default"))
        found = ann.get("/users/ann/trash/")[1]["results"]
        assert [(one["kind"], one["name"]) for one in found] == [("calendars", "default")]
        assert ann.send("POST", f"/users/ann/trash/{found[0]['id']}/restore/")[1]["name"] == "default"
    trash.delete(office, Place("ann", CollectionKind.CALENDAR, "default"))
    place = f"/users/ann/trash/{found[0]['id']}/"
    assert ann.delete(place)[0] == 204
    assert ann.delete(place)[0] == 404


def test_an_app_password_is_shown_once_and_works_until_it_is_revoked(ann: Caller, client: MakeClient) -> None:
    status, made = ann.post(PASSWORDS, label="Phone", calendars="read", contacts="none")
    assert (status, made["origin"], made["api"]) == (201, "api", "none")
    phone = client(None)
    sent = base64.b64encode(f"ann:{made['password']}".encode()).decode()
    phone.headers["authorization"] = f"Basic {sent}"
    assert phone.request("PROPFIND", "/dav/calendars/ann/default/", b"", depth="0").status == 207
    shown = ann.get(PASSWORDS)[1]["results"]
    assert [one["label"] for one in shown] == ["Phone"]
    assert "password" not in shown[0]
    assert ann.patch(f"{PASSWORDS}{made['id']}/", label="Old phone")[1]["label"] == "Old phone"
    assert ann.delete(f"{PASSWORDS}{made['id']}/")[0] == 204
    assert ann.get(f"{PASSWORDS}{made['id']}/")[0] == 404
    assert phone.request("PROPFIND", "/dav/calendars/ann/default/", b"", depth="0").status == 401


def test_an_app_password_makes_none_that_opens_more_or_lasts_longer(ann: Caller, caller: MakeCaller) -> None:
    ends = "2099-01-01T00:00:00Z"
    made = ann.post(
        PASSWORDS, label="Script", api="write", calendars="read", contacts="none", expires_at=ends
    )[1]
    script = caller(None)
    script.client.headers["authorization"] = f"Bearer {made['password']}"
    own = {"label": "x", "calendars": "read", "contacts": "none", "api": "none"}
    assert script.post(PASSWORDS, **own)[0] == 403
    assert script.post(PASSWORDS, **own, expires_at="2099-01-02T00:00:00Z")[0] == 403
    assert script.post(PASSWORDS, **{**own, "calendars": "write"}, expires_at=ends)[0] == 403
    assert script.post(PASSWORDS, **own, expires_at=ends)[0] == 201


def test_an_administrator_looks_after_others(ann: Caller, admin: Caller) -> None:
    assert admin.post(PASSWORDS, label="Given")[0] == 201
    assert [one["label"] for one in ann.get(PASSWORDS)[1]["results"]] == ["Given"]
    assert admin.get("/users/nobody/app-passwords/")[0] == 404
    assert admin.get("/health/")[1]["status"] == "ok"


def test_eve_finds_nothing_of_anns(ann: Caller, eve: Caller) -> None:
    key = ann.post(PASSWORDS, label="Phone")[1]["id"]
    for path in (PASSWORDS, f"{PASSWORDS}{key}/", SHARES, "/users/ann/shares/", "/users/ann/trash/"):
        assert eve.get(path)[0] == 404
    assert eve.post(PASSWORDS, label="Mine")[0] == 404
    assert eve.delete(f"{PASSWORDS}{key}/")[0] == 404
    assert eve.send("PUT", f"{SHARES}eve/", {"access": "read-write"})[0] == 404
    assert eve.send("POST", "/users/ann/trash/1/restore/")[0] == 404
    assert eve.get("/health/")[0] == 403
    assert eve.get("/me/")[1]["name"] == "eve"
