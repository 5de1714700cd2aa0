"""ACL: who else may use a collection; and what he then may and may not do."""

from __future__ import annotations

import pytest

from davserver.model import NewPrincipal, PrincipalKind
from davserver.storage import Store, principals
from tests.content.objects import card, event
from tests.davclient import C, Client, D, MakeClient, xml


def aces(client: Client, path: str) -> list[tuple[str, list[str]]]:
    """The access list: subject and the local names of its privileges."""
    found = []
    for ace in client.prop(path, D + "acl").element:
        subject = ace.find(D + "principal")[0]
        granted = [one[0].tag.rpartition("}")[2] for one in ace.find(D + "grant")]
        found.append((subject.text or subject.tag.rpartition("}")[2], granted))
    return found


def test_a_new_collection_is_its_owner_s_alone(ann: Client) -> None:
    assert aces(ann, ann.calendar) == [("property", ["all"])]


def test_a_grant_is_read_back(ann: Client) -> None:
    assert ann.grant(ann.calendar, "bob", D + "read", D + "write-content").status == 200
    assert aces(ann, ann.calendar)[1:] == [("/dav/principals/bob/", ["read", "write-content"])]


def test_the_list_is_replaced_as_a_whole(ann: Client) -> None:
    ann.grant(ann.calendar, "bob", D + "read")
    ann.grant(ann.calendar, "eve", D + "read")
    assert [who for who, _ in aces(ann, ann.calendar)] == ["property", "/dav/principals/eve/"]
    assert ann.request("ACL", ann.calendar, xml("<d:acl/>")).status == 200
    assert [who for who, _ in aces(ann, ann.calendar)] == ["property"]


def test_the_owner_s_own_entry_may_come_back_with_the_rest(ann: Client) -> None:
    text = (
        "<d:acl><d:ace><d:principal><d:property><d:owner/></d:property></d:principal>"
        "<d:grant><d:privilege><d:all/></d:privilege></d:grant><d:protected/></d:ace>"
        "<d:ace><d:principal><d:href>/dav/principals/bob/</d:href></d:principal>"
        "<d:grant><d:privilege><d:read/></d:privilege></d:grant></d:ace></d:acl>"
    )
    assert ann.request("ACL", ann.calendar, xml(text)).status == 200
    assert len(aces(ann, ann.calendar)) == 2


def ace(who: str, what: str) -> str:
    """An ace for the principal element ``who``."""
    return f"<d:ace><d:principal>{who}</d:principal>{what}</d:ace>"


BOB = "<d:href>/dav/principals/bob/</d:href>"
READ = "<d:grant><d:privilege><d:read/></d:privilege></d:grant>"
REFUSED = [
    (ace(BOB, READ.replace("grant", "deny")), 403, "grant-only"),
    (
        ace(BOB, READ + "<d:invert/>")
        .replace("<d:principal>", "<d:invert><d:principal>")
        .replace("</d:principal>", "</d:principal></d:invert>"),
        403,
        "no-invert",
    ),
    (ace("<d:href>/dav/principals/nobody/</d:href>", READ), 403, "recognized-principal"),
    (ace("<d:href>/dav/calendars/bob/</d:href>", READ), 403, "recognized-principal"),
    (ace("<d:href>http://other.example.org/dav/principals/bob/</d:href>", READ), 403, "recognized-principal"),
    (ace("<d:all/>", READ), 403, "allowed-principal"),
    (ace("<d:unauthenticated/>", READ), 403, "allowed-principal"),
    (ace(BOB, READ.replace("d:read", "x:fly")), 403, "not-supported-privilege"),
    (ace(BOB, "<d:grant/>"), 400, None),
    (ace(BOB, ""), 400, None),
    ("<d:ace/>", 400, None),
]


