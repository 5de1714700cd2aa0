"""The readable difference: what a person changed, not how a program wrote it."""

from __future__ import annotations

from davserver.content.difference import Change, differences


def event(*lines: str, more: tuple[str, ...] = ()) -> bytes:
    """A calendar object."""
    own = ["BEGIN:VEVENT", "UID:1", "DTSTART:20260105T100000Z", *lines, "END:VEVENT", *more]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *own, "END:VCALENDAR", ""]).encode()


def readable(before: bytes | None, after: bytes | None) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """What people care for."""
    return [(one.name, one.before, one.after) for one in differences(before, after) if not one.technical]


def test_a_changed_title_and_nothing_else() -> None:
    assert readable(
        event("SUMMARY:Tea", "DTSTAMP:20260101T000000Z"),
        event("DTSTAMP:20260102T000000Z", "SUMMARY:Coffee\\, hot"),
    ) == [("SUMMARY", ("Tea",), ("Coffee, hot",))]


def test_order_and_folding_are_no_difference() -> None:
    assert (
        differences(event("SUMMARY:Tea", "LOCATION:Here"), event("LOCATION:He\r\n re", "summary:Tea")) == []
    )


def test_of_several_values_only_those_that_differ() -> None:
    before = event("ATTENDEE:mailto:a@x.org", "ATTENDEE:mailto:b@x.org")
    after = event("ATTENDEE:mailto:b@x.org", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:c@x.org")
    assert readable(before, after) == [("ATTENDEE", ("a@x.org",), ("c@x.org (accepted)",))]


def test_where_only_parameters_differ_they_are_told() -> None:
    before, after = event("LOCATION:Here"), event("LOCATION;LANGUAGE=en:Here")
    assert readable(before, after) == [("LOCATION", ("LOCATION:Here",), ("LOCATION;LANGUAGE=en:Here",))]


def test_overrides_and_alarms_are_parts_of_their_own() -> None:
    override = (
        "BEGIN:VEVENT",
        "UID:1",
        "RECURRENCE-ID:20260112T100000Z",
        "DTSTART:20260112T110000Z",
        "END:VEVENT",
    )
    alarm = ("BEGIN:VALARM", "TRIGGER:-PT15M", "END:VALARM")
    found = differences(event(), event(*alarm, more=override))
    assert Change("VALARM", "", "TRIGGER", (), ("-PT15M",)) in found
    assert Change("VEVENT", "20260112T100000Z", "DTSTART", (), ("20260112T110000Z",)) in found


def test_a_picture_is_told_by_its_size() -> None:
    card = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:A\r\n%bEND:VCARD\r\n"
    photo = b"PHOTO;ENCODING=b:" + b"A" * 400 + b"\r\n"
    assert readable(card % b"", card % photo) == [("PHOTO", (), ("(300 bytes)",))]


def test_from_nothing_and_to_nothing() -> None:
    assert ("SUMMARY", (), ("Tea",)) in readable(None, event("SUMMARY:Tea"))
    assert ("SUMMARY", ("Tea",), ()) in readable(event("SUMMARY:Tea"), None)
