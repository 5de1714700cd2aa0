"""Properties of access control and principals: RFC 3744, RFC 5397."""

from __future__ import annotations

import pytest

from davserver.model import NewPrincipal, PrincipalKind
from davserver.protocol import access
from davserver.storage import Store, principals
from tests.content.objects import card, event
from tests.davclient import Client, D

PLACES = ["root", "principal", "calendar_home", "calendar", "book_home", "book"]


@pytest.mark.parametrize("place", PLACES)
def test_everything_says_who_is_asking_and_where_principals_are(ann: Client, place: str) -> None:
    found = ann.propfind(
        getattr(ann, place), D + "current-user-principal", D + "principal-collection-set"
    ).one
    assert found[D + "current-user-principal"].hrefs == [ann.principal]
    assert found[D + "principal-collection-set"].hrefs == [ann.root + "principals/"]


def test_items_say_so_too(ann: Client) -> None:
    ann.put(ann.book + "one.vcf", card())
    found = ann.propfind(ann.book + "one.vcf", D + "current-user-principal", D + "owner").one
    assert found[D + "current-user-principal"].hrefs == found[D + "owner"].hrefs == [ann.principal]


def test_the_owner_is_the_owner_whoever_asks(ann: Client, bob: Client) -> None:
    ann.grant(ann.calendar, "bob", D + "read")
    found = bob.propfind(ann.calendar, D + "owner", D + "current-user-principal").one
    assert found[D + "owner"].hrefs == [ann.principal]
    assert found[D + "current-user-principal"].hrefs == [bob.principal]


def test_a_principal_s_addresses(ann: Client) -> None:
    assert ann.prop(ann.principal, D + "principal-URL").hrefs == [ann.principal]
    assert ann.prop(ann.principal, D + "alternate-URI-set").hrefs == ["mailto:ann@example.org"]


def test_groups_and_members(ann: Client, store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        group = principals.add(tx, NewPrincipal("family", PrincipalKind.GROUP, "The family"))
        principals.set_members(tx, group.id, [people["ann"], people["bob"]])
    path = ann.root + "principals/family/"
    assert ann.prop(ann.principal, D + "group-membership").hrefs == [path]
    assert ann.prop(path, D + "group-member-set").hrefs == [ann.principal, ann.root + "principals/bob/"]
    assert ann.prop(ann.principal, D + "group-member-set").hrefs == []
    assert ann.propfind(ann.root + "principals/", D + "displayname", depth="1").names == {
        "principals",
        "ann",
        "family",
    }


def test_the_tree_of_privileges_holds_every_privilege_once(ann: Client) -> None:
    element = ann.prop(ann.calendar, D + "supported-privilege-set").element
    names = [one[0].tag for one in element.iter(D + "privilege")]
    assert len(names) == len(set(names))
    assert set(names) == access.ALL
    assert all(one.find(D + "description") is not None for one in element.iter(D + "supported-privilege"))


def test_privileges_that_are_granted_are_in_the_tree(ann: Client) -> None:
    tree = ann.prop(ann.calendar, D + "supported-privilege-set").element
    known = {one[0].tag for one in tree.iter(D + "privilege")}
    mine = {one[0].tag for one in ann.prop(ann.calendar, D + "current-user-privilege-set").element}
    assert mine <= known


def test_what_others_may_do_with_a_principal_is_to_read_it(ann: Client, bob: Client) -> None:
    mine = {one[0].tag for one in bob.prop(ann.principal, D + "current-user-privilege-set").element}
    assert D + "read" in mine
    assert D + "write" not in mine


def test_each_item_shows_the_privileges_of_its_collection(ann: Client, bob: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.grant(ann.calendar, "bob", D + "read", D + "write-content")
    name = D + "current-user-privilege-set"
    members = bob.propfind(ann.calendar, name, depth="1").members.values()
    shown = [sorted(one[0].tag for one in member[name].element) for member in members]
    assert shown[0] == shown[1]


def test_restrictions_and_inheritance(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    assert ann.prop(ann.calendar, D + "acl-restrictions").names == [D + "grant-only", D + "no-invert"]
    assert ann.prop(ann.calendar, D + "inherited-acl-set").hrefs == []
    assert ann.prop(ann.calendar + "one.ics", D + "inherited-acl-set").hrefs == [ann.calendar]


def test_the_owner_s_entry_is_protected(ann: Client) -> None:
    (ace,) = ann.prop(ann.calendar, D + "acl").element
    assert ace.find(D + "protected") is not None
    assert ace.find(f"{D}principal/{D}property/{D}owner") is not None
