"""Everything that somebody owns as one zip, and the way back, into an empty account or one that has data.

    davserver.json                 format, account, and each collection with its names, colours, zone, shares
    calendars/Work.ics             for other programs; not read back
    addressbooks/Contacts.vcf
    items/calendar/work.jsonl      for the way back: one JSON object a line with name and body, byte for byte

Written as a stream over one snapshot of the database; read as a stream. An imported item has the name, the
bytes and so the entity tag that it had. Collections that are not there are made; in one that is there the
policy of jobs.transfer decides about duplicates. An import that fails takes back all that it brought.
"""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO
from urllib.parse import quote

from sqlalchemy import Connection

from davserver import davxml
from davserver.content.ical import check_vtimezone
from davserver.davxml import CALDAV, DAV
from davserver.errors import HttpError
from davserver.jobs import export, sharing, transfer, unpack
from davserver.jobs import items as jobs_items
from davserver.jobs.arrivals import Arrival, Refusal
from davserver.jobs.office import Office
from davserver.jobs.transfer import Report, Watch, Wish
from davserver.model import Access, Ace, Collection, CollectionKind, NewCollection, Principal
from davserver.sentences import Sentence
from davserver.storage import collections, dead_properties, items, principals, shares

FORMAT = 1
INDEX = "davserver.json"
_FOLDERS = {CollectionKind.CALENDAR: "calendars", CollectionKind.ADDRESSBOOK: "addressbooks"}
_DESCRIBED = ("display_name", "description", "color", "position", "timezone", "timezone_id", "transparent")
GRANTABLE = frozenset(
    {
        DAV + name
        for name in ("read", "write", "write-properties", "write-content", "bind", "unbind", "read-acl")
    }
    | {DAV + "read-current-user-privilege-set", CALDAV + "read-free-busy"}
)
"""Privileges that an archive may give, as ACL (RFC 3744 8.1) takes them."""

_DEEPEST, _LONGEST_PROPERTY = 64, 400
_PIECE = 256 * 1024
_LONGEST_INDEX = 64 * 1024 * 1024


# -- writing -------------------------------------------------------------------------------------


def export_all(office: Office, owner: Principal) -> Iterator[bytes]:
    """The zip of everything that a principal owns, piece by piece."""
    with office.store.read() as tx:
        yield from _archive(tx, owner)


def archive_name(owner: Principal) -> str:
    """What the download is called."""
    return f"{owner.name}-{time.strftime('%Y-%m-%d')}.zip"


