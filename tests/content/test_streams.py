"""Cutting files: every component with its lines as they are, whatever program wrote the file."""

from __future__ import annotations

import random

import pytest

from davserver.content import splice, streams
from davserver.content.streams import Damage, Head, Piece

LIMIT = 1 << 20


def cut(data: bytes, size: int = 65536) -> list[streams.Found]:
    """All that is found, the data coming in chunks of that size."""
    return list(streams.cut([data[at : at + size] for at in range(0, len(data), size)], LIMIT))


def pieces(data: bytes, size: int = 65536) -> list[Piece]:
    """The components."""
    return [one for one in cut(data, size) if isinstance(one, Piece)]


def damages(data: bytes) -> list[Damage]:
    """What could not be read."""
    return [one for one in cut(data) if isinstance(one, Damage)]


def calendar(*events: str, head: str = "VERSION:2.0") -> bytes:
    """A VCALENDAR with CRLF line ends."""
    lines = ["BEGIN:VCALENDAR", head, *events, "END:VCALENDAR", ""]
    return "\n".join(lines).replace("\r\n", "\n").replace("\n", "\r\n").encode()


EVENT = "BEGIN:VEVENT\r\nUID:one\r\nSUMMARY:Tea\r\nBEGIN:VALARM\r\nUID:alarm\r\nEND:VALARM\r\nEND:VEVENT\r\n"


def test_a_component_keeps_its_bytes_and_its_own_uid() -> None:
    (piece,) = pieces(calendar(EVENT.strip()))
    assert piece.text == EVENT.encode()
    assert (piece.name, piece.uid, piece.line, piece.repairs) == ("VEVENT", "one", 3, ())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 65536])
def test_where_the_chunks_end_makes_no_difference(size: int) -> None:
    data = calendar(EVENT.strip(), "BEGIN:VTODO\nUID:t\nSUMMARY:ä € 😀\nEND:VTODO")
    assert cut(data, size) == cut(data)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends_become_crlf(end: bytes) -> None:
    assert pieces(calendar(EVENT.strip()).replace(b"\r\n", end))[0].text == EVENT.encode()


def test_folded_lines_stay_folded_and_a_folded_uid_is_read() -> None:
    identity = "UID:on\r\n e\r\nRECURRENCE-ID;TZID=Europe/\r\n Berlin:20260101T100000\r\n"
    text = f"BEGIN:VEVENT\r\n{identity}END:VEVENT\r\n"
    (piece,) = pieces(calendar(text.strip()))
    assert piece.text == text.encode()
    assert piece.uid == "one"
    assert piece.instance == ";TZID=EUROPE/BERLIN:20260101T100000"
    assert piece.zones == ("Europe/Berlin",)


def test_the_head_keeps_the_product_only() -> None:
    head = "VERSION:2.0\nMETHOD:PUBLISH\nPRODID:-//Some\n one//EN\nX-WR-CALNAME:Mine\n x\nCALSCALE:GREGORIAN"
    heads = [one for one in cut(calendar(EVENT.strip(), head=head)) if isinstance(one, Head)]
    assert heads == [Head(1, b"PRODID:-//Some\r\n one//EN\r\nCALSCALE:GREGORIAN\r\n")]


def test_a_zone_is_named_by_its_own_tzid() -> None:
    zone = "BEGIN:VTIMEZONE\nTZID:Home\nBEGIN:STANDARD\nTZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE"
    (piece,) = pieces(calendar(zone))
    assert (piece.name, piece.zones) == ("VTIMEZONE", ("Home",))


