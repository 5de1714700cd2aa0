"""A shared collection in the other's home: for every client, with his own name and colour; gone at once."""

from __future__ import annotations

from typing import Any

import pytest

from davserver.protocol.methods import METHODS
from davserver.storage import Store
from tests.content.objects import card, event
from tests.davclient import CR, CS, IC, C, Client, D, MakeClient, xml
from tests.sharing import counted, group, listed, revoke, share

MINE = "ann-default/"


@pytest.fixture
def shared(ann: Client, bob: Client) -> str:
    """ann's calendar with one event, shared with bob to write; its address in bob's home."""
    ann.put(ann.calendar + "one.ics", event("SUMMARY:one"))
    assert share(ann, ann.calendar, "bob").status == 200
    return bob.calendar_home + MINE


def test_it_appears_in_the_other_s_home_and_in_no_third(
    ann: Client, bob: Client, eve: Client, shared: str
) -> None:
    assert listed(bob, bob.calendar_home) == [bob.calendar, shared]
    assert listed(eve, eve.calendar_home) == [eve.calendar]
    assert listed(ann, ann.calendar_home) == [ann.calendar]


def test_an_address_book_is_shared_alike(ann: Client, bob: Client) -> None:
    ann.put(ann.book + "one.vcf", card())
    assert share(ann, ann.book, "bob", "read").status == 200
    path = bob.book_home + MINE
    assert listed(bob, bob.book_home) == [bob.book, path]
    types = bob.propfind(path, D + "resourcetype").one[D + "resourcetype"].names
    assert types == [D + "collection", CR + "addressbook"]
    assert bob.get(path + "one.vcf").body == card()
    assert bob.put(path + "two.vcf", card(uid="two")).status == 403


def test_hrefs_lie_in_the_sharee_s_home_and_the_owner_is_named(ann: Client, bob: Client, shared: str) -> None:
    members = bob.propfind(shared, D + "owner", D + "getetag", depth="1").members
    assert list(members) == [shared, shared + "one.ics"]
    assert members[shared][D + "owner"].hrefs == [ann.principal]
    assert members[shared + "one.ics"][D + "owner"].hrefs == [ann.principal]
    home = bob.propfind(bob.calendar_home, D + "owner", D + "current-user-privilege-set", depth="1").members
    assert home[shared][D + "owner"].hrefs == [ann.principal]
    assert home[bob.calendar][D + "owner"].hrefs == [bob.principal]
    assert home[shared][D + "current-user-privilege-set"].element.find(f".//{D}write") is not None
    assert home[shared][D + "current-user-privilege-set"].element.find(f".//{D}write-acl") is None


def test_both_see_the_same_items_with_the_same_tags_and_tokens(ann: Client, bob: Client, shared: str) -> None:
    assert bob.get(shared + "one.ics").body == event("SUMMARY:one")
    assert bob.token(shared) == ann.token(ann.calendar)
    token = ann.token(ann.calendar)
    assert bob.put(shared + "two.ics", event(uid="two")).status == 201
    assert ann.sync(ann.calendar, token).hrefs == [ann.calendar + "two.ics"]
    assert ann.get(ann.calendar + "two.ics").etag == bob.get(shared + "two.ics").etag
    assert ann.delete(ann.calendar + "one.ics").status == 204
    assert bob.sync(shared, token).hrefs == [shared + "two.ics", shared + "one.ics"]


def test_reports_answer_with_the_sharee_s_hrefs(bob: Client, shared: str) -> None:
    query = (
        "<c:calendar-query><d:prop><d:getetag/><c:calendar-data/></d:prop>"
        '<c:filter><c:comp-filter name="VCALENDAR"/></c:filter></c:calendar-query>'
    )
    assert bob.report(shared, query).hrefs == [shared + "one.ics"]
    assert bob.report(bob.calendar_home, query, depth="infinity").hrefs == [shared + "one.ics"]
    multiget = f"<c:calendar-multiget><d:prop><d:getetag/></d:prop><d:href>{shared}one.ics</d:href>"
    assert bob.report(shared, multiget + "</c:calendar-multiget>").one[D + "getetag"].status == 200


# -- what each may do


