"""python-caldav, a client written by others: principals, calendars, events, tasks, search, sync."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.robustness.processes import Server
from tests.robustness.world import PASSWORD

caldav = pytest.importorskip("caldav", reason="the package caldav is not installed")

QUICK = True
pytestmark = pytest.mark.filterwarnings("ignore")  # its own, about its own future

START = datetime(2026, 5, 4, 10, tzinfo=UTC)


@pytest.fixture
def principal(server: Server) -> Iterator[Any]:
    with caldav.DAVClient(url=server.url + "/dav/", username="ann", password=PASSWORD) as client:
        yield client.principal()


@pytest.fixture
def calendar(principal: Any, request: pytest.FixtureRequest) -> Any:
    """An empty calendar, made by the client."""
    return principal.make_calendar(name=f"Wörk & {request.node.name}", cal_id=request.node.name)


def test_the_principal_and_its_homes_are_found_from_any_address(server: Server) -> None:
    for address in ("/", "/dav/", "/dav/calendars/ann/default/", "/dav.php/"):
        with caldav.DAVClient(url=server.url + address, username="ann", password=PASSWORD) as client:
            principal = client.principal()
            assert str(principal.url).rstrip("/").endswith("/principals/ann"), address
            assert "default" in [one.url.path.split("/")[-2] for one in principal.calendars()]


def test_a_calendar_is_made_named_listed_and_removed(principal: Any, calendar: Any) -> None:
    assert calendar.url in [one.url for one in principal.calendars()]
    assert calendar.get_display_name() == "Wörk & test_a_calendar_is_made_named_listed_and_removed"
    calendar.set_properties([caldav.elements.dav.DisplayName("Später")])
    assert "Später" in [one.get_display_name() for one in principal.calendars()]
    assert set(calendar.get_supported_components()) >= {"VEVENT", "VTODO", "VJOURNAL"}
    calendar.delete()
    assert calendar.url not in [one.url for one in principal.calendars()]


def test_an_event_is_added_changed_found_by_uid_and_deleted(calendar: Any) -> None:
    added = calendar.save_event(dtstart=START, dtend=START + timedelta(hours=1), summary="Käsekuchen")
    found = calendar.event_by_uid(added.id)
    with found.edit_icalendar_component() as component:
        component["SUMMARY"] = "Apfelkuchen"
    found.save()
    assert "Apfelkuchen" in calendar.event_by_uid(added.id).data
    found.delete()
    with pytest.raises(caldav.lib.error.NotFoundError):
        calendar.event_by_uid(added.id)


def test_events_are_searched_by_time_and_text_and_expanded(calendar: Any) -> None:
    calendar.save_event(dtstart=START, dtend=START + timedelta(hours=1), summary="once")
    calendar.save_event(
        dtstart=START - timedelta(days=1000),
        dtend=START - timedelta(days=1000) + timedelta(hours=1),
        summary="Täglich",
        rrule={"FREQ": "DAILY"},
    )
    window = {"start": START - timedelta(hours=12), "end": START + timedelta(days=3)}
    assert len(calendar.search(event=True, **window)) == 2
    expanded = calendar.search(event=True, expand=True, **window)
    assert len([one for one in expanded if "once" in one.data]) == 1
    assert len([one for one in expanded if "Täglich" in one.data]) == 3
    searcher = calendar.searcher(event=True)
    searcher.add_property_filter("SUMMARY", "TäGLICH", case_sensitive=False)
    assert len(searcher.search()) == 1
    assert calendar.search(event=True, summary="TäGLICH") == []
    assert calendar.search(event=True, summary="nothing of the kind") == []


def test_tasks_are_pending_until_they_are_completed(calendar: Any) -> None:
    task = calendar.save_todo(summary="Steuer", due=START)
    assert [one.id for one in calendar.todos()] == [task.id]
    task.complete()
    assert calendar.todos() == []
    assert [one.id for one in calendar.todos(include_completed=True)] == [task.id]


def test_a_sync_token_leads_to_what_changed_since(calendar: Any) -> None:
    first = calendar.save_event(dtstart=START, dtend=START + timedelta(hours=1), summary="first")
    state = calendar.objects_by_sync_token(load_objects=True)
    assert len(list(state)) == 1
    second = calendar.save_event(dtstart=START, dtend=START + timedelta(hours=2), summary="second")
    first.delete()
    updated, deleted = state.sync()
    assert [one.url for one in updated] == [second.url]
    assert [one.url for one in deleted] == [first.url]
    assert len(list(calendar.objects_by_sync_token(sync_token=state.sync_token))) == 0


def test_free_and_busy_time_is_told(calendar: Any) -> None:
    calendar.save_event(dtstart=START, dtend=START + timedelta(hours=1), summary="busy")
    answer = calendar.freebusy_request(START - timedelta(days=1), START + timedelta(days=1))
    assert "FREEBUSY" in answer.data


def test_eve_gets_nothing_of_anns(server: Server, calendar: Any) -> None:
    event = calendar.save_event(dtstart=START, dtend=START + timedelta(hours=1), summary="secret")
    with caldav.DAVClient(url=server.url + "/dav/", username="eve", password=PASSWORD) as client:
        with pytest.raises(caldav.lib.error.AuthorizationError):
            client.calendar(url=calendar.url).event_by_url(event.url)
        assert all(one.url.path.startswith("/dav/calendars/eve/") for one in client.principal().calendars())
