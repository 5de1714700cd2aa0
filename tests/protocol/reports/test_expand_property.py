"""expand-property: the resources that properties name, with their properties in place of hrefs."""

from __future__ import annotations

from davserver.model import NewPrincipal, PrincipalKind
from davserver.storage import Store, principals
from tests.davclient import Answer, C, Client, D, member_of


def expand(client: Client, path: str, inner: str, depth: str = "0") -> Answer:
    """An expand-property report."""
    return client.report(path, f"<d:expand-property>{inner}</d:expand-property>", depth=depth)


def test_an_href_becomes_a_response(ann: Client) -> None:
    inner = (
        '<d:property name="owner"><d:property name="displayname"/>'
        '</d:property><d:property name="displayname"/>'
    )
    member = expand(ann, ann.calendar, inner).one
    assert member[D + "displayname"].text == "Calendar"
    inside = member_of(member[D + "owner"].element.find(D + "response"))
    assert inside.href == ann.principal
    assert inside[D + "displayname"].text == "Ann"


def test_expansion_goes_on_inside(ann: Client) -> None:
    inner = (
        '<d:property name="owner">'
        '<d:property name="calendar-home-set" namespace="urn:ietf:params:xml:ns:caldav">'
        '<d:property name="resourcetype"/></d:property></d:property>'
    )
    answer = expand(ann, ann.calendar, inner)
    home = answer.xml.find(f".//{C}calendar-home-set/{D}response")
    assert home.findtext(D + "href") == ann.calendar_home


def test_groups_and_members(ann: Client, store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        group = principals.add(tx, NewPrincipal("family", PrincipalKind.GROUP, "The family"))
        principals.set_members(tx, group.id, [people["ann"], people["bob"]])
    inner = '<d:property name="group-membership"><d:property name="group-member-set"/></d:property>'
    answer = expand(ann, ann.principal, inner)
    assert b"/dav/principals/bob/" in answer.body


def test_missing_properties_are_404(ann: Client) -> None:
    inner = '<d:property name="none"><d:property name="displayname"/></d:property>'
    member = expand(ann, ann.calendar, inner).one
    assert member.missing == {D + "none"}


def test_an_href_that_names_nothing_is_404_inside(ann: Client) -> None:
    ann.proppatch(ann.calendar, "<d:source><d:href>/dav/calendars/ann/none/</d:href></d:source>")
    inner = '<d:property name="source"><d:property name="displayname"/></d:property>'
    answer = expand(ann, ann.calendar, inner)
    assert answer.xml.findtext(f".//{D}source/{D}response/{D}status") == "HTTP/1.1 404 Not Found"


def test_a_circle_comes_to_an_end(ann: Client) -> None:
    ann.proppatch(ann.calendar, f"<d:me><d:href>{ann.calendar}</d:href></d:me>")
    inner = ""
    for _ in range(10):
        inner = f'<d:property name="me">{inner}</d:property>'
    answer = expand(ann, ann.calendar, inner)
    assert answer.status in (207, 507)


def test_depth_1_answers_for_the_members_too(ann: Client) -> None:
    inner = '<d:property name="owner"><d:property name="displayname"/></d:property>'
    answer = expand(ann, ann.calendar_home, inner, "1")
    assert answer.hrefs == [ann.calendar_home, ann.calendar]


def test_a_property_without_a_name_is_400(ann: Client) -> None:
    text = "<d:expand-property><d:property/></d:expand-property>"
    assert ann.report(ann.calendar, text, depth="0").status == 400


def test_text_and_markup_of_values_survive(ann: Client) -> None:
    ann.proppatch(ann.calendar, "<d:displayname>a &lt;b&gt; &amp; c</d:displayname>")
    inner = (
        '<d:property name="displayname"/><d:property name="owner">'
        '<d:property name="displayname"/></d:property>'
    )
    member = expand(ann, ann.calendar, inner).one
    assert member[D + "displayname"].text == "a <b> & c"
