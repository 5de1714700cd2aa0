"""OPTIONS: what clients look for before they keep an account."""

from __future__ import annotations

import pytest

from davserver.protocol.methods import METHODS
from tests.content.objects import event
from tests.davclient import C, Client, D, MakeServer

PLACES = ["root", "principal", "calendar_home", "calendar", "book_home", "book"]


@pytest.mark.parametrize("place", PLACES)
def test_every_address_says_what_the_server_can(ann: Client, place: str) -> None:
    """iOS, macOS and DAVx5 drop the account without it."""
    answer = ann.request("OPTIONS", getattr(ann, place))
    assert answer.status == 200
    classes = (answer.header("DAV") or "").split(", ")
    assert {"1", "2", "3", "calendar-access", "addressbook", "extended-mkcol", "access-control"} <= set(
        classes
    )
    assert "PROPFIND" in (answer.header("Allow") or "")


def test_the_first_class_is_1_because_thunderbird_throws_it_away(ann: Client) -> None:
    assert (ann.request("OPTIONS", ann.calendar).header("DAV") or "").startswith("1, ")


def test_nothing_is_announced_that_does_not_work(ann: Client) -> None:
    dav = ann.request("OPTIONS", ann.calendar).header("DAV") or ""
    for later in ("calendar-auto-schedule", "calendar-schedule", "calendar-proxy"):
        assert later not in dav


def test_items_and_what_is_not_there_answer_too(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    assert ann.request("OPTIONS", ann.calendar + "one.ics").status == 200
    assert ann.request("OPTIONS", ann.calendar + "none.ics").status in (200, 404)


def test_allow_is_what_is_not_answered_405(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    for path in (ann.root, ann.principal, ann.calendar_home, ann.calendar, ann.calendar + "one.ics"):
        allowed = (ann.request("OPTIONS", path).header("Allow") or "").split(", ")
        for method in METHODS:
            if method in allowed or method == "DELETE":
                continue
            answer = ann.request(method, path, destination=ann.calendar_home + "x/")
            assert answer.status in (403, 405), (method, path)


def test_allow_and_supported_method_set_agree(ann: Client) -> None:
    allowed = (ann.request("OPTIONS", ann.calendar).header("Allow") or "").split(", ")
    assert ann.prop(ann.calendar, D + "supported-method-set").attributes("name") == allowed


def test_a_kind_that_is_switched_off_is_neither_announced_nor_there(make_server: MakeServer) -> None:
    ann = Client(make_server(caldav={"enabled": False}), "ann")
    dav = ann.request("OPTIONS", ann.root).header("DAV") or ""
    assert "calendar-access" not in dav
    assert "addressbook" in dav
    assert ann.propfind(ann.calendar, D + "displayname").status == 404
    assert ann.prop(ann.principal, C + "calendar-home-set").status == 404
    assert ann.propfind(ann.root, D + "displayname", depth="1").names == {"dav", "principals", "addressbooks"}


def test_options_without_a_login_asks_for_one(client: object, server: object) -> None:
    answer = Client(server, None).request("OPTIONS", "/dav/")  # type: ignore[arg-type]
    assert answer.status == 401
