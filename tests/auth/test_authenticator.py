"""Basic, the memory of verified passwords, Baïkal's hashes, trusted proxies that sign users in."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from davserver.auth import authenticator, passwords
from davserver.auth.headers import parse_basic
from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs import users
from davserver.storage import principals
from tests.auth.gate import PASSWORD, Environ, Gate, basic, request


def refusal(gate: Gate, environ: Environ, status: int = 401) -> HttpError:
    with pytest.raises(HttpError) as caught:
        gate(environ)
    assert caught.value.status == status
    return caught.value


def keep_only_baikals_hash(gate: Gate, name: str, password: str, realm: str = "BaikalDAV") -> None:
    with gate.store.write() as tx:
        user = users.find_user(tx, name)
        principals.remove_credentials(tx, user.id, "password")
        principals.set_credential(
            tx, user.id, "md5-a1", passwords.a1_hash(name, realm, password), realm=realm
        )


def kinds(gate: Gate, name: str) -> list[str]:
    with gate.store.read() as tx:
        login = principals.login(tx, name)
    assert login is not None
    return [credential.kind for credential in login.credentials]


# -- Basic


def test_the_right_password_gives_the_principal(gate: Gate) -> None:
    assert gate(request(basic("ann", PASSWORD))).name == "ann"


def test_no_credentials_are_answered_by_a_challenge(gate: Gate) -> None:
    error = refusal(gate, request())
    assert error.headers == (("WWW-Authenticate", 'Basic realm="davserver", charset="UTF-8"'),)


@pytest.mark.parametrize("name", ["ann", "nobody", "", "a\0b", "a/b", "x" * 300, "\n"])
def test_a_wrong_password_and_an_unknown_name_read_the_same(gate: Gate, name: str) -> None:
    error = refusal(gate, request(basic(name, "wrong")))
    assert (error.message, error.headers) == (
        "Please sign in.",
        (("WWW-Authenticate", 'Basic realm="davserver", charset="UTF-8"'),),
    )


@pytest.mark.parametrize("name", ["ann", "nobody", "a/b", "bob", "carol"])
def test_every_refusal_costs_one_slow_hash(gate: Gate, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A known name, two unknown ones, Baïkal's quick hash alone, a disabled account: none answers sooner."""
    keep_only_baikals_hash(gate, "bob", PASSWORD)
    users.create_user(gate.office, users.NewUser("carol", PASSWORD))
    users.set_disabled(gate.office, "carol", disabled=True)
    passwords.verify_nothing("an unknown name has its hash from the second time on")
    usual = cost_of(passwords.hash_password(PASSWORD))
    argon2 = passwords._argon2()
    verify, costs = argon2.verify, []

    def counted(password: str, stored: str) -> bool:
        costs.append((password, cost_of(stored)))
        return bool(verify(password, stored))

    monkeypatch.setattr(argon2, "verify", counted)
    monkeypatch.setattr(argon2, "hash", None)
    refusal(gate, request(basic(name, "wrong")))
    assert costs == [("wrong", usual)]


def cost_of(stored: str) -> str:
    """The part of a hash that says how much work it is."""
    return stored.rsplit("$", 2)[0]


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic ???",
        "Basic YW5u",
        "Basic =",
        "basic \x80",
        "Bearer x",
        "x",
        " ",
        "Basic AAAAA",
    ],
)
def test_a_malformed_header_is_401(gate: Gate, header: str) -> None:
    refusal(gate, request(header))


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_no_header_makes_the_parser_raise(token: str) -> None:
    parse_basic(token)


@given(st.binary(max_size=40))
def test_no_bytes_inside_the_header_make_the_parser_raise(raw: bytes) -> None:
    parse_basic(base64.b64encode(raw).decode("ascii"))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_names_and_passwords_may_be_utf_8_or_latin_1(gate: Gate, encoding: str) -> None:
    users.create_user(gate.office, users.NewUser("zoë", "pässwörter"))
    assert gate(request(basic("zoë", "pässwörter", encoding))).name == "zoë"


def test_a_name_typed_in_decomposed_form_is_the_same_name(gate: Gate) -> None:
    users.create_user(gate.office, users.NewUser("zoë", PASSWORD))
    assert gate(request(basic("zoe\u0308", PASSWORD))).name == "zoë"


def test_a_password_may_contain_colons_and_nul(gate: Gate) -> None:
    users.set_password(gate.office, "ann", "a:b:c\0defgh")
    assert gate(request(basic("ann", "a:b:c\0defgh"))).name == "ann"
    refusal(gate, request(basic("ann", "a:b:c")))