@pytest.mark.parametrize(("access", "status"), [("read", 403), ("read-write", 204)])
def test_read_is_not_write(ann: Client, bob: Client, access: str, status: int) -> None:
    ann.put(ann.calendar + "one.ics", event())
    share(ann, ann.calendar, "bob", access)
    path = bob.calendar_home + MINE
    assert bob.put(path + "one.ics", event("SUMMARY:x")).status == status
    assert (bob.put(path + "two.ics", event(uid="2")).status == 403) == (access == "read")
    assert bob.delete(path + "one.ics").status == status
    assert bob.put(ann.calendar + "three.ics", event(uid="3")).status == (403 if access == "read" else 201)


def test_read_only_calendars_say_so_to_thunderbird(ann: Client, bob: Client) -> None:
    """It looks for write, write-content, write-properties or all."""
    share(ann, ann.calendar, "bob", "read")
    told = bob.prop(bob.calendar_home + MINE, D + "current-user-privilege-set").element
    assert not {one[0].tag for one in told} & {
        D + "write",
        D + "write-content",
        D + "write-properties",
        D + "all",
    }


@pytest.mark.parametrize("access", ["read", "read-write"])
def test_a_sharee_neither_passes_it_on_nor_gives_access_nor_takes_it_away(
    ann: Client, bob: Client, eve: Client, access: str
) -> None:
    share(ann, ann.calendar, "bob", access)
    for path in (bob.calendar_home + MINE, ann.calendar):
        assert share(bob, path, "eve").status == 403
        assert revoke(bob, path, "bob").status == 403
        assert bob.grant(path, "eve", D + "read").status == 403
        assert bob.transfer("MOVE", path, bob.calendar_home + "mine/").status == 403
    assert listed(eve, eve.calendar_home) == [eve.calendar]
    assert bob.delete(ann.calendar).status == 403


def test_what_the_sharee_sets_is_his_own(ann: Client, bob: Client, shared: str) -> None:
    ann.proppatch(ann.calendar, "<ic:calendar-color>#111111</ic:calendar-color>")
    setting = (
        "<d:displayname>Ann's things</d:displayname><ic:calendar-color>#222222</ic:calendar-color>"
        "<ic:calendar-order>7</ic:calendar-order><c:calendar-description>hers</c:calendar-description>"
        "<c:schedule-calendar-transp><c:opaque/></c:schedule-calendar-transp><x:mine>1</x:mine>"
    )
    assert bob.proppatch(shared, setting).status == 207
    names = (D + "displayname", IC + "calendar-color", IC + "calendar-order", "{urn:example:x}mine")
    own = bob.propfind(bob.calendar_home, *names, depth="1").members[shared]
    assert [own[name].text for name in names] == ["Ann's things", "#222222", "7", "1"]
    assert bob.propfind(shared, *names).one[D + "displayname"].text == "Ann's things"
    hers = ann.propfind(ann.calendar, *names).one
    assert hers[D + "displayname"].text == "Calendar"
    assert hers[IC + "calendar-color"].text == "#111111"
    assert hers.missing == {IC + "calendar-order", "{urn:example:x}mine"}


def test_a_reader_may_colour_it_too(ann: Client, bob: Client) -> None:
    share(ann, ann.calendar, "bob", "read")
    path = bob.calendar_home + MINE
    answer = bob.proppatch(path, "<d:displayname>mine</d:displayname>")
    assert answer.one[D + "displayname"].status == 200
    assert bob.prop(path, D + "displayname").text == "mine"
    assert bob.proppatch(path + "one.ics", "<x:a/>").status in (403, 404)


def test_what_was_removed_is_as_the_owner_has_it(ann: Client, bob: Client, shared: str) -> None:
    bob.proppatch(shared, "<d:displayname>mine</d:displayname>")
    bob.proppatch(shared, removing="<d:displayname/>")
    ann.proppatch(ann.calendar, "<d:displayname>Hers</d:displayname>")
    assert bob.prop(shared, D + "displayname").text == "Hers"


