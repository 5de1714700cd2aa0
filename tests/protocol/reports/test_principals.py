"""The reports of RFC 3744: who is who, and who has access."""

from __future__ import annotations

import pytest

from davserver.model import NewPrincipal, PrincipalKind
from davserver.storage import Store, principals
from tests.conftest import add_person
from tests.davclient import Answer, C, Client, D, MakeServer


def search(
    client: Client, name: str, text: str, path: str = "", more: str = "", attributes: str = ""
) -> Answer:
    """principal-property-search for one property."""
    body = (
        f"<d:principal-property-search{attributes}><d:property-search><d:prop><{name}/></d:prop>"
        f"<d:match>{text}</d:match></d:property-search>{more}<d:prop><d:displayname/></d:prop>"
        "</d:principal-property-search>"
    )
    return client.report(path or client.root + "principals/", body, depth="0")


@pytest.fixture
def town(ann: Client, store: Store) -> Client:
    """ann in a town with a room and a Bobette without a mail address."""
    with store.write() as tx:
        principals.add(tx, NewPrincipal("hall", PrincipalKind.ROOM, "Town Hall", "hall@example.org"))
        add_person(tx, "bobette", display_name="Bobette Öz", email="")
    return ann


SEARCHES = [
    ("d:displayname", "bob", {"bob", "bobette"}),
    ("d:displayname", "BOBETTE ÖZ", {"bobette"}),
    ("d:displayname", "nobody", set()),
    ("c:calendar-user-address-set", "bob@example.org", {"bob"}),
    ("c:calendar-user-address-set", "mailto:bob@example.org", {"bob"}),
    ("cs:email-address-set", "example.org", {"ann", "bob", "eve", "hall"}),
    ("c:calendar-user-type", "ROOM", {"hall"}),
    ("d:displayname", "%", set()),
    ("d:displayname", "_", set()),
    ("d:getetag", "bob", set()),
]


@pytest.mark.parametrize(("name", "text", "expected"), SEARCHES)
def test_people_are_found(town: Client, name: str, text: str, expected: set[str]) -> None:
    assert search(town, name, text).names == expected


def test_a_hit_comes_with_the_asked_properties(town: Client) -> None:
    assert search(town, "d:displayname", "hall").one[D + "displayname"].text == "Town Hall"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("contains", {"bob", "bobette"}),
        ("equals", {"bob"}),
        ("starts-with", {"bob", "bobette"}),
        ("ends-with", {"bob"}),
    ],
)
def test_match_types(town: Client, kind: str, expected: set[str]) -> None:
    body = (
        "<d:principal-property-search><d:property-search><d:prop><d:displayname/></d:prop>"
        f'<d:match match-type="{kind}">bob</d:match></d:property-search><d:prop><d:displayname/></d:prop>'
        "</d:principal-property-search>"
    )
    assert town.report(town.root + "principals/", body, depth="0").names == expected


@pytest.mark.parametrize(
    ("attributes", "expected"), [("", set()), (' test="anyof"', {"bob", "bobette", "eve"})]
)
def test_all_or_any_of_several_searches(town: Client, attributes: str, expected: set[str]) -> None:
    more = "<d:property-search><d:prop><d:displayname/></d:prop><d:match>eve</d:match></d:property-search>"
    assert search(town, "d:displayname", "bob", more=more, attributes=attributes).names == expected


@pytest.mark.parametrize("place", ["root", "principal"])
def test_the_search_is_answered_elsewhere_too(town: Client, place: str) -> None:
    more = "<d:apply-to-principal-collection-set/>"
    assert "bob" in search(town, "d:displayname", "bob", getattr(town, place), more).names


def test_nobody_is_found_in_a_closed_directory(make_server: MakeServer) -> None:
    ann = Client(make_server(accounts={"directory": False}), "ann")
    assert search(ann, "d:displayname", "bob").names <= {"ann"}
    assert search(ann, "d:displayname", "ann").names == {"ann"}


def test_disabled_people_are_not_found(town: Client, store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        principals.change(tx, people["bob"], disabled=True)
    assert search(town, "d:displayname", "bob").names == {"bobette"}


@pytest.mark.parametrize(
    "inner",
    [
        "<d:property-search/>",
        "<d:property-search><d:prop/><d:match>x</d:match></d:property-search>",
        "<d:property-search><d:prop><d:displayname/></d:prop></d:property-search>",
    ],
)
def test_half_a_search_is_400(town: Client, inner: str) -> None:
    body = f"<d:principal-property-search>{inner}</d:principal-property-search>"
    assert town.report(town.root + "principals/", body, depth="0").status == 400


@pytest.mark.parametrize(
    "name", ["principal-property-search", "principal-search-property-set", "principal-match"]
)
def test_another_depth_is_400(town: Client, name: str) -> None:
    assert town.report(town.root + "principals/", f"<d:{name}><d:self/></d:{name}>", depth="1").status == 400


def test_what_can_be_searched_is_told(ann: Client) -> None:
    """iOS asks for it on the principal collection."""
    answer = ann.report(ann.root + "principals/", "<d:principal-search-property-set/>", depth="0")
    assert answer.status == 200
    assert answer.xml.tag == D + "principal-search-property-set"
    found = {str(one[0].tag) for one in answer.xml.iter(D + "prop")}
    assert {D + "displayname", C + "calendar-user-address-set"} <= found
    assert all(one.text for one in answer.xml.iter(D + "description"))


def test_principal_match_self_is_the_user_and_his_groups(
    ann: Client, store: Store, people: dict[str, int]
) -> None:
    with store.write() as tx:
        group = principals.add(tx, NewPrincipal("family", PrincipalKind.GROUP))
        principals.set_members(tx, group.id, [people["ann"]])
    text = "<d:principal-match><d:self/><d:prop><d:displayname/></d:prop></d:principal-match>"
    answer = ann.report(ann.root + "principals/", text, depth="0")
    assert answer.names == {"ann", "family"}
    assert answer.members[ann.principal][D + "displayname"].text == "Ann"


def test_principal_match_by_owner_is_what_the_user_owns(ann: Client) -> None:
    text = "<d:principal-match><d:principal-property><d:owner/></d:principal-property></d:principal-match>"
    assert ann.report(ann.calendar_home, text, depth="0").names == {"default"}


def test_principal_match_without_either_is_400(ann: Client) -> None:
    assert ann.report(ann.root + "principals/", "<d:principal-match/>", depth="0").status == 400


def test_acl_principal_prop_set_tells_who_has_access(ann: Client) -> None:
    ann.grant(ann.calendar, "bob", D + "read")
    text = "<d:acl-principal-prop-set><d:prop><d:displayname/></d:prop></d:acl-principal-prop-set>"
    members = ann.report(ann.calendar, text, depth="0").members
    assert {href: one[D + "displayname"].text for href, one in members.items()} == {
        "/dav/principals/ann/": "Ann",
        "/dav/principals/bob/": "Bob",
    }


def test_who_may_not_read_the_list_may_not_ask_for_it(ann: Client, bob: Client) -> None:
    ann.grant(ann.calendar, "bob", D + "read")
    text = "<d:acl-principal-prop-set><d:prop><d:displayname/></d:prop></d:acl-principal-prop-set>"
    assert bob.report(ann.calendar, text, depth="0").status == 403
