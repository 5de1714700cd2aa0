"""URL ↔ resource: names that clients choose, prefixes that clients came by, paths that are tricks."""

from __future__ import annotations

import pytest

from davserver.errors import HttpError
from davserver.protocol import tree
from tests.content.objects import card, event
from tests.davclient import C, Client, D, MakeClient

NAMES = {
    "spaces": "a%20b%20%20c.ics",
    "umlauts": "%C3%BCm%C3%A4.ics",
    "emoji": "%F0%9F%8E%82.ics",
    "plus": "a+b.ics",
    "and": "a&b=c.ics",
    "percent": "100%25.ics",
    "encoded percent": "%2525.ics",
    "hash and question mark": "%23%3F.ics",
    "semicolon": "a;b,c.ics",
    "at": "uid@host.ics",
    "colon": "urn:uuid:1.ics",
    "quotes": "%22'%3C%3E.ics",
    "backslash": "a%5Cb.ics",
    "newline": "a%0Ab.ics",
    "tab": "a%09b.ics",
    "tilde": "~a.ics",
    "dots": "...ics",
    "hidden": ".hidden",
    "no suffix": "5D7B6A1E-0000-4000-8000-00000000000A",
    "255 characters": "x" * 251 + ".ics",
    "255 emoji": "%F0%9F%8E%82" * 251 + ".ics",
    "decomposed": "u%CC%88.ics",
}


@pytest.mark.parametrize("case", NAMES)
def test_a_name_is_kept_as_it_was_sent(ann: Client, case: str) -> None:
    path = ann.calendar + NAMES[case]
    assert ann.put(path, event()).status == 201
    assert ann.get(path).body == event()
    (href,) = ann.sync(ann.calendar).hrefs
    assert href == path
    assert ann.propfind(ann.calendar, D + "getetag", depth="1").hrefs == [ann.calendar, path]
    assert ann.delete(href).status == 204
    assert ann.sync(ann.calendar).hrefs == []


@pytest.mark.parametrize("case", NAMES)
def test_a_collection_s_name_is_kept_as_it_was_sent(ann: Client, case: str) -> None:
    path = ann.calendar_home + NAMES[case] + "/"
    assert ann.mkcalendar(path).status == 201
    assert path in ann.propfind(ann.calendar_home, D + "displayname", depth="1").members
    assert ann.put(path + "one.ics", event()).status == 201
    assert ann.sync(path).hrefs == [path + "one.ics"]


def test_names_are_told_apart_byte_for_byte(ann: Client) -> None:
    names = ["a.ics", "A.ics", "%C3%A4.ics", "a%CC%88.ics", "a.ics%20", "%20a.ics"]
    for number, name in enumerate(names):
        assert ann.put(ann.calendar + name, event(uid=str(number))).status == 201, name
    assert ann.sync(ann.calendar).hrefs == [ann.calendar + name for name in names]
    for number, name in enumerate(names):
        assert ann.get(ann.calendar + name).body == event(uid=str(number))


@pytest.mark.parametrize("method", ["PUT", "MKCALENDAR"])
def test_256_characters_are_too_many(ann: Client, method: str) -> None:
    where = ann.calendar if method == "PUT" else ann.calendar_home
    answer = ann.request(method, where + "x" * 256, event() if method == "PUT" else b"")
    assert answer.status in (403, 414)


TRICKS = [
    "calendars/ann/default/../../bob/default/",
    "calendars/ann/default/./one.ics",
    "calendars/ann/default/%2E%2E/one.ics",
    "calendars/ann//default/",
    "calendars/ann/default/a%00b.ics",
    "calendars/ann/default/%FF.ics",
    "calendars/ann/default/%C3%28.ics",
    "calendars/ann/default/%ED%A0%80.ics",
]


@pytest.mark.parametrize("path", TRICKS)
@pytest.mark.parametrize("method", ["GET", "PUT", "PROPFIND", "DELETE", "MKCOL"])
def test_a_path_that_is_a_trick_is_400(ann: Client, method: str, path: str) -> None:
    body = event() if method == "PUT" else b""
    assert ann.request(method, ann.root + path, body, depth="0").status == 400


def test_a_slash_inside_a_name_never_reaches_somewhere_else(ann: Client) -> None:
    """WSGI decodes %2F before anybody sees it: it is a path of one more segment."""
    answer = ann.put(ann.calendar + "a%2Fb.ics", event())
    assert answer.status in (400, 403, 404, 409)
    assert ann.sync(ann.calendar).hrefs == []


