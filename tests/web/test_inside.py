"""Looking inside on the pages: month, agenda, tasks, contacts with photos, search, entries, their past."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from typing import Any

import pytest
from sqlalchemy import event as sql_event

from davserver.config import Settings
from davserver.jobs import sharing, transfer
from davserver.jobs.office import Office
from davserver.jobs.places import Place
from davserver.jobs.transfer import Wish
from davserver.model import Access, CollectionKind, ShareState
from davserver.storage import Store, collections, history, principals, shares
from davserver.storage.prepared import Prepared
from tests.davclient import Client

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f00"
    "0385018061e9d2d90000000049454e44ae426082"
)


def event(uid: str, start: str, *more: str, title: str = "Tea") -> str:
    """A VEVENT; the start with its parameters."""
    head = ["BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{title}", f"DTSTART{start}"]
    return "\n".join([*head, *more, "END:VEVENT"])


def calendar(*components: str) -> bytes:
    """A calendar object."""
    return "\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *components, "END:VCALENDAR", ""]
    ).encode()


def card(*lines: str) -> bytes:
    """A card."""
    return "\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""]).encode()


def fill(
    store: Store, data: bytes, owner: str = "ann", kind: CollectionKind = CollectionKind.CALENDAR
) -> None:
    """Put things into somebody's collection called default."""
    with store.read() as tx:
        target = collections.get(tx, owner, kind, "default")
    assert target is not None
    report = transfer.import_file(Office(store, Settings(), owner), target, io.BytesIO(data), Wish())
    assert report.refused == 0, report.refusals


def fill_book(store: Store, *cards: bytes) -> None:
    """Cards into ann's address book."""
    fill(store, b"".join(cards), kind=CollectionKind.ADDRESSBOOK)


@pytest.fixture
def berlin(store: Store, people: dict[str, int]) -> None:
    """Ann lives in Berlin."""
    with store.write() as tx:
        principals.change(tx, people["ann"], timezone="Europe/Berlin")


JANUARY = "/account/calendar?month=2026-01"


def cell(page: Any, day: int) -> list[str]:
    """What a month shows on a day of it."""
    boxes = page.doc.xpath(f"//td[not(contains(@class, 'outside'))][a[normalize-space()='{day}']]")
    return [" ".join(one.text_content().split()) for one in boxes[0].iter("li")]


def test_a_month_in_the_zone_of_who_looks(visit: Any, store: Store, berlin: None) -> None:
    fill(
        store,
        calendar(
            event("a", ":20260105T230500Z", title="Late"),
            event("b", ";VALUE=DATE:20260109", "DTEND;VALUE=DATE:20260111", title="Fair"),
            event(
                "c", ":20260112T090000Z", "DTEND:20260112T100000Z", "RRULE:FREQ=WEEKLY;COUNT=2", title="Club"
            ),
        ),
    )
    page = visit("ann").get(JANUARY)
    assert page.text("h1") == "January 2026"
    assert cell(page, 5) == []
    assert cell(page, 6) == ["00:05 Late"]
    assert cell(page, 9) == cell(page, 10) == ["Fair"]
    assert cell(page, 11) == []
    assert cell(page, 12) == cell(page, 19) == ["10:00–11:00 Club"]
    assert page.link("Late").text("h1") == "Late"
    following = page.doc.xpath("//a[@rel='next']")[0].get("href")
    assert visit("ann").get(following).text("h1") == "February 2026"


def test_a_day_with_many_events_leads_to_all_of_them(visit: Any, store: Store) -> None:
    fill(store, calendar(*(event(f"e{n}", f":2026010{5}T0{n}0000Z", title=f"Event {n}") for n in range(7))))
    page = visit("ann").get(JANUARY)
    assert cell(page, 5)[-1] == "… and 3 more Monday, 5 January 2026"
    on_a_phone = page.texts("section .list-group-item")
    assert (len(on_a_phone), on_a_phone[-1]) == (5, "… and 3 more Monday, 5 January 2026")
    day = page.link("… and 3 more Monday, 5 January 2026")
    assert len(day.find(".list-group-item")) == 7
    assert day.text("h2") == "Monday, 5 January 2026"


