"""Errors as problem details (RFC 9457): ``application/problem+json`` for whatever is not a success."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from davserver.errors import HttpError

PROBLEM_TYPE = "application/problem+json"


class Problem(HttpError):
    """An HttpError that knows what in the request is wrong.

    :param errors: ``{"pointer": "#/name", "detail": "…"}`` for each place.
    """

    def __init__(
        self, status: int, message: str = "", *, errors: Sequence[dict[str, str]] = (), **more: Any
    ) -> None:
        super().__init__(status, message, **more)
        self.errors = tuple(errors)


def details(error: HttpError) -> dict[str, Any]:
    """The members of the problem."""
    body: dict[str, Any] = {"type": "about:blank", "title": _title(error.status), "status": error.status}
    if error.message:
        body["detail"] = error.message
    if isinstance(error, Problem) and error.errors:
        body["errors"] = list(error.errors)
    return body


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
