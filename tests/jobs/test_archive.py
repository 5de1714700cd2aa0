"""Everything that somebody owns as one archive, and on a second server nothing is lost or altered."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL

from davserver.app import Server
from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs import archive, sharing, transfer
from davserver.jobs.arrivals import Policy
from davserver.jobs.office import Office
from davserver.jobs.places import Place
from davserver.jobs.transfer import Progress, Wish
from davserver.model import Access, CollectionKind, Principal
from davserver.protocol.methods import acl
from davserver.storage import Store, collections, principals, shares
from tests.conftest import add_person
from tests.databases import make_file
from tests.davclient import IC, Client, D, X

ZONED = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Test//EN\r
BEGIN:VEVENT\r
UID:odd one/1\r
DTSTART;TZID=Europe/Berlin:20260105T100000\r
SUMMARY:Caf\xc3\xa9 \xf0\x9f\x98\x80\\, with\r
  folds\r
X-ODD;X=1:kept  \r
END:VEVENT\r
END:VCALENDAR\r
"""
LF_ONLY = b"BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VTODO\nUID:t\nSUMMARY:x\nEND:VTODO\nEND:VCALENDAR\n"
CARD = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:c\r\nFN:Bob\r\nEND:VCARD\r\n"


@pytest.fixture
def office(store: Store, people: dict[str, int]) -> Office:
    """The first server."""
    return Office(store, Settings(), "ann")


@pytest.fixture
def second(tmp_path: Path) -> Office:
    """A second server, where ann has a fresh account; bob has none."""
    store = Store(URL.create("sqlite", database=str(make_file(tmp_path / "second.db"))))
    with store.write() as tx:
        add_person(tx, "ann")
        add_person(tx, "eve")
    settings = Settings()
    return Office(store, replace(settings, storage=replace(settings.storage, data_dir=tmp_path)), "ann")


def person(office: Office, name: str = "ann") -> Principal:
    """An account."""
    with office.store.read() as tx:
        found = principals.get(tx, name)
    assert found is not None
    return found


def exported(office: Office) -> io.BytesIO:
    """Ann's archive."""
    return io.BytesIO(b"".join(archive.export_all(office, person(office))))


def changed(file: io.BytesIO, name: str, change: Callable[[bytes], bytes]) -> io.BytesIO:
    """The archive with one file changed."""
    copy = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(copy, "w") as target:
        for one in source.namelist():
            data = source.read(one)
            target.writestr(one, change(data) if one == name else data)
    copy.seek(0)
    return copy


@pytest.fixture
def rich(office: Office, ann: Client) -> Office:
    """The first server, where ann has things of all kinds."""
    assert (
        ann.mkcalendar(ann.calendar_home + "work/", "<d:displayname>Work / Büro</d:displayname>").status
        == 201
    )
    assert (
        ann.proppatch(
            ann.calendar_home + "work/",
            "<ic:calendar-color>#ff0000ff</ic:calendar-color><ic:calendar-order>7</ic:calendar-order>"
            "<c:calendar-description>What I do</c:calendar-description><x:mine>kept &amp; <x:b/></x:mine>",
        ).status
        == 207
    )
    assert ann.put(ann.calendar_home + "work/a%20b.ics", ZONED).status == 201
    assert ann.put(ann.calendar + "task.ics", LF_ONLY).status == 201
    assert ann.put(ann.book + "bob.vcf", CARD, content_type="text/vcard").status == 201
    assert ann.proppatch(ann.calendar + "task.ics", "<x:note>on an item</x:note>").status == 207
    assert ann.grant(ann.calendar_home + "work/", "eve", D + "read").status == 200
    return office


def tree(office: Office) -> dict[str, object]:
    """All that ann's clients see: properties of the collections, names, tags and bodies of the items."""
    ann = Client(Server(office.settings, office.store), "ann")
    found: dict[str, object] = {}
    for home in (ann.calendar_home, ann.book_home):
        for href in ann.propfind(home, D + "displayname", depth="1").hrefs[1:]:
            shown = ann.propfind(
                href, D + "displayname", IC + "calendar-color", IC + "calendar-order", X + "mine"
            ).one
            found[href] = {name: one.text for name, one in shown.props.items() if name in shown}
            for item in ann.propfind(href, D + "getetag", depth="1").hrefs[1:]:
                answer = ann.get(item)
                found[item] = (answer.etag, answer.body)
    return found


