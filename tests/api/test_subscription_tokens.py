"""/subscription-tokens/: links are made, shown, changed and removed by their owner, and by nobody else."""

from __future__ import annotations

import pytest

from davserver.model import CollectionKind, NewCollection
from davserver.storage import Store, collections
from tests.api.conftest import Caller, MakeCaller

TOKENS = "/subscription-tokens/"
CALENDAR = "/calendars/ann/default/"
BY_PATH = f"{TOKENS}by-path/?caldav_path={CALENDAR}"


def test_a_link_is_made_once(ann: Caller) -> None:
    status, made = ann.post(TOKENS, caldav_path=CALENDAR, calendar_name="Ann's days")
    assert status == 201
    assert made["url"].startswith("http://dav.example.org/ical/")
    assert made["url"].endswith(".ics")
    assert made["webcal_url"] == "webcal" + made["url"][4:]
    assert ann.last.header("Location") == f"http://dav.example.org/api/v1.0{TOKENS}{made['id']}/"
    assert ann.post(TOKENS, caldav_path=CALENDAR) == (200, made)
    status, renamed = ann.post(TOKENS, caldav_path=CALENDAR, calendar_name="Other")
    assert (status, renamed) == (200, {**made, "calendar_name": "Other"})


def test_a_token_cannot_be_guessed(ann: Caller) -> None:
    tokens = {ann.post(TOKENS, caldav_path=CALENDAR, label=str(one))[1]["url"][28:-4] for one in range(5)}
    assert len(tokens) == 5
    assert all(len(token) >= 22 for token in tokens)  # base64url of 128 bits and more


def test_one_calendar_has_several_links_with_labels(ann: Caller) -> None:
    first = ann.post(TOKENS, caldav_path=CALENDAR, label="Mum")[1]
    second = ann.post(TOKENS, caldav_path=CALENDAR, label="Club", detail="busy")[1]
    assert first["url"] != second["url"]
    assert [one["label"] for one in ann.get(TOKENS)[1]["results"]] == ["Mum", "Club"]
    assert ann.post(TOKENS, caldav_path=CALENDAR, label="Club") == (200, second)


@pytest.mark.parametrize(
    "path",
    [
        "/calendars/ann/default/",
        "calendars/ann/default",
        "/dav/calendars/ann/default/",
        "/calendars/%61nn/default/",
    ],
)
def test_a_path_is_taken_as_clients_write_it(ann: Caller, path: str) -> None:
    status, made = ann.post(TOKENS, caldav_path=path)
    assert (status, made["caldav_path"]) == (201, CALENDAR)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/calendars/eve/default/", 404),
        ("/calendars/ann/none/", 404),
        ("/calendars/nobody/default/", 404),
        ("/calendars/ann/../eve/default/", 400),
        ("/calendars/ann/..%2Feve/", 404),
        ("/principals/ann/x/", 400),
        ("/calendars/ann/", 400),
        ("", 400),
        ("/calendars/ann/default/?x", 400),
    ],
)
def test_other_paths_make_no_link(ann: Caller, path: str, status: int) -> None:
    assert ann.post(TOKENS, caldav_path=path)[0] == status
    assert ann.get(TOKENS)[1]["results"] == []


def test_by_path(ann: Caller) -> None:
    assert ann.get(BY_PATH)[0] == 404
    made = ann.post(TOKENS, caldav_path=CALENDAR)[1]
    assert ann.get(BY_PATH) == (200, made)
    assert ann.delete(BY_PATH) == (204, None)
    assert ann.get(BY_PATH)[0] == 404
    assert ann.get(f"{TOKENS}by-path/")[0] == 400


def test_eve_finds_nothing_of_ann(ann: Caller, eve: Caller) -> None:
    made = ann.post(TOKENS, caldav_path=CALENDAR)[1]
    place = f"{TOKENS}{made['id']}/"
    assert eve.get(TOKENS)[1]["results"] == []
    assert eve.post(TOKENS, caldav_path=CALENDAR)[0] == 404
    assert eve.get(BY_PATH)[0] == eve.delete(BY_PATH)[0] == 404
    assert eve.get(place)[0] == eve.delete(place)[0] == eve.patch(place, detail="full")[0] == 404
    assert eve.send("POST", f"{place}regenerate/")[0] == 404
    assert eve.get(place)[1] == eve.get(f"{TOKENS}999/")[1]
    assert ann.get(place) == (200, made)


