"""/users/{user}/{home}/{name}/items/: events, tasks and contacts.

An item is shown as iCalendar or vCard text, byte for byte what is stored, or as jCal or jCard where
``form=json`` asks for it. Its entity tag is the one that DAV clients know, so that a script and a phone never
overwrite each other: send it back in If-Match.
"""

from __future__ import annotations

import json
import uuid
from functools import partial
from typing import Any

from sqlalchemy import Connection

from davserver.api.owners import Held, held
from davserver.api.routes import PAGING, Answer, Call, moment, route, tag_of
from davserver.api.schemas import MOMENT, Schema, listed, register
from davserver.content import jcal, lines
from davserver.errors import HttpError
from davserver.jobs import items as jobs_items
from davserver.model import CollectionKind, Item, NewItem
from davserver.storage import items

ITEMS = "/users/{user}/{home}/{name}/items/"
ITEM = ITEMS + "{item}/"
SUFFIXES = {CollectionKind.CALENDAR: ".ics", CollectionKind.ADDRESSBOOK: ".vcf"}

FORM: Schema = {
    "type": "string",
    "enum": ["text", "json"],
    "description": "text: iCalendar or vCard; json: jCal (RFC 7265) or jCard (RFC 7095).",
}
JSON_FORM: Schema = {"type": "array", "description": "jCal or jCard."}
TEXT_FORM: Schema = {"type": "string", "description": "iCalendar or vCard, as stored."}
SHOWN = register(
    "Item",
    {
        "type": "object",
        "required": ["name", "uid", "component", "etag", "size", "revision", "created_at", "modified_at"],
        "properties": {
            "name": {"type": "string"},
            "uid": {"type": "string"},
            "component": {"type": "string", "description": "VEVENT, VTODO, VJOURNAL, VFREEBUSY or VCARD."},
            "etag": {"type": "string"},
            "size": {"type": "integer", "description": "Bytes."},
            "revision": {"type": "integer", "description": "Greater with each change in the collection."},
            "created_at": MOMENT,
            "modified_at": MOMENT,
            "text": TEXT_FORM,
            "json": JSON_FORM,
        },
    },
)
PAGE = listed(SHOWN)
WRITTEN = register(
    "ItemContent",
    {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {"text": TEXT_FORM, "json": JSON_FORM},
    },
)
LISTING: dict[str, Schema] = {
    **PAGING,
    "after": {
        **PAGING["after"],
        "description": "The last revision of the page before; so a poll with the last one that was seen gets "
        "what was added or changed since.",
    },
    "form": {**FORM, "description": "Show the contents, too: " + FORM["description"]},
    "uid": {"type": "string", "minLength": 1, "description": "Only the item with this UID."},
}


@route("GET", ITEMS, query=LISTING, answers={200: PAGE})
def list_all(call: Call) -> Answer:
    """The items of a calendar or address book, least recently changed first."""
    form, uid = call.query.get("form"), call.query.get("uid")
    with call.office.store.read() as tx:
        target = held(call, tx).collection
        if uid is None:
            found = items.changed_since(tx, target.id, call.after, call.limit + 1)
        else:
            found = list(items.by_names(tx, target.id, items.names_with_uid(tx, target.id, uid)))
        wanted = [one.id for one in found[: call.limit]] if form else []
        bodies = items.read_bodies(tx, wanted) if wanted else {}
    kind = target.kind
    entries = [shown(one) | in_form(kind, bodies.get(one.id), form) for one in found]
    return call.page(entries, "revision")


@route("POST", ITEMS, body=WRITTEN, answers={201: SHOWN}, errors=(404, 409, 507))
def create(call: Call) -> Answer:
    """Add an item under a name of the server's choice; 409 where its UID is there already."""
    with call.office.store.read() as tx:
        kind = held(call, tx).collection.kind
    stored, _ = put(call, f"{uuid.uuid4()}{SUFFIXES[kind]}")
    place = f"{call.base}{call.path}{stored.name}/"
    return Answer(201, shown(stored), [("Location", place)], stored.etag)


@route("GET", ITEM, query={"form": FORM}, answers={200: SHOWN})
def read(call: Call) -> Answer:
    """One item with its content."""
    form = call.query.get("form", "text")
    with call.office.store.read() as tx:
        target = held(call, tx).collection
        found = items.get_with_body(tx, target.id, call.parts["item"])
    if found is None:
        raise HttpError(404, "There is no such item.")
    data = shown(found[0]) | in_form(target.kind, found[1], form)
    return Answer(200, data, tag=found[0].etag if form == "text" else tag_of(data))


@route("PUT", ITEM, body=WRITTEN, answers={200: SHOWN, 201: SHOWN}, errors=(404, 409, 507))
def write(call: Call) -> Answer:
    """Create (201) or replace (200) an item under a name; If-Match and If-None-Match: * are heeded."""
    stored, created = put(call, jobs_items.check_name(call.parts["item"]))
    return Answer(201 if created else 200, shown(stored), tag=stored.etag)


@route("DELETE", ITEM, answers={204: ""})
def remove(call: Call) -> Answer:
    """Delete an item; it can be restored from the history for a time."""
    with call.office.store.read() as tx:
        place = writable(call, tx)
    jobs_items.remove(call.office, place.collection, call.parts["item"], partial(judge, call))
    return Answer(204)


# -- between JSON and jobs


def put(call: Call, name: str) -> tuple[Item, bool]:
    """Store what was sent under a name; whether it is new."""
    with call.office.store.read() as tx:
        place = writable(call, tx)
    kind = place.collection.kind
    body = body_of(call, kind)
    new = NewItem(name, body, jobs_items.check_body(kind, body, call.office.settings))
    return jobs_items.write(call.office, (place.owner, place.collection), new, partial(judge, call))


def judge(call: Call, tx: Connection, current: Item | None) -> None:
    """Within the transaction: still writable, and what If-Match or If-None-Match: * expects."""
    writable(call, tx)
    call.expect_tag(current.etag if current else None)


def writable(call: Call, tx: Connection) -> Held:
    """The collection of the path; 403 where the user may only read it."""
    found = held(call, tx)
    if not found.writable:
        raise HttpError(403, "This calendar or address book can only be read.")
    return found


def body_of(call: Call, kind: CollectionKind) -> bytes:
    """The content that was sent, as bytes to be stored."""
    if "text" in call.body:
        text: str = call.body["text"]
        return text.encode()
    raw = json.dumps(call.body["json"]).encode()
    root = jcal.from_jcal(raw) if kind is CollectionKind.CALENDAR else jcal.from_jcard(raw)
    return lines.dump(root).encode()


def shown(one: Item) -> dict[str, Any]:
    """An item without its content."""
    return {
        "name": one.name,
        "uid": one.uid,
        "component": one.component,
        "etag": one.etag,
        "size": one.size,
        "revision": one.revision,
        "created_at": moment(one.created),
        "modified_at": moment(one.modified),
    }


def in_form(kind: CollectionKind, body: bytes | None, form: str | None) -> dict[str, Any]:
    """The content as a member of the item; none where it was not asked for."""
    if body is None or form is None:
        return {}
    if form == "text":
        return {"text": body.decode("utf-8", "replace")}
    dumped = jcal.to_jcal if kind is CollectionKind.CALENDAR else jcal.to_jcard
    return {"json": json.loads(dumped(lines.parse_components(lines.decode(body))[0]))}
