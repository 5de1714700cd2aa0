"""Import of files into a calendar or an address book: .ics and .vcf of any size, plain, gzip or zip.

How it goes: the file is cut into components as it is read (content.streams) and these are laid aside on disk
(storage.spool), so that overrides find their master. Then object by object is checked as at PUT, and
written in batches, each one short transaction, so that others can write in between. What cannot be stored is
reported with its line and reason; the rest is imported.

Nothing half done: each batch writes down what it wrote (storage.transfers). An import that fails or is
cancelled is rolled back at once, one whose process was killed by ``recover``: at the next start of the
server, the next import, or when somebody looks at the list of imports. A finished one can be undone as long
as storage.history_days; what was changed since then stays.

Duplicates are known by their UID, in the collection and within the file: ``skip`` keeps what is there (the
first), ``replace`` takes the new (the last), ``copy`` keeps both, the new one under a new UID.
"""

from __future__ import annotations

import enum
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from time import monotonic
from typing import BinaryIO

from sqlalchemy import Connection

from davserver.content import streams, vcard_21
from davserver.content.streams import Damage, Head, Piece
from davserver.errors import HttpError
from davserver.jobs import items as jobs_items
from davserver.jobs import unpack
from davserver.jobs.office import Office
from davserver.model import Collection, CollectionKind, Item, ItemIndex, NewItem
from davserver.storage import audit, items, principals, transfers
from davserver.storage.engine import now
from davserver.storage.spool import Filed, Spool
from davserver.storage.transfers import Transfer, Written

BATCH = 250
MOST_REFUSALS = 10_000
"""Refusals that a report tells one by one; further ones are only counted."""

CONVERTED = "vcard-2.1"
"""The name of one more repair besides those of content.streams."""

_HEARTBEAT = 1.0
_PLAIN_UID = re.compile(r"[A-Za-z0-9@_-][A-Za-z0-9@._-]{0,199}")
_SUFFIXES = {CollectionKind.CALENDAR: ".ics", CollectionKind.ADDRESSBOOK: ".vcf"}
_COMPONENTS = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"})


class Policy(enum.StrEnum):
    """What is done with an item whose UID is there already."""

    SKIP = "skip"
    REPLACE = "replace"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Wish:
    """How to import. ``source`` is the file's name, for people; ``dry_run`` only tells what would happen."""

    policy: Policy = Policy.SKIP
    source: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item that was not imported. ``file`` names it inside a zip; ``line`` is where it begins."""

    file: str
    line: int
    uid: str
    title: str
    reason: str


@dataclass(slots=True)
class Report:
    """What an import did. ``repaired``: how many items needed which repair (content.streams)."""

    created: int = 0
    replaced: int = 0
    copied: int = 0
    skipped: int = 0
    refused: int = 0
    repaired: dict[str, int] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    error: str = ""
    removed: int = 0
    restored: int = 0
    kept: int = 0

    def refuse(self, *refusals: Refusal) -> None:
        """Count refusals, and keep the first ones."""
        self.refused += len(refusals)
        self.refusals += refusals[: max(MOST_REFUSALS - len(self.refusals), 0)]

    def repair(self, repairs: Iterable[str]) -> None:
        """Count what had to be mended in an item."""
        for name in repairs:
            self.repaired[name] = self.repaired.get(name, 0) + 1

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_report(text: str) -> Report:
    """Inverse of :meth:`Report.dump`; an empty text is an empty report."""
    if not text:
        return Report()
    values = json.loads(text)
    refusals = [Refusal(**one) for one in values.pop("refusals")]
    return Report(**values, refusals=refusals)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: bytes while ``reading``, items afterwards."""

    reading: bool
    done: int
    total: int


Watch = Callable[[Progress], None]


def _unwatched(progress: Progress) -> None:
    """Nobody looks."""


class _Gone(HttpError):
    """The import was cancelled or taken for dead by another process."""

    def __init__(self) -> None:
        super().__init__(409, "The import was cancelled.")


# -- importing -----------------------------------------------------------------------------------


