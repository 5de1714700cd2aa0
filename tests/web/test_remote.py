"""Accounts on other servers on the pages: connecting, choosing, trouble in words, conflicts, the end."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import waitress.server

from davserver.app import Server
from davserver.model import CollectionKind
from davserver.storage import Store, collections, items, remote
from davserver.storage.engine import now
from davserver.sync import oauth, quirks
from davserver.sync.http import Password
from davserver.sync.runner import ACCOUNTS, run_due
from davserver.sync.work import Place
from tests.davclient import PASSWORD, MakeServer
from tests.sync.pairs import body_of
from tests.sync.peers import Peer, peer
from tests.sync.test_runner import wait_until
from tests.web.conftest import Browser

CALENDAR = CollectionKind.CALENDAR


class There:
    """ann's other server: one of ours behind real HTTP, which also plays Google and a Nextcloud."""

    def __init__(self, held: Peer) -> None:
        self.peer = held
        self.down = self.has_signed_in = False
        self.hold = threading.Event()  # until then, /.well-known does not answer
        self.hold.set()
        self.server = waitress.server.create_server(self, host="127.0.0.1", port=0, threads=2)
        self.address = f"http://127.0.0.1:{self.server.effective_port}"
        self.client = held.client()
        threading.Thread(target=self.server.run, daemon=True).start()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path.startswith("/.well-known/"):
            self.hold.wait(30)
        if self.down:
            return self.say(start_response, "503 Service Unavailable", {})
        if path == "/token":
            tokens = {"access_token": "at", "refresh_token": "rt", "expires_in": 3600}
            return self.say(start_response, "200 OK", tokens)
        if path == "/index.php/login/v2":
            poll = {"token": "t", "endpoint": self.address + "/poll"}
            return self.say(start_response, "200 OK", {"login": self.address + "/flow", "poll": poll})
        if path == "/poll":
            granted = {"server": self.address, "loginName": "ann", "appPassword": PASSWORD}
            return self.say(start_response, "200 OK" if self.has_signed_in else "404 Not Found", granted)
        environ["PATH_INFO"] = path.removeprefix("/remote.php")
        if environ.get("HTTP_AUTHORIZATION") == "Bearer at":
            environ["HTTP_AUTHORIZATION"] = Password("ann", PASSWORD).basic()
        return self.peer.app(environ, start_response)

    @staticmethod
    def say(start_response: Any, status: str, data: Any) -> list[bytes]:
        body = json.dumps(data).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def put(self, *texts: str) -> None:
        """Events in the calendar default there; each text's first word is its UID."""
        for text in texts:
            uid = text.split()[0]
            self.client.put_anyway(
                f"{self.peer.home}default/{uid}.ics", CALENDAR, body_of(CALENDAR, uid, text)
            )

    def delete(self, *uids: str) -> None:
        """Delete events there."""
        for uid in uids:
            self.client.delete(f"{self.peer.home}default/{uid}.ics")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[There]:
    """The other server."""
    with peer("davserver", tmp_path / "there") as held:
        made = There(held)
        yield made
        made.server.close()


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """A server that may reach the loopback."""
    made: Server = make_server(outgoing={"allow": ("127.0.0.0/8",), "ports": ("*",), "seconds": 5})
    return made


@pytest.fixture
def work(server: Server, store: Store) -> Any:
    """What the runner does: synchronise every account now; a short wait is over."""

    def run() -> int:
        with store.write() as tx:
            for account in remote.accounts_of(tx):
                if account.next_run is not None:
                    remote.change_account(tx, account.id, next_run=now())
        return run_due(Place(store, server.settings), (ACCOUNTS,))

    return run


def connect(visitor: Any, there: There, password: str = PASSWORD) -> Any:
    """Send the form for an account of the other server, and wait for what comes of it."""
    form = visitor.get("/account/remote/add/generic")
    sent = form.submit("Connect", address=there.address, username="ann", password=password)
    until = time.monotonic() + 30
    while (page := sent.follow()).find("[data-progress]"):
        assert time.monotonic() < until
        time.sleep(0.02)
    return page


def connected(visitor: Any, there: There, work: Any) -> Any:
    """An account whose collections are all in step; its page."""
    page = connect(visitor, there).follow()
    path = page.path
    page.submit("Keep in step", chosen=[one.get("value") for one in page.find("input.form-check-input")])
    work()
    return visitor.get(path)


