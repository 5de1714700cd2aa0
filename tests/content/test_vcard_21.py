"""vCard 2.1 from phones and Outlook becomes 3.0 that may be stored, with everything in it."""

from __future__ import annotations

from base64 import b64encode

import pytest

from davserver.content import vcard_21
from davserver.content.lines import Component, parse_components
from davserver.content.vcard import CardLimits, check_card
from davserver.errors import InvalidContent

PNG = b"\x89PNG\r\n" + bytes(90)

PHONE = b"""BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg;;;
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=C3=BCller
TEL;CELL;PREF:+49 30 1
TEL;TYPE=WORK;VOICE:+49 30 2
EMAIL;INTERNET;HOME:joerg@example.org
ADR;HOME;ENCODING=QUOTED-PRINTABLE:;;Long=
 Street 1;Berlin;;10115;Germany
NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:first=0D=0A=
second, th=EFrd
UID:phone-1
PHOTO;JPEG;ENCODING=BASE64:
 %b
 %b

END:VCARD
""" % (b64encode(PNG)[:64], b64encode(PNG)[64:])


def converted(text: bytes = PHONE) -> Component:
    """The card in 3.0, as the check of a PUT reads it."""
    return check_card(vcard_21.to_3(text), CardLimits()).root


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_phones_card_is_read_whole(end: bytes) -> None:
    card = converted(PHONE.replace(b"\n", end))
    values = {line.name: line.value for line in card.lines}
    assert values["VERSION"] == "3.0"
    assert values["N"] == "Müller;Jörg;;;"
    assert values["FN"] == "Jörg Müller"
    assert values["ADR"] == ";;LongStreet 1;Berlin;;10115;Germany"
    assert values["NOTE"] == "first\\nsecond\\, thïrd"


def test_parameters_without_names_are_types() -> None:
    first, second = converted().all("TEL")
    assert first.params == {"TYPE": ["CELL", "PREF"]}
    assert second.params == {"TYPE": ["WORK", "VOICE"]}


def test_a_photo_stays_whole() -> None:
    photo = converted().first("PHOTO")
    assert photo is not None
    assert photo.params == {"ENCODING": ["b"], "TYPE": ["JPEG"]}
    assert photo.value == b64encode(PNG).decode()


def test_a_name_is_made_where_none_is() -> None:
    card = converted(b"BEGIN:VCARD\nVERSION:2.1\nUID:1\nN:Doe;Jane\nEND:VCARD\n")
    assert card.value("FN") == "Jane Doe"


def test_only_2_1_is_converted() -> None:
    assert vcard_21.is_21(PHONE)
    assert not vcard_21.is_21(PHONE.replace(b"VERSION:2.1", b"VERSION:3.0"))


def test_what_is_no_card_is_refused() -> None:
    with pytest.raises(InvalidContent):
        vcard_21.to_3(b"BEGIN:VCARD\nVERSION:2.1\nnonsense\nEND:VCARD\n")


def test_it_is_one_card() -> None:
    assert len(parse_components(vcard_21.to_3(PHONE).decode())) == 1
