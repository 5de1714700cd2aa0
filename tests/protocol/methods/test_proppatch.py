"""PROPPATCH: live, dead and protected properties; all or nothing."""

from __future__ import annotations

import pytest

from tests.content.objects import BERLIN, calendar, card, event
from tests.davclient import CR, CS, IC, C, Client, D, X, xml


def test_set_live_properties_are_read_back(ann: Client) -> None:
    answer = ann.proppatch(
        ann.calendar,
        "<d:displayname>Büro &amp; Heim</d:displayname><c:calendar-description>d</c:calendar-description>"
        "<ic:calendar-color>#FF2968FF</ic:calendar-color><ic:calendar-order>3</ic:calendar-order>",
    )
    assert {name: one.status for name, one in answer.one.props.items()} == {
        D + "displayname": 200,
        C + "calendar-description": 200,
        IC + "calendar-color": 200,
        IC + "calendar-order": 200,
    }
    found = ann.propfind(
        ann.calendar,
        D + "displayname",
        C + "calendar-description",
        IC + "calendar-color",
        IC + "calendar-order",
    ).one
    assert [one.text for one in found.props.values()] == ["Büro & Heim", "d", "#FF2968FF", "3"]


def test_removed_live_properties_are_gone(ann: Client) -> None:
    ann.proppatch(ann.calendar, "<ic:calendar-color>#FF0000</ic:calendar-color>")
    ann.proppatch(ann.calendar, removing="<ic:calendar-color/><d:displayname/><ic:calendar-order/>")
    found = ann.propfind(ann.calendar, IC + "calendar-color", D + "displayname", IC + "calendar-order").one
    assert found.missing == {IC + "calendar-color", D + "displayname", IC + "calendar-order"}


def test_the_description_of_an_address_book(ann: Client) -> None:
    ann.proppatch(ann.book, "<cr:addressbook-description>d</cr:addressbook-description>")
    assert ann.prop(ann.book, CR + "addressbook-description").text == "d"
    ann.proppatch(ann.book, removing="<cr:addressbook-description/>")
    assert ann.prop(ann.book, CR + "addressbook-description").status == 404


ZONE = calendar(BERLIN).decode()


def test_a_time_zone_is_kept_as_it_was_sent_and_names_its_id(ann: Client) -> None:
    text = ZONE.replace("\r\n", "&#13;\n")
    assert ann.proppatch(ann.calendar, f"<c:calendar-timezone>{text}</c:calendar-timezone>").status == 207
    assert ann.prop(ann.calendar, C + "calendar-timezone").text == ZONE
    assert ann.prop(ann.calendar, C + "calendar-timezone-id").text == "Europe/Berlin"


def test_a_time_zone_by_name_has_a_vtimezone(ann: Client) -> None:
    ann.proppatch(ann.calendar, "<c:calendar-timezone-id>America/New_York</c:calendar-timezone-id>")
    text = ann.prop(ann.calendar, C + "calendar-timezone").text
    assert "TZID:America/New_York" in text
    assert text.startswith("BEGIN:VCALENDAR")


@pytest.mark.parametrize("name", ["calendar-timezone", "calendar-timezone-id"])
def test_a_time_zone_can_be_removed(ann: Client, name: str) -> None:
    ann.proppatch(ann.calendar, "<c:calendar-timezone-id>Europe/Berlin</c:calendar-timezone-id>")
    ann.proppatch(ann.calendar, removing=f"<c:{name}/>")
    found = ann.propfind(ann.calendar, C + "calendar-timezone", C + "calendar-timezone-id").one
    assert found.missing == {C + "calendar-timezone", C + "calendar-timezone-id"}


WRONG = [
    ("<c:calendar-timezone>UTC</c:calendar-timezone>", C + "valid-calendar-data"),
    ("<c:calendar-timezone/>", C + "valid-calendar-data"),
    ("<c:calendar-timezone-id>Nowhere/City</c:calendar-timezone-id>", C + "valid-timezone"),
    ("<d:getetag>x</d:getetag>", D + "cannot-modify-protected-property"),
    ("<d:resourcetype><d:collection/></d:resourcetype>", D + "cannot-modify-protected-property"),
    ("<d:current-user-principal/>", D + "cannot-modify-protected-property"),
    ("<d:sync-token>data:,1</d:sync-token>", D + "cannot-modify-protected-property"),
    ("<cs:getctag>1</cs:getctag>", D + "cannot-modify-protected-property"),
    ("<d:owner/>", D + "cannot-modify-protected-property"),
    ("<d:acl/>", D + "cannot-modify-protected-property"),
    ("<d:lockdiscovery/>", D + "cannot-modify-protected-property"),
    ("<d:quota-used-bytes>0</d:quota-used-bytes>", D + "cannot-modify-protected-property"),
    (
        '<c:supported-calendar-component-set><c:comp name="VTODO"/></c:supported-calendar-component-set>',
        D + "cannot-modify-protected-property",
    ),
    ("<c:max-resource-size>1</c:max-resource-size>", D + "cannot-modify-protected-property"),
    ("<c:schedule-calendar-transp><c:rubbish/></c:schedule-calendar-transp>", None),
    ("<ic:calendar-order>first</ic:calendar-order>", None),
    ("<ic:calendar-color>" + "x" * 200 + "</ic:calendar-color>", None),
]


