"""Minimizers: whoever contains a long enough text has its minimizers."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from davserver.content.minimizers import SHORTEST, minimizers, telling

texts = st.text(alphabet="ab0", min_size=SHORTEST, max_size=90)


@given(texts, st.text(max_size=40), st.text(max_size=40))
def test_a_text_has_the_minimizers_of_all_its_parts(part: str, before: str, after: str) -> None:
    assert set(minimizers(part)) <= set(minimizers(before + part + after))
    assert set(telling(part)) <= set(minimizers(part))


@given(texts)
def test_a_long_enough_text_has_a_minimizer_and_a_shorter_one_has_none(text: str) -> None:
    assert telling(text)
    assert minimizers(text[: SHORTEST - 1]) == []


def test_they_are_few() -> None:
    counts = [len(minimizers(str(uuid.UUID(int=number * 7**70 % 2**128)))) for number in range(1, 500)]
    assert sum(counts) / len(counts) < 6


def test_those_that_tell_lie_far_apart() -> None:
    shared = "040000008200E00074C5B7101A82E008"  # each UID of Outlook begins so
    uid = shared + "00000000" + "30B4C2FB1A7ADA01" + "0000000000000000100000009C8E3B12F7A44D41"
    assert not set(telling(uid)) <= set(minimizers(shared))
