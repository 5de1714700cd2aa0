"""What a browser sees at a DAV address."""

from __future__ import annotations

import pytest

from tests.davclient import Client, MakeClient, MakeServer

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PLACES = ["root", "principal", "calendar_home", "calendar", "book_home", "book"]


@pytest.mark.parametrize("place", PLACES)
def test_every_address_has_a_page_that_says_how_to_connect(ann: Client, place: str) -> None:
    answer = ann.get(getattr(ann, place), accept=HTML)
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert "http://dav.example.org" + getattr(ann, place) in answer.text
    assert "<code>ann</code>" in answer.text


def test_names_are_shown_as_text(ann: Client) -> None:
    ann.proppatch(ann.calendar, "<d:displayname>&lt;script&gt;alert(1)&lt;/script&gt;</d:displayname>")
    for path in (ann.calendar, ann.calendar_home):
        page = ann.get(path, accept=HTML).text
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_nothing_is_loaded_or_run(ann: Client) -> None:
    answer = ann.get(ann.calendar, accept=HTML)
    assert (answer.header("Content-Security-Policy") or "").startswith("default-src 'none'")
    assert answer.header("X-Content-Type-Options") == "nosniff"


def test_a_home_links_to_its_collections(ann: Client) -> None:
    assert f'href="{ann.calendar}"' in ann.get(ann.calendar_home, accept=HTML).text


def test_the_address_is_that_of_the_mount_or_of_the_settings(
    client: MakeClient, make_server: MakeServer
) -> None:
    ann = client("ann", mount="/sub")
    assert "http://dav.example.org/sub/dav/calendars/ann/default/" in ann.get(ann.calendar, accept=HTML).text
    public = Client(make_server(server={"base_url": "https://cal.example.net"}), "ann")
    assert "https://cal.example.net/dav/calendars/" in public.get(public.calendar, accept=HTML).text


def test_head_on_a_page(ann: Client) -> None:
    assert ann.head(ann.calendar_home, accept=HTML).status == 200


def test_what_is_not_there_has_no_page(ann: Client) -> None:
    assert ann.get(ann.calendar_home + "none/", accept=HTML).status == 404


def test_eve_sees_no_page(ann: Client, eve: Client) -> None:
    assert eve.get(ann.calendar, accept=HTML).status == 403
