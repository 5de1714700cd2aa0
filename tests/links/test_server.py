"""A link by HTTP: who is answered and how, what readers need not fetch again, what is never told."""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest

from davserver.jobs import links as jobs
from davserver.model import CollectionKind, Detail, NewCollection, View
from davserver.storage import Store, collections, principals
from tests.content.objects import card, event
from tests.davclient import Answer, Client, MakeServer
from tests.links.conftest import BOOK, Desk, MakeLink, Reader

Moments = Callable[[int], None]


@pytest.fixture
def diary(ann: Client) -> Client:
    """ann with one event."""
    ann.put(ann.calendar + "one.ics", event("DTSTART:20260504T100000Z", "SUMMARY:Lunch", uid="one"))
    return ann


@pytest.fixture
def reader(diary: Client, link: MakeLink, moments: Moments) -> Reader:
    """Who has a link to it; nothing has changed for an hour."""
    made = link()
    moments(3600)
    return made


# -- what is answered


def test_a_link_shows_the_calendar_to_who_has_nothing_but_the_address(reader: Reader) -> None:
    answer = reader.ask()
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/calendar; charset=utf-8"
    assert answer.body.startswith(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
    assert "SUMMARY:Lunch" in reader.lines()


def test_the_header_says_what_the_issue_of_privacy_and_caches_asks(reader: Reader) -> None:
    answer = reader.ask()
    wanted = {
        "Cache-Control": "private, no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
        "Content-Disposition": "inline; filename=\"Calendar.ics\"; filename*=UTF-8''Calendar.ics",
        "Set-Cookie": None,
        "Access-Control-Allow-Origin": None,
        "WWW-Authenticate": None,
    }
    assert {name: answer.header(name) for name in wanted} == wanted


@pytest.mark.parametrize("name", ["Calendar", "Any name", "Ünïcode", "a.b.c", "%2e%2e", "x" * 300])
def test_the_address_may_end_with_any_name(reader: Reader, name: str) -> None:
    """Thunderbird calls the calendar after it."""
    answer = reader.ask("GET", f"/ical/{reader.token}/{name}.ics".encode().decode())
    assert answer.status == 200


def test_the_file_name_is_the_title_in_any_script(reader: Reader, desk: Desk) -> None:
    desk.edit(reader.made.id, title='Büro "x"/日本')
    found = reader.ask().header("Content-Disposition") or ""
    assert found.startswith('inline; filename="B_ro _x_-__.ics"; ')
    assert "filename*=UTF-8''B%C3%BCro%20%22x%22-%E6%97%A5%E6%9C%AC.ics" in found


def test_head_is_get_without_a_body(reader: Reader) -> None:
    got, headed = reader.ask("GET"), reader.ask("HEAD")
    assert (headed.status, headed.body) == (200, b"")
    assert headed.headers == got.headers
    assert int(headed.header("Content-Length") or 0) == len(got.body)


@pytest.mark.parametrize("accept", [None, "*/*", "text/html", "image/png", "nonsense"])
def test_nothing_is_negotiated(reader: Reader, accept: str | None) -> None:
    """Google sends no Accept at all."""
    assert reader.ask("GET", accept=accept).status == 200


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PROPFIND", "REPORT", "PROPPATCH", "OPTIONS", "X"]
)
def test_every_other_method_is_405_for_any_token(reader: Reader, method: str) -> None:
    for path in (reader.path, "/ical/unknown-unknown-unknown.ics"):
        answer = reader.ask(method, path)
        if (method, path) == ("OPTIONS", "/ical/unknown-unknown-unknown.ics"):
            assert answer.status == 404
        else:
            assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD")


def test_it_works_below_a_mount_point(reader: Reader) -> None:
    reader.client.mount = "/sub"
    assert reader.ask("GET", "/sub" + reader.path).status == 200


# -- what is not found


def not_found(answer: Answer) -> tuple[int, bytes, list[tuple[str, str]]]:
    return answer.status, answer.body, sorted(answer.headers)


def test_unknown_paused_expired_and_deleted_links_are_answered_alike(
    reader: Reader, desk: Desk, link: MakeLink, store: Store
) -> None:
    paused, expired, deleted, renewed = link(active=False), link(expires=int(time.time()) - 1), link(), link()
    jobs.remove(desk.office, desk.owner, deleted.made.id)
    jobs.regenerate(desk.office, desk.owner, renewed.made.id)
    unknown = not_found(reader.ask("GET", "/ical/" + "x" * 27 + ".ics"))
    assert unknown[0] == 404
    for gone in (paused, expired, deleted, renewed):
        assert not_found(gone.ask()) == unknown
    assert reader.ask().status == 200