def titles(store: Store, owner: str = "ann") -> list[str]:
    """What the calendars of the owner that came from there hold."""
    with store.read() as tx:
        held = tx.exec_driver_sql(
            "SELECT c.id FROM collection c JOIN principal p ON p.id = c.owner_id "
            "WHERE p.name = ? AND c.kind = 'calendar' AND c.name != 'default'",
            (owner,),
        ).fetchall()
        bodies = [body for (key,) in held for _, body in items.listing_with_bodies(tx, key)]
    return sorted(body.decode().partition("SUMMARY:")[2].partition("\r\n")[0] for body in bodies)


def test_a_wrong_password_is_told_with_what_was_tried(visit: Any, there: There) -> None:
    page = connect(visit("ann"), there, "wrong")
    assert page.status == 422
    assert "does not accept the name or the password" in page.text(".alert")
    assert there.address in page.text("ol.list-group")
    assert "wrong" not in page.text("main form")


def test_a_long_search_is_watched_without_script_and_cancelled(
    visit: Any, there: There, store: Store
) -> None:
    there.hold.clear()
    ann = visit("ann")
    form = ann.get("/account/remote/add/generic")
    sent = form.submit("Connect", address=there.address + "/nowhere", username="ann", password=PASSWORD)
    page = sent.follow()
    wait_until(lambda: "/nowhere" in ann.get(page.path).text("[data-progress-lines]"))
    page = ann.get(page.path)
    assert page.doc.xpath("//noscript/meta[@http-equiv='refresh']")
    assert "/.well-known/caldav" in page.text("[data-progress-message]")
    told = ann.get(page.path + ".json").answer.get_json()
    assert (told["state"], "/nowhere" in told["lines"]) == ("running", True)
    assert visit("eve").get(page.path).status == 404
    with store.read() as tx:
        row = tx.exec_driver_sql("SELECT * FROM task").one()
    assert PASSWORD not in str(row)
    left = page.submit("Cancel").follow()
    assert left.status == 422
    assert "Cancelled; no account was added." in left.text("main")
    assert left.find("#address")[0].get("value") == there.address + "/nowhere"
    assert not left.find("#password")[0].get("value")
    there.hold.set()
    wait_until(lambda: not any(one.name == "adding" for one in threading.enumerate()))
    assert ann.get("/account/remote/").find("tbody") == []


@pytest.mark.parametrize("address", ["https://ann:secret@there.example/", "ann:secret@there.example"])
def test_a_password_in_the_address_is_not_kept(visit: Any, store: Store, address: str) -> None:
    form = visit("ann").get("/account/remote/add/generic")
    page = form.submit("Connect", address=address, username="ann", password=PASSWORD)
    assert page.status == 400
    assert "in their own fields" in page.text("main")
    with store.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM task").scalar_one() == 0


def test_what_is_there_is_offered_and_kept_in_step(visit: Any, there: There, work: Any, store: Store) -> None:
    there.put("a Dentist", "b Choir")
    ann = visit("ann")
    page = connect(ann, there).follow()
    assert page.flashes[0] == "Connected. Choose what is to be kept in step."
    assert len(page.find("input.form-check-input")) == 2
    path = page.path
    page.submit("Keep in step", chosen=[one.get("value") for one in page.find("input.form-check-input")])
    assert work() == 1
    assert titles(store) == ["a Dentist", "b Choir"]
    page = ann.get(path)
    assert "In step" in page.text("dl")
    assert ann.get(path + "/status.json").answer.get_json()["state"] == "done"
    assert ann.get("/account/remote/").texts("tbody th a") == ["ann"]
    assert "2" in page.link("Log").text("tbody")


def test_a_server_that_is_down_is_told_and_comes_back(
    visit: Any, there: There, work: Any, store: Store
) -> None:
    there.put("a Dentist")
    ann = visit("ann")
    path = connected(ann, there, work).path
    there.down = True
    work()
    page = ann.get(path)
    assert "tried again" in page.text(".alert")
    assert titles(store) == ["a Dentist"]
    there.down = False
    work()
    assert "In step" in ann.get(path).text("dl")


