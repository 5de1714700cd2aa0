"""Import: everything that can be stored is stored, the rest is named; nothing half done."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs import arrivals, transfer, unpack
from davserver.jobs.arrivals import Policy
from davserver.jobs.office import Office
from davserver.jobs.transfer import Progress, Report, Wish
from davserver.model import Collection, CollectionKind
from davserver.storage import Store, collections, items, principals, transfers
from tests.davclient import Client

ZONE = (
    "BEGIN:VTIMEZONE\nTZID:Home\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\n"
    "TZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE"
)


def event(uid: str, title: str = "Tea", *more: str) -> str:
    """A VEVENT."""
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTART:20260105T100000Z",
        f"SUMMARY:{title}",
        *more,
        "END:VEVENT",
    ]
    return "\n".join(lines)


def calendar(*components: str, head: str = "VERSION:2.0\nPRODID:-//Test//EN\nMETHOD:PUBLISH") -> bytes:
    """An .ics file."""
    return "\n".join(["BEGIN:VCALENDAR", head, *components, "END:VCALENDAR", ""]).encode()


def card(uid: str, name: str, version: str = "3.0") -> str:
    """A VCARD."""
    return f"BEGIN:VCARD\nVERSION:{version}\nUID:{uid}\nFN:{name}\nEND:VCARD\n"


@pytest.fixture
def office(store: Store, people: dict[str, int], tmp_path: Path) -> Office:
    """Ann at work."""
    settings = Settings()
    return Office(store, replace(settings, storage=replace(settings.storage, data_dir=tmp_path)), "ann")


def held(office: Office, kind: CollectionKind = CollectionKind.CALENDAR, owner: str = "ann") -> Collection:
    """A collection called default, as it is now."""
    with office.store.read() as tx:
        found = collections.get(tx, owner, kind, "default")
    assert found is not None
    return found


def bodies(office: Office, kind: CollectionKind = CollectionKind.CALENDAR) -> dict[str, bytes]:
    """uid → body of all items."""
    with office.store.read() as tx:
        return {one.uid: body for one, body in items.listing_with_bodies(tx, held(office, kind).id)}


def bring(office: Office, data: bytes, policy: Policy = Policy.SKIP, **more: object) -> Report:
    """Import a file into ann's calendar."""
    wish = Wish(policy, "file.ics", **more)  # type: ignore[arg-type]
    return transfer.import_file(office, held(office), io.BytesIO(data), wish)


def newest(office: Office) -> transfers.Transfer:
    """The last import into ann's calendar."""
    with office.store.read() as tx:
        return transfers.newest(tx, [held(office).id], 1)[0]


# -- what arrives


def test_overrides_find_their_master_and_zones_go_along(office: Office) -> None:
    timed = "DTSTART;TZID=Home:20260105T100000"
    master = event("s", "Series", "RRULE:FREQ=DAILY").replace("DTSTART:20260105T100000Z", timed)
    override = event("s", "Moved", "RECURRENCE-ID;TZID=Home:20260106T100000")
    report = bring(office, calendar(override, event("x"), master, ZONE))
    assert (report.created, report.refused) == (2, 0)
    series = bodies(office)["s"].decode()
    assert series.count("BEGIN:VEVENT") == 2
    assert series.count("BEGIN:VTIMEZONE") == 1
    assert "VTIMEZONE" not in bodies(office)["x"].decode()
    assert "METHOD" not in series
    assert "PRODID:-//Test//EN" in series


def test_a_client_sees_the_items_and_learns_of_them_by_sync(office: Office, ann: Client) -> None:
    before = ann.sync(ann.calendar).sync_token
    bring(office, calendar(*(event(f"e{number}") for number in range(600))))
    changed = ann.sync(ann.calendar, before)
    assert len(changed.names) == 600
    assert "e17.ics" in changed.names
    assert ann.get(ann.calendar + "e17.ics").status == 200
    assert held(office).item_count == 600
    half = ann.sync(ann.calendar, before, limit=250)
    rest = ann.sync(ann.calendar, half.sync_token)
    assert len((half.names | rest.names) - {"default"}) == 600


