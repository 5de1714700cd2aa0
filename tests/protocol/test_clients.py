"""What single clients send and need, beyond what the tests of each method say."""

from __future__ import annotations

import pytest

from tests.content.objects import calendar, card, component, event
from tests.davclient import CS, C, Client, D, X, xml

WEST_EUROPE = """\
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""
OUTLOOK = calendar(
    WEST_EUROPE,
    component(
        "VEVENT",
        "DTSTART;TZID=W. Europe Standard Time:20260504T100000",
        "DTEND;TZID=W. Europe Standard Time:20260504T110000",
        "X-ALT-DESC;FMTTYPE=text/html:<html><body>x</body></html>",
        "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
        uid="040000008200E00074C5B7101A82E008" + "0" * 200,
    ),
)


def test_outlook_s_zone_of_1601_and_its_long_uid_are_taken_and_found(ann: Client) -> None:
    assert ann.put(ann.calendar + "one.ics", OUTLOOK).status == 201
    assert ann.get(ann.calendar + "one.ics").body == OUTLOOK
    text = (
        "<c:calendar-query><d:prop><d:getetag/></d:prop><c:filter><c:comp-filter name='VCALENDAR'>"
        "<c:comp-filter name='VEVENT'><c:time-range start='20260504T080000Z' end='20260504T083000Z'/>"
        "</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>"
    )
    assert ann.report(ann.calendar, text).names == {"one.ics"}


def test_caldav_synchronizer_asks_for_displayname_beside_the_data(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    text = (
        "<c:calendar-multiget><d:prop><d:getetag/><d:displayname/><c:calendar-data/></d:prop>"
        f"<d:href>{ann.calendar}one.ics</d:href></c:calendar-multiget>"
    )
    member = ann.report(ann.calendar, text).one
    assert member.data == event().decode()
    assert member.missing == {D + "displayname"}


THUNDERBIRD_CARD = card(
    "PHOTO;VALUE=URL:data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==",
    "TEL;VALUE=TEXT;TYPE=cell:+43 1 2",
    "SPECIAL-DATE;VALUE=DATE;X-LABEL=x:20260504",
    version="4.0",
)


def test_thunderbird_writes_cards_without_any_condition_and_reads_them_back(ann: Client) -> None:
    path = ann.book + "one.vcf"
    for body in (THUNDERBIRD_CARD, THUNDERBIRD_CARD.replace(b"+43 1 2", b"+43 1 3")):
        answer = ann.put(path, body, content_type="text/vcard", user_agent="Thunderbird/153.0")
        assert answer.status in (201, 204)
        text = (
            '<cr:addressbook-multiget><d:prop><d:getetag/><cr:address-data content-type="text/vcard" '
            f'version="4.0"/></d:prop><d:href>{path}</d:href></cr:addressbook-multiget>'
        )
        member = ann.report(ann.book, text).one
        assert member.data == body.decode()
        assert member[D + "getetag"].text == answer.etag


def test_thunderbird_finds_a_deletion_done_by_a_head(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    ann.put(path, event("SUMMARY:x"))
    assert ann.delete(path, if_match=tag).status == 412
    assert ann.head(path).status == 200
    assert ann.delete(path).status == 204
    assert ann.head(path).status == 404


def test_evolution_writes_without_if_match_and_asks_for_a_minimal_answer(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    for line in ("SUMMARY:a", "SUMMARY:b"):
        answer = ann.put(path, event(line), prefer="return=minimal")
        assert (answer.status in (201, 204), answer.body) == (True, b"")
    assert ann.get(path).body == event("SUMMARY:b")


def test_evolution_polls_the_ctag(ann: Client) -> None:
    before = ann.prop(ann.calendar, CS + "getctag").text
    assert ann.prop(ann.calendar, CS + "getctag").text == before
    ann.put(ann.calendar + "one.ics", event())
    assert ann.prop(ann.calendar, CS + "getctag").text != before


APPLE = event(
    'X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-ADDRESS="Stephansplatz 1\\n1010 Wien";'
    'X-APPLE-RADIUS=70;X-TITLE="Dom, St. Stephan":geo:48.208,16.373',
    "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC",
)


def test_apple_s_properties_with_quoted_parameters_are_kept(ann: Client) -> None:
    path = ann.calendar + "5D7B6A1E-0000-4000-8000-00000000000A.ics"
    assert ann.put(path, APPLE, content_type="text/calendar", if_none_match="*").status == 201
    assert ann.get(path).body == APPLE


def test_apple_s_multiget_has_no_depth(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    text = (
        "<c:calendar-multiget><d:prop><d:getetag/><c:calendar-data/></d:prop>"
        f"<d:href>{ann.calendar}one.ics</d:href></c:calendar-multiget>"
    )
    assert ann.report(ann.calendar, text, depth=None).one.data == event().decode()


def test_macos_polls_where_a_home_has_no_sync(ann: Client) -> None:
    assert ann.sync(ann.calendar_home).status in (403, 415, 501)


def test_davx5_deletes_moves_and_makes_with_plain_answers(ann: Client) -> None:
    """A 207 to one of these is an error for it."""
    ann.put(ann.calendar + "one.ics", event())
    ann.mkcalendar(ann.calendar_home + "other/")
    target = ann.calendar_home + "other/one.ics"
    assert ann.transfer("MOVE", ann.calendar + "one.ics", target).status == 201
    assert ann.transfer("COPY", target, ann.calendar + "one.ics").status == 201
    assert ann.delete(target).status == 204
    assert ann.delete(ann.calendar_home + "other/").status == 204


def test_davx5_s_push_registration_is_refused_plainly(ann: Client) -> None:
    """Push is announced by no property; whoever tries all the same gets a 4xx."""
    body = xml("<x:push-register/>")
    assert 400 <= ann.request("POST", ann.calendar, body, content_type="application/xml").status < 500
    assert ann.propfind(ann.calendar, X + "transports").one.missing


def test_a_schedule_tag_is_not_announced(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    assert ann.get(ann.calendar + "one.ics").header("Schedule-Tag") is None
    assert ann.prop(ann.calendar + "one.ics", C + "schedule-tag").status == 404


def test_vdirsyncer_s_listing_has_types_and_tags_for_each_item(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    names = (D + "resourcetype", D + "getcontenttype", D + "getetag")
    members = ann.propfind(ann.calendar, *names, depth="1").members
    assert not members[ann.calendar + "one.ics"].missing
    assert members[ann.calendar].missing == {D + "getcontenttype", D + "getetag"}


@pytest.mark.parametrize("name", ["displayname", "calendar-color"])
def test_vdirsyncer_s_metasync(ann: Client, name: str) -> None:
    tag = f"d:{name}" if name == "displayname" else f"ic:{name}"
    ann.proppatch(ann.calendar, f"<{tag}>#112233</{tag}>")
    found = ann.propfind(ann.calendar, D + "displayname", "{http://apple.com/ns/ical/}calendar-color").one
    assert "#112233" in [one.text for one in found.props.values()]


def test_cadaver_and_curl_send_no_better_type(ann: Client) -> None:
    assert ann.put(ann.calendar + "a.ics", event(), content_type="application/octet-stream").status == 201
    assert ann.put(ann.book + "a.vcf", card(), content_type=None).status == 201


def test_read_only_calendars_say_so_to_thunderbird(ann: Client, bob: Client) -> None:
    """It looks for write, write-content, write-properties or all."""
    ann.grant(ann.calendar, "bob", D + "read")
    granted = {one[0].tag for one in bob.prop(ann.calendar, D + "current-user-privilege-set").element}
    assert not granted & {D + "write", D + "write-content", D + "write-properties", D + "all"}