@pytest.mark.parametrize(("text", "status", "precondition"), REFUSED)
def test_a_list_that_cannot_be_is_refused(
    ann: Client, text: str, status: int, precondition: str | None
) -> None:
    ann.grant(ann.calendar, "bob", D + "read")
    answer = ann.request("ACL", ann.calendar, xml(f"<d:acl>{text}</d:acl>"))
    assert answer.status == status
    assert answer.error == (D + precondition if precondition else None)
    assert aces(ann, ann.calendar)[1:] == [("/dav/principals/bob/", ["read"])]


@pytest.mark.parametrize("body", [b"", xml("<d:propfind><d:allprop/></d:propfind>")])
def test_another_body_is_400(ann: Client, body: bytes) -> None:
    assert ann.request("ACL", ann.calendar, body).status == 400


@pytest.mark.parametrize("place", ["root", "principal", "calendar_home"])
def test_only_collections_have_a_list_of_their_own(ann: Client, place: str) -> None:
    assert ann.request("ACL", getattr(ann, place), xml("<d:acl/>")).status == 405


def test_all_means_reading_and_writing_not_giving_away(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "all")
    assert bob.put(ann.calendar + "one.ics", event()).status == 201
    assert bob.grant(ann.calendar, "eve", D + "read").status == 403
    assert bob.delete(ann.calendar).status == 403


def test_to_everybody_means_everybody_with_an_account(client: MakeClient) -> None:
    ann, eve = client("ann"), client("eve")
    ann.grant(ann.calendar, "all", D + "read")
    assert eve.propfind(ann.calendar, D + "displayname", depth="1").status == 207
    assert client(None).propfind(ann.calendar, D + "displayname").status == 401