def test_what_came_by_import_is_found_by_a_part_of_its_uid(office: Office, ann: Client) -> None:
    bring(office, calendar(event("a-rather-long-uid-of-the-first-one"), event("something-else-of-two")))
    text = (
        '<c:prop-filter name="UID"><c:text-match>rather-long-uid-of-the-first</c:text-match></c:prop-filter>'
    )
    wanted = f'<c:comp-filter name="VEVENT">{text}</c:comp-filter>'
    query = f'<c:filter><c:comp-filter name="VCALENDAR">{wanted}</c:comp-filter></c:filter>'
    body = f"<c:calendar-query><d:prop><d:getetag/></d:prop>{query}</c:calendar-query>"
    assert ann.report(ann.calendar, body).names == {"a-rather-long-uid-of-the-first-one.ics"}
    transfer.undo(office, newest(office).id)
    bring(office, calendar(event("a-rather-long-uid-of-the-first-one")))
    assert ann.report(ann.calendar, body).names == {"a-rather-long-uid-of-the-first-one.ics"}


def test_what_cannot_be_stored_is_named_with_line_and_reason_and_the_rest_is_stored(office: Office) -> None:
    bad = event("bad", "No start").replace("DTSTART:20260105T100000Z\n", "")
    report = bring(
        office, calendar(event("a"), bad, card("c", "Ann").strip(), event("b"), "BEGIN:VALARM\nEND:VALARM")
    )
    assert sorted(bodies(office)) == ["a", "b"]
    assert (report.created, report.refused) == (2, 3)
    first = report.refusals[0]
    assert (first.line, first.uid, first.title) == (10, "bad", "No start")
    assert first.reason == "A VEVENT needs a DTSTART."
    assert [one.reason for one in report.refusals[1:]] == [
        "A contact goes into an address book.",
        "VALARM is no event, task or journal entry.",
    ]


def test_contacts_of_all_versions(office: Office) -> None:
    book = held(office, CollectionKind.ADDRESSBOOK)
    file = (
        card("a", "Ann")
        + card("b", "Bob", "4.0")
        + card("c", "Cy", "2.1")
        + "BEGIN:VCARD\nVERSION:3.0\nFN:D\nEND:VCARD\n"
    )
    report = transfer.import_file(office, book, io.BytesIO(file.encode()), Wish())
    assert (report.created, report.refused) == (4, 0)
    assert report.repaired == {"uid": 1, arrivals.CONVERTED: 1}
    stored = bodies(office, CollectionKind.ADDRESSBOOK)
    assert b"VERSION:4.0" in stored["b"]
    assert b"VERSION:3.0" in stored["c"]
    again = transfer.import_file(office, book, io.BytesIO(file.encode()), Wish())
    assert (again.created, again.skipped) == (0, 4)


@pytest.mark.parametrize("packed", ["gzip", "zip"])
def test_packed_files(office: Office, packed: str) -> None:
    data = calendar(event("a"), ZONE)
    file = io.BytesIO()
    if packed == "gzip":
        file.write(gzip.compress(data))
    else:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("Work.ics", data)
            archive.writestr("notes.txt", "nothing")
            archive.writestr(
                "Home.ics", calendar(event("b"), event("a", "Other"), event("c").replace("DTSTART", "X"))
            )
    file.seek(0)
    report = transfer.import_file(office, held(office), file, Wish())
    assert sorted(bodies(office)) == (["a"] if packed == "gzip" else ["a", "b"])
    if packed == "zip":
        assert [(one.file, one.uid) for one in report.refusals] == [("Home.ics", "c")]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"PK\x03\x04broken", 400),
        (b"\x1f\x8bbroken", 400),
        (gzip.compress(bytes(3 << 20)), 413),
    ],
)
def test_a_damaged_or_endless_archive_is_refused(office: Office, data: bytes, status: int) -> None:
    limits = replace(office.settings.limits, import_size=1 << 20)
    small = replace(office, settings=replace(office.settings, limits=limits))
    with pytest.raises(HttpError) as refused:
        bring(small, data)
    assert refused.value.status == status
    assert newest(small).state == transfers.FAILED


def test_an_empty_zip_says_what_it_should_hold() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "x")
    file.seek(0)
    with pytest.raises(HttpError, match=r"no \.ics or \.vcf"):
        list(unpack.members(file, 1000))


# -- duplicates


def test_skip_keeps_what_is_there(office: Office) -> None:
    bring(office, calendar(event("a", "Old")))
    report = bring(office, calendar(event("a", "New"), event("b")))
    assert (report.created, report.skipped) == (1, 1)
    assert b"Old" in bodies(office)["a"]


