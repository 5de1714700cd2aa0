"""Calendars and address books: made, described, ordered. They are deleted and restored by jobs.trash.

What a person sees of somebody else's collection (its name, colour, order) is changed by ``see_as``; it is his
alone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from davserver.content import zones
from davserver.davxml import clean
from davserver.errors import HttpError
from davserver.jobs import sharing
from davserver.jobs.office import Office
from davserver.jobs.places import WORDS, Place, find, find_owner, locked
from davserver.model import Collection, CollectionKind, NewCollection, Principal, PrincipalKind, Shared
from davserver.sentences import Sentence
from davserver.storage import collections, items, shares

COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY")
"""Components that a calendar may hold."""

DEFAULT_COMPONENTS = COMPONENTS[:4]
LONGEST_NAME = 255
LONGEST_TEXT = 10_000
_COLOR = re.compile("#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?")


@dataclass(frozen=True, slots=True)
class Details:
    """What describes a collection. "" and None: nothing is said.

    ``color`` is #RRGGBB or #RRGGBBAA, ``timezone_id`` an IANA name; ``components`` are a calendar's only.
    """

    display_name: str = ""
    description: str = ""
    color: str = ""
    position: int | None = None
    components: tuple[str, ...] = DEFAULT_COMPONENTS
    timezone_id: str = ""
    transparent: bool = False


@dataclass(frozen=True, slots=True)
class Home:
    """What lies in somebody's home: his own, and what others share with him and he took."""

    owner: Principal
    own: tuple[Collection, ...]
    shared: tuple[Shared, ...]


def home(tx: Connection, owner: str, kind: CollectionKind) -> Home:
    """The collections of a kind in a home, ordered as people order them."""
    person = find_owner(tx, owner)
    own = sorted(collections.of_owner(tx, person.id, kind), key=_order)
    shared = sorted(shares.of_user(tx, person.id, kind), key=lambda one: _order(one.collection))
    return Home(person, tuple(own), tuple(shared))


def _order(one: Collection) -> tuple[int, int]:
    return (one.position if one.position is not None else 2**31, one.id)


def create(
    office: Office, owner: str, kind: CollectionKind, details: Details, *, name: str = ""
) -> Collection:
    """Make a collection; without a name its address is made up, as clients do. 409 where one is taken."""
    name = _check_name(name) or str(uuid.uuid4())
    columns = _columns(kind, details)
    try:
        with office.write(f"{kind.value}.add", str(Place(owner, kind, name))) as tx:
            person = find_owner(tx, owner)
            if person.kind is PrincipalKind.GROUP:
                raise HttpError(403, "A group owns nothing; it is given things.")
            return collections.create(tx, NewCollection(person.id, kind, name, **columns))
    except IntegrityError:
        raise HttpError(409, Sentence("There is already something called %(name)s.", name=name)) from None


def edit(office: Office, place: Place, details: Details) -> Collection:
    """Describe a collection anew, all at once.

    :raises HttpError: 409 where it holds components that it would no longer take.
    """
    columns = _columns(place.kind, details)
    with office.write(f"{place.kind.value}.edit", str(place)) as tx:
        _, target = locked(tx, place)
        if place.kind is CollectionKind.CALENDAR:
            _check_components(tx, target, details.components)
        if columns["timezone_id"] == target.timezone_id:
            del columns["timezone"]  # what a client sent for this zone stays
        collections.change(tx, target.id, **columns)
        found = collections.by_id(tx, target.id)
        assert found is not None
        return found


def see_as(office: Office, user: str, collection_id: int, details: Details) -> None:
    """Say how a person sees what is shared with him; what is empty is as the owner has it."""
    columns = _columns(CollectionKind.CALENDAR, details)
    with office.write("share.edit", f"collection {collection_id} as {user} sees it") as tx:
        offered = sharing.offer(tx, find_owner(tx, user), collection_id)
        values = {column: columns[column] for column in shares.OVERRIDES}
        shares.change_view(tx, offered.view.id, **values)


def reorder(office: Office, owner: str, kind: CollectionKind, names: Iterable[str]) -> None:
    """Number the collections of a home (also those shared with him) in the order of their names there."""
    wanted = {name: number for number, name in enumerate(dict.fromkeys(names), 1)}
    with office.write(f"{kind.value}.order", f"{kind.value}s/{owner}") as tx:
        here = home(tx, owner, kind)
        for one in here.own:
            if one.name in wanted:
                collections.change(tx, one.id, position=wanted[one.name])
        for other in here.shared:
            if other.view.name in wanted:
                shares.change_view(tx, other.view.id, position=wanted[other.view.name])


def get(tx: Connection, place: Place) -> Collection:
    """One collection; 404 where there is none."""
    return find(tx, place)[1]


# -- checks ------------------------------------------------------------------------------------------


def _check_name(name: str) -> str:
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise HttpError(400, Sentence("A name has at most %(most)s characters.", most=LONGEST_NAME))
    if "/" in name or not name.isprintable() or name in (".", ".."):
        raise HttpError(400, "A name is a part of the address: no slash, nothing unprintable.")
    return name


def _columns(kind: CollectionKind, details: Details) -> dict[str, Any]:
    color, zone = details.color.strip(), details.timezone_id.strip()
    if color and not _COLOR.fullmatch(color):
        raise HttpError(400, Sentence("%(color)s is no colour. Write #RRGGBB.", color=color[:50]))
    if zone and not zones.known_zone(zone):
        raise HttpError(400, Sentence("No time zone %(zone)s is known.", zone=zone[:80]))
    if details.position is not None and abs(details.position) > 999_999_999:
        raise HttpError(400, "That is no place in an order.")
    unknown = [name for name in details.components if name not in COMPONENTS]
    is_calendar = kind is CollectionKind.CALENDAR
    if is_calendar and (unknown or not details.components):
        raise HttpError(
            400,
            Sentence("A calendar holds at least one of %(components)s.", components=", ".join(COMPONENTS)),
        )
    return {
        "display_name": _text(details.display_name),
        "description": _text(details.description),
        "color": color or None,
        "position": details.position,
        "components": ",".join(dict.fromkeys(details.components)) if is_calendar else "",
        "timezone": None,
        "timezone_id": (zone or None) if is_calendar else None,
        "transparent": details.transparent and is_calendar,
    }


def _text(text: str) -> str | None:
    if len(text) > LONGEST_TEXT:
        raise HttpError(400, Sentence("A text has at most %(most)s characters.", most=LONGEST_TEXT))
    return clean(text.strip()) or None


def _check_components(tx: Connection, target: Collection, wanted: tuple[str, ...]) -> None:
    held = items.components_in(tx, target.id) - set(wanted)
    if held:
        raise HttpError(
            409,
            Sentence(
                "This %(kind)s holds %(held)s. Move or delete these first.",
                kind=WORDS[target.kind],
                held=", ".join(sorted(held)),
            ),
        )
