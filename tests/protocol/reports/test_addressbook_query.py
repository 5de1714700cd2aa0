"""addressbook-query: properties, parameters, texts in all collations, anyof and allof, the limit."""

from __future__ import annotations

import pytest

from tests.content.objects import card
from tests.davclient import CR, Answer, Client, D

CARDS = {
    "zoe": card("FN:Zoë Öhlinger", "EMAIL;TYPE=home:zoe@example.org", "NICKNAME:Zo", uid="zoe"),
    "bob": card("FN:Bob Builder", "EMAIL;TYPE=work:bob@example.com", "TEL;TYPE=cell:+1", uid="bob"),
    "carl": card("FN:Carl Bob", "N:Bob;Carl;;;", uid="carl", version="4.0"),
    "org": card("FN:Example Ltd", "ORG:Example;Sales", "NOTE:a\\nb\\, c", uid="org"),
}


@pytest.fixture
def book(ann: Client) -> Client:
    """ann with all CARDS."""
    for name, body in CARDS.items():
        assert ann.put(f"{ann.book}{name}.vcf", body).status == 201
    return ann


def query(
    client: Client, filters: str, data: str = "", test: str = "", more: str = "", path: str = ""
) -> Answer:
    """An addressbook-query."""
    attribute = f' test="{test}"' if test else ""
    text = (
        f"<cr:addressbook-query><d:prop><d:getetag/>{data}</d:prop>"
        f"<cr:filter{attribute}>{filters}</cr:filter>{more}</cr:addressbook-query>"
    )
    return client.report(path or client.book, text)


def prop(name: str, inner: str = "", test: str = "") -> str:
    """A prop-filter."""
    attribute = f' test="{test}"' if test else ""
    return f'<cr:prop-filter name="{name}"{attribute}>{inner}</cr:prop-filter>'


def text(value: str, **attributes: str) -> str:
    """A text-match."""
    listed = "".join(f' {name.replace("_", "-")}="{one}"' for name, one in attributes.items())
    return f"<cr:text-match{listed}>{value}</cr:text-match>"


def found(answer: Answer) -> set[str]:
    """The names without suffix."""
    return {name.removesuffix(".vcf") for name in answer.names}


WORK = '<cr:param-filter name="TYPE"><cr:text-match>work</cr:text-match></cr:param-filter>'
QUERIES: dict[str, tuple[str, set[str]]] = {
    "everything": ("", set(CARDS)),
    "contains, letter case ignored": (prop("FN", text("BOB")), {"bob", "carl"}),
    "with diacritics, letter case ignored": (prop("FN", text("ZOË")), {"zoe"}),
    "ascii-casemap leaves other letters alone": (
        prop("FN", text("ZOË", collation="i;ascii-casemap")),
        set(),
    ),
    "octet": (prop("FN", text("Zoë", collation="i;octet")), {"zoe"}),
    "octet, other case": (prop("FN", text("zoë", collation="i;octet")), set()),
    "equals": (prop("FN", text("carl bob", match_type="equals")), {"carl"}),
    "starts-with": (prop("FN", text("bob", match_type="starts-with")), {"bob"}),
    "ends-with": (prop("FN", text("bob", match_type="ends-with")), {"carl"}),
    "CalendarServer's spelling": (prop("FN", text("bob", match_type="endswith")), {"bob", "carl"}),
    "negated": (prop("FN", text("bob", negate_condition="yes")), {"zoe", "org"}),
    "defined": (prop("EMAIL"), {"zoe", "bob"}),
    "not defined": (prop("EMAIL", "<cr:is-not-defined/>"), {"carl", "org"}),
    "escaped text": (prop("NOTE", text("b, c")), {"org"}),
    "part of a structure": (prop("ORG", text("sales")), {"org"}),
    "parameter": (prop("EMAIL", WORK), {"bob"}),
    "parameter not defined": (
        prop("TEL", '<cr:param-filter name="PREF"><cr:is-not-defined/></cr:param-filter>'),
        {"bob"},
    ),
    "by UID": (prop("UID", text("carl", match_type="equals")), {"carl"}),
    "two texts, any": (prop("FN", text("zoë") + text("carl"), test="anyof"), {"zoe", "carl"}),
    "two texts, all": (prop("FN", text("bob") + text("carl"), test="allof"), {"carl"}),
    "nothing": (prop("FN", text("nobody")), set()),
    "an empty text": (prop("NICKNAME", text("")), {"zoe"}),
}


