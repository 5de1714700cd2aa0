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

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from time import monotonic
from typing import BinaryIO

from sqlalchemy import Connection

from davserver.content import streams
from davserver.errors import HttpError
from davserver.jobs import arrivals
from davserver.jobs import items as jobs_items
from davserver.jobs.arrivals import Arrival, Policy, Refusal
from davserver.jobs.office import Office
from davserver.model import Collection, CollectionKind, Item, ItemIndex, NewItem
from davserver.sentences import Sentence, dump, load
from davserver.storage import audit, dead_properties, items, principals, transfers
from davserver.storage.engine import now
from davserver.storage.spool import Spool
from davserver.storage.transfers import Transfer, Written

BATCH = 250
MOST_REFUSALS = 10_000
"""Refusals that a report tells one by one; further ones are only counted."""

NOT_THERE = 0
"""The id of a collection that a dry run only imagines."""

_HEARTBEAT = 1.0
_PLAIN_UID = re.compile(r"[A-Za-z0-9@_-][A-Za-z0-9@._-]{0,199}")
_SUFFIXES = {CollectionKind.CALENDAR: ".ics", CollectionKind.ADDRESSBOOK: ".vcf"}
_COMPONENTS = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"})


_ELSEWHERE = {
    True: Sentence("A contact goes into an address book."),
    False: Sentence("This goes into a calendar."),
}
"""What is said of something that the collection does not take, by whether it is a card."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to import. ``source`` is the file's name, for people; ``dry_run`` only tells what would happen."""

    policy: Policy = Policy.SKIP
    source: str = ""
    dry_run: bool = False


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

    @property
    def written(self) -> int:
        """How many items are there by it: without any there is nothing to take back."""
        return self.created + self.replaced + self.copied

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
        return dump(asdict(self))


