"""Conditional requests: lists of entity tags, and the If header of RFC 4918 10.4."""

from __future__ import annotations

import pytest

from davserver.errors import HttpError
from davserver.protocol.conditions import IfState, parse_if, tags_of, variant_tag
from tests.content.objects import event
from tests.davclient import Client

LISTS = [
    ('"a"', ['"a"']),
    ('"a","b"', ['"a"', '"b"']),
    (' "a" , W/"b" ', ['"a"', 'W/"b"']),
    ('"a,b", "c"', ['"a,b"', '"c"']),
    ("*", ["*"]),
    ("bare", ["bare"]),
    ("bare, other", ["bare", "other"]),
    ("", []),
    ('"open', []),
]


@pytest.mark.parametrize(("header", "tags"), LISTS)
def test_lists_of_tags(header: str, tags: list[str]) -> None:
    assert tags_of(header) == tags


def test_the_tag_of_another_form_differs() -> None:
    assert variant_tag('"a"', "jcal") not in ('"a"', variant_tag('"a"', "4.0"))
    assert variant_tag('"a"', "") == '"a"'


def state(resource: str) -> IfState:
    """A resource in state "e" with lock t; /gone is not there."""
    return IfState(None, ()) if resource == "/gone" else IfState('"e"', ("t",))


HOLDS = [
    ("(<t>)", True),
    ("(<x>)", False),
    ('(["e"])', True),
    ('(["x"])', False),
    ('(<t> ["e"])', True),
    ('(<t> ["x"])', False),
    ('(<x>) (["e"])', True),
    ("(Not <x>)", True),
    ("(Not <t>)", False),
    ("(NOT <x> <t>)", True),
    ("(Not <DAV:no-lock>)", True),
    ("(<t>) (Not <DAV:no-lock>)", True),
    ("</a> (<t>)", True),
    ("</a> (<x>) </b> (<t>)", True),
    ("</a> (<x>) (<y>)", False),
    ('</gone> (["e"])', False),
    ('</gone> (Not ["e"])', True),
    ("(<t>)(<x>)", True),
    (' \t( <t> \t["e"] ) ', True),
    ('(["e,)(f"])', False),
]


@pytest.mark.parametrize(("header", "holds"), HOLDS)
def test_an_if_header_holds_where_one_list_is_true(header: str, holds: bool) -> None:
    assert parse_if(header).holds(state) is holds


def test_all_tokens_are_submitted_whichever_list_they_are_in() -> None:
    assert parse_if('</a> (<one> ["e"]) </b> (Not <two>) (<three>)').tokens == ["one", "two", "three"]


MALFORMED = [
    "",
    "()",
    "(",
    ")",
    "(<t>",
    "<t>",
    "t",
    "(t)",
    "(<t>) </a>x",
    "((<t>))",
    "(Not)",
    '["e"]',
    "(Not Not <t>",
]


@pytest.mark.parametrize("header", MALFORMED)
def test_a_malformed_if_header_is_400(header: str) -> None:
    with pytest.raises(HttpError) as caught:
        parse_if(header)
    assert caught.value.status == 400


def test_an_if_header_with_the_tag_guards_every_method(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    for method in ("GET", "PUT", "DELETE"):
        assert ann.request(method, path, event("SUMMARY:x"), **{"if": '(["x"])'}).status == 412
    assert ann.request("GET", path, **{"if": f"([{tag}])"}).status == 200
    assert ann.put(path, event("SUMMARY:x"), **{"if": f"([{tag}])"}).status == 204


def test_an_if_header_on_another_resource(ann: Client) -> None:
    one, two = ann.calendar + "one.ics", ann.calendar + "two.ics"
    tag = ann.put(one, event()).etag
    assert ann.put(two, event(uid="two"), **{"if": f"<{one}> ([{tag}])"}).status == 201
    assert ann.put(two, event(uid="two"), **{"if": f"<http://dav.example.org{one}> ([{tag}])"}).status == 204
    assert ann.put(two, event(uid="two"), **{"if": f"<http://elsewhere.org{one}> ([{tag}])"}).status == 412
    assert ann.put(two, event(uid="two"), **{"if": '<http://[broken> (["a"])'}).status in (400, 412)


def test_a_malformed_if_header_is_400_on_a_request(ann: Client) -> None:
    assert ann.put(ann.calendar + "one.ics", event(), **{"if": "rubbish"}).status == 400
    assert ann.get(ann.calendar + "one.ics").status == 404
