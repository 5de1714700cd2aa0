"""Calendars, address books, sharing and trash in the pages, for oneself and for an administrator."""

from __future__ import annotations

from typing import Any

import pytest

from davserver.app import Server
from davserver.storage import Store
from tests.conftest import add_person
from tests.content.objects import event
from tests.davclient import IC, C, Client, D, MakeServer
from tests.sharing import counted, group, listed, share
from tests.web.visitor import Visitor


@pytest.fixture
def ann(server: Server) -> Client:
    """ann's DAV client."""
    return Client(server, "ann")


@pytest.fixture
def bob(server: Server) -> Client:
    """bob's DAV client."""
    return Client(server, "bob")


SIDES = {"account": ("ann", "/account"), "admin": ("ada", "/admin/users/ann")}


def test_the_overview_names_a_few_and_says_how_many_more_there_are(visit: Any) -> None:
    there = visit("ann")
    for number in range(6):
        there.get("/account/calendars/new").submit("Create", display_name=f"Number {number}")
    page = there.get("/account/")
    assert "Number 3 0 entries" in page.text("main")
    assert "Number 4" not in page.text("main")
    assert page.link("… and 2 more").text("h1") == "Calendars"


@pytest.mark.parametrize("side", SIDES)
def test_a_calendar_s_life(visit: Any, ann: Client, side: str) -> None:
    name, base = SIDES[side]
    page = visit(name).get(f"{base}/calendars/").link("New calendar")
    page = page.submit(
        "Create",
        display_name="Work <b>&",
        color="#3366cc",
        components=["VEVENT", "VTODO"],
        timezone_id="Europe/Berlin",
        transparent="y",
    )
    page = page.follow()
    assert page.flashes == ["“Work <b>&” is there."]
    path = next(href for href in listed(ann, ann.calendar_home) if href != ann.calendar)
    found = ann.propfind(path, D + "displayname", IC + "calendar-color", C + "calendar-timezone-id").one
    assert [one.text for one in found.props.values()] == ["Work <b>&", "#3366cc", "Europe/Berlin"]
    assert ann.prop(path, C + "supported-calendar-component-set").attributes("name") == ["VEVENT", "VTODO"]
    key = path.rstrip("/").rpartition("/")[2]
    page = visit(name).get(f"{base}/calendars/{key}/edit").submit("Save", display_name="Job").follow()
    assert page.flashes == ["Saved."]
    assert ann.prop(path, D + "displayname").text == "Job"
    page = visit(name).get(f"{base}/calendars/{key}/delete").submit("Delete").follow()
    assert "“Job” is in the trash." in page.flashes[0]
    assert listed(ann, ann.calendar_home) == [ann.calendar]
    page = page.submit("Undo").follow()
    assert page.flashes == ["“Job” is back, with all that was in it."]
    assert path in listed(ann, ann.calendar_home)


def test_an_address_book_has_no_colour_and_no_zone(visit: Any, ann: Client) -> None:
    page = visit("ann").get("/account/addressbooks/new")
    fields = set(page.doc.forms[1].fields.keys())
    assert "display_name" in fields
    assert not fields & {"color", "timezone_id", "components"}
    page.submit("Create", display_name="Friends").follow()
    path = next(href for href in listed(ann, ann.book_home) if href != ann.book)
    assert ann.prop(path, D + "displayname").text == "Friends"


@pytest.mark.parametrize(
    "fields", [{"color": "red"}, {"components": []}, {"timezone_id": "Mars/Olympus"}, {"position": "x"}]
)
def test_what_makes_no_sense_is_said_and_nothing_changes(
    visit: Any, ann: Client, fields: dict[str, Any]
) -> None:
    page = visit("ann").get("/account/calendars/default/edit").submit("Save", display_name="X", **fields)
    assert page.status in (400, 422)
    assert ann.prop(ann.calendar, D + "displayname").text == "Calendar"


