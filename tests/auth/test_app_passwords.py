"""App passwords: their shape, what is stored of them, and how signing in with one goes."""

from __future__ import annotations

import pytest

from davserver.auth import app_passwords as words
from davserver.errors import HttpError
from davserver.jobs import app_passwords, users
from davserver.jobs.app_passwords import Made, Wanted
from davserver.model import AppPassword, Identity, Right, Scope
from davserver.storage import principals
from davserver.storage.engine import now
from davserver.storage.schema import app_password
from tests.auth.gate import PASSWORD, Environ, Gate, basic, request

DAY = 86_400


def make(gate: Gate, label: str = "Phone", **options: object) -> Made:
    return app_passwords.create(gate.office, "ann", Wanted(label, **options))  # type: ignore[arg-type]


def identity(gate: Gate, environ: Environ) -> Identity:
    with gate.store.read() as tx:
        return gate.authenticator.authenticate(environ, tx)


def refusal(gate: Gate, environ: Environ, status: int = 401) -> HttpError:
    with pytest.raises(HttpError) as caught:
        gate(environ)
    assert caught.value.status == status
    return caught.value


def held(gate: Gate, made: Made) -> AppPassword:
    with gate.store.read() as tx:
        return app_passwords.find(tx, users.find_user(tx, "ann"), made.app_password.id)


# -- shape


def test_a_generated_one_has_150_secret_bits_in_groups_that_can_be_read_out() -> None:
    password = words.generate()
    groups = password.split("-")
    assert [len(group) for group in groups] == [6] * 6
    assert not set(password) & set("ilouILOU"), "no look-alikes, and no words"
    assert len(words.ALPHABET) == 32
    assert words.generate() != password


def test_case_hyphens_blanks_and_look_alikes_do_not_matter_when_it_is_typed() -> None:
    password = words.generate().replace("0", "1")
    typed = f" {password.upper().replace('-', ' ').replace('1', 'l')}"
    assert words.parse(typed) == words.parse(password) is not None
    assert words.parse(password.replace("-", "")) == words.parse(password)


@pytest.mark.parametrize("text", ["", "correct horse", "x" * 35, "ü" * 36, "a" * 10_000, "-" * 36])
def test_what_cannot_be_one_is_none(text: str) -> None:
    assert words.parse(text) is None


def test_only_a_hash_is_stored_and_it_is_not_that_of_the_public_part(gate: Gate) -> None:
    made = make(gate)
    with gate.store.read() as tx:
        row = tx.execute(app_password.select()).mappings().one()
    plain = made.password.replace("-", "")
    assert row["lookup"] == plain[:6]
    assert not any(group in str(dict(row)) for group in made.password.split("-")[1:])
    assert made.password not in repr(made)


# -- signing in


def test_it_signs_in_by_basic_and_as_a_bearer_token_with_its_scope(gate: Gate) -> None:
    made = make(gate, scope=Scope(Right.READ, Right.NONE, Right.NONE))
    by_basic = identity(gate, request(basic("ann", made.password)))
    assert (by_basic.principal.name, by_basic.scope.contacts) == ("ann", Right.NONE)
    as_bearer = identity(gate, request(f"Bearer {made.password}"))
    assert (as_bearer.principal, as_bearer.scope) == (by_basic.principal, by_basic.scope)


def test_it_belongs_to_one_account(gate: Gate) -> None:
    made = make(gate)
    refusal(gate, request(basic("bob", made.password)))
    refusal(gate, request(basic("ann", words.generate())))
    wrong = made.password[:-1] + ("0" if made.password[-1] != "0" else "1")
    refusal(gate, request(basic("ann", wrong)))
    refusal(gate, request(f"Bearer {wrong}"))


def test_a_request_costs_one_statement_however_many_there_are(gate: Gate) -> None:
    made = [make(gate, f"Phone {number}") for number in range(20)][-1]
    environ = request(basic("ann", made.password))
    gate(environ)
    statements: list[str] = []
    with gate.store.read() as tx:
        tx.connection.driver_connection.set_trace_callback(statements.append)  # type: ignore[union-attr]
        gate.authenticator.authenticate(environ, tx)
        tx.connection.driver_connection.set_trace_callback(None)  # type: ignore[union-attr]
    assert len(statements) == 1