def test_a_conflict_is_shown_side_by_side_and_restored(
    visit: Any, there: There, work: Any, store: Store
) -> None:
    there.put("a Dentist")
    ann = visit("ann")
    connected(ann, there, work)
    there.put("a Dentist at nine")
    write_here(store, "a Dentist at ten")
    work()
    assert titles(store) == ["a Dentist at nine"]
    page = ann.get("/account/remote/conflicts/")
    assert page.texts("tbody th") == ["a Dentist at ten"]
    one = page.link("a Dentist at ten")
    assert one.texts("tbody th") == ["Title"]
    assert one.texts("tbody td") == ["a Dentist at ten", "a Dentist at nine"]
    one.submit("Restore the lost version")
    assert titles(store) == ["a Dentist at ten"]
    work()
    assert "restored" in ann.get("/account/remote/conflicts/").text("tbody")


def write_here(store: Store, text: str) -> None:
    """Change ann's own copy of an event."""
    from davserver.config import Settings
    from davserver.jobs.items import check_body, store_item
    from davserver.model import NewItem
    from davserver.storage import principals

    uid = text.split()[0]
    body = body_of(CALENDAR, uid, text)
    with store.write() as tx:
        ann = principals.get(tx, "ann")
        assert ann is not None
        for held in collections.of_owner(tx, ann.id, CALENDAR):
            target = collections.lock(tx, held.id)
            assert target is not None
            for name in items.names_with_uid(tx, held.id, uid):
                new = NewItem(name, body, check_body(CALENDAR, body, Settings()))
                store_item(tx, target, new, items.get(tx, held.id, name), owner=ann, actor="ann")


@pytest.mark.parametrize(
    ("button", "left"), [("Accept the deletions", 0), ("Restore from the other side", 12)]
)
def test_many_deletions_wait_for_an_answer(
    visit: Any, there: There, work: Any, store: Store, button: str, left: int
) -> None:
    uids = [f"e{number}" for number in range(12)]
    there.put(*(f"{uid} Event" for uid in uids))
    ann = visit("ann")
    path = connected(ann, there, work).path
    there.delete(*uids)
    work()
    assert len(titles(store)) == 12
    page = ann.get(path)
    assert "looks like an accident" in page.text(".alert-warning")
    page.submit(button)
    work()
    assert len(titles(store)) == left


@pytest.mark.parametrize(("keep", "left"), [("keep", 1), ("delete", 0)])
def test_an_account_ends_with_its_data_or_without(
    visit: Any, there: There, work: Any, store: Store, keep: str, left: int
) -> None:
    there.put("a Dentist")
    ann = visit("ann")
    page = connected(ann, there, work).link("Disconnect")
    done = page.submit("Disconnect", keep=keep).follow()
    assert "No accounts yet" in done.text("main")
    with store.read() as tx:
        owner = tx.exec_driver_sql("SELECT id FROM principal WHERE name = 'ann'").scalar_one()
        held = collections.of_owner(tx, owner, CALENDAR)
        assert sum(one.item_count for one in held) == left
    assert there.client.etags(there.peer.home + "default/").changed


def test_settings_of_account_and_collection_are_kept_and_no_password_is_shown(
    visit: Any, there: There, work: Any, store: Store
) -> None:
    ann = visit("ann")
    page = connected(ann, there, work)
    edit = page.link("Edit")
    assert PASSWORD not in edit.body.decode()
    done = edit.submit("Save", label="Office", interval="3600").follow()
    assert done.text("h1") == "Office"
    with store.read() as tx:
        (account,) = remote.accounts_of(tx)
        row = remote.collections_of(tx, account.id)[0]
    assert (account.label, account.interval_seconds) == ("Office", 3600)
    form = ann.get(f"{page.path}/collections/{row.id}")
    form.submit("Save", direction="pull", policy="keep-both")
    with store.read() as tx:
        found = remote.collection(tx, row.id)
    assert found is not None
    assert (found.direction, found.policy) == ("pull", "keep-both")


def test_eve_sees_and_touches_nothing_and_an_administrator_helps(
    visit: Any, there: There, work: Any, store: Store
) -> None:
    page = connected(visit("ann"), there, work)
    with store.read() as tx:
        (account,) = remote.accounts_of(tx)
        row = remote.collections_of(tx, account.id)[0]
    eve, base = visit("eve"), f"/account/remote/{account.id}"
    listed = eve.get("/account/remote/")
    assert "No accounts yet" in listed.text("main")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', listed.body.decode())
    assert token is not None
    for path in ("", "/status.json", "/log", "/edit", "/remove", f"/collections/{row.id}"):
        assert eve.get(base + path).status == 404, path
    for path in ("sync", "refresh", "subscribe", "publish", "remove", "edit"):
        sent = eve.post(f"{base}/{path}", csrf_token=token[1], collection=1)
        assert sent.status in (404, 303), path
        assert sent.status == 404 or "login" in sent.location or path == "publish"
    for path in ("unsubscribe", "answer", "troubles"):
        assert eve.post(f"{base}/collections/{row.id}/{path}", csrf_token=token[1]).status in (404, 405)
    assert eve.get("/account/remote/conflicts/1").status == 404
    ada = visit("ada").get(f"/admin/users/ann/remote/{account.id}")
    assert ada.text("h1") == page.text("h1")