def test_a_crowded_list_of_days_goes_on_where_it_ends(visit: Any, store: Store) -> None:
    starts = [f":202601{5 + n // 60:02}T{10 + n % 60 // 6}{n % 6}000Z" for n in range(240)]
    fill(store, calendar(*(event(f"e{n}", start, title=f"Event {n}") for n, start in enumerate(starts))))
    page = visit("ann").get("/account/calendar/agenda?from=2026-01-01")
    assert len(page.find(".list-group-item")) == 120
    assert page.texts("h2")[-1] == "Tuesday, 6 January 2026"
    page = visit("ann").get(page.doc.xpath("//a[@rel='next']")[0].get("href"))
    assert page.texts("h2") == ["Wednesday, 7 January 2026", "Thursday, 8 January 2026"]


def test_a_search_with_many_hits_comes_in_pages(visit: Any, store: Store) -> None:
    fill_book(store, *(card(f"UID:{n}", f"FN:Friend {n:02}") for n in range(60)))
    page = visit("ann").get("/account/search?q=friend")
    assert "1 to 50" in page.text("main")
    following = page.link("Next")
    assert len(following.find(".list-group-item")) == 10
    assert "51 to 60" in following.text("main")
    people = visit("ann").get("/account/contacts?q=friend").link("Next")
    assert people.texts(".contact a") == [f"Friend {n}" for n in range(50, 60)]


@pytest.mark.parametrize("bad", ["x", "2026-13", "0001-01", "99999-01", "2026-01-99", "'"])
def test_a_mistyped_month_is_this_month(visit: Any, bad: str) -> None:
    ann = visit("ann")
    assert ann.get(f"/account/calendar?month={bad}").text("h1") == ann.get("/account/calendar").text("h1")
    assert ann.get(f"/account/calendar/agenda?from={bad}").status == 200


def test_tasks(visit: Any, store: Store) -> None:
    task = "BEGIN:VTODO\nUID:{0}\nSUMMARY:{0}\n{1}END:VTODO"
    fill(
        store,
        calendar(
            task.format("Old", "DUE:20200101T100000Z\n"),
            task.format("Some day", ""),
            task.format("Ready", "STATUS:COMPLETED\n"),
        ),
    )
    page = visit("ann").get("/account/tasks")
    shown = page.texts(".list-group-item")
    assert shown[0].startswith("Old due Wednesday, 1 January 2020")
    assert "overdue" in shown[0]
    assert shown[1] == "Some day"
    assert page.link("Done ones").texts(".list-group-item") == ["Ready"]


def test_contacts_with_photos_and_search(visit: Any, store: Store) -> None:
    photo = "PHOTO;ENCODING=b;TYPE=PNG:" + b64encode(PNG).decode()
    script = "PHOTO;ENCODING=b;TYPE=SVG:" + b64encode(b"<svg onload='alert(1)'/>").decode()
    fill_book(store, card("UID:z", "FN:Zoe", photo), card("UID:a", "FN:Ann", "TEL:+49 30 1", script))
    ann = visit("ann")
    page = ann.get("/account/contacts")
    assert page.texts(".contact a") == ["Ann", "Zoe"]
    images = [one.get("src") for one in page.doc.iter("img")]
    got = ann.get(next(one for one in images if "/z.vcf/" in one))
    assert (got.body, got.answer.headers["Content-Type"]) == (PNG, "image/png")
    assert got.answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert ann.get("/account/contacts/default/a.vcf/photo").status == 404
    assert ann.get("/account/contacts?q=zo").texts(".contact a") == ["Zoe"]
    assert "Nobody is found" in ann.get("/account/contacts?q=nobody").text("main")


