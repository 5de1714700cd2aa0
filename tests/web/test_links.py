"""Public links on the pages: made, copied, changed, paused, renewed, removed; by their owner only."""

from __future__ import annotations

import re
from typing import Any

import pytest

from davserver.app import Server
from davserver.model import Detail, Private, View
from davserver.storage import Store, links
from tests.davclient import Client
from tests.web.visitor import Page

LINKS = "/account/links"


def make(visit: Any, owner: str = "ann", **fields: Any) -> Page:
    """The page of a new link to the owner's calendar."""
    values = {"label": "Mum", "sources": ["default"], **fields}
    page: Page = visit(owner).get(f"{LINKS}/new").submit("Get the link", **values)
    assert page.status == 303, page.text("main")
    return page.follow()


def address(page: Page) -> str:
    """The address that the page offers to copy."""
    return str(page.doc.xpath("//input[@aria-label='Address of the link']/@value")[0])


def path_of(page: Page) -> str:
    """Its path."""
    return address(page).removeprefix("http://dav.example.org")


@pytest.fixture
def reader(server: Server) -> Client:
    """Who has nothing but an address."""
    return Client(server, None)


def test_there_is_none_at_first_and_the_page_says_what_they_are_for(visit: Any) -> None:
    page = visit("ann").get(LINKS)
    assert page.text("h1") == "Public links"
    assert "There is no link yet" in page.text("main")
    new = page.link("Make the first one")
    assert "Treat it like a password" in new.text(".alert")


def test_a_link_is_made_and_its_address_works_at_once(visit: Any, reader: Client) -> None:
    page = make(visit)
    assert page.text("h1") == "Link: Mum"
    assert page.flashes
    assert reader.request("GET", path_of(page)).status == 200
    assert f"webcal:{address(page)[5:]}" in page.doc.xpath("//a/@href")
    assert page.doc.xpath("//div[contains(@class, 'qr')]/*")
    assert "Treat it like a password" in page.text("main")


def test_get_a_link_beside_a_calendar_leads_to_a_form_that_shows_it(visit: Any) -> None:
    ann = visit("ann")
    for path, suffix in (("/account/calendars/", ".ics"), ("/account/addressbooks/", ".vcf")):
        form = ann.get(path).link("Get a link")
        assert form.doc.xpath("//input[@name='sources' and @checked]/@value") == ["default"]
        assert address(form.submit("Get the link").follow()).endswith(suffix)


def test_a_link_to_an_address_book_is_offered_what_fits_it(visit: Any, store: Store, people: Any) -> None:
    form = visit("ann").get(f"{LINKS}/new").link("A link to an address book instead")
    names = {name for name in form.find("form.form")[0].fields if name not in ("csrf_token", "left_out")}
    asked = {"label", "sources", "detail", "title", "expires", "new_password", "cors"}
    assert names == asked
    assert form.texts("fieldset label") == ["Contacts", "Everything", "Names only", "Photos"]
    assert form.submit("Get the link", detail="busy").status == 422
    page = form.submit("Get the link", label="Mum", detail="titles", left_out=["attachments"]).follow()
    assert "Names only" in page.text("main")
    again = page.link("Change what it shows")
    assert set(again.find("form.form")[0].fields) >= asked
    assert again.submit("Save", label="Dad").follow().text("h1") == "Link: Dad"
    with store.read() as tx:
        (link,) = links.of_owner(tx, people["ann"])
    assert link.view == View(Detail.TITLES, left_out=frozenset({"attachments"}))


def test_the_address_can_be_copied_again_on_any_later_day(visit: Any) -> None:
    first = make(visit)
    again = visit("ann").get(LINKS).link("Mum")
    assert address(again) == address(first)


