"""Where items stand in lists for people, and the words by which they are found."""

from __future__ import annotations

import pytest

from davserver.content import listing
from davserver.content.lines import Component, parse_components
from tests.content.objects import event, todo


def card(*lines: str) -> Component:
    """A card."""
    return parse_components("\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""]))[0]


def read(body: bytes) -> Component:
    """A calendar object."""
    return parse_components(body.decode())[0]


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        (["N:Bell;Ann;;;", "FN:Ann Bell"], b"ANN BELL"),
        (["ORG:;Sales", "N:Bell"], b"SALES"),
        (["FN:", "EMAIL:a@example.org"], b"A@EXAMPLE.ORG"),
        (["FN:  \u00c9mile"], b"EMILE"),
        (["NOTE:nameless"], b""),
    ],
)
def test_a_card_stands_by_its_name(lines: list[str], key: bytes) -> None:
    assert listing.sort_key(card(*lines)) == key


def test_a_long_name_fits_the_column() -> None:
    assert len(listing.sort_key(card("FN:" + "\u674e" * 500))) <= listing.LONGEST_KEY


def test_a_task_with_an_override_that_is_done_is_open() -> None:
    master = todo("DUE:20260110T100000Z", "RRULE:FREQ=DAILY")
    done = b"BEGIN:VTODO\r\nUID:one@example.com\r\nRECURRENCE-ID:20260111T100000Z\r\nSTATUS:COMPLETED\r\n"
    both = master.replace(b"END:VCALENDAR", done + b"END:VTODO\r\nEND:VCALENDAR")
    assert listing.sort_key(read(both)) == listing.sort_key(read(master))
    assert listing.sort_key(read(master)).startswith(listing.OPEN)


def test_events_have_no_order_of_their_own() -> None:
    assert listing.sort_key(read(event("DTSTART:20260110T100000Z"))) == b""


def test_words_are_what_people_read() -> None:
    body = event(
        "DTSTART:20260110T100000Z",
        "SUMMARY:Tea\\, biscuits",
        "X-SECRET:hidden",
        "STATUS:CONFIRMED",
        "ATTENDEE;CN=Bob Bell:mailto:b@example.org",
        "DESCRIPTION:" + "y" * 500 + " end",
    )
    words = listing.words(read(body))
    for text in ("TEA, BISCUITS", "BOB BELL", "B@EXAMPLE.ORG", "Y END"):
        assert text in words
    for text in ("HIDDEN", "CONFIRMED", "SUMMARY", "EXAMPLE.COM"):
        assert text not in words


def test_a_text_that_overrides_repeat_is_kept_once_and_a_book_not_whole() -> None:
    master = read(event("DTSTART:20260110T100000Z", "SUMMARY:Tea"))
    master.children *= 3
    assert listing.words(master).count("TEA") == 1
    assert len(listing.words(card("NOTE:" + "x" * 50_000))) == listing.MOST_WORDS