def test_search_over_everything(visit: Any, store: Store) -> None:
    fill(store, calendar(event("a", ":20260105T100000Z", "LOCATION:Paris", title="Trip")))
    fill_book(store, card("UID:a", "FN:Paris Hilton"))
    page = visit("ann").get("/account/search").submit(q="paris")
    assert len(page.texts(".list-group-item")) == 2
    assert page.link("Trip").text("h1") == "Trip"
    assert "Nothing is found" in visit("bob").get("/account/search?q=paris").text("main")


def test_an_entry_tells_all_in_words(visit: Any, store: Store, berlin: None) -> None:
    fill(
        store,
        calendar(
            event(
                "a",
                ";TZID=America/New_York:20260105T100000",
                "DTEND;TZID=America/New_York:20260105T110000",
                "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=10",
                "ATTENDEE;CN=Bob:mailto:bob@example.org",
                "URL:https://example.org/",
                "DESCRIPTION:Two\\nlines",
            )
        ),
    )
    page = visit("ann").get("/account/entries/calendar/default/a.ics")
    assert page.texts("dd") == [
        "Monday, 5 January 2026, 16:00 – 17:00",
        "every 2 weeks, on Monday, Wednesday, 10 times",
        "https://example.org/",
        "Two lines",
        "Bob <bob@example.org>",
    ]
    assert "BEGIN:VEVENT" in page.text("pre")


def test_the_past_of_an_entry_and_the_way_back(visit: Any, client: Any) -> None:
    dav: Client = client("ann")
    first = calendar(event("a", ";VALUE=DATE:20260105", "RRULE:FREQ=DAILY", title="Tea"))
    second = calendar(event("a", ";TZID=Europe/Berlin:20260106T100000", title="Coffee"))
    assert dav.put(dav.calendar + "a.ics", first).status == 201
    assert dav.put(dav.calendar + "a.ics", second).status == 204
    ann = visit("ann")
    page = ann.get("/account/entries/calendar/default/a.ics")
    assert page.text("h1") == "Coffee"
    then = page.link("What it was before")
    assert then.text("h1") == "Tea"
    assert then.texts("tbody th") == ["Title", "Start", "Repeats"]
    berlin = "Tuesday, 6 January 2026, 10:00 (Europe/Berlin)"
    assert then.texts("tbody td") == ["Tea", "Coffee", "Monday, 5 January 2026", berlin, "every day", "–"]
    back = then.submit("Restore this version").follow()
    assert back.text("h1") == "Tea"
    assert dav.get(dav.calendar + "a.ics").body == first
    assert len(back.find("section .list-group-item")) == 2


def test_what_was_deleted_comes_back(visit: Any, client: Any) -> None:
    dav: Client = client("ann")
    body = calendar(event("a", ":20260105T100000Z"))
    dav.put(dav.calendar + "a.ics", body)
    dav.delete(dav.calendar + "a.ics")
    ann = visit("ann")
    page = ann.get("/account/calendar").link("Deleted")
    assert page.texts("tbody td")[:2] == ["Tea", "Event"]
    assert page.link("Tea").text("h1") == "Tea"
    assert ann.get("/account/entries/calendar/default/a.ics").status == 302
    restored = page.submit("Restore").follow()
    assert restored.flashes == ["Restored. What was there before is in the list of earlier versions."]
    assert dav.get(dav.calendar + "a.ics").body == body


