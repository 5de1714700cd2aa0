"""/users/{user}/trash/: deleted calendars and address books, for as long as they can be restored."""

from __future__ import annotations

from typing import Any

from davserver.api.owners import FOLDERS, owner_of
from davserver.api.routes import Answer, Call, moment, route
from davserver.api.schemas import MOMENT, listed, register
from davserver.errors import HttpError
from davserver.jobs import trash
from davserver.model import Trashed

ALL = "/users/{user}/trash/"

TRASHED = register(
    "Trashed",
    {
        "type": "object",
        "required": ["id", "kind", "name", "item_count", "deleted_at", "deleted_by"],
        "properties": {
            "id": {"type": "integer"},
            "kind": {"type": "string", "enum": sorted(FOLDERS.values())},
            "name": {"type": "string"},
            "display_name": {"type": ["string", "null"]},
            "item_count": {"type": "integer"},
            "deleted_at": MOMENT,
            "deleted_by": {"type": "string"},
        },
    },
)
PAGE = listed(TRASHED)
RESTORED = register(
    "Restored",
    {
        "type": "object",
        "required": ["kind", "name"],
        "properties": {
            "kind": {"type": "string", "enum": sorted(FOLDERS.values())},
            "name": {"type": "string", "description": "Another one where its own is taken."},
        },
    },
)


@route("GET", ALL, answers={200: PAGE})
def list_all(call: Call) -> Answer:
    """What a user deleted, newest first."""
    return Answer(200, {"results": [shown(one) for one in _listing(call)], "next": None})


@route("POST", ALL + "{id}/restore/", answers={200: RESTORED}, errors=(507,))
def restore(call: Call) -> Answer:
    """Put a calendar or address book back, with its items and those who shared it."""
    back = trash.restore(call.office, _owner(call), call.id)
    return Answer(200, {"kind": FOLDERS[back.kind], "name": back.name})


@route("DELETE", ALL + "{id}/", answers={204: ""})
def remove(call: Call) -> Answer:
    """Remove something for good."""
    found = next((one for one in _listing(call) if one.collection.id == call.id), None)
    if found is None:
        raise HttpError(404, "There is no such thing in the trash.")
    call.expect(shown(found))
    trash.remove(call.office, _owner(call), call.id)
    return Answer(204)


def _owner(call: Call) -> str:
    with call.office.store.read() as tx:
        return owner_of(call, tx).name


def _listing(call: Call) -> list[Trashed]:
    with call.office.store.read() as tx:
        return trash.listing(tx, owner_of(call, tx).name)


def shown(one: Trashed) -> dict[str, Any]:
    """Something in the trash."""
    return {
        "id": one.collection.id,
        "kind": FOLDERS[one.collection.kind],
        "name": one.name,
        "display_name": one.collection.display_name,
        "item_count": one.collection.item_count,
        "deleted_at": moment(one.at),
        "deleted_by": one.actor,
    }
