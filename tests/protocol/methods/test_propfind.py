"""PROPFIND: prop, propname, allprop with include, depths, Prefer and Brief, what members are listed."""

from __future__ import annotations

import pytest

from tests.content.objects import card, event
from tests.davclient import CR, CS, C, Client, D, MakeServer, X, xml


def test_asked_properties_come_in_one_propstat_each_for_found_and_missing(ann: Client) -> None:
    (member,) = ann.propfind(ann.calendar, D + "displayname", D + "nothing", X + "own").members.values()
    assert member[D + "displayname"].text == "Calendar"
    assert member.missing == {D + "nothing", X + "own"}
    assert [one.text for one in member.element.iter(D + "status")] == [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 404 Not Found",
    ]


def test_the_found_ones_come_first_in_thunderbird_s_spelling(ann: Client) -> None:
    """Thunderbird looks at the first status of a response and takes no other spelling."""
    answer = ann.propfind(ann.book, D + "nothing", D + "resourcetype", D + "getetag")
    assert b"<d:status>HTTP/1.1 200 OK</d:status>" in answer.body
    assert answer.body.index(b"200 OK") < answer.body.index(b"404 Not Found")


def test_where_nothing_is_found_there_is_a_404_propstat_only(ann: Client) -> None:
    statuses = [one.text for one in ann.propfind(ann.calendar, X + "a").xml.iter(D + "status")]
    assert statuses == ["HTTP/1.1 404 Not Found"]


def test_the_answer_is_xml_in_utf_8(ann: Client) -> None:
    answer = ann.propfind(ann.calendar, D + "displayname")
    assert answer.header("Content-Type") == "application/xml; charset=utf-8"
    assert answer.body.startswith(b'<?xml version="1.0" encoding="utf-8"?>')


