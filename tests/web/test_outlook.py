"""Outlook with CalDav Synchronizer: what it asks, in its order, with the values of its page and nothing else.

It runs on Windows only, so its requests are made here as its version 4.5 makes them: "Test or discover
settings" looks behind /.well-known first where the address has no path of its own, else at the address; each
collection found is asked for its privileges and its owner; the synchronisation goes by sync-collection or by
entity tags of a window. Like the program, nothing here looks at the status of a property.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from tests.content.objects import card, event
from tests.davclient import CR, CS, IC, Answer, C, Client, D, MakeClient, tag, xml

USER_AGENT = "CalDavSynchronizer/4.5"
XML = "application/xml; charset=utf-8"


@dataclass(frozen=True)
class Service:
    """Calendars or contacts: what is called what. A ``multiget`` asks with ``depth`` for ``asked``."""

    name: str
    option: str
    home: str
    kind: str
    listed: tuple[str, ...]
    multiget: str
    depth: str
    asked: str
    text: str
    extension: str
    make: Callable[[str, str], bytes]


CALENDARS = Service(
    "caldav",
    "calendar-access",
    C + "calendar-home-set",
    C + "calendar",
    (D + "resourcetype", D + "displayname", IC + "calendar-color", C + "supported-calendar-component-set"),
    C + "calendar-multiget",
    "1",
    "<d:getetag/><d:displayname/><c:calendar-data/>",
    "text/calendar; charset=utf-8",
    ".ics",
    lambda name, uid: event("DTSTART:20260102T100000Z", f"SUMMARY:{name}", uid=uid),
)
CONTACTS = Service(
    "carddav",
    "addressbook",
    CR + "addressbook-home-set",
    CR + "addressbook",
    (D + "resourcetype", D + "displayname"),
    CR + "addressbook-multiget",
    "0",
    "<d:getetag/><d:getcontenttype/><cr:address-data/>",
    "text/vcard; charset=utf-8",
    ".vcf",
    lambda name, uid: card(f"FN:{name}", f"N:{name};;;;", uid=uid),
)
both = pytest.mark.parametrize("service", [CALENDARS, CONTACTS], ids=lambda service: service.name)


def hrefs(root: Any, name: str) -> list[str]:
    """The addresses in the first property of this name."""
    found = next(root.iter(name), None)
    return [] if found is None else [one.text for one in found.iter(D + "href")]


@dataclass(frozen=True)
class Found:
    """A collection in the list from which the user chooses."""

    path: str
    name: str
    kinds: frozenset[str]
    is_writable: bool
    owner: str | None


class Synchronizer:
    """The program, on one machine. It speaks of paths: its server never changes."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def ask(self, method: str, path: str, body: bytes = b"", /, **headers: str | None) -> Answer:
        """A request; redirects are followed with the same method and body."""
        kind = {"content_type": XML} if body else {}
        answer = self.client.request(method, path, body, user_agent=USER_AGENT, **{**kind, **headers})
        if answer.status in (301, 302, 303, 307):
            target = urljoin(path, urlsplit(answer.header("Location") or "").path)
            return self.ask(method, target, body, **headers)
        return answer

    def properties(self, path: str, *names: str, depth: str = "0") -> Any:
        """The root element of an answer to PROPFIND, None where there is nothing."""
        answer = self.client.propfind(path, *names, depth=depth, content_type=XML, user_agent=USER_AGENT)
        if answer.status in (301, 302, 303, 307):
            target = urljoin(path, urlsplit(answer.header("Location") or "").path)
            return self.properties(target, *names, depth=depth)
        return answer.xml if answer.status == 207 else None

    # -- "Test or discover settings"

    def discover(self, address: str, service: Service) -> list[Found]:
        """What the user may choose from."""
        path, well_known = urlsplit(address).path, f"/.well-known/{service.name}"
        places = [well_known, path] if path == "/" or not path.endswith("/") else [path, well_known]
        return next(filter(None, (self._behind(place, service) for place in places)), [])

    def _behind(self, place: str, service: Service) -> list[Found]:
        principal = self._principal(place)
        if principal is None:
            return []
        (home,) = hrefs(self.properties(principal, service.home), service.home)
        listed = self.properties(home, *service.listed, depth="1").iter(D + "response")
        return [self._found(one) for one in listed if next(one.iter(service.kind), None) is not None]

    def _principal(self, place: str) -> str | None:
        names = (D + "current-user-principal", D + "principal-URL", D + "resourcetype")
        root = self.properties(place, *names)
        found = [] if root is None else hrefs(root, names[0]) or hrefs(root, names[1])
        return found[0] if found else None

    def _found(self, response: Any) -> Found:
        path = response.findtext(D + "href")
        kinds = frozenset(one.get("name") for one in response.iter(C + "comp"))
        privileges = self.properties(path, D + "current-user-privilege-set")
        is_writable = next(privileges.iter(D + "write"), None) is not None
        name = next(response.iter(D + "displayname")).text
        return Found(path, name, kinds, is_writable, self._owner(path))

    def _owner(self, path: str) -> str | None:
        owner = hrefs(self.properties(path, D + "owner", CS + "organizer"), D + "owner")
        who = owner[0] if owner else self._principal(path)
        assert who is not None
        known = hrefs(self.properties(who, C + "calendar-user-address-set"), C + "calendar-user-address-set")
        return next((one[len("mailto:") :] for one in known if one.startswith("mailto:")), None)

    def passes(self, path: str, service: Service) -> bool:
        """Whether the connection test has nothing to complain about."""
        kind = next(self.properties(path, D + "resourcetype").iter(service.kind), None)
        announced = {one.strip() for one in (self.ask("OPTIONS", path).header("DAV") or "").split(",")}
        reports = {one.tag for one in self.properties(path, D + "supported-report-set").iter()}
        needed = {service.multiget, D + "sync-collection"}
        return kind is not None and service.option in announced and needed <= reports

    # -- synchronising

    def versions(self, path: str, service: Service) -> dict[str, str]:
        """Path → entity tag without sync-collection."""
        if service is CONTACTS:
            root = self.properties(path, D + "getetag", D + "getcontenttype", depth="1")
            return {href: etag for href, etag in self._tags(root).items() if href != path}
        text = (
            "<c:calendar-query><d:prop><d:getetag/></d:prop><c:filter><c:comp-filter name='VCALENDAR'>"
            "<c:comp-filter name='VEVENT'><c:time-range start='20250901T000000Z' end='20270901T000000Z'/>"
            "</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>"
        )
        return self._tags(self.ask("REPORT", path, xml(text), depth="1").xml)

    def changes(self, path: str, token: str) -> tuple[str, dict[str, str], set[str]]:
        """The new token, path → entity tag of what is new or changed, and paths of what is gone."""
        text = (
            f"<d:sync-collection><d:sync-token>{token}</d:sync-token><d:sync-level>1</d:sync-level>"
            "<d:prop><d:getetag/></d:prop></d:sync-collection>"
        )
        answer = self.ask("REPORT", path, xml(text), depth="0")
        gone = {href for href, one in answer.members.items() if one.status == 404}
        return answer.sync_token, self._tags(answer.xml), gone

    def _tags(self, root: Any) -> dict[str, str]:
        found = {
            one.findtext(D + "href"): one.findtext(f".//{D}getetag") for one in root.iter(D + "response")
        }
        return {href: etag for href, etag in found.items() if etag}

    def bodies(self, path: str, service: Service, wanted: set[str]) -> dict[str, str]:
        """Path → text."""
        name, listed = tag(service.multiget), "".join(f"<d:href>{one}</d:href>" for one in sorted(wanted))
        text = f"<{name}><d:prop>{service.asked}</d:prop>{listed}</{name}>"
        answer = self.ask("REPORT", path, xml(text), depth=service.depth)
        return {href: one.data for href, one in answer.members.items()}

    def put(self, path: str, service: Service, body: bytes, **condition: str) -> Answer:
        """Write an item."""
        return self.ask("PUT", path, body, content_type=service.text, **condition)

    def create(self, path: str, service: Service, body: bytes) -> str:
        """A new item; where it is."""
        name = f"{path}{uuid.uuid4()}{service.extension}"
        answer = self.put(name, service, body, if_none_match="*")
        assert answer.status == 201
        assert answer.header("ETag")
        return urlsplit(answer.header("Location") or name).path

    def make(self, home: str, service: Service, name: str) -> str:
        """A collection of this name, as under "Create DAV resource"; its path."""
        path = f"{home}{uuid.uuid4()}/"
        setting = f"<d:resourcetype><d:collection/><{tag(service.kind)}/></d:resourcetype>"
        assert self.client.mkcol(path, setting, content_type=XML, user_agent=USER_AGENT).status == 201
        named = self.client.proppatch(path, f"<d:displayname>{name}</d:displayname>", depth="0")
        assert named.status == 207
        return path


