"""Who may do what. Eve has an account and no access: she learns nothing at all."""

from __future__ import annotations

import pytest

from davserver.protocol.methods import METHODS
from davserver.protocol.reports import TABLE as REPORTS
from tests.content.objects import card, event
from tests.davclient import CS, C, Client, D, MakeClient, MakeServer, tag, xml

THERE = [
    "calendars/ann/",
    "calendars/ann/default/",
    "calendars/ann/default/one.ics",
    "addressbooks/ann/",
    "addressbooks/ann/default/",
    "addressbooks/ann/default/one.vcf",
]
"""Each with what is not there beside it: the same path of an account, a collection, an item that is not."""


def missing(path: str) -> list[str]:
    """Paths like the given one where nothing is."""
    return [path.replace("/ann/", "/nobody/"), path.replace("default", "none"), path.replace("one.", "none.")]


@pytest.fixture
def furnished(ann: Client) -> Client:
    """ann with an event and a card."""
    ann.put(ann.calendar + "one.ics", event())
    ann.put(ann.book + "one.vcf", card())
    return ann


def _body(method: str) -> bytes:
    texts = {
        "PROPFIND": "<d:propfind><d:allprop/></d:propfind>",
        "PROPPATCH": "<d:propertyupdate><d:set><d:prop><x:a/></d:prop></d:set></d:propertyupdate>",
        "REPORT": "<d:sync-collection><d:sync-token/><d:prop/></d:sync-collection>",
        "ACL": "<d:acl/>",
        "LOCK": (
            "<d:lockinfo><d:lockscope><d:exclusive/></d:lockscope>"
            "<d:locktype><d:write/></d:locktype></d:lockinfo>"
        ),
    }
    if method in ("PUT", "POST"):
        return event()
    return xml(texts[method]) if method in texts else b""


def comparable(answer: object, path: str) -> tuple[object, ...]:
    """Status, headers and body of an answer without the path that was asked."""
    from tests.davclient import Answer

    assert isinstance(answer, Answer)
    body = answer.body.replace(path.rstrip("/").encode(), b"PATH").replace(b"PATH/", b"PATH")
    headers = [one for one in answer.headers if one[0] != "Content-Length"]
    return answer.status, headers, body


@pytest.mark.parametrize("path", THERE)
@pytest.mark.parametrize("method", list(METHODS))
def test_eve_gets_one_answer_whether_something_is_there_or_not(
    furnished: Client, eve: Client, method: str, path: str
) -> None:
    def ask(where: str) -> tuple[object, ...]:
        headers = {"depth": "0", "destination": eve.calendar + "x.ics", "content_type": "text/calendar"}
        return comparable(eve.request(method, eve.root + where, _body(method), **headers), eve.root + where)

    answer = ask(path)
    assert answer[0] == 403
    for other in missing(path):
        assert ask(other) == answer


def report_body(name: str) -> bytes:
    """A plausible body for a report."""
    inner = {
        C + "calendar-query": '<d:prop/><c:filter><c:comp-filter name="VCALENDAR"/></c:filter>',
        C + "free-busy-query": '<c:time-range start="20260101T000000Z" end="20270101T000000Z"/>',
        D + "principal-match": "<d:self/>",
        D + "expand-property": '<d:property name="owner"/>',
    }.get(name, "<d:sync-token/><d:prop><d:getetag/></d:prop>")
    return xml(f"<{tag(name)}>{inner}</{tag(name)}>")


@pytest.mark.parametrize("path", THERE)
@pytest.mark.parametrize("name", list(REPORTS))
def test_eve_gets_one_answer_to_every_report(furnished: Client, eve: Client, name: str, path: str) -> None:
    def ask(where: str) -> tuple[object, ...]:
        answer = eve.request("REPORT", eve.root + where, report_body(name), depth="0")
        return comparable(answer, eve.root + where)

    answer = ask(path)
    assert answer[0] == 403
    for other in missing(path):
        assert ask(other) == answer


MULTIGETS = [
    ("calendar-multiget", "calendar", "calendars/{}/default/one.ics"),
    ("addressbook-multiget", "book", "addressbooks/{}/default/one.vcf"),
]


@pytest.mark.parametrize(("name", "place", "path"), MULTIGETS)
def test_eve_gets_nothing_of_others_by_a_multiget_on_her_own(
    furnished: Client, eve: Client, name: str, place: str, path: str
) -> None:
    hrefs = [eve.root + path.format(who) for who in ("ann", "nobody")]
    space = "c" if place == "calendar" else "cr"
    text = f"<{space}:{name}><d:prop><d:getetag/></d:prop>" + "".join(
        f"<d:href>{one}</d:href>" for one in hrefs
    )
    answer = eve.report(getattr(eve, place), f"{text}</{space}:{name}>")
    assert {href: one.status for href, one in answer.members.items()} == dict.fromkeys(hrefs, 404)


