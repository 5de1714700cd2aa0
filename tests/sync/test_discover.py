"""From a mail address to the homes (RFC 6764): where it is looked, in which order, what people are told."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from davserver.model import CollectionKind
from davserver.sync.client import DavClient
from davserver.sync.discover import Asked, Discovered, Target, discover, in_order
from davserver.sync.http import Answer, CertificateRefused, RedirectRefused, Unreachable
from davserver.sync.problems import Problem
from davserver.sync.quirks import PRESETS, preset_for, quirks_of
from tests.sync.peers import WsgiWeb, peer

CALENDAR, BOOK = CollectionKind.CALENDAR, CollectionKind.ADDRESSBOOK
HOME = {CALENDAR: "c:calendar-home-set", BOOK: "cr:addressbook-home-set"}


def answer(href: str, props: str) -> Answer:
    """A multistatus of one response."""
    text = (
        '<d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" '
        'xmlns:cr="urn:ietf:params:xml:ns:carddav">'
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop>{props}</d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
    )
    return Answer(207, {}, text.encode(), "")


def link(name: str, href: str) -> str:
    return f"<{name}><d:href>{href}</d:href></{name}>"


PRINCIPAL = link("d:current-user-principal", "/principals/ann/")
HOMES = link(HOME[CALENDAR], "/calendars/ann/") + link(HOME[BOOK], "/contacts/ann/")


@dataclass
class World:
    """Places on the net: URL → answer, and ``inside`` with Depth 1; ``moved``: redirects; records of DNS.

    ``asked`` lists the URLs.
    """

    places: dict[str, Answer | Exception] = field(default_factory=dict)
    inside: dict[str, Answer] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    records: dict[str, list[Target]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def srv(self, name: str) -> list[Target]:
        return self.records.get(name, [])

    def txt(self, name: str) -> list[str]:
        return self.texts.get(name, [])

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        url = self.moved.get(url, url)
        self.asked.append(url)
        found = self.places.get(url, Answer(404, {}, b"", url))
        if (headers or {}).get("Depth") == "1":
            found = self.inside.get(url, found)
        if isinstance(found, Exception):
            raise found
        return Answer(found.status, found.headers, found.body, url)

    def discover(self, address: str, **asked: Any) -> Discovered:
        """What is found from an address."""
        return discover(
            Asked(address, asked.pop("username", "ann"), **asked),
            lambda url: contextlib.nullcontext(DavClient(self, url, sleep=lambda _: None)),
            self,
        )

    def serve(self, base: str) -> None:
        """A principal and two homes at a host."""
        self.places[f"{base}/"] = answer("/", PRINCIPAL)
        self.places[f"{base}/principals/ann/"] = answer("/principals/ann/", HOMES)


@pytest.fixture
def world() -> World:
    return World()


def homes(host: str) -> dict[CollectionKind, str]:
    return {CALENDAR: f"https://{host}/calendars/ann/", BOOK: f"https://{host}/contacts/ann/"}


def test_srv_and_txt_of_the_domain_lead_to_the_path(world: World) -> None:
    for service in ("caldav", "carddav"):
        world.records[f"_{service}s._tcp.example.org"] = [Target(0, 1, "dav.example.org.", 8443)]
        world.texts[f"_{service}s._tcp.example.org"] = ["path=/context"]
    world.places["https://dav.example.org:8443/context"] = answer("/context", PRINCIPAL)
    world.places["https://dav.example.org:8443/principals/ann/"] = answer("/principals/ann/", HOMES)
    found = world.discover("ann@example.org")
    assert found.homes == homes("dav.example.org:8443")
    assert world.asked[0] == "https://dav.example.org:8443/context"
    assert found.problem is None
    assert found.trace[0].ok


def test_the_plain_service_is_asked_for_after_the_encrypted_one(world: World) -> None:
    world.records["_caldav._tcp.example.org"] = [Target(0, 1, "old.example.org.", 80)]
    world.records["_caldavs._tcp.example.org"] = [Target(0, 1, "new.example.org.", 443)]
    world.discover("ann@example.org")
    hosts = [urlsplit(url).hostname for url in world.asked if "example.org/" in url]
    assert hosts.index("new.example.org") < hosts.index("old.example.org")


def test_the_next_target_is_tried_where_the_first_is_dead(world: World) -> None:
    for service in ("caldav", "carddav"):
        world.records[f"_{service}s._tcp.example.org"] = [
            Target(10, 1, "second.example.org.", 443),
            Target(0, 1, "first.example.org.", 443),
        ]
    for path in ("/", "/.well-known/caldav", "/.well-known/carddav"):
        world.places[f"https://first.example.org{path}"] = Unreachable("first.example.org", "dead")
    world.serve("https://second.example.org")
    found = world.discover("ann@example.org")
    assert found.homes == homes("second.example.org")
    assert any("first.example.org cannot be reached" in one.outcome for one in found.trace)


def test_well_known_is_followed_where_dns_says_nothing(world: World) -> None:
    for service in ("caldav", "carddav"):
        world.moved[f"https://example.org/.well-known/{service}"] = "https://example.org/dav/"
    world.places["https://example.org/dav/"] = answer("/dav/", PRINCIPAL)
    world.places["https://example.org/principals/ann/"] = answer("/principals/ann/", HOMES)
    assert world.discover("ann@example.org").homes == homes("example.org")


def test_hrefs_are_relative_to_where_a_redirect_led(world: World) -> None:
    for service in ("caldav", "carddav"):
        world.moved[f"https://example.org/.well-known/{service}"] = "https://dav.example.org/"
    world.serve("https://dav.example.org")
    assert world.discover("ann@example.org").homes == homes("dav.example.org")


@pytest.mark.parametrize(
    ("path", "props"),
    [
        ("/principals/ann/", HOMES),
        ("/anything/", PRINCIPAL),
        ("/old/", link("d:principal-URL", "/principals/ann/")),
    ],
    ids=["principal", "any place", "principal-URL"],
)
def test_a_given_url_may_be_any_place(world: World, path: str, props: str) -> None:
    world.places["https://example.org/principals/ann/"] = answer("/principals/ann/", HOMES)
    world.places[f"https://example.org{path}"] = answer(path, props)
    found = world.discover(f"https://example.org{path}")
    assert found.homes == homes("example.org")
    assert world.asked[0] == f"https://example.org{path}"


def test_a_given_url_may_be_a_home_that_knows_no_principals(world: World) -> None:
    plain = "<d:resourcetype><d:collection/></d:resourcetype>"
    world.places["https://example.org/home/"] = answer("/home/", plain)
    listed = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
    world.inside["https://example.org/home/"] = answer("/home/work/", listed)
    assert world.discover("https://example.org/home/").homes == {CALENDAR: "https://example.org/home/"}


def test_a_given_url_may_be_one_calendar(world: World) -> None:
    props = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype><d:displayname>Work</d:displayname>"
    world.places["https://example.org/cal/work/"] = answer("/cal/work/", props)
    found = world.discover("https://example.org/cal/work/")
    assert [facts.display_name for facts in found.collections.values()] == ["Work"]
    assert found.homes == {}
    assert found.ok


def test_a_wrong_password_ends_the_search_at_once(world: World) -> None:
    """Each further try could lock the account."""
    world.places["https://example.org/x"] = Answer(401, {}, b"", "")
    found = world.discover("https://example.org/x")
    assert found.problem is Problem.CREDENTIALS
    assert world.asked == ["https://example.org/x"]
    assert "password" in found.remedy


def test_a_certificate_that_is_not_trusted_ends_the_search(world: World) -> None:
    world.places["https://example.org/x"] = CertificateRefused("example.org", "self-signed", "ab" * 32)
    found = world.discover("https://example.org/x")
    assert found.problem is Problem.CERTIFICATE
    assert "fingerprint" in found.remedy


def test_a_host_of_another_domain_gets_the_password_only_after_consent(world: World) -> None:
    """Hosted domains: example.org's records point to a provider."""
    for service in ("caldav", "carddav"):
        world.records[f"_{service}s._tcp.example.org"] = [Target(0, 1, "dav.provider.example.", 443)]
    world.serve("https://dav.provider.example")
    found = world.discover("ann@example.org")
    assert not found.ok
    assert found.asks == "dav.provider.example"
    assert "dav.provider.example" in found.remedy
    assert not [url for url in world.asked if "provider" in url]
    agreed = world.discover("ann@example.org", hosts=("dav.provider.example",))
    assert agreed.homes == homes("dav.provider.example")