class _Pipe:
    """What a zip is written to: pieces that somebody else takes away. It cannot be sought in."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def write(self, piece: bytes) -> int:
        """Keep a piece."""
        self._pieces.append(bytes(piece))
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """All pieces since the last call."""
        taken, self._pieces, self.size = b"".join(self._pieces), [], 0
        return taken


def _archive(tx: Connection, owner: Principal) -> Iterator[bytes]:
    pipe = _Pipe()
    owned = [one for kind in CollectionKind for one in collections.of_owner(tx, owner.id, kind)]
    taken: set[str] = set()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        yield from _member(pipe, archive, INDEX, [_index(tx, owner, owned)])
        for one in owned:
            name = _free_name(f"{_FOLDERS[one.kind]}/{_safe(one)}", export.SUFFIXES[one.kind], taken)
            yield from _member(pipe, archive, name, export.export_collection(tx, one))
            yield from _member(pipe, archive, _items_name(one.kind, one.name), _lines(tx, one))
    yield pipe.take()


def _member(pipe: _Pipe, archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    entry = zipfile.ZipInfo(name, time.gmtime()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as file:
        for piece in pieces:
            file.write(piece)
            if pipe.size > _PIECE:
                yield pipe.take()
    yield pipe.take()


def _safe(one: Collection) -> str:
    """A file name that every system takes."""
    name = (one.display_name or one.name).strip()
    return "".join("_" if character in '\\/:*?"<>|' or character < " " else character for character in name)[
        :100
    ]


def _free_name(stem: str, suffix: str, taken: set[str]) -> str:
    name, number = stem + suffix, 2
    while name.lower() in taken:
        name, number = f"{stem} ({number}){suffix}", number + 1
    taken.add(name.lower())
    return name


def _items_name(kind: CollectionKind, name: str) -> str:
    return f"items/{kind.value}/{quote(name, safe='')}.jsonl"


def _index(tx: Connection, owner: Principal, owned: list[Collection]) -> bytes:
    ids = [one.id for one in owned]
    access, given = collections.acls(tx, ids), shares.sharees(tx, ids)
    properties = dead_properties.of_collections(tx, owner.id)
    account = {key: getattr(owner, key) for key in ("name", "display_name", "email", "timezone")}
    listed = [
        {
            "kind": one.kind.value,
            "name": one.name,
            **{key: getattr(one, key) for key in _DESCRIBED},
            "components": one.components,
            "items": one.item_count,
            "access": [[who, sorted(what)] for who, what in access.get(one.id, [])],
            "shares": [[to.principal.name, to.share.access.value] for to in given.get(one.id, [])],
            "properties": properties.get(one.id, {}),
        }
        for one in owned
    ]
    whole = {"davserver-archive": FORMAT, "account": account, "collections": listed}
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def _lines(tx: Connection, one: Collection) -> Iterator[bytes]:
    properties = dead_properties.of_items(tx, one.id)
    for item, body in items.listing_with_bodies(tx, one.id):
        line: dict[str, Any] = {"name": item.name, "body": body.decode()}
        if item.id in properties:
            line["properties"] = properties[item.id]
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


# -- reading -------------------------------------------------------------------------------------


@dataclass(slots=True)
class ArchiveReport:
    """What came of an archive: a report for each collection (``kind/name``), and whom it was shared with in
    vain, since he has no account here."""

    reports: dict[str, Report] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    transfers: list[int] = field(default_factory=list)


def is_archive(file: BinaryIO) -> bool:
    """Whether a file is such an archive; it is left at its beginning."""
    found = unpack.is_zip(file) and INDEX in unpack.opened_zip(file).namelist()
    file.seek(0)
    return found


def import_archive(
    office: Office, owner: Principal, file: BinaryIO, wish: Wish, watch: Watch = transfer.unwatched
) -> ArchiveReport:
    """Bring an archive into an account.

    :param file: seekable, at its beginning.
    :raises HttpError: 400 for a damaged or foreign archive, 413 beyond limits.import_size, 507 for the quota.
        Everything is as before then.
    """
    archive = unpack.opened_zip(file)
    described = _read_index(archive)
    work = _ArchiveImport(office, owner, archive, wish)
    total = sum(one.items for one in described)
    try:
        for one in described:
            work.collection(one, _after(work.done, total, watch))
    except BaseException:
        work.take_back()
        raise
    return work.report


def _after(before: int, total: int, watch: Watch) -> Watch:
    """The progress of one collection as that of the whole archive."""
    return lambda one: watch(transfer.Progress(False, min(before + one.done, total), total))


@dataclass(frozen=True, slots=True)
class _Described:
    """A collection as the index tells it."""

    new: NewCollection
    items: int
    access: tuple[tuple[str | None, frozenset[str]], ...]
    shares: tuple[tuple[str, Access], ...]
    properties: dict[str, str]

    @property
    def label(self) -> str:
        """How it is called in the report."""
        return f"{self.new.kind.value}/{self.new.name}"


def _read_index(archive: zipfile.ZipFile) -> list[_Described]:
    try:
        entry = archive.getinfo(INDEX)
    except KeyError:
        raise HttpError(400, "This zip is no archive of davserver.") from None
    if entry.file_size > _LONGEST_INDEX:
        raise HttpError(400, Sentence("%(file)s in the archive is too large.", file=INDEX))
    try:
        whole = json.loads(b"".join(unpack.zip_chunks(archive, entry)))
        if whole["davserver-archive"] != FORMAT:
            raise HttpError(400, "The archive comes from a newer davserver.")
        return [_described(one) for one in whole["collections"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HttpError(400, Sentence("%(file)s in the archive cannot be read.", file=INDEX)) from error


def _described(one: dict[str, Any]) -> _Described:
    """A collection's entry, checked: the archive may have been edited."""
    lengths = {"display_name": 1000, "description": 100_000, "timezone": 100_000}
    lengths |= {"color": 100, "timezone_id": 255}
    texts: dict[str, Any] = {key: _text(one.get(key), longest) for key, longest in lengths.items()}
    if texts["timezone"] is not None:
        check_vtimezone(texts["timezone"])
    position = one.get("position")
    known = {"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"}
    components = [name for name in str(one["components"]).split(",") if name in known]
    kind, name = CollectionKind(one["kind"]), jobs_items.check_name(str(one["name"]))
    new = NewCollection(
        0,
        kind,
        name,
        **texts,
        position=position if isinstance(position, int) and abs(position) < 2**31 else None,
        components=",".join(components) if kind is CollectionKind.CALENDAR else "",
        transparent=bool(one.get("transparent")),
    )
    if kind is CollectionKind.CALENDAR and not components:
        raise HttpError(400, Sentence("The calendar %(name)s in the archive takes nothing.", name=name))
    access = tuple((_text(who, 255), frozenset(map(str, what))) for who, what in one.get("access", ()))
    given = tuple((str(who), Access(how)) for who, how in one.get("shares", ()))
    return _Described(new, int(one.get("items") or 0), access, given, _properties(one))