def test_eve_gets_nothing_of_others_by_expand_property(furnished: Client, eve: Client) -> None:
    eve.proppatch(
        eve.calendar,
        f"<x:a><d:href>{furnished.calendar}</d:href><d:href>/dav/calendars/nobody/x/</d:href></x:a>",
    )
    text = (
        '<d:expand-property><d:property name="a" namespace="urn:example:x">'
        '<d:property name="displayname"/></d:property></d:expand-property>'
    )
    answer = eve.report(eve.calendar, text, depth="0")
    assert b"Calendar" not in answer.body
    statuses = {
        one.findtext(D + "status")
        for one in answer.xml.iter(D + "response")
        if one.find(D + "status") is not None
    }
    assert len(statuses) <= 1


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_eve_gets_nothing_in_or_out_by_copy_and_move(furnished: Client, eve: Client, method: str) -> None:
    eve.put(eve.calendar + "mine.ics", event())
    answers = [
        comparable(eve.transfer(method, eve.calendar + "mine.ics", eve.root + path), eve.root + path)
        for path in (
            "calendars/ann/default/x.ics",
            "calendars/ann/none/x.ics",
            "calendars/nobody/default/x.ics",
        )
    ]
    assert answers[0][0] == 403
    assert answers[0] == answers[1] == answers[2]


def test_eve_s_if_header_tells_nothing_about_what_is_there(furnished: Client, eve: Client) -> None:
    tag_of_it = furnished.get(furnished.calendar + "one.ics").etag
    eve.put(eve.calendar + "mine.ics", event())
    for state in (f"[{tag_of_it}]", '["other"]', f"Not [{tag_of_it}]", 'Not ["other"]'):
        statuses = {
            eve.request("GET", eve.calendar + "mine.ics", **{"if": f"<{eve.root}{path}> ({state})"}).status
            for path in ("calendars/ann/default/one.ics", "calendars/ann/default/none.ics")
        }
        assert len(statuses) == 1, state


def test_eve_s_listings_hold_nobody_else(furnished: Client, eve: Client) -> None:
    for path in ("", "principals/", "calendars/", "addressbooks/"):
        answer = eve.propfind(eve.root + path, D + "displayname", depth="1")
        assert "ann" not in answer.names
        assert b"ann@" not in answer.body


def test_who_others_are_is_seen_only_where_the_directory_is_open(make_server: MakeServer) -> None:
    open_, closed = make_server(), make_server(accounts={"directory": False})
    eve = Client(open_, "eve")
    assert eve.prop(eve.root + "principals/ann/", D + "displayname").text == "Ann"
    eve = Client(closed, "eve")
    seen = comparable(eve.propfind(eve.root + "principals/ann/", D + "displayname"), "/dav/principals/ann/")
    other = comparable(
        eve.propfind(eve.root + "principals/nobody/", D + "displayname"), "/dav/principals/nobody/"
    )
    assert seen[0] == 403
    assert seen == other


def test_a_principal_that_is_not_there_is_answered_like_one_that_is_hidden(eve: Client) -> None:
    for path in ("principals/nobody/", "principals/nobody/calendar-proxy-read/"):
        assert eve.propfind(eve.root + path, D + "displayname").status in (403, 404)


def test_need_privileges_names_the_resource_and_the_privilege(furnished: Client, bob: Client) -> None:
    furnished.grant(furnished.calendar, "bob", D + "read")
    answer = bob.put(furnished.calendar + "one.ics", event("SUMMARY:x"))
    assert (answer.status, answer.error) == (403, D + "need-privileges")
    resource = answer.xml.find(f"{D}need-privileges/{D}resource")
    assert resource.findtext(D + "href") == furnished.calendar + "one.ics"
    assert resource.find(f"{D}privilege/{D}write-content") is not None
    assert bob.put(furnished.calendar + "two.ics", event(uid="2")).xml.find(f".//{D}bind") is not None


def test_the_owner_may_do_everything(ann: Client) -> None:
    privileges = {one[0].tag for one in ann.prop(ann.calendar, D + "current-user-privilege-set").element}
    assert {D + "all", D + "read", D + "write", D + "write-acl", D + "bind", D + "unbind"} <= privileges


def test_a_disabled_user_s_principal_is_not_shown(
    client: MakeClient, store: object, people: dict[str, int]
) -> None:
    from davserver.storage import Store, principals

    assert isinstance(store, Store)
    with store.write() as tx:
        principals.change(tx, people["ann"], disabled=True)
    assert client("ann").propfind("/dav/", D + "displayname").status == 401
    assert client("bob").propfind("/dav/principals/ann/", D + "displayname").status == 403


@pytest.mark.parametrize("user", [None, "nobody", "ann"])
def test_who_is_not_signed_in_is_asked_for_it_on_every_method(
    make_server: MakeServer, user: str | None
) -> None:
    unthrottled = {"throttle_account": 0, "throttle_address": 0}
    stranger = Client(make_server(auth=unthrottled), user, "wrong password")
    for method in METHODS:
        answer = stranger.request(method, "/dav/calendars/ann/default/", _body(method))
        assert answer.status == 401, method
        assert (answer.header("WWW-Authenticate") or "").startswith('Basic realm="')


def test_no_ctag_or_token_of_others_is_had(furnished: Client, eve: Client) -> None:
    for name in (CS + "getctag", D + "sync-token"):
        assert eve.propfind(furnished.calendar, name).status == 403
