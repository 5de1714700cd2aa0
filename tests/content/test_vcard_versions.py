"""vCard 3.0 and 4.0 say the same, and nothing is lost on the way there and back."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davserver.content.lines import Component, Line, decode, dump, escape_text, parse_components
from davserver.content.vcard import CardLimits, check_card
from davserver.content.vcard_versions import to_version
from tests.content.objects import card, text


def lines_of(root: Component, *but: str) -> list[str]:
    found = dump(root).replace("\r\n ", "").split("\r\n")[1:-2]
    return [line for line in found if line not in ("VERSION:3.0", "VERSION:4.0", "UID:ann-1", *but)]


def converted(line: str, source: str, target: str) -> list[str]:
    """What one line of a card becomes in the other version."""
    root = to_version(parse_components(decode(card(line, version=source)))[0], target)
    assert root.value("VERSION") == target
    return lines_of(root, "FN:Ann Lee", "N:Lee;Ann;;;")


BOTH_WAYS = [
    # 4.0, 3.0
    ("PHOTO:data:image/jpeg;base64,AAAA", "PHOTO;ENCODING=b;TYPE=JPEG:AAAA"),
    ("PHOTO:data:image/png;base64,AAAA", "PHOTO;ENCODING=b;TYPE=PNG:AAAA"),
    ("LOGO:data:image/svg+xml;base64,AAAA", "LOGO;ENCODING=b;TYPE=SVG+XML:AAAA"),
    ("PHOTO:data:text/plain;base64,AAAA", "PHOTO;ENCODING=b;MEDIATYPE=text/plain:AAAA"),
    ("PHOTO:https://example.com/ann.jpg", "PHOTO;VALUE=uri:https://example.com/ann.jpg"),
    ("PHOTO;TYPE=home;PREF=1:data:image/jpeg;base64,AAAA", "PHOTO;TYPE=JPEG,home,pref;ENCODING=b:AAAA"),
    ("SOUND:data:audio/ogg;base64,AAAA", "SOUND;ENCODING=b;TYPE=OGG:AAAA"),
    ("KEY:data:application/pgp-keys;base64,AAAA", "KEY;ENCODING=b;TYPE=PGP:AAAA"),
    ("KEY;VALUE=text:plain words", "KEY:plain words"),
    ("KEY:https://example.com/key", "KEY;VALUE=uri:https://example.com/key"),
    ("TEL;TYPE=home,voice;PREF=1:1", "TEL;TYPE=home,voice,pref:1"),
    ("TEL;PREF=1:1", "TEL;TYPE=pref:1"),
    ("TEL;PREF=20;TYPE=home:1", "TEL;PREF=20;TYPE=home,pref:1"),
    ("KIND:group", "X-ADDRESSBOOKSERVER-KIND:group"),
    ("KIND:org", "X-ABSHOWAS:COMPANY"),
    ("KIND:location", "X-KIND:location"),
    ("MEMBER:urn:uuid:1", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1"),
    ("BDAY:19960415", "BDAY:1996-04-15"),
    ("BDAY:--0415", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-15"),
    ("BDAY:19531015T231000Z", "BDAY:1953-10-15T23:10:00Z"),
    ("BDAY:19531015T231000-0800", "BDAY:1953-10-15T23:10:00-08:00"),
    ("BDAY:1996-04", "X-BDAY:1996-04"),
    ("BDAY;VALUE=text:circa 1800", "X-BDAY;VALUE=text:circa 1800"),
    ("ANNIVERSARY:20090808", "X-ANNIVERSARY:2009-08-08"),
    ("ANNIVERSARY:--0808", "X-ANNIVERSARY;X-APPLE-OMIT-YEAR=1604:1604-08-08"),
    ("ANNIVERSARY;VALUE=text:in May", "X-ANNIVERSARY;VALUE=text:in May"),
    ("GENDER:O;other", "X-GENDER:O;other"),
    ("LANG;PREF=2:fr", "X-LANG;PREF=2;TYPE=pref:fr"),
    ("RELATED;TYPE=spouse:urn:uuid:2", "X-RELATED;TYPE=spouse:urn:uuid:2"),
    ("X-LABEL;TYPE=home:1 Main St\\nTown", "LABEL;TYPE=home:1 Main St\\nTown"),
    ("X-MAILER:ccMail", "MAILER:ccMail"),
    ("REV:19951031T222710Z", "REV:1995-10-31T22:27:10Z"),
    ("GEO:geo:37.386013,-122.082932", "GEO:37.386013;-122.082932"),
    ("GEO:geo:1,2;u=3", "X-GEO:geo:1,2;u=3"),
    ("TZ;VALUE=utc-offset:-0500", "TZ:-05:00"),
    ("TZ:Europe/Berlin", "TZ;VALUE=text:Europe/Berlin"),
    ("TZ;VALUE=uri:https://example.com/tz", "X-TZ;VALUE=uri:https://example.com/tz"),
    ("IMPP;PREF=1:xmpp:ann@example.com", "IMPP;TYPE=pref:xmpp:ann@example.com"),
    ("item1.TEL:1", "item1.TEL:1"),
    ("item1.X-ABLABEL:_$!<Home>!$_", "item1.X-ABLABEL:_$!<Home>!$_"),
    ('ADR;LABEL="1 Main St^nTown":;;1 Main St;Town;;;', "ADR;LABEL=1 Main St^nTown:;;1 Main St;Town;;;"),
    ('X-OTHER;X-P="a:b":a\\,b', 'X-OTHER;X-P="a:b":a\\,b'),
    ("NOTE:a\\, b\\; c\\nd", "NOTE:a\\, b\\; c\\nd"),
    ("SOURCE;PID=1.1:ldap://example.com", "SOURCE;PID=1.1:ldap://example.com"),
]


def same_line(one: str, other: str) -> bool:
    """The same but for the order of parameters and needless quotes."""
    return parse_components(f"BEGIN:A\n{one}\nEND:A") == parse_components(f"BEGIN:A\n{other}\nEND:A")


@pytest.mark.parametrize(("four", "three"), BOTH_WAYS, ids=[four for four, _ in BOTH_WAYS])
def test_each_property_has_its_form_in_both_versions(four: str, three: str) -> None:
    (found_three,) = converted(four, "4.0", "3.0")
    (found_four,) = converted(three, "3.0", "4.0")
    assert same_line(found_three, three)
    assert same_line(found_four, four)


TO_3 = [
    ("PHOTO;VALUE=URL:data:image/png;base64,AAAA", "PHOTO;ENCODING=b;TYPE=PNG:AAAA"),  # Thunderbird
    ("PHOTO;VALUE=uri:data:image/jpeg;base64,AAAA", "PHOTO;ENCODING=b;TYPE=JPEG:AAAA"),
    ("PHOTO:data:image/jpeg\\;base64\\,AAAA", "PHOTO;ENCODING=b;TYPE=JPEG:AAAA"),
    ("PHOTO:data:image/gif,%00%01", "PHOTO;ENCODING=b;TYPE=GIF:AAE="),
    ('TEL;VALUE=uri;TYPE="voice,home":tel:+1-555;ext=102', "TEL;TYPE=voice,home:+1-555\\;ext=102"),
    ("TEL;VALUE=uri:sip:ann@example.com", "TEL;VALUE=uri:sip:ann@example.com"),
]


@pytest.mark.parametrize(("four", "three"), TO_3, ids=[four for four, _ in TO_3])
def test_other_spellings_of_4_have_the_form_of_3(four: str, three: str) -> None:
    assert converted(four, "4.0", "3.0") == [three]


TO_4 = [
    ("PHOTO;ENCODING=BASE64;TYPE=image/jpeg:AAAA", "PHOTO:data:image/jpeg;base64,AAAA"),
    ("PHOTO;BASE64:  /9j/4 AAQ", "PHOTO:data:image/jpeg;base64,/9j/4AAQ"),
    ("PHOTO;ENCODING=b:iVBORw0K", "PHOTO:data:image/png;base64,iVBORw0K"),
    ("PHOTO;ENCODING=b:AAAA", "PHOTO:data:application/octet-stream;base64,AAAA"),
    ("PHOTO;ENCODING=b;TYPE=jpg:AAAA", "PHOTO:data:image/jpeg;base64,AAAA"),
    ("BDAY;VALUE=date:1999-03-18", "BDAY:19990318"),
    ("BDAY;X-APPLE-OMIT-YEAR=1604:16040318", "BDAY:--0318"),
    ("X-GENDER:Male", "X-GENDER:Male"),
    ("X-ANNIVERSARY:in May", "X-ANNIVERSARY:in May"),
    ("TEL;type=WORK;type=pref:1", "TEL;TYPE=WORK;PREF=1:1"),
    ("REV;VALUE=date-time:20120503T194243Z", "REV:20120503T194243Z"),
]


@pytest.mark.parametrize(("three", "four"), TO_4, ids=[three for three, _ in TO_4])
def test_other_spellings_of_3_have_the_form_of_4(three: str, four: str) -> None:
    assert converted(three, "3.0", "4.0") == [four]


def test_a_card_in_the_wanted_version_stays_as_it_is() -> None:
    root = parse_components(decode(card()))[0]
    assert to_version(root, "3.0") is root


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["FN:Ann Mary Lee"], "N:Lee;Ann Mary;;;"),
        (["FN:Ann"], "N:Ann;;;;"),
        (["FN:The Friends", "KIND:group"], "N:The Friends;;;;"),
        (["FN:a\\, b; c"], "N:c;a\\, b\\;;;;"),
    ],
)
def test_3_gets_the_n_that_it_needs(lines: list[str], name: str) -> None:
    body = text("BEGIN:VCARD", "VERSION:4.0", "UID:1", *lines, "END:VCARD")
    assert name in lines_of(to_version(parse_components(body)[0], "3.0"))


@pytest.mark.parametrize(
    ("line", "name"),
    [("N:Lee;Ann;Mary;Dr.;Jr.", "FN:Dr. Ann Mary Lee Jr."), ("ORG:Example;Sales", "FN:Example\\;Sales")],
)
def test_4_gets_the_fn_that_it_needs(line: str, name: str) -> None:
    body = text("BEGIN:VCARD", "VERSION:3.0", "UID:1", line, "END:VCARD")
    assert name in lines_of(to_version(parse_components(body)[0], "4.0"))


def test_a_second_name_waits_in_3() -> None:
    body = text(
        "BEGIN:VCARD", "VERSION:4.0", "N:Lee;Ann;;;", "FN:Ann", "FN;ALTID=1;LANGUAGE=ja:アン", "END:VCARD"
    )
    three = to_version(parse_components(body)[0], "3.0")
    assert [line.name for line in three.lines] == ["VERSION", "N", "FN", "X-FN"]
    assert to_version(three, "4.0") == parse_components(body)[0]


def test_only_the_most_preferred_is_preferred_in_3() -> None:
    body = text(
        "BEGIN:VCARD", "VERSION:4.0", "N:;;;;", "FN:A", "TEL;PREF=50:1", "TEL;PREF=2:2", "TEL:3", "END:VCARD"
    )
    three = to_version(parse_components(body)[0], "3.0")
    assert [line.param("TYPE") for line in three.all("TEL")] == [None, "pref", None]
    assert to_version(three, "4.0") == parse_components(body)[0]


# -- an independent reader -----------------------------------------------------------------------


def test_vobject_reads_the_3_that_is_made_of_thunderbirds_4() -> None:
    vobject = pytest.importorskip("vobject")
    body = card(
        "FN:Zoë Lee",
        "PHOTO;VALUE=URL:data:image/png;base64,iVBORw0KGgo=",
        'TEL;VALUE=uri;TYPE="cell";PREF=1:tel:+49-30-1',
        "BDAY:--0415",
        "KIND:individual",
        "NOTE:a\\, b\\nc",
        version="4.0",
    )
    three = to_version(parse_components(decode(body))[0], "3.0")
    read = vobject.readOne(dump(three))
    assert read.version.value == "3.0"
    assert read.fn.value == "Zoë Lee"
    assert read.photo.value == b64decode("iVBORw0KGgo=")
    assert read.tel.value == "+49-30-1"
    assert read.bday.value == "1604-04-15"
    assert read.note.value == "a, b\nc"
    read.validate()


# -- nothing is lost -----------------------------------------------------------------------------

PLAIN = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=10
)
TEXT = (
    st.lists(PLAIN | st.sampled_from(["\n", ",", ";", "\\", ":"]), max_size=3).map("".join).map(escape_text)
)
PLAIN_NAMES = ["NOTE", "TITLE", "EMAIL", "NICKNAME", "ORG", "X-ABLABEL", "X-AIM", "URL", "IMPP", "CATEGORIES"]
NAMES = st.sampled_from([*PLAIN_NAMES, "ADR", "MEMBER", "RELATED", "LANG", "HOBBY", "X-LABEL", "X-MAILER"])
KINDS = st.lists(st.sampled_from(["home", "work", "cell", "x-boat"]), unique=True, max_size=3)
PARAMS = st.builds(
    lambda kinds, pref, other: (
        ({"TYPE": kinds} if kinds else {})
        | ({"PREF": [str(pref)]} if pref else {})
        | ({"X-P": [other]} if other else {})
    ),
    KINDS,
    st.none() | st.integers(1, 100),
    PLAIN.filter(lambda value: '"' not in value),
)
GROUPS = st.sampled_from(["", "", "item1"])
DATES = st.dates().map(lambda day: day.strftime("%m%d")).map("1996{}".format)
BASE64 = st.binary(min_size=1).map(lambda data: b64encode(data).decode())
CANONICAL_4 = st.one_of(
    st.builds(Line, NAMES, TEXT, PARAMS, GROUPS),
    st.builds(Line, st.just("TEL"), TEXT, PARAMS, GROUPS),
    st.builds(Line, st.sampled_from(["ANNIVERSARY", "DEATHDATE", "REV"]), DATES),
    st.builds(
        lambda name, kind, data: Line(name, f"data:image/{kind};base64,{data}"),
        st.sampled_from(["PHOTO", "LOGO"]),
        st.sampled_from(["jpeg", "png", "gif", "svg+xml"]),
        BASE64,
    ),
    st.builds(Line, st.just("PHOTO"), st.just("https://example.com/a,b;c.png"), PARAMS),
    st.builds(Line, st.just("GENDER"), st.sampled_from(["M", "F;woman", ""])),
)


def four(lines: list[Line]) -> Component:
    head = [Line("VERSION", "4.0"), Line("UID", "1"), Line("FN", "Ann"), Line("N", "Lee;Ann;;;")]
    return Component("VCARD", [*head, *lines])


@settings(max_examples=400, deadline=None)
@given(st.lists(CANONICAL_4, max_size=6), st.sampled_from(["", "group", "org", "location"]))
def test_4_to_3_to_4_is_the_same(lines: list[Line], kind: str) -> None:
    root = four([*([Line("KIND", kind)] if kind else []), *lines])
    three = to_version(root, "3.0")
    assert to_version(three, "4.0") == root
    assert check_card(dump(three).encode(), CardLimits()).version == "3.0"


@settings(max_examples=400, deadline=None)
@given(st.lists(CANONICAL_4, max_size=6), st.sampled_from(["", "group", "org", "location"]))
def test_3_to_4_to_3_is_the_same(lines: list[Line], kind: str) -> None:
    three = to_version(four([*([Line("KIND", kind)] if kind else []), *lines]), "3.0")
    assert to_version(to_version(three, "4.0"), "3.0") == three


ODD_NAMES = [
    "PHOTO",
    "KEY",
    "BDAY",
    "ANNIVERSARY",
    "REV",
    "TEL",
    "GEO",
    "TZ",
    "KIND",
    "N",
    "FN",
    "GENDER",
    "AGENT",
]
APPLE_NAMES = ["X-ADDRESSBOOKSERVER-KIND", "X-ABSHOWAS", "LABEL"]
ANY_LINE = st.builds(
    Line,
    st.sampled_from([*ODD_NAMES, *(f"X-{name}" for name in ODD_NAMES), *APPLE_NAMES]),
    TEXT
    | st.sampled_from(
        [
            "data:",
            "data:,",
            "data:;base64",
            "tel:",
            "geo:1,2",
            "1;2",
            "--0101",
            "1604-01-01",
            "COMPANY",
            "T10",
        ]
    ),
    st.dictionaries(
        st.sampled_from(["TYPE", "VALUE", "ENCODING", "PREF", "MEDIATYPE", "X-APPLE-OMIT-YEAR"]),
        st.lists(
            st.sampled_from(
                ["", "b", "BASE64", "uri", "text", "1", "abc", "pref", "1604", "utc-offset", "a,b"]
            ),
            min_size=1,
            max_size=2,
        ),
    ),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(ANY_LINE, max_size=5), st.sampled_from([("3.0", "4.0"), ("4.0", "3.0")]))
def test_any_card_is_converted_without_error_and_settles(
    lines: list[Line], versions: tuple[str, str]
) -> None:
    source, target = versions
    root = Component("VCARD", [Line("VERSION", source), Line("UID", "1"), *lines])
    before = dump(root)
    there = to_version(root, target)
    assert dump(root) == before
    assert len(there.lines) >= len(root.lines)
    assert parse_components(dump(there))[0].value("VERSION") == target
    rounds = [root]
    for _ in range(4):
        rounds.append(to_version(to_version(rounds[-1], target), source))
    assert rounds[-1] == rounds[-2]
    assert len(rounds[-1].lines) >= len(there.lines)
