"""Calendars that others publish: read whatever made them, compared by what they say."""

from __future__ import annotations

import pytest

from davserver.config import CalDavSettings
from davserver.content import feed, index
from davserver.content.feed import Wish

EVENTS = 3


def event(number: int, *more: str, stamp: str = "20260101T000000Z", uid: str | None = None) -> str:
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid if uid is not None else f'{number}@example.org'}",
        f"DTSTAMP:{stamp}",
        f"DTSTART:202601{number % 27 + 1:02}T100000Z",
        f"SUMMARY:Event {number}",
        *more,
        "END:VEVENT",
    ]
    return "\r\n".join(lines) + "\r\n"


def calendar(*events: str, head: str = "VERSION:2.0\r\nPRODID:-//x//EN\r\n") -> bytes:
    return f"BEGIN:VCALENDAR\r\n{head}{''.join(events)}END:VCALENDAR\r\n".encode()


def read(body: bytes, **wish: bool) -> feed.Feed:
    return feed.read(body, Wish(**wish))


def known(found: feed.Feed) -> dict[str, str]:
    return {one.name: one.digest for one in found.objects}


def test_each_uid_is_one_object_that_may_be_stored() -> None:
    override = event(1, "RECURRENCE-ID:20260109T100000Z")
    found = read(calendar(event(1, "RRULE:FREQ=WEEKLY"), override, event(2)))
    assert [one.uid for one in found.objects] == ["1@example.org", "2@example.org"]
    for one in found.objects:
        assert index.of_calendar_object(one.body, CalDavSettings()).uid == one.uid
    assert found.objects[0].body.count(b"BEGIN:VEVENT") == 2


def test_zones_go_with_who_uses_them() -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Here\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\n"
        "TZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    local = event(1).replace("DTSTART:", "DTSTART;TZID=Here:").replace("T100000Z\r\nS", "T100000\r\nS")
    found = read(calendar(local, event(2), zone))
    assert [b"VTIMEZONE" in one.body for one in found.objects] == [True, False]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"\r\n", b"\n"),
        lambda body: body.replace(b"\r\n", b"\r"),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body.decode().encode("utf-16"),
        lambda body: body.replace(b"VERSION:2.0\r\n", b""),
        lambda body: body.replace(b"VERSION:2.0", b"VERSION:1.0"),
        lambda body: body.replace(b"PRODID:-//x//EN\r\n", b""),
        lambda body: body.replace(b"PRODID", b"METHOD:PUBLISH\r\nPRODID"),
        lambda body: b"\r\n\r\n" + body + b"\r\n<!-- cached -->\r\n",
        lambda body: body.replace(b"VCALENDAR", b"vcalendar"),
    ],
    ids=["lf", "cr", "bom", "utf-16", "no-version", "version-1", "no-prodid", "method", "rubbish", "lower"],
)
def test_whatever_program_made_it(change: object) -> None:
    plain = calendar(event(1), event(2))
    found = read(change(plain))  # type: ignore[operator]
    assert known(found) == known(read(plain))
    for one in found.objects:
        assert index.of_calendar_object(one.body, CalDavSettings()).uid == one.uid
        assert b"METHOD" not in one.body


def test_latin_1_is_read() -> None:
    found = read(calendar(event(1).replace("Event", "Fête")).decode().encode("latin-1"))
    assert "Fête 1".encode() in found.objects[0].body
    assert found.objects[0].title == "Fête 1"


def test_what_is_no_calendar_or_not_whole_is_not_believed() -> None:
    for body in (b"", b"<html><body>Please sign in: BEGIN:VCALENDAR</body>", b"BEGIN:VCARD\r\nEND:VCARD\r\n"):
        with pytest.raises(feed.NoCalendar):
            read(body)
    whole = calendar(event(1), event(2))
    for length in range(30, len(whole) - 16, 40):
        with pytest.raises(feed.CutShort):
            read(whole[:length])
    with pytest.raises(feed.TooMany):
        feed.read(whole, Wish(most=1))


def test_alarms_attachments_and_tasks_are_left_out_unless_wanted() -> None:
    alarm = ("BEGIN:VALARM", "ACTION:AUDIO", "ATTACH:x", "TRIGGER:-PT5M", "END:VALARM")
    attached = ("ATTACH;ENCODING=BASE64;VALUE=BINARY:AAAA", " BBBB", "LOCATION:Here")
    task = event(3).replace("VEVENT", "VTODO")
    body = calendar(event(1, *alarm), event(2, *attached), task)
    bare = read(body)
    assert len(bare.objects) == 2
    assert not any(
        word in one.body for one in bare.objects for word in (b"VALARM", b"ATTACH", b"BBBB", b"TRIG")
    )
    assert b"LOCATION:Here" in bare.objects[1].body
    rich = read(body, alarms=True, attachments=True, tasks=True)
    assert len(rich.objects) == 3
    assert b"TRIGGER" in rich.objects[0].body
    assert b" BBBB" in rich.objects[1].body