def test_replace_takes_the_new_and_leaves_equal_ones_alone(office: Office) -> None:
    bring(office, calendar(event("a", "Old"), event("b")))
    report = bring(office, calendar(event("a", "New"), event("b")), Policy.REPLACE)
    assert (report.created, report.replaced, report.skipped) == (0, 1, 1)
    assert b"New" in bodies(office)["a"]
    assert held(office).item_count == 2


def test_copy_keeps_both_under_a_uid_of_its_own(office: Office) -> None:
    bring(office, calendar(event("a", "Old")))
    report = bring(
        office,
        calendar(event("a", "New"), event("a", "Moved", "RECURRENCE-ID:20260105T100000Z")),
        Policy.COPY,
    )
    assert report.copied == 1
    stored = bodies(office)
    assert len(stored) == 2
    (copied,) = (body for uid, body in stored.items() if uid != "a")
    assert b"UID:a\r" not in copied
    assert copied.count(b"BEGIN:VEVENT") == 2


@pytest.mark.parametrize(
    ("policy", "titles", "skipped"),
    [(Policy.SKIP, [b"One"], 2), (Policy.REPLACE, [b"Two"], 2), (Policy.COPY, [b"One", b"Two"], 1)],
)
def test_duplicates_inside_the_file(
    office: Office, policy: Policy, titles: list[bytes], skipped: int
) -> None:
    report = bring(office, calendar(event("a", "One"), event("a", "Two"), event("a", "One")), policy)
    found = sorted(body.partition(b"SUMMARY:")[2][:3] for body in bodies(office).values())
    assert found == titles
    assert report.skipped == skipped


def test_a_uid_of_another_kind_of_item_is_not_replaced(office: Office) -> None:
    bring(office, calendar(event("a")))
    task = "BEGIN:VTODO\nUID:a\nSUMMARY:Task\nEND:VTODO"
    report = bring(office, calendar(task), Policy.REPLACE)
    assert report.refusals[0].reason == "The UID belongs to another kind of item, VEVENT."
    assert b"VEVENT" in bodies(office)["a"]


def test_names_are_the_uids_unless_they_are_taken_or_odd(office: Office, ann: Client) -> None:
    assert (
        ann.put(ann.calendar + "a.ics", calendar(event("other"), head="VERSION:2.0\nPRODID:x")).status == 201
    )
    bring(office, calendar(event("a"), event("https://x/y z"), event("b")))
    with office.store.read() as tx:
        names = {one.uid: one.name for one in items.listing(tx, held(office).id)}
    assert names["b"] == "b.ics"
    assert names["a"] != "a.ics"
    assert "/" not in names["https://x/y z"]


def test_a_calendar_that_is_filled_from_elsewhere_takes_no_import(office: Office) -> None:
    with office.store.write() as tx:
        collections.change(tx, held(office).id, read_only=True)
    with pytest.raises(HttpError) as refused:
        bring(office, calendar(event("a")))
    assert refused.value.status == 403
    assert bodies(office) == {}


# -- telling


def test_a_dry_run_tells_the_same_and_changes_nothing(office: Office) -> None:
    bring(office, calendar(event("a", "Old")))
    before = held(office)
    file = calendar(event("a", "New"), event("b"), event("c").replace("DTSTART", "X"))
    told = bring(office, file, Policy.REPLACE, dry_run=True)
    assert held(office) == before
    assert told == bring(office, file, Policy.REPLACE)
    assert (told.created, told.replaced, told.refused) == (1, 1, 1)


def test_progress_counts_bytes_and_then_items(office: Office) -> None:
    seen: list[Progress] = []
    data = calendar(*(event(f"e{number}") for number in range(600)))
    transfer.import_file(office, held(office), io.BytesIO(data), Wish(), seen.append)
    reading = [one for one in seen if one.reading]
    assert reading[-1].done == reading[-1].total == len(data)
    assert [(one.done, one.total) for one in seen if not one.reading] == [(250, 600), (500, 600), (600, 600)]


def test_the_report_is_kept_and_the_audit_log_has_a_line(office: Office) -> None:
    report = bring(office, calendar(event("a"), event("c").replace("DTSTART", "X")))
    done = newest(office)
    assert (done.state, done.done, done.total, done.source) == (transfers.DONE, 2, 2, "file.ics")
    assert transfer.read_report(done.report) == report