def test_nothing_from_outside_becomes_markup(visit: Any, store: Store, people: dict[str, int]) -> None:
    evil = EVIL.replace(",", "\\,").replace(";", "\\;")
    lines = [f"{name}:{evil}" for name in ("LOCATION", "DESCRIPTION", "STATUS", "CATEGORIES", "X-EVIL")]
    links = [
        "URL:javascript:alert(1)",
        "ATTACH:javascript:alert(1)",
        f'ATTENDEE;CN="{EVIL[2:]}":javascript:alert(1)',
    ]
    fill(store, calendar(event("a", ":20260105T100000Z", *lines, *links, title=evil)))
    fill_book(
        store, card("UID:a", f"FN:{evil}", f"ORG:{evil}", f"TEL:{evil}", f"EMAIL:{evil}", "URL:javascript:x")
    )
    with store.write() as tx:
        target = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
        assert target is not None
        collections.change(tx, target.id, display_name=EVIL, color=EVIL[:90])
    ann = visit("ann")
    for path in (
        JANUARY,
        "/account/calendar/agenda?from=2026-01-01",
        "/account/entries/calendar/default/a.ics",
        "/account/entries/addressbook/default/a.vcf",
        "/account/contacts?q=script",
        "/account/search?q=script",
        "/account/import-export",
    ):
        page = ann.get(path)
        assert page.status == 200
        assert EVIL in page.doc.text_content(), path
        assert not page.doc.xpath("//a[starts-with(@href, 'javascript')]"), path
        assert all(one.get("src").startswith("/account/") for one in page.doc.iter("img", "script")), path


def test_eve_sees_nothing_of_it(visit: Any, store: Store, client: Any) -> None:
    dav: Client = client("ann")
    dav.put(dav.calendar + "a.ics", calendar(event("a", ":20260105T100000Z", title="Secret")))
    dav.delete(dav.calendar + "a.ics")
    dav.put(dav.calendar + "a.ics", calendar(event("a", ":20260105T100000Z", title="Secret")))
    fill_book(store, card("UID:a", "FN:Secret friend"))
    ada, eve = visit("ada"), visit("eve")
    assert "Secret" in ada.get("/admin/users/ann/entries/calendar/default/a.ics").text("main")
    link = ada.get("/admin/users/ann/entries/calendar/default/a.ics").link("What it was before").path
    number = link.rpartition("/")[2]
    assert eve.get(f"/account/entries/calendar/default/versions/{number}").status == 404
    token = eve.get("/account/search").doc.forms[0].fields["csrf_token"]
    path = f"/account/entries/calendar/default/versions/{number}/restore"
    assert eve.post(path, csrf_token=token).status == 404
    for page in ("calendar?month=2026-01", "calendar/agenda?from=2026-01-01", "tasks", "contacts", "deleted"):
        assert "Secret" not in eve.get(f"/account/{page}").text()
        assert eve.get(f"/admin/users/ann/{page}").status == 403
    assert eve.get("/account/entries/calendar/default/a.ics").status == 404
    assert eve.get("/account/contacts/default/a.vcf/photo").status == 404
    assert "Nothing is found" in eve.get("/account/search?q=secret").text()


def test_what_others_share_is_seen_but_not_its_past(
    visit: Any, store: Store, client: Any, people: dict[str, int]
) -> None:
    dav: Client = client("bob")
    for title in ("Draft", "Shared trip"):
        dav.put(dav.calendar + "a.ics", calendar(event("a", ":20260105T100000Z", title=title)))
    fill(store, calendar(event("own", ":20260106T100000Z", title="Own")))
    office = Office(store, Settings(), "bob")
    sharing.share(office, Place("bob", CollectionKind.CALENDAR, "default"), "ann", Access.READ)
    with store.read() as tx:
        offered = shares.offered(tx, people["ann"])[0]
    sharing.respond(office, "ann", offered.collection.id, ShareState.ACCEPTED)
    ann = visit("ann")
    page = ann.get(JANUARY)
    assert len(cell(page, 5)) == len(cell(page, 6)) == 1
    entry = page.link("Shared trip")
    assert entry.text("h1") == "Shared trip"
    assert "Earlier versions" not in entry.text("main")
    with store.read() as tx:
        number = history.of_item(tx, offered.collection.id, "a.ics")[0].id
    home = entry.path.split("/")[4]
    assert ann.get(f"/account/entries/calendar/{home}/versions/{number}").status == 404
    assert "Shared trip" in ann.get("/account/search?q=shared").text("main")
    assert "Shared trip" not in visit("eve").get(JANUARY).text("main")
    sharing.respond(office, "ann", offered.collection.id, ShareState.DECLINED)
    assert "Shared trip" not in ann.get(JANUARY).text("main")
    assert ann.get(entry.path).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/account/entries/x/default/a.ics",
        "/account/entries/calendar/x/a.ics",
        "/account/entries/calendar/default/x",
    ],
)
def test_what_is_not_there_is_404(visit: Any, path: str) -> None:
    assert visit("ann").get(path).status == 404