def test_a_zone_of_one_s_own_is_whole(ann: Client, bob: Client, shared: str) -> None:
    zone = "<c:calendar-timezone-id>Europe/{}</c:calendar-timezone-id>"
    ann.proppatch(ann.calendar, zone.format("Vienna"))
    assert bob.prop(shared, C + "calendar-timezone-id").text == "Europe/Vienna"
    bob.proppatch(shared, zone.format("London"))
    assert "London" in bob.prop(shared, C + "calendar-timezone").text
    assert ann.prop(ann.calendar, C + "calendar-timezone-id").text == "Europe/Vienna"


def test_the_owner_s_quota_counts_and_is_not_told(ann: Client, bob: Client, shared: str) -> None:
    assert bob.prop(shared, D + "quota-used-bytes").status == 404
    before = int(bob.prop(bob.calendar, D + "quota-used-bytes").text)
    bob.put(shared + "two.ics", event(uid="two"))
    assert int(bob.prop(bob.calendar, D + "quota-used-bytes").text) == before


# -- coming and going


def test_revocation_works_at_once_and_the_answer_is_that_to_strangers(
    ann: Client, bob: Client, eve: Client, shared: str
) -> None:
    token, ctag = bob.token(shared), bob.prop(bob.calendar_home, CS + "getctag").text
    assert revoke(ann, ann.calendar, "bob").status == 200
    assert listed(bob, bob.calendar_home) == [bob.calendar]
    assert bob.sync(shared, token).status == 404
    assert bob.sync(ann.calendar, token).status == eve.sync(ann.calendar, token).status == 403
    assert bob.get(shared + "one.ics").status == 404
    assert bob.prop(bob.calendar_home, CS + "getctag").text != ctag


def test_the_home_s_tag_changes_with_what_is_shared(ann: Client, bob: Client, eve: Client) -> None:
    def tag() -> str:
        return bob.prop(bob.calendar_home, CS + "getctag").text

    seen, others = [tag()], eve.prop(eve.calendar_home, CS + "getctag").text
    share(ann, ann.calendar, "bob", "read")
    seen.append(tag())
    share(ann, ann.calendar, "bob", "read-write")
    seen.append(tag())
    ann.put(ann.calendar + "one.ics", event())
    seen.append(tag())
    bob.proppatch(bob.calendar_home + MINE, "<d:displayname>x</d:displayname>")
    seen.append(tag())
    assert len(set(seen)) == len(seen)
    assert eve.prop(eve.calendar_home, CS + "getctag").text == others


def test_delete_takes_it_out_of_the_home_and_harms_nothing(ann: Client, bob: Client, shared: str) -> None:
    assert bob.delete(shared).status == 204
    assert listed(bob, bob.calendar_home) == [bob.calendar]
    assert bob.get(ann.calendar + "one.ics").status == 403
    assert ann.get(ann.calendar + "one.ics").status == 200
    user = ann.prop(ann.calendar, CS + "invite").element.find(CS + "user")
    assert user.find(CS + "invite-declined") is not None


def test_a_group_s_members_see_it_from_joining_to_leaving(
    ann: Client, bob: Client, eve: Client, store: Store, people: dict[str, int]
) -> None:
    group(store, "family", people["bob"])
    ann.put(ann.calendar + "one.ics", event())
    assert share(ann, ann.calendar, "family", "read").status == 200
    assert bob.get(bob.calendar_home + MINE + "one.ics").status == 200
    assert listed(eve, eve.calendar_home) == [eve.calendar]
    group(store, "family", people["bob"], people["eve"])
    assert eve.get(eve.calendar_home + MINE + "one.ics").status == 200
    group(store, "family", people["eve"])
    assert bob.get(bob.calendar_home + MINE + "one.ics").status == 404
    assert listed(bob, bob.calendar_home) == [bob.calendar]
    assert bob.propfind(ann.calendar, D + "displayname").status == 403
    assert revoke(ann, ann.calendar, "family").status == 200
    assert listed(eve, eve.calendar_home) == [eve.calendar]


