"""LOCK and UNLOCK, and what a lock forbids to whom."""

from __future__ import annotations

import pytest

from davserver.storage import Store, locks, schema
from tests.content.objects import card, event
from tests.davclient import Client, D, MakeClient, xml


@pytest.fixture
def path(ann: Client) -> str:
    """An event of ann's."""
    ann.put(ann.calendar + "one.ics", event())
    return ann.calendar + "one.ics"


def test_a_lock_is_answered_with_its_token_and_discovery(ann: Client, path: str) -> None:
    answer, token = ann.lock(path, timeout="Second-600")
    assert answer.status == 200
    assert token.startswith(("opaquelocktoken:", "urn:uuid:"))
    assert answer.xml.tag == D + "prop"
    active = answer.xml.find(f"{D}lockdiscovery/{D}activelock")
    assert active.find(f"{D}locktype/{D}write") is not None
    assert active.find(f"{D}lockscope/{D}exclusive") is not None
    assert active.findtext(D + "depth") == "0"
    assert active.findtext(D + "owner") == "ann"
    assert active.findtext(D + "timeout") == "Second-600"
    assert active.findtext(f"{D}locktoken/{D}href") == token
    assert active.findtext(f"{D}lockroot/{D}href") == path


def test_the_lock_is_discovered_until_it_is_given_up(ann: Client, path: str) -> None:
    _, token = ann.lock(path)
    assert token in ann.prop(path, D + "lockdiscovery").hrefs
    assert ann.request("UNLOCK", path, lock_token=f"<{token}>").status == 204
    assert ann.prop(path, D + "lockdiscovery").hrefs == []


def test_listing_shows_each_item_s_locks(ann: Client, path: str) -> None:
    ann.put(ann.calendar + "two.ics", event(uid="two"))
    _, token = ann.lock(path)
    members = ann.propfind(ann.calendar, D + "lockdiscovery", depth="1").members
    assert token in members[path][D + "lockdiscovery"].hrefs
    assert members[ann.calendar + "two.ics"][D + "lockdiscovery"].hrefs == []


WRITES = ["PUT", "DELETE", "MOVE", "PROPPATCH", "COPY onto"]


def write(who: Client, path: str, how: str, **headers: str) -> int:
    """Try to change an item; the status."""
    if how == "PUT":
        return who.put(path, event("SUMMARY:x"), **headers).status
    if how == "PROPPATCH":
        return who.proppatch(path, "<x:own>v</x:own>", **headers).status
    if how == "COPY onto":
        source = path.replace("one.ics", "source.ics")
        return who.transfer("COPY", source, path, **headers).status
    if how == "MOVE":
        return who.transfer("MOVE", path, path.replace("one.ics", "two.ics"), **headers).status
    return who.delete(path, **headers).status


@pytest.mark.parametrize("how", WRITES)
def test_without_its_token_nothing_changes(ann: Client, path: str, how: str) -> None:
    ann.put(ann.calendar + "source.ics", event(uid="source"))
    ann.lock(path)
    assert write(ann, path, how) == 423
    assert ann.get(path).body == event()


def test_the_refusal_names_the_lock(ann: Client, path: str) -> None:
    ann.lock(path)
    answer = ann.put(path, event("SUMMARY:x"))
    assert (answer.status, answer.error) == (423, D + "lock-token-submitted")
    assert answer.error_hrefs == [path]


@pytest.mark.parametrize("how", ["PUT", "DELETE", "MOVE", "PROPPATCH"])
def test_with_its_token_the_holder_may(ann: Client, path: str, how: str) -> None:
    _, token = ann.lock(path)
    assert write(ann, path, how, **{"if": f"(<{token}>)"}) in (201, 204, 207)


def test_a_token_does_not_help_somebody_else(client: MakeClient, path: str) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    _, token = ann.lock(path)
    assert bob.put(path, event("SUMMARY:x"), **{"if": f"(<{token}>)"}).status == 423
    assert bob.prop(path, D + "lockdiscovery").element.find(f".//{D}locktoken") is None


def test_a_wrong_token_is_412(ann: Client, path: str) -> None:
    ann.lock(path)
    answer = ann.put(path, event("SUMMARY:x"), **{"if": "(<opaquelocktoken:other>)"})
    assert answer.status == 412


def test_reading_a_locked_item_is_free(client: MakeClient, path: str) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read")
    ann.lock(path)
    assert bob.get(path).status == 200
    assert bob.propfind(path, D + "getetag").status == 207
    assert bob.transfer("COPY", path, bob.calendar + "copy.ics").status == 201


