"""/subscription-tokens/: public links to one's own calendars and address books.

The names of the first fields are those of La Suite Calendars, so that its clients and scripts work; the rest
says what a link shows. Whose path it is decides: anybody else's calendar or link is not found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from davserver.api.routes import PAGING, Answer, Call, moment, route, seconds_of
from davserver.api.schemas import MOMENT, TEXT, Schema, listed, nullable, register
from davserver.errors import HttpError
from davserver.jobs import links
from davserver.jobs.links import COMPONENTS, LEFT_OUT, MOST_DAYS, Expectation, Source, Wish
from davserver.model import CollectionKind, Detail, Link, Private
from davserver.vault import VaultLocked

TAG = "/subscription-tokens"
HOMES = {"calendars": CollectionKind.CALENDAR, "addressbooks": CollectionKind.ADDRESSBOOK}
FOLDERS = {kind: home for home, kind in HOMES.items()}

PATH: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1000,
    "description": "Such as /calendars/ann/default/.",
}
DAYS: Schema = {"type": ["integer", "null"], "minimum": 0, "maximum": MOST_DAYS}
FIELDS: dict[str, Schema] = {
    "calendar_name": {**TEXT, "description": 'What subscribers see; "" for the name of the calendar.'},
    "label": {**TEXT, "description": "For you: who has the link."},
    "is_active": {"type": "boolean"},
    "expires_at": nullable(MOMENT),
    "detail": {"type": "string", "enum": [one.value for one in Detail]},
    "private_entries": {"type": "string", "enum": [one.value for one in Private]},
    "left_out": {"type": "array", "uniqueItems": True, "items": {"type": "string", "enum": sorted(LEFT_OUT)}},
    "components": {
        "type": "array",
        "uniqueItems": True,
        "items": {"type": "string", "enum": list(COMPONENTS)},
        "description": "Kinds of entries that are shown; none for all.",
    },
    "start": nullable(MOMENT),
    "end": nullable(MOMENT),
    "days_back": DAYS,
    "days_ahead": DAYS,
    "allow_cors": {"type": "boolean", "description": "Scripts of any web site may read it."},
    "has_page": {"type": "boolean", "description": "The address with .html shows a page."},
    "allow_embedding": {"type": "boolean", "description": "Other sites may put the page into theirs."},
}
PASSWORD: Schema = {"type": ["string", "null"], "maxLength": 200, "description": "null or empty: none."}

TOKEN = register(
    "SubscriptionToken",
    {
        "type": "object",
        "required": ["id", "url", "caldav_path", "is_active", "created_at"],
        "properties": {
            "id": {"type": "integer"},
            "url": {
                "type": ["string", "null"],
                "description": "null where the server has lost the key to it.",
            },
            "webcal_url": {"type": ["string", "null"]},
            "caldav_path": PATH,
            "caldav_paths": {"type": "array", "items": PATH},
            **FIELDS,
            "has_password": {"type": "boolean"},
            "created_at": MOMENT,
            "last_accessed_at": nullable(MOMENT),
            "hits": {"type": "integer"},
            "last_client": {"type": "string"},
        },
    },
)
TOKENS = listed(TOKEN)
NEW = register(
    "NewSubscriptionToken",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["caldav_path"],
        "properties": {
            "caldav_path": PATH,
            "further_paths": {"type": "array", "maxItems": links.MOST_COLLECTIONS - 1, "items": PATH},
            **FIELDS,
            "password": PASSWORD,
        },
    },
)
CHANGE = register(
    "SubscriptionTokenChange",
    {"type": "object", "additionalProperties": False, "properties": {**FIELDS, "password": PASSWORD}},
)
BY_PATH: dict[str, Schema] = {"caldav_path": {**PATH, "x-required": True}}


@route("GET", f"{TAG}/", query=PAGING, answers={200: TOKENS})
def list_all(call: Call) -> Answer:
    """The caller's links, oldest first."""
    with call.office.store.read() as tx:
        found = links.of_owner(tx, call.user, after=call.after, limit=call.limit + 1)
    return call.page([shown(call, link) for link in found])


@route("POST", f"{TAG}/", body=NEW, answers={201: TOKEN, 200: TOKEN}, errors=(404, 409))
def create(call: Call) -> Answer:
    """The link to a calendar: made (201), or the one of that path and label that is there (200)."""
    paths = [call.body["caldav_path"], *call.body.get("further_paths", ())]
    wish = changed(Wish(), call.body)
    link, is_new = links.get_or_create(call.office, call.user, source_of(call, paths), wish)
    location = [("Location", f"{call.base}{call.path}{link.id}/")] if is_new else []
    return Answer(201 if is_new else 200, shown(call, link), location)


@route("GET", f"{TAG}/by-path/", query=BY_PATH, answers={200: TOKEN}, errors=(404,))
def read_by_path(call: Call) -> Answer:
    """The oldest link to a calendar alone."""
    return Answer(200, shown(call, by_path(call)))


@route("DELETE", f"{TAG}/by-path/", query=BY_PATH, answers={204: ""}, errors=(404,))
def remove_by_path(call: Call) -> Answer:
    """Remove the oldest link to a calendar alone."""
    links.remove(call.office, call.user, by_path(call).id, expectation(call))
    return Answer(204)