def read_report(text: str) -> Report:
    """Inverse of :meth:`Report.dump`; an empty text is an empty report."""
    if not text:
        return Report()
    values = load(text)
    refusals = [Refusal(**one) for one in values.pop("refusals")]
    return Report(**values, refusals=refusals)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: bytes while ``reading``, items afterwards."""

    reading: bool
    done: int
    total: int


Watch = Callable[[Progress], None]

Coming = tuple[Iterable[Arrival | Refusal], int]
"""Objects, and about how many there are."""


def unwatched(progress: Progress) -> None:
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
        jobs_items.check_writable(jobs_items.lock_collection(tx, target.id))
        return transfers.begin(tx, target.id, office.actor, wish.source, wish.policy.value)


def import_file(
    office: Office, target: Collection, file: BinaryIO, wish: Wish, watch: Watch = unwatched
) -> Report:
    """Import a file into a calendar or an address book.

    :param file: seekable, at its beginning.
    :param watch: called now and then with the progress; what it raises cancels the import.
    :raises HttpError: 413 or 400 for a file that cannot be unpacked or has nothing in it, 507 for the quota,
        409 where the collection went away or the import was cancelled. Nothing is changed then.
    """
    if not wish.dry_run:
        return run(office, begin(office, target, wish), file, watch)
    work = _Import(office, target, wish, watch)
    work.file(file)
    return work.report


def run(office: Office, transfer_id: int, file: BinaryIO, watch: Watch = unwatched) -> Report:
    """Do an import that was begun; see :func:`import_file`."""
    return _do(_begun_import(office, transfer_id, watch), transfer_id, lambda work: work.file(file))


def import_arrivals(
    office: Office,
    target: Collection,
    coming: tuple[Iterable[Arrival | Refusal], int],
    wish: Wish,
    watch: Watch,
) -> tuple[int | None, Report]:
    """The same for objects that do not come from one file.

    :returns: the id of the import, None for a dry run; and its report.
    """
    groups, total = ([one] for one in coming[0]), coming[1]
    if wish.dry_run:
        work = _Import(office, target, wish, watch)
        work.write(groups, total)
        return None, work.report
    transfer_id = begin(office, target, wish)
    work = _begun_import(office, transfer_id, watch)
    return transfer_id, _do(work, transfer_id, lambda work: work.write(groups, total))


def _begun_import(office: Office, transfer_id: int, watch: Watch) -> _Import:
    with office.store.read() as tx:
        begun = _begun(tx, transfer_id)
        target = jobs_items.current(tx, begun.collection_id)
    return _Import(office, target, Wish(Policy(begun.policy), begun.source), watch, transfer_id)


def _do(work: _Import, transfer_id: int, part: Callable[[_Import], None]) -> Report:
    """All of an import or nothing."""
    try:
        part(work)
    except BaseException as error:
        message = error.message if isinstance(error, HttpError) else Sentence("The import was interrupted.")
        _roll_back(work.office, transfer_id, message)
        raise
    return work.finish()


def _begun(tx: Connection, transfer_id: int) -> Transfer:
    begun = transfers.get(tx, transfer_id)
    if begun is None:
        raise HttpError(404, "There is no such import.")
    return begun


_Checked = tuple[Arrival, ItemIndex]


class _Import:
    """One import: objects to items. ``transfer_id`` None: a dry run."""

    def __init__(
        self, office: Office, target: Collection, wish: Wish, watch: Watch, transfer_id: int | None = None
    ) -> None:
        self.office, self.target, self.wish, self._watch = office, target, wish, watch
        self._id = transfer_id
        self.report = Report()
        self._beat = monotonic()

    def file(self, file: BinaryIO) -> None:
        """Read a file, then write what is in it."""
        with Spool() as spool:
            self._read(file, spool)
            self.write(arrivals.arrivals(spool, self.wish.policy, self._skip), spool.count())

    def finish(self) -> Report:
        """All is written: the report is kept, and a line in the audit log."""
        assert self._id is not None
        with self.office.write("import", f"{self.wish.source or 'a file'} into {self.target.name}") as tx:
            if not transfers.move(tx, self._id, [transfers.RUNNING], transfers.DONE):
                raise _Gone
            transfers.change(tx, self._id, report=self.report.dump())
        return self.report

    def _skip(self, count: int) -> None:
        self.report.skipped += count

    def _read(self, file: BinaryIO, spool: Spool) -> None:
        settings, total, told = self.office.settings, _size(file), -1
        largest = jobs_items.largest(self.target.kind, settings)
        for found in arrivals.read(spool, file, settings.limits.import_size, largest):
            if isinstance(found, Refusal):
                self.report.refuse(found)
            elif found != told:
                told = found
                self._watch(Progress(True, min(found, total), total))
                self._stay_alive_while_reading()

    def _stay_alive_while_reading(self) -> None:
        if self._id is not None and monotonic() - self._beat > _HEARTBEAT:
            self._beat = monotonic()
            with self.office.store.write() as tx:
                self._stay_alive(tx, 0, 0)

    def _stay_alive(self, tx: Connection, done: int, total: int) -> None:
        assert self._id is not None
        if not transfers.move(tx, self._id, [transfers.RUNNING], transfers.RUNNING):
            raise _Gone
        transfers.change(tx, self._id, done=done, total=total)

    def write(self, groups: Iterator[list[Arrival | Refusal]], total: int) -> None:
        """Check and store object by object, in batches."""
        done = 0
        while batch := list(islice(groups, BATCH)):
            checked = [one for group in batch for arrival in group for one in self._check(arrival)]
            done += len(batch)
            if self._id is None:
                self._try(checked)
            else:
                with self.office.store.write() as tx:
                    self._stay_alive(tx, done, total)
                    writing = _Batch(self, tx, jobs_items.lock_collection(tx, self.target.id))
                    transfers.record(tx, self._id, writing.write(checked))
            self._watch(Progress(False, done, total))

    def _try(self, checked: list[_Checked]) -> None:
        with self.office.store.read() as tx:
            is_there = self.target.id != NOT_THERE
            target = jobs_items.current(tx, self.target.id) if is_there else self.target
            _Batch(self, tx, target).decide(checked)

    def _check(self, arrival: Arrival | Refusal) -> Iterator[_Checked]:
        """The object with its index, checked as at PUT; nothing where it is refused."""
        if isinstance(arrival, Refusal):
            self.report.refuse(arrival)
            return
        try:
            yield arrival, self._index(arrival)
        except HttpError as error:
            self.report.refuse(arrival.refusal(error.message))

    def _index(self, arrival: Arrival) -> ItemIndex:
        is_card = arrival.component == streams.CARD
        if arrival.component and is_card != (self.target.kind is CollectionKind.ADDRESSBOOK):
            raise HttpError(403, _ELSEWHERE[is_card])
        if arrival.component and not is_card and arrival.component not in _COMPONENTS:
            raise HttpError(
                403,
                Sentence(
                    "%(component)s is no event, task or journal entry.", component=arrival.component[:40]
                ),
            )
        index = jobs_items.check_body(self.target.kind, arrival.body, self.office.settings)
        jobs_items.check_component(self.target, index)
        return index


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


class _Batch:
    """Some objects of an import, decided and written in one transaction."""

    def __init__(self, work: _Import, tx: Connection, target: Collection) -> None:
        self._work, self._tx, self._target = work, tx, target
        self._report, self._policy = work.report, work.wish.policy
        self._new: list[NewItem] = []
        self._replacing: list[tuple[NewItem, Item]] = []
        self._properties: dict[str, Mapping[str, str]] = {}

    def write(self, checked: list[_Checked]) -> list[Written]:
        """Store what is to be stored; returns what was written."""
        self.decide(checked)
        self._check_quota()
        written = []
        for new, held in self._replacing:
            stored = items.put(self._tx, self._target, new, held, self._work.office.actor)
            self._target = self._target._replace(revision=stored.revision)
            kept = transfers.newest_kept(self._tx, self._target.id, held.name)
            written.append(Written(held.name, stored.etag, kept))
        if self._new:
            items.put_new(self._tx, self._target, self._new)
        for item in items.by_names(self._tx, self._target.id, self._properties):
            dead_properties.restore(self._tx, "item", item.id, self._properties[item.name])
        return written + [Written(one.name, items.etag_of(one.body)) for one in self._new]

    def decide(self, checked: list[_Checked]) -> None:
        """Sort objects by what is there already, and count."""
        held = items.by_uids(self._tx, self._target.id, [index.uid for _, index in checked])
        fresh: list[_Checked] = []
        for arrival, index in checked:
            existing = held.get(index.uid)
            if existing is None:
                self._report.created += 1
                fresh.append((arrival, index))
            elif self._policy is Policy.COPY:
                self._report.copied += 1
                fresh.append(self._copied(arrival))
            elif self._policy is Policy.SKIP or existing.etag == items.etag_of(arrival.body):
                self._report.skipped += 1
                continue
            elif existing.component != index.component:
                kind = existing.component
                reason = Sentence("The UID belongs to another kind of item, %(kind)s.", kind=kind)
                self._report.refuse(arrival.refusal(reason))
                continue
            else:
                self._report.replaced += 1
                self._replacing.append((NewItem(existing.name, arrival.body, index), existing))
            self._report.repair(arrival.repairs)
            # A second one of this UID in the batch finds the first.
            held.setdefault(index.uid, _placeholder(self._target, index, arrival.body))
        self._name(fresh)

    def _copied(self, arrival: Arrival) -> _Checked:
        copied = replace(arrival, body=arrival.under_uid(str(uuid.uuid4())), name="")
        settings = self._work.office.settings
        return copied, jobs_items.check_body(self._target.kind, copied.body, settings)

    def _name(self, fresh: list[_Checked]) -> None:
        """Names as wished, else by the UID as clients make them; another one where that is taken or odd."""
        suffix = _SUFFIXES[self._target.kind]
        names = [arrival.name or _name_of(index.uid, suffix) for arrival, index in fresh]
        taken = {one.name for one in items.by_names(self._tx, self._target.id, filter(None, names))}
        for name, (arrival, index) in zip(names, fresh, strict=True):
            if not name or name in taken:
                name = f"{uuid.uuid4()}{suffix}"
            taken.add(name)
            self._new.append(NewItem(name, arrival.body, index))
            if arrival.properties:
                self._properties[name] = arrival.properties

    def _check_quota(self) -> None:
        owner = principals.by_id(self._tx, self._target.owner_id)
        assert owner is not None
        growth = sum(len(one.body) for one in self._new)
        growth += sum(len(new.body) - held.size for new, held in self._replacing)
        jobs_items.check_quota(self._tx, owner, growth)


def _name_of(uid: str, suffix: str) -> str:
    return uid + suffix if _PLAIN_UID.fullmatch(uid) else ""


def _placeholder(target: Collection, index: ItemIndex, body: bytes) -> Item:
    etag = items.etag_of(body)
    return Item(0, target.id, "", index.uid, index.component, etag, len(body), 0, 0, 0)


def newest(office: Office, target: Collection) -> int:
    """The id of the last import into a collection."""
    with office.store.read() as tx:
        return transfers.newest(tx, [target.id], 1)[0].id


REPORT_HEAD = ("file", "line", "uid", "title", "reason")


def report_rows(refusals: Iterable[Refusal]) -> Iterator[tuple[str, ...]]:
    """What was refused as rows of a table with a head, safe to be opened by a spreadsheet."""
    yield REPORT_HEAD
    for one in refusals:
        yield tuple(_cell(str(getattr(one, name))) for name in REPORT_HEAD)


def _cell(text: str) -> str:
    """Spreadsheets would compute what begins like a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


