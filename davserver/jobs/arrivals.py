"""What comes in: the objects of a file, on their way to be checked and stored (jobs.transfer).

Belongs here: from a file to objects. Components are laid aside as they come (storage.spool), so that
overrides find their master and zones their events wherever they stand in the file. Does not belong here:
what is in the collection already.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from davserver.content import streams, vcard_21
from davserver.content.streams import Damage, Head, Piece
from davserver.errors import HttpError
from davserver.jobs import unpack
from davserver.storage.spool import Filed, Spool

CONVERTED = "vcard-2.1"
"""The name of one more repair besides those of content.streams."""


class Policy(enum.StrEnum):
    """What is done with an item whose UID is there already."""

    SKIP = "skip"
    REPLACE = "replace"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item that was not imported. ``file`` names it inside a zip; ``line`` is where it begins."""

    file: str
    line: int
    uid: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object as it is to be stored.

    ``component`` is what the file calls it; ``name`` the item's name, "" to choose one; ``properties`` dead
    properties that it had; ``repairs`` what had to be mended (content.streams).
    """

    file: str
    line: int
    component: str
    body: bytes
    name: str = ""
    repairs: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)

    def refusal(self, reason: str) -> Refusal:
        """Why it is not imported."""
        pieces = (one for one in self._pieces() if isinstance(one, Piece) and one.name != "VTIMEZONE")
        uid = next((one.uid for one in pieces), "")
        return Refusal(self.file, self.line, uid, streams.title_of(self.body), reason)

    def under_uid(self, uid: str) -> bytes:
        """The body with another UID."""
        pieces = [one for one in self._pieces() if isinstance(one, Piece)]
        zones = [one.text for one in pieces if one.name == "VTIMEZONE"]
        members = [streams.with_uid(one.text, uid) for one in pieces if one.name != "VTIMEZONE"]
        if pieces[0].name == streams.CARD:
            return members[0]
        head = next((one.text for one in self._pieces() if isinstance(one, Head)), b"")
        return streams.calendar_object(head, zones, members)

    def _pieces(self) -> list[streams.Found]:
        return list(streams.cut([self.body], len(self.body) + 1))


Skipped = Callable[[int], None]
"""Told how many objects of a file are not wanted because of others in it."""


def read(spool: Spool, file: BinaryIO, limit: int, largest: int) -> Iterator[Refusal | int]:
    """Lay the components of a file aside; yields what cannot be read, and after each chunk the position.

    :param limit: bytes of the file, unpacked.
    :param largest: bytes of one component.
    :raises HttpError: 400 for a file that has nothing of a calendar or of contacts.
    """
    calendars, is_any = 0, False
    for name, chunks in unpack.members(file, limit):
        highest = calendars
        for found in streams.cut(chunks, largest):
            is_any = True
            if isinstance(found, Damage):
                yield Refusal(name, found.line, found.uid, found.title, found.reason)
                continue
            # The VCALENDARs of all files of a zip are counted through.
            found = replace(found, calendar=found.calendar + calendars)
            highest = max(highest, found.calendar)
            if isinstance(found, Head):
                spool.add_head(found)
                continue
            spool.add(found, name)
            yield file.tell()
        calendars = highest + 1
    if not is_any:
        raise HttpError(400, "There is no calendar and no contact in this file. Choose an .ics or .vcf file.")


def arrivals(spool: Spool, policy: Policy, skipped: Skipped) -> Iterator[list[Arrival | Refusal]]:
    """The objects of each group of components that belong together."""
    for group in spool.groups():
        yield [_arrival(spool, version) for version in _versions(group, policy, skipped)]


def _versions(group: list[Filed], policy: Policy, skipped: Skipped) -> list[list[Filed]]:
    """One object, or several where the file has different ones under one UID and all are wanted."""
    if len(group) == 1:
        return [group]
    seen: set[bytes] = set()
    versions: list[dict[str, Filed]] = []
    for filed in group:
        piece = filed[1]
        if piece.text in seen:
            skipped(1)
            continue
        seen.add(piece.text)
        free = next((one for one in versions if piece.instance not in one), None)
        if free is not None:
            free[piece.instance] = filed
        elif policy is Policy.COPY or not versions:
            versions.append({piece.instance: filed})
        else:
            skipped(1)
            if policy is Policy.REPLACE:
                versions[0][piece.instance] = filed
    return [list(version.values()) for version in versions]


def _arrival(spool: Spool, filed: list[Filed]) -> Arrival | Refusal:
    file, first = filed[0]
    if first.name == streams.CARD:
        return _card(file, first)
    zones: dict[str, bytes] = {}
    for _, piece in filed:
        for tzid in piece.zones:
            if tzid not in zones and (text := spool.zone(piece.calendar, tzid)):
                zones[tzid] = text
    members = [piece.text for _, piece in filed]
    body = streams.calendar_object(spool.head(first.calendar), zones.values(), members)
    return Arrival(file, first.line, first.name, body, repairs=_all_repairs(piece for _, piece in filed))


def _all_repairs(pieces: Iterable[Piece]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for piece in pieces for name in piece.repairs))


def _card(file: str, piece: Piece) -> Arrival | Refusal:
    arrival = Arrival(file, piece.line, piece.name, piece.text, repairs=piece.repairs)
    if not vcard_21.is_21(piece.text):
        return arrival
    try:
        body = vcard_21.to_3(piece.text)
    except HttpError as error:
        return arrival.refusal(error.message)
    return replace(arrival, body=body, repairs=(*piece.repairs, CONVERTED))
