"""MKCALENDAR and MKCOL: the variants that iOS, DAVx5 and vdirsyncer send, and what is refused."""

from __future__ import annotations

import pytest

from tests.content.objects import event, todo
from tests.davclient import CR, IC, C, Client, D, X, xml

IOS = (
    "<c:mkcalendar><d:set><d:prop>"
    '<c:supported-calendar-component-set><c:comp name="VTODO"/></c:supported-calendar-component-set>'
    "<c:calendar-free-busy-set><d:no/></c:calendar-free-busy-set><d:displayname>Shopping</d:displayname>"
    '<ic:calendar-color symbolic-color="orange">#FF9500FF</ic:calendar-color>'
    "<ic:calendar-order>4</ic:calendar-order></d:prop></d:set></c:mkcalendar>"
)
DAVX5 = (
    "<c:mkcalendar><d:set><d:prop><d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
    "<d:displayname>Work</d:displayname><c:calendar-description>d</c:calendar-description>"
    "<ic:calendar-color>#008000ff</ic:calendar-color>"
    "<c:calendar-timezone-id>Europe/Vienna</c:calendar-timezone-id>"
    '<c:supported-calendar-component-set><c:comp name="VEVENT"/><c:comp name="VTODO"/>'
    "</c:supported-calendar-component-set></d:prop></d:set></c:mkcalendar>"
)
CALENDAR = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
BOOK = "<d:resourcetype><d:collection/><cr:addressbook/></d:resourcetype>"


def components(client: Client, path: str) -> list[str]:
    """The names of supported-calendar-component-set."""
    return client.prop(path, C + "supported-calendar-component-set").attributes("name")


def test_ios_makes_a_list_of_reminders_without_a_final_slash(ann: Client) -> None:
    path = ann.calendar_home + "A7E3C2B1-0000-4000-8000-000000000001"
    assert ann.request("MKCALENDAR", path, xml(IOS)).status == 201
    found = ann.propfind(path + "/", D + "displayname", IC + "calendar-color", IC + "calendar-order").one
    assert [one.text for one in found.props.values()] == ["Shopping", "#FF9500FF", "4"]
    assert components(ann, path + "/") == ["VTODO"]
    assert ann.put(path + "/one.ics", todo()).status == 201
    assert ann.put(path + "/two.ics", event()).status == 403


def test_davx5_makes_a_calendar_with_a_resourcetype_inside(ann: Client) -> None:
    path = ann.calendar_home + "a7e3c2b1-0000-4000-8000-000000000002/"
    assert ann.request("MKCALENDAR", path, xml(DAVX5)).status == 201
    assert ann.prop(path, D + "resourcetype").names == [D + "collection", C + "calendar"]
    assert ann.prop(path, C + "calendar-timezone-id").text == "Europe/Vienna"
    assert components(ann, path) == ["VEVENT", "VTODO"]


def test_vdirsyncer_makes_a_calendar_by_mkcol(ann: Client) -> None:
    assert ann.mkcol(ann.calendar_home + "new/", CALENDAR + "<d:displayname>x</d:displayname>").status == 201
    assert ann.prop(ann.calendar_home + "new/", D + "displayname").text == "x"


def test_davx5_and_vdirsyncer_make_an_address_book_by_mkcol(ann: Client) -> None:
    setting = BOOK + "<cr:addressbook-description>d</cr:addressbook-description>"
    assert ann.mkcol(ann.book_home + "new/", setting).status == 201
    assert ann.prop(ann.book_home + "new/", D + "resourcetype").names == [
        D + "collection",
        CR + "addressbook",
    ]
    assert ann.prop(ann.book_home + "new/", CR + "addressbook-description").text == "d"


def test_mkcalendar_without_a_body_makes_one_for_all_components(ann: Client) -> None:
    assert ann.mkcalendar(ann.calendar_home + "new/").status == 201
    assert components(ann, ann.calendar_home + "new/") == ["VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"]


def test_a_new_collection_is_the_user_s_and_empty_with_a_token(ann: Client) -> None:
    ann.mkcalendar(ann.calendar_home + "new/")
    found = ann.propfind(ann.calendar_home + "new/", D + "owner", D + "sync-token", D + "displayname").one
    assert found[D + "owner"].hrefs == [ann.principal]
    assert found[D + "sync-token"].text
    assert ann.propfind(ann.calendar_home + "new/", D + "getetag", depth="1").names == {"new"}


def test_mkcol_without_a_body_makes_what_the_home_holds(ann: Client) -> None:
    answer = ann.mkcol(ann.calendar_home + "new/")
    assert answer.status in (201, 403)
    assert ann.mkcol(ann.book_home + "new/").status == answer.status


def test_dead_properties_are_kept_from_the_start(ann: Client) -> None:
    ann.mkcalendar(ann.calendar_home + "new/", "<x:own>v</x:own>")
    assert ann.prop(ann.calendar_home + "new/", X + "own").text == "v"


