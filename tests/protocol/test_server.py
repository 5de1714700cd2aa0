"""The pipeline: bodies and their limits, methods nobody knows, compression, streaming, sign-in."""

from __future__ import annotations

import io
from typing import Any

import pytest

from davserver.app import Server
from davserver.protocol.methods import METHODS
from tests.content.objects import card, event
from tests.davclient import CR, Client, D, MakeClient, MakeServer, gunzip, xml


def raw(client: Client, method: str, path: str, **variables: Any) -> Any:
    """A request whose environ is changed by hand."""
    environ = client._environ(method, path, b"")
    environ.update(variables)
    return client.send(environ)


@pytest.mark.parametrize(
    "method", ["TRACE", "PATCH", "BIND", "propfind", "X" * 300, "SEARCH", "MKREDIRECTREF"]
)
def test_a_method_that_nobody_knows_is_refused_and_told_what_is_allowed(ann: Client, method: str) -> None:
    answer = ann.request(method, ann.calendar)
    assert answer.status in (405, 501)
    assert "PROPFIND" in (answer.header("Allow") or "")


XML_METHODS = ["PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "MKCALENDAR", "ACL", "LOCK"]
BROKEN_XML = {
    "no XML": b"rubbish",
    "not closed": b"<d:propfind xmlns:d='DAV:'>",
    "unknown prefix": b"<d:propfind/>",
    "two roots": xml("<d:a/>") + b"<b/>",
    "NUL": xml("<d:a>x\0y</d:a>"),
    "wrong encoding": b'<?xml version="1.0" encoding="utf-8"?><a>\xff</a>',
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?><a/>',
    "deep": xml("<d:a>" + "<d:b>" * 200 + "</d:b>" * 200 + "</d:a>"),
    "very deep": xml("<d:a>" + "<d:b>" * 50_000 + "</d:b>" * 50_000 + "</d:a>"),
    "entity": b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    "laughs": b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>',
    "doctype": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
}


@pytest.mark.parametrize("case", BROKEN_XML)
@pytest.mark.parametrize("method", XML_METHODS)
def test_broken_or_hostile_xml_is_refused(ann: Client, method: str, case: str) -> None:
    path = ann.calendar_home + "new/" if method.startswith("MK") else ann.calendar
    answer = ann.request(method, path, BROKEN_XML[case], depth="0")
    assert answer.status in (400, 403, 415), (answer.status, answer.body)
    if case in ("entity", "laughs", "doctype"):
        assert answer.error in (D + "no-external-entities", None)
    assert b"root:" not in answer.body


def test_comments_and_instructions_in_xml_are_nothing(ann: Client) -> None:
    body = xml("<d:propfind><!-- x --><d:prop><?pi?><d:displayname/><!-- y --></d:prop></d:propfind>")
    assert set(ann.request("PROPFIND", ann.calendar, body, depth="0").one.props) == {D + "displayname"}


def test_xml_in_utf_16_and_latin_1_is_read(ann: Client) -> None:
    for encoding in ("utf-16", "iso-8859-1"):
        text = f'<?xml version="1.0" encoding="{encoding}"?><d:propertyupdate xmlns:d="DAV:"><d:set><d:prop>'
        text += "<d:displayname>Bürö</d:displayname></d:prop></d:set></d:propertyupdate>"
        assert ann.request("PROPPATCH", ann.calendar, text.encode(encoding)).status == 207
        assert ann.prop(ann.calendar, D + "displayname").text == "Bürö"
        ann.proppatch(ann.calendar, "<d:displayname>x</d:displayname>")


class Unread(io.BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Nobody may."""
        raise AssertionError("the body was read")


@pytest.mark.parametrize("method", ["PUT", "PROPFIND", "REPORT", "POST"])
def test_an_oversized_body_is_refused_unread(ann: Client, method: str) -> None:
    path = ann.calendar + "one.ics" if method == "PUT" else ann.calendar
    variables = {"CONTENT_LENGTH": str(10**12), "wsgi.input": Unread(), "CONTENT_TYPE": "text/calendar"}
    assert raw(ann, method, path, **variables).status == 413


def test_an_oversized_xml_is_refused(make_server: MakeServer) -> None:
    ann = Client(make_server(limits={"xml_size": 2000}), "ann")
    assert ann.proppatch(ann.calendar, f"<x:a>{'v' * 3000}</x:a>").status == 413


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "٣", "+5", " 5", "0x10"])
def test_a_content_length_that_is_no_number_is_400(ann: Client, length: str) -> None:
    assert raw(ann, "PUT", ann.calendar + "one.ics", CONTENT_LENGTH=length).status == 400


def test_a_body_that_ends_early_is_400_and_stores_nothing(ann: Client) -> None:
    body = event()
    variables = {"CONTENT_LENGTH": str(len(body) + 10), "wsgi.input": io.BytesIO(body)}
    assert raw(ann, "PUT", ann.calendar + "one.ics", CONTENT_TYPE="text/calendar", **variables).status == 400
    assert ann.get(ann.calendar + "one.ics").status == 404


def test_a_body_without_a_length_is_read_to_its_end(ann: Client) -> None:
    """macOS sends PUT in chunks; servers that undo them say wsgi.input_terminated."""
    variables = {"CONTENT_LENGTH": "", "wsgi.input": io.BytesIO(event()), "wsgi.input_terminated": True}
    answer = raw(ann, "PUT", ann.calendar + "one.ics", CONTENT_TYPE="text/calendar", **variables)
    assert answer.status == 201
    assert ann.get(ann.calendar + "one.ics").body == event()


def test_an_endless_body_without_a_length_is_cut_off(make_server: MakeServer) -> None:
    small = {"max_resource_size": 2000}
    ann = Client(make_server(caldav=small, carddav=small), "ann")
    variables = {"CONTENT_LENGTH": "", "wsgi.input": io.BytesIO(b"x" * 10_000), "wsgi.input_terminated": True}
    assert raw(ann, "PUT", ann.calendar + "one.ics", **variables).status == 413


# -- compression and streaming


def test_long_answers_are_compressed_for_who_takes_it(ann: Client) -> None:
    """Thunderbird sends all four."""
    for number in range(20):
        ann.put(f"{ann.calendar}{number}.ics", event(uid=str(number)))
    accepted = "gzip, deflate, br, zstd"
    plain = ann.propfind(ann.calendar, D + "getetag", depth="1")
    packed = ann.propfind(ann.calendar, D + "getetag", depth="1", accept_encoding=accepted)
    assert plain.header("Content-Encoding") is None
    assert gunzip(packed) == plain.body
    assert "Accept-Encoding" in (packed.header("Vary") or "")
    assert (
        ann.propfind(ann.calendar, D + "displayname", accept_encoding=accepted).header("Content-Encoding")
        is None
    )


def test_items_with_a_strong_tag_are_never_compressed(ann: Client) -> None:
    ann.put(ann.book + "one.vcf", card("NOTE:" + "x" * 5000))
    answer = ann.get(ann.book + "one.vcf", accept_encoding="gzip")
    assert answer.header("Content-Encoding") is None
    assert answer.body == card("NOTE:" + "x" * 5000)


@pytest.mark.parametrize("accept", ["gzip;q=0", "identity", "br", "gzip;q=0.0, *"])
def test_who_refuses_gzip_gets_none(ann: Client, accept: str) -> None:
    for number in range(20):
        ann.put(f"{ann.calendar}{number}.ics", event(uid=str(number)))
    answer = ann.propfind(ann.calendar, D + "getetag", depth="1", accept_encoding=accept)
    assert answer.header("Content-Encoding") is None


@pytest.mark.parametrize("accept", [None, "gzip"])
def test_an_answer_of_many_megabytes_is_streamed_whole(ann: Client, accept: str | None) -> None:
    big = "NOTE:" + "x" * 400_000
    for number in range(4):
        ann.put(f"{ann.book}{number}.vcf", card(big, uid=str(number)))
    answer = ann.sync(ann.book, "", D + "getetag", CR + "address-data", accept_encoding=accept)
    assert answer.header("Content-Length") is None
    body = gunzip(answer) if accept else answer.body
    assert body.count(b"x" * 400_000) == 4
    assert body.endswith(b"</d:multistatus>")


def test_a_client_that_leaves_in_the_middle_costs_no_connection(ann: Client, server: Server) -> None:
    for number in range(4):
        ann.put(f"{ann.book}{number}.vcf", card("NOTE:" + "x" * 400_000, uid=str(number)))
    body = xml("<cr:addressbook-query><d:prop><cr:address-data/></d:prop><cr:filter/></cr:addressbook-query>")
    for _ in range(100):
        environ = ann._environ("REPORT", ann.book, body)
        environ["HTTP_DEPTH"] = "1"
        pieces = server(environ, lambda status, headers, exc_info=None: lambda data: None)
        next(iter(pieces))
        pieces.close()  # type: ignore[attr-defined]
    assert server.store.busy == 0


def test_no_request_leaves_a_connection_behind(ann: Client, server: Server) -> None:
    ann.put(ann.calendar + "one.ics", event())
    for method in METHODS:
        ann.request(method, ann.calendar + "one.ics", b"rubbish")
        ann.request(method, ann.calendar)
        ann.request(method, ann.root + "nowhere")
    assert server.store.busy == 0


# -- answers


def test_an_error_is_a_dav_error_with_a_sentence_for_people(ann: Client) -> None:
    answer = ann.put(ann.calendar + "one.ics", b"rubbish")
    assert answer.header("Content-Type") == "application/xml; charset=utf-8"
    assert answer.xml.tag == D + "error"
    assert b"<!--" in answer.body


@pytest.mark.parametrize("text", ["a -- b", "x" * 5000, "]]>", "<&>", "--", "-->", "ü\0\x01"])
def test_no_content_breaks_the_xml_of_an_error(ann: Client, text: str) -> None:
    body = event(f"DTSTART;TZID={text}:20260504T100000")
    answer = ann.put(ann.calendar + "one.ics", body)
    assert answer.status == 403
    assert answer.error is not None


# -- sign-in


def test_without_a_login_every_path_asks_for_one_at_once(client: MakeClient) -> None:
    nobody = client(None)
    for path in (
        "/dav/",
        "/dav/calendars/ann/",
        "/dav/nowhere",
        "/dav.php/principals/",
        "/dav/calendars/x/y/z",
    ):
        answer = nobody.propfind(path, D + "displayname")
        assert answer.status == 401
        assert answer.header("WWW-Authenticate") == 'Basic realm="davserver", charset="UTF-8"'


@pytest.mark.parametrize(
    "value", ["Basic", "Basic !!!", "Basic YQ==", "Bearer x", "", "Basic " + "A" * 10_000, "é"]
)
def test_a_malformed_header_is_401(client: MakeClient, value: str) -> None:
    answer = raw(client(None), "PROPFIND", "/dav/", HTTP_AUTHORIZATION=value)
    assert answer.status == 401


def test_a_wrong_password_is_401(client: MakeClient) -> None:
    assert client("ann", password="wrong").propfind("/dav/", D + "displayname").status == 401
    assert client("ann").propfind("/dav/", D + "displayname").status == 207