@pytest.fixture(params=["", "/sub"], ids=["at the root", "below a path"])
def values(request: pytest.FixtureRequest, visit: Any, client: MakeClient) -> tuple[str, Client]:
    """The address on the page, and who has user name and app password from there."""
    page = visit("ann", mount=request.param).get(f"{request.param}/account/connect/outlook")
    page = page.submit("Make an app password")
    shown = {one.get("aria-label"): one.get("value") for one in page.find("input[readonly]")}
    who = client(shown["User name"], password=shown["App password"], mount=request.param)
    return shown["Server address"], who


def test_it_lists_calendars_tasks_and_contacts_with_owner_and_rights(values: tuple[str, Client]) -> None:
    address, who = values
    outlook = Synchronizer(who)
    (calendar,) = outlook.discover(address, CALENDARS)
    assert (calendar.path, calendar.name, calendar.owner) == (who.calendar, "Calendar", "ann@example.org")
    assert calendar.kinds >= {"VEVENT", "VTODO"}
    (book,) = outlook.discover(address, CONTACTS)
    assert (book.path, book.name) == (who.book, "Contacts")
    for found, service in ((calendar, CALENDARS), (book, CONTACTS)):
        assert found.is_writable
        assert outlook.passes(found.path, service)


@both
def test_it_writes_changes_downloads_and_deletes(values: tuple[str, Client], service: Service) -> None:
    address, who = values
    outlook, make = Synchronizer(who), service.make
    (found,) = outlook.discover(address, service)
    path = found.path
    assert outlook.versions(path, service) == {}
    token, *nothing = outlook.changes(path, "")
    assert nothing == [{}, set()]

    item = outlook.create(path, service, make("Grüße", "one"))
    elsewhere = path + "other%20name" + service.extension
    who.put(elsewhere, make("from elsewhere", "two"))
    versions = outlook.versions(path, service)
    assert set(versions) == {item, elsewhere}
    token, changed, gone = outlook.changes(path, token)
    assert (changed, gone) == (versions, set())
    bodies = outlook.bodies(path, service, set(versions))
    assert "Grüße" in bodies[item]
    assert "from elsewhere" in bodies[elsewhere]

    new = outlook.put(item, service, make("Änderung", "one"), if_match=versions[item]).etag
    assert outlook.put(item, service, make("late", "one"), if_match=versions[item]).status == 412
    assert outlook.changes(path, token)[1:] == ({item: new}, set())
    assert outlook.ask("DELETE", item, if_match=versions[item]).status == 412
    assert outlook.ask("DELETE", item, if_match=new).status == 204
    assert outlook.changes(path, token)[1:] == ({}, {item})


@both
def test_it_makes_a_collection_that_it_then_finds(values: tuple[str, Client], service: Service) -> None:
    address, who = values
    outlook = Synchronizer(who)
    (first,) = outlook.discover(address, service)
    path = outlook.make(first.path.removesuffix("default/"), service, "From Outlook")
    assert {one.path: one.name for one in outlook.discover(address, service)}[path] == "From Outlook"
    assert outlook.passes(path, service)


def test_a_token_that_is_unknown_is_refused_in_the_words_it_knows(values: tuple[str, Client]) -> None:
    who = values[1]
    answer = who.sync(who.calendar, "x", user_agent=USER_AGENT)
    assert (answer.status, answer.error) == (403, D + "valid-sync-token")