def test_a_client_s_colour_with_transparency_stays(visit: Any, ann: Client) -> None:
    ann.proppatch(ann.calendar, "<ic:calendar-color>#AABBCCDD</ic:calendar-color>")
    visit("ann").get("/account/calendars/default/edit").submit("Save", display_name="X")
    assert ann.prop(ann.calendar, IC + "calendar-color").text == "#AABBCCDD"


def test_a_calendar_without_a_colour_has_one_on_all_pages_and_is_given_none_by_the_way(
    visit: Any, ann: Client
) -> None:
    ann.mkcalendar(ann.calendar_home + "other/", "<d:displayname>Other</d:displayname>")
    visitor = visit("ann")
    colors = [
        visitor.get(f"/account/{path}").find(f"main {tag}")[0].get(name)
        for path, tag, name in (
            ("calendars/", ".swatch circle", "fill"),
            ("calendar/agenda", ".swatch circle", "fill"),
            ("calendars/default/edit", "#color", "value"),
        )
    ]
    assert colors[0] != "#888888"
    assert len(set(colors)) == 1
    visitor.get("/account/calendars/default/edit").submit("Save", display_name="X")
    assert IC + "calendar-color" in ann.propfind(ann.calendar, IC + "calendar-color").one.missing


def test_what_is_shared_can_be_looked_into(visit: Any, ann: Client) -> None:
    share(ann, ann.calendar, "bob", "read")
    share(ann, ann.book, "bob", "read")
    visitor = visit("bob")
    for kind in ("calendars", "addressbooks"):
        links = visitor.get(f"/account/{kind}/").doc.xpath("//a[contains(., 'Look inside')]/@href")
        assert any("in=ann-default" in one for one in links)
        assert all(visitor.get(one).status == 200 for one in links)


def test_the_order_is_changed_by_steps(visit: Any, ann: Client) -> None:
    ann.mkcalendar(ann.calendar_home + "a/", "<d:displayname>A</d:displayname>")
    visitor = visit("ann")
    assert visitor.get("/account/calendars/").texts("li.list-group-item .fw-semibold") == ["Calendar", "A"]
    form = next(
        one
        for one in visitor.get("/account/calendars/").doc.forms
        if one.fields.get("name") == "a" and one.fields.get("step") == "-1"
    )
    visitor.request("POST", form.action, data=dict(form.form_values()))
    assert visitor.get("/account/calendars/").texts("li.list-group-item .fw-semibold") == ["A", "Calendar"]


def test_without_a_trash_the_name_must_be_typed(make_server: MakeServer, ann: Client) -> None:
    visitor = Visitor(make_server(storage={"trash_days": 0}))
    visitor.sign_in("ann")
    page = visitor.get("/account/calendars/default/delete").submit("Delete", typed="no")
    assert page.status == 422
    assert listed(ann, ann.calendar_home) == [ann.calendar]
    page.submit("Delete", typed="Calendar")
    assert listed(ann, ann.calendar_home) == []


# -- sharing


@pytest.mark.parametrize("side", SIDES)
def test_sharing_and_taking_back(visit: Any, bob: Client, side: str) -> None:
    name, base = SIDES[side]
    page = (
        visit(name)
        .get(f"{base}/sharing/calendar/default")
        .submit("Share", who="bob@example.org", access="read")
    )
    page = page.follow()
    assert page.flashes == ["Shared with bob@example.org."]
    path = bob.calendar_home + "ann-default/"
    assert bob.put(path + "one.ics", event()).status == 403
    page = page.submit("Let write").follow()
    assert bob.put(path + "one.ics", event()).status == 201
    matrix = visit(name).get(f"{base}/sharing/").text()
    assert "Bob" in matrix
    assert "Can read and write" in matrix
    page.submit("Take back").follow()
    assert listed(bob, bob.calendar_home) == [bob.calendar]


