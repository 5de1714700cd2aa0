"""The life of users, rooms, equipment and groups in the administration."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from davserver.model import CollectionKind, NewPrincipal, PrincipalKind
from davserver.storage import Store, audit, collections, principals
from tests.davclient import PASSWORD, Client, MakeClient
from tests.web.conftest import Browser


def test_a_new_user_can_sign_in_and_has_a_calendar_and_an_address_book(
    visit: Any, client: MakeClient, store: Store
) -> None:
    ada = visit("ada")
    page = ada.get("/admin/add-user").submit(
        name="carl",
        display_name="Carl",
        email="carl@example.org",
        password=PASSWORD,
        again=PASSWORD,
    )
    assert page.location == "/admin/users/carl/"
    assert "carl was added." in page.follow().flashes
    carl = client("carl")
    assert carl.propfind(carl.calendar).status == 207
    assert carl.propfind(carl.book).status == 207
    with store.read() as tx:
        newest = audit.newest(tx, 1)[0]
    assert (newest.actor, newest.action, newest.target, newest.address) == (
        "ada",
        "user.add",
        "carl",
        "192.0.2.7",
    )


def test_every_form_shows_how_strong_a_password_is_and_nobody_takes_one_that_all_would_try(
    visit: Any,
) -> None:
    """An administrator may: how good the passwords are that he gives is his to decide."""
    ada = visit("ada")
    link = ada.get("/admin/users/ann/account").submit("Link to a new password")
    token = link.find("div.copy input")[0].get("value").rpartition("/")[2]
    for visitor, path in (
        (visit(), f"/account/new-password/{token}"),
        (ada, "/admin/users/ann/password"),
        (ada, "/admin/add-user"),
    ):
        page = visitor.get(path)
        (field,) = page.find("input[data-strength]")
        assert len(page.find("meter")) == 1
        name = {"name": "ann2", "email": "ann@example.org"} if "add-user" in path else {}
        weak = page.submit(password="annexample", again="annexample", **name)
        assert ("anybody would try" in weak.text()) == (visitor is not ada), path
        sent = {"new": "annexample", "about": field.get("data-about") + " ann@example.org"}
        told = visitor.post(
            field.get("data-strength"), csrf_token=page.doc.forms[-1].fields["csrf_token"], **sent
        )
        assert told.answer.json["mark"] == 0, path


def test_a_user_without_a_password_gets_a_link_that_works_once(visit: Any, client: MakeClient) -> None:
    form = visit("ada").get("/admin/add-user")
    assert "Password (optional)" in form.text("form.form")
    assert "Password again (optional)" in form.text("form.form")
    assert "The two passwords differ." in form.submit(name="carl", password=PASSWORD).text("main")
    page = form.submit(name="carl")
    link = page.find("div.copy input")[0].get("value")
    assert link.startswith("http://dav.example.org/account/new-password/")
    path = link.removeprefix("http://dav.example.org")
    carl = visit()
    form = carl.get(path)
    assert "At least 8 characters." in form.text("main")
    chosen = form.submit(password="carl's own words", again="carl's own words")
    assert "Your password is set" in chosen.follow().text(".alert")
    assert visit().sign_in("carl", "carl's own words").location == "/account/"
    assert carl.get(path).status == 404


def test_a_link_is_worth_nothing_once_another_one_was_made(visit: Any) -> None:
    ada = visit("ada")
    links = []
    for _ in range(2):
        page = ada.get("/admin/users/ann/account").submit("Link to a new password")
        links.append(page.find("div.copy input")[0].get("value").removeprefix("http://dav.example.org"))
    assert [visit().get(link).status for link in links] == [404, 200]


def test_a_new_password_ends_all_sessions_and_the_old_password(visit: Any, client: MakeClient) -> None:
    ann, ada = visit("ann"), visit("ada")
    ada.get("/admin/users/ann/password").submit(password="the new password", again="the new password")
    assert ann.get("/account/").status == 303
    assert visit().sign_in("ann").status == 401
    assert visit().sign_in("ann", "the new password").location == "/account/"


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "..", "x" * 101, "<script>", "ann"])
def test_names_that_cannot_be_are_refused_and_what_was_typed_stays(visit: Any, name: str) -> None:
    page = visit("ada").get("/admin/add-user").submit(name=name, display_name="<b>Carl</b>")
    assert page.status in (400, 409, 422)
    assert page.find("#display_name")[0].get("value") == "<b>Carl</b>"
    assert b"<b>Carl" not in page.body


def test_an_account_is_changed_locked_out_and_let_in_again(
    visit: Any, client: MakeClient, store: Store
) -> None:
    ada, dav = visit("ada"), client("ann")
    page = ada.get("/admin/users/ann/account")
    page = page.submit(display_name="Ann A.", quota="5", timezone="Europe/Berlin", disabled="y").follow()
    assert dav.propfind("/dav/").status == 401
    with store.read() as tx:
        ann = principals.get(tx, "ann")
    assert ann is not None
    assert (ann.display_name, ann.quota, ann.timezone) == ("Ann A.", 5_000_000, "Europe/Berlin")
    page.submit(disabled=None)
    assert dav.propfind("/dav/").status == 207


def test_nobody_takes_his_own_rights_away(visit: Any) -> None:
    ada = visit("ada")
    page = ada.get("/admin/users/ada/account")
    assert page.submit(admin=None).status == 409
    assert page.submit(disabled="y").status == 409
    assert ada.get("/admin/users/ada/remove").status == 409
    assert ada.get("/admin/").status == 200


def test_an_administrator_is_made_and_unmade(visit: Any) -> None:
    ada = visit("ada")
    page = ada.get("/admin/users/bob/account").submit(admin="y").follow()
    bob = visit("bob")
    assert bob.get("/admin/").status == 200
    page.submit(admin=None)
    assert bob.get("/admin/").status == 403


def test_removing_says_what_is_lost_and_wants_the_name_typed(visit: Any, ann: Client, store: Store) -> None:
    ann.put(ann.book + "one.vcf", b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:One\r\nN:;;;;\r\nEND:VCARD\r\n")
    ada = visit("ada")
    page = ada.get("/admin/users/ann/remove")
    assert "Contacts: 1 entry" in page.texts("main li")
    assert page.submit(name="an").status == 422
    gone = page.submit(name="ann").follow()
    assert "ann and everything of it was removed." in gone.flashes
    assert ada.get("/admin/users/ann/").status == 404
    assert ann.propfind("/dav/").status == 401


def test_rooms_and_equipment_have_a_calendar_and_nobody_signs_in_as_them(
    visit: Any, store: Store, client: MakeClient
) -> None:
    ada = visit("ada")
    ada.get("/admin/add-resource").submit(kind="room", name="attic", display_name="The attic")
    assert ada.get("/admin/users/?kind=resource").texts("tbody th a") == ["attic"]
    assert ada.get("/admin/users/").texts("tbody th a") == ["ada", "ann", "bob", "eve"]
    with store.read() as tx:
        attic = principals.get(tx, "attic")
        assert attic is not None
        assert attic.kind is PrincipalKind.ROOM
        assert len(collections.of_owner(tx, attic.id, CollectionKind.CALENDAR)) == 1
        assert collections.of_owner(tx, attic.id, CollectionKind.ADDRESSBOOK) == []
    assert client("attic", password="").propfind("/dav/").status == 401
    page = ada.get("/admin/users/attic/account").submit(display_name="Attic")
    assert page.status == 303


def test_a_group_is_made_filled_named_and_removed(visit: Any, store: Store) -> None:
    ada = visit("ada")
    page = ada.get("/admin/groups/add").submit(name="family", display_name="Family").follow()
    page = page.submit(who="ann").follow()
    page = page.submit(who="bob@example.org").follow()
    assert page.texts("tbody th") == ["ann", "bob"]
    assert "There is no account nobody." in page.submit(who="nobody").follow().flashes
    page = page.submit("Remove", who="ann").follow()
    assert page.texts("tbody th") == ["bob"]
    assert page.submit(display_name="The family").follow().text("h1") == "The family"
    ada.get("/admin/groups/of/family/remove").submit("Remove the group")
    assert ada.get("/admin/groups/of/family/").status == 404
    with store.read() as tx:
        assert principals.get(tx, "bob") is not None


def fill(store: Store, count: int) -> None:
    with store.write() as tx:
        for number in range(count):
            principals.add(tx, NewPrincipal(f"user{number:04}", display_name=f"User {number}"))


def statements(store: Store, visitor: Any, path: str) -> int:
    """How many SQL statements a page runs."""
    ran: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_rest: Any) -> None:
        ran.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        assert visitor.get(path).status == 200
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
    return len(ran)


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/users/", "/admin/users/?q=user&order=size", "/admin/devices", "/admin/audit"]
)
def test_a_list_takes_as_many_statements_for_a_thousand_users_as_for_four(
    visit: Any, store: Store, path: str
) -> None:
    ada = visit("ada")
    ada.get(path)
    few = statements(store, ada, path)
    fill(store, 1000)
    assert statements(store, ada, path) == few <= 12


def test_the_list_is_searched_sorted_and_paged(visit: Any, store: Store) -> None:
    fill(store, 120)
    ada = visit("ada")
    page = ada.get("/admin/users/")
    assert len(page.texts("tbody th")) == 50
    assert "1 to 50 of 124" in page.text("main")
    page = page.link("Next")
    assert page.texts("tbody th")[0] == "user0046"
    assert len(page.link("Next").texts("tbody th")) == 24
    found = ada.get("/admin/users/?q=USER+7&order=display-name")
    assert found.texts("tbody th")[0] == "user0007"
    assert ada.get("/admin/users/?q=%25").texts("tbody th") == []
    assert ada.get("/admin/users/?order=nonsense&page=-3").status == 200
    assert "101 to 124 of 124" in ada.get("/admin/users/?page=99").follow().text("main")
    assert "Nobody is called so" in ada.get("/admin/users/?q=nobody&page=2").follow().text("main")
    assert ada.get("/admin/users/?kind=nonsense").status == 404


def test_what_people_are_called_is_shown_as_text(visit: Any, store: Store, people: dict[str, int]) -> None:
    evil = "<script>alert(1)</script>"
    with store.write() as tx:
        principals.change(tx, people["eve"], display_name=evil, email='"><img src=x onerror=alert(1)>@x')
    ada = visit("ada")
    for path in ("/admin/users/", "/admin/users/eve/", "/admin/users/eve/account", "/admin/users/eve/remove"):
        page = ada.get(path)
        assert b"<script>alert" not in page.body
        assert not page.doc.xpath("//img")


def test_a_user_s_life_in_a_browser(browser: Browser) -> None:
    browser.sign_in("ada")
    page = browser.page
    browser.follow(page.get_by_role("link", name="Administration"))
    browser.shoot("dashboard")
    browser.follow(page.get_by_role("link", name="Users and resources"))
    assert browser.problems() == []
    browser.shoot("users")
    browser.follow(page.get_by_role("link", name="Add a user"))
    browser.shoot("users-add")
    page.get_by_label("User name").fill("carl")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    browser.follow(page.get_by_role("button", name="Add"))
    browser.follow(page.get_by_role("link", name="Account", exact=True))
    assert browser.problems() == []
    browser.shoot("users-edit")
    browser.follow(page.get_by_role("link", name="Remove …"))
    page.get_by_label("User name").fill("carl")
    assert browser.problems() == []
    browser.shoot("users-remove")
    browser.follow(page.get_by_role("button", name="Remove for ever"))
    assert "carl and everything of it was removed." in page.get_by_role("status").inner_text()
    browser.follow(page.get_by_role("link", name="Groups"))
    assert browser.problems() == []
    browser.shoot("groups")
    browser.follow(page.get_by_role("link", name="Add a group"))
    page.get_by_label("Short name").fill("family")
    browser.follow(page.get_by_role("button", name="Add"))
    page.get_by_label("User name or mail address").fill("ann")
    browser.follow(page.get_by_role("button", name="Add"))
    assert browser.problems() == []
    browser.shoot("groups-edit")
