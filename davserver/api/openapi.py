"""The OpenAPI 3.1 document, made from the table of routes and the schemas. Nothing is written by hand."""

from __future__ import annotations

import re
from typing import Any

from davserver import __version__
from davserver.api.problems import PROBLEM_TYPE
from davserver.api.routes import ROUTES, Route
from davserver.api.schemas import SCHEMAS, ref

PREFIX = "/api/v1.0"
ALWAYS = (401, 429, 503)
"""What any route may answer besides its own."""

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


def document(base: str) -> dict[str, Any]:
    """The document of the API that is reached at a base address."""
    paths: dict[str, dict[str, Any]] = {}
    for row in ROUTES:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    schemes = {
        "basic": {"type": "http", "scheme": "basic", "description": "User name and (app) password."},
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An app password whose scope opens the API, for reading or for writing.",
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "davserver",
            "version": __version__,
            "description": "Errors are RFC 9457 problems.",
        },
        "servers": [{"url": base + PREFIX}],
        "security": [{name: []} for name in schemes],
        "tags": [{"name": name} for name in dict.fromkeys(row.tag for row in ROUTES)],
        "paths": paths,
        "components": {"schemas": {**SCHEMAS, "Problem": _PROBLEM}, "securitySchemes": schemes},
    }


def _operation(row: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.summary,
        "tags": [row.tag],
        "parameters": _parameters(row),
        "responses": {str(status): _response(status, name) for status, name in row.answers.items()}
        | {str(status): _response(status, "Problem") for status in _errors(row)},
    }
    if row.method == "GET":
        operation["responses"]["304"] = {"description": "Not modified."}
    if row.body:
        media = {"application/json": {"schema": ref(row.body)}}
        operation["requestBody"] = {"required": True, "content": media}
    return operation


def _errors(row: Route) -> list[int]:
    """400 may come for any path and query that does not fit, 412 for a change that names a state."""
    found = {*ALWAYS, *row.errors, 400, 403}
    if "{" in row.path:
        found.add(404)
    if row.body:
        found |= {413, 415}
    if row.method in ("PATCH", "PUT", "DELETE"):
        found.add(412)
    return sorted(found)


def _parameters(row: Route) -> list[dict[str, Any]]:
    parts = re.findall(r"{(\w+)}", row.path)
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _part_schema(name)} for name in parts
    ]
    for name, schema in row.query.items():
        plain = {key: value for key, value in schema.items() if key not in ("x-required", "description")}
        one = {"name": name, "in": "query", "required": bool(schema.get("x-required")), "schema": plain}
        found.append({**one, "description": schema.get("description", "")})
    return found


PARTS: dict[str, dict[str, Any]] = {
    "id": {"type": "integer", "minimum": 1, "maximum": 2**53},
    "home": {"type": "string", "enum": ["calendars", "addressbooks"]},
}
"""What stands in a path under these names; anything else is a text."""


def _part_schema(name: str) -> dict[str, Any]:
    return PARTS.get(name, {"type": "string", "minLength": 1})


def _response(status: int, schema: str) -> dict[str, Any]:
    if not schema:
        return {"description": "Done."}
    media = PROBLEM_TYPE if schema == "Problem" else "application/json"
    answer: dict[str, Any] = {"description": schema, "content": {media: {"schema": ref(schema)}}}
    if status == 429:
        answer["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
    return answer
