"""Errors as answers: status line, DAV:error body (RFC 4918 16), the DAV header on what clients probe."""

from __future__ import annotations

import re

from davserver import davxml
from davserver.davxml import DAV
from davserver.errors import HttpError
from davserver.protocol.access import NeedPrivileges
from davserver.protocol.request import XML_TYPE, Environ, Response
from davserver.wire import status

__all__ = ["TEXT_TYPE", "error", "status"]

TEXT_TYPE = ("Content-Type", "text/plain; charset=utf-8")

_HYPHENS = re.compile("-(?=-)")


def error(environ: Environ, failure: HttpError) -> Response:
    """The answer to a failed request: the precondition element where there is one, and a sentence."""
    headers = list(failure.headers)
    if not (failure.precondition or failure.message):
        return Response(failure.status, [*headers, TEXT_TYPE], b"")
    if failure.precondition is None:
        return Response(failure.status, [*headers, TEXT_TYPE], f"{failure.message}\n".encode())
    nested = failure.inner if isinstance(failure, NeedPrivileges) else _hrefs(failure)
    inner = davxml.element(failure.precondition, nested) + _comment(failure.message)
    return Response(failure.status, [*headers, XML_TYPE], davxml.document(DAV + "error", inner))


def _comment(message: str) -> str:
    """The sentence for people: as a comment, since clients compare the elements of an error exactly.

    It may quote what the client sent, and a comment must not hold two hyphens in a row.
    """
    return f"<!-- {_HYPHENS.sub('- ', davxml.clean(message))} -->" if message else ""


def _hrefs(failure: HttpError) -> str:
    return "".join(davxml.href(one) for one in failure.hrefs)
