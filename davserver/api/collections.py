"""/users/{user}/{home}/: the calendars or address books in a home, the user's own and those shared with him.

To change one that is shared changes how its user sees it, and nothing for its owner, as on a phone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from davserver.api.owners import FOLDERS, Held, held, kind_of, owner_of, person
from davserver.api.routes import Answer, Call, moment, route
from davserver.api.schemas import MOMENT, TEXT, Schema, listed, nullable, ref, register
from davserver.errors import HttpError
from davserver.jobs import collections as jobs_collections
from davserver.jobs import trash
from davserver.jobs.collections import COMPONENTS, DEFAULT_COMPONENTS, Details
from davserver.jobs.places import Place
from davserver.model import Access, Collection, CollectionKind

ALL = "/users/{user}/{home}/"
ONE = ALL + "{name}/"

DETAILS: dict[str, Schema] = {
    "display_name": TEXT,
    "description": {"type": "string", "maxLength": jobs_collections.LONGEST_TEXT},
    "color": {
        "type": "string",
        "pattern": "^(#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?)?$",
        "description": "#RRGGBB.",
    },
    "position": {"type": ["integer", "null"], "minimum": -999_999_999, "maximum": 999_999_999},
    "components": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "string", "enum": list(COMPONENTS)},
        "description": "What a calendar holds.",
    },
    "timezone": {**TEXT, "description": "IANA name, of a calendar."},
    "transparent": {"type": "boolean", "description": "Does not count for free and busy."},
}
SHOWN = register(
    "Collection",
    {
        "type": "object",
        "required": ["id", "kind", "name", "path", "owner", "is_writable", "item_count", "revision"],
        "properties": {
            "id": {"type": "integer"},
            "kind": {"type": "string", "enum": sorted(FOLDERS.values())},
            "name": {"type": "string"},
            "path": {"type": "string", "description": "Below /dav."},
            **DETAILS,
            "components": {"type": "array", "items": {"type": "string"}},
            "owner": ref("Person"),
            "is_shared": {"type": "boolean", "description": "By its owner with the user of the home."},
            "is_writable": {"type": "boolean"},
            "item_count": {"type": "integer"},
            "size": {"type": "integer", "description": "Bytes."},
            "revision": {"type": "integer", "description": "Greater with each change."},
            "created_at": MOMENT,
            "modified_at": MOMENT,
        },
    },
)
PAGE = listed(SHOWN)
NEW = register(
    "NewCollection",
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "name": {**TEXT, "description": "The last part of its address; made up where it is missing."},
            **DETAILS,
        },
    },
)
CHANGE = register(
    "CollectionChange", {"type": "object", "additionalProperties": False, "properties": DETAILS}
)
DELETED = register(
    "Deleted",
    {
        "type": "object",
        "required": ["trash_id", "until"],
        "properties": {
            "trash_id": {"type": ["integer", "null"], "description": "null where there is no trash."},
            "until": nullable(MOMENT),
        },
    },
)


@route("GET", ALL, answers={200: PAGE})
def list_all(call: Call) -> Answer:
    """The calendars or address books of a user, as he has ordered them."""
    kind = kind_of(call)
    with call.office.store.read() as tx:
        home = jobs_collections.home(tx, owner_of(call, tx).name, kind)
    own = [Held(home.owner, home.owner, one, one.name, not one.read_only, False) for one in home.own]
    others = [
        Held(
            home.owner,
            one.owner,
            one.collection,
            one.view.name,
            one.access is Access.READ_WRITE and not one.collection.read_only,
            True,
        )
        for one in home.shared
    ]
    return Answer(200, {"results": [shown(one) for one in (*own, *others)], "next": None})


@route("POST", ALL, body=NEW, answers={201: SHOWN}, errors=(404, 409))
def create(call: Call) -> Answer:
    """Make a calendar or an address book."""
    kind = kind_of(call)
    with call.office.store.read() as tx:
        owner = owner_of(call, tx)
    details = changed(Details(), call)
    made = jobs_collections.create(call.office, owner.name, kind, details, name=call.body.get("name", ""))
    data = shown(Held(owner, owner, made, made.name, True, False))
    return Answer(201, data, [("Location", f"{call.base}{call.path}{made.name}/")])


@route("GET", ONE, answers={200: SHOWN})
def read(call: Call) -> Answer:
    """One calendar or address book."""
    with call.office.store.read() as tx:
        return Answer(200, shown(held(call, tx)))


@route("PATCH", ONE, body=CHANGE, answers={200: SHOWN}, errors=(409,))
def change(call: Call) -> Answer:
    """Change its name, colour, order, … ; of a shared one, how the user sees it."""
    with call.office.store.read() as tx:
        found = held(call, tx)
    call.expect(shown(found))
    details = changed(details_of(found.collection), call)
    if found.shared:
        jobs_collections.see_as(call.office, found.home.name, found.collection.id, details)
    else:
        jobs_collections.edit(call.office, place_of(found), details)
    return read(call)


@route("DELETE", ONE, answers={200: DELETED})
def remove(call: Call) -> Answer:
    """Delete it: into the trash, from where it can be restored."""
    with call.office.store.read() as tx:
        found = held(call, tx)
    if found.shared:
        raise HttpError(403, "It belongs to somebody else. Decline the share to be rid of it.")
    call.expect(shown(found))
    gone = trash.delete(call.office, place_of(found))
    if gone is None:
        return Answer(200, {"trash_id": None, "until": None})
    until = gone.at + call.office.settings.storage.trash_days * trash.DAY
    return Answer(200, {"trash_id": gone.collection.id, "until": moment(until)})


# -- between JSON and jobs


def place_of(found: Held) -> Place:
    """Where an own collection lies."""
    return Place(found.owner.name, found.collection.kind, found.collection.name)


def details_of(one: Collection) -> Details:
    """What describes a collection now."""
    return Details(
        one.display_name or "",
        one.description or "",
        one.color or "",
        one.position,
        tuple(one.components.split(",")) if one.components else DEFAULT_COMPONENTS,
        one.timezone_id or "",
        one.transparent,
    )


def changed(details: Details, call: Call) -> Details:
    """The details with what the body says otherwise."""
    names = {name: name for name in DETAILS} | {"timezone": "timezone_id"}
    values: dict[str, Any] = {field: call.body[name] for name, field in names.items() if name in call.body}
    if "components" in values:
        values["components"] = tuple(values["components"])
    return replace(details, **values)


def shown(found: Held) -> dict[str, Any]:
    """A collection as the user of the home sees it."""
    one = found.collection
    is_calendar = one.kind is CollectionKind.CALENDAR
    folder = FOLDERS[one.kind]
    described = details_of(one)
    return {
        "id": one.id,
        "kind": folder,
        "name": found.name,
        "path": f"/{folder}/{found.home.name}/{found.name}/",
        "display_name": described.display_name,
        "description": described.description,
        "color": described.color,
        "position": described.position,
        "components": list(described.components) if is_calendar else [],
        "timezone": described.timezone_id,
        "transparent": described.transparent,
        "owner": person(found.owner),
        "is_shared": found.shared,
        "is_writable": found.writable,
        "item_count": one.item_count,
        "size": one.size,
        "revision": one.revision,
        "created_at": moment(one.created),
        "modified_at": moment(one.modified),
    }
