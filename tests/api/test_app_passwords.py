"""What an app password opens of the API, by Basic and as a bearer token."""

from __future__ import annotations

import pytest

from davserver.app import Server
from davserver.jobs import app_passwords
from davserver.jobs.app_passwords import DEVICE, Wanted
from davserver.jobs.office import Office
from davserver.model import Right, Scope
from davserver.storage import Store
from tests.api.conftest import Caller, MakeCaller

TOKENS = "/subscription-tokens/"


@pytest.fixture
def script(server: Server, store: Store, caller: MakeCaller) -> object:
    """script(Right.READ) → ann with a bearer token of that right."""

    def make(scope: Scope) -> Caller:
        made = app_passwords.create(Office(store, server.settings), "ann", Wanted("Script", scope))
        somebody = caller(None)
        somebody.client.headers["authorization"] = f"Bearer {made.password}"
        return somebody

    return make


@pytest.mark.parametrize(
    ("scope", "reading", "writing"),
    [
        (Scope(), 200, 201),
        (Scope(Right.NONE, Right.NONE, Right.WRITE), 200, 201),
        (Scope(Right.NONE, Right.NONE, Right.READ), 200, 403),
        (DEVICE, 403, 403),
    ],
)
def test_a_scope_opens_the_api_for_reading_for_writing_or_not(
    script: object, scope: Scope, reading: int, writing: int
) -> None:
    by_token = script(scope)  # type: ignore[operator]
    assert by_token.get(TOKENS)[0] == reading
    assert by_token.post(TOKENS, caldav_path="/calendars/ann/default/")[0] == writing


def test_a_wrong_token_is_401(caller: MakeCaller) -> None:
    nobody = caller(None)
    for token in ("x", "0" * 36):
        nobody.client.headers["authorization"] = f"Bearer {token}"
        assert nobody.get(TOKENS)[0] == 401