def test_what_it_shows_is_what_the_form_says(visit: Any, store: Store, people: dict[str, int]) -> None:
    make(
        visit,
        detail="titles",
        private="busy",
        left_out=["alarms", "attachments"],
        components=["VEVENT"],
        title="Ann's days",
        days_back="7",
        days_ahead="60",
        start="2026-01-01",
        end="2026-12-31",
        expires="2030-06-30",
        new_password="sesame open",
        embed="y",
    )
    with store.read() as tx:
        (link,) = links.of_owner(tx, people["ann"])
    view = link.view
    assert (view.detail, view.private) == (Detail.TITLES, Private.BUSY)
    assert view.left_out == {"alarms", "attachments"}
    assert (view.components, view.days_back, view.days_ahead) == (("VEVENT",), 7, 60)
    assert (view.start, view.end, link.expires) == (1767225600, 1798761600, 1909094400)
    assert (link.title, bool(link.password)) == ("Ann's days", True)
    assert (link.page, link.embed, link.cors) == (True, True, False)
    shown = visit("ann").get(f"{LINKS}/{link.id}/edit")
    values = {one.name: one.value for one in shown.doc.xpath("//input[@type='date']")}
    assert values == {"start": "2026-01-01", "end": "2026-12-31", "expires": "2030-06-30"}


def test_saving_without_a_change_changes_nothing_that_is_shown(
    visit: Any, store: Store, people: dict[str, int]
) -> None:
    make(visit, left_out=["alarms"], end="2026-12-31", new_password="sesame open", has_page="y")
    with store.read() as tx:
        (before,) = links.of_owner(tx, people["ann"])
    assert visit("ann").get(f"{LINKS}/{before.id}/edit").submit("Save").status == 303
    with store.read() as tx:
        (after,) = links.of_owner(tx, people["ann"])
    assert (after.view, after.expires, after.password) == (before.view, before.expires, before.password)
    assert (after.digest, after.collections, after.page) == (before.digest, before.collections, True)


def test_the_password_is_taken_away(visit: Any, reader: Client) -> None:
    page = make(visit, new_password="sesame open")
    assert reader.request("GET", path_of(page)).status == 401
    assert "without a login" not in page.text("main")
    edit = page.link("Change what it shows")
    done = edit.submit("Save", no_password="y").follow()
    assert reader.request("GET", path_of(done)).status == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sources": []}, "at least one"),
        ({"sources": ["default", "nothing"]}, "not a valid choice"),
        ({"start": "2026-02-02", "end": "2026-01-01"}, "after the start"),
        ({"days_back": "-1"}, "between"),
        ({"days_ahead": "x"}, "integer"),
        ({"expires": "2026-02-31"}, "valid date"),
        ({"label": "x" * 256}, "255"),
    ],
)
def test_what_makes_no_sense_is_said_and_what_was_typed_stays(
    visit: Any, fields: dict[str, Any], words: str
) -> None:
    values = {"label": "Mum", "sources": ["default"], **fields}
    page = visit("ann").get(f"{LINKS}/new").submit("Get the link", **values)
    assert page.status in (400, 422)
    assert words in page.text("main")
    assert page.doc.xpath("//input[@name='label']/@value")[0] == values["label"]


def test_a_link_is_paused_and_resumed(visit: Any, reader: Client) -> None:
    page = make(visit)
    path = path_of(page)
    paused = page.submit("Pause").follow()
    assert "Paused" in paused.text("main")
    assert reader.request("GET", path).status == 404
    resumed = paused.submit("Resume").follow()
    assert "Works" in resumed.text("main")
    assert reader.request("GET", path).status == 200


def test_a_new_address_and_the_end(visit: Any, reader: Client) -> None:
    page = make(visit)
    old = path_of(page)
    renewed = page.link("New address").submit("Make a new address").follow()
    assert path_of(renewed) != old
    assert reader.request("GET", old).status == 404
    assert reader.request("GET", path_of(renewed)).status == 200
    gone = renewed.link("Remove").submit("Remove it").follow()
    assert "There is no link yet" in gone.text("main")
    assert reader.request("GET", path_of(renewed)).status == 404