@pytest.mark.parametrize("method", ["MKCOL", "MKCALENDAR"])
def test_one_refused_property_makes_nothing(ann: Client, method: str) -> None:
    path = ann.calendar_home + "new/"
    wrong = "<d:displayname>x</d:displayname><c:calendar-timezone>UTC</c:calendar-timezone>"
    answer = ann.mkcalendar(path, wrong) if method == "MKCALENDAR" else ann.mkcol(path, CALENDAR + wrong)
    assert answer.status in (207, 403, 424)
    response = C + "mkcalendar-response" if method == "MKCALENDAR" else D + "mkcol-response"
    assert answer.xml.tag == response
    statuses = {
        str(one.tag): stat.findtext(D + "status").split()[1]
        for stat in answer.xml.findall(D + "propstat")
        for one in stat.find(D + "prop")
    }
    assert statuses[C + "calendar-timezone"] == "403"
    assert statuses[D + "displayname"] == "424"
    assert ann.propfind(path, D + "displayname").status == 404


@pytest.mark.parametrize("place", ["calendar_home", "book_home"])
def test_what_is_there_is_not_made_again(ann: Client, place: str) -> None:
    path = getattr(ann, place) + "default/"
    setting = CALENDAR if place == "calendar_home" else BOOK
    assert ann.mkcol(path, setting).status == 405
    assert ann.prop(path, D + "displayname").text in ("Calendar", "Contacts")


def test_mkcalendar_on_what_is_there_is_refused(ann: Client) -> None:
    answer = ann.mkcalendar(ann.calendar)
    assert (answer.status, answer.error) == (403, D + "resource-must-be-null")


WRONG_TYPES = [
    ("calendar_home", BOOK),
    ("book_home", CALENDAR),
    ("calendar_home", "<d:resourcetype><d:collection/></d:resourcetype>"),
    ("calendar_home", "<d:resourcetype><d:collection/><x:other/></d:resourcetype>"),
]


@pytest.mark.parametrize(("place", "setting"), WRONG_TYPES)
def test_a_home_holds_its_kind_only(ann: Client, place: str, setting: str) -> None:
    answer = ann.mkcol(getattr(ann, place) + "new/", setting)
    assert (answer.status, answer.error) == (403, D + "valid-resourcetype")


def test_subscribed_calendars_are_refused_not_a_mistake(ann: Client) -> None:
    """Baïkal answers 500 to it."""
    setting = "<d:resourcetype><d:collection/><cs:subscribed/></d:resourcetype><cs:source><d:href>https://x/</d:href></cs:source>"
    assert ann.mkcol(ann.calendar_home + "new/", setting).status == 403


@pytest.mark.parametrize("name", ["VALARM", "VTIMEZONE", "", "X-OTHER"])
def test_a_calendar_of_unknown_components_is_refused(ann: Client, name: str) -> None:
    setting = (
        f'<c:supported-calendar-component-set><c:comp name="{name}"/></c:supported-calendar-component-set>'
    )
    answer = ann.mkcalendar(ann.calendar_home + "new/", setting)
    assert answer.status == 403
    assert b"supported-calendar-component" in answer.body
    assert ann.propfind(ann.calendar_home + "new/", D + "displayname").status == 404


def test_collections_lie_in_homes_only(ann: Client) -> None:
    answer = ann.mkcalendar(ann.calendar + "inner/")
    assert (answer.status, answer.error) == (403, C + "calendar-collection-location-ok")
    assert ann.mkcol(ann.book + "inner/", BOOK).error == CR + "addressbook-collection-location-ok"


@pytest.mark.parametrize("path", ["calendars/", "principals/", "calendars/ann/", "principals/ann/"])
def test_nothing_is_made_where_something_fixed_is(ann: Client, path: str) -> None:
    assert ann.mkcol(ann.root + path, CALENDAR).status == 405
    assert ann.mkcalendar(ann.root + path).status in (403, 405)


def test_nothing_is_made_outside_the_tree(ann: Client) -> None:
    for path in ("other/", "principals/new/", "calendars/ann/a/b/c/"):
        assert ann.mkcol(ann.root + path, CALENDAR).status in (403, 404, 405, 409)


@pytest.mark.parametrize("name", ["calendars/none/new/", "calendars/bob/new/", "addressbooks/bob/new/"])
def test_nothing_is_made_in_the_home_of_somebody_else(ann: Client, name: str) -> None:
    setting = BOOK if name.startswith("addr") else CALENDAR
    assert ann.mkcol(ann.root + name, setting).status == 403
    assert ann.mkcalendar(ann.root + name).status in (403, 405)


BODIES = [
    ("MKCOL", "<d:propertyupdate/>", 415),
    ("MKCALENDAR", "<d:mkcol/>", 400),
    ("MKCALENDAR", "<c:mkcalendar/>", 400),
]


@pytest.mark.parametrize(("method", "text", "status"), BODIES)
def test_another_body_is_refused(ann: Client, method: str, text: str, status: int) -> None:
    assert ann.request(method, ann.calendar_home + "new/", xml(text)).status == status
    assert ann.propfind(ann.calendar_home + "new/", D + "displayname").status == 404


def test_a_body_that_is_no_xml_is_refused(ann: Client) -> None:
    answer = ann.request("MKCOL", ann.calendar_home + "new/", b"rubbish", content_type="text/plain")
    assert answer.status in (400, 415)


def test_a_removed_name_is_free_again_and_its_token_is_another(ann: Client) -> None:
    path = ann.calendar_home + "new/"
    ann.mkcalendar(path)
    token = ann.token(path)
    ann.delete(path)
    ann.mkcalendar(path)
    assert ann.token(path) != token