# -- undoing -------------------------------------------------------------------------------------


def undo(office: Office, transfer_id: int) -> Report:
    """Take a finished import back: new items are removed, replaced ones get their old body.

    What was changed or deleted since the import is left as it is, and counted as kept. 409 where the import
    is still running or undone already.
    """
    with office.store.write() as tx:
        begun = _begun(tx, transfer_id)
        if not transfers.move(tx, transfer_id, [transfers.DONE], transfers.UNDOING):
            raise HttpError(409, "Only a finished import can be undone.")
    report = _take_back(office, begun, read_report(begun.report), keep=True)
    with office.write("import.undo", f"{begun.source or 'a file'}") as tx:
        transfers.change(tx, transfer_id, state=transfers.UNDONE, report=report.dump())
    return report


def take_back(office: Office, transfer_id: int) -> None:
    """A finished import as if it had never been: for one that was a part of something that failed."""
    with office.store.write() as tx:
        transfers.move(tx, transfer_id, [transfers.DONE], transfers.UNDOING)
    _roll_back(office, transfer_id, Sentence("What it was a part of failed."))


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
        _roll_back(office, one.id, Sentence("The server stopped in the middle of the import."))
    return len(dead)


def forget_old(office: Office) -> int:
    """Imports older than the history cannot be undone: forget them; returns how many."""
    before = now() - office.settings.storage.history_days * 86_400
    with office.store.write() as tx:
        return transfers.forget_old(tx, before)


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
    mine = [(one, held) for one in batch if (held := current.get(one.name)) and held.etag == one.etag]
    new = [held for one, held in mine if one.history_id is None]
    if new:
        target = items.remove_all(tx, target, new, office.actor, moved=not keep)
    report.removed += len(new)
    report.kept += len(batch) - len(mine)
    replaced = {one.history_id: held for one, held in mine if one.history_id is not None}
    bodies = transfers.kept_bodies(tx, list(replaced))
    for history_id, held in replaced.items():
        before = bodies.get(history_id)
        if before is None:
            report.kept += 1
            continue
        index = jobs_items.check_body(target.kind, before, office.settings)
        items.put(tx, target, NewItem(held.name, before, index), held, office.actor)
        target = target._replace(revision=target.revision + 1)
        report.restored += 1
