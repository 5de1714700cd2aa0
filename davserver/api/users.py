"""/users/: accounts, rooms and equipment; for administrators. Everybody may read and name his own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from davserver.api.owners import OWNERS, owner_of, require_admin
from davserver.api.routes import PAGING, Answer, Call, moment, route
from davserver.api.schemas import MOMENT, TEXT, Schema, listed, nullable, register
from davserver.errors import HttpError
from davserver.jobs import groups, password_links, users
from davserver.jobs.groups import Described
from davserver.jobs.users import Account, NewUser, Profile
from davserver.model import Principal, PrincipalKind
from davserver.storage import collections, principals
from davserver.storage.principals import Order, Wanted

ALL = "/users/"
ONE = ALL + "{user}/"

KIND: Schema = {"type": "string", "enum": [one.value for one in OWNERS]}
NAMES: dict[str, Schema] = {
    "display_name": TEXT,
    "email": {**TEXT, "maxLength": 254},
    "language": {
        "type": "string",
        "enum": ["", "en", "de", "fr"],
        "description": "Of the pages; empty: as the browser asks.",
    },
    "timezone": {**TEXT, "description": "IANA name."},
}
RIGHTS: dict[str, Schema] = {
    "is_admin": {"type": "boolean"},
    "is_disabled": {"type": "boolean"},
    "quota": {
        "type": ["integer", "null"],
        "minimum": 0,
        "maximum": 2**53,
        "description": "Bytes; null: no limit.",
    },
}
USER = register(
    "User",
    {
        "type": "object",
        "required": ["id", "name", "kind", "display_name", "email", "is_admin", "is_disabled"],
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": "string"},
            "kind": KIND,
            **NAMES,
            **RIGHTS,
            "size": {"type": "integer", "description": "Bytes of all that is stored."},
            "last_seen_at": nullable(MOMENT),
            "created_at": MOMENT,
        },
    },
)
PAGE = listed(USER)
NEW = register(
    "NewUser",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {**TEXT, "minLength": 1},
            "kind": KIND,
            "password": {
                "type": "string",
                "maxLength": 1000,
                "description": "Without one nobody can sign in until a link to a new password was used.",
            },
            **NAMES,
            **RIGHTS,
        },
    },
)
CHANGE = register(
    "UserChange",
    {"type": "object", "additionalProperties": False, "properties": {**NAMES, **RIGHTS}},
)
LINK = register(
    "PasswordLink",
    {
        "type": "object",
        "required": ["url", "hours"],
        "properties": {
            "url": {"type": "string", "description": "Hand it to the user. It works once."},
            "hours": {"type": "integer", "description": "How long it is good."},
        },
    },
)
LISTING: dict[str, Schema] = {
    **PAGING,
    "search": {"type": "string", "maxLength": 100, "description": "In name, display name or mail address."},
}


@route("GET", ALL, query=LISTING, answers={200: PAGE})
def list_all(call: Call) -> Answer:
    """All accounts, rooms and equipment, oldest first."""
    require_admin(call)
    wanted = Wanted(OWNERS, call.query.get("search", ""), Order.ID, call.limit + 1, after=call.after)
    with call.office.store.read() as tx:
        found = principals.listing(tx, wanted)
    entries = [
        shown(one.principal) | {"size": one.size, "last_seen_at": moment(one.last_seen)} for one in found
    ]
    return call.page(entries)


@route("POST", ALL, body=NEW, answers={201: USER}, errors=(409,))
def create(call: Call) -> Answer:
    """Add an account with its calendar and address book, or a room or equipment with its calendar."""
    require_admin(call)
    body = call.body
    kind = PrincipalKind(body.get("kind", "user"))
    names = (body.get("email", ""), body.get("display_name", ""))
    if kind is PrincipalKind.USER:
        made = users.create_user(call.office, NewUser(body["name"], body.get("password"), *names))
    elif "password" in body or body.get("is_admin"):
        raise HttpError(400, "Nobody signs in as a room or as equipment.")
    else:
        made = groups.create_resource(call.office, kind, Described(body["name"], names[1], names[0]))
    if set(body) & {*RIGHTS, "language", "timezone"}:
        users.change_account(call.office, made.name, changed(account_of(made), call))
    return Answer(201, current(call, made.name), [("Location", f"{call.base}{call.path}{made.name}/")])


@route("GET", ONE, answers={200: USER})
def read(call: Call) -> Answer:
    """One account."""
    with call.office.store.read() as tx:
        owner = owner_of(call, tx)
    return Answer(200, current(call, owner.name))


@route("PATCH", ONE, body=CHANGE, answers={200: USER}, errors=(409,))
def change(call: Call) -> Answer:
    """Change an account; rights and quota are the administrators' to change."""
    with call.office.store.read() as tx:
        owner = owner_of(call, tx)
    if set(call.body) & set(RIGHTS):
        require_admin(call)
    if call.if_match is not None:
        call.expect(current(call, owner.name))
    account = changed(account_of(owner), call)
    if set(call.body) & set(RIGHTS):
        users.change_account(call.office, owner.name, account)
    else:
        users.change_profile(call.office, owner.name, account.profile)
    return Answer(200, current(call, owner.name))


@route("DELETE", ONE, answers={204: ""}, errors=(409,))
def remove(call: Call) -> Answer:
    """Remove an account with everything it owns, for good. Export it first."""
    require_admin(call)
    with call.office.store.read() as tx:
        owner = owner_of(call, tx)
    if owner.id == call.user.id:
        raise HttpError(409, "You cannot remove yourself. Another administrator can.")
    if call.if_match is not None:
        call.expect(current(call, owner.name))
    users.remove_user(call.office, owner.name)
    return Answer(204)


@route("POST", ONE + "password-link/", answers={201: LINK})
def password_link(call: Call) -> Answer:
    """A link by which a user gives himself a new password, once."""
    require_admin(call)
    token = password_links.make(call.office, call.parts["user"])
    data = {"url": f"{call.base}/account/new-password/{token}", "hours": password_links.HOURS}
    return Answer(201, data)


# -- between JSON and jobs


def account_of(owner: Principal) -> Account:
    """What an administrator may decide, as it is now."""
    profile = Profile(owner.display_name, owner.email, owner.language, owner.timezone)
    return Account(profile, owner.admin, owner.disabled, owner.quota)


def changed(account: Account, call: Call) -> Account:
    """The account with what the body says otherwise."""
    body = call.body
    profile = replace(account.profile, **{name: body[name] for name in NAMES if name in body})
    fields = {"is_admin": "admin", "is_disabled": "disabled", "quota": "quota"}
    rights: dict[str, Any] = {field: body[name] for name, field in fields.items() if name in body}
    return replace(account, profile=profile, **rights)


def current(call: Call, name: str) -> dict[str, Any]:
    """An account as it is now."""
    with call.office.store.read() as tx:
        owner = users.find_owner(tx, name)
        return shown(owner) | {"size": collections.used_bytes(tx, owner.id)}


def shown(one: Principal) -> dict[str, Any]:
    """An account as its owner and administrators see it."""
    return {
        "id": one.id,
        "name": one.name,
        "kind": one.kind.value,
        "display_name": one.display_name,
        "email": one.email,
        "language": one.language,
        "timezone": one.timezone,
        "is_admin": one.admin,
        "is_disabled": one.disabled,
        "quota": one.quota,
        "created_at": moment(one.created),
    }