def test_a_redirect_to_another_host_asks_for_consent(world: World) -> None:
    world.places["https://example.org/x"] = RedirectRefused(
        "It leads elsewhere.", "https://dav.other.example/x"
    )
    found = world.discover("https://example.org/x")
    assert found.asks == "dav.other.example"


def test_a_domain_may_not_send_the_password_to_one_that_merely_ends_alike(world: World) -> None:
    world.records["_caldavs._tcp.example.org"] = [Target(0, 1, "evilexample.org.", 443)]
    world.discover("ann@example.org")
    assert not [url for url in world.asked if "evil" in url]


def test_where_nothing_is_found_everything_that_was_tried_is_told(world: World) -> None:
    found = world.discover("ann@nowhere.example")
    told = [one.what for one in found.trace]
    assert "DNS SRV _caldavs._tcp.nowhere.example" in told
    assert "DNS SRV _carddav._tcp.nowhere.example" in told
    assert "PROPFIND https://nowhere.example/.well-known/caldav" in told
    assert all(one.outcome for one in found.trace)
    assert found.problem is not None
    assert found.remedy


@pytest.mark.parametrize("address", ["", "not an address", "ftp://example.org/", "https://", "@", "a@b@c/"])
def test_nonsense_is_told_and_not_asked(world: World, address: str) -> None:
    found = world.discover(address)
    assert not found.ok
    assert found.remedy


