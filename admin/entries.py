"""One event, task or contact: what it says, what it was before, the way back; deleted ones; search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from davserver.content import details, difference, lines
from davserver.content.lines import Component
from davserver.errors import HttpError
from davserver.jobs import agenda, history, places
from davserver.model import Collection, CollectionKind, Item
from davserver.storage import items, transfers
from davserver.storage.engine import now

from . import looking, words
from .context import office, reading
from .language import said
from .paging import PER_PAGE, offset, page_of

pages = Blueprint("entries", __name__)


@dataclass(frozen=True, slots=True)
class Part:
    """An event or task of an object, or the card: what a page shows of it."""

    title: str
    kind: Any
    when_label: Any
    when: str
    rule: str
    fields: Sequence[details.Field]
    exception: bool


@pages.get("/entries/<kind>/<home>/<name>")
def show(kind: str, home: str, name: str) -> Any:
    """What it says, and to its owner its earlier versions. A deleted one leads to its last version."""
    with reading() as tx:
        held = looking.reach(tx, kind, home)
        found = items.get_with_body(tx, held.id, name)
        own = looking.is_owned(held)
        past = history.versions(tx, looking.place(kind, home), name).versions if own else ()
    if found is None:
        if not past:
            abort(404)
        return redirect(url_for(".version", kind=kind, home=home, version_id=past[0].id))
    current, body = found
    root = _root(body)
    parts = _with_members(held, _parts(root))
    return render_template(
        "entries/show.html",
        held=held,
        item=current,
        owned=own,
        parts=parts,
        versions=past,
        photo=_photo_version(root, current),
        source=lines.decode(body),
        **_words(held),
    )


def _words(held: Collection) -> dict[str, Any]:
    return {
        "words": words,
        "collection_title": looking.title_of(held),
        "color": looking.color_of(held),
    }


def _root(body: bytes) -> Component:
    return lines.parse_components(lines.decode(body))[0]


def _photo_version(root: Component, item: Item) -> str:
    """The version of the photo's address, "" where there is none to show."""
    return item.etag.strip('"') if root.name == "VCARD" and details.picture(root) else ""


def _parts(root: Component) -> list[Part]:
    if root.name == "VCARD":
        return [Part(agenda.title_of(root), words.KINDS["VCARD"], "", "", "", words.read_fields(root), False)]
    found = [
        child for child in root.children if child.name != "VTIMEZONE" and not child.name.startswith("X-")
    ]
    found.sort(key=lambda one: one.first("RECURRENCE-ID") is not None)
    return [_part(root, one) for one in found]


def _part(root: Component, component: Component) -> Part:
    rule = component.value("RRULE")
    return Part(
        agenda.title_of(component),
        words.KINDS.get(component.name, component.name),
        words.label_of("DUE") if _is_due(component) else _("When"),
        _when(root, component),
        words.rule_text(rule) if rule else "",
        words.read_fields(component),
        component.first("RECURRENCE-ID") is not None,
    )


def _with_members(held: Collection, parts: list[Part]) -> list[Part]:
    """A group of contacts tells the UIDs of its members: say their names instead."""
    uids = {field.text: _uid_of(field) for part in parts for field in part.fields if field.name == "MEMBER"}
    if not uids:
        return parts
    with reading() as tx:
        known = items.by_uids(tx, held.id, uids.values())
        bodies = items.read_bodies(tx, [one.id for one in known.values()])

    def named(field: details.Field) -> details.Field:
        if field.name != "MEMBER":
            return field
        if member := known.get(_uid_of(field)):
            link = looking.entry_url(held, member.name)
            return replace(field, text=_title_in(bodies[member.id]) or field.text, link=link)
        is_uid = _uid_of(field) != field.text
        return replace(field, text=_("a contact that is not here")) if is_uid else field

    return [replace(part, fields=[named(field) for field in part.fields]) for part in parts]


def _uid_of(field: details.Field) -> str:
    return field.text.removeprefix("urn:uuid:")


def _is_due(task: Component) -> bool:
    return task.first("DTSTART") is None and task.first("DUE") is not None