def test_who_fetches_it_is_shown(visit: Any, server: Server, reader: Client) -> None:
    page = make(visit)
    for _ in range(3):
        reader.request("GET", path_of(page), user_agent="Google-Calendar-Importer<b> (x)")
    server.links.statistics.flush()
    shown = visit("ann").get(LINKS)
    assert "fetched 3 times · Google-Calendar-Importer<b>" in shown.text("main")
    assert "<b>" not in shown.body.decode().replace("&lt;b&gt;", "")


def test_eve_sees_nothing_of_ann_s_links(visit: Any) -> None:
    page = make(visit)
    number = re.findall(r"/links/(\d+)", page.path)[0]
    eve = visit("eve")
    assert "Mum" not in eve.get(LINKS).text("main")
    for path in ("", "/edit", "/renew", "/remove"):
        assert eve.get(f"{LINKS}/{number}{path}").status == 404
    assert eve.get("/admin/users/ann/links").status == 403
    assert eve.get(f"/admin/users/ann/links/{number}").status == 403
    own = eve.get(f"{LINKS}/new")
    token = own.doc.xpath("//input[@name='csrf_token']/@value")[0]
    for action in ("pause", "resume", "renew", "remove", "edit"):
        answer = eve.post(f"{LINKS}/{number}/{action}", csrf_token=token)
        assert answer.status == 404, action
    forged = eve.post(f"{LINKS}/new", csrf_token=token, sources="../ann/default", detail="full")
    assert forged.status in (400, 404, 422)


def test_an_administrator_looks_after_somebody_s_links(visit: Any, reader: Client) -> None:
    make(visit)
    page = visit("ada").get("/admin/users/ann/links").link("Mum")
    assert page.path.startswith("/admin/users/ann/links/")
    paused = page.submit("Pause").follow()
    assert "Paused" in paused.text("main")
    assert "/admin/users/ann/" in paused.path


def test_nothing_is_changed_without_the_token_of_the_form(visit: Any) -> None:
    page = make(visit)
    number = re.findall(r"/links/(\d+)", page.path)[0]
    for action in ("pause", "renew", "remove"):
        assert visit("ann").post(f"{LINKS}/{number}/{action}").status == 400


def test_without_the_key_a_link_works_and_a_new_address_can_be_made(
    visit: Any, server: Server, reader: Client
) -> None:
    page = make(visit)
    (server.settings.storage.data_dir / "secret.key").unlink()
    shown = visit("ann").get(page.path)
    assert "its address cannot be shown" in shown.text("main")
    assert reader.request("GET", path_of(page)).status == 200
    renewed = shown.link("New address").submit("Make a new address").follow()
    assert reader.request("GET", path_of(renewed)).status == 200


def test_a_link_whose_calendar_is_gone_says_so(visit: Any, server: Server) -> None:
    page = make(visit)
    ann = Client(server, "ann")
    ann.request("DELETE", ann.calendar)
    shown = visit("ann").get(page.path)
    assert "was deleted" in shown.text("main")


def test_the_journey_in_a_browser(browser: Any) -> None:
    browser.sign_in("ann")
    browser.open(LINKS)
    page = browser.page
    assert browser.problems() == []
    browser.follow(page.get_by_role("link", name="Make the first one"))
    assert browser.problems() == []
    browser.shoot("links-new")
    page.get_by_label("Who is it for?").fill("Mum")
    page.get_by_label("Calendar", exact=True).check()
    page.get_by_text("Name, end, password, page").click()
    page.get_by_label("Also a page for people").check()
    browser.follow(page.get_by_role("button", name="Get the link"))
    page.get_by_role("heading", name="Link: Mum").wait_for()
    assert browser.problems() == []
    page.get_by_role("button", name="Copy: Address of the link").click()
    page.get_by_text("Copied").first.wait_for()
    page.get_by_text("QR code for a phone").click()
    assert page.locator(".qr svg").is_visible()
    browser.shoot("links-show")
    browser.follow(page.get_by_role("button", name="Pause"))
    page.get_by_text("Paused", exact=True).wait_for()
    browser.open(LINKS)
    assert browser.problems() == []
    browser.shoot("links-index")
