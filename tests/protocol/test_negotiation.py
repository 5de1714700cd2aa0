"""jCal, jCard and vCard versions: put and got."""

from __future__ import annotations

import json

import pytest

from tests.content.objects import card, event
from tests.davclient import CR, C, Client, D, pieces_of

JCAL = [
    "vcalendar",
    [["version", {}, "text", "2.0"], ["prodid", {}, "text", "-//test//EN"]],
    [
        [
            "vevent",
            [
                ["uid", {}, "text", "j"],
                ["dtstamp", {}, "date-time", "2026-01-01T00:00:00Z"],
                ["dtstart", {"tzid": "Europe/Berlin"}, "date-time", "2026-05-04T10:00:00"],
                ["summary", {}, "text", "Ünï, ; \\ 🎂"],
                ["categories", {}, "text", "a", "b,c"],
                ["rrule", {}, "recur", {"freq": "WEEKLY", "count": 3}],
                ["exdate", {}, "date", "2026-05-11"],
            ],
            [],
        ]
    ],
]
JCARD = [
    "vcard",
    [
        ["version", {}, "text", "4.0"],
        ["uid", {}, "text", "j"],
        ["fn", {}, "text", "Ann Lee"],
        ["n", {}, "text", ["Lee", "Ann", "", "", ""]],
        ["tel", {"type": "cell"}, "uri", "tel:+12"],
    ],
]
CALENDAR_JSON, CARD_JSON = "application/calendar+json", "application/vcard+json"


def test_a_jcal_object_is_stored_as_icalendar_and_got_as_both(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    answer = ann.put(path, json.dumps(JCAL).encode(), content_type=CALENDAR_JSON)
    assert answer.status == 201
    lines = list(pieces_of(ann.get(path).text))
    assert "DTSTART;TZID=Europe/Berlin:20260504T100000" in lines
    assert "SUMMARY:Ünï\\, \\; \\\\ 🎂" in lines
    assert "CATEGORIES:a,b\\,c" in lines
    assert json.loads(ann.get(path, accept=CALENDAR_JSON).body)[2] == JCAL[2]


def test_a_jcard_is_stored_as_vcard_and_got_as_both(ann: Client) -> None:
    path = ann.book + "one.vcf"
    assert ann.put(path, json.dumps(JCARD).encode(), content_type=CARD_JSON).status == 201
    assert "N:Lee;Ann;;;" in ann.get(path).text
    assert sorted(map(str, json.loads(ann.get(path, accept=CARD_JSON).body)[1])) == sorted(map(str, JCARD[1]))


def test_the_tag_is_not_given_where_the_stored_bytes_are_not_the_sent_ones(ann: Client) -> None:
    """RFC 4791 5.3.4: a strong tag would say that the client's copy is what is stored."""
    answer = ann.put(ann.calendar + "one.ics", json.dumps(JCAL).encode(), content_type=CALENDAR_JSON)
    assert answer.header("ETag") is None


BROKEN = [
    b"",
    b"{}",
    b"[]",
    b'["vcalendar"]',
    b"[" * 100_000,
    b'["vcalendar",[],[["vevent",[],[]]]]',
    b"\xff",
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_broken_json_is_refused(ann: Client, body: bytes) -> None:
    answer = ann.put(ann.calendar + "one.ics", body, content_type=CALENDAR_JSON)
    assert answer.status == 403
    assert answer.error in (C + "valid-calendar-data", C + "valid-calendar-object-resource")
    answer = ann.put(ann.book + "one.vcf", body, content_type=CARD_JSON)
    assert (answer.status, answer.error) == (403, CR + "valid-address-data")


def test_both_forms_are_announced(ann: Client) -> None:
    kinds = ann.prop(ann.calendar, C + "supported-calendar-data").attributes("content-type")
    assert kinds == ["text/calendar", CALENDAR_JSON]
    element = ann.prop(ann.book, CR + "supported-address-data").element
    found = {(one.get("content-type"), one.get("version")) for one in element}
    assert {("text/vcard", "3.0"), ("text/vcard", "4.0"), (CARD_JSON, "4.0")} <= found


def test_return_representation_is_in_the_form_that_accept_asks_for(ann: Client) -> None:
    answer = ann.put(ann.calendar + "one.ics", event(), prefer="return=representation", accept=CALENDAR_JSON)
    assert answer.content_type == CALENDAR_JSON
    assert json.loads(answer.body)[0] == "vcalendar"


PHOTO = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBD"


@pytest.mark.parametrize(
    "line", [f"PHOTO:data:image/jpeg;base64,{PHOTO}", f"PHOTO;VALUE=URL:data:image/jpeg;base64,{PHOTO}"]
)
def test_a_4_0_photo_survives_as_3_0_and_back(ann: Client, line: str) -> None:
    """Radicale cuts it at the semicolon: the photo is lost. Thunderbird writes the second spelling."""
    path = ann.book + "one.vcf"
    ann.put(path, card(line, version="4.0"))
    old = ann.get(path, accept="text/vcard;version=3.0").text
    (photo,) = [one for one in pieces_of(old) if one.startswith("PHOTO")]
    assert photo.endswith(":" + PHOTO)
    assert "ENCODING=b" in photo
    ann.put(path, old.encode())
    again = ann.get(path, accept="text/vcard;version=4.0").text
    assert f":data:image/jpeg;base64,{PHOTO}" in "".join(pieces_of(again))
    assert ann.get(path).body == old.encode()


def test_a_propfind_never_holds_calendar_data(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    member = ann.propfind(ann.calendar + "one.ics", D + "getetag", C + "calendar-data").one
    assert member.missing == {C + "calendar-data"}
