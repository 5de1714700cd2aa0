"""Flask around the table: one view for all routes, one place where a request is judged and an error ends.

In this order: who asks (Basic or Bearer, by the one Authenticator) → how often → does a page elsewhere ask in
his name (Origin) → path, query and body against the schemas → the handler → conditional answer. All that is
not a success is a problem (RFC 9457).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Flask, Request, Response, request
from sqlalchemy.exc import DBAPIError, IntegrityError
from werkzeug.exceptions import HTTPException

from davserver.api import resources
from davserver.api.openapi import PREFIX, document
from davserver.api.problems import PROBLEM_TYPE, Problem, details
from davserver.api.routes import ROUTES, Answer, Call, Route, tag_of
from davserver.api.schemas import query_validator, validator
from davserver.auth import Authenticator, client_address
from davserver.auth.rates import Rates
from davserver.config import Settings
from davserver.errors import DavServerError, HttpError
from davserver.jobs.office import Office
from davserver.model import Identity, Right
from davserver.storage import Store
from davserver.storage.engine import is_transient, is_unavailable
from davserver.wire import Headers, base_url, tags_of

LARGEST_BODY = 12 * 1024 * 1024
"""Bytes; an item of the largest size in JSON fits."""

JSON_TYPES = frozenset({"application/json", "application/merge-patch+json"})
HEADERS = (
    ("Cache-Control", "private, no-cache"),
    ("Vary", "Authorization"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)

log = logging.getLogger("davserver.api")


def create_api(settings: Settings, store: Store, authenticator: Authenticator) -> Flask:
    """The API as a WSGI application; PATH_INFO begins with /api."""
    resources.load()
    app = Flask("davserver.api", static_folder=None, template_folder=None)
    app.url_map.strict_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = min(LARGEST_BODY, settings.server.max_request_size)
    gate = Gate(settings, store, authenticator)
    for row in ROUTES:
        address = PREFIX + re.sub(r"{id}", "<int:id>", row.path)
        address = re.sub(r"{(\w+)}", r"<string:\1>", address)
        app.add_url_rule(address, row.name, partial(gate.answer, row), methods=[row.method])
    app.add_url_rule(f"{PREFIX}/openapi.json", "openapi", lambda: _document(settings), methods=["GET"])
    app.after_request(_finish)
    handlers: list[tuple[type[Exception], Callable[[Any], Response]]] = [
        (HttpError, _problem),
        (HTTPException, _http_exception),
        (DBAPIError, _database_error),
        (DavServerError, _server_error),
    ]
    for kind, handler in handlers:
        app.register_error_handler(kind, handler)
    return app


class Gate:
    """What every request has to pass."""

    def __init__(self, settings: Settings, store: Store, authenticator: Authenticator) -> None:
        self._settings = settings
        self._store = store
        self._authenticator = authenticator
        self._rates = Rates(settings.api.requests_per_minute)
        self._queries = {row.name: query_validator(row.query) for row in ROUTES}

    def answer(self, row: Route, **parts: Any) -> Response:
        """The answer to one request of a route."""
        identity = self._identity(row)
        user = identity.principal
        self._rates.check(user.id)
        self._rates.charge(user.id)
        _refuse_other_origins(request)
        office = Office(self._store, self._settings, user.name, client_address(request.environ))
        call = Call(
            office,
            identity,
            base_url(request.environ, self._settings),
            PREFIX + row.path.format(**parts),
            _storable(parts),
            self._query(row),
            _body(row, request),
            request.headers.get("If-Match"),
            request.headers.get("If-None-Match", "").strip() == "*",
        )
        return _response(row.handler(call))

    def _identity(self, row: Route) -> Identity:
        """Who asks; 403 where what he signed in by does not open the API, or opens it for reading only."""
        with self._store.read() as tx:
            identity = self._authenticator.authenticate(request.environ, tx)
        right = identity.scope.api
        if right is Right.NONE or identity.scope.collections is not None:
            raise Problem(403, "This app password does not open the API.")
        if right is Right.READ and row.method != "GET":
            raise Problem(403, "This app password only reads.")
        return identity

    def _query(self, row: Route) -> Mapping[str, Any]:
        given = {name: _typed(row.query.get(name, {}), value) for name, value in request.args.items()}
        checked: Mapping[str, Any] = self._queries[row.name](_storable(given))
        return checked


def _typed(schema: Mapping[str, Any], value: str) -> Any:
    """A query parameter as what its schema says; what is no number stays a text and is refused as one."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def _body(row: Route, given: Request) -> Mapping[str, Any]:
    if not row.body:
        return {}
    if given.mimetype not in JSON_TYPES:
        raise Problem(415, "Send JSON, as application/json.")
    try:
        decoded = _storable(json.loads(given.get_data(), parse_constant=_no_number))
    except (ValueError, RecursionError):
        raise Problem(400, "The body is not JSON.") from None
    checked: Mapping[str, Any] = validator(row.body)(decoded)
    return checked


