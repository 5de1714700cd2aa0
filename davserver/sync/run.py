"""One run of one account: the lease, the homes, each subscribed collection, the log, when to come again.

    result = run_account(office, account_id, reason="cron")

Belongs here: what concerns the account as a whole, and what an error means for the rest of it. Must not be
here: one collection (collection), who runs when (runner), what people ask for (accounts).

A listing of a home is one request for all collections in it, with their tokens, names and rights: what has
not changed costs nothing further. A run that fails comes again later and later, at most a day; one that was
refused the password, or does not trust the certificate, waits for a person.
"""

from __future__ import annotations

import json
import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from davserver import sentences
from davserver.jobs.office import Office
from davserver.model import CollectionKind, NewCollection, Principal, RemoteAccount, RemoteCollection
from davserver.sentences import Sentence
from davserver.storage import collections, leases, principals, remote
from davserver.storage.engine import now
from davserver.sync.client import DavClient, Facts
from davserver.sync.collection import color_of, may_sync, plan_collection, run_collection
from davserver.sync.connect import connected
from davserver.sync.desk import Progress, Report, Work
from davserver.sync.owners import leased, new_owner
from davserver.sync.plan import Step
from davserver.sync.problems import ADVICE, Problem, RemoteError
from davserver.sync.work import Place

log = logging.getLogger("davserver.sync")

DAY = 86_400
JITTER = 0.1
GONE_AFTER = 3
"""Runs in which a collection is missing before people are asked about it."""

_ENDS_ACCOUNT = frozenset(
    {
        Problem.CREDENTIALS,
        Problem.RECONNECT,
        Problem.KEY,
        Problem.CERTIFICATE,
        Problem.UNREACHABLE,
        Problem.REDIRECT,
        Problem.BUSY,
        Problem.LEASE,
        Problem.HALTED,
    }
)
"""What the other collections of the account would meet as well."""

_NO_FAILURE = frozenset({Problem.GUARD, Problem.REFUSED, Problem.GONE, Problem.HALTED, Problem.LEASE})
"""What does not put off the next run."""

Connect = Callable[[Office, RemoteAccount], AbstractContextManager[DavClient]]
COUNTED = ("pulled", "pushed", "removed_here", "removed_there", "conflicts", "problems")


@dataclass(frozen=True)
class Options:
    """How an account is run.

    :param only: one remote collection's id.
    :param connect: who reaches the server.
    :param halted: whether the process wants to end; the run leaves between two transactions.
    """

    reason: str = "manual"
    only: int | None = None
    report: Report = lambda _: None
    connect: Connect = connected
    halted: Callable[[], bool] = lambda: False


