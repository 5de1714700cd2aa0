"""When two bodies say the same: what servers rewrite is no difference, what people change is one."""

from __future__ import annotations

import pytest

from davserver.content.normal import changed_at, copy_as, fingerprint, has_people, title_of
from tests.content.objects import BERLIN, calendar, card, component, event, text

EVENT = event("SUMMARY:Tea, and cake", "LOCATION:Kitchen", "DESCRIPTION:" + "long " * 40)


def more(*lines: str) -> bytes:
    """The event with further lines at its end."""
    return EVENT.replace(b"END:VEVENT", "\r\n".join([*lines, "END:VEVENT"]).encode())


def same(one: bytes, other: bytes) -> bool:
    return fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("rewritten", "what"),
    [
        (EVENT.replace(b"PRODID:-//test//EN", b"PRODID:-//Google Inc//Google Calendar//EN"), "PRODID"),
        (EVENT.replace(b"DTSTAMP:20260101T000000Z", b"DTSTAMP:20270101T000000Z"), "DTSTAMP"),
        (
            EVENT.replace(
                b"END:VEVENT", b"LAST-MODIFIED:20260102T000000Z\r\nCREATED:20260102T000000Z\r\nEND:VEVENT"
            ),
            "stamps",
        ),
        (EVENT.replace(b"SUMMARY:Tea, and cake", b"SUMMARY:Tea\\, and cake"), "escapes"),
        (EVENT.replace(b"\r\n", b"\n"), "line ends"),
        (EVENT.replace(b"long long long", b"long long \r\n long", 1), "folding"),
        (
            EVENT.replace(b"LOCATION:Kitchen\r\n", b"").replace(
                b"END:VEVENT", b"LOCATION:Kitchen\r\nEND:VEVENT"
            ),
            "order",
        ),
        (EVENT.replace(b"SUMMARY:", b"summary:"), "case of names"),
        (
            EVENT.replace(b"VERSION:2.0", b"VERSION:2.0\r\nCALSCALE:GREGORIAN\r\nMETHOD:PUBLISH"),
            "CALSCALE, METHOD",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_servers_rewrite_is_no_difference(rewritten: bytes, what: str) -> None:
    assert rewritten != EVENT, what
    assert same(EVENT, rewritten), what


def test_the_rules_of_a_zone_do_not_count() -> None:
    body = component("VEVENT", "DTSTART;TZID=Europe/Berlin:20260504T100000")
    assert same(calendar(BERLIN, body), calendar(BERLIN.replace("19700329", "19810329"), body))
    assert same(calendar(BERLIN, body), calendar(body))


@pytest.mark.parametrize(
    "changed",
    [
        EVENT.replace(b"Tea", b"Coffee"),
        EVENT.replace(b"20260504T100000Z", b"20260504T110000Z"),
        EVENT.replace(b"LOCATION:Kitchen\r\n", b""),
        EVENT.replace(b"LOCATION:Kitchen", b"LOCATION;LANGUAGE=de:Kitchen"),
        EVENT.replace(
            b"END:VEVENT", b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT"
        ),
        EVENT.replace(b"END:VEVENT", b"SEQUENCE:1\r\nEND:VEVENT"),
    ],
)
def test_what_people_change_is_a_difference(changed: bytes) -> None:
    assert changed != EVENT
    assert not same(EVENT, changed)


def test_cards_differ_by_what_they_say_not_by_revision_or_version() -> None:
    one = card("TEL;TYPE=home,voice:1", "REV:20260101T000000Z", "PRODID:-//a//EN")
    assert same(one, card("REV:2027-01-01T00:00:00Z", "TEL;TYPE=VOICE,HOME:1"))
    assert not same(one, card("TEL;TYPE=home,voice:2"))
    assert not same(card("N:Lee\\;Ann;;;;"), card("N:Lee;Ann;;;"))
    assert same(card("item1.TEL:1", "item1.X-ABLABEL:x"), card("item7.TEL:1", "item7.X-ABLABEL:x"))


def test_every_body_has_a_fingerprint() -> None:
    assert fingerprint(b"") != fingerprint(b"nothing")
    assert fingerprint(b"\xff\xfe") == fingerprint(b"\xff\xfe")
    assert same(b"BEGIN:VCALENDAR\r\nBROKEN", b"BEGIN:VCALENDAR\nBROKEN")


def test_a_body_tells_when_it_was_changed() -> None:
    first = changed_at(event("LAST-MODIFIED:20260101T000000Z", "SEQUENCE:3"))
    assert first == ("20260101T000000Z", 3)
    assert changed_at(event("LAST-MODIFIED:20260102T000000Z")) > first
    assert changed_at(event("LAST-MODIFIED:20260101T000000Z", "SEQUENCE:4")) > first
    assert changed_at(card("REV:2026-01-03T00:00:00Z")) > changed_at(card("REV:20260102T000000Z"))
    assert changed_at(event()) == ("", 0) == changed_at(b"rubbish")


def test_meetings_are_known_and_titles_told() -> None:
    assert has_people(event("ATTENDEE:mailto:bob@example.org"))
    assert not has_people(event())
    assert title_of(event("SUMMARY:Tea\\, cake")) == "Tea, cake"
    assert (title_of(card()), title_of(b"rubbish")) == ("Ann Lee", "")


def test_a_copy_has_its_own_uid_and_a_mark_and_says_the_rest() -> None:
    copy = copy_as(event("SUMMARY:Tea", "LOCATION:Kitchen"), "new", "(conflict)")
    assert same(copy, event("SUMMARY:Tea (conflict)", "LOCATION:Kitchen", uid="new"))
    assert b"FN:Ann Lee (conflict)\r\n" in copy_as(card(), "new", "(conflict)")
    assert copy_as(text("BEGIN:VCARD", "UID:a", "END:VCARD").encode(), "b", "x").endswith(
        b"UID:b\r\nEND:VCARD\r\n"
    )
