"""One event, task or contact: what it says, what it was before, the way back; deleted ones; search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from davserver.content import details, difference, lines
from davserver.content.difference import Change
from davserver.content.lines import Component
from davserver.content.recur import Rule, parse_rule
from davserver.content.stamps import parse_stamp
from davserver.errors import HttpError, InvalidContent
from davserver.jobs import agenda, history, places
from davserver.model import Collection, CollectionKind, Item
from davserver.storage import items, transfers
from davserver.storage.engine import now

from . import looking
from .context import office, reading
from .entry_words import read_fields, read_value
from .language import said
from .paging import PER_PAGE, offset, page_of

pages = Blueprint("entries", __name__)

LABELS = {
    "SUMMARY": _l("Title"),
    "FN": _l("Name"),
    "N": _l("Name in parts"),
    "LOCATION": _l("Place"),
    "DESCRIPTION": _l("Description"),
    "STATUS": _l("Status"),
    "PRIORITY": _l("Priority"),
    "PERCENT-COMPLETE": _l("Percent done"),
    "CATEGORIES": _l("Categories"),
    "RESOURCES": _l("Resources"),
    "CLASS": _l("Privacy"),
    "TRANSP": _l("Shown as"),
    "ORGANIZER": _l("Organiser"),
    "ATTENDEE": _l("Attendee"),
    "CONTACT": _l("Contact"),
    "COMMENT": _l("Comment"),
    "ATTACH": _l("Attachment"),
    "RELATED-TO": _l("Related to"),
    "CONFERENCE": _l("Conference"),
    "GEO": _l("Position"),
    "URL": _l("Address on the web"),
    "DTSTART": _l("Start"),
    "DTEND": _l("End"),
    "DUE": _l("Due"),
    "DURATION": _l("Length"),
    "COMPLETED": _l("Done at"),
    "RRULE": _l("Repeats"),
    "RDATE": _l("Also at"),
    "EXDATE": _l("Not at"),
    "TRIGGER": _l("Alarm"),
    "NICKNAME": _l("Nickname"),
    "ORG": _l("Company"),
    "TITLE": _l("Position in the company"),
    "ROLE": _l("Role"),
    "TEL": _l("Phone"),
    "EMAIL": _l("Mail"),
    "IMPP": _l("Messenger"),
    "ADR": _l("Address"),
    "BDAY": _l("Birthday"),
    "ANNIVERSARY": _l("Anniversary"),
    "GENDER": _l("Gender"),
    "LANG": _l("Language"),
    "RELATED": _l("Related"),
    "NOTE": _l("Note"),
    "TZ": _l("Time zone"),
    "MEMBER": _l("Member"),
    "PHOTO": _l("Photo"),
    "LOGO": _l("Logo"),
    "UID": _l("UID"),
}
"""What people call the properties; others are shown by their own names."""

KINDS = {
    "VEVENT": _l("Event"),
    "VTODO": _l("Task"),
    "VJOURNAL": _l("Journal entry"),
    "VFREEBUSY": _l("Busy times"),
    "VAVAILABILITY": _l("Availability"),
    "VCARD": _l("Contact"),
    "VALARM": _l("Alarm"),
    "VTIMEZONE": _l("Time zone"),
    "VCALENDAR": _l("Calendar object"),
}
FREQUENCIES = {
    "SECONDLY": lambda n: ngettext("every second", "every %(num)s seconds", n),
    "MINUTELY": lambda n: ngettext("every minute", "every %(num)s minutes", n),
    "HOURLY": lambda n: ngettext("every hour", "every %(num)s hours", n),
    "DAILY": lambda n: ngettext("every day", "every %(num)s days", n),
    "WEEKLY": lambda n: ngettext("every week", "every %(num)s weeks", n),
    "MONTHLY": lambda n: ngettext("every month", "every %(num)s months", n),
    "YEARLY": lambda n: ngettext("every year", "every %(num)s years", n),
}


@dataclass(frozen=True, slots=True)
class Part:
    """An event or task of an object, or the card: what a page shows of it."""

    title: str
    kind: Any
    when: str
    rule: str
    fields: Sequence[details.Field]
    exception: bool


def label_of(name: str) -> Any:
    """What people call a property."""
    return LABELS.get(name, name)


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
    return render_template(
        "entries/show.html",
        held=held,
        item=current,
        owned=own,
        parts=_parts(root),
        versions=past,
        photo=_photo_version(root, current),
        source=lines.decode(body),
        **_words(held),
    )


def _words(held: Collection) -> dict[str, Any]:
    return {
        "label_of": label_of,
        "kinds": KINDS,
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
        return [Part(agenda.title_of(root), KINDS["VCARD"], "", "", read_fields(root), False)]
    found = [
        child for child in root.children if child.name != "VTIMEZONE" and not child.name.startswith("X-")
    ]
    found.sort(key=lambda one: one.first("RECURRENCE-ID") is not None)
    return [_part(root, one) for one in found]


def _part(root: Component, component: Component) -> Part:
    rule = component.value("RRULE")
    return Part(
        agenda.title_of(component),
        KINDS.get(component.name, component.name),
        _when(root, component),
        _rule_text(parse_rule(rule)) if rule else "",
        read_fields(component),
        component.first("RECURRENCE-ID") is not None,
    )


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


def _rule_text(rule: Rule) -> str:
    """A recurrence rule in words; what is rare stays in the source below."""
    parts = [FREQUENCIES[rule.freq](rule.interval)]
    if rule.by_day:
        names = [format_date(looking.day_of(4 + day), "EEEE") for _ordinal, day in rule.by_day]
        parts.append(_("on %(days)s", days=", ".join(dict.fromkeys(names))))
    if rule.count:
        parts.append(ngettext("%(num)s time", "%(num)s times", rule.count))
    if rule.until:
        day = format_date(looking.day_of(rule.until.seconds // 86_400), "long")
        parts.append(_("until %(day)s", day=day))
    return ", ".join(str(part) for part in parts)


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
        version=found,
        current=current[0] if current else None,
        changes=[change for change in changes if not change.technical],
        technical=[change for change in changes if change.technical],
        parts=_parts(root),
        title=agenda.title_of(next((one for one in _main(root)), root)),
        source=lines.decode(body),
        part_of=_part_of,
        readable=_readable,
        **_words(held),
    )


def _main(root: Component) -> list[Component]:
    return [root] if root.name == "VCARD" else [one for one in root.children if one.name != "VTIMEZONE"]


def _part_of(change: Change) -> str:
    """Where in the object a change is, "" in its main part."""
    name = str(KINDS.get(change.part, change.part))
    if change.instance and change.part != "VTIMEZONE":
        return str(_("%(part)s (exception %(instance)s)", part=name, instance=change.instance))
    return name if change.part in ("VALARM", "VTIMEZONE", "VCALENDAR") else ""


_TIMES = frozenset(
    {"DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "COMPLETED", "EXDATE", "RDATE", "CREATED", "DTSTAMP"}
    | {"LAST-MODIFIED"}
)
_STAMP = re.compile(r"(\d{8}(?:T\d{6}Z?)?)(?: \((.+)\))?", re.ASCII)


def _readable(name: str, text: str) -> str:
    """A value of a difference in words, where it is a time or a rule."""
    try:
        return _rule_text(parse_rule(text)) if name == "RRULE" else _stamp_text(name, read_value(name, text))
    except InvalidContent:
        return text


def _stamp_text(name: str, text: str) -> str:
    match = _STAMP.fullmatch(text)
    if match is None or name not in _TIMES:
        return text
    stamp = parse_stamp(match[1])
    if stamp.is_utc:
        return looking.day_and_clock(stamp.seconds, is_date=False)
    told = looking.wall_clock(stamp.seconds, is_date=stamp.is_date)
    return f"{told} ({match[2]})" if match[2] else told


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
        kinds=KINDS,
    )


def _title_in(body: bytes) -> str:
    return agenda.title_of(next(iter(_main(_root(body))), Component("")))


# -- search --------------------------------------------------------------------------------------


@pages.get("/search")
def search() -> str:
    """Events, tasks and contacts that hold all the words."""
    words = request.args.get("q", "").strip()
    with reading() as tx:
        owned = [one for kind in CollectionKind for one in looking.visible(tx, kind)]
        found = agenda.find(tx, owned, words, now(), slice(offset(), offset() + PER_PAGE + 1))
    known = {one.id: one for one in owned}
    return render_template(
        "entries/search.html",
        q=words,
        page=page_of([(hit, known[hit.collection_id]) for hit in found]),
        kinds=KINDS,
        entry_url=looking.entry_url,
        color_of=looking.color_of,
        title_of=looking.title_of,
        when=looking.day_and_clock,
    )