def _when(root: Component, component: Component) -> str:
    """When it is, in the zone of who looks."""
    zone = looking.zone()
    one = agenda.first_instance(root, component, zone)
    if one is None:
        return ""
    start = looking.day_and_clock(one.start, is_date=one.is_date)
    if component.name == "VTODO" or one.end <= one.start:
        return start
    last = looking.day_of((zone.to_local(one.end) - 1) // 86_400)
    if looking.day_of(zone.to_local(one.start) // 86_400) == last:
        return start if one.is_date else f"{start} – {looking.clock(one.end)}"
    end = one.end - 1 if one.is_date else one.end
    return f"{start} – {looking.day_and_clock(end, is_date=one.is_date)}"


# -- history -------------------------------------------------------------------------------------


@pages.get("/entries/<kind>/<home>/versions/<int:version_id>")
def version(kind: str, home: str, version_id: int) -> str:
    """An earlier version: what has changed since, and what it said."""
    where = looking.place(kind, home)
    with reading() as tx:
        _owner, held = places.find(tx, where)
        found, body = history.version(tx, where, version_id)
        current = items.get_with_body(tx, held.id, found.name)
    changes = difference.differences(body, current[1] if current else None) if current else []
    root = _root(body)
    return render_template(
        "entries/version.html",
        held=held,
        past=found,
        current=current[0] if current else None,
        changes=[change for change in changes if not change.technical],
        technical=[change for change in changes if change.technical],
        parts=_parts(root),
        title=agenda.title_of(next((one for one in _main(root)), root)),
        source=lines.decode(body),
        **_words(held),
    )


def _main(root: Component) -> list[Component]:
    return [root] if root.name == "VCARD" else [one for one in root.children if one.name != "VTIMEZONE"]


@pages.post("/entries/<kind>/<home>/versions/<int:version_id>/restore")
def restore(kind: str, home: str, version_id: int) -> Any:
    """Put an earlier version back."""
    where = looking.place(kind, home)
    try:
        stored = history.restore_item(office(), where, version_id)
    except HttpError as error:
        if error.status == 404:
            abort(404)
        flash(said(error.message), "danger")
        return redirect(url_for(".version", kind=kind, home=home, version_id=version_id), 303)
    flash(_("Restored. What was there before is in the list of earlier versions."), "success")
    return redirect(url_for(".show", kind=kind, home=home, name=stored.name), 303)


@pages.get("/deleted")
def deleted() -> str:
    """What was deleted from one of the collections, with a way back."""
    with reading() as tx:
        owned = [one for kind in CollectionKind for one in looking.owned(tx, kind)]
        key = request.args.get("in", "")
        held = next(
            (one for one in owned if f"{one.kind.value}/{one.name}" == key), owned[0] if owned else None
        )
        rows: list[Any] = []
        if held is not None:
            where = looking.place(held.kind.value, held.name)
            found = history.deleted(tx, where, limit=PER_PAGE + 1, offset=offset())
            bodies = transfers.kept_bodies(tx, [one.id for one in found])
            rows = [(one, _title_in(bodies[one.id])) for one in found]
    return render_template(
        "entries/deleted.html",
        owned=[(f"{one.kind.value}/{one.name}", looking.title_of(one)) for one in owned],
        held=held,
        page=page_of(rows),
        kinds=words.KINDS,
    )


def _title_in(body: bytes) -> str:
    return agenda.title_of(next(iter(_main(_root(body))), Component("")))


# -- search --------------------------------------------------------------------------------------


@pages.get("/search")
def search() -> str:
    """Events, tasks and contacts that hold all the words."""
    asked = request.args.get("q", "").strip()
    with reading() as tx:
        owned = [one for kind in CollectionKind for one in looking.visible(tx, kind)]
        found = agenda.find(tx, owned, asked, now(), slice(offset(), offset() + PER_PAGE + 1))
    known = {one.id: one for one in owned}
    return render_template(
        "entries/search.html",
        q=asked,
        page=page_of([(hit, known[hit.collection_id]) for hit in found]),
        kinds=words.KINDS,
        entry_url=looking.entry_url,
        color_of=looking.color_of,
        title_of=looking.title_of,
        when=looking.day_and_clock,
    )
