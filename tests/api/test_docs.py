"""The examples of docs/api.md run, one after the other, as they stand there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from davserver.app import Server
from davserver.jobs import app_passwords
from davserver.jobs.app_passwords import Wanted
from davserver.jobs.office import Office
from davserver.model import Scope
from davserver.storage import Store, principals
from tests.api.conftest import Caller, MakeCaller

PAGE = Path(__file__).parents[2] / "docs/api.md"


def examples() -> list[list[str]]:
    """The words of each curl command on the page."""
    found = re.findall(r"^    (curl .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(line) for line in found]


def run(caller: Caller, words: list[str]) -> int:
    """What a curl command would get."""
    method, body, address = "GET", None, ""
    arguments = iter(words[1:])
    for word in arguments:
        if word == "-X":
            method = next(arguments)
        elif word == "--json":
            body = json.loads(next(arguments))
        elif word == "-H":
            assert next(arguments) == "Authorization: Bearer $TOKEN"
        else:
            address = word
    parts = urlsplit(address.replace("$SERVER", "http://dav.example.org"))
    path = parts.path.removeprefix("/api/v1.0")
    return caller.send(method, path + (f"?{parts.query}" if parts.query else ""), body)[0]


def test_the_examples_run(server: Server, store: Store, people: dict[str, int], caller: MakeCaller) -> None:
    with store.write() as tx:
        principals.change(tx, people["ann"], admin=True)
    made = app_passwords.create(Office(store, server.settings), "ann", Wanted("Script", Scope()))
    script = caller(None)
    script.client.headers["authorization"] = f"Bearer {made.password}"
    statuses = [run(script, words) for words in examples()]
    assert len(statuses) > 10
    assert {status for status in statuses if status >= 300} == set()