def test_a_final_slash_means_nothing_in_a_request(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    for path in (ann.root, ann.calendar_home, ann.calendar, ann.principal):
        assert ann.propfind(path.rstrip("/"), D + "resourcetype").hrefs == [path]
    assert ann.get(ann.calendar + "one.ics/").status in (200, 404)


def test_an_address_outside_the_tree_is_404(ann: Client) -> None:
    for path in ("x", "principals/ann/x", "calendars/ann/default/one.ics/more", "calendar/ann/"):
        assert ann.propfind(ann.root + path, D + "displayname").status == 404


# -- prefixes


PREFIXES = ["/dav", "/dav.php", "/cal.php", "/card.php"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_hrefs_keep_the_prefix_that_the_client_came_by(client: MakeClient, prefix: str) -> None:
    ann = client("ann", prefix=prefix)
    assert ann.put(ann.calendar + "one.ics", event()).status == 201
    assert ann.prop(ann.root, D + "current-user-principal").hrefs == [ann.principal]
    assert ann.prop(ann.principal, C + "calendar-home-set").hrefs == [ann.calendar_home]
    assert ann.propfind(ann.calendar, D + "getetag", depth="1").hrefs == [
        ann.calendar,
        ann.calendar + "one.ics",
    ]
    assert ann.sync(ann.calendar).hrefs == [ann.calendar + "one.ics"]
    assert ann.prop(ann.calendar, D + "owner").hrefs == [ann.principal]
    conflict = ann.put(ann.calendar + "two.ics", event())
    assert conflict.error_hrefs == [ann.calendar + "one.ics"]


def test_all_prefixes_show_the_same_data(client: MakeClient) -> None:
    client("ann").put("/dav/calendars/ann/default/one.ics", event())
    for prefix in PREFIXES:
        assert client("ann", prefix=prefix).get(f"{prefix}/calendars/ann/default/one.ics").body == event()


MOUNTS = ["/sub", "/sub/index.cgi", "/with%20space", "/%C3%BC"]


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("prefix", ["/dav", "/dav.php"])
def test_everything_works_below_a_mount_point(client: MakeClient, mount: str, prefix: str) -> None:
    ann = client("ann", mount=mount, prefix=prefix)
    assert ann.calendar == f"{mount}{prefix}/calendars/ann/default/"
    assert ann.put(ann.calendar + "one.ics", event()).status == 201
    assert ann.prop(ann.root, D + "current-user-principal").hrefs == [ann.principal]
    assert ann.sync(ann.calendar).hrefs == [ann.calendar + "one.ics"]
    ann.mkcalendar(ann.calendar_home + "other/")
    answer = ann.transfer("MOVE", ann.calendar + "one.ics", ann.calendar_home + "other/one.ics")
    assert answer.header("Location") == ann.calendar_home + "other/one.ics"
    text = (
        "<c:calendar-multiget><d:prop><d:getetag/></d:prop>"
        f"<d:href>{ann.calendar_home}other/one.ics</d:href></c:calendar-multiget>"
    )
    assert D + "getetag" in ann.report(ann.calendar_home + "other/", text).one
    posted = ann.request("POST", ann.calendar, event(uid="posted"), content_type="text/calendar")
    assert (posted.header("Location") or "").startswith(ann.calendar)


def test_a_card_s_href_under_a_mount_point(client: MakeClient) -> None:
    ann = client("ann", mount="/sub")
    ann.put(ann.book + "one.vcf", card())
    assert ann.sync(ann.book).hrefs == ["/sub/dav/addressbooks/ann/default/one.vcf"]


# -- the functions


def test_segments_and_hrefs_are_inverse() -> None:
    for segments in ((), ("a",), ("a b", "ü"), ("100%", "a+b&c"), ("#", "?x")):
        assert tree.decode_href(tree.href_path(segments, slash=True)) == segments
        assert tree.decode_href(tree.href_path(segments, slash=False)) == segments


@pytest.mark.parametrize("path", ["/a//b", "/./a", "/a/..", "/a\0b", "//"])
def test_segments_that_are_no_names_are_refused(path: str) -> None:
    if path == "//":
        assert tree.segments_of(path) == ()
        return
    with pytest.raises(HttpError) as caught:
        tree.segments_of(path)
    assert caught.value.status == 400


def test_an_encoded_slash_never_makes_a_segment() -> None:
    with pytest.raises(HttpError):
        tree.decode_href("/calendars/ann/a%2Fb")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", tree.Kind.ROOT),
        ("/principals", tree.Kind.PRINCIPALS),
        ("/principals/a", tree.Kind.PRINCIPAL),
        ("/calendars/a", tree.Kind.CALENDAR_HOME),
        ("/calendars/a/b", tree.Kind.CALENDAR),
        ("/calendars/a/b/c", tree.Kind.EVENT),
        ("/addressbooks/a/b/c", tree.Kind.CARD),
        ("/principals/a/b", None),
        ("/calendars/a/b/c/d", None),
        ("/other", None),
    ],
)
def test_what_a_path_names(path: str, kind: tree.Kind | None) -> None:
    assert tree.kind_of(tree.segments_of(path)) is kind