def test_everything_about_a_link_can_be_changed(ann: Caller) -> None:
    made = ann.post(TOKENS, caldav_path=CALENDAR)[1]
    change = {
        "calendar_name": "Shown",
        "label": "Mum",
        "is_active": False,
        "expires_at": "2030-01-01T00:00:00Z",
        "detail": "titles",
        "private_entries": "busy",
        "left_out": ["alarms", "attendees"],
        "components": ["VEVENT"],
        "start": "2026-01-01T00:00:00Z",
        "end": "2027-01-01T00:00:00Z",
        "days_back": 7,
        "days_ahead": 30,
        "allow_cors": True,
        "has_page": True,
        "allow_embedding": True,
    }
    status, changed = ann.patch(f"{TOKENS}{made['id']}/", **change, password="sesame")
    assert (status, changed) == (200, {**made, **change, "has_password": True})
    assert ann.patch(f"{TOKENS}{made['id']}/", password=None)[1]["has_password"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"detail": "secret"},
        {"left_out": ["everything"]},
        {"components": ["VALARM"]},
        {"start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
        {"expires_at": "tomorrow"},
        {"expires_at": "2026-02-31T00:00:00Z"},
        {"days_back": -1},
        {"days_ahead": 10**9},
        {"allow_embedding": True},
        {"label": "x" * 256},
        {"label": "a\nb"},
        {"password": "x" * 201},
        {"caldav_path": "/calendars/eve/default/"},
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(ann: Caller, change: dict[str, object]) -> None:
    made = ann.post(TOKENS, caldav_path=CALENDAR)[1]
    assert ann.patch(f"{TOKENS}{made['id']}/", **change)[0] == 400
    assert ann.get(f"{TOKENS}{made['id']}/") == (200, made)


def test_a_new_address_replaces_the_old_one(ann: Caller) -> None:
    made = ann.post(TOKENS, caldav_path=CALENDAR)[1]
    status, renewed = ann.send("POST", f"{TOKENS}{made['id']}/regenerate/")
    assert status == 200
    assert renewed["url"] != made["url"]
    assert {**renewed, "url": "", "webcal_url": ""} == {**made, "url": "", "webcal_url": ""}


def test_several_calendars_make_one_link(ann: Caller, store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        collections.create(
            tx, NewCollection(people["ann"], CollectionKind.CALENDAR, "work", components="VEVENT")
        )
    further = ["/calendars/ann/work/"]
    status, made = ann.post(TOKENS, caldav_path=CALENDAR, further_paths=further)
    assert (status, made["caldav_paths"]) == (201, [CALENDAR, *further])
    assert ann.post(TOKENS, caldav_path=CALENDAR)[0] == 201  # a link to the first alone is another one
    assert ann.post(TOKENS, caldav_path=CALENDAR, further_paths=["/addressbooks/ann/default/"])[0] == 400
    assert ann.post(TOKENS, caldav_path=CALENDAR, further_paths=["/calendars/eve/default/"])[0] == 404


def test_an_address_book_has_links_too(ann: Caller) -> None:
    status, made = ann.post(TOKENS, caldav_path="/addressbooks/ann/default/")
    assert (status, made["url"][-4:]) == (201, ".vcf")
    for wrong in (
        {"detail": "busy"},
        {"private_entries": "busy"},
        {"days_back": 7},
        {"end": "2026-01-01T00:00:00Z"},
        {"components": ["VEVENT"]},
        {"has_page": True},
    ):
        assert ann.post(TOKENS, caldav_path="/addressbooks/ann/default/", label="x", **wrong)[0] == 400, wrong


def test_the_addresses_keep_the_mount_point(caller: MakeCaller) -> None:
    ann = caller("ann", mount="/sub")  # type: ignore[call-arg]
    made = ann.post(TOKENS, caldav_path=CALENDAR)[1]
    assert made["url"].startswith("http://dav.example.org/sub/ical/")


def test_the_database_holds_no_token(ann: Caller, store: Store) -> None:
    made = ann.post(TOKENS, caldav_path=CALENDAR)[1]
    token = made["url"].rpartition("/")[2].removesuffix(".ics")
    from davserver.storage import schema

    with store.read() as tx:
        for table in schema.metadata.sorted_tables:
            assert token not in repr(tx.execute(table.select()).all()), table.name


def test_without_the_key_a_link_works_but_is_not_shown_again(ann: Caller, tmp_path_factory: object) -> None:
    made = ann.post(TOKENS, caldav_path=CALENDAR)[1]
    settings = ann.client.app.settings  # type: ignore[attr-defined]
    (settings.storage.data_dir / "secret.key").unlink()
    status, shown = ann.get(f"{TOKENS}{made['id']}/")
    assert (status, shown["url"], shown["webcal_url"]) == (200, None, None)
    assert ann.send("POST", f"{TOKENS}{made['id']}/regenerate/")[1]["url"]
