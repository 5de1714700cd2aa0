"""calendar-multiget and addressbook-multiget: named items in one answer, 404 for what is gone."""

from __future__ import annotations

import json

import pytest

from tests.content.objects import card, event
from tests.davclient import CR, Answer, C, Client, D, MakeClient, MakeServer, X


def multiget(client: Client, path: str, *hrefs: str, data: str = "", depth: str | None = "1") -> Answer:
    """A multiget on a calendar or an address book; ``data`` replaces the plain data element."""
    space, name, kind = ("c", "calendar", "calendar-data")
    if "/addressbooks/" in path:
        space, name, kind = ("cr", "addressbook", "address-data")
    listed = "".join(f"<d:href>{one}</d:href>" for one in hrefs)
    wanted = f"<d:prop><d:getetag/>{data or f'<{space}:{kind}/>'}</d:prop>"
    return client.report(
        path, f"<{space}:{name}-multiget>{wanted}{listed}</{space}:{name}-multiget>", depth=depth
    )


@pytest.mark.parametrize("depth", ["0", "1", None])
def test_the_named_items_come_with_data_and_tag(ann: Client, depth: str | None) -> None:
    """Apple's clients send no Depth."""
    for number in range(3):
        ann.put(f"{ann.calendar}{number}.ics", event(uid=str(number)))
    answer = multiget(ann, ann.calendar, ann.calendar + "0.ics", ann.calendar + "2.ics", depth=depth)
    assert answer.names == {"0.ics", "2.ics"}
    member = answer.members[ann.calendar + "2.ics"]
    assert member.data == event(uid="2").decode()
    assert member[D + "getetag"].text == ann.get(ann.calendar + "2.ics").etag


def test_what_is_gone_is_404_beside_the_rest(ann: Client) -> None:
    ann.put(ann.calendar + "0.ics", event())
    hrefs = [ann.calendar + "0.ics", ann.calendar + "gone.ics"]
    members = multiget(ann, ann.calendar, *hrefs).members
    assert members[hrefs[0]].status is None
    assert members[hrefs[1]].status == 404


STRANGE = [
    "a%20b.ics",
    "%C3%BCml%C3%A4ut.ics",
    "a+b&amp;c;d=e.ics",
    "100%25.ics",
    "%23hash%3Fquery.ics",
    "%F0%9F%8E%82.ics",
]


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names_are_found_as_they_were_sent(ann: Client, name: str) -> None:
    path = ann.calendar + name.replace("&amp;", "&")
    assert ann.put(path, event()).status == 201
    (listed,) = ann.sync(ann.calendar).hrefs
    assert listed == path
    answer = multiget(ann, ann.calendar, ann.calendar + name)
    assert answer.hrefs == [listed]
    assert answer.one.data == event().decode()


def test_other_spellings_of_an_href_are_found(ann: Client) -> None:
    ann.put(ann.calendar + "a;b@c.ics", event())
    for spelling in ("a;b@c.ics", "a%3Bb%40c.ics", "%61;b@c.ics"):
        assert multiget(ann, ann.calendar, ann.calendar + spelling).one.data == event().decode()
    for start in ("http://dav.example.org/dav", "/dav.php", "/cal.php"):
        answer = multiget(ann, ann.calendar, f"{start}/calendars/ann/default/a;b@c.ics")
        assert answer.one.status is None


FOREIGN = [
    "http://other.example.org/dav/calendars/ann/default/0.ics",
    "/elsewhere/0.ics",
    "/dav/calendars/ann/default/",
    "/dav/calendars/ann/default/../default/0.ics",
    "/dav/calendars/ann/default/%2F.ics",
    "/dav/calendars/ann/default/%FF.ics",
    "/dav/calendars/ann/none/0.ics",
    "/dav/calendars/bob/default/0.ics",
    "/dav/addressbooks/ann/default/one.vcf",
    "mailto:ann@example.org",
    "http://[broken/0.ics",
    "0.ics",
    "",
]


@pytest.mark.parametrize("href", FOREIGN)
def test_hrefs_that_name_nothing_here_are_404(ann: Client, href: str) -> None:
    ann.put(ann.calendar + "0.ics", event())
    members = multiget(ann, ann.calendar, href, ann.calendar + "0.ics").members
    assert members[ann.calendar + "0.ics"].status is None
    (other,) = [one for one in members if one != ann.calendar + "0.ics"]
    assert members[other].status == 404


def test_a_multiget_on_the_home_reaches_all_its_calendars(ann: Client) -> None:
    ann.mkcalendar(ann.calendar_home + "other/")
    hrefs = [ann.calendar + "0.ics", ann.calendar_home + "other/0.ics"]
    for href in hrefs:
        ann.put(href, event())
    answer = multiget(ann, ann.calendar_home, *hrefs)
    assert [one.data for one in answer.members.values()] == [event().decode()] * 2