# -- nothing half done


def test_undo_removes_new_ones_and_brings_old_ones_back(office: Office, ann: Client) -> None:
    bring(office, calendar(event("a", "Old")))
    before = bodies(office)
    bring(office, calendar(event("a", "New"), event("b")), Policy.REPLACE)
    token = ann.sync(ann.calendar).sync_token
    report = transfer.undo(office, newest(office).id)
    assert (report.removed, report.restored, report.kept) == (1, 1, 0)
    assert bodies(office) == before
    assert newest(office).state == transfers.UNDONE
    assert ann.sync(ann.calendar, token).names == {"a.ics", "b.ics"}
    with pytest.raises(HttpError) as refused:
        transfer.undo(office, newest(office).id)
    assert refused.value.status == 409


def test_undo_leaves_alone_what_was_changed_since(office: Office, ann: Client) -> None:
    bring(office, calendar(event("a"), event("b"), event("c")))
    changed = calendar(event("a", "Changed"), head="VERSION:2.0\nPRODID:x")
    assert ann.put(ann.calendar + "a.ics", changed).status == 204
    assert ann.delete(ann.calendar + "b.ics").status == 204
    report = transfer.undo(office, newest(office).id)
    assert (report.removed, report.kept) == (1, 2)
    assert bodies(office) == {"a": changed}


def test_a_cancelled_import_leaves_nothing_behind(office: Office) -> None:
    bring(office, calendar(event("e1", "Old")))
    before = bodies(office)

    def stop(progress: Progress) -> None:
        if progress.done >= 500:
            transfer.cancel(office, newest(office).id)

    data = calendar(*(event(f"e{number}") for number in range(1000)))
    with pytest.raises(HttpError) as cancelled:
        transfer.import_file(office, held(office), io.BytesIO(data), Wish(Policy.REPLACE), stop)
    assert cancelled.value.status == 409
    assert bodies(office) == before
    assert newest(office).state == transfers.FAILED
    assert transfer.read_report(newest(office).report).error == "The import was cancelled."


def test_a_quota_that_does_not_suffice_leaves_nothing_behind(office: Office, people: dict[str, int]) -> None:
    with office.store.write() as tx:
        principals.change(tx, people["ann"], quota=50_000)
    with pytest.raises(HttpError) as refused:
        bring(office, calendar(*(event(f"e{number}") for number in range(600))))
    assert refused.value.status == 507
    assert bodies(office) == {}
    assert held(office).size == 0


def test_a_collection_that_goes_away_in_the_middle(office: Office) -> None:
    def remove(progress: Progress) -> None:
        if not progress.reading and progress.done == 250:
            with office.store.write() as tx:
                collections.remove(tx, held(office))

    data = calendar(*(event(f"e{number}") for number in range(600)))
    with pytest.raises(HttpError) as gone:
        transfer.import_file(office, held(office), io.BytesIO(data), Wish(), remove)
    assert gone.value.status == 409


KILLED = """
import io, os, signal, sys
from davserver.config import Settings
from davserver.jobs import arrivals, transfer
from davserver.jobs.office import Office
from davserver.model import CollectionKind
from davserver.storage import Store, collections
from sqlalchemy import make_url
store = Store(make_url(sys.argv[1]))
with store.read() as tx:
    target = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
def die(progress):
    if not progress.reading and progress.done >= 500:
        os.kill(os.getpid(), signal.SIGKILL)
with open(sys.argv[2], "rb") as file:
    wish = transfer.Wish(arrivals.Policy.REPLACE, "file.ics")
    transfer.import_file(Office(store, Settings(), "ann"), target, file, wish, die)
"""


def test_what_a_killed_process_wrote_is_rolled_back(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(office, calendar(event("e1", "Old")))
    before = bodies(office)
    (tmp_path / "file.ics").write_bytes(calendar(*(event(f"e{number}") for number in range(1000))))
    url = office.store.url.render_as_string(hide_password=False)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(tmp_path / "file.ics")], env=dict(os.environ)
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(bodies(office)) == 500
    assert transfer.recover(office) == 0  # it may still be alive
    monkeypatch.setattr(transfers, "STALE", -1)
    assert transfer.recover(office) == 1
    assert bodies(office) == before
    assert newest(office).state == transfers.FAILED