def test_a_password_of_a_mebibyte_is_refused_unread(gate: Gate) -> None:
    refusal(gate, request(basic("ann", "x" * 2**20)))


@pytest.mark.parametrize(
    "variable", ["HTTP_AUTHORIZATION", "REDIRECT_HTTP_AUTHORIZATION", "REDIRECT_REDIRECT_HTTP_AUTHORIZATION"]
)
def test_authorization_is_found_where_apache_hides_it(gate: Gate, variable: str) -> None:
    assert gate(request(**{variable: basic("ann", PASSWORD)})).name == "ann"


def test_another_header_is_read_only_when_configured(gate: Gate) -> None:
    environ = request(HTTP_X_HTTP_AUTHORIZATION=basic("ann", PASSWORD))
    refusal(gate, environ)
    gate.restart(authorization_header="X-HTTP-Authorization")
    assert gate(environ).name == "ann"


def test_basic_can_be_turned_off(gate: Gate) -> None:
    gate.restart(basic=False, digest=True)
    error = refusal(gate, request(basic("ann", PASSWORD)))
    assert [value[:6] for _, value in error.headers] == ["Digest"]


# -- remembered passwords


def test_a_verified_password_is_not_hashed_again(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate(request(basic("ann", PASSWORD)))
    monkeypatch.setattr(passwords, "verify", lambda *_: pytest.fail("hashed again"))
    assert gate(request(basic("ann", PASSWORD))).name == "ann"


def test_the_hot_path_is_one_statement(gate: Gate) -> None:
    gate(request(basic("ann", PASSWORD)))
    statements: list[str] = []
    event.listen(gate.store.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    gate(request(basic("ann", PASSWORD)))
    assert [text for text in statements if text.startswith("SELECT")] == statements[-1:]


def test_it_is_forgotten_after_cache_seconds(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate(request(basic("ann", PASSWORD)))
    gate.now += gate.settings.auth.cache_seconds + 1
    monkeypatch.setattr(passwords, "verify", lambda *_: False)
    refusal(gate, request(basic("ann", PASSWORD)))


def test_a_changed_password_is_refused_on_the_next_request(gate: Gate) -> None:
    gate(request(basic("ann", PASSWORD)))
    users.set_password(gate.office, "ann", "another one")
    refusal(gate, request(basic("ann", PASSWORD)))
    assert gate(request(basic("ann", "another one"))).name == "ann"


def test_a_disabled_account_is_refused_on_the_next_request_and_reads_like_an_unknown_one(gate: Gate) -> None:
    gate(request(basic("ann", PASSWORD)))
    users.set_disabled(gate.office, "ann", disabled=True)
    assert refusal(gate, request(basic("ann", PASSWORD))).message == "Please sign in."
    users.set_disabled(gate.office, "ann", disabled=False)
    assert gate(request(basic("ann", PASSWORD))).name == "ann"


def test_what_is_remembered_for_ann_does_not_open_bobs_account(gate: Gate) -> None:
    gate(request(basic("ann", PASSWORD)))
    users.set_password(gate.office, "bob", "something else")
    refusal(gate, request(basic("bob", PASSWORD)))


def test_the_memory_is_bounded(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticator, "MAX_REMEMBERED", 2)
    monkeypatch.setattr(passwords, "verify", lambda *_: True)
    monkeypatch.setattr(passwords, "is_outdated", lambda _: False)
    for number in range(5):
        gate(request(basic("ann", f"password {number}")))
    assert len(gate.authenticator._remembered._until) == 2


def test_an_expired_credential_is_refused(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    real = principals.login

    def expired(*args: object) -> object:
        login = real(*args)  # type: ignore[arg-type]
        assert login is not None
        return replace(login, credentials=tuple(replace(item, expires=1) for item in login.credentials))

    gate(request(basic("ann", PASSWORD)))
    monkeypatch.setattr(principals, "login", expired)
    refusal(gate, request(basic("ann", PASSWORD)))


# -- Baïkal's hashes


def test_baikals_hash_opens_the_account_and_is_replaced_at_once(gate: Gate) -> None:
    keep_only_baikals_hash(gate, "ann", "old password")
    refusal(gate, request(basic("ann", "wrong")))
    assert kinds(gate, "ann") == ["md5-a1"]
    assert gate(request(basic("ann", "old password"))).name == "ann"
    assert kinds(gate, "ann") == ["password"]
    assert gate.restart()(request(basic("ann", "old password"))).name == "ann"
    refusal(gate, request(basic("ann", "wrong")))


def test_the_replaced_hash_is_remembered_too(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_only_baikals_hash(gate, "ann", "old password")
    gate(request(basic("ann", "old password")))
    monkeypatch.setattr(passwords, "verify", lambda *_: pytest.fail("hashed again"))
    gate(request(basic("ann", "old password")))


def test_baikals_hash_is_kept_while_digest_needs_it(gate: Gate) -> None:
    gate.restart(digest=True)
    keep_only_baikals_hash(gate, "ann", "old password")
    gate(request(basic("ann", "old password")))
    assert kinds(gate, "ann") == ["md5-a1"]


def test_a_weak_hash_is_replaced_at_login(gate: Gate) -> None:
    from passlib.hash import argon2

    weak = argon2.using(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)
    with gate.store.write() as tx:
        principals.set_credential(tx, users.find_user(tx, "ann").id, "password", weak)
    gate(request(basic("ann", PASSWORD)))
    with gate.store.read() as tx:
        login = principals.login(tx, "ann")
    assert login is not None
    assert not passwords.is_outdated(login.credentials[0].secret)


def test_a_password_changed_during_the_login_is_not_overwritten(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_only_baikals_hash(gate, "ann", "old password")
    real = passwords.hash_password

    def change_first(password: str) -> str:
        monkeypatch.setattr(passwords, "hash_password", real)
        users.set_password(gate.office, "ann", "the new one")
        return real(password)

    monkeypatch.setattr(passwords, "hash_password", change_first)
    gate(request(basic("ann", "old password")))
    assert gate.restart()(request(basic("ann", "the new one"))).name == "ann"
    refusal(gate, request(basic("ann", "old password")))


@pytest.mark.parametrize("secret", ["", "garbage", "$argon2id$v=19$m=1", "$2y$10$" + "x" * 53])
def test_a_hash_that_cannot_be_read_matches_nothing(gate: Gate, secret: str) -> None:
    with gate.store.write() as tx:
        principals.set_credential(tx, users.find_user(tx, "ann").id, "password", secret)
    refusal(gate, request(basic("ann", PASSWORD)))
    refusal(gate, request(basic("ann", "")))


# -- REMOTE_USER and its kind


@pytest.fixture
def proxied(gate: Gate) -> Gate:
    return gate.restart(remote_user="X-Remote-User", remote_user_from=("10.0.0.0/8",))


def test_a_proxy_may_name_the_user_when_configured(proxied: Gate) -> None:
    assert proxied(request(address="10.1.2.3", HTTP_X_REMOTE_USER="ann")).name == "ann"


def test_the_header_of_anybody_else_is_ignored(proxied: Gate, gate: Gate) -> None:
    refusal(proxied, request(address="192.0.2.1", HTTP_X_REMOTE_USER="ann"))
    environ = request(basic("bob", PASSWORD), address="192.0.2.1", HTTP_X_REMOTE_USER="ann")
    assert proxied(environ).name == "bob"
    refusal(gate.restart(remote_user=""), request(address="10.1.2.3", HTTP_X_REMOTE_USER="ann"))


def test_it_is_the_connection_that_counts_not_what_the_proxy_says_of_the_client(proxied: Gate) -> None:
    from davserver.auth import proxy_fix

    server = replace(Settings().server, trusted_proxies=("192.0.2.0/24",))
    environ = request(address="192.0.2.1", HTTP_X_REMOTE_USER="ann", HTTP_X_FORWARDED_FOR="10.1.2.3")
    proxy_fix(environ, server)
    assert environ["REMOTE_ADDR"] == "10.1.2.3"
    refusal(proxied, environ)


def test_a_named_user_without_account_is_told_so(proxied: Gate) -> None:
    refusal(proxied, request(address="10.1.2.3", HTTP_X_REMOTE_USER="nobody"), 403)
    users.set_disabled(proxied.office, "ann", disabled=True)
    refusal(proxied, request(address="10.1.2.3", HTTP_X_REMOTE_USER="ann"), 403)


def test_remote_user_is_the_variable_never_a_header(gate: Gate) -> None:
    gate.restart(remote_user="REMOTE_USER", remote_user_from=("192.0.2.0/24",))
    assert gate(request(REMOTE_USER="ann")).name == "ann"
    refusal(gate, request(HTTP_REMOTE_USER="ann"))