def begin(office: Office, target: Collection, wish: Wish) -> int:
    """Open an import that :func:`run` is to do, so that its progress can be looked at meanwhile."""
    recover(office)
    with office.store.write() as tx:
        jobs_items.lock_collection(tx, target.id)
        return transfers.begin(tx, target.id, office.actor, wish.source, wish.policy.value)


def import_file(
    office: Office, target: Collection, file: BinaryIO, wish: Wish, watch: Watch = _unwatched
) -> Report:
    """Import a file into a calendar or an address book.

    :param file: seekable, at its beginning.
    :param watch: called now and then with the progress; what it raises cancels the import.
    :raises HttpError: 413 or 400 for a file that cannot be unpacked, 507 where the quota does not suffice,
        409 where the collection went away or the import was cancelled. Nothing is changed then.
    """
    if wish.dry_run:
        return _Import(office, target, wish, watch).run(file)
    return run(office, begin(office, target, wish), file, watch)


def run(office: Office, transfer_id: int, file: BinaryIO, watch: Watch = _unwatched) -> Report:
    """Do an import that was begun; see :func:`import_file`."""
    with office.store.read() as tx:
        begun, target = _begun(tx, transfer_id)
    wish = Wish(Policy(begun.policy), begun.source)
    work = _Import(office, target, wish, watch, transfer_id)
    try:
        work.run(file)
    except BaseException as error:
        message = error.message if isinstance(error, HttpError) else "The import was interrupted."
        _roll_back(office, transfer_id, message)
        raise
    return work.finish()


def _begun(tx: Connection, transfer_id: int) -> tuple[Transfer, Collection]:
    begun = transfers.get(tx, transfer_id)
    if begun is None:
        raise HttpError(404, "There is no such import.")
    return begun, jobs_items.lock_collection(tx, begun.collection_id)


@dataclass(frozen=True, slots=True)
class _Draft:
    """An object on its way: its components can be given another UID."""

    filed: Filed
    members: tuple[Piece, ...]
    head: bytes = b""
    zones: tuple[bytes, ...] = ()

    def body(self, uid: str = "") -> bytes:
        """The object, with another UID where one is given."""
        texts = [streams.with_uid(one.text, uid) if uid else one.text for one in self.members]
        if self.members[0].name == streams.CARD:
            return texts[0]
        return streams.calendar_object(self.head, self.zones, texts)

    def refusal(self, reason: str) -> Refusal:
        """Why it is not imported."""
        file, piece = self.filed
        return Refusal(file, piece.line, piece.uid, streams.title_of(piece.text), reason)


_Checked = tuple[_Draft, bytes, ItemIndex]