@pytest.mark.parametrize("bom", [b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_byte_order_mark_is_understood(bom: bytes) -> None:
    text = calendar("BEGIN:VEVENT\nUID:ü\nEND:VEVENT").decode()
    data = bom + text.encode("utf-8" if len(bom) == 3 else "utf-16-le")
    assert [one.uid for one in pieces(data, 3)] == ["ü"]


def test_windows_letters_become_utf_8_and_it_is_said() -> None:
    data = calendar("BEGIN:VEVENT\nUID:1\nSUMMARY:M?ller\nEND:VEVENT").replace(b"?", b"\xfc")
    (piece,) = pieces(data)
    assert b"SUMMARY:M\xc3\xbcller\r\n" in piece.text
    assert piece.repairs == (streams.ENCODING,)


def test_control_characters_are_left_out_and_it_is_said() -> None:
    (piece,) = pieces(calendar("BEGIN:VEVENT\nUID:1\nDESCRIPTION:a\x0bb\x00\tc\nEND:VEVENT"))
    assert b"DESCRIPTION:ab\tc\r\n" in piece.text
    assert piece.repairs == (streams.CHARACTERS,)


def test_what_has_no_uid_gets_the_same_one_each_time() -> None:
    data = calendar("BEGIN:VEVENT\nSUMMARY:Tea\nEND:VEVENT", "BEGIN:VEVENT\nSUMMARY:Coffee\nEND:VEVENT")
    first, second = pieces(data)
    assert first.uid
    assert first.uid != second.uid
    assert b"BEGIN:VEVENT\r\nUID:" + first.uid.encode() in first.text
    assert [one.uid for one in pieces(data)] == [first.uid, second.uid]
    assert first.repairs == (streams.UID,)


def test_a_card_keeps_its_version_first_when_it_gets_a_uid() -> None:
    (piece,) = pieces(b"BEGIN:VCARD\nVERSION:4.0\nFN:Ann\nEND:VCARD\n")
    assert piece.text.startswith(b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:" + piece.uid.encode() + b"\r\nFN:Ann")


def test_cards_need_no_calendar_around_them_and_may_hold_an_agent() -> None:
    agent = b"BEGIN:VCARD\nVERSION:2.1\nUID:x\nBEGIN:VCARD\nFN:Agent\nEND:VCARD\nFN:Ann\nEND:VCARD\n"
    assert [one.uid for one in pieces(agent + agent.replace(b"UID:x", b"UID:y"))] == ["x", "y"]


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"BEGIN:VEVENT\nUID:1\nEND:VEVENT\n", 1, "VEVENT stands outside of a VCALENDAR."),
        (calendar("BEGIN:VEVENT\nUID:1\nSUMMARY:A"), 3, "BEGIN:VEVENT without its END."),
        (calendar("BEGIN:VEVENT\nUID:1\nEND:VALARM\nEND:VEVENT"), 3, "END:VALARM without its BEGIN."),
        (calendar("BEGIN:VEVENT\nBEGIN:VALARM\nEND:VEVENT"), 3, "BEGIN:VALARM without its END."),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n", 2, "The file ends in the middle of it."),
        (calendar(f"BEGIN:VEVENT\nUID:1\nDESCRIPTION:{'x' * LIMIT}\nEND:VEVENT"), 3, "An item has at most"),
    ],
)
def test_damage_has_a_line_and_a_reason(data: bytes, line: int, reason: str) -> None:
    found = damages(data)[0]
    assert found.line == line
    assert found.reason.startswith(reason)


def test_what_follows_a_damaged_component_is_found() -> None:
    data = calendar("BEGIN:VEVENT\nUID:1\nSUMMARY:A", "BEGIN:VEVENT\nUID:2\nEND:VEVENT")
    assert [one.uid for one in pieces(data)] == ["2"]
    assert [(one.uid, one.title) for one in damages(data)] == [("1", "A")]


def test_a_file_that_is_cut_off_between_two_components_says_so() -> None:
    (damage,) = damages(calendar(EVENT.strip()).replace(b"END:VCALENDAR\r\n", b""))
    assert "before END:VCALENDAR" in damage.reason


@pytest.mark.parametrize("uid", ["two", "a,b;c", "ü"])
def test_another_uid_changes_nothing_else(uid: str) -> None:
    text = EVENT.replace("UID:one", "UID;X=1:one\r\n more")
    changed = streams.with_uid(text.encode(), uid)
    (piece,) = pieces(calendar(changed.decode().strip()))
    assert piece.uid == uid
    assert streams.with_uid(changed, "one") == EVENT.encode()


def test_an_endless_line_needs_no_endless_memory() -> None:
    chunks = [calendar("BEGIN:VEVENT\nUID:1\nDESCRIPTION:x")[:60], *([b"x" * 65536] * 64), b"\nEND:VEVENT\n"]
    found = list(streams.cut(chunks, 65536))
    assert any(isinstance(one, Damage) and "at most" in one.reason for one in found)


def test_it_finds_what_the_export_wrote() -> None:
    bodies = [calendar(EVENT.strip().replace("one", f"uid-{random.random()}")) for _ in range(20)]
    whole = b"".join(splice.splice_calendar(bodies, b"VERSION:2.0\r\nPRODID:x\r\n"))
    found = [streams.calendar_object(b"", [], [one.text]) for one in pieces(whole)]
    assert [one.split(b"BEGIN:VEVENT")[1] for one in found] == [
        one.split(b"BEGIN:VEVENT")[1] for one in bodies
    ]
