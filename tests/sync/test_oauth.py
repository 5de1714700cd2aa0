"""OAuth 2.0 towards others: granting, refreshing, and what happens when the permission is withdrawn."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.model import RemoteAccount
from davserver.storage import Store, remote
from davserver.storage.engine import now
from davserver.sync import connect, oauth
from davserver.sync.http import Bearer
from davserver.sync.oauth import App, Pending, Provider, Tokens
from davserver.sync.problems import Problem, RemoteError
from davserver.vault import Vault
from tests.sync.remote import OPEN, Remote, Reply, Seen

REDIRECT = "https://dav.example.org/account/remote/granted"
pytestmark = pytest.mark.one_database


class Grants:
    """A token endpoint. ``answers`` are given one after the other; ``forms`` are what came."""

    def __init__(self, server: Remote) -> None:
        self.forms: list[dict[str, str]] = []
        self.answers: list[tuple[int, object]] = []
        server.replies["/token"] = self.reply

    def reply(self, seen: Seen) -> Reply:
        self.forms.append({name: values[0] for name, values in parse_qs(seen.body.decode()).items()})
        status, answer = self.answers.pop(0)
        return Reply(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def grants(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Grants:
    """Google, played by the scripted server."""
    monkeypatch.setitem(
        oauth.PROVIDERS,
        "google",
        Provider(
            "google", remote.url("/auth"), remote.url("/token"), ("a", "b"), (("access_type", "offline"),)
        ),
    )
    return Grants(remote)


@pytest.fixture
def office(store: Store, people: dict[str, int], tmp_path: Path) -> Office:
    """A server that may reach the scripted one."""
    base = Settings()
    return Office(
        store, replace(base, storage=replace(base.storage, data_dir=tmp_path), outgoing=OPEN), "ann"
    )


def begin(hint: str = "") -> tuple[dict[str, str], Pending]:
    started = oauth.begin(oauth.PROVIDERS["google"], App("id", "s3cret"), REDIRECT, hint=hint)
    query = parse_qs(urlsplit(started.url).query)
    return {name: values[0] for name, values in query.items()}, started.pending


def test_a_person_is_sent_with_a_challenge_and_comes_back_with_a_code(office: Office, grants: Grants) -> None:
    query, pending = begin("ann@gmail.com")
    assert query["redirect_uri"] == REDIRECT
    assert query["scope"] == "a b"
    assert (query["access_type"], query["login_hint"]) == ("offline", "ann@gmail.com")
    grants.answers = [(200, {"access_token": "at", "refresh_token": "rt", "expires_in": 3599})]
    tokens = oauth.finish(office, pending, "c0de", query["state"])
    assert (tokens.access, tokens.refresh) == ("at", "rt")
    assert 3500 < tokens.expires - now() < 3600
    (form,) = grants.forms
    assert (form["grant_type"], form["code"], form["client_secret"]) == (
        "authorization_code",
        "c0de",
        "s3cret",
    )
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == query["code_challenge"]
    assert query["code_challenge_method"] == "S256"
    assert "s3cret" not in repr(pending) + repr(tokens) + json.dumps(query)


def test_a_code_for_another_login_or_too_late_is_refused(office: Office, grants: Grants) -> None:
    query, pending = begin()
    for wrong in (replace(pending, until=now() - 1), replace(pending, state="other")):
        with pytest.raises(HttpError, match="begin again"):
            oauth.finish(office, wrong, "c", query["state"])
    assert grants.forms == []


def test_a_permission_that_does_not_last_is_refused(office: Office, grants: Grants) -> None:
    query, pending = begin()
    grants.answers = [(200, {"access_token": "at", "expires_in": 3599})]
    with pytest.raises(HttpError, match="no lasting permission"):
        oauth.finish(office, pending, "c", query["state"])


def test_without_a_client_id_nothing_begins() -> None:
    with pytest.raises(HttpError, match="client id"):
        oauth.begin(oauth.PROVIDERS["google"], App(" ", "x"), REDIRECT)


@pytest.fixture
def account(office: Office, people: dict[str, int], grants: Grants) -> Callable[[int], RemoteAccount]:
    """account(expires_in) → an account whose token ends in so many seconds."""

    def make(expires_in: int) -> RemoteAccount:
        with office.store.write() as tx:
            meta = json.dumps({"provider": "google", "client_id": "id"})
            key = remote.add_account(
                tx,
                owner_id=people["ann"],
                label="G",
                base_url="https://x/",
                auth_kind="oauth2",
                oauth_meta=meta,
                interval_seconds=900,
                next_run=None,
            )
            tokens = Tokens("old", "rt", "s3cret", now() + expires_in)
            sealed = Vault(office.settings.storage).encrypt(tokens.dump(), context=connect.context_of(key))
            remote.change_account(tx, key, secret=sealed)
            found = remote.account(tx, key)
        assert found is not None
        return found

    return make


def kept(office: Office, one: RemoteAccount) -> Tokens:
    with office.store.read() as tx:
        found = remote.account(tx, one.id)
    assert found is not None
    vault = Vault(office.settings.storage)
    return Tokens(**json.loads(vault.decrypt(found.secret, context=connect.context_of(one.id))))


def test_a_token_that_lasts_is_used_as_it_is(
    office: Office, account: Callable[[int], RemoteAccount], grants: Grants
) -> None:
    assert connect.auth_of(office, account(1000)) == Bearer("old")
    assert grants.forms == []


@pytest.mark.parametrize(("given", "expected"), [({"refresh_token": "rotated"}, "rotated"), ({}, "rt")])
def test_a_token_that_ends_is_refreshed_and_both_are_kept(
    office: Office,
    account: Callable[[int], RemoteAccount],
    grants: Grants,
    given: dict[str, str],
    expected: str,
) -> None:
    """The refresh token may be rotated, or absent in the answer: then the old one goes on."""
    one = account(60)
    grants.answers = [(200, {"access_token": "new", "expires_in": 100_000, **given})]
    assert connect.auth_of(office, one) == Bearer("new")
    assert grants.forms[0]["refresh_token"] == "rt"
    tokens = kept(office, one)
    assert (tokens.access, tokens.refresh, tokens.client_secret) == ("new", expected, "s3cret")


@pytest.mark.parametrize(
    ("status", "answer", "problem"),
    [
        (
            400,
            {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
            Problem.RECONNECT,
        ),
        (401, {"error": "invalid_client"}, Problem.RECONNECT),
        (503, {}, Problem.SERVER),
        (200, {"nothing": 1}, Problem.GARBLED),
        (200, ["x"], Problem.GARBLED),
    ],
)
def test_a_refusal_is_told_and_the_old_token_stays(
    office: Office,
    account: Callable[[int], RemoteAccount],
    grants: Grants,
    status: int,
    answer: object,
    problem: Problem,
) -> None:
    one = account(0)
    grants.answers = [(status, answer)]
    with pytest.raises(RemoteError) as caught:
        connect.auth_of(office, one)
    assert caught.value.problem is problem
    assert kept(office, one).refresh == "rt"


def test_a_missing_key_is_a_state(
    office: Office, account: Callable[[int], RemoteAccount], tmp_path: Path
) -> None:
    one = account(1000)
    (tmp_path / "secret.key").unlink()
    with pytest.raises(RemoteError) as caught:
        connect.auth_of(office, one)
    assert caught.value.problem is Problem.KEY
