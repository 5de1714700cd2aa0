"""check_card: what may be stored in an address book, and the precondition of what may not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davserver.content.vcard import CardLimits, CheckedCard, check_card
from davserver.errors import CARDDAV, InvalidContent
from tests.content.objects import card, event, text

LIMITS = CardLimits()
VALID = CARDDAV + "valid-address-data"


def precondition(body: bytes, limits: CardLimits = LIMITS) -> str | None:
    with pytest.raises(InvalidContent) as caught:
        check_card(body, limits)
    assert caught.value.status == 403
    assert caught.value.message
    return caught.value.precondition


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_a_card_is_accepted_with_its_uid_and_version(version: str) -> None:
    checked = check_card(card(version=version, uid="urn:uuid:a\\,b"), LIMITS)
    assert (checked.uid, checked.version, checked.kind) == ("urn:uuid:a,b", version, "individual")
    assert "\nFN:ANN LEE\n" in checked.search


@pytest.mark.parametrize("line", ["KIND:Group", "X-ADDRESSBOOKSERVER-KIND:group"])
def test_groups_are_known_in_both_styles(line: str) -> None:
    assert check_card(card(line), LIMITS).kind == "group"


LENIENT = {
    "no N": text("BEGIN:VCARD", "VERSION:3.0", "UID:1", "FN:Ann", "END:VCARD").encode(),
    "no FN but an N": text("BEGIN:VCARD", "VERSION:3.0", "UID:1", "N:Lee;Ann;;;", "END:VCARD").encode(),
    "empty FN": card("FN:"),
    "LF line ends": card().replace(b"\r\n", b"\n"),
    "lower case": card().lower(),
    "parameters of vCard 2.1": card("TEL;HOME;VOICE:1"),
    "bad photo": card("PHOTO;ENCODING=b:!!!"),
    "old photo": card("PHOTO;BASE64:\r\n  /9j/4AAQ SkZJ"),
    "groups with labels": card("item1.X-ABDATE;type=pref:1995-05-21", "item1.X-ABLabel:_$!<Anniversary>!$_"),
    "carets": card("X-Test;CN=Hello^'World^' want a ^?:test"),
}


@pytest.mark.parametrize("body", LENIENT.values(), ids=LENIENT.keys())
def test_what_clients_are_known_to_send_is_accepted(body: bytes) -> None:
    assert check_card(body, LIMITS)


INVALID = {
    "empty": b"",
    "a calendar": event(),
    "two cards": card() + card(),
    "no UID": text("BEGIN:VCARD", "VERSION:3.0", "FN:Ann", "END:VCARD").encode(),
    "empty UID": card(uid=" "),
    "two UIDs": card("UID:other"),
    "no name at all": text("BEGIN:VCARD", "VERSION:3.0", "UID:1", "END:VCARD").encode(),
    "no VERSION": card().replace(b"VERSION:3.0\r\n", b""),
    "two VERSIONs": card("VERSION:4.0"),
    "a line that is none": card("no line at all"),
    "no END": card().replace(b"END:VCARD", b""),
    "not UTF-8": card("NOTE:\u00fc").decode().encode("latin-1"),
    "control character": card("NOTE:\x07"),
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID.keys())
def test_what_is_no_card_is_refused_with_valid_address_data(body: bytes) -> None:
    assert precondition(body) == VALID


@pytest.mark.parametrize("version", ["2.1", "5.0", ""])
def test_another_version_is_refused_with_supported_address_data(version: str) -> None:
    assert precondition(card(version=version)) == CARDDAV + "supported-address-data"


@pytest.mark.parametrize(
    "photo",
    [
        "PHOTO;ENCODING=b;TYPE=JPEG:{}",
        "PHOTO;BASE64:{}",
        "PHOTO:data:image/jpeg;base64,{}",
        "PHOTO;VALUE=URL:data:image/png;base64,{}",
        "LOGO;ENCODING=b:{}",
    ],
)
def test_a_picture_is_measured_decoded(photo: str) -> None:
    body = card(photo.format("AAAA" * 10 + "AA=="))
    assert check_card(body, LIMITS).image_size == 31
    assert check_card(body, CardLimits(max_image_size=31))
    assert precondition(body, CardLimits(max_image_size=30)) == CARDDAV + "max-image-size"


def test_a_picture_elsewhere_has_no_size() -> None:
    assert check_card(card("PHOTO;VALUE=uri:https://example.com/ann.jpg"), LIMITS).image_size == 0


SEEDS = [*LENIENT.values(), *INVALID.values()]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_mutated_body_is_accepted_or_refused_and_nothing_else(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 20)))
        body[start:end] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"", b"\r\n", b"\n ", b":", b";", b"="])
        )
    try:
        answer: CheckedCard | InvalidContent = check_card(bytes(body), LIMITS)
    except InvalidContent as refused:
        answer = refused
    assert isinstance(answer, CheckedCard) or str(answer.precondition).startswith(CARDDAV)