def test_a_browser_is_told_on_a_page_in_its_language(reader: Reader, desk: Desk, link: MakeLink) -> None:
    deleted, busy = link(), link(label="busy")
    jobs.remove(desk.office, desk.owner, deleted.made.id)
    browser: dict[str, str | None] = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    pages = []
    for gone in ("/ical/" + "x" * 27 + ".html", deleted.path, reader.path.replace("ics", "html")):
        answer = reader.ask("GET", gone, **browser, Accept_Language="fr-CA,en;q=0.5")
        assert (answer.status, answer.header("Content-Type")) == (404, "text/html; charset=utf-8")
        assert "<h1>Il n’y a rien à cette adresse.</h1>" in answer.text
        assert '<html lang="fr">' in answer.text
        assert "default-src 'none'" in (answer.header("Content-Security-Policy") or "")
        pages.append(not_found(answer))
    assert pages[0] == pages[1] == pages[2]
    assert "<h1>There is nothing at this address.</h1>" in reader.ask("GET", deleted.path, **browser).text
    wrong = reader.ask("GET", f"{busy.path}?start=<b>", **browser, Accept_Language="de")
    assert (wrong.status, "<h1>start ist ein Tag wie" in wrong.text) == (400, True)
    assert reader.ask("HEAD", deleted.path, **browser).body == b""
    assert reader.ask("GET", deleted.path, Accept="*/*").text == "There is nothing at this address.\n"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/ical",
            "/ical/",
            "/ical/{}",
            "/ical/{}.vcf",
            "/ical/{}.html",
            "/ical/{}.ics/x",
            "/ical/{}/a/b.ics",
        ),
        *(
            "/ical/{}x.ics",
            "/ical/{}.ICS",
            "/ical//{}.ics",
            "/ical/.ics",
            "/ical/%00.ics",
            "/ical/{}/.ics%0a",
        ),
    ],
)
def test_other_addresses_are_not_found(reader: Reader, path: str) -> None:
    assert reader.ask("GET", path.format(reader.token)).status == 404


def test_a_link_ends_with_its_calendar_and_its_owner(reader: Reader, ann: Client, store: Store) -> None:
    with store.write() as tx:
        principals.change(tx, reader.made.collections[0].owner_id, disabled=True)
    assert reader.ask().status == 404
    with store.write() as tx:
        principals.change(tx, reader.made.collections[0].owner_id, disabled=False)
    assert reader.ask().status == 200
    assert ann.request("DELETE", ann.calendar).status == 204
    assert reader.ask().status == 404


def test_a_paused_link_answers_again_and_a_new_address_kills_the_old_one_at_once(
    reader: Reader, desk: Desk
) -> None:
    jobs.set_active(desk.office, desk.owner, reader.made.id, active=False)
    assert reader.ask().status == 404
    jobs.set_active(desk.office, desk.owner, reader.made.id, active=True)
    assert reader.ask().status == 200
    renewed = jobs.regenerate(desk.office, desk.owner, reader.made.id)
    assert reader.ask().status == 404
    assert Reader(desk, renewed, jobs.token_of(desk.office, renewed)).ask().status == 200


def test_links_can_be_switched_off(diary: Client, make_server: MakeServer) -> None:
    reader = Desk(make_server()).link()
    assert reader.ask().status == 200
    off = Desk(make_server(links={"enabled": False}))
    assert Reader(off, reader.made, reader.token).ask().status == 404
    with pytest.raises(Exception, match="switched off"):
        off.link()


def test_eve_cannot_do_with_a_link_more_than_read(reader: Reader, eve: Client) -> None:
    assert eve.request("PUT", reader.path, event(), content_type="text/calendar").status == 405
    assert eve.get("/dav/calendars/ann/default/").status == 403


# -- what readers have already


def test_what_a_reader_has_is_not_sent_again(reader: Reader, diary: Client) -> None:
    answer = reader.ask()
    tag, date = answer.header("ETag"), answer.header("Last-Modified")
    for headers in ({"if_none_match": tag}, {"if_none_match": f'W/"x", {tag}'}, {"if_modified_since": date}):
        again = reader.ask("GET", **headers)
        assert (again.status, again.body) == (304, b"")
        assert (again.header("ETag"), again.header("Cache-Control")) == (tag, "private, no-cache")
    diary.put(diary.calendar + "two.ics", event(uid="two"))
    for headers in ({"if_none_match": tag}, {"if_modified_since": date}):
        assert reader.ask("GET", **headers).status == 200
    assert reader.uids() == {"one", "two"}


