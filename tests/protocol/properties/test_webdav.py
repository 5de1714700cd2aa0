"""Properties of WebDAV itself: RFC 4918 15, quota, sync-token, reports, add-member."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import pytest

from tests.content.objects import card, event, todo
from tests.davclient import CR, C, Client, D

TYPES = [
    ("root", [D + "collection"]),
    ("principal", [D + "principal"]),
    ("calendar_home", [D + "collection"]),
    ("calendar", [D + "collection", C + "calendar"]),
    ("book_home", [D + "collection"]),
    ("book", [D + "collection", CR + "addressbook"]),
]


@pytest.mark.parametrize(("place", "names"), TYPES)
def test_resourcetype(ann: Client, place: str, names: list[str]) -> None:
    assert sorted(ann.prop(getattr(ann, place), D + "resourcetype").names) == sorted(names)


def test_resourcetype_of_an_item_is_empty(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    found = ann.prop(ann.calendar + "one.ics", D + "resourcetype")
    assert (found.status, found.names) == (200, [])


def test_getcontenttype_starts_with_what_clients_look_for(ann: Client) -> None:
    """vdirsyncer lists by it, Thunderbird wants text/calendar at its start."""
    ann.put(ann.calendar + "event.ics", event())
    ann.put(ann.calendar + "task.ics", todo().replace(b"one@example.com", b"task"))
    ann.put(ann.book + "card.vcf", card())
    kind = ann.prop(ann.calendar + "event.ics", D + "getcontenttype").text
    assert kind == "text/calendar; charset=utf-8; component=vevent"
    assert ann.prop(ann.calendar + "task.ics", D + "getcontenttype").text.endswith("component=vtodo")
    assert ann.prop(ann.book + "card.vcf", D + "getcontenttype").text == "text/vcard; charset=utf-8"


def test_dates_and_lengths(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    ann.put(path, event())
    found = ann.propfind(path, D + "getlastmodified", D + "creationdate", D + "getcontentlength").one
    parsedate_to_datetime(found[D + "getlastmodified"].text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found[D + "creationdate"].text)
    assert found[D + "getcontentlength"].text == str(len(event()))
    assert ann.get(path).header("Last-Modified") == found[D + "getlastmodified"].text


def test_collections_have_dates_but_no_length_and_no_tag(ann: Client) -> None:
    names = (D + "getlastmodified", D + "creationdate", D + "getcontentlength", D + "getetag")
    found = ann.propfind(ann.calendar, *names).one
    assert found.missing == {D + "getcontentlength", D + "getetag"}


def test_displayname_of_principal_and_collections(ann: Client) -> None:
    assert ann.prop(ann.principal, D + "displayname").text == "Ann"
    assert ann.prop(ann.calendar, D + "displayname").text == "Calendar"
    assert ann.prop(ann.book, D + "displayname").text == "Contacts"


def test_supportedlock_is_exclusive_and_shared(ann: Client) -> None:
    element = ann.prop(ann.calendar, D + "supportedlock").element
    scopes = [entry.find(D + "lockscope")[0].tag for entry in element]
    assert scopes == [D + "exclusive", D + "shared"]
    assert ann.prop(ann.calendar, D + "lockdiscovery").status == 200


REPORTS = [
    (
        "calendar",
        {D + "sync-collection", C + "calendar-query", C + "calendar-multiget", C + "free-busy-query"},
    ),
    ("book", {D + "sync-collection", CR + "addressbook-query", CR + "addressbook-multiget"}),
    ("principal", {D + "expand-property", D + "principal-property-search", D + "principal-match"}),
]


@pytest.mark.parametrize(("place", "names"), REPORTS)
def test_supported_report_set_is_what_is_answered(ann: Client, place: str, names: set[str]) -> None:
    element = ann.prop(getattr(ann, place), D + "supported-report-set").element
    found = {one.find(D + "report")[0].tag for one in element}
    assert names <= found
    for name in found:
        space, _, local = name[1:].partition("}")
        answer = ann.request("REPORT", getattr(ann, place), f'<{local} xmlns="{space}"/>'.encode(), depth="0")
        assert answer.error != D + "supported-report", name


def test_a_report_that_is_not_announced_is_refused(ann: Client) -> None:
    for text in ("<c:calendar-query/>", "<d:version-tree/>", "<x:own/>"):
        answer = ann.report(ann.book, text)
        assert (answer.status, answer.error) == (403, D + "supported-report")
    assert ann.request("REPORT", ann.book).status == 400


def test_quota(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.put(ann.book + "one.vcf", card())
    used = str(len(event()) + len(card()))
    for path in (ann.calendar_home, ann.calendar, ann.book_home, ann.book):
        found = ann.propfind(path, D + "quota-used-bytes", D + "quota-available-bytes").one
        assert found[D + "quota-used-bytes"].text == used
        assert found.missing == {D + "quota-available-bytes"}


def test_the_token_is_a_uri(ann: Client) -> None:
    assert re.match(r"[a-z][a-z0-9+.-]*:\S+$", ann.token(ann.calendar))
    assert ann.token(ann.calendar) != ann.token(ann.book)


def test_add_member_is_where_a_post_goes(ann: Client) -> None:
    assert ann.prop(ann.calendar, D + "add-member").hrefs == [ann.calendar]
    assert ann.prop(ann.calendar_home, D + "add-member").status == 404