def test_who_has_it_twice_has_the_most_of_it(
    ann: Client, bob: Client, store: Store, people: dict[str, int]
) -> None:
    group(store, "family", people["bob"])
    share(ann, ann.calendar, "family", "read-write")
    share(ann, ann.calendar, "bob", "read")
    assert listed(bob, bob.calendar_home) == [bob.calendar, bob.calendar_home + MINE]
    assert bob.put(bob.calendar_home + MINE + "one.ics", event()).status == 201
    revoke(ann, ann.calendar, "family")
    assert bob.get(bob.calendar_home + MINE + "one.ics").status == 200
    assert bob.delete(bob.calendar_home + MINE + "one.ics").status == 403


def test_the_owner_in_the_group_has_his_own_once(
    ann: Client, bob: Client, store: Store, people: dict[str, int]
) -> None:
    group(store, "family", people["ann"], people["bob"])
    share(ann, ann.calendar, "family", "read")
    assert listed(ann, ann.calendar_home) == [ann.calendar]
    assert ann.put(ann.calendar + "one.ics", event()).status == 201


def test_access_lists_and_shares_add_up(ann: Client, bob: Client) -> None:
    share(ann, ann.calendar, "bob", "read")
    ann.grant(ann.calendar, "bob", D + "write-content", D + "bind")
    path = bob.calendar_home + MINE
    assert bob.put(path + "one.ics", event()).status == 201
    aces = ann.prop(ann.calendar, D + "acl").element
    assert [one.find(D + "protected") is not None for one in aces] == [True, False, True]
    ann.request("ACL", ann.calendar, xml("<d:acl/>"))
    assert bob.get(path + "one.ics").status == 200
    assert bob.put(path + "one.ics", event("SUMMARY:x")).status == 403


def test_a_name_that_is_taken_is_not_taken_away(ann: Client, bob: Client) -> None:
    bob.mkcalendar(bob.calendar_home + MINE)
    share(ann, ann.calendar, "bob")
    (own, other) = (href for href in listed(bob, bob.calendar_home) if href != bob.calendar)
    assert own == bob.calendar_home + MINE
    assert other.startswith(bob.calendar_home + "ann-default-")
    assert bob.prop(own, D + "owner").hrefs == [bob.principal]
    assert bob.prop(other, D + "owner").hrefs == [ann.principal]


def test_a_new_calendar_does_not_fall_on_a_hidden_share(ann: Client, bob: Client, shared: str) -> None:
    assert bob.mkcalendar(shared).status == 403
    bob.delete(shared)
    assert bob.mkcalendar(shared).status == 201
    revoke(ann, ann.calendar, "bob")
    share(ann, ann.calendar, "bob")
    assert len(listed(bob, bob.calendar_home)) == 3


def test_locks_hold_at_both_addresses(ann: Client, bob: Client, shared: str) -> None:
    _, token = bob.lock(shared + "one.ics")
    assert ann.put(ann.calendar + "one.ics", event("SUMMARY:x")).status == 423
    assert bob.put(shared + "one.ics", event("SUMMARY:x"), **{"if": f"(<{token}>)"}).status == 204
    discovery = bob.propfind(bob.calendar_home, D + "lockdiscovery", depth="1").members[shared]
    assert len(discovery[D + "lockdiscovery"].element) == 0
    assert len(ann.prop(ann.calendar + "one.ics", D + "lockdiscovery").element) == 1
    assert bob.request("UNLOCK", shared + "one.ics", lock_token=f"<{token}>").status == 204
    assert ann.put(ann.calendar + "one.ics", event("SUMMARY:y")).status == 204


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_items_go_between_one_s_own_and_what_is_shared(
    ann: Client, bob: Client, shared: str, method: str
) -> None:
    bob.put(bob.calendar + "two.ics", event(uid="two"))
    assert bob.transfer(method, bob.calendar + "two.ics", shared + "two.ics").status == 201
    assert ann.get(ann.calendar + "two.ics").status == 200
    assert bob.transfer(method, shared + "one.ics", bob.calendar + "one.ics").status == 201
    assert ann.get(ann.calendar + "one.ics").status == (200 if method == "COPY" else 404)
    assert bob.transfer(method, shared + "two.ics", ann.calendar + "two.ics").status == 403, "it is the same"