@pytest.mark.parametrize("case", QUERIES)
def test_a_query_finds(book: Client, case: str) -> None:
    filters, expected = QUERIES[case]
    assert found(query(book, filters)) == expected


@pytest.mark.parametrize(
    ("test", "expected"), [("", {"zoe", "bob"}), ("anyof", {"zoe", "bob"}), ("allof", {"bob"})]
)
def test_any_or_all_of_the_properties(book: Client, test: str, expected: set[str]) -> None:
    assert found(query(book, prop("EMAIL") + prop("TEL"), test=test)) == expected


def limit(count: object) -> str:
    """A limit."""
    return f"<cr:limit><cr:nresults>{count}</cr:nresults></cr:limit>"


def test_beyond_the_limit_there_is_a_507_for_the_book(book: Client) -> None:
    answer = query(book, "", more=limit(2))
    assert answer.members.pop(book.book).status == 507
    assert len(answer.members) == 2


def test_an_answer_that_fits_the_limit_is_whole(book: Client) -> None:
    assert len(query(book, "", more=limit(4)).members) == 4
    assert found(query(book, prop("TEL"), more=limit(1))) == {"bob"}


@pytest.mark.parametrize("count", ["0", "-1", "x", ""])
def test_a_limit_that_is_none_is_400(book: Client, count: str) -> None:
    assert query(book, "", more=limit(count)).status == 400


REFUSED = {
    "no filter": ("<cr:addressbook-query><d:prop/></cr:addressbook-query>", "valid-filter"),
    "no name": (
        "<cr:addressbook-query><cr:filter><cr:prop-filter/></cr:filter></cr:addressbook-query>",
        "valid-filter",
    ),
    "test": ('<cr:addressbook-query><cr:filter test="most"/></cr:addressbook-query>', "valid-filter"),
    "match-type": (
        "<cr:addressbook-query><cr:filter>"
        + prop("FN", text("x", match_type="near"))
        + "</cr:filter></cr:addressbook-query>",
        "valid-filter",
    ),
    "collation": (
        "<cr:addressbook-query><cr:filter>"
        + prop("FN", text("x", collation="i;x"))
        + "</cr:filter></cr:addressbook-query>",
        "supported-collation",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_filter_that_makes_no_sense_is_refused(book: Client, case: str) -> None:
    body, precondition = REFUSED[case]
    answer = book.report(book.book, body)
    assert (answer.status, answer.error) == (403, CR + precondition)


def test_cards_come_as_3_0_unless_asked_otherwise(book: Client) -> None:
    old = query(book, prop("UID", text("carl")), "<cr:address-data/>").one.data
    assert "VERSION:3.0" in old
    new = query(book, prop("UID", text("carl")), '<cr:address-data version="4.0"/>').one
    assert new.data == CARDS["carl"].decode()
    assert new[D + "getetag"].text == book.get(book.book + "carl.vcf").etag


def test_selected_properties(book: Client) -> None:
    data = '<cr:address-data><cr:prop name="FN"/></cr:address-data>'
    lines = query(book, prop("UID", text("bob")), data).one.data.split("\r\n")
    assert "FN:Bob Builder" in lines
    assert not [line for line in lines if line.startswith("EMAIL")]


def test_what_is_stored_is_found_by_what_it_says_after_a_change(book: Client) -> None:
    book.put(book.book + "bob.vcf", card("FN:Robert", uid="bob"))
    assert found(query(book, prop("FN", text("builder")))) == set()
    assert found(query(book, prop("FN", text("robert")))) == {"bob"}


def test_a_calendar_takes_no_addressbook_query(ann: Client) -> None:
    answer = query(ann, "", path=ann.calendar)
    assert (answer.status, answer.error) == (403, D + "supported-report")


def test_a_query_on_a_card_asks_of_it_alone(book: Client) -> None:
    path = book.book + "bob.vcf"
    assert query(book, prop("TEL"), path=path).hrefs == [path]
    assert query(book, prop("NICKNAME"), path=path).hrefs == []


@pytest.mark.parametrize("needle", ["%", "_", "\\", "'", '"', "&amp;", "!", "🎂"])
def test_no_character_has_a_meaning_of_its_own(book: Client, needle: str) -> None:
    assert found(query(book, prop("FN", text(needle)))) == set()
    plain = needle.replace("&amp;", "&")
    book.put(book.book + "odd.vcf", card(f"FN:odd {plain} one".replace("\\", "\\\\"), uid="odd"))
    assert found(query(book, prop("FN", text(needle)))) == {"odd"}