@dataclass
class RunResult:
    """What a run did. ``collections``: title → its counts, ``problem`` and ``text`` where it failed."""

    problem: Problem | None = None
    text: str = ""
    requests: int = 0
    retry_after: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    collections: dict[str, dict[str, int | str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything is in step."""
        return self.problem is None


def run_account(office: Office, account_id: int, options: Options | None = None) -> RunResult:
    """Synchronise one account; what fails is in the result, in the account's row and in its log.

    :returns: with ``problem`` ``lease`` where another runner is at it; nothing was done then.
    """
    options = options or Options()
    lease = new_owner()
    with leased(office.store, leases.ACCOUNTS, account_id, lease) as is_ours:
        account = _account(office, account_id) if is_ours else None
        if account is None:
            return RunResult(Problem.LEASE, ADVICE[Problem.LEASE].meaning)
        started = now()
        result = RunResult()
        try:
            _run(office, account, replace(options, report=_noted(office, account, options.report)), result)
        except RemoteError as error:
            result.problem, result.text, result.retry_after = error.problem, str(error), error.retry_after
        _log(office, account, (options.reason, started), result)
        return result


def _account(office: Office, account_id: int) -> RemoteAccount | None:
    with office.store.read() as tx:
        return remote.account(tx, account_id)


# -- the run -----------------------------------------------------------------------------------------


def _run(office: Office, account: RemoteAccount, options: Options, result: RunResult) -> None:
    with office.store.read() as tx:
        owner = principals.by_id(tx, account.owner_id)
    if owner is None or owner.disabled:
        raise RemoteError(Problem.FORBIDDEN, "The owner of the account is disabled.")
    with options.connect(office, account) as client:
        try:
            listed = list_homes(office, account, client)
            works = list(_works(office, account, client, owner, options))
            for work in works:
                _run_one(work, listed.get(work.remote.href), result)
        finally:
            result.requests = client.requests


def _works(
    office: Office, account: RemoteAccount, client: DavClient, owner: Principal, options: Options
) -> Iterator[Work]:
    with office.store.read() as tx:
        known = remote.collections_of(tx, account.id)
        # one that lies in the trash here waits there: nothing is pushed, nothing is deleted
        rows = [row for row in known if row.collection_id and collections.by_id(tx, row.collection_id)]
    for row in rows:
        if row.subscribed and options.only in (None, row.id):
            work = Work(office, account, owner, client, account.lease_owner, row, options.report)
            work.halted = options.halted
            yield work


def _run_one(work: Work, facts: Facts | None, result: RunResult) -> None:
    """One collection; its failure is its own, unless the whole account would meet it."""
    problem, text, retry_after = None, "", None
    try:
        run_collection(work, facts)
    except RemoteError as error:
        problem, text, retry_after = error.problem, str(error), error.retry_after
        if problem is Problem.GONE:
            text = _missing(work, text)
        if problem in _ENDS_ACCOUNT:
            _keep(work, result, problem, text)
            raise
    _keep(work, result, problem, text)
    if problem is not None and problem is not Problem.GONE:
        told = Sentence("%(title)s: %(text)s", title=work.title, text=text)
        result.problem, result.text, result.retry_after = problem, told, retry_after


def _missing(work: Work, text: str) -> str:
    """A collection that is not there: nothing is deleted here, and people are asked after some runs."""
    count = min(work.remote.gone_count + 1, 1000)
    with work.office.store.write() as tx:
        remote.change_collection(tx, work.remote.id, gone_count=count)
    if count >= GONE_AFTER:
        return text
    return Sentence("%(text)s Tried %(count)s of %(most)s times.", text=text, count=count, most=GONE_AFTER)


def _keep(work: Work, result: RunResult, problem: Problem | None, text: str) -> None:
    """Write down how the collection fared; a run that did nothing writes nothing."""
    counts = {name: work.counts[name] for name in COUNTED if work.counts[name]}
    result.counts.update(counts)
    told: dict[str, int | str] = dict(counts)
    if problem is not None:
        told.update(problem=problem.value, text=text)
    if told:
        result.collections[work.title] = told
    values: dict[str, object] = {}
    if (problem or "") != work.remote.error_code or text != work.remote.error_text:
        values.update(error_code=problem.value if problem else "", error_text=text)
    if counts:
        values["stats"] = json.dumps(counts)
    if problem is None and (values or work.remote.last_ok is None):
        values["last_ok"] = now()
    if values:
        with work.office.store.write() as tx:
            remote.change_collection(tx, work.remote.id, **values)


# -- homes -------------------------------------------------------------------------------------------


def list_homes(office: Office, account: RemoteAccount, client: DavClient) -> dict[str, Facts]:
    """What the homes hold, one request each, and new collections noted; {} where an account has no home.

    Where all is fetched for the first time, nobody asks what has changed; whose state is needed for more than
    that is missing in the answer.
    """
    with office.store.read() as tx:
        known = remote.collections_of(tx, account.id)
    states = not all(row.initial for row in known if row.subscribed)
    wanted = {row.kind for row in known if row.subscribed}
    homes = {CollectionKind.CALENDAR: account.home_cal, CollectionKind.ADDRESSBOOK: account.home_card}
    urls = dict.fromkeys(
        url for kind, url in homes.items() if url and (kind in wanted or account.follow_new or not known)
    )
    listed: dict[str, Facts] = {}
    for url in urls:
        listed.update(client.home(url, states=states))
    note_collections(office, account, listed)
    return {href: facts for href, facts in listed.items() if states or may_sync(client, facts)}


def note_collections(office: Office, account: RemoteAccount, listed: dict[str, Facts]) -> None:
    """Remember what was not known; where the account follows new collections, they are subscribed to."""
    with office.store.read() as tx:
        known = {row.href for row in remote.collections_of(tx, account.id)}
    new = [facts for href, facts in listed.items() if href not in known and facts.kind is not None]
    if not new:
        return
    with office.store.write() as tx:
        for facts in new:
            assert facts.kind is not None
            remote_id = remote.add_collection(
                tx,
                account.id,
                facts.kind,
                facts.href,
                display_name=facts.display_name,
                color=color_of(facts.color),
                components=",".join(facts.components),
                read_only=facts.writable is False,
            )
            row = remote.collection(tx, remote_id)
            if account.follow_new and row is not None:
                subscribe(tx, account, row)


DEFAULT_COMPONENTS = "VEVENT,VTODO,VJOURNAL"


def subscribe(tx: Any, account: RemoteAccount, row: RemoteCollection) -> int:
    """Make the local collection that a remote one is synchronised with; returns its id."""
    taken = {one.name for one in collections.of_owner(tx, account.owner_id, row.kind)}
    title = row.display_name or row.href.rstrip("/").rpartition("/")[2] or account.label
    new = NewCollection(
        account.owner_id,
        row.kind,
        _free_name(row, taken),
        display_name=title,
        color=row.color or None,
        components=(row.components or DEFAULT_COMPONENTS) if row.kind is CollectionKind.CALENDAR else "",
    )
    made = collections.create(tx, new)
    link(tx, row, made.id)
    return made.id


def link(tx: Any, row: RemoteCollection, collection_id: int) -> None:
    """Subscribe a remote collection with a local one; everything is compared anew."""
    remote.forget_items(tx, row.id)
    remote.change_collection(
        tx,
        row.id,
        collection_id=collection_id,
        subscribed=True,
        initial=True,
        sync_token="",
        ctag="",
        seen_revision=0,
        full_scan_at=0,
        gone_count=0,
        guard="",
        error_code="",
        error_text="",
    )


def _free_name(row: RemoteCollection, taken: set[str]) -> str:
    """A short name for the URL here, made from that of the other server."""
    last = row.href.rstrip("/").rpartition("/")[2]
    plain = "".join(one for one in last if one.isascii() and (one.isalnum() or one in "-_"))[:40] or "remote"
    names = (plain, f"{plain}-{row.account_id}", f"{plain}-{row.account_id}-{row.id}")
    return next((name for name in names if name not in taken), f"{plain}-{secrets.token_hex(6)}")


# -- afterwards --------------------------------------------------------------------------------------


def _noted(office: Office, account: RemoteAccount, report: Report) -> Report:
    """Progress for the terminal and, in the account's row, for pages in other processes."""
    said = [0]

    def tell(progress: Progress) -> None:
        report(progress)
        if progress.total and (moment := now()) != said[0]:
            said[0] = moment
            text = json.dumps(
                {
                    "collection": progress.collection,
                    "phase": progress.phase,
                    "done": progress.done,
                    "total": progress.total,
                }
            )
            with office.store.write() as tx:
                remote.change_account(tx, account.id, progress=text)

    return tell


def _log(office: Office, account: RemoteAccount, began: tuple[str, int], result: RunResult) -> None:
    """When to come again, and a line in the log unless nothing happened."""
    reason, started = began
    moment = now()
    problem = result.problem
    failed = problem is not None and problem not in _NO_FAILURE
    fails = account.fail_count + 1 if failed else 0
    values: dict[str, object] = {
        "last_run": started,  # what is changed here while it runs waits for the next
        "fail_count": fails,
        "error_code": problem.value if problem else "",
        "error_text": result.text,
        "next_run": _next_run(account, result, fails, moment),
        "progress": "",
    }
    if problem is None:
        values["last_ok"] = moment
    told = any(result.counts.values()) or problem is not None or account.error_code or reason != "interval"
    with office.store.write() as tx:
        remote.change_account(tx, account.id, **values)
        if told:
            remote.add_run(
                tx,
                account_id=account.id,
                started=started,
                ended=moment,
                reason=reason,
                requests=result.requests,
                error_code=problem.value if problem else "",
                error_text=result.text,
                detail=sentences.dump(result.collections),
                **{name: result.counts[name] for name in COUNTED},
            )
    if problem is not None:
        log.warning("account %d (%s): %s: %s", account.id, account.label, problem.value, result.text)


def _next_run(account: RemoteAccount, result: RunResult, fails: int, moment: int) -> int | None:
    if result.problem is not None and ADVICE[result.problem].stops:
        return None
    if result.problem is Problem.HALTED:
        return moment
    if result.retry_after is not None:
        return moment + max(result.retry_after, 1)
    wait = min(account.interval_seconds * 2 ** min(fails, 20), max(DAY, account.interval_seconds))
    return moment + int(wait * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - spreads load


# -- the dry run -------------------------------------------------------------------------------------


def plan_account(
    office: Office, account_id: int, options: Options | None = None
) -> dict[str, tuple[Step, ...]]:
    """What a run would do now: title of the collection → steps. Nothing is written on either side."""
    options = options or Options()
    with office.store.read() as tx:
        account = remote.account(tx, account_id)
        owner = principals.by_id(tx, account.owner_id) if account else None
    if account is None or owner is None:
        return {}
    with options.connect(office, account) as client:
        works = _works(office, account, client, owner, options)
        return {work.title: plan_collection(work) for work in works}


def run_due(place: Place, account_id: int) -> None:
    """Synchronise an account whose time has come, for the background runner."""
    office = Office(place.store, place.settings)
    run_account(office, account_id, Options(reason="interval", halted=place.stopping.is_set))
