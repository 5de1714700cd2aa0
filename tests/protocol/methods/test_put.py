"""PUT and POST add-member: what is stored, what is refused, and what the answer says."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from davserver.storage import Store, schema
from tests.content.objects import BERLIN, calendar, card, component, event, todo
from tests.davclient import CR, C, Client, D, MakeClient, MakeServer


def test_a_new_item_is_answered_201_with_a_strong_tag(ann: Client) -> None:
    answer = ann.put(ann.calendar + "one.ics", event())
    assert answer.status == 201
    assert answer.etag.startswith('"')
    assert answer.etag.endswith('"')
    assert answer.header("Last-Modified")


def test_a_changed_item_is_answered_204_with_another_tag(ann: Client) -> None:
    first = ann.put(ann.calendar + "one.ics", event())
    second = ann.put(ann.calendar + "one.ics", event("SUMMARY:x"))
    assert second.status == 204
    assert second.etag != first.etag


def test_the_tag_is_the_same_in_put_get_head_propfind_and_report(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    assert ann.get(path).etag == tag
    assert ann.head(path).etag == tag
    assert ann.prop(path, D + "getetag").text == tag
    assert ann.propfind(ann.calendar, D + "getetag", depth="1").members[path][D + "getetag"].text == tag
    assert ann.sync(ann.calendar).members[path][D + "getetag"].text == tag


BODIES = [
    ("odd.ics", event('X-ODD;A="q:;,":v', "SUMMARY:Ümläut 🎂", "DESCRIPTION:a\\nb\\,c")),
    ("lf.ics", event("SUMMARY:only line feeds").replace(b"\r\n", b"\n")),
    ("bom.ics", b"\xef\xbb\xbf" + event("SUMMARY:byte order mark")),
    ("fold.ics", event("SUMMARY:a strange\r\n  fold").replace(b"\r\r", b"\r")),
    ("end.ics", event("SUMMARY:no last line end").rstrip()),
    ("photo.vcf", card("PHOTO;VALUE=URL:data:image/png;base64,iVBORw0KGgo=", version="4.0")),
    ("old.vcf", card("item1.TEL;TYPE=cell:+1 2", "item1.X-ABLabel:_$!<Mobile>!$_", "NOTE:a\\;b")),
    ("group.vcf", card("X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1", uid="g")),
]


@pytest.mark.parametrize(("name", "body"), BODIES, ids=[name for name, _ in BODIES])
def test_the_bytes_returned_are_the_bytes_stored(ann: Client, name: str, body: bytes) -> None:
    path = (ann.book if name.endswith(".vcf") else ann.calendar) + name
    assert ann.put(path, body).status == 201
    assert ann.get(path).body == body
    assert ann.prop(path, D + "getcontentlength").text == str(len(body))


def test_the_same_bytes_again_change_neither_tag_nor_history(ann: Client, store: Store) -> None:
    first = ann.put(ann.calendar + "one.ics", event())
    assert ann.put(ann.calendar + "one.ics", event()).etag == first.etag
    with store.read() as tx:
        assert tx.execute(select(schema.history)).all() == []


def test_an_overwritten_body_goes_to_history(ann: Client, store: Store) -> None:
    ann.put(ann.calendar + "one.ics", event("SUMMARY:before"))
    ann.put(ann.calendar + "one.ics", event("SUMMARY:after"))
    with store.read() as tx:
        (row,) = tx.execute(select(schema.history)).all()
    assert row.data == event("SUMMARY:before")
    assert (row.name, row.uid, row.component) == ("one.ics", "one@example.com", "VEVENT")
    assert (row.collection_name, row.reason, row.actor) == ("default", "overwritten", "ann")


def test_a_refused_put_leaves_everything_as_it_was(ann: Client, store: Store) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    token = ann.token(ann.calendar)
    for body in (b"", b"rubbish", event(uid="other"), event().replace(b"VEVENT", b"VTODO", 1)):
        assert ann.put(path, body).status in (403, 409)
    assert ann.put(path, event("SUMMARY:x"), if_match='"other"').status == 412
    assert ann.get(path).etag == tag
    assert ann.token(ann.calendar) == token
    with store.read() as tx:
        assert tx.execute(select(schema.history)).all() == []


def test_put_below_a_calendar_that_is_not_there_is_409(ann: Client) -> None:
    assert ann.put(ann.calendar_home + "none/one.ics", event()).status == 409


@pytest.mark.parametrize("place", ["calendar", "calendar_home", "principal", "root", "book"])
def test_put_to_a_collection_is_405_and_says_what_is_allowed(ann: Client, place: str) -> None:
    answer = ann.put(getattr(ann, place), event())
    assert answer.status == 405
    assert "PROPFIND" in (answer.header("Allow") or "")
    assert "PUT" not in (answer.header("Allow") or "").split(", ")


# -- conditions


def test_if_none_match_star_creates_but_never_overwrites(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    assert ann.put(path, event(), if_none_match="*").status == 201
    assert ann.put(path, event("SUMMARY:x"), if_none_match="*").status == 412
    assert ann.get(path).body == event()


def test_if_match_overwrites_only_the_state_it_names(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    assert ann.put(path, event("SUMMARY:x"), if_match=tag).status == 204
    assert ann.put(path, event("SUMMARY:y"), if_match=tag).status == 412


def test_if_match_takes_lists_and_star(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    assert ann.put(path, event(), if_match="*").status == 412
    tag = ann.put(path, event()).etag
    assert ann.put(path, event(), if_match=f'"a", {tag},"b,c"').status == 204
    assert ann.put(path, event(), if_match="*").status == 204
    assert ann.put(path, event(), if_match='"a", "b"').status == 412


def test_if_match_with_a_weak_tag_never_matches_a_write(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    assert ann.put(path, event("SUMMARY:x"), if_match="W/" + tag).status == 412


def test_if_none_match_with_the_tag_of_the_state_is_412(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    assert ann.put(path, event(), if_none_match=f'"a", W/{tag}').status == 412
    assert ann.put(path, event(), if_none_match='"a"').status == 204


def test_tags_without_quotes_are_understood(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    assert ann.put(path, event("SUMMARY:x"), if_match=tag.strip('"')).status == 204


def test_if_unmodified_since_guards_a_write(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    ann.put(path, event())
    assert ann.put(path, event(), if_unmodified_since="Thu, 01 Jan 2015 00:00:00 GMT").status == 412
    assert ann.put(path, event(), if_unmodified_since="Thu, 01 Jan 2099 00:00:00 GMT").status == 204
    assert ann.put(path, event(), if_unmodified_since="yesterday").status == 204


# -- preconditions of RFC 4791 5.3.2.1


REFUSED = {
    "empty": (b"", "valid-calendar-data"),
    "rubbish": (b"rubbish", "valid-calendar-data"),
    "not closed": (event().replace(b"END:VCALENDAR\r\n", b""), "valid-calendar-data"),
    "wrong version": (event().replace(b"VERSION:2.0", b"VERSION:1.0"), "valid-calendar-data"),
    "not UTF-8": (event("SUMMARY:x").replace(b"x", b"\xff"), "valid-calendar-data"),
    "NUL": (event("SUMMARY:a\0b"), "valid-calendar-data"),
    "bad rule": (event("RRULE:FREQ=SOMETIMES"), "valid-calendar-data"),
    "bad date": (event("DTSTART:20261350T100000Z"), "valid-calendar-data"),
    "no DTSTART": (event().replace(b"DTSTART:20260504T100000Z\r\n", b""), "valid-calendar-data"),
    "METHOD": (event().replace(b"PRODID", b"METHOD:REQUEST\r\nPRODID"), "valid-calendar-object-resource"),
    "no component": (calendar(), "valid-calendar-object-resource"),
    "only a zone": (calendar(BERLIN), "valid-calendar-object-resource"),
    "two UIDs": (
        calendar(*(component("VEVENT", "DTSTART:20260504T100000Z", uid=uid) for uid in "ab")),
        "valid-calendar-object-resource",
    ),
    "no UID": (event().replace(b"UID:one@example.com\r\n", b""), "valid-calendar-object-resource"),
    "two kinds": (
        calendar(component("VEVENT", "DTSTART:20260504T100000Z"), component("VTODO")),
        "valid-calendar-object-resource",
    ),
    "too early": (event("DTSTART:15000101T000000Z"), "min-date-time"),
    "too late": (event("DTSTART:30010101T000000Z"), "max-date-time"),
    "many attendees": (
        event(*(f"ATTENDEE:mailto:a{number}@example.org" for number in range(1001))),
        "max-attendees-per-instance",
    ),
    "unknown zone": (event("DTSTART;TZID=Nowhere/City:20260504T100000"), "valid-timezone"),
    "a card": (card(), "valid-calendar-data"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_calendar_object_is_403_with_its_precondition(ann: Client, case: str) -> None:
    body, precondition = REFUSED[case]
    answer = ann.put(ann.calendar + "one.ics", body)
    assert (answer.status, answer.error) == (403, C + precondition)
    assert ann.get(ann.calendar + "one.ics").status == 404


REFUSED_CARDS = {
    "rubbish": (b"rubbish", "valid-address-data"),
    "no UID": (card().replace(b"UID:ann-1\r\n", b""), "valid-address-data"),
    "two cards": (card() + card(uid="x"), "valid-address-data"),
    "version 2.1": (card(version="2.1"), "supported-address-data"),
    "an event": (event(), "valid-address-data"),
    "big photo": (card("PHOTO;ENCODING=b:" + "A" * 7_500_000), "max-image-size"),
}


@pytest.mark.parametrize("case", REFUSED_CARDS)
def test_a_broken_card_is_403_with_its_precondition(ann: Client, case: str) -> None:
    body, precondition = REFUSED_CARDS[case]
    answer = ann.put(ann.book + "one.vcf", body)
    assert (answer.status, answer.error) == (403, CR + precondition)


def test_a_calendar_takes_only_its_components(ann: Client) -> None:
    ann.mkcalendar(
        ann.calendar_home + "tasks/",
        '<c:supported-calendar-component-set><c:comp name="VTODO"/></c:supported-calendar-component-set>',
    )
    assert ann.put(ann.calendar_home + "tasks/one.ics", todo()).status == 201
    answer = ann.put(ann.calendar_home + "tasks/two.ics", event())
    assert (answer.status, answer.error) == (403, C + "supported-calendar-component")


@pytest.mark.parametrize("kind", ["application/json", "text/vcard", "image/png"])
def test_a_calendar_takes_no_other_media_type(ann: Client, kind: str) -> None:
    answer = ann.put(ann.calendar + "one.ics", event(), content_type=kind)
    assert (answer.status, answer.error) == (403, C + "supported-calendar-data")


def test_an_address_book_takes_no_other_media_type(ann: Client) -> None:
    answer = ann.put(ann.book + "one.vcf", card(), content_type="text/calendar")
    assert (answer.status, answer.error) == (403, CR + "supported-address-data")


@pytest.mark.parametrize(
    "kind", ["text/calendar", "text/calendar; charset=utf-8; component=VEVENT", "TEXT/Calendar", None]
)
def test_media_types_of_real_clients_are_taken(ann: Client, kind: str | None) -> None:
    assert ann.put(ann.calendar + "one.ics", event(), content_type=kind).status == 201


def test_a_uid_lives_in_one_item_and_the_answer_names_it(ann: Client) -> None:
    ann.put(ann.calendar + "a name.ics".replace(" ", "%20"), event())
    answer = ann.put(ann.calendar + "two.ics", event())
    assert (answer.status, answer.error) == (409, C + "no-uid-conflict")
    assert answer.error_hrefs == [ann.calendar + "a%20name.ics"]


def test_a_card_s_uid_lives_in_one_item_and_the_answer_names_it(ann: Client) -> None:
    ann.put(ann.book + "one.vcf", card())
    answer = ann.put(ann.book + "two.vcf", card())
    assert (answer.status, answer.error) == (409, CR + "no-uid-conflict")
    assert answer.error_hrefs == [ann.book + "one.vcf"]


def test_the_same_uid_may_live_in_two_collections(ann: Client) -> None:
    ann.mkcalendar(ann.calendar_home + "other/")
    assert ann.put(ann.calendar + "one.ics", event()).status == 201
    assert ann.put(ann.calendar_home + "other/one.ics", event()).status == 201


def test_a_uid_is_free_again_after_its_item_is_deleted(ann: Client) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.delete(ann.calendar + "one.ics")
    assert ann.put(ann.calendar + "two.ics", event()).status == 201


@pytest.mark.parametrize("uid", ["ä" * 255, "a/b?c#d", "x" * 232 + "@Exchange", "%25&+"])
def test_long_and_strange_uids_are_taken(ann: Client, uid: str) -> None:
    assert ann.put(ann.calendar + "one.ics", event(uid=uid)).status == 201
    assert ann.get(ann.calendar + "one.ics").body == event(uid=uid)


def test_uids_are_told_apart_byte_for_byte(ann: Client) -> None:
    for number, uid in enumerate(("abc", "ABC", "abç", "abc\u0301")):
        assert ann.put(f"{ann.calendar}{number}.ics", event(uid=uid)).status == 201


def test_items_larger_than_announced_are_refused(make_server: MakeServer) -> None:
    sizes = {"max_resource_size": 2000}
    ann = Client(make_server(caldav=sizes, carddav=sizes), "ann")
    big = "NOTE:" + "x" * 2000
    assert ann.prop(ann.calendar, C + "max-resource-size").text == "2000"
    answer = ann.put(ann.calendar + "one.ics", event("SUMMARY:" + "x" * 2000))
    assert answer.status in (403, 413)
    answer = ann.put(ann.book + "one.vcf", card(big))
    assert answer.status in (403, 413)


def test_an_item_between_the_two_limits_gets_the_precondition(make_server: MakeServer) -> None:
    ann = Client(make_server(caldav={"max_resource_size": 2000}), "ann")
    answer = ann.put(ann.calendar + "one.ics", event("SUMMARY:" + "x" * 3000))
    assert (answer.status, answer.error) == (403, C + "max-resource-size")


ENDLESS = ["FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=1,2,3,4;BYSECOND=1,2,3"]


@pytest.mark.parametrize("rule", ENDLESS)
def test_a_series_with_more_instances_a_year_than_announced_is_refused(ann: Client, rule: str) -> None:
    answer = ann.put(ann.calendar + "one.ics", event(f"RRULE:{rule}"))
    assert (answer.status, answer.error) == (403, C + "max-instances")


def test_a_list_of_more_dates_than_announced_is_refused(ann: Client) -> None:
    dates = ",".join(
        f"20{year:02}{month:02}{day:02}T{hour:02}0000Z"
        for year in range(30, 33)
        for month in range(1, 13)
        for day in range(1, 29)
        for hour in range(11)
    )
    answer = ann.put(ann.calendar + "one.ics", event(f"RDATE:{dates}"))
    assert (answer.status, answer.error) == (403, C + "max-instances")


SERIES = ["FREQ=DAILY;UNTIL=20350601T000000Z", "FREQ=DAILY;COUNT=20000", "FREQ=DAILY;UNTIL=20200101T000000Z"]


@pytest.mark.parametrize("rule", SERIES)
def test_issue_1053_long_series_and_empty_ones_are_stored(ann: Client, rule: str) -> None:
    """Baïkal answers 500 to a series of more than 3,500 instances, and to one without any."""
    assert ann.put(ann.calendar + "one.ics", event(f"RRULE:{rule}")).status == 201


def test_encoded_and_partial_bodies_are_refused(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    assert ann.put(path, event(), content_encoding="gzip").status == 415
    assert ann.put(path, event(), content_range="bytes 0-9/100").status == 400


# -- Prefer, POST


def test_return_representation_answers_with_the_stored_body(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    answer = ann.put(path, event(), prefer="return=representation")
    assert (answer.status, answer.body) == (201, event())
    assert answer.header("Content-Location") == path
    assert answer.header("Preference-Applied") == "return=representation"
    assert ann.put(path, event("SUMMARY:x"), prefer="return=representation").status == 200


def test_return_minimal_answers_without_a_body(ann: Client) -> None:
    answer = ann.put(ann.calendar + "one.ics", event(), prefer="return=minimal")
    assert (answer.status, answer.body) == (201, b"")
    assert answer.etag


def test_a_failed_condition_with_return_representation_is_412_with_the_current_state(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    answer = ann.put(path, event("SUMMARY:x"), if_match='"a"', prefer="return=representation")
    assert answer.status == 412
    if answer.content_type == "text/calendar":
        assert (answer.body, answer.etag) == (event(), tag)


@pytest.mark.parametrize(
    ("place", "suffix", "body"), [("calendar", ".ics", event()), ("book", ".vcf", card())]
)
def test_post_adds_a_member_under_a_name_of_the_server_s_choice(
    ann: Client, place: str, suffix: str, body: bytes
) -> None:
    home = getattr(ann, place)
    kind = "text/vcard" if suffix == ".vcf" else "text/calendar"
    answer = ann.request("POST", home, body, content_type=kind)
    assert answer.status == 201
    location = answer.header("Location") or ""
    assert location.startswith(home)
    assert location.endswith(suffix)
    assert ann.get(location).body == body
    assert ann.get(location).etag == answer.etag


def test_post_to_the_add_member_address_works(ann: Client) -> None:
    (address,) = ann.prop(ann.calendar, D + "add-member").hrefs
    assert ann.request("POST", address, event(), content_type="text/calendar").status == 201


def test_post_checks_like_put(ann: Client) -> None:
    answer = ann.request("POST", ann.calendar, b"rubbish", content_type="text/calendar")
    assert (answer.status, answer.error) == (403, C + "valid-calendar-data")
    ann.put(ann.calendar + "one.ics", event())
    answer = ann.request("POST", ann.calendar, event(), content_type="text/calendar")
    assert (answer.status, answer.error) == (409, C + "no-uid-conflict")


@pytest.mark.parametrize("place", ["root", "principal"])
def test_post_elsewhere_is_405(ann: Client, place: str) -> None:
    assert ann.request("POST", getattr(ann, place), event(), content_type="text/calendar").status == 405


def test_nothing_but_an_answer_to_an_invitation_is_posted_to_a_home(ann: Client) -> None:
    answer = ann.request("POST", ann.calendar_home, event(), content_type="text/calendar")
    assert answer.status == 415


def test_quota_is_kept_and_507_says_so(ann: Client, store: Store, people: dict[str, int]) -> None:
    from davserver.storage import principals

    with store.write() as tx:
        principals.change(tx, people["ann"], quota=600)
    path = ann.calendar + "one.ics"
    assert ann.put(path, event()).status == 201
    answer = ann.put(ann.calendar + "two.ics", event("SUMMARY:" + "x" * 600, uid="two"))
    assert (answer.status, answer.error) == (507, D + "quota-not-exceeded")
    used = int(ann.prop(ann.calendar, D + "quota-used-bytes").text)
    assert used == len(event())
    assert ann.prop(ann.calendar, D + "quota-available-bytes").text == str(600 - used)


def test_a_smaller_body_is_taken_even_over_quota(ann: Client, store: Store, people: dict[str, int]) -> None:
    from davserver.storage import principals

    ann.put(ann.calendar + "one.ics", event("SUMMARY:long and longer"))
    with store.write() as tx:
        principals.change(tx, people["ann"], quota=10)
    assert ann.put(ann.calendar + "one.ics", event()).status == 204
    assert ann.prop(ann.calendar, D + "quota-available-bytes").text == "0"


def test_the_quota_is_the_owner_s_whoever_writes(
    client: MakeClient, store: Store, people: dict[str, int]
) -> None:
    from davserver.storage import principals

    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    with store.write() as tx:
        principals.change(tx, people["ann"], quota=10)
    assert bob.put(ann.calendar + "one.ics", event()).status == 507