def test_the_number_of_statements_does_not_grow(
    visit: Any, store: Store, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    original = Prepared._run

    def run(self: Prepared, tx: Any, values: Any) -> Any:
        ran.append(str(self.statement))
        return original(self, tx, values)

    def execute(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        ran.append(statement)

    monkeypatch.setattr(Prepared, "_run", run)
    sql_event.listen(store.engine, "before_cursor_execute", execute)
    ann = visit("ann")
    pages = ("calendar/agenda?from=2026-01-01", "tasks", "contacts", "search?q=tea", "deleted")
    paths = (JANUARY, *(f"/account/{page}" for page in pages))
    dav: Client = client("ann")

    def add(first: int, last: int) -> None:
        fill(
            store, calendar(*(event(f"e{n}", f":202601{1 + n % 28:02}T100000Z") for n in range(first, last)))
        )
        fill(store, calendar(*(f"BEGIN:VTODO\nUID:t{n}\nSUMMARY:t\nEND:VTODO" for n in range(first, last))))
        fill_book(store, *(card(f"UID:c{n}", f"FN:Tea {n}") for n in range(first, last)))
        for n in range(first, min(last, first + 10)):
            dav.delete(dav.calendar + f"e{n}.ics")

    def look() -> dict[str, int]:
        counts = {}
        for path in paths:
            ran.clear()
            assert ann.get(path).status == 200
            # what is looked at now and then (sessions, settings) has nothing to do with what is shown
            counts[path] = sum(
                re.search(r"FROM (item|body|collection|history|shared)", one) is not None for one in ran
            )
        return counts

    add(0, 12)
    look()  # what is read once for a process
    few = look()
    add(20, 170)
    assert look() == few
    sql_event.remove(store.engine, "before_cursor_execute", execute)
    assert 0 < min(few.values()) <= max(few.values()) < 20


def test_what_a_program_writes_is_told_in_words(visit: Any, client: Any, berlin: None) -> None:
    ann, dav = visit("ann"), client("ann")
    alarm = "BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:x\nTRIGGER:-PT30M\nEND:VALARM"
    head = "BEGIN:VTODO\nUID:t\nSUMMARY:Taxes\nDUE;VALUE=DATE:20260110"
    task = f"{head}\nSTATUS:IN-PROCESS\nPERCENT-COMPLETE:40\n{alarm}\nEND:VTODO"
    dav.put(dav.calendar + "t.ics", calendar(task))
    page = ann.get("/account/entries/calendar/default/t.ics")
    assert dict(zip(page.texts("dt"), page.texts("dd"), strict=True)) == {
        "Due": "Saturday, 10 January 2026",
        "Status": "begun",
        "Percent done": "40 %",
    }
    dav.put(dav.calendar + "t.ics", calendar(task.replace("-PT30M", "PT0S")))
    past = ann.get("/account/entries/calendar/default/t.ics").link("What it was before")
    assert past.texts("tbody td") == ["30 minutes before", "at that moment"]
    assert past.text("footer span").startswith("davserver"), "a page's variable hides none of the frame's"
    assert "Version(" not in past.text("footer")


def test_a_group_of_contacts_names_its_members(visit: Any, store: Store) -> None:
    member, mail = "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:", "X-ADDRESSBOOKSERVER-MEMBER:mailto:b@example.org"
    fill_book(
        store,
        card("UID:z", "FN:Zoë Miller", "BDAY:1985-12-10", "TEL;TYPE=CELL:+49 30 1"),
        card("UID:g", "FN:Team", "X-ADDRESSBOOKSERVER-KIND:group", member + "z", member + "gone", mail),
    )
    ann = visit("ann")
    team = ann.get("/account/contacts").link("Team")
    assert team.texts("dd") == ["Zoë Miller", "a contact that is not here", "mailto:b@example.org"]
    one = team.link("Zoë Miller")
    assert one.texts("dt") == ["Phone mobile", "Birthday"]
    assert one.texts("dd") == ["+49 30 1", "10 December 1985"]


def test_journey_month_contacts_search_and_the_past(
    browser: Any, store: Store, people: Any, client: Any, berlin: None
) -> None:
    fill(
        store,
        calendar(
            event(
                "a",
                ";TZID=Europe/Berlin:20260105T100000",
                "RRULE:FREQ=WEEKLY",
                "LOCATION:Club house",
                title="Rehearsal",
            ),
            event("b", ";VALUE=DATE:20260109", "DTEND;VALUE=DATE:20260112", title="Fair in Leipzig"),
            *(event(f"c{n}", f":20260115T{10 + n}0000Z", title=f"Meeting number {n}") for n in range(6)),
            "BEGIN:VTODO\nUID:t\nSUMMARY:Book the hall\nDUE:20260110T100000Z\nPRIORITY:1\nEND:VTODO",
        ),
    )
    photo = "PHOTO;ENCODING=b;TYPE=PNG:" + b64encode(PNG).decode()
    fill_book(
        store,
        card("UID:z", "FN:Zoë Miller", "ORG:Acme Inc.;Sales", "EMAIL:zoe@example.org", photo),
        card(
            "UID:a", "FN:Ann Bell", "TEL;TYPE=CELL:+49 30 1", "ADR;TYPE=HOME:;;Street 1;Berlin;;10115;Germany"
        ),
    )
    dav: Client = client("ann")
    dav.put(dav.calendar + "b.ics", calendar(event("b", ";VALUE=DATE:20260110", title="Fair in Halle")))
    page = browser.page
    browser.sign_in("ann")
    for name, path in (
        ("month", JANUARY),
        ("agenda", "/account/calendar/agenda?from=2026-01-05"),
        ("tasks", "/account/tasks"),
        ("contacts", "/account/contacts"),
    ):
        browser.open(path)
        assert browser.problems() == [], name
        browser.shoot(f"inside-{name}")
    browser.follow(page.get_by_role("link", name="Zoë Miller"))
    assert browser.problems() == []
    browser.shoot("inside-contact")
    browser.open("/account/search")
    page.get_by_role("searchbox").fill("fair")
    browser.follow(page.get_by_role("button", name="Search"))
    assert browser.problems() == []
    browser.shoot("inside-search")
    browser.follow(page.get_by_role("link", name="Fair in Halle"))
    assert browser.problems() == []
    browser.shoot("inside-event")
    browser.follow(page.get_by_role("link", name="What it was before"))
    assert browser.problems() == []
    browser.shoot("inside-version")
    browser.follow(page.get_by_role("button", name="Restore this version"))
    page.get_by_role("heading", name="Fair in Leipzig").wait_for()
    dav.delete(dav.calendar + "b.ics")
    browser.open("/account/deleted")
    assert browser.problems() == []
    browser.shoot("inside-deleted")
    browser.follow(page.get_by_role("button", name="Restore Fair in Leipzig"))
    page.get_by_role("heading", name="Fair in Leipzig").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    browser.open(JANUARY)
    assert not page.locator("table.month").is_visible()
    assert page.get_by_role("link", name="Fair in Leipzig").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert browser.problems() == []
