"""Every address of the pages, tried by a stranger and by eve: a new page is closed by itself."""

from __future__ import annotations

from typing import Any

import pytest
from davserver.admin import gate

from davserver.app import Server
from davserver.storage import Store, audit
from tests.web.visitor import Page, Visitor

VALUES = {"owner": "ann", "token": "x" * 32, "name": "ann", "filename": "app.css"}


@pytest.fixture
def rules(server: Server, visit: Any) -> list[tuple[Any, str, str]]:
    """All (rule, method, path), with ann in the place of persons and 1 in the place of numbers."""
    visit().get("/account/sign-in")
    app: Any = server.pages._made
    adapter = app.url_map.bind("dav.example.org")
    found = []
    for rule in app.url_map.iter_rules():
        values = {name: value_for(rule, name) for name in rule.arguments}
        path = adapter.build(rule.endpoint, values, force_external=False)
        found += [(rule, method, path) for method in sorted((rule.methods or set()) & {"GET", "POST"})]
    assert len(found) > 60
    return found


def value_for(rule: Any, name: str) -> Any:
    words = getattr(rule._converters[name], "items", None)
    return sorted(words)[0] if words else VALUES.get(name, 1)


def is_open(rule: Any) -> bool:
    return rule.endpoint in gate.OPEN


def ask(visitor: Visitor, method: str, path: str) -> Page:
    return visitor.request(method, path)


def test_a_stranger_is_led_to_the_sign_in_everywhere(visit: Any, rules: list[tuple[Any, str, str]]) -> None:
    stranger = visit()
    entered = [
        (method, path, page.status)
        for rule, method, path in rules
        if not is_open(rule)
        for page in [ask(stranger, method, path)]
        if page.status != 303 or not page.location.startswith("/account/sign-in")
    ]
    assert entered == []


def test_what_is_open_tells_a_stranger_nothing_about_people(
    visit: Any, rules: list[tuple[Any, str, str]]
) -> None:
    stranger = visit()
    for rule, method, path in rules:
        if is_open(rule) and not rule.endpoint.endswith("static"):
            page = ask(stranger, method, path)
            assert page.status in (200, 303, 400, 404), path
            assert "ann@example.org" not in page.text(), path


def test_eve_is_refused_everywhere_in_the_administration(
    visit: Any, rules: list[tuple[Any, str, str]]
) -> None:
    eve = visit("eve")
    entered = [
        (method, path, page.status)
        for rule, method, path in rules
        if path.startswith("/admin/") and not is_open(rule)
        for page in [ask(eve, method, path)]
        if page.status != 403
    ]
    assert entered == []


def test_eve_finds_nothing_of_ann_s_by_numbers(
    visit: Any, rules: list[tuple[Any, str, str]], people: dict[str, int]
) -> None:
    """The number 1 is ann's or nobody's, whatever it counts: collections, sessions, devices, tasks."""
    eve = visit("eve")
    assert people["ann"] < people["eve"]
    for rule, method, path in rules:
        numbered = set(rule.arguments) - {"owner", "filename"}
        if path.startswith("/account/") and numbered and not is_open(rule):
            page = ask(eve, method, path)
            assert page.status in (303, 400, 403, 404, 405), (method, path, page.status)
            assert "Ann" not in page.text("main"), path


def test_no_get_changes_anything_and_none_fails(
    visit: Any, rules: list[tuple[Any, str, str]], store: Store
) -> None:
    ada = visit("ada")
    for rule, method, path in rules:
        if method == "GET" and not rule.endpoint.endswith("static"):
            assert ask(ada, method, path).status < 500, path
    with store.read() as tx:
        assert [(one.action, one.target) for one in audit.newest(tx, 5)] == []


def test_every_post_needs_its_token(visit: Any, rules: list[tuple[Any, str, str]]) -> None:
    ada = visit("ada")
    for rule, method, path in rules:
        if method == "POST" and "sign_in" not in rule.endpoint:
            page = ada.request("POST", path)
            assert page.status == 400 or (page.status == 404 and rule.arguments), (path, page.status)
