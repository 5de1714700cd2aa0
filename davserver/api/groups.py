"""/groups/: groups and their members; for administrators."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from davserver.api.owners import person, require_admin
from davserver.api.routes import PAGING, Answer, Call, route
from davserver.api.schemas import TEXT, Schema, listed, ref, register
from davserver.jobs import groups
from davserver.jobs.groups import Described
from davserver.model import Principal, PrincipalKind
from davserver.storage import principals

ALL = "/groups/"
ONE = ALL + "{group}/"

MEMBERS: Schema = {
    "type": "array",
    "items": {**TEXT, "minLength": 1},
    "uniqueItems": True,
    "maxItems": 10_000,
}
FIELDS: dict[str, Schema] = {
    "display_name": TEXT,
    "email": {**TEXT, "maxLength": 254},
    "members": {**MEMBERS, "description": "User names; all of them."},
}
GROUP = register(
    "Group",
    {
        "type": "object",
        "required": ["id", "name", "display_name", "email"],
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": "string"},
            "display_name": {"type": "string"},
            "email": {"type": "string"},
            "members": {"type": "array", "items": ref("Person")},
        },
    },
)
PAGE = listed(GROUP)
NEW = register(
    "NewGroup",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {"name": {**TEXT, "minLength": 1}, **FIELDS},
    },
)
CHANGE = register("GroupChange", {"type": "object", "additionalProperties": False, "properties": FIELDS})


@route("GET", ALL, query=PAGING, answers={200: PAGE})
def list_all(call: Call) -> Answer:
    """All groups, oldest first, without their members."""
    require_admin(call)
    with call.office.store.read() as tx:
        found = sorted(principals.of_kind(tx, PrincipalKind.GROUP.value, 2**31 - 1), key=lambda one: one.id)
    return call.page([shown(one) for one in found if one.id > call.after][: call.limit + 1])


@route("POST", ALL, body=NEW, answers={201: GROUP}, errors=(404, 409))
def create(call: Call) -> Answer:
    """Add a group."""
    require_admin(call)
    body = call.body
    new = Described(body["name"], body.get("display_name", ""), body.get("email", ""))
    made = groups.create_group(call.office, new, body.get("members", ()))
    return Answer(201, current(call, made.name), [("Location", f"{call.base}{call.path}{made.name}/")])


@route("GET", ONE, answers={200: GROUP})
def read(call: Call) -> Answer:
    """One group with its members."""
    require_admin(call)
    return Answer(200, current(call, call.parts["group"]))


@route("PATCH", ONE, body=CHANGE, answers={200: GROUP})
def change(call: Call) -> Answer:
    """Describe a group anew, or replace its members."""
    require_admin(call)
    before = current(call, call.parts["group"])
    call.expect(before)
    if {"display_name", "email"} & set(call.body):
        words = [call.body.get(name, before[name]) for name in ("display_name", "email")]
        groups.edit(call.office, Described(before["name"], *words))
    if "members" in call.body:
        groups.set_members(call.office, before["name"], call.body["members"])
    return Answer(200, current(call, before["name"]))


@route("DELETE", ONE, answers={204: ""})
def remove(call: Call) -> Answer:
    """Remove a group; what it was given stays with those who gave it."""
    require_admin(call)
    before = current(call, call.parts["group"])
    call.expect(before)
    groups.remove(call.office, before["name"])
    return Answer(204)


def current(call: Call, name: str) -> dict[str, Any]:
    """The group as it is now; 404 where there is none."""
    with call.office.store.read() as tx:
        found = groups.find(tx, name, PrincipalKind.GROUP)
        return shown(found) | {"members": _members(tx, found)}


def _members(tx: Connection, group: Principal) -> list[dict[str, Any]]:
    return [person(one) for one in principals.members_of(tx, group.id)]


def shown(one: Principal) -> dict[str, Any]:
    """A group without its members."""
    return {"id": one.id, "name": one.name, "display_name": one.display_name, "email": one.email}