def test_a_second_exclusive_lock_is_423(client: MakeClient, path: str) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    ann.lock(path)
    for who in (ann, bob):
        for scope in ("exclusive", "shared"):
            answer, _ = who.lock(path, scope)
            assert (answer.status, answer.error) == (423, D + "no-conflicting-lock")


def test_shared_locks_are_shared_and_exclude_others(client: MakeClient, path: str) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    _, first = ann.lock(path, "shared")
    answer, second = bob.lock(path, "shared")
    assert answer.status == 200
    assert first != second
    assert ann.lock(path, "exclusive")[0].status == 423
    assert len(list(ann.prop(path, D + "lockdiscovery").element)) == 2
    assert ann.put(path, event("SUMMARY:x")).status == 423
    assert ann.put(path, event("SUMMARY:x"), **{"if": f"(<{first}>)"}).status == 204


def test_a_deep_lock_holds_for_all_below(ann: Client, path: str) -> None:
    answer, token = ann.lock(ann.calendar, depth="infinity")
    assert answer.status == 200
    assert ann.put(path, event("SUMMARY:x")).status == 423
    assert ann.put(ann.calendar + "two.ics", event(uid="two")).status == 423
    assert ann.delete(path).status == 423
    assert ann.proppatch(ann.calendar, "<d:displayname>x</d:displayname>").status == 423
    assert ann.put(path, event("SUMMARY:x"), **{"if": f"<{ann.calendar}> (<{token}>)"}).status == 204
    assert token in ann.prop(path, D + "lockdiscovery").hrefs
    assert ann.lock(path)[0].status == 423


def test_a_depth_0_lock_of_a_calendar_holds_its_members_together(ann: Client, path: str) -> None:
    _, token = ann.lock(ann.calendar, depth="0")
    assert ann.put(path, event("SUMMARY:x")).status == 204
    assert ann.put(ann.calendar + "two.ics", event(uid="two")).status == 423
    assert ann.delete(path).status == 423
    answer = ann.request("POST", ann.calendar, event(uid="three"), content_type="text/calendar")
    assert answer.status == 423
    condition = {"if": f"<{ann.calendar}> (<{token}>)"}
    assert ann.put(ann.calendar + "two.ics", event(uid="two"), **condition).status == 201


def test_a_locked_item_keeps_its_calendar_from_being_deleted(ann: Client, path: str) -> None:
    _, token = ann.lock(path)
    assert ann.delete(ann.calendar).status == 423
    assert ann.transfer("MOVE", ann.calendar, ann.calendar_home + "new/").status == 423
    assert ann.delete(ann.calendar, **{"if": f"<{path}> (<{token}>)"}).status == 204


def test_a_locked_item_keeps_its_calendar_from_a_deep_lock(ann: Client, path: str) -> None:
    ann.lock(path)
    assert ann.lock(ann.calendar, depth="infinity")[0].status in (207, 423)


def test_a_lock_is_refreshed_by_its_token(ann: Client, path: str) -> None:
    _, token = ann.lock(path, timeout="Second-60")
    answer = ann.request("LOCK", path, timeout="Second-500", **{"if": f"(<{token}>)"})
    assert answer.status == 200
    assert answer.xml.findtext(f".//{D}timeout") == "Second-500"
    assert answer.header("Lock-Token") is None


def test_a_refresh_needs_one_token_that_covers_the_resource(client: MakeClient, path: str) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    ann.put(ann.calendar + "two.ics", event(uid="two"))
    _, token = ann.lock(path)
    assert ann.request("LOCK", path).status == 400
    assert ann.request("LOCK", path, **{"if": "(<opaquelocktoken:x>)"}).status == 412
    assert ann.request("LOCK", ann.calendar + "two.ics", **{"if": f"(<{token}>)"}).status == 412
    assert bob.request("LOCK", path, **{"if": f"(<{token}>)"}).status == 412


@pytest.mark.parametrize(
    ("timeout", "granted"),
    [
        ("Second-100", 100),
        ("Infinite", locks.LONGEST),
        ("Infinite, Second-4100000000", locks.LONGEST),
        ("Second-99999999999999", locks.LONGEST),
        ("rubbish", locks.LONGEST),
        ("Second-", locks.LONGEST),
        (None, locks.LONGEST),
    ],
)
def test_timeouts(ann: Client, path: str, timeout: str | None, granted: int) -> None:
    answer, _ = ann.lock(path, timeout=timeout)
    found = int(answer.xml.findtext(f".//{D}timeout").removeprefix("Second-"))
    assert granted - 5 <= found <= granted


