"""Connecting devices: what the pages tell is what works; profiles, codes, login flows."""

from __future__ import annotations

import json
import plistlib
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from admin import clients
from davserver.jobs import app_passwords, users
from davserver.storage import Store
from tests.davclient import D, MakeClient
from tests.web.visitor import Page

KEYS = ["apple", "android", "thunderbird", "gnome", "outlook", "vdirsyncer", "khal", "other"]


def labels(store: Store, name: str = "ann") -> list[str]:
    with store.read() as tx:
        return [one.label for one in app_passwords.listing(tx, users.find_user(tx, name))]


def values(page: Page) -> dict[str, str]:
    """What can be copied, by its label."""
    return {one.get("aria-label"): one.get("value") for one in page.find("input[readonly]")}


# -- values


@pytest.mark.parametrize("key", KEYS)
def test_every_client_has_a_page_that_makes_nothing_by_itself(visit: Any, store: Store, key: str) -> None:
    page = visit("ann").get("/account/connect").find("a")
    assert any(one.get("href") == f"/account/connect/{key}" for one in page)
    shown = visit("ann").get(f"/account/connect/{key}")
    assert shown.status == 200
    assert "/dav.php/" in shown.text("details")
    assert labels(store) == []


@pytest.mark.parametrize("key", ["thunderbird", "gnome", "outlook", "other", "android", "apple"])
def test_the_values_shown_are_values_that_work(
    visit: Any, client: MakeClient, store: Store, key: str
) -> None:
    page = visit("ann").get(f"/account/connect/{key}").submit("Make an app password")
    shown = values(page)
    assert shown["Server address"] == "http://dav.example.org/"
    device = client("ann", password=shown["App password"])
    assert device.user == shown["User name"]
    found = device.propfind(urlsplit(shown["Server address"]).path, D + "current-user-principal")
    assert found.one[D + "current-user-principal"].hrefs == [device.principal]
    for label in ("Your principal", "Your calendars", "Your address books"):
        if label in shown:
            assert device.propfind(urlsplit(shown[label]).path, D + "displayname").status == 207
    assert len(labels(store)) == 1
    assert shown["App password"] not in visit("ann").get(f"/account/connect/{key}").body.decode()


def test_the_address_for_davx5_holds_user_and_app_password(visit: Any, client: MakeClient) -> None:
    page = visit("ann", **{"wsgi.url_scheme": "https"}).get("/account/connect/android").submit("Make an app")
    address = urlsplit(values(page)["Address for DAVx⁵"])
    assert (address.scheme, address.hostname, address.path) == ("davx5", "dav.example.org", "/")
    device = client(unquote(address.username or ""), password=unquote(address.password or ""))
    assert device.propfind(device.calendar, D + "displayname").status == 207
    assert page.find(".qr svg")


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("https://dav.example.org", "davx5://a%40b:pw@dav.example.org/"),
        ("https://dav.example.org/sub", "davx5://a%40b:pw@dav.example.org/sub/"),
        ("https://dav.example.org:8443", None),
        ("http://dav.example.org", None),
    ],
)
def test_davx5_gets_no_address_that_it_would_misread(base: str, address: str | None) -> None:
    assert clients.davx5_address(clients.Access(base, "a@b", "pw")) == address


def test_where_there_is_no_code_the_page_says_why(visit: Any) -> None:
    page = visit("ann").get("/account/connect/android").submit("Make an app password")
    assert "There is no QR code here" in page.text("main")
    assert not page.find(".qr svg")


# -- Apple


def test_a_profile_is_downloaded_with_both_accounts(visit: Any, client: MakeClient, store: Store) -> None:
    answer = visit("ann").get("/account/connect/apple").submit("Download for this device").answer
    assert answer.mimetype == "application/x-apple-aspen-config"
    assert answer.headers["Content-Disposition"].endswith('"davserver.mobileconfig"')
    found = {one["PayloadType"]: one for one in plistlib.loads(answer.get_data())["PayloadContent"]}
    assert set(found) == {"com.apple.caldav.account", "com.apple.carddav.account"}
    device = client("ann", password=found["com.apple.carddav.account"]["CardDAVPassword"])
    assert device.propfind(device.book, D + "displayname").status == 207
    assert labels(store) == ["iPhone, iPad or Mac"]


