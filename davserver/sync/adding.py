"""An account is added beside the request that asked for it: finding its servers may take minutes.

    task_id = begin(office, owner, new)
    state(office, owner, task_id)       how far it is, each step of the trace as it comes, what came of it
    cancel(office, owner, task_id)

Belongs here: the thread, and what its row of the table task holds. Must not be here: what adding is
(accounts), HTML. The row holds what was entered without its secrets; those stay in this process alone. Who
cancels need not wait: the account is stored only while the task is still running.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from davserver import sentences
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.model import Principal
from davserver.sentences import Sentence
from davserver.storage import tasks
from davserver.sync.accounts import NET, Net, NewAccount, Watch, add_account, checked
from davserver.sync.discover import Discovered, Tried
from davserver.sync.problems import Problem

KIND = "remote.add"
SECRETS = frozenset({"secret", "oauth_meta"})

log = logging.getLogger("davserver.sync")


class Cancelled(HttpError):
    """The person does not want it any more."""

    def __init__(self) -> None:
        super().__init__(409, Sentence("Cancelled; no account was added."))


@dataclass(frozen=True, slots=True)
class Adding:
    """How far it is.

    :param asking: the address that is being asked.
    :param error: why it ended without an account, where not the trace tells.
    :param entered: the fields of NewAccount without secrets.
    """

    running: bool
    asking: str = ""
    error: str = ""
    account_id: int | None = None
    entered: Mapping[str, Any] = field(default_factory=dict)
    found: Discovered = field(default_factory=Discovered)


def begin(office: Office, owner: Principal, new: NewAccount, net: Net = NET) -> int:
    """Begin to add an account; returns the task's id. HttpError 400 for what cannot be."""
    new = checked(new)
    entered = {name: value for name, value in asdict(new).items() if name not in SECRETS}
    with office.store.write() as tx:
        task_id = tasks.add(tx, owner.id, KIND)
        tasks.progress(tx, task_id, 0, result=sentences.dump({"entered": entered}))
    worker = _Worker(office, task_id, entered)
    threading.Thread(target=worker.run, args=(owner, new, net), name="adding", daemon=True).start()
    return task_id


def state(office: Office, owner: Principal, task_id: int) -> Adding:
    """How far a task of the owner's is; 404 for any other."""
    with office.store.read() as tx:
        found = tasks.get(tx, owner.id, task_id)
    if found is None or found.kind != KIND:
        raise HttpError(404, "There is no such task.")
    held: dict[str, Any] = found.result or {}
    told = Discovered(
        trace=[Tried(**one) for one in held.get("trace", ())],
        problem=Problem(held["problem"]) if held.get("problem") else None,
        asks=held.get("asks", ""),
    )
    error = ""
    if found.state == tasks.FAILED and not (told.problem or told.asks):
        error = found.message or Sentence("It was interrupted.")
    return Adding(
        found.state == tasks.RUNNING,
        held.get("asking", ""),
        error,
        held.get("account_id"),
        held.get("entered", {}),
        told,
    )


def cancel(office: Office, owner: Principal, task_id: int) -> None:
    """Leave it; nothing is stored."""
    state(office, owner, task_id)
    with office.store.write() as tx:
        found = tasks.get(tx, owner.id, task_id)
        if found is not None and found.state == tasks.RUNNING:
            tasks.finish(tx, task_id, tasks.FAILED, str(Cancelled()), found.result)


@dataclass
class _Worker:
    """Does the work and writes down how far it is."""

    office: Office
    task_id: int
    entered: Mapping[str, Any]
    asking: str = ""
    trace: list[Tried] = field(default_factory=list)

    def run(self, owner: Principal, new: NewAccount, net: Net) -> None:
        """Add the account; whatever comes of it ends the task."""
        watch = Watch(self._asking, self._tried, self._still)
        try:
            added = add_account(self.office, owner, new, net, watch)
        except Cancelled:
            return
        except HttpError as error:
            self._finish(tasks.FAILED, error.message)
        except SQLAlchemyError:
            log.exception("adding an account failed")
            self._finish(tasks.FAILED, "")
        else:
            found = added.found
            told = {"problem": found.problem.value if found.problem else "", "asks": found.asks}
            is_added = added.account_id is not None
            self._finish(
                tasks.DONE if is_added else tasks.FAILED,
                "",
                **({"account_id": added.account_id} if is_added else told),
            )

    def _asking(self, url: str) -> None:
        self.asking = url
        self._note()

    def _tried(self, tried: Tried) -> None:
        self.trace.append(tried)
        self._note()

    def _note(self) -> None:
        with self._row() as tx:
            tasks.progress(tx, self.task_id, len(self.trace), result=sentences.dump(self._told()))

    def _finish(self, state: str, message: str, **told: Any) -> None:
        try:
            with self._row() as tx:
                tasks.finish(tx, self.task_id, state, message, self._told() | told)
        except Cancelled:
            return

    def _told(self) -> dict[str, Any]:
        trace = [asdict(one) for one in self.trace]
        return {"entered": self.entered, "asking": self.asking, "trace": trace}

    @contextmanager
    def _row(self) -> Any:
        with self.office.store.write() as tx:
            self._still(tx)
            yield tx

    def _still(self, tx: Connection) -> None:
        """Cancelled where the person is gone."""
        if not tasks.is_running(tx, self.task_id):
            raise Cancelled