def test_the_head_says_name_colour_zone_and_how_often() -> None:
    head = (
        "VERSION:2.0\r\nX-WR-CALNAME:Bins\\, and\r\n  more\r\nX-APPLE-CALENDAR-COLOR:#ff0000\r\nnonsense\r\n"
        "X-WR-TIMEZONE:Europe/Berlin\r\nREFRESH-INTERVAL;VALUE=DURATION:soon\r\nX-PUBLISHED-TTL:PT6H\r\n"
    )
    found = read(calendar(event(1), head=head))
    assert (found.title, found.color, found.timezone_id) == ("Bins, and more", "#FF0000", "Europe/Berlin")
    assert found.minutes == 360
    bare = read(
        calendar(event(1), head="COLOR:url(javascript:x)\r\nX-WR-TIMEZONE:Mars/X\r\nX-PUBLISHED-TTL:P0D\r\n")
    )
    assert (bare.title, bare.color, bare.timezone_id, bare.minutes) == ("", "", "", None)


def test_damaged_entries_are_told_and_the_rest_is_read() -> None:
    broken = event(1).replace("END:VEVENT\r\n", "")
    found = read(calendar(broken, event(2)))
    assert [one.uid for one in found.objects] == ["2@example.org"]
    assert found.damaged[0][0] == "Event 1"


# -- differences


def test_new_stamps_are_no_change_and_other_words_are() -> None:
    first = read(calendar(*map(event, range(EVENTS))))
    again = read(calendar(*(event(number, stamp="20270101T000000Z") for number in range(EVENTS))))
    what = feed.difference(again.objects, known(first), by_content=False)
    assert (what.written, what.gone, what.by_content) == ({}, (), False)
    other = read(calendar(event(0), event(1, "LOCATION:Elsewhere"), event(7)))
    what = feed.difference(other.objects, known(first), by_content=False)
    assert sorted(one.uid for one in what.written.values()) == ["1@example.org", "7@example.org"]
    assert what.gone == (first.objects[2].name,)


def test_an_object_keeps_its_name_as_long_as_its_uid_stays() -> None:
    first, later = read(calendar(event(1))), read(calendar(event(1, "LOCATION:New")))
    assert first.objects[0].name == later.objects[0].name
    assert first.objects[0].digest != later.objects[0].digest


def test_where_all_uids_change_events_are_known_by_what_they_say() -> None:
    """Google's read-only links and feiertage-oesterreich.at give new UIDs at each fetch."""

    def fetch(turn: int, *numbers: int) -> feed.Feed:
        return read(calendar(*(event(number, uid=f"{turn}-{number}x") for number in numbers)))

    first = known(fetch(1, 1, 2, 3, 4))
    what = feed.difference(fetch(2, 1, 2, 3, 4).objects, first, by_content=False)
    assert (what.written, what.gone, what.by_content) == ({}, (), True)
    what = feed.difference(fetch(3, 1, 2, 3, 9).objects, first, by_content=True)
    assert len(what.written) == len(what.gone) == 1
    second = {name: digest for name, digest in first.items() if name not in what.gone}
    second |= {name: one.digest for name, one in what.written.items()}
    what = feed.difference(fetch(4, 9, 3, 2, 1).objects, second, by_content=True)
    assert (what.written, what.gone) == ({}, ())


def test_twins_by_content_are_two() -> None:
    twins = read(calendar(event(1, uid="ax"), event(1, uid="bx")))
    what = feed.difference(twins.objects, {}, by_content=True)
    assert len(what.written) == 2
    kept = {name: one.digest for name, one in what.written.items()}
    assert feed.difference(twins.objects, kept, by_content=True).written == {}


def test_another_calendar_at_the_address_is_no_change_of_uids() -> None:
    first = known(read(calendar(event(1), event(2), event(3))))
    other = read(calendar(event(11), event(12), event(13)))
    what = feed.difference(other.objects, first, by_content=False)
    assert not what.by_content
    assert len(what.written) == len(what.gone) == 3


def test_one_uid_for_many_events_makes_many_objects() -> None:
    """Office 365 has been seen to publish hundreds of events under one UID."""
    found = read(calendar(*(event(number, uid="same") for number in range(4)), event(0, uid="same")))
    assert [one.uid for one in found.objects] == ["same", "same-2", "same-3", "same-4"]
    assert len({one.name for one in found.objects}) == 4
    for one in found.objects:
        assert index.of_calendar_object(one.body, CalDavSettings()).uid == one.uid
