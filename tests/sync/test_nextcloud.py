"""Nextcloud's Login Flow v2 as a client: an app password without typing it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.storage import Store
from davserver.storage.engine import now
from davserver.sync import nextcloud
from tests.sync.remote import OPEN, Remote, Reply


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A server that may reach the scripted one."""
    store = Store(URL.create("sqlite", database=str(tmp_path / "x.db")))
    yield Office(store, replace(Settings(), outgoing=OPEN), "ann")
    store.close()


def answered(data: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(data).encode())


def flow(remote: Remote, **changed: str) -> dict[str, Any]:
    """What a Nextcloud answers at the beginning."""
    endpoint = changed.get("endpoint", remote.url("/login/v2/poll"))
    return {
        "poll": {"token": "t0ken", "endpoint": endpoint},
        "login": changed.get("login", remote.url("/flow/x")),
    }


@pytest.mark.parametrize("path", ["", "/", "/remote.php/dav", "/index.php/apps/calendar"])
def test_a_person_signs_in_there_and_an_app_password_comes_back(
    office: Office, remote: Remote, path: str
) -> None:
    remote.replies["/index.php/login/v2"] = answered(flow(remote))
    login = nextcloud.begin(office, remote.url(path))
    assert login.url == remote.url("/flow/x")
    remote.replies["/login/v2/poll"] = Reply(404)
    assert nextcloud.poll(office, login) is None
    granted = {"server": remote.url(""), "loginName": "ann", "appPassword": "pass"}
    remote.replies["/login/v2/poll"] = answered(granted)
    found = nextcloud.poll(office, login)
    assert found == nextcloud.Granted(remote.url(""), "ann", "pass")
    assert remote.seen[-1].body == b"token=t0ken"
    assert "t0ken" not in repr(login)
    assert "pass'" not in repr(found)


@pytest.mark.parametrize("reply", [Reply(404), Reply(200, b"<html>"), answered({"poll": {}}), answered([])])
def test_where_there_is_no_nextcloud_it_is_said(office: Office, remote: Remote, reply: Reply) -> None:
    remote.replies["/index.php/login/v2"] = reply
    with pytest.raises(HttpError, match="no Nextcloud") as caught:
        nextcloud.begin(office, remote.url())
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["login", "endpoint"])
def test_a_login_at_another_host_is_refused(office: Office, remote: Remote, name: str) -> None:
    remote.replies["/index.php/login/v2"] = answered(flow(remote, **{name: "https://evil.example/x"}))
    with pytest.raises(HttpError, match="another host"):
        nextcloud.begin(office, remote.url())


def test_a_server_that_calls_itself_otherwise_does_not_get_the_account(
    office: Office, remote: Remote
) -> None:
    remote.replies["/index.php/login/v2"] = answered(flow(remote))
    login = nextcloud.begin(office, remote.url())
    granted = {"server": "https://evil.example", "loginName": "ann", "appPassword": "pass"}
    remote.replies["/login/v2/poll"] = answered(granted)
    found = nextcloud.poll(office, login)
    assert found is not None
    assert found.server == remote.url("")


def test_private_places_and_expired_logins_are_refused(office: Office, remote: Remote) -> None:
    closed = replace(office, settings=Settings())
    with pytest.raises(HttpError) as caught:
        nextcloud.begin(closed, remote.url())
    assert caught.value.status == 502
    assert remote.seen == []
    login = nextcloud.Login(remote.url(), "x", remote.url("/p"), "t", now() - 1)
    with pytest.raises(HttpError, match="expired"):
        nextcloud.poll(office, login)