@route("GET", f"{TAG}/{{id}}/", answers={200: TOKEN})
def read(call: Call) -> Answer:
    """One link."""
    with call.office.store.read() as tx:
        return Answer(200, shown(call, links.get(tx, call.user, call.id)))


@route("PATCH", f"{TAG}/{{id}}/", body=CHANGE, answers={200: TOKEN})
def change(call: Call) -> Answer:
    """Change what a link shows, pause it, name it; its address stays."""

    def revise(wish: Wish) -> Wish:
        return changed(wish, call.body)

    return Answer(200, shown(call, links.edit(call.office, call.user, call.id, revise, expectation(call))))


@route("DELETE", f"{TAG}/{{id}}/", answers={204: ""})
def remove(call: Call) -> Answer:
    """Remove a link."""
    links.remove(call.office, call.user, call.id, expectation(call))
    return Answer(204)


@route("POST", f"{TAG}/{{id}}/regenerate/", answers={200: TOKEN})
def regenerate(call: Call) -> Answer:
    """Give a link a new address; the old one is not found from now on."""
    return Answer(200, shown(call, links.regenerate(call.office, call.user, call.id, expectation(call))))


# -- between JSON and jobs


def expectation(call: Call) -> Expectation:
    """If-Match, as jobs take it."""
    return lambda link: call.expect(shown(call, link))


def shown(call: Call, link: Link) -> dict[str, Any]:
    """A link as its owner sees it."""
    try:
        url = links.address(call.base, links.token_of(call.office, link), link)
    except VaultLocked:
        url = None
    paths = [f"/{FOLDERS[link.kind]}/{link.owner}/{held.name}/" for held in link.collections]
    view = link.view
    return {
        "id": link.id,
        "url": url,
        "webcal_url": url and f"webcal:{url.partition(':')[2]}",
        "caldav_path": paths[0] if paths else "",
        "caldav_paths": paths,
        "calendar_name": link.title,
        "label": link.label,
        "is_active": link.active,
        "expires_at": moment(link.expires),
        "detail": view.detail.value,
        "private_entries": view.private.value,
        "left_out": sorted(view.left_out),
        "components": list(view.components),
        "start": moment(view.start),
        "end": moment(view.end),
        "days_back": view.days_back,
        "days_ahead": view.days_ahead,
        "allow_cors": link.cors,
        "has_page": link.page,
        "allow_embedding": link.embed,
        "has_password": bool(link.password),
        "created_at": moment(link.created),
        "last_accessed_at": moment(link.last_accessed),
        "hits": link.hits,
        "last_client": link.last_client,
    }


_SIMPLE = {
    "calendar_name": "title",
    "label": "label",
    "is_active": "active",
    "allow_cors": "cors",
    "has_page": "page",
    "allow_embedding": "embed",
}
_VIEW: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "detail": ("detail", Detail),
    "private_entries": ("private", Private),
    "left_out": ("left_out", frozenset),
    "components": ("components", tuple),
    "start": ("start", seconds_of),
    "end": ("end", seconds_of),
    "days_back": ("days_back", lambda days: days),
    "days_ahead": ("days_ahead", lambda days: days),
}


def changed(wish: Wish, body: Mapping[str, Any]) -> Wish:
    """The wish with what the body says otherwise."""
    values: dict[str, Any] = {field: body[name] for name, field in _SIMPLE.items() if name in body}
    if "expires_at" in body:
        values["expires"] = seconds_of(body["expires_at"])
    if "password" in body:
        values["password"] = body["password"] or ""
    view = {field: make(body[name]) for name, (field, make) in _VIEW.items() if name in body}
    return replace(wish, **values, view=replace(wish.view, **view))


def by_path(call: Call) -> Link:
    """The oldest link over exactly the calendar of the query; 404 for none."""
    source = source_of(call, [call.query["caldav_path"]])
    with call.office.store.read() as tx:
        found = links.of_collection(tx, call.user, source)
    if not found:
        raise HttpError(404, "There is no link to this calendar.")
    return found[0]


def source_of(call: Call, paths: list[str]) -> Source:
    """The collections of the caller that paths name; 404 for anybody else's, whether they exist or not."""
    parsed = [_parsed(path) for path in paths]
    if len({kind for kind, _, _ in parsed}) > 1:
        raise HttpError(400, "A link shows calendars or address books, not both.")
    if any(owner != call.user.name for _, owner, _ in parsed):
        raise HttpError(404, "There is no such calendar.")
    return Source(parsed[0][0], tuple(name for _, _, name in parsed))


def _parsed(path: str) -> tuple[CollectionKind, str, str]:
    """Kind, owner and name of ``/calendars/ann/default/``, also behind /dav or another prefix."""
    segments = [unquote(part) for part in path.strip("/").split("/")]
    kind = HOMES.get(segments[-3]) if len(segments) in (3, 4) else None
    if kind is None or not all(segments):
        raise HttpError(400, "caldav_path is like /calendars/USER/NAME/ or /addressbooks/USER/NAME/.")
    return kind, segments[-2], segments[-1]
