"""Somebody who speaks JSON with the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from davserver.storage import Store, principals
from tests.davclient import Answer, Client, MakeClient

MakeCaller = Callable[[str | None], "Caller"]


class Caller:
    """``ann.get("/things/")``, ``ann.post("/things/", name="x")`` → (status, decoded body)."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.last: Answer

    def send(self, method: str, path: str, body: Any = None, **headers: str | None) -> tuple[int, Any]:
        """Any request; a body becomes JSON."""
        if body is not None:
            headers = {"content_type": "application/json", **headers}
        raw = b"" if body is None else json.dumps(body).encode()
        self.last = self.client.request(method, f"{self.client.mount}/api/v1.0{path}", raw, **headers)
        return self.last.status, json.loads(self.last.body) if self.last.body else None

    def get(self, path: str, **headers: str | None) -> tuple[int, Any]:
        return self.send("GET", path, **headers)

    def post(self, path: str, **body: Any) -> tuple[int, Any]:
        return self.send("POST", path, body)

    def patch(self, path: str, **body: Any) -> tuple[int, Any]:
        return self.send("PATCH", path, body)

    def delete(self, path: str, **headers: str | None) -> tuple[int, Any]:
        return self.send("DELETE", path, **headers)


@pytest.fixture
def caller(client: MakeClient) -> MakeCaller:
    """caller("ann") → somebody; caller(None) is nobody."""
    return lambda user, **options: Caller(client(user, **options))


@pytest.fixture
def ann(caller: MakeCaller) -> Caller:
    """Who owns things."""
    return caller("ann")


@pytest.fixture
def eve(caller: MakeCaller) -> Caller:
    """Who must see nothing."""
    return caller("eve")


@pytest.fixture
def admin(store: Store, people: dict[str, int], caller: MakeCaller) -> Caller:
    """bob as an administrator."""
    with store.write() as tx:
        principals.change(tx, people["bob"], admin=True)
    return caller("bob")