def test_a_phone_fetches_the_profile_once_without_signing_in(visit: Any, store: Store) -> None:
    page = visit("ann").get("/account/connect/apple").submit("QR code")
    address = urlsplit(values(page)["Address of the profile"])
    assert page.find(".qr svg")
    assert labels(store) == [], "made when it is fetched"
    phone = visit()
    for _ in range(3):
        landing = phone.get(address.path)  # looking at it does not use it up
    profile = landing.submit("Get the profile").answer.get_data()
    assert plistlib.loads(profile)["PayloadContent"][0]["CalDAVUsername"] == "ann"
    assert phone.get(address.path).status == 404
    assert len(labels(store)) == 1


def test_a_wrong_link_gives_nothing(visit: Any) -> None:
    page = visit().get("/account/apple-profile/" + "x" * 43)
    assert (page.status, page.text("h1")) == (404, "There is nothing here")


# -- login flow


@pytest.fixture
def flow(client: MakeClient) -> dict[str, Any]:
    """What DAVx5 got when it asked."""
    answer = client(None).request(
        "POST", "/index.php/login/v2", user_agent="DAVx5/4.5 <b>", host="dav.example.org"
    )
    begun: dict[str, Any] = json.loads(answer.body)
    return begun


def polled(client: MakeClient, flow: dict[str, Any]) -> Any:
    body = f"token={flow['poll']['token']}".encode()
    return client(None).request("POST", urlsplit(flow["poll"]["endpoint"]).path, body)


def test_a_flow_is_granted_with_what_the_user_chose(
    visit: Any, client: MakeClient, store: Store, flow: dict[str, Any]
) -> None:
    path = urlsplit(flow["login"]).path
    page = visit().get(path).follow().submit(name="ann", password="correct horse").follow()
    assert "DAVx5/4.5 <b>" in page.text("dl")
    assert "If somebody sent you here, refuse." in page.text("main")
    done = page.submit("Grant access", label="Tablet", contacts=None)
    assert done.text("h1") == "Access granted"
    got = json.loads(polled(client, flow).body)
    device = client(got["loginName"], password=got["appPassword"])
    assert device.propfind(device.calendar, D + "displayname").status == 207
    assert device.propfind(device.book, D + "displayname").status == 403
    assert labels(store) == ["Tablet"]
    assert visit("ann").get(path).status == 404


def test_a_refused_flow_gives_nothing(
    visit: Any, client: MakeClient, store: Store, flow: dict[str, Any]
) -> None:
    path = urlsplit(flow["login"]).path
    assert visit("eve").get(path).submit("Refuse").text("h1") == "Access refused"
    assert polled(client, flow).status == 403
    assert labels(store, "eve") == []
    page = visit("ann").get(path)
    assert (page.status, "already decided" in page.text("main")) == (409, True)
    assert page.text("h1") == "That cannot be done"  # and no mistake of the server


def test_a_flow_that_opens_nothing_is_not_granted(
    visit: Any, client: MakeClient, flow: dict[str, Any]
) -> None:
    page = visit("ann").get(urlsplit(flow["login"]).path)
    again = page.submit("Grant access", calendars=None, contacts=None)
    assert again.status == 400
    assert polled(client, flow).status == 404


def test_a_flow_is_not_granted_by_a_form_of_another_site(
    visit: Any, client: MakeClient, flow: dict[str, Any]
) -> None:
    answer = visit("ann").post(urlsplit(flow["login"]).path, label="x", calendars="y", decision="grant")
    assert answer.status == 400
    assert polled(client, flow).status == 404
