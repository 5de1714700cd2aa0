"""What servers answer is read tolerantly: hrefs, entity tags, propstats in any order, responses twice."""

from __future__ import annotations

import pytest

from davserver import davxml
from davserver.davxml import DAV
from davserver.errors import HttpError
from davserver.sync.multistatus import clean_etag, is_strong, normal_href, parse, precondition_of
from davserver.sync.problems import Problem, RemoteError

BASE = "https://dav.example.org/home/"


def multistatus(*responses: str, tail: str = "") -> bytes:
    return f'<d:multistatus xmlns:d="DAV:">{"".join(responses)}{tail}</d:multistatus>'.encode()


def response(href: str, inner: str) -> str:
    return f"<d:response><d:href>{href}</d:href>{inner}</d:response>"


def found(prop: str, status: str = "HTTP/1.1 200 OK") -> str:
    return f"<d:propstat><d:prop>{prop}</d:prop><d:status>{status}</d:status></d:propstat>"


@pytest.mark.parametrize(
    ("href", "normal"),
    [
        ("/a/b.ics", "/a/b.ics"),
        ("b.ics", "/home/b.ics"),
        ("https://dav.example.org/a/b.ics", "/a/b.ics"),
        ("https://dav.example.org:443/a/b.ics", "/a/b.ics"),
        ("https://DAV.example.org/a/", "/a/"),
        ("https://p01.example.net/a/b.ics", "https://p01.example.net/a/b.ics"),
        ("/ann%40example.org/x%20y.ics", "/ann@example.org/x%20y.ics"),
        ("/ann@example.org/x y.ics", "/ann@example.org/x%20y.ics"),
        ("/a%2Fb.ics", "/a%2Fb.ics"),
        ("/%C3%A4.ics", "/%C3%A4.ics"),
        ("/ä.ics", "/%C3%A4.ics"),
        ("/%7eann/", "/~ann/"),
    ],
)
def test_hrefs_have_one_spelling(href: str, normal: str) -> None:
    assert normal_href(BASE, href) == normal
    assert normal_href(BASE, normal) == normal


@pytest.mark.parametrize(
    ("sent", "clean"),
    [
        ('"1"', '"1"'),
        ("1", '"1"'),
        ('W/"1"', 'W/"1"'),
        ("%221%22", '"1"'),
        ('"1-gzip"', '"1"'),
        (' "1" ', '"1"'),
        ('""', ""),
        ("", ""),
    ],
)
def test_entity_tags_are_cleaned(sent: str, clean: str) -> None:
    assert clean_etag(sent) == clean


def test_only_strong_tags_go_into_if_match() -> None:
    assert is_strong('"1"')
    assert not is_strong('W/"1"')
    assert not is_strong("")


def test_a_propstat_with_404_may_come_first() -> None:
    body = multistatus(
        response(
            "/a.ics", found("<d:displayname/>", "HTTP/1.1 404 Not Found") + found("<d:getetag>1</d:getetag>")
        )
    )
    member = parse(body, BASE).members["/a.ics"]
    assert (member.status, member.text(f"{DAV}getetag")) == (200, "1")
    assert f"{DAV}displayname" not in member.props


def test_a_propstat_without_status_is_taken_and_a_missing_tag_is_no_error() -> None:
    body = multistatus(
        response("/a.ics", "<d:propstat><d:prop><d:getetag>1</d:getetag></d:prop></d:propstat>"),
        response("/b.ics", found("<d:getetag/>", "HTTP/1.1 404 Not Found")),
    )
    members = parse(body, BASE).members
    assert members["/a.ics"].text(f"{DAV}getetag") == "1"
    assert (members["/b.ics"].status, members["/b.ics"].text(f"{DAV}getetag")) == (404, "")


def test_a_response_that_comes_twice_counts_once_with_what_it_says() -> None:
    full = response("/a%40b.ics", found("<d:getetag>1</d:getetag><d:displayname>x</d:displayname>"))
    poor = response("https://dav.example.org/a@b.ics", found("<d:getetag>1</d:getetag>"))
    for body in (multistatus(full, poor), multistatus(poor, full)):
        (member,) = parse(body, BASE).members.values()
        assert member.text(f"{DAV}displayname") == "x"


def test_statuses_of_removed_members_and_the_token_are_read() -> None:
    body = multistatus(
        response("/gone.ics", "<d:status>HTTP/1.1 404 Not Found</d:status>"),
        response("/home/", "<d:status>HTTP/1.1 507 Insufficient Storage</d:status>"),
        tail="<d:sync-token> t1 </d:sync-token>",
    )
    answer = parse(body, BASE)
    assert [one.status for one in answer.members.values()] == [404, 507]
    assert answer.sync_token == "t1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html/>",
        multistatus(response("/a", ""))[:-10],
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
        b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>&b;</d:href></d:response></d:multistatus>',
        b"\xff\xfe\x00",
    ],
    ids=["empty", "html", "cut", "billion laughs", "no text"],
)
def test_anything_else_is_a_readable_error(body: bytes) -> None:
    with pytest.raises(RemoteError) as caught:
        parse(body, BASE)
    assert caught.value.problem is Problem.GARBLED


def test_the_precondition_of_an_error_is_read_from_any_body() -> None:
    inner = b'<x:no-uid-conflict xmlns:x="urn:x"><d:href>/a</d:href></x:no-uid-conflict>'
    body = b'<d:error xmlns:d="DAV:">' + inner + b"</d:error>"
    assert precondition_of(body) == ("{urn:x}no-uid-conflict", ("/a",))
    assert precondition_of(b"Not Found") == precondition_of(b"<html/>") == precondition_of(b"") == ("", ())


@pytest.mark.parametrize("most", [8, 64, 250])
def test_what_is_nested_too_deeply_is_refused_at_the_very_level(most: int) -> None:
    assert davxml.parse(b"<a>" * most + b"</a>" * most, most) is not None
    with pytest.raises(HttpError, match="nested"):
        davxml.parse(b"<a>" * (most + 1) + b"</a>" * (most + 1), most)