@pytest.mark.parametrize(("setting", "precondition"), WRONG, ids=[text[:35] for text, _ in WRONG])
def test_one_refused_property_makes_all_fail(ann: Client, setting: str, precondition: str | None) -> None:
    answer = ann.proppatch(ann.calendar, f"<d:displayname>new</d:displayname>{setting}<x:dead>v</x:dead>")
    assert answer.status == 207
    props = answer.one.props
    assert props[D + "displayname"].status == 424
    assert props[X + "dead"].status == 424
    (refused,) = [one for one in props.values() if one.status != 424]
    assert 400 <= refused.status < 500
    errors = [str(one[0].tag) for one in answer.xml.iter(D + "error")]
    assert errors == ([precondition] if precondition else [])
    assert ann.prop(ann.calendar, D + "displayname").text == "Calendar"
    assert ann.prop(ann.calendar, X + "dead").status == 404


def test_removing_a_protected_property_is_refused(ann: Client) -> None:
    answer = ann.proppatch(ann.calendar, removing="<d:getlastmodified/>")
    assert answer.one[D + "getlastmodified"].status == 403


PLACES = ["principal", "calendar_home", "calendar", "book_home", "book"]


@pytest.mark.parametrize("place", PLACES)
def test_dead_properties_are_kept_on_collections_homes_and_principals(ann: Client, place: str) -> None:
    path = getattr(ann, place)
    answer = ann.proppatch(
        path, "<x:own a='1'>one<x:two>2</x:two>tail</x:own><cs:me-card><d:href>/x</d:href></cs:me-card>"
    )
    assert [one.status for one in answer.one.props.values()] == [200, 200]
    found = ann.propfind(path, X + "own", CS + "me-card").one
    assert found[X + "own"].element.get("a") == "1"
    assert found[X + "own"].element[0].tail == "tail"
    assert found[CS + "me-card"].hrefs == ["/x"]
    ann.proppatch(path, removing="<x:own/>")
    assert ann.prop(path, X + "own").status == 404


@pytest.mark.parametrize("place", ["calendar", "book"])
def test_dead_properties_are_kept_on_items(ann: Client, place: str) -> None:
    home = getattr(ann, place)
    for name in ("one", "two"):
        if place == "calendar":
            ann.put(f"{home}{name}.ics", event(uid=name))
        else:
            ann.put(f"{home}{name}.vcf", card(uid=name))
    suffix = ".ics" if place == "calendar" else ".vcf"
    ann.proppatch(f"{home}one{suffix}", "<x:own>v</x:own>")
    listed = ann.propfind(home, X + "own", depth="1").members
    assert listed[f"{home}one{suffix}"][X + "own"].text == "v"
    assert listed[f"{home}two{suffix}"][X + "own"].status == 404


def test_dead_properties_do_not_leak_between_the_homes_and_the_principal(ann: Client) -> None:
    ann.proppatch(ann.calendar_home, "<x:own>home</x:own>")
    assert ann.prop(ann.book_home, X + "own").status == 404
    assert ann.prop(ann.principal, X + "own").status == 404


def test_a_dead_property_keeps_namespaces_attributes_and_spaces(ann: Client) -> None:
    setting = '<n:a xmlns:n="urn:n" xmlns:m="urn:m" m:k="&quot;&lt;&#10;"> <m:b/> é 🎂 &amp;\n</n:a>'
    ann.proppatch(ann.calendar, setting)
    (element,) = [
        one.element for one in ann.propfind(ann.calendar).one.props.values() if one.element.tag == "{urn:n}a"
    ]
    assert element.get("{urn:m}k") == '"<\n'
    assert element.text == " "
    assert element[0].tag == "{urn:m}b"
    assert element[0].tail == " é 🎂 &\n"


def test_a_property_without_a_namespace_is_kept(ann: Client) -> None:
    ann.proppatch(ann.calendar, '<own xmlns="">v</own>')
    assert [one.text for name, one in ann.propfind(ann.calendar).one.props.items() if name == "own"] == ["v"]


def test_removing_what_is_not_there_is_no_error(ann: Client) -> None:
    assert ann.proppatch(ann.calendar, removing="<x:own/>").one[X + "own"].status == 200


