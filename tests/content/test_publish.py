"""What a public link shows of an object, and above all what it does not.

The leak tests take every value of every property and parameter of the source and look for it in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davserver.content.lines import Component, decode, fold, parse_components, walk
from davserver.content.publish import Publication, publish_calendar, publish_card
from davserver.model import Detail, Private, View
from tests.content.objects import BERLIN, calendar, card, component, event, todo

SALT = "0123456789abcdef"
RICH = calendar(
    "BEGIN:VTIMEZONE",
    "TZID:Villa Secret/Garden",
    "X-LIC-LOCATION:Villa-Secret",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZOFFSETFROM:+0130",
    "TZOFFSETTO:+0130",
    "TZNAME:GARDENTIME",
    "COMMENT:behind-the-house",
    "END:STANDARD",
    "END:VTIMEZONE",
    "BEGIN:VEVENT",
    "UID:anna.mueller-1966@secret.example",
    "DTSTAMP:20260101T000000Z",
    "CREATED:20250203T040506Z",
    "LAST-MODIFIED:20250203T040507Z",
    "DTSTART;TZID=Villa Secret/Garden;X-ROOM=cellar:20260504T100000",
    'DTEND;TZID="Villa Secret/Garden":20260504T113000',
    "RRULE:FREQ=WEEKLY;COUNT=5;X-HIDDEN=chemotherapy",
    "EXDATE;TZID=Villa Secret/Garden:20260511T100000",
    'SUMMARY;ALTREP="http://clinic.example/oncology";LANGUAGE=de-CH:Dr. Weber',
    "DESCRIPTION:Take the blue pills\\, every\\nmorning",
    "LOCATION:Bahnhofstrasse 17",
    "GEO:47.37;8.54",
    "CATEGORIES:Health,Urgent",
    "COMMENT:ask about the scan",
    "CONTACT:nurse Joy",
    "RESOURCES:wheelchair",
    "URL:https://clinic.example/p/4711",
    "PRIORITY:3",
    "COLOR:tomato",
    "STATUS:TENTATIVE",
    "SEQUENCE:4",
    "ORGANIZER;CN=Walter Weber:mailto:weber@clinic.example",
    "ATTENDEE;CN=Anna;PARTSTAT=ACCEPTED;X-NUM-GUESTS=2:mailto:anna@home.example",
    "ATTACH;FMTTYPE=application/pdf:https://clinic.example/report.pdf",
    "ATTACH;ENCODING=BASE64;VALUE=BINARY:U2VjcmV0UmVwb3J0",
    "RELATED-TO;RELTYPE=PARENT:parent-uid-77",
    "CONFERENCE;VALUE=URI:https://meet.example/room-99",
    "IMAGE;VALUE=URI:https://clinic.example/photo.png",
    "X-APPLE-STRUCTURED-LOCATION;X-TITLE=Praxis:geo:47.37,8.54",
    "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
    "BEGIN:VALARM",
    "ACTION:EMAIL",
    "TRIGGER:-PT25M",
    "SUMMARY:alarm subject",
    "DESCRIPTION:alarm text",
    "ATTENDEE:mailto:alarm@home.example",
    "END:VALARM",
    "BEGIN:VLOCATION",
    "UID:location-5",
    "NAME:Praxis Weber",
    "END:VLOCATION",
    "END:VEVENT",
)
ALLOWED = {
    *("20260504T100000", "20260504T113000", "20260511T100000", "20260101T000000Z", "19700101T000000"),
    *("+0130", "4", "TENTATIVE", "2.0", "FREQ=WEEKLY;COUNT=5"),
}
"""Values that say when, and no more."""


def publish(body: bytes, view: View, changed: int = 0) -> str:
    return publish_calendar(body, Publication(view, SALT), changed).decode()


def values(body: bytes) -> Iterator[str]:
    """All values of properties and parameters, and the words in them."""
    for part in walk(parse_components(decode(body))):
        for line in part.lines:
            for value in (line.value, *(one for many in line.params.values() for one in many)):
                yield value
                yield from (word for word in re.split(r"[^\w@.+-]+", value) if len(word) > 3)


def leaks(body: bytes, shown: str, allowed: set[str]) -> set[str]:
    """What of the source is in what is shown, besides what may be."""
    text = shown.replace("\r\n ", "")
    harmless = {*allowed, "DATE", "DATE-TIME", "PERIOD", "WEEKLY", "FREQ", "COUNT", "Busy", "BUSY"}
    return {value for value in values(body) if len(value) > 1 and value not in harmless and value in text}


@pytest.mark.parametrize("private", list(Private))
def test_busy_only_tells_when_and_nothing_else(private: Private) -> None:
    shown = publish(RICH, View(Detail.BUSY, private))
    assert leaks(RICH, shown, ALLOWED) == set()
    assert "SUMMARY:Busy" in shown
    assert "DTSTART;TZID=Zone-" in shown


def test_titles_and_times_tell_no_more_than_the_title() -> None:
    shown = publish(RICH, View(Detail.TITLES))
    assert leaks(RICH, shown, {*ALLOWED, "Dr. Weber", "Weber"}) == set()
    assert "SUMMARY:Dr. Weber" in shown


def test_a_zone_that_nobody_knows_keeps_its_clock_but_not_its_name() -> None:
    root = parse_components(publish(RICH, View(Detail.BUSY)))[0]
    zone, busy = root.children
    assert zone.children[0].value("TZOFFSETTO") == "+0130"
    start = busy.first("DTSTART")
    assert start is not None
    assert start.param("TZID") == zone.value("TZID")


NASTY = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=5, max_size=30)
NAMES = st.sampled_from(
    [
        *("SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT", "CATEGORIES", "URL", "CONTACT", "GEO", "X-SECRET"),
        *("STATUS", "TRANSP", "CLASS", "RRULE", "EXDATE", "RDATE", "DURATION", "SEQUENCE", "DTSTAMP"),
        *("PRIORITY", "RELATED-TO", "ATTENDEE", "ORGANIZER", "ATTACH", "FREEBUSY", "RECURRENCE-ID"),
    ]
)
PARAMS = st.sampled_from(["X-P", "TZID", "VALUE", "RANGE", "CN", "ALTREP", "LANGUAGE", "FBTYPE"])


@given(lines=st.lists(st.tuples(NAMES, PARAMS, NASTY, NASTY), min_size=1, max_size=12))
def test_whatever_stands_in_an_event_busy_only_hides_it(lines: list[tuple[str, str, str, str]]) -> None:
    """Marked values in any property and any parameter, also where a time belongs."""
    marked = []
    for index, (name, param, one, two) in enumerate(lines):
        one, two = (re.sub(r'["\\]', "", f"~{index}{text}~") for text in (one, two))
        marked.append(fold(f'{name};{param}="{one}":{two}'))
    body = event("DTSTART:20260504T100000Z", *marked)
    for view in (View(Detail.BUSY), View(Detail.BUSY, Private.BUSY), View(Detail.FULL, Private.BUSY)):
        shown = publish(body, view)
        if view.detail is Detail.FULL and "\nCLASS" not in body.decode().upper():
            continue
        assert "~" not in shown.replace("\r\n ", ""), shown


# -- everything


def test_everything_is_the_stored_bytes() -> None:
    body = calendar(BERLIN, component("VEVENT", "DTSTART;TZID=Europe/Berlin:20260504T100000"))
    assert publish(body, View()) == body.decode()


def test_long_lines_are_folded() -> None:
    body = event("SUMMARY:" + "ä" * 100, "DESCRIPTION:short")
    shown = publish(body, View())
    assert max(len(line) for line in shown.encode().split(b"\r\n")) <= 75
    assert parse_components(shown)[0].children[0].value("SUMMARY") == "ä" * 100


def test_a_missing_dtstamp_is_always_the_same() -> None:
    body = event("SUMMARY:x").replace(b"DTSTAMP:20260101T000000Z\r\n", b"")
    assert b"DTSTAMP" not in body
    assert "DTSTAMP:20260504T102640Z" in publish(body, View(), 1777890400)
    assert publish(body, View(), 1777890400) == publish(body, View(), 1777890400)


@pytest.mark.parametrize(
    ("left_out", "gone", "kept"),
    [
        ("alarms", ["VALARM", "TRIGGER", "alarm"], ["ATTENDEE", "ATTACH", "ORGANIZER"]),
        ("attendees", ["ATTENDEE", "ORGANIZER", "anna@", "weber@", "nurse Joy"], ["VALARM", "ATTACH"]),
        ("attachments", ["ATTACH", "IMAGE", "report.pdf", "U2Vjcm"], ["VALARM", "ATTENDEE"]),
    ],
)
def test_what_is_left_out_of_everything(left_out: str, gone: list[str], kept: list[str]) -> None:
    shown = publish(RICH, View(left_out=frozenset({left_out}))).replace("\r\n ", "")
    assert [one for one in gone if one in shown] == []
    assert [one for one in kept if one not in shown] == []
    assert "DESCRIPTION:Take the blue pills" in shown


# -- CLASS


def classed(word: str, *lines: str) -> bytes:
    return event("DTSTART:20260504T100000Z", "SUMMARY:Secret", word, *lines)


PRIVATE_WORDS = [
    "CLASS:PRIVATE",
    "class:private",
    "CLASS;X=y:PRIVATE",
    "CLA\n SS:PRIVATE",
    "C\n LASS:X-OWN",
    "CLASS:",
]


@pytest.mark.parametrize("word", PRIVATE_WORDS)
@pytest.mark.parametrize("detail", list(Detail))
def test_private_entries_are_hidden(word: str, detail: Detail) -> None:
    assert publish(classed(word), View(detail)) == ""


@pytest.mark.parametrize("word", PRIVATE_WORDS)
@pytest.mark.parametrize("detail", list(Detail))
def test_or_busy_where_the_owner_wants_that(word: str, detail: Detail) -> None:
    shown = publish(classed(word), View(detail, Private.BUSY))
    assert "SUMMARY:Busy" in shown
    assert "Secret" not in shown


@pytest.mark.parametrize("detail", list(Detail))
def test_confidential_entries_are_busy(detail: Detail) -> None:
    shown = publish(classed("CLASS:CONFIDENTIAL"), View(detail))
    assert "SUMMARY:Busy" in shown
    assert "Secret" not in shown


def test_public_is_public_and_private_tasks_are_nothing_to_anybody() -> None:
    assert "Secret" in publish(classed("CLASS:PUBLIC"), View())
    assert publish(todo("SUMMARY:Tax", "CLASS:PRIVATE"), View(private=Private.BUSY)) == ""


def test_two_words_the_stricter_counts() -> None:
    assert publish(classed("CLASS:PUBLIC", "CLASS:PRIVATE"), View()) == ""


# -- free time


@pytest.mark.parametrize("word", ["TRANSP:TRANSPARENT", "STATUS:CANCELLED", "transp:transparent"])
def test_what_takes_no_time_is_not_busy(word: str) -> None:
    assert publish(event("DTSTART:20260504T100000Z", word), View(Detail.BUSY)) == ""
    assert "SUMMARY" in publish(event("DTSTART:20260504T100000Z", "SUMMARY:x", word), View(Detail.TITLES))


def test_tasks_and_journals_are_not_busy_and_have_titles() -> None:
    assert publish(todo("SUMMARY:Tax", "DUE:20260504T100000Z"), View(Detail.BUSY)) == ""
    shown = publish(todo("SUMMARY:Tax", "DUE:20260504T100000Z", "DESCRIPTION:x"), View(Detail.TITLES))
    assert "SUMMARY:Tax" in shown
    assert "DUE:20260504T100000Z" in shown
    assert "DESCRIPTION" not in shown


# -- series


def series(master: str, override: str) -> bytes:
    return calendar(
        component("VEVENT", "DTSTART:20260504T100000Z", "RRULE:FREQ=DAILY", "SUMMARY:Series", master),
        component(
            "VEVENT", "RECURRENCE-ID:20260505T100000Z", "DTSTART:20260505T120000Z", "SUMMARY:Once", override
        ),
    )


def parts(shown: str) -> list[Component]:
    return parse_components(shown)[0].children


def test_a_hidden_instance_is_taken_out_of_its_series() -> None:
    (master,) = parts(publish(series("CLASS:PUBLIC", "CLASS:PRIVATE"), View()))
    assert master.value("EXDATE") == "20260505T100000Z"
    (busy,) = parts(publish(series("X-A:b", "TRANSP:TRANSPARENT"), View(Detail.BUSY)))
    assert busy.value("EXDATE") == "20260505T100000Z"


def test_an_instance_whose_series_is_hidden_stands_alone() -> None:
    (alone,) = parts(publish(series("CLASS:PRIVATE", "CLASS:PUBLIC"), View()))
    assert alone.value("SUMMARY") == "Once"
    assert alone.first("RECURRENCE-ID") is None
    assert "one@example.com" not in (alone.value("UID") or "")


def test_series_and_instances_of_different_levels_keep_one_uid() -> None:
    master, once = parts(publish(series("CLASS:PUBLIC", "CLASS:CONFIDENTIAL"), View()))
    assert (master.value("SUMMARY"), once.value("SUMMARY")) == ("Series", "Busy")
    assert master.value("UID") == once.value("UID")


def test_uids_are_stable_and_another_link_has_others() -> None:
    one = publish_calendar(RICH, Publication(View(Detail.BUSY), SALT), 0)
    assert one == publish_calendar(RICH, Publication(View(Detail.BUSY), SALT), 0)
    assert one != publish_calendar(RICH, Publication(View(Detail.BUSY), SALT[::-1]), 0)


# -- cards

CARD = card(
    "FN:Ann Example",
    "N:Example;Ann;;;",
    "ORG:Club",
    "TEL;TYPE=cell:+41 79 000 00 01",
    "EMAIL:ann@home.example",
    "NOTE:knows the code 4711",
    "PHOTO;ENCODING=b;TYPE=JPEG:U2VjcmV0UGhvdG8=",
    "BDAY:1966-05-04",
    uid="ann.1966@home.example",
)


def test_cards_with_names_only() -> None:
    shown = publish_card(CARD, Publication(View(Detail.TITLES), SALT)).decode()
    assert leaks(CARD, shown, {"3.0", "Ann Example", "Example;Ann;;;", "Example", "Club"}) == set()
    assert "FN:Ann Example" in shown


def test_cards_without_photos_and_private_cards() -> None:
    view = View(left_out=frozenset({"attachments"}))
    shown = publish_card(CARD, Publication(view, SALT)).decode()
    assert "PHOTO" not in shown
    assert "NOTE:knows" in shown
    assert publish_card(CARD, Publication(View(), SALT)) == CARD
    for word in (b"CLASS:PRIVATE", b"CLASS:CONFIDENTIAL"):
        hidden = CARD.replace(b"ORG:Club", word)
        assert publish_card(hidden, Publication(View(), SALT)) == b""
