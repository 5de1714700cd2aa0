"""free-busy-query: merged busy time, and nothing but that."""

from __future__ import annotations

import pytest

from tests.content.objects import event
from tests.davclient import Answer, C, Client, D, MakeClient, MakeServer, pieces_of


def busy(
    client: Client,
    path: str,
    start: str = "20260504T000000Z",
    end: str = "20260511T000000Z",
    depth: str = "1",
) -> Answer:
    """A free-busy-query of a week."""
    text = f'<c:free-busy-query><c:time-range start="{start}" end="{end}"/></c:free-busy-query>'
    return client.report(path, text, depth=depth)


def periods(answer: Answer) -> list[str]:
    """The FREEBUSY lines."""
    assert answer.status == 200
    return [line for line in pieces_of(answer.text) if line.startswith("FREEBUSY")]


def hour(day: int, *lines: str, uid: str = "") -> bytes:
    """An event from 10 to 11 on that day of May."""
    start = f"DTSTART:202605{day:02}T100000Z"
    return event(start, f"DTEND:202605{day:02}T110000Z", *lines, uid=uid or f"{day}")


def test_the_answer_is_one_vfreebusy(ann: Client) -> None:
    ann.put(ann.calendar + "4.ics", hour(4, "SUMMARY:Secret"))
    answer = busy(ann, ann.calendar)
    assert answer.header("Content-Type") == "text/calendar; charset=utf-8"
    lines = list(pieces_of(answer.text))
    assert lines.count("BEGIN:VFREEBUSY") == 1
    assert "DTSTART:20260504T000000Z" in lines
    assert "DTEND:20260511T000000Z" in lines
    assert "Secret" not in answer.text
    assert periods(answer) == ["FREEBUSY;FBTYPE=BUSY:20260504T100000Z/20260504T110000Z"]


def test_nothing_on_is_an_answer_without_periods(ann: Client) -> None:
    assert periods(busy(ann, ann.calendar)) == []


FREE = ["TRANSP:TRANSPARENT", "STATUS:CANCELLED"]


@pytest.mark.parametrize("line", FREE)
def test_what_does_not_block_is_free(ann: Client, line: str) -> None:
    ann.put(ann.calendar + "4.ics", hour(4, line))
    assert periods(busy(ann, ann.calendar)) == []


def test_tentative_is_told_apart(ann: Client) -> None:
    ann.put(ann.calendar + "4.ics", hour(4, "STATUS:TENTATIVE"))
    (line,) = periods(busy(ann, ann.calendar))
    assert line.startswith("FREEBUSY;FBTYPE=BUSY-TENTATIVE:")


def test_what_its_owner_has_declined_is_free(ann: Client) -> None:
    """In a series instance by instance, and in the index as in the body."""
    ann.put(ann.calendar + "4.ics", hour(4, "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org"))
    ann.put(ann.calendar + "5.ics", hour(5, "ATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.org"))
    daily = "RRULE:FREQ=DAILY", "ATTENDEE;PARTSTAT=NEEDS-ACTION:MAILTO:Ann@example.org"
    ann.put(ann.calendar + "daily.ics", event("DTSTART:20260506T150000Z", "DURATION:PT1H", *daily, uid="d"))
    busy_line, tentative = periods(busy(ann, ann.calendar))
    assert busy_line == "FREEBUSY;FBTYPE=BUSY:20260505T100000Z/20260505T110000Z"
    assert tentative.startswith("FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260506T150000Z/20260506T160000Z,")