# -- signing in on the provider's pages


@pytest.fixture
def google(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google, played by the other server."""
    provider = replace(
        oauth.PROVIDERS["google"], authorize=there.address + "/auth", token=there.address + "/token"
    )
    monkeypatch.setitem(oauth.PROVIDERS, "google", provider)
    preset = replace(
        quirks.PRESETS["google"], calendars=there.address + "/dav/", contacts=there.address + "/dav/"
    )
    monkeypatch.setitem(quirks.PRESETS, "google", preset)


def begin_google(visitor: Any, path: str = "/account/remote/add/google/begin") -> Any:
    form = visitor.get(path)
    return form.submit("Connect", username="ann@gmail.com", client_id="id", client_secret="s3cret")


def test_google_is_connected_by_its_own_pages(visit: Any, there: There, google: None, store: Store) -> None:
    ann = visit("ann")
    left = begin_google(ann)
    (link,) = [one.get("href") for one in left.find("a.btn-primary")]
    assert link.startswith(there.address + "/auth?")
    assert "s3cret" not in left.body.decode()
    state = re.search(r"state=([^&]+)", link)
    assert state is not None
    wrong = ann.get("/account/remote/granted?code=c&state=other")
    assert wrong.status == 400
    left = begin_google(ann)
    (link,) = [one.get("href") for one in left.find("a.btn-primary")]
    state = re.search(r"state=([^&]+)", link)
    assert state is not None
    page = ann.get(f"/account/remote/granted?code=c0de&state={state[1]}").follow()
    assert page.text("h1") == "ann@gmail.com"
    with store.read() as tx:
        (account,) = remote.accounts_of(tx)
    assert account.auth_kind == "oauth2"
    assert "s3cret" not in account.secret + account.oauth_meta


def test_a_withdrawn_permission_is_granted_again(
    visit: Any, there: There, google: None, store: Store
) -> None:
    ann = visit("ann")

    def granted(path: str) -> Any:
        (link,) = [one.get("href") for one in begin_google(ann, path).find("a.btn-primary")]
        state = re.search(r"state=([^&]+)", link)
        assert state is not None
        return ann.get(f"/account/remote/granted?code=c&state={state[1]}").follow()

    path = granted("/account/remote/add/google/begin").path
    with store.write() as tx:
        (account,) = remote.accounts_of(tx)
        remote.change_account(tx, account.id, error_code="reconnect", next_run=None)
    again = ann.get(path).find("a.btn-danger")[0].get("href")
    assert granted(again).flashes[0] == "Connected again."
    with store.read() as tx:
        (account,) = remote.accounts_of(tx)
    assert (account.error_code, account.next_run is None) == ("", False)


def test_google_that_says_no_is_told(visit: Any, google: None) -> None:
    ann = visit("ann")
    begin_google(ann)
    page = ann.get("/account/remote/granted?error=access_denied").follow()
    assert "access_denied" in page.flashes[0]
    assert ann.get("/account/remote/granted?code=c&state=x").status == 400
    assert visit("ada").get("/admin/users/ann/remote/add/google/begin").status == 404


def test_a_nextcloud_is_connected_by_its_own_pages(visit: Any, there: There, store: Store) -> None:
    ann = visit("ann")
    form = ann.get("/account/remote/add/nextcloud/begin")
    assert form.texts("nav a.active") == ["Other servers"]
    page = form.submit("Connect", server=there.address).follow()
    assert [one.get("href") for one in page.find("a.btn-primary")] == [there.address + "/flow"]
    status = "/account/remote/add/nextcloud/status.json"
    assert ann.get(status).answer.get_json()["state"] == "running"
    assert "not signed in" in page.submit("I have allowed it: connect").follow().flashes[0]
    there.has_signed_in = True
    assert ann.get(status).answer.get_json()["state"] == "done"
    done = ann.get("/account/remote/add/nextcloud/wait").submit("Connect").follow()
    assert done.text("h1") == "ann"
    with store.read() as tx:
        (account,) = remote.accounts_of(tx)
    assert account.preset == "nextcloud"


def test_where_there_is_no_nextcloud_the_form_says_so(visit: Any) -> None:
    form = visit("ann").get("/account/remote/add/nextcloud/begin")
    page = form.submit("Connect", server="http://127.0.0.1:1/")
    assert page.status == 422
    assert "cannot be reached" in page.text("main")


# -- in a browser


def test_the_life_of_an_account_in_a_browser(browser: Browser, there: There, work: Any, store: Store) -> None:
    there.put(*(f"e{number} Event" for number in range(12)))
    page = browser.page
    browser.sign_in("ann")
    browser.follow(page.get_by_role("link", name="Other servers"))
    browser.follow(page.get_by_role("link", name="Connect an account"))
    assert browser.problems() == []
    browser.shoot("remote-providers")
    browser.follow(page.get_by_role("link", name="iCloud"))
    assert browser.problems() == []
    browser.shoot("remote-add-icloud")
    page.go_back()
    browser.follow(page.get_by_role("link", name="Other (CalDAV/CardDAV)"))
    page.get_by_label("Address", exact=True).fill(there.address)
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password", exact=True).fill("wrong")
    browser.follow(page.get_by_role("button", name="Connect"))
    page.get_by_text("does not accept the name or the password").wait_for()
    assert browser.problems() == []
    browser.shoot("remote-add-wrong")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    browser.follow(page.get_by_role("button", name="Connect"))
    page.get_by_text("Choose what is to be kept in step").wait_for()
    assert browser.problems() == []
    browser.shoot("remote-choose")
    browser.follow(page.get_by_role("button", name="Keep in step"))
    page.get_by_role("progressbar").wait_for()
    browser.shoot("remote-running")
    work()
    page.get_by_role("progressbar").wait_for(state="detached")  # the page has noticed by itself
    assert browser.problems() == []
    browser.shoot("remote-show")
    there.put("e1 Event at nine")
    write_here(store, "e1 Event at ten")
    work()
    there.delete(*(f"e{number}" for number in range(12)))
    work()
    page.reload()
    page.get_by_text("looks like an accident").wait_for()
    assert browser.problems() == []
    browser.shoot("remote-guard")
    browser.follow(page.get_by_role("button", name="Restore from the other side"))
    work()
    page.goto(browser.address + "/account/remote/conflicts/")
    assert browser.problems() == []
    browser.shoot("remote-conflicts")
    browser.follow(page.get_by_role("link", name="e1 Event at ten"))
    assert browser.problems() == []
    browser.shoot("remote-conflict")
    there.down = True
    work()
    browser.open("/account/remote/")
    assert browser.problems() == []
    browser.shoot("remote-list")
    browser.follow(page.get_by_role("link", name="ann", exact=True))
    browser.follow(page.get_by_role("link", name="Log"))
    assert browser.problems() == []
    browser.shoot("remote-log")
    page.go_back()
    browser.follow(page.get_by_role("link", name="Edit"))
    assert browser.problems() == []
    browser.shoot("remote-edit")
    browser.follow(page.get_by_role("link", name="Cancel"))
    browser.follow(page.get_by_role("link", name="Disconnect"))
    assert browser.problems() == []
    browser.shoot("remote-remove")
    browser.follow(
        page.get_by_role("button", name="Disconnect")
    )  # the data is kept unless one says otherwise
    page.get_by_text("No accounts yet").wait_for()
    assert len(titles(store)) == 12
    there.down = False
    ends_with_its_data(browser, there, work)
    assert len(titles(store)) == 12, "what was kept before is a usual calendar, and stays"


def ends_with_its_data(browser: Browser, there: There, work: Any) -> None:
    """Connect once more, and disconnect with "delete the data"."""
    page = browser.page
    browser.open("/account/remote/add/generic")
    page.get_by_label("Address", exact=True).fill(there.address)
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    browser.follow(page.get_by_role("button", name="Connect"))
    page.get_by_text("Choose what is to be kept in step").wait_for()
    browser.follow(page.get_by_role("button", name="Keep in step"))
    page.get_by_role("progressbar").wait_for()
    work()
    page.get_by_role("progressbar").wait_for(state="detached")
    browser.follow(page.get_by_role("link", name="Disconnect"))
    page.get_by_label("Delete them here").check()
    browser.follow(page.get_by_role("button", name="Disconnect"))
    page.get_by_text("No accounts yet").wait_for()
