"""Properties of address books: RFC 6352, and what iOS and macOS ask for."""

from __future__ import annotations

from tests.content.objects import card
from tests.davclient import CR, CS, C, Client, D, MakeServer


def test_the_one_home(ann: Client) -> None:
    assert ann.prop(ann.principal, CR + "addressbook-home-set").hrefs == [ann.book_home]


def test_vcard_4_is_announced_so_that_davx5_writes_it(ann: Client) -> None:
    element = ann.prop(ann.book, CR + "supported-address-data").element
    assert ("text/vcard", "4.0") in {(one.get("content-type"), one.get("version")) for one in element}


def test_limits_are_those_of_the_settings(make_server: MakeServer) -> None:
    ann = Client(make_server(carddav={"max_resource_size": 50_000, "max_image_size": 3000}), "ann")
    for path in (ann.book, ann.book_home):
        assert ann.prop(path, CR + "max-resource-size").text == "50000"
        assert ann.prop(path, CR + "max-image-size").text == "3000"
    big = card("PHOTO;ENCODING=b;TYPE=JPEG:" + "A" * 5000)
    assert ann.put(ann.book + "a.vcf", big).error == CR + "max-image-size"
    answer = ann.put(ann.book + "a.vcf", card("NOTE:" + "x" * 60_000))
    assert answer.error == CR + "max-resource-size"


def test_collations(ann: Client) -> None:
    element = ann.prop(ann.book, CR + "supported-collation-set").element
    assert {"i;ascii-casemap", "i;unicode-casemap"} <= {one.text for one in element}


def test_ctag_and_token(ann: Client) -> None:
    before = ann.prop(ann.book, CS + "getctag").text
    ann.put(ann.book + "one.vcf", card())
    assert ann.prop(ann.book, CS + "getctag").text != before
    assert ann.prop(ann.book_home, CS + "getctag").status == 200


def test_an_address_book_has_no_properties_of_calendars(ann: Client) -> None:
    names = (C + "calendar-timezone", C + "supported-calendar-component-set", C + "max-instances")
    assert ann.propfind(ann.book, *names).one.missing == set(names)


def test_apple_s_me_card_is_kept_on_the_home(ann: Client) -> None:
    ann.proppatch(ann.book_home, f"<cs:me-card><d:href>{ann.book}me.vcf</d:href></cs:me-card>")
    assert ann.prop(ann.book_home, CS + "me-card").hrefs == [ann.book + "me.vcf"]


IOS_HOME = [
    D + "add-member", CS + "bulk-requests", D + "current-user-privilege-set", D + "displayname",
    CR + "max-image-size", CR + "max-resource-size", CS + "me-card", D + "owner", CS + "push-transports",
    CS + "pushkey", D + "quota-available-bytes", D + "quota-used-bytes", D + "resource-id",
    D + "resourcetype",
    D + "supported-report-set", D + "sync-token",
]  # fmt: skip


def test_what_ios_asks_of_a_home_is_answered_property_by_property(ann: Client) -> None:
    for member in ann.propfind(ann.book_home, *IOS_HOME, depth="1").members.values():
        assert set(member.props) == set(IOS_HOME)
        assert D + "current-user-privilege-set" in member