def _properties(values: dict[str, Any]) -> dict[str, str]:
    """Dead properties: each must be one well-formed element of its name, since answers repeat it."""
    found = {}
    for name, value in dict(values.get("properties") or {}).items():
        element = davxml.parse(str(value).encode(), _DEEPEST)
        if element is None or element.tag != name or len(name) > _LONGEST_PROPERTY:
            raise ValueError
        found[name] = davxml.serialize(element)
    return found


def _imagined(new: NewCollection) -> Collection:
    """A collection that a dry run would make."""
    described: dict[str, Any] = {key: getattr(new, key) for key in (*_DESCRIBED, "owner_id", "kind", "name")}
    nothing: dict[str, Any] = dict.fromkeys(("revision", "item_count", "size", "created", "modified"), 0)
    return Collection(id=transfer.NOT_THERE, components=new.components, stamp="", **described, **nothing)


def _text(value: Any, longest: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError
    return value


class _ArchiveImport:
    """The collections of an archive one after the other, and the way back."""

    def __init__(self, office: Office, owner: Principal, archive: zipfile.ZipFile, wish: Wish) -> None:
        self._office, self._owner, self._archive, self._wish = office, owner, archive, wish
        self._budget = office.settings.limits.import_size
        self._made: list[Collection] = []
        self._changed: list[tuple[Collection, dict[str, str]]] = []
        self._given: list[tuple[Collection, Principal]] = []
        self.report = ArchiveReport()
        self.done = 0

    def collection(self, described: _Described, watch: Watch) -> None:
        """One collection with its items."""
        try:
            entry = self._archive.getinfo(_items_name(described.new.kind, described.new.name))
        except KeyError:
            raise HttpError(
                400, Sentence("The items of %(label)s are missing in the archive.", label=described.label)
            ) from None
        target = self._target(described)
        lines = _json_lines(unpack.limited(unpack.zip_chunks(self._archive, entry), self._budget))
        arrivals = _arrivals(lines, described.label)
        source = replace(self._wish, source=self._wish.source or "archive")
        transfer_id, report = transfer.import_arrivals(
            self._office, target, (arrivals, described.items), source, watch
        )
        self._budget -= entry.file_size
        self.report.reports[described.label] = report
        if transfer_id is not None:
            self.report.transfers.append(transfer_id)
        self.done += described.items

    def _target(self, described: _Described) -> Collection:
        """The collection of that name; made as it was where there is none, or where it is still empty."""
        new = replace(described.new, owner_id=self._owner.id)
        with self._office.store.write() as tx:
            found = collections.get(tx, self._owner.name, new.kind, new.name)
            if found is not None and (found.item_count or self._wish.dry_run):
                return found
            if self._wish.dry_run:
                return _imagined(new)
            if found is None:
                found = collections.create(tx, new)
                self._made.append(found)
                self.report.created.append(described.label)
            else:
                self._changed.append((found, dead_properties.of(tx, "collection", found.id)))
                _describe(tx, found.id, new)
            dead_properties.restore(tx, "collection", found.id, described.properties)
            self._share(tx, found, described)
            return jobs_items.lock_collection(tx, found.id)

    def _share(self, tx: Connection, made: Collection, described: _Described) -> None:
        """Give access again to those who have an account here; who has none is named.

        Where the directory is closed nobody is given any: an archive must not tell who has an account.
        """
        if not self._office.settings.accounts.directory and not self._owner.admin:
            named = [*(who for who, _ in described.access), *(who for who, _ in described.shares)]
            self.report.strangers += [who for who in named if who is not None]
            return
        self._grant(tx, made, described)
        for who, access in described.shares:
            person = principals.get(tx, who)
            if person is None:
                self.report.strangers.append(who)
            elif person.id != self._owner.id:
                grant = sharing.Grant(person, access)
                sharing.apply(tx, self._office.settings, (self._owner, made), [grant])
                self._given.append((made, person))

    def _grant(self, tx: Connection, made: Collection, described: _Described) -> None:
        entries = []
        for who, privileges in described.access:
            person = None if who is None else principals.get(tx, who)
            if who is not None and person is None:
                self.report.strangers.append(who)
            elif granted := privileges & GRANTABLE:
                entries.append(Ace(None if person is None else person.id, granted))
        if entries:
            collections.set_acl(tx, made.id, entries)

    def take_back(self) -> None:
        """As if the archive had never been brought."""
        for transfer_id in reversed(self.report.transfers):
            transfer.take_back(self._office, transfer_id)
        with self._office.store.write() as tx:
            for made in self._made:
                found = collections.lock(tx, made.id)
                if found is not None and not found.item_count:
                    collections.remove(tx, found)
            for shared, person in self._given:
                if (target := collections.lock(tx, shared.id)) is not None:
                    grant = sharing.Grant(person, None)
                    sharing.apply(tx, self._office.settings, (self._owner, target), [grant])
            for before, properties in self._changed:
                _describe(tx, before.id, before)
                dead_properties.restore(tx, "collection", before.id, properties)


def _describe(tx: Connection, collection_id: int, words: NewCollection | Collection) -> None:
    described = {key: getattr(words, key) for key in (*_DESCRIBED, "components")}
    collections.change(tx, collection_id, **described)


def _json_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    tail = b""
    for chunk in chunks:
        *lines, tail = (tail + chunk).split(b"\n")
        yield from lines
    if tail:
        yield tail


def _arrivals(lines: Iterable[bytes], label: str) -> Iterator[Arrival | Refusal]:
    for number, line in enumerate(lines, 1):
        try:
            values = json.loads(line)
            body = values["body"].encode()
            name = jobs_items.check_name(str(values["name"]))
            properties = _properties(values)
        except HttpError as error:
            yield Refusal(label, number, "", "", error.message)
            continue
        except (ValueError, KeyError, TypeError, AttributeError, UnicodeEncodeError):
            yield Refusal(label, number, "", "", "This line of the archive cannot be read.")
            continue
        yield Arrival(label, number, "", body, name, properties=properties)
