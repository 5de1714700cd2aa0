"""GET and HEAD: the stored bytes, conditions, ranges, other forms."""

from __future__ import annotations

import json

import pytest

from tests.content.objects import card, event
from tests.davclient import Client


@pytest.fixture
def path(ann: Client) -> str:
    """An event of ann's."""
    ann.put(ann.calendar + "one.ics", event())
    return ann.calendar + "one.ics"


def test_an_item_comes_with_its_type_tag_and_date(ann: Client, path: str) -> None:
    answer = ann.get(path)
    assert (answer.status, answer.body) == (200, event())
    assert answer.header("Content-Type") == "text/calendar; charset=utf-8"
    assert answer.header("Last-Modified")
    assert "Accept" in (answer.header("Vary") or "")
    assert "private" in (answer.header("Cache-Control") or "")


def test_head_is_get_without_the_body(ann: Client, path: str) -> None:
    get, head = ann.get(path), ann.head(path)
    assert head.status == 200
    assert sorted(head.headers) == sorted(get.headers)
    assert head.header("Content-Length") == str(len(event()))


@pytest.mark.parametrize("name", ["none.ics", "one", "one@example.com.ics"])
def test_what_is_not_there_is_404(ann: Client, path: str, name: str) -> None:
    """Evolution tries UID.ics and UID for items it does not know."""
    assert ann.get(ann.calendar + name).status == 404
    assert ann.head(ann.calendar + name).status == 404


def test_an_item_of_a_calendar_that_is_not_there_is_404(ann: Client) -> None:
    assert ann.get(ann.calendar_home + "none/one.ics").status == 404


@pytest.mark.parametrize("form", ["{}", "W/{}", '"a", {}', "*", '"a",W/{},"b"'])
def test_if_none_match_is_answered_304(ann: Client, path: str, form: str) -> None:
    tag = ann.get(path).etag
    for method in ("GET", "HEAD"):
        answer = ann.request(method, path, if_none_match=form.format(tag))
        assert (answer.status, answer.etag) == (304, tag)
    assert ann.get(path, if_none_match='"a"').status == 200


def test_if_modified_since_is_answered_304_unless_a_tag_decides(ann: Client, path: str) -> None:
    date = ann.get(path).header("Last-Modified")
    assert ann.get(path, if_modified_since=date).status == 304
    assert ann.get(path, if_modified_since="Thu, 01 Jan 2015 00:00:00 GMT").status == 200
    assert ann.get(path, if_modified_since=date, if_none_match='"a"').status == 200
    assert ann.get(path, if_modified_since="rubbish").status == 200


def test_if_match_is_answered_412(ann: Client, path: str) -> None:
    tag = ann.get(path).etag
    assert ann.get(path, if_match='"a"').status == 412
    assert ann.get(path, if_match=f'"a", {tag}').status == 200
    assert ann.get(path, if_match="*").status == 200


def test_if_unmodified_since_is_answered_412(ann: Client, path: str) -> None:
    assert ann.get(path, if_unmodified_since="Thu, 01 Jan 2015 00:00:00 GMT").status == 412


RANGES = [
    ("bytes=0-4", 0, 5),
    ("bytes=5-", 5, None),
    ("bytes=-6", -6, None),
    ("bytes=0-99999", 0, None),
    ("bytes=10-10", 10, 11),
]


@pytest.mark.parametrize(("header", "start", "stop"), RANGES)
def test_a_range_is_answered_206(ann: Client, path: str, header: str, start: int, stop: int | None) -> None:
    answer = ann.get(path, range=header)
    assert answer.status == 206
    assert answer.body == event()[start:stop]
    assert (answer.header("Content-Range") or "").endswith(f"/{len(event())}")
    assert ann.get(path).header("Accept-Ranges") == "bytes"


def test_a_range_outside_is_416(ann: Client, path: str) -> None:
    answer = ann.get(path, range="bytes=99999-")
    assert answer.status == 416
    assert answer.header("Content-Range") == f"bytes */{len(event())}"


