"""Import and export on the pages: progress, a report, a way back; everything out and in again."""

from __future__ import annotations

import io
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from davserver.app import Server
from davserver.auth.passwords import hash_password
from davserver.config import Settings
from davserver.jobs import transfer
from davserver.jobs.office import Office
from davserver.jobs.transfer import Wish
from davserver.model import CollectionKind
from davserver.storage import Store, collections, items, principals
from tests.conftest import add_person
from tests.databases import make_file
from tests.davclient import PASSWORD, Client, D
from tests.web.visitor import Page

EVENT = "BEGIN:VEVENT\nUID:{0}\nDTSTART:20260105T100000Z\nSUMMARY:{1}\nEND:VEVENT\n"
EVIL = "<script>alert(1)</script>"
PHOTO = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(256)) * 40 + b"\xff\xd9"


def calendar(*events: tuple[str, str], more: str = "") -> bytes:
    """An .ics file."""
    body = "".join(EVENT.format(uid, title) for uid, title in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{body}{more}END:VCALENDAR\n".encode()


def titles(store: Store, owner: str = "ann") -> list[str]:
    """The titles in somebody's calendar."""
    with store.read() as tx:
        target = collections.get(tx, owner, CollectionKind.CALENDAR, "default")
        assert target is not None
        bodies = [body.decode() for _, body in items.listing_with_bodies(tx, target.id)]
    return sorted(body.partition("SUMMARY:")[2].splitlines()[0] for body in bodies)


def waited(page: Page) -> Page:
    """The page of the import when its thread has ended."""
    assert page.status == 303, page.text("main")
    for thread in threading.enumerate():
        if thread.name == "import":
            thread.join(timeout=20)
    return page.follow()


def upload(page: Page, data: bytes, name: str = "file.ics", **fields: Any) -> Page:
    """Send a file by the form."""
    return page.submit(file=(io.BytesIO(data), name), **fields)


def test_a_file_is_imported_and_taken_back(visit: Any, store: Store) -> None:
    page = visit("ann").get("/account/import-export")
    bad = EVENT.format("bad", EVIL).replace("DTSTART", "X")
    done = waited(upload(page, calendar(("a", "A"), ("b", "B"), more=bad), "mine/file.ics"))
    assert done.text("h1") == "Import of file.ics"
    assert done.texts(".figure-box dd") == ["2", "1"]
    assert done.texts("tbody td") == ["14", EVIL, "A VEVENT needs a DTSTART."]
    assert titles(store) == ["A", "B"]
    report = done.link("The whole list")
    assert report.answer.headers["Content-Disposition"].startswith("attachment")
    assert "A VEVENT needs a DTSTART." in report.body.decode()
    undone = done.submit("Take it back").follow()
    assert undone.flashes == ["Taken back: 2 removed, 0 restored, 0 left that were changed since."]
    assert titles(store) == []
    assert undone.link("Continue").texts("tbody td")[1:] == ["file.ics", "Calendar (Calendar)", "taken back"]


@pytest.mark.parametrize(("policy", "found"), [("skip", ["A"]), ("replace", ["New"]), ("copy", ["A", "New"])])
def test_duplicates_are_treated_as_chosen(visit: Any, store: Store, policy: str, found: list[str]) -> None:
    ann = visit("ann")
    waited(upload(ann.get("/account/import-export"), calendar(("a", "A"))))
    waited(upload(ann.get("/account/import-export"), calendar(("a", "New")), policy=policy))
    assert titles(store) == found


def test_the_status_is_there_for_the_script(visit: Any) -> None:
    ann = visit("ann")
    sent = upload(ann.get("/account/import-export"), calendar(("a", "A")))
    waited(sent)
    status = ann.get(sent.location + ".json").answer.get_json()
    assert status == {"state": "done", "done": 1, "total": 1, "percent": 100, "message": ""}


def test_a_running_import_is_watched_without_script_and_cancelled(visit: Any, store: Store) -> None:
    with store.read() as tx:
        target = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
    assert target is not None
    number = transfer.begin(Office(store, Settings(), "ann"), target, Wish(source="slow.ics"))
    page = visit("ann").get(f"/account/import-export/{number}")
    assert page.doc.xpath("//noscript/meta[@http-equiv='refresh']")
    assert page.text("[data-progress-message]") == "Reading …"
    stopped = page.submit("Cancel").follow()
    assert stopped.flashes == ["The import is being stopped; what it wrote is taken back."]
    assert stopped.text(".badge") == "being taken back"


def test_mistakes_are_told_at_the_form(visit: Any) -> None:
    ann = visit("ann")
    page = ann.get("/account/import-export")
    assert "Choose a file." in page.submit("Import").text("main")
    refused = upload(page, b"PK\x03\x04nonsense", "broken.zip")
    assert refused.status == 400
    assert "The zip file is damaged." in refused.flashes


def test_a_file_that_is_no_calendar_changes_nothing_and_says_so(visit: Any, store: Store) -> None:
    ann = visit("ann")
    for name, data in (("x.txt", b"hello\n"), ("x.jpg", PHOTO), ("x.ics", b"")):
        failed = waited(upload(ann.get("/account/import-export"), data, name))
        assert failed.text(".text-bg-danger") == "failed; nothing was changed", name
        assert "There is no calendar and no contact in this file." in failed.text("main")
        assert not failed.find(".figure-box")
    assert titles(store) == []


def test_what_changed_nothing_cannot_be_taken_back(visit: Any) -> None:
    ann = visit("ann")
    for _ in range(2):
        done = waited(upload(ann.get("/account/import-export"), calendar(("a", "A"))))
    assert done.texts(".figure-box dd") == ["0", "1"]
    assert "Take it back" not in done.text("main")
    empty = waited(upload(ann.get("/account/import-export"), calendar()))
    assert empty.text(".text-bg-success") == "done"
    assert "Take it back" not in empty.text("main")


def test_everything_goes_out_and_comes_back(visit: Any, store: Store) -> None:
    ann = visit("ann")
    waited(upload(ann.get("/account/import-export"), calendar(("a", "A"), ("b", "B"))))
    page = ann.get("/account/import-export")
    one = ann.get("/account/export/calendar/default")
    assert one.answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert b"SUMMARY:A" in one.body
    whole = page.link("Everything in one archive")
    assert whole.answer.headers["Content-Type"] == "application/zip"
    assert "davserver.json" in zipfile.ZipFile(io.BytesIO(whole.body)).namelist()
    bob = visit("bob")
    done = waited(upload(bob.get("/account/import-export"), whole.body, "all.zip"))
    assert "2 imported, 0 were there, 0 refused." in done.text("main")
    assert titles(store, "bob") == ["A", "B"]
    assert done.link("Continue").text("h1") == "Import and export"


def test_a_file_larger_than_other_requests_is_taken(make_server: Any, store: Store, people: Any) -> None:
    from tests.web.visitor import Visitor

    server = make_server(server={"max_request_size": 100_000}, limits={"import_size": 300_000})
    ann = Visitor(server)
    ann.sign_in("ann")
    big = calendar(*((f"u{number}", "x" * 1000) for number in range(200)))
    waited(upload(ann.get("/account/import-export"), big))
    assert len(titles(store)) == 200
    refused = upload(ann.get("/account/import-export"), big * 2)
    assert (refused.status, refused.text("h1")) == (413, "That is too large")
    assert "The server takes at most 300 kB" in refused.text("main")


def test_an_administrator_does_it_for_others_and_nobody_else_does(visit: Any, store: Store) -> None:
    ada, eve = visit("ada"), visit("eve")
    sent = upload(ada.get("/admin/users/ann/import-export"), calendar(("a", "A")))
    assert sent.location.startswith("/admin/users/ann/import-export/")
    waited(sent)
    assert titles(store) == ["A"]
    number = sent.location.rpartition("/")[2]
    for path in (number, f"{number}.json", f"{number}.csv"):
        assert eve.get(f"/account/import-export/{path}").status == 404
        assert eve.get(f"/admin/users/ann/import-export/{path}").status == 403
    token = eve.get("/account/import-export").doc.forms[0].fields["csrf_token"]
    for action in ("undo", "cancel"):
        assert eve.post(f"/account/import-export/{number}/{action}", csrf_token=token).status == 404
    assert eve.get("/account/export/calendar/nothing").status == 404
    assert b"SUMMARY:A" not in eve.get("/account/export/calendar/default").body
    assert titles(store) == ["A"]


def test_journey_a_large_file_with_progress_duplicates_report_and_undo(
    browser: Any, store: Store, people: Any, tmp_path: Path
) -> None:
    file = tmp_path / "club.ics"
    bad = EVENT.format("bad", "No start").replace("DTSTART", "X")
    file.write_bytes(calendar(*((f"e{number}", f"Event {number}") for number in range(3000)), more=bad))
    browser.sign_in("ann")
    browser.open("/account/import-export")
    assert browser.problems() == []
    browser.shoot("transfer-empty")
    browser.page.get_by_label("File", exact=True).set_input_files(str(file))
    browser.follow(browser.page.get_by_role("button", name="Import"))
    browser.page.get_by_role("progressbar", name="Progress").wait_for()
    assert browser.problems() == []
    browser.shoot("transfer-running")
    browser.page.get_by_text("done", exact=True).wait_for(timeout=30_000)
    assert browser.problems() == []
    browser.shoot("transfer-done")
    assert browser.page.get_by_role("cell", name="No start").is_visible()
    assert len(titles(store)) == 3000
    browser.follow(browser.page.get_by_role("button", name="Take it back"))
    browser.page.get_by_text("3000 removed").first.wait_for(timeout=30_000)
    assert titles(store) == []
    browser.open("/account/import-export")
    browser.shoot("transfer-list")
    assert browser.problems() == []


def test_journey_everything_to_a_second_server(
    browser: Any,
    server: Any,
    client: Any,
    _web_server: Any,  # noqa: PT019 - the test changes what it serves
    tmp_path: Path,
) -> None:
    dav = client("ann")
    body = calendar(("a", "Tea, as it was")).replace(b"\n", b"\r\n")
    assert dav.mkcalendar(dav.calendar_home + "work/", "<d:displayname>Work</d:displayname>").status == 201
    etag = dav.put(dav.calendar_home + "work/a%20b.ics", body).etag
    browser.sign_in("ann")
    browser.open("/account/import-export")
    with browser.page.expect_download() as download:
        browser.page.get_by_role("link", name="Everything in one archive").click()
    download.value.save_as(tmp_path / "everything.zip")

    second = Store(URL.create("sqlite", database=str(make_file(tmp_path / "second.db"))))
    with second.write() as tx:
        ann = add_person(tx, "ann")
        principals.set_credential(tx, ann, "password", hash_password(PASSWORD))
    other = Server(server.settings, second)
    trampoline, _address = _web_server
    trampoline.app = other
    browser.sign_in("ann")
    browser.open("/account/import-export")
    browser.page.get_by_label("File", exact=True).set_input_files(str(tmp_path / "everything.zip"))
    browser.follow(browser.page.get_by_role("button", name="Import", exact=True))
    browser.page.get_by_text("1 imported, 0 were there, 0 refused.").wait_for(timeout=30_000)
    browser.shoot("transfer-second")
    assert browser.problems() == []
    there = Client(other, "ann")
    assert there.prop(there.calendar_home + "work/", D + "displayname").text == "Work"
    answer = there.get(there.calendar_home + "work/a%20b.ics")
    assert (answer.body, answer.etag) == (body, etag)
    second.close()
