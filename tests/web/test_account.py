"""One's own account: password, app passwords, sessions, leaving; what an administrator may, and eve not."""

from __future__ import annotations

from typing import Any

import pytest

from davserver.jobs import app_passwords, users
from davserver.jobs.app_passwords import Made, Wanted
from davserver.jobs.office import Office
from davserver.model import AppPassword, NewPrincipal, PrincipalKind, Right
from davserver.storage import Store, audit, principals
from tests.davclient import PASSWORD, D, MakeClient, MakeServer
from tests.web.visitor import Page, Visitor

NEW = "four words that differ"


def listed(store: Store, name: str = "ann") -> list[AppPassword]:
    with store.read() as tx:
        return app_passwords.listing(tx, users.find_user(tx, name))


@pytest.fixture
def phone(server: Any, store: Store, people: dict[str, int]) -> Made:
    """An app password that ann has already."""
    return app_passwords.create(Office(store, server.settings), "ann", Wanted("Phone"))


def shown_password(page: Page) -> str:
    (value,) = [
        one.get("value") for one in page.find("input[readonly]") if one.get("value", "").count("-") == 5
    ]
    return str(value)


# -- app passwords


def test_an_app_password_is_made_on_the_page_shown_once_and_works(
    visit: Any, client: MakeClient, store: Store
) -> None:
    page = visit("ann").get("/account/app-passwords/add").submit(label="Ann's <phone>", contacts="none")
    password = shown_password(page)
    assert "Ann's <phone>" in page.text("h1")
    (made,) = listed(store)
    assert (made.scope.calendars, made.scope.contacts, made.scope.api) == (
        Right.WRITE,
        Right.NONE,
        Right.NONE,
    )
    device = client("ann", password=password)
    assert device.propfind(device.calendar, D + "displayname").status == 207
    assert device.propfind(device.book, D + "displayname").status == 403
    index = visit("ann").get("/account/app-passwords")
    assert password not in index.body.decode()
    assert "Ann's <phone>" in index.text("table")


def test_single_collections_and_an_expiry_can_be_chosen(visit: Any, store: Store) -> None:
    page = visit("ann").get("/account/app-passwords/add")
    boxes = [one.get("value") for one in page.find("input[type]") if one.get("type") == "checkbox"]
    page.submit(label="Kitchen", collections=boxes[:1], days="30")
    (made,) = listed(store)
    assert made.scope.collections == frozenset({int(boxes[0])})
    assert made.expires == made.created + 30 * 86_400


def test_somebody_else_s_collection_cannot_be_chosen(visit: Any, store: Store) -> None:
    foreign = visit("bob").get("/account/app-passwords/add").find("input[type]")
    key = next(one.get("value") for one in foreign if one.get("type") == "checkbox")
    page = visit("eve").get("/account/app-passwords/add").submit(label="x", collections=[key])
    assert page.status == 422
    assert listed(store, "eve") == []


def test_what_cannot_be_made_is_told_at_the_form(visit: Any) -> None:
    page = visit("ann").get("/account/app-passwords/add").submit(label="x", calendars="none", contacts="none")
    assert (page.status, "opens calendars, contacts or the API" in page.text(".alert")) == (400, True)
    assert page.find("#label")[0].get("value") == "x"


def test_revoking_asks_first_and_then_cuts_the_device_off(
    visit: Any, phone: Made, client: MakeClient
) -> None:
    device = client("ann", password=phone.password)
    question = visit("ann").get("/account/app-passwords").link("Revoke", exact=True)
    assert "cannot be undone" in question.text("main")
    assert device.propfind(device.calendar, D + "displayname").status == 207
    assert question.submit("Revoke").follow().flashes == ["Phone is cut off."]
    assert device.propfind(device.calendar, D + "displayname").status == 401


def test_renaming_and_revoking_all(visit: Any, phone: Made, store: Store) -> None:
    ann = visit("ann")
    ann.get(f"/account/app-passwords/{phone.app_password.id}").submit(label="Old phone")
    assert [one.label for one in listed(store)] == ["Old phone"]
    page = ann.get("/account/app-passwords/revoke-all")
    assert "Old phone" in page.text("main ul")
    page.submit("Revoke all")
    assert listed(store) == []


def test_the_own_password_can_be_kept_for_the_pages(visit: Any, client: MakeClient, store: Store) -> None:
    with store.write() as tx:
        principals.remove_credentials(tx, users.find_user(tx, "ann").id, "app")
    ann, device = visit("ann"), client("ann")
    assert device.propfind(device.calendar, D + "displayname").status == 207
    page = ann.get("/account/app-passwords").submit("Take app passwords only").follow()
    assert device.propfind(device.calendar, D + "displayname").status == 401
    assert ann.get("/account/").status == 200
    page.submit("Let devices use my own password").follow()
    assert device.propfind(device.calendar, D + "displayname").status == 207


def test_an_administrator_sees_and_revokes(visit: Any, phone: Made, store: Store) -> None:
    page = visit("ada").get("/admin/users/ann/app-passwords")
    assert "Phone" in page.text("table")
    page.link("Revoke", exact=True).submit("Revoke")
    assert listed(store) == []


def test_an_administrator_makes_one_for_somebody_shown_once_and_logged(
    visit: Any, client: MakeClient, store: Store
) -> None:
    ada = visit("ada")
    made = ada.get("/admin/users/ann/app-passwords").link("New app password").submit(label="Kitchen")
    password = shown_password(made)
    assert "shown only now" in made.text(".alert")
    assert password not in ada.get("/admin/users/ann/app-passwords").body.decode()
    device = client("ann", password=password)
    assert device.propfind(device.calendar, D + "displayname").status == 207
    with store.read() as tx:
        (entry,) = audit.listing(tx, "app-password.add", 5)
    assert (entry.actor, entry.target, entry.address) == ("ada", "ann: Kitchen", "192.0.2.7")
    assert password not in str(entry)


