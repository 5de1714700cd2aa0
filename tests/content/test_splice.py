"""Export joins stored bodies without losing or altering anything; import is its inverse."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davserver.content.ical import CalendarLimits, check_calendar_object
from davserver.content.lines import Component, decode, dump, parse_components
from davserver.content.splice import splice_calendar, splice_cards, split_calendar, split_cards
from davserver.content.vcard import CardLimits, check_card
from davserver.errors import InvalidContent
from tests.content.objects import BERLIN, calendar, card, component, event, text, todo

HEADER = b"VERSION:2.0\r\nPRODID:-//test//EN\r\n"
CUSTOM = BERLIN.replace("Europe/Berlin", "Customized Time Zone")
OTHER_CUSTOM = CUSTOM.replace("+0200", "+0300")


def in_zone(zone: str, tzid: str, uid: str) -> bytes:
    return calendar(zone, component("VEVENT", f"DTSTART;TZID={tzid}:20260504T100000", uid=uid))


def spliced(*bodies: bytes, only: set[str] | None = None) -> Component:
    roots = parse_components(decode(b"".join(splice_calendar(bodies, HEADER, only))))
    assert [root.name for root in roots] == ["VCALENDAR"]
    return roots[0]


def names(root: Component) -> list[str]:
    return [child.name for child in root.children]


# -- export --------------------------------------------------------------------------------------


def test_an_empty_calendar_is_a_calendar() -> None:
    assert b"".join(splice_calendar([], HEADER)) == b"BEGIN:VCALENDAR\r\n" + HEADER + b"END:VCALENDAR\r\n"


def test_components_are_copied_byte_for_byte() -> None:
    odd = event('x-mixed-Case;p="a:b":kept as is', "DESCRIPTION:folded\n here\n  twice")
    joined = b"".join(splice_calendar([odd], HEADER))
    assert odd[odd.index(b"BEGIN:VEVENT") : odd.index(b"END:VCALENDAR")] in joined


def test_each_zone_is_there_once_and_before_its_first_use() -> None:
    root = spliced(*[in_zone(BERLIN, "Europe/Berlin", str(number)) for number in range(3)])
    assert names(root) == ["VTIMEZONE", "VEVENT", "VEVENT", "VEVENT"]


def test_of_two_descriptions_of_a_known_zone_the_first_stays() -> None:
    other = BERLIN.replace("TZNAME:CET", "TZNAME:MEZ")
    root = spliced(*[in_zone(zone, "Europe/Berlin", str(n)) for n, zone in enumerate((BERLIN, other, other))])
    assert names(root) == ["VTIMEZONE", "VEVENT", "VEVENT", "VEVENT"]


def test_different_zones_of_one_unknown_name_are_kept_apart() -> None:
    zones = (CUSTOM, OTHER_CUSTOM, CUSTOM, OTHER_CUSTOM)
    root = spliced(*[in_zone(zone, "Customized Time Zone", str(n)) for n, zone in enumerate(zones)])
    assert names(root) == ["VTIMEZONE", "VEVENT", "VTIMEZONE", "VEVENT", "VEVENT", "VEVENT"]
    tzids = [child.value("TZID") for child in root.children if child.name == "VTIMEZONE"]
    assert tzids == ["Customized Time Zone", "Customized Time Zone (2)"]
    events = [child for child in root.children if child.name == "VEVENT"]
    used = [line.param("TZID") for child in events for line in child.all("DTSTART")]
    assert used == [tzids[0], tzids[1], tzids[0], tzids[1]]


def test_only_the_wanted_components_and_their_zones_are_exported() -> None:
    root = spliced(in_zone(BERLIN, "Europe/Berlin", "1"), todo("SUMMARY:x"), only={"VTODO"})
    assert names(root) == ["VTODO"]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"\r\n", b"\n"),
        lambda body: body.rstrip(),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: b"\r\n\r\n" + body + b"\r\n",
        lambda body: body.replace(b"BEGIN:VEVENT", b"begin:vevent"),
        lambda body: body.replace(b"END:VEVENT", b"END:VEV\r\n ENT"),
        lambda body: body.replace(b"BEGIN:VEVENT", b"BEGIN:VEVENT "),
        lambda body: body.replace(b"END:VEVENT\r\n", b"END:VEVENT\r\n\r\n"),
        lambda body: body.replace(b"END:VEVENT\r\n", b"END:VEVENT\r\nX-LATE:1\r\n"),
        lambda body: body.replace(b"SUMMARY:", b"SUMMARY:a\r b"),
    ],
    ids=[
        "LF",
        "no last line end",
        "BOM",
        "blank lines",
        "lower case",
        "folded END",
        "space",
        "blank",
        "late",
        "CR",
    ],
)
def test_lines_as_clients_write_them_do_not_matter(change: object) -> None:
    body = change(event("SUMMARY:Lunch", "BEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-PT5M\nEND:VALARM"))  # type: ignore[operator]
    joined = b"".join(splice_calendar([event(uid="first"), body, event(uid="last")], HEADER))
    assert joined.count(b"\n") == joined.count(b"\r\n")
    roots = parse_components(decode(joined))
    assert names(roots[0]) == ["VEVENT"] * 3
    assert roots[0].children[1].children == parse_components(decode(body))[0].children[0].children


def test_a_body_that_is_none_is_left_out() -> None:
    assert names(spliced(b"rubbish", b"", event())) == ["VEVENT"]


def test_cards_are_joined_with_crlf() -> None:
    joined = b"".join(splice_cards([card(uid="1"), card(uid="2").replace(b"\r\n", b"\n").rstrip()]))
    assert joined == card(uid="1") + card(uid="2")


def test_splicing_stays_cheap() -> None:
    """A loose bound, ten times what it takes: an accidental parse would go beyond it."""
    from time import process_time

    bodies = [in_zone(BERLIN, "Europe/Berlin", str(number)) for number in range(5000)]
    started = process_time()
    sum(len(piece) for piece in splice_calendar(bodies, HEADER))
    assert process_time() - started < 0.5


# -- import --------------------------------------------------------------------------------------

SERIES = (
    component("VEVENT", "DTSTART;TZID=Europe/Berlin:20260504T100000", "RRULE:FREQ=DAILY", uid="series"),
    component(
        "VEVENT",
        "RECURRENCE-ID;TZID=Europe/Berlin:20260505T100000",
        "DTSTART;TZID=Europe/Berlin:20260505T120000",
        uid="series",
    ),
)


def test_a_stream_becomes_one_object_for_each_uid() -> None:
    single = component("VEVENT", "DTSTART:20260504T100000Z", uid="single")
    stream = calendar("METHOD:PUBLISH\nX-WR-CALNAME:All", SERIES[0], CUSTOM, BERLIN, single, SERIES[1])
    found = dict(split_calendar(stream.decode()))
    assert list(found) == ["series", "single"]
    assert (
        found["series"].replace(b"\r\nPRODID:-//test//EN", b"")
        == text("BEGIN:VCALENDAR", "VERSION:2.0", BERLIN, *SERIES, "END:VCALENDAR").encode()
    )
    assert b"VTIMEZONE" not in found["single"]
    assert b"PRODID:-//test//EN" in found["single"]


def test_several_calendars_in_one_stream_are_all_read() -> None:
    stream = event(uid="1") + todo() + event(uid="2")
    assert [uid for uid, _ in split_calendar(stream.decode())] == ["1", "one@example.com", "2"]


def test_a_component_without_uid_gets_the_same_one_each_time() -> None:
    stream = calendar("BEGIN:VEVENT\nDTSTART:20260504\nSUMMARY:x\nEND:VEVENT").decode()
    (uid, body), (again, _) = *split_calendar(stream), *split_calendar(stream)
    assert uid == again
    assert check_calendar_object(body, CalendarLimits()).uid == uid


def test_a_copy_is_dropped_and_a_rival_becomes_an_object_of_its_own() -> None:
    one, rival = (component("VEVENT", "DTSTART:20260504", f"SUMMARY:{name}") for name in ("one", "rival"))
    found = dict(split_calendar(calendar(one, one, rival).decode()))
    assert list(found) == ["one@example.com", "one@example.com-2"]
    for uid, body in found.items():
        assert check_calendar_object(body, CalendarLimits()).uid == uid


def test_events_and_tasks_of_one_uid_are_different_objects() -> None:
    stream = calendar(component("VEVENT", "DTSTART:20260504"), component("VTODO")).decode()
    assert len(list(split_calendar(stream))) == 2


def test_cards_are_split_and_keep_their_text() -> None:
    first, second = card("NOTE:folded\n here", uid="1"), card(uid="2").replace(b"\r\n", b"\n")
    found = dict(split_cards((first + second).decode()))
    assert found == {"1": first, "2": card(uid="2")}


def test_a_card_without_uid_gets_the_same_one_each_time() -> None:
    stream = text("BEGIN:VCARD", "VERSION:4.0", "FN:Ann", "END:VCARD")
    (uid, body), (again, _) = *split_cards(stream), *split_cards(stream)
    assert uid == again
    assert check_card(body, CardLimits()).uid == uid


@pytest.mark.parametrize(
    "stream", ["BEGIN:VCALENDAR\r\n", "END:VCALENDAR\r\n", "BEGIN:VCALENDAR\nBEGIN:A\nEND:B\n"]
)
def test_a_stream_with_broken_structure_is_refused(stream: str) -> None:
    with pytest.raises(InvalidContent):
        list(split_calendar(stream))


def test_export_and_import_are_inverse() -> None:
    bodies = [
        in_zone(BERLIN, "Europe/Berlin", "a"),
        in_zone(CUSTOM, "Customized Time Zone", "b"),
        todo("SUMMARY:ü"),
    ]
    stream = b"".join(splice_calendar(bodies, HEADER))
    back = [body for _, body in split_calendar(stream.decode())]
    assert [_components(body) for body in back] == [_components(body) for body in bodies]


def _components(body: bytes) -> list[str]:
    return sorted(dump(child) for child in parse_components(decode(body))[0].children)


MARKS = [
    f"{edge}:{name}" for edge in ("BEGIN", "END") for name in ("VCALENDAR", "VCARD", "VEVENT", "VTIMEZONE")
]
FILLING = [
    "UID:1",
    "UID:",
    "TZID:X",
    "DTSTART;TZID=X:20260504",
    " folded",
    "",
    "x",
    "begin:vevent",
    "BEGIN:X Y",
]
PIECES = st.sampled_from([*MARKS, *FILLING])
ENDS = st.sampled_from(["\r\n", "\n", "\r", ""])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(PIECES, ENDS), max_size=20).map(lambda parts: "".join(map("".join, parts))))
def test_any_stream_is_split_or_refused_and_any_body_spliced(stream: str) -> None:
    for split in (split_calendar, split_cards):
        try:
            found = list(split(stream))
        except InvalidContent:
            found = []
        assert all(uid and body for uid, body in found)
    joined = b"".join(splice_calendar([stream.encode(), event()], HEADER))
    assert parse_components(decode(joined))[0].children[-1].name == "VEVENT"
    assert b"".join(splice_cards([stream.encode()]))
