"""Sharing by clients: CalendarServer's protocol as macOS speaks it, DAV:share-resource as sabre/dav does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.content.objects import event
from tests.davclient import CS, C, Client, D, MakeServer, xml
from tests.sharing import XML, group, listed, reply, revoke, share, share_resource

MINE = "ann-default/"
NAMES = (CS + "invite", CS + "shared-url", CS + "allowed-sharing-modes", D + "share-access", D + "invite")


@pytest.fixture
def asking(make_server: MakeServer) -> tuple[Client, Client]:
    """ann and bob on a server that asks before a share appears."""
    server = make_server(sharing={"auto_accept": False})
    return Client(server, "ann"), Client(server, "bob")


def messages(client: Client) -> list[Any]:
    """The messages to somebody, as documents."""
    url = client.prop(client.principal, CS + "notification-URL").hrefs[0]
    names = (CS + "notificationtype", D + "getetag", D + "resourcetype")
    found = client.propfind(url, *names, depth="1").members
    assert [one.tag for one in found[url][D + "resourcetype"].element] == [
        D + "collection",
        CS + "notification",
    ]
    answers = [(one, client.get(href)) for href, one in found.items() if href != url]
    for one, answer in answers:
        assert answer.etag == one[D + "getetag"].text
        assert answer.content_type == "application/xml"
        assert one[CS + "notificationtype"].names == [answer.xml[1].tag]
        assert one[CS + "notificationtype"].attributes("shared-type") == [answer.xml[1].get("shared-type")]
    return [answer.xml for _, answer in answers]


def test_it_is_announced(ann: Client) -> None:
    dav = (ann.request("OPTIONS", ann.calendar).header("DAV") or "").split(", ")
    assert {"calendarserver-sharing", "resource-sharing"} <= set(dav)


@pytest.mark.parametrize(
    "who", ["mailto:bob@example.org", "MAILTO:Bob@Example.ORG", "bob", "/dav.php/principals/bob"]
)
def test_a_sharee_is_named_by_mail_or_principal(ann: Client, bob: Client, who: str) -> None:
    assert share(ann, ann.calendar, who).status == 200
    assert listed(bob, bob.calendar_home) == [bob.calendar, bob.calendar_home + MINE]
    assert revoke(ann, ann.calendar, "mailto:bob@example.org").status == 200
    assert listed(bob, bob.calendar_home) == [bob.calendar]


def test_both_sides_say_what_they_are(ann: Client, bob: Client) -> None:
    assert ann.prop(ann.calendar, D + "share-access").names == [D + "not-shared"]
    assert ann.prop(ann.calendar, CS + "allowed-sharing-modes").names == [CS + "can-be-shared"]
    share(ann, ann.calendar, "bob", "read", summary="Ours")
    path = bob.calendar_home + MINE
    hers, his = ann.propfind(ann.calendar, *NAMES).one, bob.propfind(path, *NAMES).one
    assert ann.prop(ann.calendar, D + "resourcetype").names == [
        D + "collection",
        C + "calendar",
        CS + "shared-owner",
    ]
    assert bob.prop(path, D + "resourcetype").names == [D + "collection", C + "calendar", CS + "shared"]
    assert hers[D + "share-access"].names == [D + "shared-owner"]
    assert his[D + "share-access"].names == [D + "read"]
    assert his[CS + "shared-url"].hrefs == [ann.calendar]
    assert hers.missing == {CS + "shared-url"}
    assert his.missing == {CS + "allowed-sharing-modes"}
    uris = {
        client.prop(where, D + "share-resource-uri").hrefs[0]
        for client, where in ((ann, ann.calendar), (bob, path))
    }
    assert len(uris) == 1


def test_the_owner_sees_who_has_it_and_what_they_made_of_it(ann: Client) -> None:
    share(ann, ann.calendar, "bob", "read", summary="Ours")
    found = ann.prop(ann.calendar, CS + "invite").element
    organizer, user = found
    assert organizer.findtext(D + "href") == "mailto:ann@example.org"
    assert organizer.findtext(CS + "common-name") == "Ann"
    assert user.findtext(D + "href") == "mailto:bob@example.org"
    assert user.findtext(CS + "common-name") == "Bob"
    assert user.findtext(CS + "summary") == "Ours"
    assert user.find(CS + "invite-accepted") is not None
    assert [one.tag for one in user.find(CS + "access")] == [CS + "read"]
    owner, sharee = ann.prop(ann.calendar, D + "invite").element
    assert owner.find(f"{D}share-access/{D}shared-owner") is not None
    assert sharee.findtext(D + "href") == "mailto:bob@example.org"
    assert sharee.find(f"{D}share-access/{D}read") is not None
    assert sharee.findtext(f"{D}prop/{D}displayname") == "Bob"


def test_a_sharee_does_not_see_who_else_has_it(ann: Client, bob: Client, eve: Client) -> None:
    share(ann, ann.calendar, "bob")
    share(ann, ann.calendar, "eve")
    for name in (CS + "invite", D + "invite"):
        text = bob.propfind(bob.calendar_home + MINE, name).text
        assert "mailto:ann@" in text
        assert "mailto:bob@" in text
        assert "eve" not in text


def test_one_request_makes_all_its_changes_or_none(ann: Client, bob: Client, eve: Client) -> None:
    share(ann, ann.calendar, "eve")
    body = (
        "<cs:share><cs:set><d:href>mailto:bob@example.org</d:href><cs:read/></cs:set>"
        "<cs:remove><d:href>mailto:eve@example.org</d:href></cs:remove>{}</cs:share>"
    )
    unknown = "<cs:set><d:href>mailto:nobody@example.org</d:href><cs:read/></cs:set>"
    answer = ann.request("POST", ann.calendar, xml(body.format(unknown)), content_type=XML)
    assert (answer.status, answer.error) == (403, D + "recognized-principal")
    assert answer.error_hrefs == ["mailto:nobody@example.org"]
    assert len(listed(eve, eve.calendar_home)) == 2
    assert len(listed(bob, bob.calendar_home)) == 1
    assert ann.request("POST", ann.calendar, xml(body.format("")), content_type="text/xml").status == 200
    assert len(listed(eve, eve.calendar_home)) == 1
    assert len(listed(bob, bob.calendar_home)) == 2


@pytest.mark.parametrize(("access", "writes"), [("read", False), ("read-write", True)])
def test_share_resource_of_draft_pot(ann: Client, bob: Client, access: str, writes: bool) -> None:
    assert share_resource(ann, ann.book, "mailto:bob@example.org", access).status == 200
    path = bob.book_home + MINE
    assert bob.prop(path, D + "share-access").names == [D + access]
    granted = {one[0].tag for one in bob.prop(path, D + "current-user-privilege-set").element}
    assert (D + "write-content" in granted) == writes
    assert share_resource(ann, ann.book, "mailto:bob@example.org", "no-access").status == 200
    assert listed(bob, bob.book_home) == [bob.book]


BAD = [
    ("<cs:share/>", 403),
    ("<cs:share><cs:set><d:href>mailto:bob@example.org</d:href></cs:set></cs:share>", 403),
    ("<cs:share><cs:set><cs:read/></cs:set></cs:share>", 403),
    ("<cs:share><cs:set><d:href>mailto:ann@example.org</d:href><cs:read/></cs:set></cs:share>", 403),
    ("<cs:share><cs:set><d:href>/dav/calendars/bob/</d:href><cs:read/></cs:set></cs:share>", 403),
    ("<cs:share><cs:set><d:href>http://[</d:href><cs:read/></cs:set></cs:share>", 403),
    ("<d:share-resource/>", 403),
    (
        "<d:share-resource><d:sharee><d:href>mailto:bob@example.org</d:href></d:sharee></d:share-resource>",
        400,
    ),
    ("<cs:invite-reply/>", 403),
    ("<x:unknown/>", 403),
    ("<cs:share", 400),
]


@pytest.mark.parametrize(("body", "status"), BAD)
def test_what_makes_no_sense_is_refused_and_shares_nothing(ann: Client, body: str, status: int) -> None:
    sent = xml(body) if body.endswith(">") else body.encode()
    assert ann.request("POST", ann.calendar, sent, content_type=XML).status == status
    assert ann.prop(ann.calendar, D + "share-access").names == [D + "not-shared"]


def test_taking_back_what_nobody_has_changes_nothing(ann: Client) -> None:
    assert revoke(ann, ann.calendar, "bob").status == 200
    assert revoke(ann, ann.calendar, "mailto:nobody@example.org").status == 200


def test_where_the_directory_is_closed_names_cannot_be_tried(make_server: MakeServer) -> None:
    server = make_server(accounts={"directory": False})
    ann = Client(server, "ann")
    answers = {share(ann, ann.calendar, f"mailto:{who}@example.org").body for who in ("bob", "nobody")}
    assert len(answers) == 1
    assert share(ann, ann.calendar, "bob").status == 403


# -- invitations


def test_what_appears_at_once_is_told_too(ann: Client, bob: Client, eve: Client) -> None:
    share(ann, ann.calendar, "bob", "read", summary="Ours")
    (message,) = messages(bob)
    invite = message.find(CS + "invite-notification")
    assert invite.findtext(D + "href") == "mailto:bob@example.org"
    assert invite.find(CS + "invite-accepted") is not None
    assert invite.findtext(f"{CS}hosturl/{D}href") == ann.calendar
    assert invite.findtext(f"{CS}organizer/{CS}common-name") == "Ann"
    assert invite.find(f"{CS}access/{CS}read") is not None
    assert invite.findtext(CS + "summary") == "Ours"
    assert invite.find(f"{C}supported-calendar-component-set/{C}comp").get("name") == "VEVENT"
    assert messages(eve) == messages(ann) == []


def test_taking_back_is_told(ann: Client, bob: Client) -> None:
    share(ann, ann.calendar, "bob")
    revoke(ann, ann.calendar, "bob")
    (message,) = messages(bob)
    assert message.find(f"{CS}invite-notification/{CS}invite-deleted") is not None


def test_where_one_is_asked_nothing_appears_before_the_answer(asking: tuple[Client, Client]) -> None:
    ann, bob = asking
    ann.put(ann.calendar + "one.ics", event())
    share(ann, ann.calendar, "bob")
    assert listed(bob, bob.calendar_home) == [bob.calendar]
    assert bob.get(ann.calendar + "one.ics").status == 403
    user = ann.prop(ann.calendar, CS + "invite").element.find(CS + "user")
    assert user.find(CS + "invite-noresponse") is not None
    (message,) = messages(bob)
    assert message.find(f"{CS}invite-notification/{CS}invite-noresponse") is not None
    answer = reply(bob, bob.calendar_home, ann.calendar, "accepted")
    assert answer.status == 200
    assert answer.xml.tag == CS + "shared-as"
    assert answer.xml.findtext(D + "href") == bob.calendar_home + MINE
    assert bob.get(bob.calendar_home + MINE + "one.ics").status == 200
    (told,) = messages(ann)
    answered = told.find(CS + "invite-reply")
    assert answered.find(CS + "invite-accepted") is not None
    assert answered.findtext(D + "href") == "mailto:bob@example.org"
    uid = message.findtext(f"{CS}invite-notification/{CS}uid")
    assert answered.findtext(CS + "in-reply-to") == uid


def test_declining_can_be_undone(asking: tuple[Client, Client]) -> None:
    ann, bob = asking
    share(ann, ann.calendar, "bob")
    assert reply(bob, bob.calendar_home, ann.calendar, "declined").status == 200
    assert listed(bob, bob.calendar_home) == [bob.calendar]
    user = ann.prop(ann.calendar, CS + "invite").element.find(CS + "user")
    assert user.find(CS + "invite-declined") is not None
    assert reply(bob, bob.calendar_home, ann.calendar, "accepted").status == 200
    assert len(listed(bob, bob.calendar_home)) == 2


def test_a_member_of_a_group_answers_for_himself(
    asking: tuple[Client, Client], store: Any, people: dict[str, int]
) -> None:
    ann, bob = asking
    group(store, "family", people["bob"], people["eve"])
    share(ann, ann.calendar, "family", "read")
    eve = Client(bob.app, "eve")
    reply(bob, bob.calendar_home, ann.calendar, "accepted")
    assert len(listed(bob, bob.calendar_home)) == 2
    assert len(listed(eve, eve.calendar_home)) == 1
    assert len(messages(eve)) == 1


def test_eve_learns_nothing_by_an_answer_to_no_invitation(ann: Client, eve: Client) -> None:
    answers = {
        (answer.status, answer.body)
        for answer in (
            reply(eve, eve.calendar_home, ann.calendar, "accepted"),
            reply(eve, eve.calendar_home, ann.calendar_home + "none/", "accepted"),
            reply(eve, eve.calendar_home, "/dav/calendars/nobody/default/", "declined"),
            reply(eve, eve.calendar_home, "/elsewhere/", "declined"),
        )
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    assert reply(eve, ann.calendar_home, ann.calendar, "accepted").status == 403


# -- messages


def test_messages_are_read_and_removed_by_their_owner_alone(ann: Client, bob: Client, eve: Client) -> None:
    share(ann, ann.calendar, "bob")
    url = f"{bob.root}notifications/bob/"
    tag = bob.prop(url, CS + "getctag").text
    path = bob.propfind(url, D + "getetag", depth="1").hrefs[1]
    for method in ("GET", "PROPFIND", "DELETE"):
        there = eve.request(method, path, depth="0")
        missing = eve.request(method, url + "none.xml", depth="0")
        assert there.status == missing.status == 403
    assert eve.propfind(url, D + "getetag", depth="1").status == 403
    assert bob.put(path, event()).status in (403, 405)
    assert bob.delete(path).status == 204
    assert bob.get(path).status == 404
    assert bob.delete(path).status == 404
    assert bob.prop(url, CS + "getctag").text != tag


def test_only_one_s_own_are_announced(ann: Client, bob: Client) -> None:
    assert bob.propfind(ann.principal, CS + "notification-URL").one.missing == {CS + "notification-URL"}
    found = bob.propfind(bob.root + "notifications/", D + "displayname", depth="1").hrefs
    assert found == [bob.root + "notifications/", bob.root + "notifications/bob/"]


def test_a_message_about_what_is_gone_can_still_be_read(
    ann: Client, bob: Client, store: Any, people: dict[str, int]
) -> None:
    from davserver.storage import principals

    share(ann, ann.calendar, "bob")
    with store.write() as tx:
        principals.remove(tx, people["ann"])
    (message,) = messages(bob)
    assert "principals/ann/" in message.findtext(f".//{CS}organizer/{D}href")