def test_bob_reaches_a_shared_calendar_from_his_own(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.put(ann.calendar + "0.ics", event())
    assert multiget(bob, bob.calendar, ann.calendar + "0.ics").one.status == 404
    ann.grant(ann.calendar, "bob", D + "read")
    assert multiget(bob, bob.calendar, ann.calendar + "0.ics").one.data == event().decode()


def test_many_items_in_one_answer(ann: Client) -> None:
    for number in range(30):
        ann.put(f"{ann.book}{number}.vcf", card(uid=str(number)))
    hrefs = [f"{ann.book}{number}.vcf" for number in range(600)]
    members = multiget(ann, ann.book, *hrefs).members
    assert len([one for one in members.values() if one.status is None]) == 30
    assert len(members) == 600


def test_more_hrefs_than_allowed_are_507(make_server: MakeServer) -> None:
    ann = Client(make_server(limits={"multiget_hrefs": 100}), "ann")
    answer = multiget(ann, ann.calendar, *(f"{ann.calendar}{number}.ics" for number in range(101)))
    assert (answer.status, answer.error) == (507, D + "number-of-matches-within-limits")


def test_without_hrefs_the_answer_is_empty(ann: Client) -> None:
    answer = multiget(ann, ann.calendar)
    assert answer.status in (207, 400)


def test_carriage_returns_survive_xml(ann: Client) -> None:
    ann.put(ann.calendar + "0.ics", event())
    answer = multiget(ann, ann.calendar, ann.calendar + "0.ics")
    assert "\r\n" in answer.one.data
    assert b"&#13;" in answer.body


def test_missing_properties_are_named(ann: Client) -> None:
    ann.put(ann.calendar + "0.ics", event())
    answer = multiget(ann, ann.calendar, ann.calendar + "0.ics", data="<x:none/><d:displayname/>")
    assert answer.one.missing == {X + "none", D + "displayname"}


# -- forms


def test_jcal(ann: Client) -> None:
    ann.put(ann.calendar + "0.ics", event())
    data = '<c:calendar-data content-type="application/calendar+json"/>'
    member = multiget(ann, ann.calendar, ann.calendar + "0.ics", data=data).one
    assert json.loads(member.data)[0] == "vcalendar"
    assert member[C + "calendar-data"].element.get("content-type") == "application/calendar+json"


@pytest.mark.parametrize(
    "attributes", ['content-type="text/html"', 'version="3.0"', 'content-type="text/vcard"']
)
def test_other_calendar_data_is_refused(ann: Client, attributes: str) -> None:
    ann.put(ann.calendar + "0.ics", event())
    answer = multiget(ann, ann.calendar, ann.calendar + "0.ics", data=f"<c:calendar-data {attributes}/>")
    assert (answer.status, answer.error) == (403, C + "supported-calendar-data")


PHOTO = "/9j/4AAQSkZJRg=="
CARD_4 = card(f"PHOTO:data:image/jpeg;base64,{PHOTO}", 'TEL;VALUE=uri;TYPE="cell":tel:+12', version="4.0")
CARD_3 = card(f"PHOTO;ENCODING=b;TYPE=JPEG:{PHOTO}", "TEL;TYPE=CELL:+12", version="3.0", uid="three")


@pytest.fixture
def book(ann: Client) -> str:
    """ann's address book with a card of each version."""
    ann.put(ann.book + "4.vcf", CARD_4)
    ann.put(ann.book + "3.vcf", CARD_3)
    return ann.book


def test_without_a_version_cards_come_as_3_0(ann: Client, book: str) -> None:
    """RFC 6352's default; macOS marks a whole book as failed for one 4.0."""
    members = multiget(ann, book, book + "4.vcf", book + "3.vcf").members
    assert members[book + "3.vcf"].data == CARD_3.decode()
    old = members[book + "4.vcf"].data
    assert "VERSION:3.0" in old
    assert PHOTO in old.replace("\r\n ", "")
    assert "data:" not in old


def test_with_version_4_0_cards_come_as_4_0(ann: Client, book: str) -> None:
    data = '<cr:address-data content-type="text/vcard" version="4.0"/>'
    members = multiget(ann, book, book + "4.vcf", book + "3.vcf", data=data).members
    assert members[book + "4.vcf"].data == CARD_4.decode()
    new = members[book + "3.vcf"].data.replace("\r\n ", "")
    assert "VERSION:4.0" in new
    assert f"data:image/jpeg;base64,{PHOTO}" in new


def test_the_tag_is_that_of_the_stored_card_in_every_version(ann: Client, book: str) -> None:
    assert multiget(ann, book, book + "4.vcf").one[D + "getetag"].text == ann.get(book + "4.vcf").etag


def test_jcard(ann: Client, book: str) -> None:
    data = '<cr:address-data content-type="application/vcard+json" version="4.0"/>'
    member = multiget(ann, book, book + "4.vcf", data=data).one
    assert json.loads(member.data)[0] == "vcard"


@pytest.mark.parametrize("attributes", ['version="2.1"', 'content-type="text/html"'])
def test_other_address_data_is_refused(ann: Client, book: str, attributes: str) -> None:
    answer = multiget(ann, book, book + "4.vcf", data=f"<cr:address-data {attributes}/>")
    assert (answer.status, answer.error) == (403, CR + "supported-address-data")


def test_selected_properties_of_cards_spare_the_photo(ann: Client, book: str) -> None:
    data = '<cr:address-data><cr:prop name="FN"/><cr:prop name="UID"/></cr:address-data>'
    text = multiget(ann, book, book + "3.vcf", data=data).one.data
    assert "FN:Ann Lee" in text
    assert "PHOTO" not in text
    assert "TEL" not in text
    assert "BEGIN:VCARD" in text


def test_groups_of_both_styles_are_had_in_both(ann: Client) -> None:
    apple = card(
        "X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann-1", "FN:Family", uid="g3"
    )
    modern = card("KIND:group", "MEMBER:urn:uuid:ann-1", "FN:Friends", uid="g4", version="4.0")
    ann.put(ann.book + "g3.vcf", apple)
    ann.put(ann.book + "g4.vcf", modern)
    hrefs = ann.book + "g3.vcf", ann.book + "g4.vcf"
    old = multiget(ann, ann.book, *hrefs).members
    new = multiget(ann, ann.book, *hrefs, data='<cr:address-data version="4.0"/>').members
    assert old[hrefs[0]].data == apple.decode()
    assert "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:ann-1" in old[hrefs[1]].data
    assert "MEMBER:urn:uuid:ann-1" in new[hrefs[0]].data
    assert new[hrefs[1]].data == modern.decode()