def test_depth_1_lists_the_members(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.put(ann.calendar + "two.ics", event(uid="two"))
    answer = ann.propfind(ann.calendar, D + "getetag", depth="1")
    assert answer.hrefs == [ann.calendar, ann.calendar + "one.ics", ann.calendar + "two.ics"]


def test_depth_0_is_the_resource_alone(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    assert ann.propfind(ann.calendar, D + "getetag", depth="0").hrefs == [ann.calendar]


def test_depth_1_on_an_item_is_the_item_alone(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    path = ann.calendar + "one.ics"
    assert ann.propfind(path, D + "getetag", depth="1").hrefs == [path]
    assert ann.propfind(path, D + "getetag", depth="infinity").hrefs == [path]


@pytest.mark.parametrize("depth", ["infinity", "Infinity", None])
@pytest.mark.parametrize("place", ["root", "calendar_home", "calendar", "book", "principal"])
def test_infinite_depth_is_refused_with_its_precondition(ann: Client, place: str, depth: str | None) -> None:
    body = xml("<d:propfind><d:prop><d:displayname/></d:prop></d:propfind>")
    answer = ann.request("PROPFIND", getattr(ann, place), body, depth=depth)
    assert (answer.status, answer.error) == (403, D + "propfind-finite-depth")


@pytest.mark.parametrize("depth", ["2", "-1", "", "one", "1,noroot"])
def test_another_depth_is_400(ann: Client, depth: str) -> None:
    assert ann.propfind(ann.calendar, D + "displayname", depth=depth).status == 400


def test_allprop_is_what_an_empty_body_asks_for(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    asked = ann.request("PROPFIND", ann.calendar, xml("<d:propfind><d:allprop/></d:propfind>"), depth="1")
    empty = ann.request("PROPFIND", ann.calendar, depth="1")
    for answer in (asked, empty):
        item = answer.members[ann.calendar + "one.ics"]
        assert {D + "getetag", D + "resourcetype", D + "getcontenttype", D + "getlastmodified"} <= set(
            item.props
        )
        assert not item.missing
        assert D + "displayname" in answer.members[ann.calendar]


def test_allprop_holds_dead_properties_and_not_the_costly_live_ones(ann: Client) -> None:
    ann.proppatch(ann.calendar, "<x:own>v</x:own>")
    member = ann.request("PROPFIND", ann.calendar, depth="0").one
    assert member[X + "own"].text == "v"
    assert D + "acl" not in member.props
    assert C + "calendar-timezone" not in member.props
    assert D + "supported-report-set" not in member.props


def test_include_adds_to_allprop(ann: Client) -> None:
    body = xml(
        "<d:propfind><d:allprop/><d:include><d:supported-report-set/><d:owner/><x:no/></d:include></d:propfind>"
    )
    member = ann.request("PROPFIND", ann.calendar, body, depth="0").one
    assert {D + "displayname", D + "supported-report-set", D + "owner"} <= set(member.props)
    assert member.missing == {X + "no"}


def test_propname_lists_names_without_values(ann: Client) -> None:
    ann.proppatch(ann.calendar, "<x:own>v</x:own>")
    ann.put(ann.calendar + "one.ics", event())
    answer = ann.request("PROPFIND", ann.calendar, xml("<d:propfind><d:propname/></d:propfind>"), depth="1")
    for member in answer.members.values():
        assert all(
            one.status == 200 and not one.text and not len(one.element) for one in member.props.values()
        )
    assert {C + "calendar-timezone", D + "displayname", CS + "getctag"} <= set(
        answer.members[ann.calendar].props
    )
    assert D + "getetag" in answer.members[ann.calendar + "one.ics"].props


def test_propname_names_the_dead_properties_too(ann: Client) -> None:
    ann.proppatch(ann.calendar, "<x:own>v</x:own>")
    body = xml("<d:propfind><d:propname/></d:propfind>")
    assert X + "own" in ann.request("PROPFIND", ann.calendar, body, depth="0").one.props


BROKEN = [
    "<d:propfind/>",
    "<d:propfind><d:prop/><d:allprop/></d:propfind>",
    "<d:propfind><d:allprop/><d:propname/></d:propfind>",
    "<d:propfind><d:include><d:owner/></d:include></d:propfind>",
    "<d:other><d:allprop/></d:other>",
    "<propfind><allprop/></propfind>",
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_propfind_that_says_nothing_or_two_things_is_400(ann: Client, text: str) -> None:
    assert ann.request("PROPFIND", ann.calendar, xml(text), depth="0").status == 400


def test_unknown_elements_are_ignored(ann: Client) -> None:
    body = xml("<d:propfind><x:more/><d:prop><d:displayname/></d:prop></d:propfind>")
    assert ann.request("PROPFIND", ann.calendar, body, depth="0").one[D + "displayname"].text == "Calendar"


def test_an_empty_prop_is_answered_with_an_empty_propstat(ann: Client) -> None:
    answer = ann.request("PROPFIND", ann.calendar, xml("<d:propfind><d:prop/></d:propfind>"), depth="0")
    assert answer.one.props == {}


@pytest.mark.parametrize(
    "headers", [{"prefer": "return=minimal"}, {"brief": "t"}, {"prefer": "x, return=minimal"}]
)
def test_minimal_answers_leave_out_what_is_missing(ann: Client, headers: dict[str, str]) -> None:
    answer = ann.propfind(ann.calendar, D + "displayname", D + "nothing", **headers)
    assert set(answer.one.props) == {D + "displayname"}
    assert "Prefer" in (answer.header("Vary") or "")
    if "prefer" in headers:
        assert answer.header("Preference-Applied") == "return=minimal"


def test_a_minimal_answer_without_any_hit_is_still_a_valid_response(ann: Client) -> None:
    member = ann.propfind(ann.calendar, D + "nothing", brief="t").one
    assert member.props == {}
    assert member.element.find(D + "propstat") is not None


def test_depth_noroot_leaves_the_collection_out(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    answer = ann.propfind(ann.calendar, D + "getetag", depth="1", prefer="depth-noroot, return=minimal")
    assert answer.hrefs == [ann.calendar + "one.ics"]
    assert answer.header("Preference-Applied") == "return=minimal, depth-noroot"


def test_a_home_lists_its_collections(ann: Client) -> None:
    ann.mkcalendar(ann.calendar_home + "work/")
    answer = ann.propfind(ann.calendar_home, D + "resourcetype", depth="1")
    assert answer.hrefs == [ann.calendar_home, ann.calendar, ann.calendar_home + "work/"]
    assert C + "calendar" not in answer.members[ann.calendar_home][D + "resourcetype"].names
    assert C + "calendar" in answer.members[ann.calendar][D + "resourcetype"].names


def test_a_home_of_address_books_lists_them(ann: Client) -> None:
    answer = ann.propfind(ann.book_home, D + "resourcetype", depth="1")
    assert answer.hrefs == [ann.book_home, ann.book]
    assert answer.members[ann.book][D + "resourcetype"].names == [D + "collection", CR + "addressbook"]


def test_the_containers_list_the_user_only(ann: Client) -> None:
    for name in ("principals", "calendars", "addressbooks"):
        answer = ann.propfind(f"{ann.root}{name}/", D + "displayname", depth="1")
        assert answer.hrefs == [f"{ann.root}{name}/", f"{ann.root}{name}/ann/"]


def test_the_root_lists_the_containers(ann: Client) -> None:
    answer = ann.propfind(ann.root, D + "current-user-principal", depth="1")
    assert answer.hrefs == [
        ann.root,
        *(ann.root + name for name in ("principals/", "calendars/", "addressbooks/", "notifications/")),
    ]
    assert all(one[D + "current-user-principal"].hrefs == [ann.principal] for one in answer.members.values())


def test_what_is_not_there_is_404(ann: Client) -> None:
    for path in ("calendars/ann/none/", "calendars/ann/default/none.ics", "nowhere/", "principals/ann/x/"):
        assert ann.propfind(ann.root + path, D + "displayname").status == 404


def test_a_listing_of_many_items_is_whole_and_streamed(ann: Client, store: object) -> None:
    for number in range(60):
        ann.put(f"{ann.book}{number}.vcf", card(uid=f"u{number}"))
    answer = ann.propfind(ann.book, D + "getetag", X + "own", D + "lockdiscovery", depth="1")
    assert len(answer.members) == 61


def test_a_home_tells_the_limits_that_are_in_force_now(make_server: MakeServer) -> None:
    for size in (1_000_000, 2_000_000):
        ann = Client(make_server(caldav={"max_resource_size": size}), "ann")
        held = ann.propfind(ann.calendar_home, C + "max-resource-size", depth="1").members
        assert held[ann.calendar][C + "max-resource-size"].text == str(size)