def test_a_provider_that_is_known_is_asked_where_it_answers(world: World) -> None:
    world.places["https://caldav.icloud.com/"] = answer(
        "/", link("d:current-user-principal", "/1/principal/")
    )
    far = link(HOME[CALENDAR], "https://p01-caldav.icloud.com:443/1/calendars/")
    world.places["https://caldav.icloud.com/1/principal/"] = answer("/1/principal/", far)
    found = world.discover("ann@icloud.com", preset="icloud")
    assert found.homes == {CALENDAR: "https://p01-caldav.icloud.com:443/1/calendars/"}
    assert not [url for url in world.asked if "icloud.com" not in url]


def test_a_nextcloud_below_a_path(world: World) -> None:
    world.places["https://cloud.example.org/nc/remote.php/dav/"] = answer("/nc/remote.php/dav/", PRINCIPAL)
    world.places["https://cloud.example.org/principals/ann/"] = answer("/principals/ann/", HOMES)
    for typed in (
        "cloud.example.org/nc",
        "https://cloud.example.org/nc/remote.php/dav/principals/users/ann/",
    ):
        assert world.discover(typed, preset="nextcloud").homes == homes("cloud.example.org")


@pytest.mark.parametrize("name", ["davserver", "radicale", "xandikos"])
def test_real_servers_are_found_from_their_root(name: str, tmp_path: Path, world: World) -> None:
    with peer(name, tmp_path / name) as there:
        web = WsgiWeb(there.app)
        opened: Callable[[str], Any] = lambda url: contextlib.nullcontext(DavClient(web, url))  # noqa: E731
        found = discover(Asked("http://remote.example/", "ann"), opened, world)
    assert {kind: urlsplit(url).path for kind, url in found.homes.items()} == {
        CALENDAR: there.home,
        BOOK: there.home_card,
    }


# -- RFC 2782


def test_lower_priorities_come_first_and_weights_are_shares() -> None:
    rng = random.Random(1)
    targets = [Target(1, 0, "c.", 1), Target(0, 90, "a.", 1), Target(0, 10, "b.", 1)]
    first = [in_order(targets, rng)[0].host for _ in range(1000)]
    assert 850 < first.count("a.") < 950
    assert set(first) == {"a.", "b."}
    assert all(in_order(targets, rng)[2].host == "c." for _ in range(20))


def test_a_single_dot_means_that_there_is_no_such_service() -> None:
    assert in_order([Target(0, 0, ".", 0)]) == []


# -- the table


def test_every_preset_is_complete() -> None:
    for preset in PRESETS.values():
        assert preset.title
        assert bool(preset.calendars) == bool(preset.contacts)
        assert preset.name == "generic" or preset.steps, "people must be told how to get the password"
        for url in (preset.calendars, preset.contacts):
            assert url == "" or url.startswith(("https://", "{server}"))


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ann@gmail.com", "google"),
        ("ann@icloud.com", "icloud"),
        ("https://caldav.fastmail.com/", "fastmail"),
        ("ann@example.org", "generic"),
        ("posteo.de", "posteo"),
        ("", "generic"),
    ],
)
def test_the_preset_is_guessed_from_what_is_typed(typed: str, name: str) -> None:
    assert preset_for(typed).name == name


def test_peculiarities_follow_the_host() -> None:
    assert quirks_of("https://p12-caldav.icloud.com/1/").rewrites
    assert not quirks_of("https://apidata.googleusercontent.com/").if_none_match
    assert quirks_of("https://caldav.gmx.net/").min_interval == 2
    assert quirks_of("https://notgmx.net.example/") == quirks_of("https://example.org/")