def test_a_lock_that_has_run_out_is_none(ann: Client, store: Store, path: str) -> None:
    _, token = ann.lock(path)
    with store.write() as tx:
        tx.execute(schema.lock.update().values(expires=1))
    assert ann.prop(path, D + "lockdiscovery").hrefs == []
    assert ann.put(path, event("SUMMARY:x")).status == 204
    assert ann.request("UNLOCK", path, lock_token=f"<{token}>").status == 409
    assert ann.lock(path)[0].status == 200


def test_what_is_not_there_is_not_locked(ann: Client) -> None:
    """RFC 4918 7.3 would have it made empty; an empty calendar object cannot be."""
    assert ann.lock(ann.calendar + "none.ics")[0].status == 409


def test_the_lock_goes_with_the_resource(ann: Client, store: Store, path: str) -> None:
    _, token = ann.lock(path)
    ann.delete(path, **{"if": f"(<{token}>)"})
    with store.read() as tx:
        assert tx.execute(schema.lock.select()).all() == []
    assert ann.put(path, event()).status == 201


def test_a_moved_resource_leaves_its_lock_behind(ann: Client, path: str) -> None:
    _, token = ann.lock(path)
    assert ann.transfer("MOVE", path, ann.calendar + "two.ics", **{"if": f"(<{token}>)"}).status == 201
    assert ann.prop(ann.calendar + "two.ics", D + "lockdiscovery").hrefs == []
    assert ann.put(ann.calendar + "two.ics", event("SUMMARY:x")).status == 204


def test_unlock_takes_the_token_of_a_lock_that_covers_the_resource(ann: Client, path: str) -> None:
    _, token = ann.lock(path)
    assert ann.request("UNLOCK", path).status == 400
    assert ann.request("UNLOCK", path, lock_token=token).status == 400
    for other in ("<opaquelocktoken:x>", "<>"):
        answer = ann.request("UNLOCK", path, lock_token=other)
        assert (answer.status, answer.error) == (409, D + "lock-token-matches-request-uri")
    ann.put(ann.book + "one.vcf", card())
    assert ann.request("UNLOCK", ann.book + "one.vcf", lock_token=f"<{token}>").status == 409
    assert ann.request("UNLOCK", path, lock_token=f"<{token}>").status == 204


def test_the_owner_of_the_tree_may_break_a_lock_a_guest_may_not(client: MakeClient, path: str) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    _, mine = ann.lock(path)
    assert bob.request("UNLOCK", path, lock_token=f"<{mine}>").status == 403
    assert ann.request("UNLOCK", path, lock_token=f"<{mine}>").status == 204
    _, his = bob.lock(path)
    assert ann.request("UNLOCK", path, lock_token=f"<{his}>").status == 204


BODIES = [
    "<d:other/>",
    "<d:lockinfo/>",
    "<d:lockinfo><d:lockscope><d:exclusive/></d:lockscope></d:lockinfo>",
    "<d:lockinfo><d:lockscope><d:both/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockinfo>",
    "<d:lockinfo><d:lockscope/><d:locktype><d:write/></d:locktype></d:lockinfo>",
    "<d:lockinfo><d:lockscope><d:shared/></d:lockscope><d:locktype><d:read/></d:locktype></d:lockinfo>",
]


@pytest.mark.parametrize("text", BODIES)
def test_another_lockinfo_is_400(ann: Client, path: str, text: str) -> None:
    assert ann.request("LOCK", path, xml(text), depth="0").status == 400


def test_a_lock_of_depth_1_is_400(ann: Client) -> None:
    assert ann.lock(ann.calendar, depth="1")[0].status == 400


def test_owner_xml_is_kept(ann: Client, path: str) -> None:
    text = (
        "<d:lockinfo><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype>"
        "<d:owner><d:href>mailto:ann@example.org</d:href> Ünï <x:deep a='1'/></d:owner></d:lockinfo>"
    )
    ann.request("LOCK", path, xml(text), depth="0")
    owner = ann.prop(path, D + "lockdiscovery").element.find(f".//{D}owner")
    assert owner.findtext(D + "href") == "mailto:ann@example.org"
    assert owner[0].tail == " Ünï "
    assert owner[1].get("a") == "1"


@pytest.mark.parametrize("name", ["default0", "default-", "default.b", "Default"])
def test_a_lock_has_nothing_to_do_with_a_neighbour_of_a_similar_name(ann: Client, name: str) -> None:
    neighbour = f"{ann.calendar_home}{name}/"
    ann.mkcalendar(neighbour)
    _, token = ann.lock(neighbour, depth="infinity")
    assert ann.put(ann.calendar + "one.ics", event()).status == 201
    assert ann.delete(ann.calendar).status == 204
    assert token in ann.prop(neighbour, D + "lockdiscovery").hrefs