def test_what_others_share_is_their_time(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.put(ann.calendar + "4.ics", hour(4))
    ann.grant(ann.calendar, "bob", D + "read")
    assert periods(busy(bob, bob.calendar_home, depth="infinity")) == []


def test_each_calendar_is_read_in_its_own_zone(ann: Client) -> None:
    for name, zone in (("east", "Asia/Tokyo"), ("west", "America/New_York")):
        ann.mkcalendar(
            f"{ann.calendar_home}{name}/", f"<c:calendar-timezone-id>{zone}</c:calendar-timezone-id>"
        )
        floating = event("DTSTART:20260504T120000", "DTEND:20260504T130000", uid=name)
        ann.put(f"{ann.calendar_home}{name}/1.ics", floating)
    (line,) = periods(busy(ann, ann.calendar_home, depth="infinity"))
    assert line == (
        "FREEBUSY;FBTYPE=BUSY:20260504T030000Z/20260504T040000Z,20260504T160000Z/20260504T170000Z"
    )


def test_a_series_and_overlaps_are_merged(ann: Client) -> None:
    ann.put(ann.calendar + "daily.ics", hour(1, "RRULE:FREQ=DAILY"))
    ann.put(ann.calendar + "4.ics", event("DTSTART:20260504T103000Z", "DTEND:20260504T120000Z", uid="4"))
    (line,) = periods(busy(ann, ann.calendar))
    assert line.count("/") == 7
    assert line.startswith("FREEBUSY;FBTYPE=BUSY:20260504T100000Z/20260504T120000Z,")


def test_a_transparent_calendar_does_not_count_but_answers_for_itself(ann: Client) -> None:
    ann.put(ann.calendar + "4.ics", hour(4))
    ann.proppatch(ann.calendar, "<c:schedule-calendar-transp><c:transparent/></c:schedule-calendar-transp>")
    assert periods(busy(ann, ann.calendar_home, depth="infinity")) == []
    assert len(periods(busy(ann, ann.calendar))) == 1


def test_a_home_is_asked_for_all_its_calendars_in_depth(ann: Client) -> None:
    ann.mkcalendar(ann.calendar_home + "other/")
    ann.put(ann.calendar + "4.ics", hour(4))
    ann.put(ann.calendar_home + "other/5.ics", hour(5))
    (line,) = periods(busy(ann, ann.calendar_home, depth="infinity"))
    assert line.count("/") == 2


def test_who_may_see_busy_time_sees_that_and_nothing_else(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.put(ann.calendar + "4.ics", hour(4))
    assert busy(bob, ann.calendar).status == 403
    ann.grant(ann.calendar, "bob", C + "read-free-busy")
    assert len(periods(busy(bob, ann.calendar))) == 1
    assert bob.get(ann.calendar + "4.ics").status == 403
    assert bob.propfind(ann.calendar, D + "displayname").status == 403


def test_an_operator_may_let_everybody_see_when_others_are_busy_and_nothing_else(
    make_server: MakeServer,
) -> None:
    server = make_server(sharing={"free_busy": True})
    ann, eve = Client(server, "ann"), Client(server, "eve")
    ann.put(ann.calendar + "4.ics", hour(4))
    assert len(periods(busy(eve, ann.calendar))) == 1
    assert len(periods(busy(eve, ann.calendar_home, depth="infinity"))) == 1
    assert eve.get(ann.calendar + "4.ics").status == 403
    for path in (ann.calendar, ann.calendar_home, ann.calendar + "4.ics", ann.book, ann.book_home):
        assert eve.propfind(path, D + "displayname").status == 403


def test_otherwise_a_stranger_learns_nothing_of_when_others_are_busy(client: MakeClient) -> None:
    ann, eve = client("ann"), client("eve")
    for path in (ann.calendar_home, ann.calendar, ann.calendar_home + "nothing/"):
        assert busy(eve, path, depth="infinity").status == 403


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<c:time-range/>",
        '<c:time-range start="20260504T000000Z"/>',
        '<c:time-range start="20260504T000000Z" end="20260503T000000Z"/>',
        '<c:time-range start="x" end="y"/>',
    ],
)
def test_a_span_that_makes_no_sense_is_refused(ann: Client, inner: str) -> None:
    answer = ann.report(ann.calendar, f"<c:free-busy-query>{inner}</c:free-busy-query>")
    assert answer.status in (400, 403)
