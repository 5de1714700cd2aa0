"""Partial retrieval: exactly what was asked for, and nothing that a parser could not take."""

from __future__ import annotations

from davserver.content.lines import Component, decode, dump, parse_components
from davserver.content.partial import CardSelection, CompSelection, select_calendar, select_card
from tests.content.objects import BERLIN, calendar, card, component, text

ALARM = "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nEND:VALARM"
EVENT = calendar(
    BERLIN,
    component("VEVENT", "DTSTART;TZID=Europe/Berlin:20260504T100000", "SUMMARY;LANGUAGE=en:Lunch", ALARM),
)


def parsed(body: bytes) -> Component:
    return parse_components(decode(body))[0]


def selected(*comps: CompSelection, props: dict[str, bool] | None = None) -> str:
    return dump(select_calendar(parsed(EVENT), CompSelection("VCALENDAR", props or {}, comps)))


def test_an_empty_comp_means_all_of_it() -> None:
    assert dump(select_calendar(parsed(EVENT), CompSelection("VCALENDAR"))).encode() == EVENT
    assert selected(CompSelection("VTIMEZONE")) == calendar(BERLIN).decode()


def test_the_example_of_rfc_4791_7_8_1() -> None:
    chosen = selected(
        CompSelection("VEVENT", {"SUMMARY": False, "UID": False, "DTSTART": False}),
        CompSelection("VTIMEZONE"),
        props={"VERSION": False},
    )
    assert chosen == text(
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        BERLIN,
        "BEGIN:VEVENT",
        "UID:one@example.com",
        "DTSTART;TZID=Europe/Berlin:20260504T100000",
        "SUMMARY;LANGUAGE=en:Lunch",
        "END:VEVENT",
        "END:VCALENDAR",
    )


def test_novalue_keeps_the_name_and_the_parameters() -> None:
    chosen = selected(CompSelection("VEVENT", {"SUMMARY": True}))
    assert chosen == calendar("BEGIN:VEVENT\nSUMMARY;LANGUAGE=en:\nEND:VEVENT").decode()


def test_allprop_leaves_out_the_components_and_allcomp_the_properties() -> None:
    assert (
        selected(CompSelection("VEVENT", None))
        == calendar(
            component("VEVENT", "DTSTART;TZID=Europe/Berlin:20260504T100000", "SUMMARY;LANGUAGE=en:Lunch")
        ).decode()
    )
    assert (
        selected(CompSelection("VEVENT", {"UID": False}, None))
        == calendar(f"BEGIN:VEVENT\nUID:one@example.com\n{ALARM}\nEND:VEVENT").decode()
    )


def test_components_that_were_not_named_are_left_out() -> None:
    assert selected(CompSelection("VTODO")) == calendar().decode()


def test_version_is_there_whatever_was_asked_for() -> None:
    assert selected(props={"CALSCALE": False}) == text("BEGIN:VCALENDAR", "VERSION:2.0", "END:VCALENDAR")
    other = select_calendar(parsed(EVENT), CompSelection("VEVENT", {"UID": False}))
    assert dump(other) == calendar().decode()


def test_the_object_itself_is_not_changed() -> None:
    root = parsed(EVENT)
    select_calendar(root, CompSelection("VCALENDAR", {}, (CompSelection("VEVENT", {"UID": True}),)))
    assert dump(root).encode() == EVENT


CARD = card("item1.TEL:1", "item1.X-ABLabel:Boat", "TEL;TYPE=HOME:2", "PHOTO;ENCODING=b:AAAA")


def test_a_card_without_its_photo() -> None:
    chosen = select_card(parsed(CARD), CardSelection({"FN": False, "TEL": False, "PHOTO": True}))
    assert dump(chosen) == text(
        "BEGIN:VCARD",
        "VERSION:3.0",
        "FN:Ann Lee",
        "item1.TEL:1",
        "TEL;TYPE=HOME:2",
        "PHOTO;ENCODING=b:",
        "END:VCARD",
    )


def test_a_property_of_one_group() -> None:
    chosen = select_card(parsed(CARD), CardSelection({"ITEM1.TEL": False}))
    assert dump(chosen) == text("BEGIN:VCARD", "VERSION:3.0", "item1.TEL:1", "END:VCARD")


def test_no_selection_is_everything() -> None:
    root = parsed(CARD)
    assert select_card(root, CardSelection()) is root