def test_not_modified_is_answered_without_rendering(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = reader.ask().header("ETag")
    monkeypatch.setattr("davserver.links.server.pieces", None)
    assert reader.ask("GET", if_none_match=tag).status == 304
    assert reader.ask().status == 200  # it is in the cache, too


def test_every_change_that_is_seen_changes_the_tag(reader: Reader, desk: Desk, diary: Client) -> None:
    seen = [reader.ask().header("ETag")]

    def changed() -> bool:
        seen.append(reader.ask().header("ETag"))
        return seen[-1] not in seen[:-1]

    diary.proppatch(diary.calendar, "<d:displayname>Other</d:displayname>")
    assert changed()
    diary.proppatch(diary.calendar, "<ic:calendar-color>#FF0000</ic:calendar-color>")
    assert changed()
    diary.request("DELETE", diary.calendar + "one.ics")
    assert changed()
    desk.edit(reader.made.id, title="New")
    assert changed()


def test_a_new_name_is_seen_by_readers_who_go_by_dates(reader: Reader, diary: Client) -> None:
    date = reader.ask().header("Last-Modified")
    diary.proppatch(diary.calendar, "<d:displayname>Other</d:displayname>")
    assert reader.ask("GET", if_modified_since=date).status == 200


def test_two_changes_in_one_second_are_both_seen(reader: Reader, diary: Client) -> None:
    """A date names a second: the one that has not ended yet is not told."""
    diary.put(diary.calendar + "two.ics", event(uid="two"))
    date = reader.ask().header("Last-Modified") or ""
    assert parsedate_to_datetime(date).timestamp() < time.time() - 0.999
    diary.put(diary.calendar + "three.ics", event(uid="three"))
    assert reader.ask("GET", if_modified_since=date).status == 200


def test_gzip_for_who_takes_it(reader: Reader, diary: Client) -> None:
    plain, packed = reader.ask(), reader.ask("GET", accept_encoding="gzip, deflate, br")
    assert packed.header("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.header("ETag") != plain.header("ETag")
    for tag in (packed.header("ETag"), plain.header("ETag")):
        assert reader.ask("GET", accept_encoding="gzip", if_none_match=tag).status == 304
    assert reader.ask("GET", accept_encoding="gzip;q=0").header("Content-Encoding") is None


def test_a_large_calendar_is_streamed_and_kept_packed(
    diary: Client, link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        long = "".join(f"{number}{one:06}" for one in range(6000))
        diary.put(f"{diary.calendar}{number}.ics", event(f"DESCRIPTION:{long}", uid=f"e{number}"))
    reader = link()
    plain = reader.ask()
    assert len(plain.body) > 1024 * 1024
    assert plain.header("Content-Length") is None
    assert max(map(len, plain.body.split(b"\r\n"))) <= 75
    packed = reader.ask("GET", accept_encoding="gzip")
    assert gzip.decompress(packed.body) == plain.body
    monkeypatch.setattr("davserver.links.server.pieces", None)
    assert reader.ask("GET", accept_encoding="gzip").body == packed.body
    assert reader.ask().body == plain.body
    assert reader.ask("HEAD").status == 200


# -- what may be asked


@pytest.mark.parametrize(
    ("query", "uids"),
    [
        ("?start=2026-05-01&end=2026-06-01", {"one"}),
        ("?start=20260504T100000Z", {"one"}),
        ("?start=1777888800", {"one"}),
        ("?start=2026-05-05", set()),
        ("?end=2026-05-04", set()),
        ("?end=20260505", {"one"}),
        ("?other=x", {"one"}),
    ],
)
def test_a_window_is_asked_for(reader: Reader, query: str, uids: set[str]) -> None:
    assert reader.uids(query) == uids


@pytest.mark.parametrize(
    "query", ["?start=x", "?start=2026-13-01", "?start=2026-05-02&end=2026-05-01", "?end=-1"]
)
def test_a_window_that_makes_no_sense_is_refused(reader: Reader, query: str) -> None:
    answer = reader.ask("GET", reader.path + query)
    assert (answer.status, answer.header("Content-Type")) == (400, "text/plain; charset=utf-8")
    unknown = "/ical/" + "x" * 27 + ".ics" + query
    assert reader.ask("GET", unknown).status == 404


def test_a_password_is_asked_for_where_the_owner_set_one(diary: Client, link: MakeLink) -> None:
    reader = link(password="sesame open")
    refused = reader.ask()
    assert refused.status == 401
    assert (refused.header("WWW-Authenticate") or "").startswith('Basic realm="davserver"')
    assert b"Lunch" not in refused.body
    for user in ("", "mum", "ann"):
        reader.client = Client(reader.desk.server, user or "x", "sesame open")
        assert reader.ask().status == 200
    reader.client = Client(reader.desk.server, "mum", "wrong")
    answers = [reader.ask().status for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2


def test_scripts_of_other_sites_read_it_where_the_owner_allows_it(diary: Client, link: MakeLink) -> None:
    reader = link(cors=True)
    assert reader.ask("GET", origin="https://club.example").header("Access-Control-Allow-Origin") == "*"
    preflight = reader.ask("OPTIONS", origin="https://club.example", access_control_request_method="GET")
    assert preflight.status == 204
    assert preflight.header("Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS"


def test_who_asks_all_the_time_has_to_wait_and_nobody_else(diary: Client, make_server: MakeServer) -> None:
    reader = Desk(make_server(links={"requests_per_minute": 5})).link()
    assert [reader.ask().status for _ in range(6)] == [200] * 5 + [429]
    refused = reader.ask()
    assert 1 <= int(refused.header("Retry-After") or 0) <= 12
    other = reader.client.send(
        {**reader.client._environ("GET", reader.path, b""), "REMOTE_ADDR": "192.0.2.8"}
    )
    assert other.status == 200


def test_an_honest_poller_is_never_refused(reader: Reader) -> None:
    """What has not changed costs a tenth: a poll each second is far below the limit."""
    tag = reader.ask().header("ETag")
    assert {reader.ask("GET", if_none_match=tag).status for _ in range(300)} == {304}


# -- other kinds


def test_an_address_book(ann: Client, link: MakeLink) -> None:
    ann.put(ann.book + "a.vcf", card("FN:Ann Zoë", "N:Zoë;Ann;;;", uid="a"))
    reader = link(BOOK)
    answer = reader.ask()
    assert reader.path.endswith(".vcf")
    assert answer.header("Content-Type") == "text/vcard; charset=utf-8"
    assert "FN:Ann Zoë\r\n" in answer.text


def test_the_birthdays_of_an_address_book_are_a_calendar(ann: Client, link: MakeLink) -> None:
    ann.put(ann.book + "a.vcf", card("FN:Zoë", "BDAY:1966-05-04", uid="a"))
    ann.put(ann.book + "b.vcf", card("FN:Secret", "BDAY:1966-05-04", "CLASS:PRIVATE", uid="b"))
    ann.put(ann.book + "c.vcf", card("FN:No day", uid="c"))
    reader = link(BOOK)
    reader.path = reader.path[:-4] + ".ics"
    assert reader.names() == ["🎂 Zoë (1966)"]
    assert reader.ask().header("Content-Type") == "text/calendar; charset=utf-8"
    names_only = link(BOOK, view=View(Detail.TITLES), label="names")
    names_only.path = names_only.path[:-4] + ".ics"
    assert names_only.names() == []


def test_several_calendars_in_one(ann: Client, link: MakeLink, store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        new = NewCollection(people["ann"], CollectionKind.CALENDAR, "work", components="VEVENT")
        collections.create(tx, new)
    work = ann.calendar_home + "work/"
    ann.put(ann.calendar + "one.ics", event("SUMMARY:Here", uid="one"))
    ann.put(work + "one.ics", event("SUMMARY:There", uid="one"))
    ann.put(work + "two.ics", event("SUMMARY:Two", uid="two"))
    reader = link(jobs.Source(CollectionKind.CALENDAR, ("default", "work")))
    assert reader.names() == ["Here", "Two"]
    assert "X-WR-CALNAME:Calendar\\, work" in reader.lines()
    ann.request("DELETE", work)
    assert reader.names() == ["Here"]


# -- statistics and logs


def test_hits_are_counted_and_written_in_batches(reader: Reader, desk: Desk) -> None:
    tag = reader.ask("GET", user_agent="Google-Calendar-Importer").header("ETag")
    reader.ask("GET", user_agent="ICSx5/2.4\x01\n", if_none_match=tag)

    def counted() -> tuple[int, int | None, str]:
        with desk.office.store.read() as tx:
            found = jobs.get(tx, desk.owner, reader.made.id)
        return found.hits, found.last_accessed, found.last_client

    assert counted() == (0, None, "")
    desk.server.links.statistics.flush()
    hits, at, client = counted()
    assert (hits, client) == (2, "ICSx5/2.4")
    assert at is not None
    assert abs(at - time.time()) < 60


def test_a_poll_writes_nothing(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(reader.desk.office.store), "write", None)
    assert reader.ask().status == 200


def test_statistics_do_not_make_readers_fetch_again(reader: Reader, desk: Desk) -> None:
    tag = reader.ask().header("ETag")
    desk.server.links.statistics.flush()
    assert reader.ask("GET", if_none_match=tag).status == 304


def test_a_token_is_in_no_log(
    reader: Reader, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from davserver.log import AccessLog

    monkeypatch.setattr(logging.getLogger("davserver"), "propagate", True)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "davserver.access")
    reader.client = Client(AccessLog(reader.desk.server), None)
    assert reader.ask().status == 200
    reader.ask("GET", f"/ical/{reader.token}/name.ics")
    reader.ask("GET", f"/ical/{reader.token}.html")
    monkeypatch.setattr("davserver.links.server._tag", None)
    with pytest.raises(AssertionError):  # the test client takes no 500
        reader.ask()
    assert "GET /ical/" in caplog.text
    assert reader.token not in caplog.text
