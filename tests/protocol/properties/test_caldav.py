"""Properties of calendars and of who owns them: RFC 4791, RFC 6638's addresses, RFC 7809, Apple's."""

from __future__ import annotations

import pytest

from davserver.storage import Store, principals
from tests.content.objects import event
from tests.davclient import CS, IC, C, Client, D, MakeServer

SCHEDULING = ["schedule-inbox-URL", "schedule-outbox-URL", "schedule-default-calendar-URL"]


def test_the_one_home(ann: Client) -> None:
    """Apple's clients use one home only, whichever comes first."""
    assert ann.prop(ann.principal, C + "calendar-home-set").hrefs == [ann.calendar_home]


def test_a_home_is_a_container_not_a_calendar(ann: Client) -> None:
    assert ann.prop(ann.calendar_home, D + "resourcetype").names == [D + "collection"]


def test_addresses_begin_with_mailto(ann: Client) -> None:
    """Without one iOS shows no field for invitees."""
    found = ann.prop(ann.principal, C + "calendar-user-address-set").hrefs
    assert found == ["mailto:ann@example.org", ann.principal]
    email = ann.prop(ann.principal, CS + "email-address-set").element
    assert email.findtext(CS + "email-address") == "ann@example.org"


def test_who_has_no_mail_address_has_the_principal_only(
    ann: Client, store: Store, people: dict[str, int]
) -> None:
    with store.write() as tx:
        principals.change(tx, people["ann"], email="")
    assert ann.prop(ann.principal, C + "calendar-user-address-set").hrefs == [ann.principal]
    assert ann.prop(ann.principal, CS + "email-address-set").status == 404


def test_what_is_not_done_is_not_announced(ann: Client) -> None:
    names = [C + name for name in SCHEDULING]
    assert ann.propfind(ann.principal, *names).one.missing == set(names)


def test_calendar_user_type(ann: Client) -> None:
    assert ann.prop(ann.principal, C + "calendar-user-type").text == "INDIVIDUAL"


def test_limits_are_those_of_the_settings(make_server: MakeServer) -> None:
    limits = {
        "max_resource_size": 5000,
        "max_instances": 123,
        "max_attendees_per_instance": 7,
        "min_date_time": "19000101T000000Z",
        "max_date_time": "20991231T235959Z",
    }
    ann = Client(make_server(caldav=limits), "ann")
    for name, value in limits.items():
        assert ann.prop(ann.calendar, C + name.replace("_", "-")).text == str(value)
    assert ann.put(ann.calendar + "a.ics", event("DTSTART:18991231T000000Z")).error == C + "min-date-time"
    assert ann.put(ann.calendar + "a.ics", event("DTSTART:21000101T000000Z")).error == C + "max-date-time"
    many = [f"ATTENDEE:mailto:{number}@example.org" for number in range(8)]
    assert ann.put(ann.calendar + "a.ics", event(*many)).error == C + "max-attendees-per-instance"


def test_collations(ann: Client) -> None:
    element = ann.prop(ann.calendar, C + "supported-collation-set").element
    assert {"i;ascii-casemap", "i;octet", "i;unicode-casemap"} == {one.text for one in element}


def test_components(ann: Client) -> None:
    names = ann.prop(ann.calendar, C + "supported-calendar-component-set").attributes("name")
    assert {"VEVENT", "VTODO"} <= set(names)
    sets = ann.prop(ann.calendar_home, C + "supported-calendar-component-sets")
    assert sets.status == 200


def test_ctag_of_calendar_and_home_change_with_every_write(ann: Client) -> None:
    def states() -> tuple[str, str]:
        return ann.prop(ann.calendar, CS + "getctag").text, ann.prop(ann.calendar_home, CS + "getctag").text

    seen = [states()]
    ann.put(ann.calendar + "one.ics", event())
    seen.append(states())
    ann.delete(ann.calendar + "one.ics")
    seen.append(states())
    assert len(set(seen)) == 3
    assert len({home for _, home in seen}) == 3


@pytest.mark.parametrize("color", ["#FF0000", "#FF0000FF", "red", ""])
def test_colours_are_kept_as_they_were_sent(ann: Client, color: str) -> None:
    ann.proppatch(ann.calendar, f"<ic:calendar-color>{color}</ic:calendar-color>")
    assert ann.prop(ann.calendar, IC + "calendar-color").text == color


@pytest.mark.parametrize(
    ("sent", "kept"), [("0", "0"), ("-5", "-5"), (" 12 ", "12"), ("999999999", "999999999")]
)
def test_orders_are_whole_numbers(ann: Client, sent: str, kept: str) -> None:
    ann.proppatch(ann.calendar, f"<ic:calendar-order>{sent}</ic:calendar-order>")
    assert ann.prop(ann.calendar, IC + "calendar-order").text == kept


def test_texts_of_any_length_and_script(ann: Client) -> None:
    text = "Ü🎂\n" * 5000
    ann.proppatch(ann.calendar, f"<c:calendar-description>{text}</c:calendar-description>")
    assert ann.prop(ann.calendar, C + "calendar-description").text == text


IOS_HOME = [
    D + "current-user-privilege-set", D + "displayname", D + "owner", D + "quota-available-bytes",
    D + "quota-used-bytes", D + "resource-id", D + "resourcetype", D + "supported-report-set",
    D + "sync-token",
    C + "calendar-description", C + "calendar-free-busy-set", C + "calendar-timezone",
    C + "default-alarm-vevent-date", C + "schedule-calendar-transp", C + "schedule-default-calendar-URL",
    C + "supported-calendar-component-set", CS + "allowed-sharing-modes", CS + "getctag", CS + "publish-url",
    CS + "pushkey", CS + "source", IC + "calendar-color", IC + "calendar-order", D + "add-member",
    D + "current-user-principal",
]  # fmt: skip


def test_what_ios_asks_of_a_home_is_answered_property_by_property(ann: Client) -> None:
    answer = ann.propfind(ann.calendar_home, *IOS_HOME, depth="1")
    for member in answer.members.values():
        assert set(member.props) == set(IOS_HOME)
        assert member[D + "current-user-principal"].hrefs == [ann.principal]
    brief = ann.propfind(ann.calendar_home, *IOS_HOME, depth="1", brief="t")
    assert all(not member.missing for member in brief.members.values())


def test_thunderbird_s_start_of_a_calendar(ann: Client) -> None:
    names = (
        D + "resourcetype", D + "owner", D + "current-user-principal", D + "current-user-privilege-set",
        D + "supported-report-set", C + "supported-calendar-component-set", CS + "getctag",
    )  # fmt: skip
    member = ann.propfind(ann.calendar, *names).one
    assert not member.missing
    granted = {one[0].tag for one in member[D + "current-user-privilege-set"].element}
    assert D + "write" in granted
    reports = {one.find(D + "report")[0].tag for one in member[D + "supported-report-set"].element}
    assert D + "sync-collection" in reports


def test_davx5_s_question_before_each_sync(ann: Client) -> None:
    names = (D + "supported-report-set", D + "sync-token", CS + "getctag", C + "max-resource-size")
    assert not ann.propfind(ann.calendar, *names).one.missing