def test_a_second_server_has_everything_as_it_was(rich: Office, second: Office) -> None:
    report = archive.import_archive(second, person(second), exported(rich), Wish())
    assert tree(second) == tree(rich)
    assert report.created == ["calendar/work"]
    assert {name: one.created for name, one in report.reports.items()} == {
        "calendar/default": 1,
        "calendar/work": 1,
        "addressbook/default": 1,
    }
    ann = Client(Server(second.settings, second.store), "ann")
    assert (
        ann.propfind(ann.calendar + "task.ics", "{urn:example:x}note").one["{urn:example:x}note"].status
        == 200
    )


def test_access_goes_along_to_those_who_have_an_account_there(
    rich: Office, second: Office, ann: Client
) -> None:
    assert ann.grant(ann.calendar, "bob", D + "read").status == 200
    report = archive.import_archive(second, person(second), exported(rich), Wish())
    assert report.strangers == ["bob"]
    server = Server(second.settings, second.store)
    eve = Client(server, "eve")
    assert eve.get(ann.calendar_home + "work/a%20b.ics").body == ZONED
    assert eve.get(ann.calendar + "task.ics").status == 403


def test_shares_go_along_too(rich: Office, second: Office) -> None:
    place = Place("ann", CollectionKind.ADDRESSBOOK, "default")
    for who in ("eve", "bob"):
        sharing.share(rich, place, who, Access.READ_WRITE)
    report = archive.import_archive(second, person(second), exported(rich), Wish())
    assert report.strangers == ["bob"]
    with second.store.read() as tx:
        owned = collections.of_owner(tx, person(second).id, CollectionKind.ADDRESSBOOK)
        given = shares.sharees(tx, [owned[0].id])[owned[0].id]
    assert [(one.principal.name, one.share.access) for one in given] == [("eve", Access.READ_WRITE)]


def test_a_closed_directory_does_not_tell_who_has_an_account(rich: Office, second: Office) -> None:
    accounts = replace(second.settings.accounts, directory=False)
    closed = replace(second, settings=replace(second.settings, accounts=accounts))
    report = archive.import_archive(closed, person(second), exported(rich), Wish())
    assert report.strangers == ["eve"]
    eve = Client(Server(closed.settings, closed.store), "eve")
    assert eve.get("/dav/calendars/ann/work/a%20b.ics").status != 200


def test_other_programs_find_plain_files(rich: Office) -> None:
    with zipfile.ZipFile(exported(rich)) as found:
        assert found.testzip() is None
        assert "BEGIN:VEVENT" in found.read("calendars/Work _ Büro.ics").decode()
        assert found.read("addressbooks/Contacts.vcf") == CARD
        assert json.loads(found.read("davserver.json"))["account"]["name"] == "ann"


def test_bringing_it_twice_changes_nothing(rich: Office, second: Office) -> None:
    archive.import_archive(second, person(second), exported(rich), Wish())
    before = tree(second)
    report = archive.import_archive(second, person(second), exported(rich), Wish(Policy.REPLACE))
    assert tree(second) == before
    assert sum(one.skipped for one in report.reports.values()) == 3


def test_a_collection_that_has_items_keeps_its_names(rich: Office, second: Office) -> None:
    ann = Client(Server(second.settings, second.store), "ann")
    assert ann.put(ann.calendar + "mine.ics", LF_ONLY.replace(b"UID:t", b"UID:mine")).status == 201
    assert ann.proppatch(ann.calendar, "<d:displayname>My own</d:displayname>").status == 207
    archive.import_archive(second, person(second), exported(rich), Wish())
    assert ann.prop(ann.calendar, D + "displayname").text == "My own"
    assert ann.propfind(ann.calendar, D + "getetag", depth="1").names == {"", "mine.ics", "task.ics"} - {
        ""
    } | {"default"}