class _Import:
    """One import: from a file to items. ``transfer_id`` None: a dry run."""

    def __init__(
        self, office: Office, target: Collection, wish: Wish, watch: Watch, transfer_id: int | None = None
    ) -> None:
        self.office, self.target, self.wish, self._watch = office, target, wish, watch
        self._id = transfer_id
        self.report = Report()
        self._beat = monotonic()
        self._largest = jobs_items.largest(target.kind, office.settings)

    def run(self, file: BinaryIO) -> Report:
        """Read, then write."""
        with Spool() as spool:
            self._read(file, spool)
            self._write(spool)
        return self.report

    def finish(self) -> Report:
        """All is written: the report is kept, and a line in the audit log."""
        assert self._id is not None
        with self.office.write("import", f"{self.wish.source or 'a file'} into {self.target.name}") as tx:
            if not transfers.move(tx, self._id, [transfers.RUNNING], transfers.DONE):
                raise _Gone
            transfers.change(tx, self._id, report=self.report.dump())
        return self.report

    # reading

    def _read(self, file: BinaryIO, spool: Spool) -> None:
        total, calendars = _size(file), 0
        for name, chunks in unpack.members(file, self.office.settings.limits.import_size):
            highest = calendars
            for found in streams.cut(self._watched(chunks, file, total), self._largest):
                if isinstance(found, Damage):
                    self.report.refuse(Refusal(name, found.line, found.uid, found.title, found.reason))
                    continue
                # The VCALENDARs of all files of a zip are counted through.
                found = replace(found, calendar=found.calendar + calendars)
                highest = max(highest, found.calendar)
                if isinstance(found, Head):
                    spool.add_head(found)
                else:
                    spool.add(found, name)
            calendars = highest + 1

    def _watched(self, chunks: Iterable[bytes], file: BinaryIO, total: int) -> Iterator[bytes]:
        for chunk in chunks:
            self._tell(Progress(True, min(file.tell(), total), total))
            yield chunk

    def _tell(self, progress: Progress) -> None:
        self._watch(progress)
        if progress.reading and self._id is not None and monotonic() - self._beat > _HEARTBEAT:
            self._beat = monotonic()
            with self.office.store.write() as tx:
                self._stay_alive(tx, 0, 0)

    def _stay_alive(self, tx: Connection, done: int, total: int) -> None:
        assert self._id is not None
        if not transfers.move(tx, self._id, [transfers.RUNNING], transfers.RUNNING):
            raise _Gone
        transfers.change(tx, self._id, done=done, total=total)

    # writing

    def _write(self, spool: Spool) -> None:
        done, total = 0, spool.count()
        groups = spool.groups()
        while batch := list(islice(groups, BATCH)):
            checked = [one for group in batch for one in self._check(spool, group)]
            done += len(batch)
            if self._id is None:
                with self.office.store.read() as tx:
                    _Batch(self, tx, jobs_items.current(tx, self.target.id)).decide(checked)
            else:
                with self.office.store.write() as tx:
                    self._stay_alive(tx, done, total)
                    writing = _Batch(self, tx, jobs_items.lock_collection(tx, self.target.id))
                    transfers.record(tx, self._id, writing.write(checked))
            self._watch(Progress(False, done, total))

    def _check(self, spool: Spool, group: list[Filed]) -> Iterator[_Checked]:
        """The objects that pieces with one UID make, checked as at PUT."""
        for draft in self._drafts(spool, group):
            try:
                draft = _converted(draft)
                body = draft.body()
                yield draft, body, self._index(draft, body)
            except HttpError as error:
                self.report.refuse(draft.refusal(error.message))

    def _index(self, draft: _Draft, body: bytes) -> ItemIndex:
        name = draft.members[0].name
        if (name == streams.CARD) != (self.target.kind is CollectionKind.ADDRESSBOOK):
            reason = (
                "A contact goes into an address book."
                if name == streams.CARD
                else "This goes into a calendar."
            )
            raise HttpError(403, reason)
        if name != streams.CARD and name not in _COMPONENTS:
            raise HttpError(403, f"{name[:40]} is no event, task or journal entry.")
        index = jobs_items.check_body(self.target.kind, body, self.office.settings)
        jobs_items.check_component(self.target, index)
        return index

    def _drafts(self, spool: Spool, group: list[Filed]) -> Iterator[_Draft]:
        """One object, or several where the file has different ones under one UID and both are wanted."""
        seen: set[bytes] = set()
        versions: list[dict[str, Filed]] = []
        for filed in group:
            piece = filed[1]
            if piece.text in seen:
                self.report.skipped += 1
                continue
            seen.add(piece.text)
            instance = "" if piece.name == streams.CARD else piece.instance
            free = next((one for one in versions if instance not in one), None)
            if free is not None:
                free[instance] = filed
            elif self.wish.policy is Policy.COPY:
                versions.append({instance: filed})
            elif versions:
                self.report.skipped += 1
                if self.wish.policy is Policy.REPLACE:
                    versions[0][instance] = filed
            else:
                versions.append({instance: filed})
        for version in versions:
            yield _draft(spool, list(version.values()))