def test_the_account_s_own_password_works_beside_it(gate: Gate) -> None:
    make(gate)
    assert gate(request(basic("ann", PASSWORD))).name == "ann"


def test_a_revoked_one_is_refused_at_once_and_told_so_and_locks_nobody_out(gate: Gate) -> None:
    gate.restart(throttle_account=3, throttle_address=3)
    made = make(gate)
    gate(request(basic("ann", made.password)))
    app_passwords.revoke(gate.office, "ann", made.app_password.id)
    for _ in range(5):
        assert "revoked" in refusal(gate, request(basic("ann", made.password))).message
    assert gate(request(basic("ann", PASSWORD))).name == "ann"


def test_an_expired_one_is_refused_and_told_so(gate: Gate) -> None:
    expires = now() + DAY
    made = make(gate, expires=expires)
    gate.now = expires - 1
    gate(request(basic("ann", made.password)))
    gate.now = expires
    assert "expired" in refusal(gate, request(basic("ann", made.password))).message


def test_a_disabled_account_s_app_passwords_are_refused(gate: Gate) -> None:
    made = make(gate)
    users.set_disabled(gate.office, "ann", disabled=True)
    refusal(gate, request(basic("ann", made.password)))
    refusal(gate, request(f"Bearer {made.password}"))


def test_guessed_bearer_tokens_are_slowed_down(gate: Gate) -> None:
    gate.restart(throttle_address=3)
    for _ in range(3):
        refusal(gate, request(f"Bearer {words.generate()}"))
    refusal(gate, request(f"Bearer {words.generate()}"), 429)
    assert gate(request(f"Bearer {make(gate).password}")).name == "ann", "who has a right one never waits"


# -- last use


def test_its_last_use_is_noted_with_client_and_address_at_most_every_15_minutes(gate: Gate) -> None:
    made = make(gate)
    assert held(gate, made).last_used is None
    gate(request(basic("ann", made.password), HTTP_USER_AGENT="DAVx5/4.5\n", address="192.0.2.1"))
    noted = held(gate, made)
    assert (noted.last_used, noted.last_agent, noted.last_address) == (gate.now, "DAVx5/4.5", "192.0.2.1")
    gate.now += 899
    gate(request(basic("ann", made.password), HTTP_USER_AGENT="iOS", address="192.0.2.2"))
    assert held(gate, made) == noted
    gate.now += 1
    gate(request(basic("ann", made.password), HTTP_USER_AGENT="iOS", address="192.0.2.2"))
    assert held(gate, made).last_agent == "iOS"


# -- keeping clients off the account's own password


def test_an_operator_can_keep_clients_off_the_own_password(gate: Gate) -> None:
    gate.restart(app_passwords_only=True)
    made = make(gate)
    for _ in range(2):
        assert "app password" in refusal(gate, request(basic("ann", PASSWORD))).message
    assert gate(request(basic("ann", made.password))).name == "ann"
    assert "app password" not in refusal(gate, request(basic("ann", "wrong"))).message


def test_a_user_can_keep_clients_off_his_own_password(gate: Gate) -> None:
    with gate.store.write() as tx:
        principals.change(tx, users.find_user(tx, "ann").id, app_passwords_only=True)
    assert "app password" in refusal(gate, request(basic("ann", PASSWORD))).message
    assert gate(request(basic("bob", PASSWORD))).name == "bob"


# -- still current?


def test_what_was_shown_is_looked_at_again_while_a_long_answer_runs(gate: Gate) -> None:
    made = make(gate)
    by_app = identity(gate, request(basic("ann", made.password)))
    by_own = identity(gate, request(basic("ann", PASSWORD)))

    def are_current() -> list[bool]:
        with gate.store.read() as tx:
            return [gate.authenticator.is_current(tx, one) for one in (by_app, by_own)]

    assert are_current() == [True, True]
    app_passwords.revoke(gate.office, "ann", made.app_password.id)
    assert are_current() == [False, True]
    users.set_password(gate.office, "ann", "another horse")
    assert are_current() == [False, False]
