"""All that the pages say can be said in every language, and the compiled catalogs are those of the words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests import catalogs

HELD = re.compile(r"%\((\w+)\)[sd]")


@pytest.fixture(params=catalogs.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """A language that has a catalog."""
    if not catalogs.po_file(request.param).exists():
        pytest.skip(f"there is no catalog of {request.param} yet (make translations)")
    return str(request.param)


def strings(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def test_every_word_is_translated_and_none_is_left_over(language: str) -> None:
    catalog, template = catalogs.read(language), catalogs.extracted()
    said = {message.id for message in catalog if message.id}
    assert said == {message.id for message in template if message.id}, "run `make translations`"
    assert [one.id for one in catalog if one.id and not all(strings(one.string))] == []
    assert [one.id for one in catalog if one.fuzzy and one.id] == []


def test_translations_hold_the_same_values(language: str) -> None:
    wrong = [
        one.id
        for one in catalogs.read(language)
        if one.id
        for text, english in zip(strings(one.string), strings(one.id), strict=True)
        if text and set(HELD.findall(text)) != set(HELD.findall(english))
    ]
    assert wrong == []


def test_the_compiled_catalog_is_that_of_the_words(language: str) -> None:
    held = catalogs.po_file(language).with_suffix(".mo").read_bytes()
    assert held == catalogs.compiled(catalogs.read(language))


def test_pages_speak_the_browser_s_language(language: str, visit: Any) -> None:
    page = visit(HTTP_ACCEPT_LANGUAGE=language).get("/account/sign-in")
    assert page.find("html")[0].get("lang") == language
    assert page.text("h1") == catalogs.read(language)["Sign in"].string


def test_msgids_are_found_everywhere() -> None:
    """In Python, templates, settings, sections, findings and errors."""
    found = {message.id for message in catalogs.extracted()}
    for word in (
        "Dashboard",
        "Sign in",
        "Failed logins are WARNING.",
        "Where the data lies.",
        "The header with the password arrives.",
        "This is not your password.",
    ):
        assert word in found
    assert len(found) > 300