def test_a_group_is_shared_with_by_name(
    visit: Any, store: Store, people: dict[str, int], bob: Client
) -> None:
    group(store, "family", people["bob"])
    visit("ann").get("/account/sharing/addressbook/default").submit(
        "Share", who="family", access="read"
    ).follow()
    assert len(listed(bob, bob.book_home)) == 2


@pytest.mark.parametrize("who", ["nobody", "ann", "x" * 300, "a\u202eb", "../eve", "<script>"])
def test_who_is_not_there_is_not_shared_with(visit: Any, ann: Client, who: str) -> None:
    page = visit("ann").get("/account/sharing/calendar/default").submit("Share", who=who)
    assert page.status in (400, 403, 404, 422)
    assert ann.prop(ann.calendar, D + "share-access").names == [D + "not-shared"]


def test_an_invitation_is_accepted_hidden_and_declined_in_the_portal(
    make_server: MakeServer, people: Any
) -> None:
    server = make_server(sharing={"auto_accept": False})
    ann, bob = Client(server, "ann"), Client(server, "bob")
    share(ann, ann.calendar, "bob", "read")
    visitor = Visitor(server)
    visitor.sign_in("bob")
    page = visitor.get("/account/calendars/")
    assert "Ann wants to share “Calendar”" in page.text()
    page = page.submit("Accept").follow()
    path = bob.calendar_home + "ann-default/"
    assert path in listed(bob, bob.calendar_home)
    page = page.submit("Hide").follow()
    assert path not in listed(bob, bob.calendar_home)
    page = page.submit("Show again").follow()
    page = page.submit("Decline").follow()
    assert path not in listed(bob, bob.calendar_home)
    page.submit("Accept after all").follow()
    assert path in listed(bob, bob.calendar_home)


def test_one_sees_it_as_one_likes(visit: Any, ann: Client, bob: Client) -> None:
    share(ann, ann.calendar, "bob", "read")
    page = visit("bob").get("/account/calendars/").link("Name and colour")
    page.submit("Save", display_name="Hers", color="#ff0000", transparent=None).follow()
    path = bob.calendar_home + "ann-default/"
    found = bob.propfind(path, D + "displayname", IC + "calendar-color", C + "schedule-calendar-transp").one
    assert found[D + "displayname"].text == "Hers"
    assert found[IC + "calendar-color"].text == "#ff0000"
    assert found[C + "schedule-calendar-transp"].names == [C + "opaque"]
    assert ann.prop(ann.calendar, D + "displayname").text == "Calendar"


def test_where_the_directory_is_closed_nobody_is_suggested_or_tried(
    make_server: MakeServer, people: Any
) -> None:
    visitor = Visitor(make_server(accounts={"directory": False}))
    visitor.sign_in("ann")
    page = visitor.get("/account/sharing/calendar/default")
    assert "bob" not in page.text("datalist")
    answers = {page.submit("Share", who=who).text(".alert") for who in ("bob", "nobody")}
    assert len(answers) == 1