def test_copies_get_uids_of_their_own(rich: Office) -> None:
    report = archive.import_archive(rich, person(rich), exported(rich), Wish(Policy.COPY))
    assert {one.copied for one in report.reports.values()} == {1}
    ann = Client(Server(rich.settings, rich.store), "ann")
    assert len(ann.propfind(ann.book, D + "getetag", depth="1").names) == 3


def test_a_dry_run_makes_nothing(rich: Office, second: Office) -> None:
    before = tree(second)
    report = archive.import_archive(second, person(second), exported(rich), Wish(dry_run=True))
    assert sum(one.created for one in report.reports.values()) == 3
    assert tree(second) == before


def test_what_cannot_be_stored_is_named(rich: Office, second: Office) -> None:
    def spoil(data: bytes) -> bytes:
        return data.replace(b"BEGIN:VTODO", b"BEGIN:NOTHING") + b"nonsense\n"

    file = changed(exported(rich), "items/calendar/default.jsonl", spoil)
    report = archive.import_archive(second, person(second), file, Wish())
    refused = report.reports["calendar/default"].refusals
    assert [one.line for one in refused] == [1, 2]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("davserver.json", lambda data: b"{}"),
        ("davserver.json", lambda data: b"[]"),
        ("davserver.json", lambda data: data.replace(b'"davserver-archive": 1', b'"davserver-archive": 2')),
        ("davserver.json", lambda data: data.replace(b'"name": "work"', b'"name": "../x"')),
        ("davserver.json", lambda data: data.replace(b'"name": "work"', b'"name": "gone"')),
        ("davserver.json", lambda data: data.replace(b'"kind": "calendar"', b'"kind": "trash"')),
        ("davserver.json", lambda data: data.replace(b"kept &amp;", b"</x:mine><evil/>")),
        ("davserver.json", lambda data: data.replace(b'"color": "#ff0000ff"', b'"color": {}')),
    ],
)
def test_an_archive_that_was_tampered_with_changes_nothing(
    rich: Office, second: Office, name: str, change: Callable[[bytes], bytes]
) -> None:
    before = tree(second)
    file = changed(exported(rich), name, change)
    with pytest.raises(HttpError) as refused:
        archive.import_archive(second, person(second), file, Wish())
    assert refused.value.status == 400
    assert tree(second) == before


def test_it_cannot_give_more_access_than_acl_can() -> None:
    assert archive.GRANTABLE == acl.GRANTABLE


def test_when_the_quota_ends_in_the_middle_everything_is_taken_back(rich: Office, second: Office) -> None:
    before = tree(second)
    with second.store.write() as tx:
        principals.change(tx, person(second).id, quota=300)
    with pytest.raises(HttpError) as refused:
        archive.import_archive(second, person(second), exported(rich), Wish())
    assert refused.value.status == 507
    assert tree(second) == before


def test_progress_runs_over_all_collections(rich: Office, second: Office) -> None:
    seen: list[Progress] = []
    archive.import_archive(second, person(second), exported(rich), Wish(), seen.append)
    assert [(one.done, one.total) for one in seen] == [(1, 3), (2, 3), (3, 3)]


def test_it_is_told_from_other_zips(rich: Office) -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("a.ics", ZONED)
    other.seek(0)
    assert archive.is_archive(exported(rich))
    assert not archive.is_archive(other)
    assert not archive.is_archive(io.BytesIO(ZONED))
    with pytest.raises(HttpError, match="no archive of davserver"):
        archive.import_archive(rich, person(rich), other, Wish())


def test_an_archive_of_ten_thousand_items_is_written_in_pieces(office: Office) -> None:
    with office.store.read() as tx:
        target = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
    assert target is not None
    events = b"".join(
        b"BEGIN:VEVENT\r\nUID:%d\r\nDTSTART:20260105T100000Z\r\nSUMMARY:%s\r\nEND:VEVENT\r\n"
        % (number, str(hash(str(number)) ** 8).encode())
        for number in range(10_000)
    )
    whole = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + events + b"END:VCALENDAR\r\n"
    transfer.import_file(office, target, io.BytesIO(whole), Wish())
    pieces = list(archive.export_all(office, person(office)))
    assert len(pieces) > 6
    assert max(map(len, pieces)) < 1 << 20