def test_what_is_shared_does_not_make_one_busy_unless_one_says_so(
    ann: Client, bob: Client, shared: str
) -> None:
    ann.put(ann.calendar + "two.ics", event("DURATION:PT1H", uid="two"))
    window = '<c:time-range start="20260501T000000Z" end="20260601T000000Z"/>'
    busy = f"<c:free-busy-query>{window}</c:free-busy-query>"
    assert "FREEBUSY" not in bob.report(bob.calendar_home, busy, depth="infinity").text.replace(
        "VFREEBUSY", ""
    )
    bob.proppatch(shared, "<c:schedule-calendar-transp><c:opaque/></c:schedule-calendar-transp>")
    assert "\nFREEBUSY" in bob.report(bob.calendar_home, busy, depth="infinity").text


def test_the_account_of_a_sharee_or_owner_goes_without_a_trace(
    ann: Client, bob: Client, shared: str, store: Store, people: dict[str, int]
) -> None:
    from davserver.storage import principals

    bob.proppatch(shared, "<x:mine/>")
    with store.write() as tx:
        principals.remove(tx, people["bob"])
    types = ann.prop(ann.calendar, D + "resourcetype").names
    assert types == [D + "collection", C + "calendar"]


# -- eve


def _body(method: str) -> bytes:
    texts = {
        "PROPFIND": "<d:propfind><d:allprop/></d:propfind>",
        "PROPPATCH": "<d:propertyupdate><d:set><d:prop><x:a/></d:prop></d:set></d:propertyupdate>",
        "REPORT": "<d:sync-collection><d:sync-token/><d:prop/></d:sync-collection>",
        "ACL": "<d:acl/>",
        "POST": "<cs:share><cs:set><d:href>mailto:eve@example.org</d:href><cs:read/></cs:set></cs:share>",
    }
    return xml(texts[method]) if method in texts else event() if method == "PUT" else b""


@pytest.mark.parametrize("method", list(METHODS))
def test_eve_cannot_tell_what_is_shared_with_bob(bob: Client, eve: Client, shared: str, method: str) -> None:
    def ask(path: str) -> tuple[Any, ...]:
        kind = "application/xml" if method == "POST" else "text/calendar"
        headers = {"depth": "0", "destination": eve.calendar + "x.ics", "content_type": kind}
        answer = eve.request(method, path, _body(method), **headers)
        told = [one for one in answer.headers if one[0] != "Content-Length"]
        return answer.status, told, answer.body.replace(path.rstrip("/").encode(), b"").replace(b"/<", b"<")

    there = ask(shared)
    assert there[0] == 403
    assert ask(bob.calendar_home + "none/") == there
    assert ask(shared + "one.ics") == ask(bob.calendar_home + "none/none.ics")


# -- cost


def test_what_is_shared_costs_a_constant_number_of_statements(
    ann: Client, bob: Client, eve: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (
        D + "displayname",
        D + "owner",
        D + "resourcetype",
        D + "quota-used-bytes",
        CS + "invite",
        "{urn:example:x}a",
    )

    def cost(path: str, depth: str = "1") -> int:
        counts = []
        for _ in range(2):  # every few seconds one request also looks whether the settings have changed
            with counted(store, monkeypatch) as seen:
                assert bob.propfind(path, *names, depth=depth).status == 207
            counts.append(seen[0])
        return min(counts)

    share(ann, ann.calendar, "bob")
    share(eve, eve.calendar, "bob")
    path = bob.calendar_home + MINE
    cost(bob.calendar_home)
    home, one = cost(bob.calendar_home), cost(path, "0")
    for number in range(5):
        for owner in (ann, eve):
            owner.mkcalendar(f"{owner.calendar_home}{number}/")
            share(owner, f"{owner.calendar_home}{number}/", "bob")
    assert len(listed(bob, bob.calendar_home)) == 13
    assert cost(bob.calendar_home) == home
    assert cost(path, "0") == one


def test_a_home_without_shares_asks_one_question_more(
    client: MakeClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = client("bob")
    bob.propfind(bob.calendar_home, D + "displayname", depth="1")
    costs = []
    for _ in range(2):  # as above
        with counted(store, monkeypatch) as seen:
            bob.propfind(bob.calendar_home, D + "displayname", depth="1")
        costs.append(seen[0])
    assert min(costs) == 3, "who asks, his own, what others share"