@pytest.mark.parametrize(
    "header", ["bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=0-1,3-4", "bytes=-", "", "-"]
)
def test_a_range_that_means_nothing_is_ignored(ann: Client, path: str, header: str) -> None:
    answer = ann.get(path, range=header)
    assert (answer.status, answer.body) == (200, event())


def test_if_range_guards_a_range(ann: Client, path: str) -> None:
    tag = ann.get(path).etag
    assert ann.get(path, range="bytes=0-4", if_range=tag).status == 206
    assert ann.get(path, range="bytes=0-4", if_range='"a"').status == 200


def test_jcal_is_had_by_accept(ann: Client, path: str) -> None:
    answer = ann.get(path, accept="application/calendar+json")
    assert answer.content_type == "application/calendar+json"
    assert json.loads(answer.body)[0] == "vcalendar"
    assert answer.etag != ann.get(path).etag


def test_the_tag_of_another_form_is_good_for_304(ann: Client, path: str) -> None:
    first = ann.get(path, accept="application/calendar+json")
    again = ann.get(path, accept="application/calendar+json", if_none_match=first.etag)
    assert again.status == 304
    assert again.etag == first.etag


def test_the_tag_of_the_stored_form_is_not_good_for_another(ann: Client, path: str) -> None:
    stored = ann.get(path).etag
    answer = ann.get(path, accept="application/calendar+json", if_none_match=stored)
    assert answer.status == 200


ACCEPTED = [
    (None, "text/calendar"),
    ("*/*", "text/calendar"),
    ("text/*", "text/calendar"),
    ("text/calendar, application/ics, text/plain;q=0.9", "text/calendar"),
    ("application/calendar+json;q=0.5, text/calendar", "text/calendar"),
    ("application/calendar+json, text/calendar;q=0.5", "application/calendar+json"),
    ("image/png", "text/calendar"),
    ("text/html,application/xhtml+xml,*/*;q=0.8", "text/calendar"),
    ("application/calendar+json;q=rubbish", "text/calendar"),
]


@pytest.mark.parametrize(("accept", "kind"), ACCEPTED)
def test_accept_chooses_the_form_and_never_refuses(
    ann: Client, path: str, accept: str | None, kind: str
) -> None:
    assert ann.get(path, accept=accept).content_type == kind


def test_a_card_is_had_in_other_versions_by_accept(ann: Client) -> None:
    path = ann.book + "one.vcf"
    ann.put(path, card("PHOTO:data:image/jpeg;base64,/9j/AAAA", version="4.0"))
    assert ann.get(path).body == card("PHOTO:data:image/jpeg;base64,/9j/AAAA", version="4.0")
    old = ann.get(path, accept="text/vcard;version=3.0")
    assert b"VERSION:3.0" in old.body
    assert b"/9j/AAAA" in old.body
    assert ann.get(path, accept='text/vcard; version="4.0"').body == ann.get(path).body
    assert json.loads(ann.get(path, accept="application/vcard+json").body)[0] == "vcard"


def test_get_on_a_collection_never_is_an_error(ann: Client) -> None:
    for path in (ann.root, ann.principal, ann.calendar_home, ann.calendar, ann.book_home, ann.book):
        answer = ann.get(path, accept="text/html")
        assert (answer.status, answer.content_type) == (200, "text/html")


def test_the_date_is_when_the_body_was_stored(ann: Client, path: str) -> None:
    from email.utils import parsedate_to_datetime

    parsedate_to_datetime(ann.get(path).header("Last-Modified") or "")


def test_who_read_jcal_may_write_with_its_tag(ann: Client, path: str) -> None:
    tag = ann.get(path, accept="application/calendar+json").etag
    assert ann.put(path, event("SUMMARY:x"), if_match=tag).status == 204
    assert ann.put(path, event("SUMMARY:y"), if_match=tag).status == 412
