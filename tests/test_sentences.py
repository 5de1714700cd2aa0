"""Sentences are English texts that know how they were made, wherever they are carried."""

from __future__ import annotations

import copy
import json

import pytest

from davserver.errors import HttpError
from davserver.sentences import Sentence, dump, joined, load, packed, unpacked


def test_a_sentence_is_its_english_text() -> None:
    said = Sentence("%(count)s of 100 %% in %(name)r", count=3, name="a'b")
    assert said == """3 of 100 % in "a'b\""""
    assert json.dumps({"detail": said}) == json.dumps({"detail": str.__str__(said)})
    assert f"{said}." == str.__str__(said) + "."


def test_a_sentence_without_values_needs_no_escapes() -> None:
    assert Sentence("100 % of it") == "100 % of it"


def test_an_error_tells_its_sentence() -> None:
    error = HttpError(404, Sentence("There is no account %(name)s.", name="eve"))
    for said in (error.message, str(error)):
        assert isinstance(said, Sentence)
        assert (said.msgid, said.values) == ("There is no account %(name)s.", {"name": "eve"})


INSIDE = Sentence("the %(kind)s %(name)s", kind=Sentence("calendar"), name="{}")
TEXTS = [
    "plain",
    "",
    Sentence("There is nothing."),
    Sentence("Not found: %(what)s", what=INSIDE),
    joined(["one", INSIDE, "%(three)s"], " "),
    '{"msgid": "%(x)99s", "values": {"x": 1}}',
    "{",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_stored_comes_back_with_its_values(text: str) -> None:
    for back in (unpacked(packed(text)), unpacked(unpacked(packed(text))), copy.deepcopy(text)):
        assert back == text
        if isinstance(text, Sentence):
            assert isinstance(back, Sentence)
            assert (back.msgid, back.values) == (text.msgid, text.values)


def test_sentences_stay_sentences_inside_of_lists() -> None:
    back = load(dump([{"title": "x", "text": INSIDE, "msgid": {"values": 1}}]))
    assert back == [{"title": "x", "text": INSIDE, "msgid": {"values": 1}}]
    assert back[0]["text"].values["kind"].msgid == "calendar"


def test_old_rows_are_read_as_they_are() -> None:
    assert unpacked("The server answered 503.") == "The server answered 503."
    assert load('[["title", "reason"]]') == [["title", "reason"]]