def test_an_administrator_sees_who_has_what_on_the_whole_server(
    visit: Any,
    ann: Client,
    bob: Client,
    store: Store,
    people: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada = visit("ada")
    assert "Nothing is shared yet" in ada.get("/admin/sharing/").text()
    group(store, "family", people["bob"])
    share(ann, ann.calendar, "family", "read")
    share(bob, bob.book, "eve", "read-write")

    def owners(query: str = "") -> list[str]:
        return list(ada.get(f"/admin/sharing/?q={query}").texts("tbody td a[href]"))[::2]

    with counted(store, monkeypatch) as seen:
        assert owners() == ["Ann", "Bob"]
    before = seen[0]
    assert owners("family") == ["Ann"]
    assert owners("EVE") == ["Bob"]
    assert owners("ann") == ["Ann"]
    assert owners("%25") == owners("nobody") == []
    for number in range(5):
        ann.mkcalendar(f"{ann.calendar_home}{number}/")
        share(ann, f"{ann.calendar_home}{number}/", "bob")
    with counted(store, monkeypatch) as seen:
        assert len(owners()) == 7
    assert seen[0] == before
    assert visit("eve").get("/admin/sharing/").status == 403


# -- trash


def test_the_trash_lists_restores_and_removes(visit: Any, ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    assert "The trash is empty" in visit("ann").get("/account/trash/").text()
    ann.delete(ann.calendar)
    ann.delete(ann.book)
    page = visit("ann").get("/account/trash/")
    assert sorted(page.texts("td .fw-semibold")) == ["Calendar", "Contacts"]
    href = page.doc.xpath("//a[@aria-label='Remove Contacts for good']/@href")[0]
    page = visit("ann").get(href)
    assert page.submit("Remove for good", typed="x").status == 422
    page = page.submit("Remove for good", typed="Contacts").follow()
    assert page.texts("td .fw-semibold") == ["Calendar"]
    page.submit("Restore").follow()
    assert ann.get(ann.calendar + "one.ics").status == 200


# -- eve, and what it costs


def test_eve_reaches_nothing_of_ann_s(visit: Any, ann: Client) -> None:
    share(ann, ann.calendar, "bob")
    collection_id = ann.prop(ann.calendar, D + "share-resource-uri").hrefs[0].rpartition("-")[2]
    ann.mkcalendar(ann.calendar_home + "gone/")
    ann.delete(ann.calendar_home + "gone/")
    eve = visit("eve")
    for path in ("calendars/", "calendars/default/edit", "sharing/", "trash/", "sharing/calendar/default"):
        assert eve.get(f"/admin/users/ann/{path}").status == 403
    token = eve.get("/account/profile").doc.forms[0].fields["csrf_token"]
    for path, fields in (
        ("calendars/respond", {"collection_id": collection_id, "state": "accepted"}),
        (f"calendars/shared/{collection_id}", {}),
        (f"trash/{int(collection_id) + 6}/restore", {}),
        ("sharing/calendar/none/change", {"who": "bob", "access": "read"}),
        ("calendars/none/delete", {}),
    ):
        status = eve.post(f"/account/{path}", csrf_token=token, **fields).status
        assert status == 404, path


def test_a_calendar_given_to_many_is_shown_in_parts(visit: Any, store: Store, ann: Client) -> None:
    with store.write() as tx:
        for number in range(60):
            add_person(tx, f"p{number:02}")
    for number in range(60):
        assert share(ann, ann.calendar, f"p{number:02}").status == 200
    page = visit("ann").get("/account/sharing/")
    assert page.texts("thead th")[-2:] == ["Others", "Actions"]
    assert len(page.find("thead th")) == 15
    assert "48" in page.texts("tbody td")
    one = visit("ann").get("/account/sharing/calendar/default")
    assert len(one.find("section .list-group-item")) == 50
    assert len(one.link("Next").find("section .list-group-item")) == 10
    assert "… and 40 more" in visit("ada").get("/admin/sharing/").text("main")


def test_pages_cost_a_constant_number_of_statements(
    visit: Any, ann: Client, bob: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = visit("bob")
    paths = ("calendars/", "sharing/", "trash/", "sharing/calendar/default")

    def cost() -> list[int]:
        found = []
        for path in paths:
            with counted(store, monkeypatch) as seen:
                assert visitor.get(f"/account/{path}").status == 200
            found.append(seen[0])
        return found

    def furnish(number: int) -> None:
        bob.mkcalendar(f"{bob.calendar_home}{number}/")
        share(bob, f"{bob.calendar_home}{number}/", "ann")
        ann.mkcalendar(f"{ann.calendar_home}{number}/")
        share(ann, f"{ann.calendar_home}{number}/", "bob")
        bob.mkcalendar(f"{bob.calendar_home}x{number}/")
        bob.delete(f"{bob.calendar_home}x{number}/")

    furnish(0)
    before = cost()
    for number in range(1, 6):
        furnish(number)
    assert cost() == before
