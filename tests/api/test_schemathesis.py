"""Requests made from the document by a machine: no answer is a 5xx or one that the document does not tell."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from davserver.app import Server
from davserver.storage import principals
from tests.davclient import PASSWORD, MakeServer

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
]
SMALL = settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """Nobody is too quick here."""
    made: Server = make_server(api={"requests_per_minute": 1_000_000})
    return made


@pytest.mark.parametrize(
    ("mode", "is_admin"),
    [(GenerationMode.POSITIVE, False), (GenerationMode.POSITIVE, True), (GenerationMode.NEGATIVE, True)],
    ids=["user", "administrator", "nonsense"],
)
def test_every_answer_is_one_that_the_document_tells(
    server: Server, people: dict[str, int], mode: GenerationMode, is_admin: object
) -> None:
    """Both what fits the document and what does not."""
    if not (is_admin or server.store.is_sqlite):
        pytest.skip("an administrator asks the other databases all that a user may ask, and more")
    with server.store.write() as tx:
        principals.change(tx, people["ann"], admin=is_admin)
    credentials = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    asked = []

    def ask(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Basic {credentials}"})
        asked.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    document: Any = schemathesis.openapi.from_wsgi("/api/v1.0/openapi.json", server)
    for found in document.get_all_operations():
        strategy = found.ok().as_strategy(generation_mode=mode)
        run: Any = given(strategy)(SMALL(lambda case: ask(case)))  # type: ignore[no-untyped-call]
        run()
    assert any(status < 300 for status in asked) or mode is GenerationMode.NEGATIVE
