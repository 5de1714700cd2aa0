"""Digest (RFC 7616) for accounts with Baïkal's hash: nonces of ours, for a while, each count once."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davserver.auth import passwords
from davserver.auth.digest import parse_digest
from davserver.errors import HttpError
from davserver.jobs import users
from davserver.storage import principals
from tests.auth.gate import Gate, request

REALM = "BaikalDAV"


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def digest(gate: Gate) -> Gate:
    gate.restart(digest=True, realm=REALM)
    with gate.store.write() as tx:
        ann = users.find_user(tx, "ann").id
        principals.set_credential(tx, ann, "md5-a1", passwords.a1_hash("ann", REALM, "secret"), realm=REALM)
    return gate


def challenges(gate: Gate, header: str | None = None, status: int = 401) -> list[str]:
    with pytest.raises(HttpError) as caught:
        gate(request(header))
    assert caught.value.status == status
    return [value for name, value in caught.value.headers if name == "WWW-Authenticate"]


def nonce_of(gate: Gate) -> str:
    match = re.search(r'nonce="([^"]+)"', challenges(gate)[0])
    assert match
    return match[1]


def answer(
    nonce: str, password: str = "secret", count: str = "00000001", name: str = "ann", uri: str = "/dav/"
) -> str:
    a1, a2 = md5(f"{name}:{REALM}:{password}"), md5(f"PROPFIND:{uri}")
    response = md5(f"{a1}:{nonce}:{count}:c0ffee:auth:{a2}")
    return (
        f'Digest username="{name}", realm="{REALM}", nonce="{nonce}", uri="{uri}", qop=auth, '
        f'nc={count}, cnonce="c0ffee", response="{response}", algorithm=MD5'
    )


def test_it_is_offered_only_when_configured(gate: Gate, digest: Gate) -> None:
    assert [text.partition(" ")[0] for text in challenges(digest)] == ["Digest", "Basic"]
    assert [text.partition(" ")[0] for text in challenges(gate.restart(digest=False))] == ["Basic"]


def test_the_right_answer_opens_the_account(digest: Gate) -> None:
    assert digest(request(answer(nonce_of(digest)))).name == "ann"


def test_a_nonce_of_one_process_is_good_in_another(digest: Gate) -> None:
    nonce = nonce_of(digest)
    assert digest.restart()(request(answer(nonce))).name == "ann"


def test_the_same_count_twice_is_a_replay_and_the_next_one_is_not(digest: Gate) -> None:
    nonce = nonce_of(digest)
    digest(request(answer(nonce)))
    assert "stale=true" in challenges(digest.restart(), answer(nonce))[0]
    assert digest(request(answer(nonce, count="00000002"))).name == "ann"


def test_an_old_nonce_and_an_invented_one_are_stale(digest: Gate) -> None:
    nonce = nonce_of(digest)
    assert "stale=true" in challenges(digest, answer("12345678.abc.def"))[0]
    assert "stale=true" in challenges(digest, answer("x"))[0]
    digest.now += 301
    assert "stale=true" in challenges(digest, answer(nonce))[0]


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("bob", "secret"), ("nobody", "secret")])
def test_whoever_cannot_use_it_is_offered_basic_only(digest: Gate, name: str, password: str) -> None:
    offered = challenges(digest, answer(nonce_of(digest), password, name=name))
    assert [text.partition(" ")[0] for text in offered] == ["Basic"]


def test_wrong_answers_are_throttled(digest: Gate) -> None:
    digest.restart(throttle_account=2)
    for _ in range(2):
        challenges(digest, answer(nonce_of(digest), "wrong"))
    assert challenges(digest, answer(nonce_of(digest)), status=429) == []


def test_an_answer_for_another_address_is_refused(digest: Gate) -> None:
    challenges(digest, answer(nonce_of(digest), uri="/dav/other/"))


def test_behind_a_proxy_that_cuts_the_path_it_still_fits(digest: Gate) -> None:
    assert digest(request(answer(nonce_of(digest), uri="/prefix/dav/"))).name == "ann"


def test_a_new_password_ends_it(digest: Gate) -> None:
    users.set_password(digest.office, "ann", "a new password")
    challenges(digest, answer(nonce_of(digest)))
    challenges(digest, answer(nonce_of(digest), "a new password"))


@pytest.mark.parametrize(
    "change",
    [
        ("qop=auth", "qop=auth-int"),
        ("algorithm=MD5", "algorithm=SHA-256"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=zzzzzzzz"),
        ('cnonce="c0ffee", ', ""),
        ('username="ann"', 'username=""'),
        ('response="', 'response="Z'),
    ],
)
def test_a_malformed_answer_is_401(digest: Gate, change: tuple[str, str]) -> None:
    challenges(digest, answer(nonce_of(digest)).replace(*change))


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_no_text_makes_the_parser_raise(text: str) -> None:
    parse_digest(text)
    parse_digest(
        f'username="{text}", realm="r", nonce="n", uri="u", qop=auth, nc=00000001, cnonce="c", response="x"'
    )