def test_rooms_have_no_app_passwords(visit: Any, store: Store) -> None:
    with store.write() as tx:
        principals.add(tx, NewPrincipal("room1", PrincipalKind.ROOM))
    ada = visit("ada")
    assert "New app password" not in ada.get("/admin/users/room1/app-passwords").text()
    assert ada.get("/admin/users/room1/app-passwords/add").status == 404


@pytest.mark.parametrize("path", ["", "/revoke"])
def test_eve_reaches_nobody_s_app_password(visit: Any, phone: Made, path: str) -> None:
    eve, key = visit("eve"), phone.app_password.id
    assert eve.get(f"/account/app-passwords/{key}{path}").status == 404
    assert eve.get(f"/admin/users/ann/app-passwords/{key}{path}").status == 403
    assert "Phone" not in eve.get("/account/app-passwords").text()


# -- password


def test_the_password_is_changed_and_other_browsers_are_signed_out(visit: Any) -> None:
    here, there = visit("ann"), visit("ann")
    page = here.get("/account/password").submit(old=PASSWORD, new=NEW, again=NEW)
    assert page.status == 303
    assert "changed" in page.follow().flashes[0]
    assert there.get("/account/").status == 303
    assert visit().sign_in("ann").status == 401
    assert visit().sign_in("ann", NEW).status == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong", NEW, NEW, "This is not your password."),
        (PASSWORD, NEW, NEW + "x", "The two passwords differ."),
        (PASSWORD, "short", "short", "at least 8 characters"),
        (PASSWORD, "password1234", "password1234", "anybody would try"),
    ],
)
def test_a_password_that_cannot_be_set_says_why(
    visit: Any, old: str, new: str, again: str, said: str
) -> None:
    page = visit("ann").get("/account/password").submit(old=old, new=new, again=again)
    assert page.status in (400, 403, 422)
    assert said in page.text("main form")
    assert new not in page.body.decode(), "a password is never sent back"


def test_the_strength_is_told_to_the_page_only_with_its_token(visit: Any) -> None:
    ann = visit("ann")
    token = ann.get("/account/password").doc.forms[0].fields["csrf_token"]
    weak = ann.post("/account/password-strength", new="ann-password1", csrf_token=token).answer.json
    strong = ann.post("/account/password-strength", new=NEW + " a lot", csrf_token=token).answer.json
    assert weak["mark"] < strong["mark"] == 4
    assert "password" in weak["text"]
    assert ann.post("/account/password-strength", new="x").status == 400


# -- sessions


def test_sessions_are_listed_and_ended(visit: Any) -> None:
    here, there = visit("ann"), visit("ann", HTTP_USER_AGENT="Other browser")
    page = here.get("/account/sessions")
    assert "this one" in page.text("table")
    page.submit("Sign out all others")
    assert there.get("/account/").status == 303
    assert here.get("/account/").status == 200


def test_an_administrator_ends_a_person_s_sessions_and_eve_nobody_s(visit: Any) -> None:
    ann, eve, ada = visit("ann"), visit("eve"), visit("ada")
    assert eve.get("/admin/users/ann/sessions").status == 403
    token = eve.get("/account/sessions").doc.forms[0].fields["csrf_token"]
    for key in range(1, 4):
        eve.post(f"/account/sessions/{key}/end", csrf_token=token)
    assert ann.get("/account/").status == 200
    ada.get("/admin/users/ann/sessions").submit("Sign out all").follow()
    assert ann.get("/account/").status == 303
    assert ada.get("/admin/").status == 200


# -- leaving


@pytest.fixture
def leaving(make_server: MakeServer, people: dict[str, int]) -> Visitor:
    """ann where accounts may be removed by their owners."""
    visitor = Visitor(make_server(accounts={"self_removal": True}))
    visitor.sign_in("ann")
    return visitor


def test_who_leaves_is_told_what_is_lost_and_proves_who_he_is(leaving: Visitor, store: Store) -> None:
    page = leaving.get("/account/").link("Remove my account")
    assert "Calendar" in page.text("main ul")
    refused = page.submit(password="wrong")
    assert (refused.status, "not your password" in refused.text("main")) == (403, True)
    left = refused.submit(password=PASSWORD)
    assert left.location == "/account/sign-in"
    assert leaving.get("/account/").status == 303
    with store.read() as tx:
        ann = users.find_user(tx, "ann")
    assert ann.disabled
    assert ann.remove_at is not None


def test_an_administrator_sees_who_has_left_and_lets_him_in_again(
    leaving: Visitor, visit: Any, store: Store
) -> None:
    leaving.get("/account/leave").submit(password=PASSWORD)
    page = visit("ada").get("/admin/users/ann/account")
    assert "ann has left" in page.text(".alert")
    page.submit(disabled=None)
    with store.read() as tx:
        ann = users.find_user(tx, "ann")
    assert (ann.disabled, ann.remove_at) == (False, None), "else it would be removed one day all the same"
    assert "has left" not in visit("ada").get("/admin/users/ann/account").text()


def test_where_it_is_not_allowed_there_is_no_such_page(visit: Any) -> None:
    assert visit("ann").get("/account/leave").status == 404
    assert "Remove my account" not in visit("ann").get("/account/").text()
    assert visit("ada").get("/admin/users/ann/leave").status == 404
