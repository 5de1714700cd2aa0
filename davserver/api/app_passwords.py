"""/users/{user}/app-passwords/: passwords for single devices and scripts.

What an app password made is never more than itself: a script that holds one that ends in a week, or that
opens the API alone, cannot make itself one that lasts or opens more.
"""

from __future__ import annotations

from typing import Any

from davserver.api.owners import owner_of
from davserver.api.routes import PAGING, Answer, Call, moment, route, seconds_of
from davserver.api.schemas import MOMENT, TEXT, Schema, listed, nullable, register
from davserver.errors import HttpError
from davserver.jobs import app_passwords
from davserver.jobs.app_passwords import DEVICE, Wanted
from davserver.model import AppPassword, Right, Scope

ALL = "/users/{user}/app-passwords/"
ONE = ALL + "{id}/"

RIGHT: Schema = {"type": "string", "enum": [one.value for one in Right]}
SCOPE: dict[str, Schema] = {
    "calendars": RIGHT,
    "contacts": RIGHT,
    "api": RIGHT,
    "collections": {
        "type": ["array", "null"],
        "items": {"type": "integer", "minimum": 1, "maximum": 2**53},
        "uniqueItems": True,
        "maxItems": 1000,
        "description": "Ids of the only calendars and address books that it opens; null for all.",
    },
}
LABEL: Schema = {**TEXT, "minLength": 1, "maxLength": 100, "description": "The device."}
PROPERTIES: dict[str, Schema] = {
    "id": {"type": "integer"},
    "label": {"type": "string"},
    **SCOPE,
    "origin": {"type": "string", "description": "Where it was made."},
    "created_at": MOMENT,
    "expires_at": nullable(MOMENT),
    "last_used_at": nullable(MOMENT),
    "last_client": {"type": "string"},
    "last_address": {"type": "string"},
}
SHOWN = register(
    "AppPassword",
    {"type": "object", "required": ["id", "label", *SCOPE, "created_at"], "properties": PROPERTIES},
)
PAGE = listed(SHOWN)
MADE = register(
    "NewAppPasswordMade",
    {
        "type": "object",
        "required": ["id", "label", "password"],
        "properties": {
            **PROPERTIES,
            "password": {"type": "string", "description": "Shown this once, never again."},
        },
    },
)
NEW = register(
    "NewAppPassword",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["label"],
        "properties": {"label": LABEL, **SCOPE, "expires_at": nullable(MOMENT)},
    },
)
CHANGE = register(
    "AppPasswordChange",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["label"],
        "properties": {"label": LABEL},
    },
)


@route("GET", ALL, query=PAGING, answers={200: PAGE})
def list_all(call: Call) -> Answer:
    """The app passwords of a user, oldest first; none shows its secret."""
    with call.office.store.read() as tx:
        found = app_passwords.listing(tx, owner_of(call, tx))
    rest = [one for one in found if one.id > call.after]
    return call.page([shown(one) for one in rest[: call.limit + 1]])


@route("POST", ALL, body=NEW, answers={201: MADE}, errors=(409,))
def create(call: Call) -> Answer:
    """Make an app password; the answer is the only place where it stands."""
    with call.office.store.read() as tx:
        owner = owner_of(call, tx)
    wanted = Wanted(call.body["label"], scope_of(call), seconds_of(call.body.get("expires_at")), "api")
    made = app_passwords.create(call.office, owner.name, within_own(call, wanted))
    place = f"{call.base}{call.path}{made.app_password.id}/"
    return Answer(201, shown(made.app_password) | {"password": made.password}, [("Location", place)])


@route("GET", ONE, answers={200: SHOWN})
def read(call: Call) -> Answer:
    """One app password, without its secret."""
    with call.office.store.read() as tx:
        return Answer(200, shown(app_passwords.find(tx, owner_of(call, tx), call.id)))


@route("PATCH", ONE, body=CHANGE, answers={200: SHOWN})
def change(call: Call) -> Answer:
    """Give it another name."""
    expect(call)
    with call.office.store.read() as tx:
        owner = owner_of(call, tx)
    app_passwords.rename(call.office, owner.name, call.id, call.body["label"])
    return read(call)


@route("DELETE", ONE, answers={204: ""})
def revoke(call: Call) -> Answer:
    """Cut the device off, from its next request on."""
    expect(call)
    with call.office.store.read() as tx:
        owner = owner_of(call, tx)
    app_passwords.revoke(call.office, owner.name, call.id)
    return Answer(204)


# -- between JSON and jobs


def expect(call: Call) -> None:
    """If-Match. Only the name can change, and the last use: nothing that must not be overtaken."""
    if call.if_match is not None:
        call.expect(read(call).data)


def scope_of(call: Call) -> Scope:
    """What was asked for; without a word, what a device needs."""
    body = call.body
    opened = {name: Right(body[name]) for name in ("calendars", "contacts", "api") if name in body}
    only = body.get("collections")
    given = {"calendars": DEVICE.calendars, "contacts": DEVICE.contacts, "api": DEVICE.api, **opened}
    return Scope(**given, collections=None if only is None else frozenset(only))


def within_own(call: Call, wanted: Wanted) -> Wanted:
    """403 where the caller's own app password opens less, or ends earlier."""
    own = call.identity.credential
    if not isinstance(own, AppPassword):
        return wanted
    order = [Right.NONE, Right.READ, Right.WRITE]
    wider = any(
        order.index(getattr(wanted.scope, name)) > order.index(getattr(own.scope, name))
        for name in ("calendars", "contacts", "api")
    )
    longer = own.expires is not None and (wanted.expires is None or wanted.expires > own.expires)
    if wider or longer:
        raise HttpError(403, "An app password makes none that opens more or lasts longer than itself.")
    return wanted


def shown(one: AppPassword) -> dict[str, Any]:
    """An app password without its secret."""
    scope = one.scope
    return {
        "id": one.id,
        "label": one.label,
        "calendars": scope.calendars.value,
        "contacts": scope.contacts.value,
        "api": scope.api.value,
        "collections": None if scope.collections is None else sorted(scope.collections),
        "origin": one.origin,
        "created_at": moment(one.created),
        "expires_at": moment(one.expires),
        "last_used_at": moment(one.last_used),
        "last_client": one.last_agent,
        "last_address": one.last_address,
    }
