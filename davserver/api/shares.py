"""Sharing, from both sides.

/users/{user}/{home}/{name}/shares/     to whom a collection was given
/users/{user}/shares/                   what a user was given
"""

from __future__ import annotations

from typing import Any

from davserver.api.owners import FOLDERS, own_place, owner_of, person
from davserver.api.routes import Answer, Call, route
from davserver.api.schemas import Schema, listed, ref, register
from davserver.errors import HttpError
from davserver.jobs import places, sharing
from davserver.jobs.places import Place
from davserver.model import Access, Shared, ShareState
from davserver.storage import shares
from davserver.storage.shares import Sharee

GIVEN = "/users/{user}/{home}/{name}/shares/"
GIVEN_TO = GIVEN + "{sharee}/"
RECEIVED = "/users/{user}/shares/"

ACCESS: Schema = {"type": "string", "enum": [one.value for one in Access]}
STATE: Schema = {"type": "string", "enum": [one.value for one in ShareState]}
SHARE = register(
    "Share",
    {
        "type": "object",
        "required": ["sharee", "access", "state"],
        "properties": {"sharee": ref("Person"), "access": ACCESS, "state": STATE},
    },
)
SHARES = listed(SHARE)
TERMS = register(
    "ShareTerms",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["access"],
        "properties": {"access": ACCESS},
    },
)
RECEIPT = register(
    "ReceivedShare",
    {
        "type": "object",
        "required": ["id", "kind", "name", "owner", "access", "state"],
        "properties": {
            "id": {"type": "integer", "description": "Of the collection."},
            "kind": {"type": "string", "enum": sorted(FOLDERS.values())},
            "name": {"type": "string", "description": "In the home of the one who has it shared."},
            "display_name": {"type": ["string", "null"]},
            "owner": ref("Person"),
            "access": ACCESS,
            "state": STATE,
        },
    },
)
RECEIPTS = listed(RECEIPT)
RESPONSE = register(
    "ShareResponse",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["state"],
        "properties": {"state": {**STATE, "enum": ["accepted", "hidden", "declined"]}},
    },
)


@route("GET", GIVEN, answers={200: SHARES})
def list_given(call: Call) -> Answer:
    """Users and groups to whom the owner gave a calendar or address book."""
    return Answer(200, {"results": [shown(one) for one in _given(call)], "next": None})


@route("PUT", GIVEN_TO, body=TERMS, answers={200: SHARE})
def give(call: Call) -> Answer:
    """Share with a user or group (by name or mail address), or change what he may do."""
    place = _place(call)
    sharing.share(call.office, place, call.parts["sharee"], Access(call.body["access"]))
    with call.office.store.read() as tx:
        sharee = sharing.find_sharee(tx, call.parts["sharee"])
    return Answer(200, next(shown(one) for one in _given(call) if one.principal.id == sharee.id))


@route("DELETE", GIVEN_TO, answers={204: ""})
def take_back(call: Call) -> Answer:
    """Stop sharing with a user or group."""
    sharing.revoke(call.office, _place(call), call.parts["sharee"])
    return Answer(204)


@route("GET", RECEIVED, answers={200: RECEIPTS})
def list_received(call: Call) -> Answer:
    """What others share with a user, in every state."""
    with call.office.store.read() as tx:
        found = sharing.invitations(tx, owner_of(call, tx).id)
    return Answer(200, {"results": [received(one) for one in found], "next": None})


@route("PATCH", RECEIVED + "{id}/", body=RESPONSE, answers={200: RECEIPT})
def respond(call: Call) -> Answer:
    """Accept, hide or decline what is shared."""
    with call.office.store.read() as tx:
        user = owner_of(call, tx)
        offered = shares.offer(tx, user.id, call.id)
    if offered is None:
        raise HttpError(404, "That is not shared with this account.")
    call.expect(received(offered))
    return Answer(200, received(sharing.respond(call.office, user.name, call.id, _state(call))))


# -- between JSON and jobs


def _state(call: Call) -> ShareState:
    return ShareState(call.body["state"])


def _place(call: Call) -> Place:
    with call.office.store.read() as tx:
        sharing.check_open(call.office.settings, call.user)
        return own_place(call, tx)


def _given(call: Call) -> list[Sharee]:
    with call.office.store.read() as tx:
        _, target = places.find(tx, own_place(call, tx))
        return shares.sharees(tx, [target.id]).get(target.id, [])


def shown(one: Sharee) -> dict[str, Any]:
    """One to whom a collection was given."""
    return {"sharee": person(one.principal), "access": one.share.access.value, "state": one.state.value}


def received(one: Shared) -> dict[str, Any]:
    """Something that somebody was given."""
    return {
        "id": one.collection.id,
        "kind": FOLDERS[one.collection.kind],
        "name": one.view.name,
        "display_name": one.collection.display_name,
        "owner": person(one.owner),
        "access": one.access.value,
        "state": one.view.state.value,
    }