def _no_number(name: str) -> float:
    raise ValueError(name)


def _storable(value: Any) -> Any:
    """The value; 400 where a text in it is none that a database takes (NUL, half a surrogate pair)."""
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and value != value.encode("utf-8", "ignore").decode()):
            raise Problem(400, "A text holds a character that is none.")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _storable(name)
            _storable(inner)
    elif isinstance(value, list):
        for inner in value:
            _storable(inner)
    return value


def _refuse_other_origins(given: Request) -> None:
    """A browser sends the saved password along for any page that asks: no other site may use that."""
    origin = given.headers.get("Origin")
    if given.method in ("GET", "HEAD") or origin is None:
        return
    if origin.rpartition("://")[2].lower() != given.host.lower():
        raise Problem(403, "A page of another site may not do this.")


def _response(answer: Answer) -> Response:
    """The answer, 304 where the client has it (RFC 9110 13.1.2)."""
    if answer.data is None:
        return _empty(answer.status, list(answer.headers))
    tag = answer.tag or tag_of(answer.data)
    headers = [*answer.headers, ("ETag", tag)]
    if request.method in ("GET", "HEAD"):
        known = [one.removeprefix("W/") for one in tags_of(request.headers.get("If-None-Match", ""))]
        if tag in known or "*" in known:
            return _empty(304, headers)
    return Response(_json(answer.data), answer.status, headers, mimetype="application/json")


def _empty(status: int, headers: Headers) -> Response:
    response = Response(b"", status, headers)
    del response.headers["Content-Type"]
    return response


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _finish(response: Response) -> Response:
    for name, value in HEADERS:
        response.headers.setdefault(name, value)
    return response


def _document(settings: Settings) -> Response:
    return _response(Answer(200, document(base_url(request.environ, settings))))


# -- errors ------------------------------------------------------------------------------------------


def _problem(error: HttpError) -> Response:
    return Response(_json(details(error)), error.status, list(error.headers), mimetype=PROBLEM_TYPE)


def _http_exception(error: HTTPException) -> Response:
    """What Flask finds: 404, 405 with Allow, 413; and 500, which it has logged."""
    sentences = {
        404: "There is nothing at this address.",
        405: "This address does not take the method.",
        413: "The body is too large.",
        500: "The server made a mistake; its log says more.",
    }
    status = error.code or 500
    kept = [(name, value) for name, value in error.get_headers() if name.lower() == "allow"]
    return _problem(HttpError(status, sentences.get(status, error.name), headers=kept))


def _database_error(error: DBAPIError) -> Response:
    log.warning("database: %s", str(error.orig).partition("\n")[0])
    if isinstance(error, IntegrityError) or is_transient(error) or is_unavailable(error):
        return _problem(HttpError(503, "The database is busy. Try again.", headers=[("Retry-After", "5")]))
    return _problem(HttpError(400, "The request holds a value that cannot be stored."))


def _server_error(error: DavServerError) -> Response:
    """What only the operator can mend, such as a missing key file: the log says it, the client does not."""
    log.error("%s", error)
    message = "The server cannot do this at the moment; its operator finds the reason in the log."
    return _problem(HttpError(503, message, headers=[("Retry-After", "600")]))
