"""i;ascii-casemap, i;octet and i;unicode-casemap compare as their RFCs say."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davserver.content.collations import (
    COLLATIONS,
    ascii_casemap,
    check_collation,
    key,
    octet,
    unicode_casemap,
)
from davserver.errors import CARDDAV, HttpError


def test_the_three_collations_of_the_rfcs_are_there() -> None:
    assert set(COLLATIONS) == {"i;ascii-casemap", "i;octet", "i;unicode-casemap"}


def test_octet_compares_byte_for_byte() -> None:
    assert octet("Foo") == "Foo"
    assert octet("Foo") != octet("foo")


def test_ascii_casemap_folds_only_ascii_letters() -> None:
    assert ascii_casemap("straße") == "STRAßE"
    assert ascii_casemap("zoë") != ascii_casemap("ZOË")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("zoë", "ZOË"),
        ("zoë", "ZOE\u0308"),
        ("ŃŪG", "ńūg"),
        ("ΑΒΓ", "αβγ"),
        ("привет", "ПРИВЕТ"),
        ("Ｆｕｌｌ", "Full".upper()),
        ("ǆ", "ǅ"),
    ],
)
def test_unicode_casemap_ignores_case_and_composition(one: str, other: str) -> None:
    assert unicode_casemap(one).upper() == unicode_casemap(other).upper()


def test_unicode_casemap_follows_the_example_of_rfc_5051() -> None:
    assert unicode_casemap("\u01c4") == "\u0044\u007a\u030c"


def test_unicode_casemap_keeps_characters_whose_titlecase_is_only_in_special_casing() -> None:
    assert unicode_casemap("ß") == "ß"


def test_unicode_casemap_leaves_hangul_syllables_whole() -> None:
    assert unicode_casemap("한글") == "한글"


def test_unicode_casemap_agrees_with_unicode_data_for_every_character() -> None:
    for code in range(0x80, 0x3000):
        character = chr(code)
        title = character.title() if len(character.title()) == 1 else character
        expected = title
        while True:
            further = "".join(_decomposition(one) for one in expected)
            if further == expected:
                break
            expected = further
        assert unicodedata.normalize("NFD", unicode_casemap(character)) == unicodedata.normalize(
            "NFD", expected
        )


def _decomposition(character: str) -> str:
    codes = [part for part in unicodedata.decomposition(character).split() if not part.startswith("<")]
    return "".join(chr(int(code, 16)) for code in codes) or character


@pytest.mark.parametrize("name", ["", "i;basic", "I;OCTET", "i;ascii-casemap "])
def test_an_unknown_collation_is_refused_with_supported_collation(name: str) -> None:
    with pytest.raises(HttpError) as caught:
        check_collation(name, CARDDAV)
    assert (caught.value.status, caught.value.precondition) == (403, CARDDAV + "supported-collation")


@given(st.text(), st.text(), st.text(), st.sampled_from(sorted(COLLATIONS)))
def test_a_substring_has_a_key_that_is_a_substring(before: str, text: str, after: str, name: str) -> None:
    assert key(text, name) in key(before + text + after, name)


@given(st.text())
def test_unicode_casemap_is_coarser_than_ascii_casemap(text: str) -> None:
    assert unicode_casemap(ascii_casemap(text)) == unicode_casemap(text)


def test_memory_of_the_mapping_is_bounded() -> None:
    every = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    assert unicode_casemap(every)
    assert sys.getsizeof(unicode_casemap.__globals__["_UNICODE"]) < 5 * 1024 * 1024