def _draft(spool: Spool, filed: list[Filed]) -> _Draft:
    pieces = tuple(piece for _, piece in filed)
    if pieces[0].name == streams.CARD:
        return _Draft(filed[0], pieces)
    zones: dict[str, bytes] = {}
    for piece in pieces:
        for tzid in piece.zones:
            if tzid not in zones and (text := spool.zone(piece.calendar, tzid)):
                zones[tzid] = text
    return _Draft(filed[0], pieces, spool.head(pieces[0].calendar), tuple(zones.values()))


def _converted(draft: _Draft) -> _Draft:
    """A vCard 2.1 as 3.0, anything else as it is."""
    piece = draft.members[0]
    if piece.name != streams.CARD or not vcard_21.is_21(piece.text):
        return draft
    changed = replace(piece, text=vcard_21.to_3(piece.text), repairs=(*piece.repairs, CONVERTED))
    return replace(draft, members=(changed,))


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


class _Batch:
    """Some objects of an import, decided and written in one transaction."""

    def __init__(self, work: _Import, tx: Connection, target: Collection) -> None:
        self._work, self._tx, self.target = work, tx, target
        self.report, self._policy = work.report, work.wish.policy
        self._new: list[NewItem] = []
        self._replacing: list[tuple[NewItem, Item]] = []

    def write(self, checked: list[_Checked]) -> list[Written]:
        """Store what is to be stored; returns what was written."""
        self.decide(checked)
        self._check_quota()
        written = []
        for new, held in self._replacing:
            stored = items.put(self._tx, self.target, new, held, self._work.office.actor)
            self.target = self.target._replace(revision=stored.revision)
            kept = transfers.newest_kept(self._tx, self.target.id, held.name)
            written.append(Written(held.name, stored.etag, kept))
        if self._new:
            items.put_new(self._tx, self.target, self._new)
        return written + [Written(one.name, items.etag_of(one.body)) for one in self._new]

    def decide(self, checked: list[_Checked]) -> None:
        """Sort objects by what is there already, and count."""
        held = items.by_uids(self._tx, self.target.id, [index.uid for _, _, index in checked])
        fresh: list[tuple[str, bytes, ItemIndex]] = []
        for draft, body, index in checked:
            existing = held.get(index.uid)
            if existing is None:
                self.report.created += 1
                fresh.append((index.uid, body, index))
            elif self._policy is Policy.COPY:
                self.report.copied += 1
                fresh.append(self._copied(draft))
            elif self._policy is Policy.SKIP or existing.etag == items.etag_of(body):
                self.report.skipped += 1
                continue
            elif existing.component != index.component:
                reason = f"The UID belongs to another kind of item, {existing.component}."
                self.report.refuse(draft.refusal(reason))
                continue
            else:
                self.report.replaced += 1
                self._replacing.append((NewItem(existing.name, body, index), existing))
            self.report.repair(draft.members[0].repairs)
            # A second one of this UID in the batch finds the first.
            held.setdefault(index.uid, _placeholder(self.target, index, body))
        self._name(fresh)

    def _copied(self, draft: _Draft) -> tuple[str, bytes, ItemIndex]:
        uid = str(uuid.uuid4())
        body = draft.body(uid)
        return uid, body, jobs_items.check_body(self.target.kind, body, self._work.office.settings)

    def _name(self, fresh: list[tuple[str, bytes, ItemIndex]]) -> None:
        """Names by the UID, as clients make them; another one where that is taken or no good name."""
        suffix = _SUFFIXES[self.target.kind]
        names = [uid + suffix if _PLAIN_UID.fullmatch(uid) else "" for uid, _, _ in fresh]
        taken = {one.name for one in items.by_names(self._tx, self.target.id, filter(None, names))}
        for name, (_, body, index) in zip(names, fresh, strict=True):
            if not name or name in taken:
                name = f"{uuid.uuid4()}{suffix}"
            taken.add(name)
            self._new.append(NewItem(name, body, index))

    def _check_quota(self) -> None:
        owner = principals.by_id(self._tx, self.target.owner_id)
        assert owner is not None
        growth = sum(len(one.body) for one in self._new)
        growth += sum(len(new.body) - held.size for new, held in self._replacing)
        jobs_items.check_quota(self._tx, owner, growth)


