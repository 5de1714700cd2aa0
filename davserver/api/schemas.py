"""Named JSON Schemas (2020-12, as OpenAPI 3.1 has them), and checking what comes in against them.

register("Share", {"type": "object", "required": [...], "properties": {...}})
ref("Share")            a reference to it inside another schema
validator("Share")      bytes of a request, decoded → the same, or BadRequest with a pointer to what is wrong
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import fastjsonschema

from davserver.api.problems import Problem

Schema = dict[str, Any]

SCHEMAS: dict[str, Schema] = {}
"""By name; the components of the OpenAPI document."""

TEXT: Schema = {"type": "string", "maxLength": 255, "pattern": r"^[^\u0000-\u001f\u007f]*$"}
"""One line of text."""

MOMENT: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": (
        r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
    ),
}


def register(name: str, schema: Schema) -> str:
    """Give a schema a name; returns the name."""
    SCHEMAS[name] = schema
    return name


def ref(name: str) -> Schema:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """The schema, or null."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    changed: Schema = {**schema, "type": [*kinds, "null"]}
    return {**changed, "enum": [*schema["enum"], None]} if "enum" in schema else changed


def listed(name: str) -> str:
    """Registers a page of a list of that schema; returns its name."""
    page: Schema = {
        "type": "object",
        "required": ["results", "next"],
        "properties": {
            "results": {"type": "array", "items": ref(name)},
            "next": {"type": ["string", "null"], "description": "The address of the next page."},
        },
    }
    return register(f"{name}List", page)


def resolved(schema: Any) -> Any:
    """The schema with what it refers to in place."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            return resolved(SCHEMAS[schema["$ref"].rpartition("/")[2]])
        return {key: resolved(value) for key, value in schema.items()}
    return [resolved(one) for one in schema] if isinstance(schema, list) else schema


@cache
def validator(name: str) -> Callable[[Any], Any]:
    """A function that takes a decoded body and returns it; raises Problem 400 naming the place."""
    return _checking(resolved(SCHEMAS[name]), "body")


def query_validator(parameters: Mapping[str, Schema]) -> Callable[[Any], Any]:
    """The same for the query: a mapping of parameter names to values."""
    schema = {"type": "object", "additionalProperties": False, "properties": dict(parameters)}
    required = [name for name, one in parameters.items() if one.get("x-required")]
    return _checking({**schema, "required": required}, "query")


def _checking(schema: Schema, place: str) -> Callable[[Any], Any]:
    check = fastjsonschema.compile(schema, use_default=False)

    def checked(value: Any) -> Any:
        try:
            return check(value)
        except fastjsonschema.JsonSchemaValueException as error:
            pointer = "".join(f"/{part}" for part in error.path[1:])
            detail = error.message.replace("data", place, 1)
            raise Problem(
                400, detail[:500], errors=[{"pointer": f"#{pointer}", "detail": detail[:500]}]
            ) from None

    return checked