def test_instructions_are_followed_in_order(ann: Client) -> None:
    text = (
        "<d:propertyupdate><d:set><d:prop><x:a>1</x:a></d:prop></d:set>"
        "<d:remove><d:prop><x:a/></d:prop></d:remove>"
        "<d:set><d:prop><x:a>2</x:a><d:displayname>first</d:displayname></d:prop></d:set>"
        "<d:set><d:prop><d:displayname>second</d:displayname></d:prop></d:set></d:propertyupdate>"
    )
    assert ann.request("PROPPATCH", ann.calendar, xml(text)).status == 207
    assert ann.prop(ann.calendar, X + "a").text == "2"
    assert ann.prop(ann.calendar, D + "displayname").text == "second"


APPLE_FIRST_RUN = (
    "<ic:calendar-order>1</ic:calendar-order>"
    '<ic:calendar-color symbolic-color="custom">#FF2968FF</ic:calendar-color>'
    "<c:schedule-calendar-transp><c:opaque/></c:schedule-calendar-transp>"
    "<d:displayname>Home</d:displayname>"
)


def test_what_apple_sends_on_its_first_run_is_kept(ann: Client) -> None:
    answer = ann.proppatch(ann.calendar, APPLE_FIRST_RUN)
    assert {one.status for one in answer.one.props.values()} == {200}
    alarm = "<c:default-alarm-vevent-datetime>BEGIN:VALARM&#13;\nEND:VALARM</c:default-alarm-vevent-datetime>"
    assert ann.proppatch(ann.calendar_home, alarm).one[C + "default-alarm-vevent-datetime"].status == 200
    assert ann.prop(ann.calendar_home, C + "default-alarm-vevent-datetime").text.startswith(
        "BEGIN:VALARM\r\n"
    )


def test_transparency_is_read_back(ann: Client) -> None:
    name = C + "schedule-calendar-transp"
    assert ann.prop(ann.calendar, name).names == [C + "opaque"]
    ann.proppatch(ann.calendar, "<c:schedule-calendar-transp><c:transparent/></c:schedule-calendar-transp>")
    assert ann.prop(ann.calendar, name).names == [C + "transparent"]
    ann.proppatch(ann.calendar, removing="<c:schedule-calendar-transp/>")
    assert ann.prop(ann.calendar, name).names == [C + "opaque"]


@pytest.mark.parametrize(
    "text",
    [
        "<d:propertyupdate/>",
        "<d:propertyupdate><d:set/></d:propertyupdate>",
        "<d:propfind><d:allprop/></d:propfind>",
    ],
)
def test_a_proppatch_without_properties_is_400(ann: Client, text: str) -> None:
    assert ann.request("PROPPATCH", ann.calendar, xml(text)).status == 400


def test_a_proppatch_without_a_body_is_400(ann: Client) -> None:
    assert ann.request("PROPPATCH", ann.calendar).status == 400


def test_what_is_not_there_is_404(ann: Client) -> None:
    assert ann.proppatch(ann.calendar + "none.ics", "<x:a/>").status == 404
    assert ann.proppatch(ann.calendar_home + "none/", "<x:a/>").status == 404


@pytest.mark.parametrize("path", ["", "principals/", "calendars/"])
def test_the_containers_have_no_dead_properties(ann: Client, path: str) -> None:
    assert ann.proppatch(ann.root + path, "<x:a/>").status in (403, 405)


def test_too_large_a_property_is_refused(ann: Client) -> None:
    answer = ann.proppatch(ann.calendar, f"<x:a>{'v' * 1_100_000}</x:a><x:b>v</x:b>")
    assert answer.one[X + "a"].status == 507
    assert answer.one[X + "b"].status == 424


def test_too_long_a_name_is_refused(ann: Client) -> None:
    answer = ann.proppatch(ann.calendar, f"<x:{'n' * 500}>v</x:{'n' * 500}>")
    assert {one.status for one in answer.one.props.values()} == {507}


def test_return_minimal_is_a_bare_success(ann: Client) -> None:
    answer = ann.proppatch(ann.calendar, "<d:displayname>x</d:displayname>", prefer="return=minimal")
    assert answer.status in (200, 207)
    assert ann.prop(ann.calendar, D + "displayname").text == "x"


def test_properties_do_not_change_the_sync_token(ann: Client) -> None:
    before = ann.token(ann.calendar)
    ann.proppatch(ann.calendar, "<d:displayname>x</d:displayname><x:a/>")
    assert ann.sync(ann.calendar, before).hrefs == []


def test_a_name_that_xml_cannot_carry_is_cleaned(ann: Client) -> None:
    ann.proppatch(ann.calendar, "<d:displayname>a&#9;b&#13;c</d:displayname>")
    assert ann.prop(ann.calendar, D + "displayname").text == "a\tb\rc"