def _placeholder(target: Collection, index: ItemIndex, body: bytes) -> Item:
    etag = items.etag_of(body)
    return Item(0, target.id, "", index.uid, index.component, etag, len(body), 0, 0, 0)


# -- undoing -------------------------------------------------------------------------------------


def undo(office: Office, transfer_id: int) -> Report:
    """Take a finished import back: new items are removed, replaced ones get their old body.

    What was changed or deleted since the import is left as it is, and counted as kept. 409 where the import
    is still running or undone already.
    """
    with office.store.write() as tx:
        begun, _ = _begun(tx, transfer_id)
        if not transfers.move(tx, transfer_id, [transfers.DONE], transfers.UNDOING):
            raise HttpError(409, "Only a finished import can be undone.")
    report = _take_back(office, begun, read_report(begun.report), keep=True)
    with office.write("import.undo", f"{begun.source or 'a file'}") as tx:
        transfers.change(tx, transfer_id, state=transfers.UNDONE, report=report.dump())
    return report


def cancel(office: Office, transfer_id: int) -> None:
    """Stop a running import; whoever runs it rolls it back."""
    with office.store.write() as tx:
        if not transfers.move(tx, transfer_id, [transfers.RUNNING], transfers.UNDOING):
            raise HttpError(409, "The import is not running any more.")


def recover(office: Office) -> int:
    """Roll back what a killed process left behind; returns how many imports."""
    with office.store.read() as tx:
        dead = transfers.stale(tx)
    for one in dead:
        _roll_back(office, one.id, "The server stopped in the middle of the import.")
    return len(dead)


def forget_old(office: Office) -> None:
    """Imports older than the history cannot be undone: forget them."""
    before = now() - office.settings.storage.history_days * 86_400
    with office.store.write() as tx:
        transfers.forget_old(tx, before)


def _roll_back(office: Office, transfer_id: int, message: str) -> None:
    """As if the import had never begun."""
    with office.store.write() as tx:
        begun = transfers.get(tx, transfer_id)
        if begun is None or begun.state not in (transfers.RUNNING, transfers.UNDOING):
            return
        transfers.change(tx, transfer_id, state=transfers.UNDOING)
    report = _take_back(office, begun, replace(read_report(begun.report), error=message), keep=False)
    with office.store.write() as tx:
        transfers.change(tx, transfer_id, state=transfers.FAILED, report=report.dump())
        audit.record(tx, office.actor, "import.rollback", begun.source or "a file", address=office.address)


def _take_back(office: Office, begun: Transfer, report: Report, *, keep: bool) -> Report:
    """Undo in batches, each one transaction, so that this can be interrupted and taken up again, too.

    :param keep: whether the imported bodies go to history.
    """
    while True:
        with office.store.write() as tx:
            batch = transfers.written(tx, begun.id, BATCH)
            if not batch:
                return report
            target = jobs_items.lock_collection(tx, begun.collection_id)
            _take_back_batch(office, tx, target, batch, report, keep=keep)
            transfers.forget(tx, begun.id, [one.name for one in batch])
            transfers.change(tx, begun.id)


def _take_back_batch(
    office: Office,
    tx: Connection,
    target: Collection,
    batch: Sequence[Written],
    report: Report,
    *,
    keep: bool,
) -> None:
    current = {one.name: one for one in items.by_names(tx, target.id, [one.name for one in batch])}
    for one in batch:
        held = current.get(one.name)
        if held is None or held.etag != one.etag:
            report.kept += 1
            continue
        if one.history_id is None:
            items.remove(tx, target, held, office.actor, moved=not keep)
            report.removed += 1
        else:
            before = transfers.kept_body(tx, one.history_id)
            if before is None:
                report.kept += 1
                continue
            index = jobs_items.check_body(target.kind, before, office.settings)
            items.put(tx, target, NewItem(held.name, before, index), held, office.actor)
            report.restored += 1
        target = target._replace(revision=target.revision + 1)