def test_a_group_gives_its_members_access(client: MakeClient, store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        group = principals.add(tx, NewPrincipal("family", PrincipalKind.GROUP))
        principals.set_members(tx, group.id, [people["bob"]])
    ann, bob, eve = client("ann"), client("bob"), client("eve")
    ann.grant(ann.calendar, "family", D + "read")
    assert bob.propfind(ann.calendar, D + "displayname").status == 207
    assert eve.propfind(ann.calendar, D + "displayname").status == 403
    with store.write() as tx:
        principals.set_members(tx, group.id, [])
    assert bob.propfind(ann.calendar, D + "displayname").status == 403


def test_taking_access_away_works_at_once(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read")
    assert bob.propfind(ann.calendar, D + "displayname").status == 207
    ann.request("ACL", ann.calendar, xml("<d:acl/>"))
    assert bob.propfind(ann.calendar, D + "displayname").status == 403


MAY = {
    "read": ({D + "read"}, {"GET", "PROPFIND", "REPORT", "COPY from", "export"}),
    "free-busy": ({C + "read-free-busy"}, {"free-busy"}),
    "write-properties": ({D + "read", D + "write-properties"}, {"PROPPATCH", "PROPPATCH item"}),
    "write-content": ({D + "read", D + "write-content"}, {"PUT", "LOCK"}),
    "bind": ({D + "read", D + "bind"}, {"PUT new", "POST"}),
    "unbind": ({D + "read", D + "unbind"}, {"DELETE"}),
    "write": (
        {D + "read", D + "write"},
        {"PUT", "PUT new", "POST", "DELETE", "PROPPATCH", "LOCK", "PROPPATCH item"},
    ),
}
READING = MAY["read"][1] | {"free-busy"}
EVERYTHING = {
    "GET",
    "PROPFIND",
    "REPORT",
    "COPY from",
    "export",
    "free-busy",
    "PROPPATCH",
    "PROPPATCH item",
    "PUT",
    "PUT new",
    "POST",
    "DELETE",
    "LOCK",
    "ACL",
    "DELETE calendar",
    "MOVE calendar",
}


def attempt(bob: Client, calendar: str, what: str) -> int:
    """Do one thing in ann's calendar; the status."""
    one = calendar + "one.ics"
    sync = "<d:sync-collection><d:sync-token/><d:sync-level>1</d:sync-level><d:prop/></d:sync-collection>"
    busy = (
        '<c:free-busy-query><c:time-range start="20260101T000000Z" end="20270101T000000Z"/>'
        "</c:free-busy-query>"
    )
    kind = {"content_type": "text/calendar"}
    deeds = {
        "GET": lambda: bob.get(one),
        "PROPFIND": lambda: bob.propfind(calendar, D + "getetag", depth="1"),
        "REPORT": lambda: bob.report(calendar, sync, depth="0"),
        "COPY from": lambda: bob.transfer("COPY", one, bob.calendar + "copy.ics"),
        "export": lambda: bob.get(calendar + "?export"),
        "free-busy": lambda: bob.report(calendar, busy),
        "PROPPATCH": lambda: bob.proppatch(calendar, "<x:own/>"),
        "PROPPATCH item": lambda: bob.proppatch(one, "<x:own/>"),
        "PUT": lambda: bob.put(one, event("SUMMARY:x")),
        "PUT new": lambda: bob.put(calendar + "two.ics", event(uid="two")),
        "POST": lambda: bob.request("POST", calendar, event(uid="three"), **kind),
        "DELETE": lambda: bob.delete(one),
        "LOCK": lambda: bob.lock(one)[0],
        "ACL": lambda: bob.grant(calendar, "eve", D + "read"),
        "DELETE calendar": lambda: bob.delete(calendar),
        "MOVE calendar": lambda: bob.transfer("MOVE", calendar, bob.calendar_home + "x/"),
    }
    return deeds[what]().status


@pytest.mark.parametrize("granted", MAY)
def test_who_is_given_a_privilege_may_do_that_and_nothing_else(client: MakeClient, granted: str) -> None:
    ann, bob = client("ann"), client("bob")
    privileges, deeds = MAY[granted]
    allowed = deeds | (READING if D + "read" in privileges else set())
    for what in sorted(EVERYTHING):
        ann.put(ann.calendar + "one.ics", event())
        ann.delete(ann.calendar + "two.ics")
        ann.grant(ann.calendar, "bob", *sorted(privileges))
        status = attempt(bob, ann.calendar, what)
        assert (status < 300) == (what in allowed), (what, status)
        if what == "LOCK" and status == 200:
            locks = bob.prop(ann.calendar + "one.ics", D + "lockdiscovery").element
            token = locks.findtext(f".//{D}locktoken/{D}href")
            bob.request("UNLOCK", ann.calendar + "one.ics", lock_token=f"<{token}>")


def test_what_bob_may_do_is_what_he_is_told(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write-content")
    told = bob.prop(ann.calendar, D + "current-user-privilege-set")
    names = {one[0].tag for one in told.element}
    assert names == {
        D + "read",
        D + "write-content",
        D + "read-current-user-privilege-set",
        C + "read-free-busy",
    }


def test_bob_sees_neither_the_list_nor_other_collections(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.mkcalendar(ann.calendar_home + "secret/")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    assert bob.prop(ann.calendar, D + "acl").status in (403, 404)
    assert bob.propfind(ann.calendar_home, D + "displayname", depth="1").status == 403
    assert bob.propfind(ann.calendar_home + "secret/", D + "displayname").status == 403
    assert bob.propfind(ann.book, D + "displayname").status == 403


def test_the_list_may_be_shown_to_bob(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "read-acl")
    assert aces(bob, ann.calendar)[1][0] == "/dav/principals/bob/"


def test_items_inherit_the_list(ann: Client) -> None:
    ann.put(ann.book + "one.vcf", card())
    ann.grant(ann.book, "bob", D + "read")
    element = ann.prop(ann.book + "one.vcf", D + "acl").element
    assert element[1].findtext(f"{D}inherited/{D}href") == ann.book
    assert ann.prop(ann.book + "one.vcf", D + "inherited-acl-set").hrefs == [ann.book]


def test_access_dies_with_the_account(client: MakeClient, store: Store, people: dict[str, int]) -> None:
    ann = client("ann")
    ann.grant(ann.calendar, "bob", D + "read")
    with store.write() as tx:
        principals.remove(tx, people["bob"])
    assert len(aces(ann, ann.calendar)) == 1
