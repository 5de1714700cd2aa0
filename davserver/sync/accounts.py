"""What people do with accounts on other servers: add, choose, synchronise, answer questions, restore, remove.

Belongs here: the use-cases of pages and command line, each for the owner of the account; another user's is
404. Must not be here: HTML, printing, requests (discover, client), what a run does (run).

Errors are HttpErrors with a sentence for people. Secrets go in and never come out.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import Connection

from davserver import sentences
from davserver.content import normal
from davserver.errors import HttpError
from davserver.jobs import background, trash
from davserver.jobs.items import check_body, lock_collection, store_item
from davserver.jobs.office import Office
from davserver.model import (
    Collection,
    CollectionKind,
    Direction,
    NewItem,
    Policy,
    Principal,
    RemoteAccount,
    RemoteCollection,
    RemoteConflict,
    RemoteItem,
    RemoteRun,
)
from davserver.sentences import Sentence
from davserver.storage import collections, items, remote
from davserver.storage.engine import now
from davserver.sync import oauth, quirks
from davserver.sync.client import KINDS, DavClient, Facts
from davserver.sync.collection import guard_of
from davserver.sync.connect import context_of
from davserver.sync.discover import Asked, Discovered, Dns, Resolver, Trace, Tried, discover
from davserver.sync.http import Access, Auth, Bearer, Client, Password, Trust, origin
from davserver.sync.multistatus import normal_href
from davserver.sync.problems import ADVICE, Advice, Problem, RemoteError
from davserver.sync.run import (
    Options,
    RunResult,
    link,
    list_homes,
    note_collections,
    plan_account,
    run_account,
    subscribe,
)
from davserver.vault import Vault

SHORTEST_INTERVAL, LONGEST_INTERVAL = 300, 86_400
DEFAULT_INTERVAL = 900
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


# -- values ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a person enters.

    :param address: mail address, host or URL; with a preset that knows its servers it may be "".
    :param auth_kind: ``basic`` (Digest where the server asks for it), ``bearer`` or ``oauth2``.
    :param hosts: other hosts that may get the password, as agreed to.
    :param interval: seconds between two runs, 300 to 86400.
    :param follow_new: subscribe to collections that appear later, by themselves.
    """

    address: str
    username: str
    secret: str = field(repr=False)
    label: str = ""
    preset: str = "generic"
    auth_kind: str = "basic"
    oauth_meta: str = field(default="", repr=False)
    ca_pem: str = ""
    fingerprint: str = ""
    hosts: tuple[str, ...] = ()
    interval: int = DEFAULT_INTERVAL
    follow_new: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What is changed of an account; None leaves as it is. A new ``secret`` also ends "stopped"."""

    label: str | None = None
    username: str | None = None
    secret: str | None = field(default=None, repr=False)
    ca_pem: str | None = None
    fingerprint: str | None = None
    interval: int | None = None
    follow_new: bool | None = None
    oauth_meta: str | None = field(default=None, repr=False)
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """How one remote collection is synchronised.

    ``collection_id``: with an existing one here; None: with the one it had, or a new one.
    """

    direction: Direction = Direction.TWO_WAY
    policy: Policy = Policy.REMOTE
    collection_id: int | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding an account: its id, or None with a trace that says why and what to do."""

    account_id: int | None
    found: Discovered


@dataclass(frozen=True, slots=True)
class Question:
    """Deletions that look like an accident (Problem.GUARD). ``side``: where they would happen."""

    side: str
    count: int
    known: int
    token: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A remote collection for a page. ``linked`` and ``troubled`` count items."""

    remote: RemoteCollection
    local: Collection | None
    linked: int
    troubled: int
    question: Question | None

    @property
    def advice(self) -> Advice | None:
        """What its error means and what to do; None where there is none."""
        return advice_of(self.remote.error_code)


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account for a page."""

    account: RemoteAccount
    collections: tuple[CollectionView, ...]
    running: bool
    progress: dict[str, Any]
    conflicts: int

    @property
    def advice(self) -> Advice | None:
        """What its error means and what to do; None where there is none."""
        return advice_of(self.account.error_code)

    @property
    def trace(self) -> list[Tried]:
        """How its places were found."""
        return [Tried(**one) for one in sentences.load(self.account.trace or "[]")]


def advice_of(code: str) -> Advice | None:
    """The words for a stored error code."""
    return ADVICE[Problem(code)] if code in set(Problem) else None


@dataclass(frozen=True)
class Net:
    """How servers and DNS are reached; replaced in tests."""

    reach: Callable[[Office, Access, str], AbstractContextManager[DavClient]]
    resolver: Resolver
    options: Options = field(default_factory=Options)


@contextlib.contextmanager
def _reach(office: Office, access: Access, url: str) -> Iterator[DavClient]:
    with Client(office.settings.outgoing, access) as web:
        yield DavClient(web, url, quirks.quirks_of(url))


NET = Net(_reach, Dns())


# -- adding and changing -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watch:
    """Who waits for an account to be added; what he raises ends it.

    :param asking: told of each address that is asked.
    :param tried: told of each step of the trace as it comes.
    :param still: asked in the transaction that stores the account.
    """

    asking: Callable[[str], None] = lambda url: None
    tried: Callable[[Tried], None] = lambda tried: None
    still: Callable[[Connection], None] = lambda tx: None


def find_places(office: Office, new: NewAccount, net: Net, watch: Watch) -> Discovered:
    """Look what is at an address, without storing anything."""
    access = _access(new)
    asked = Asked(new.address, new.username, new.preset, new.hosts)

    def reach(url: str) -> AbstractContextManager[DavClient]:
        watch.asking(url)
        return net.reach(office, access, url)

    return discover(asked, reach, net.resolver, Trace(watch.tried))


def add_account(
    office: Office, owner: Principal, new: NewAccount, net: Net = NET, watch: Watch | None = None
) -> Added:
    """Find the servers of an account and store it; nothing is subscribed to yet (see :func:`choose`).

    :raises HttpError: 400 for what cannot be, 409 where the account is there already.
    """
    new = checked(new)
    watch = watch or Watch()
    found = find_places(office, new, net, watch)
    if not found.ok:
        return Added(None, found)
    base = next(iter((*found.homes.values(), *found.collections)))
    with office.store.read() as tx:
        for one in remote.accounts_of(tx, owner.id):
            if origin(one.base_url) == origin(base) and one.username == new.username:
                raise HttpError(
                    409, Sentence("This account is connected already: “%(label)s”.", label=one.label)
                )
    with office.write("remote.add", f"{owner.name} {origin(base)[1]}") as tx:
        watch.still(tx)
        account_id = remote.add_account(tx, owner_id=owner.id, **_values(new, base, found))
        _keep_secret(tx, office, account_id, new.secret)
    account = get(office, owner, account_id)
    with contextlib.suppress(RemoteError), net.reach(office, _access(new), base) as client:
        # what fails here is told by the first run
        list_homes(office, account, client)
        direct = {normal_href(base, url): facts for url, facts in found.collections.items()}
        note_collections(office, account, _renamed(direct))
    return Added(account_id, found)


def _renamed(listed: dict[str, Facts]) -> dict[str, Facts]:
    return {href: Facts(**{**_plain(facts), "href": href}) for href, facts in listed.items()}


def _plain(facts: Facts) -> dict[str, Any]:
    return {one.name: getattr(facts, one.name) for one in fields(facts)}


def checked(new: NewAccount) -> NewAccount:
    """The account as it may be stored; HttpError 400 with the remedy."""
    if new.preset not in quirks.PRESETS:
        raise HttpError(400, Sentence("There is no preset %(preset)s.", preset=new.preset[:40]))
    if not new.address.strip() and not quirks.PRESETS[new.preset].calendars:
        raise HttpError(400, "Enter a mail address, or the address of the server.")
    if ":" in new.address.rpartition("@")[0].rpartition("//")[2]:
        raise HttpError(400, "Enter name and password in their own fields, not in the address.")
    if len(new.address) > 2000 or len(new.username) > 255:
        raise HttpError(400, "The address or the name is too long.")
    if not new.secret:
        raise HttpError(400, "Enter the password.")
    if new.auth_kind not in ("basic", "digest", "bearer", "oauth2"):
        raise HttpError(400, "There is no such way to sign in.")
    _check_trust(new.ca_pem, new.fingerprint)
    _check_interval(new.interval)
    values = _fields_of(new)
    values["username"] = new.username.strip() or new.address.strip()
    values["fingerprint"] = new.fingerprint.replace(":", "").strip().lower()
    return NewAccount(**values)


def _fields_of(new: Any) -> dict[str, Any]:
    return {one.name: getattr(new, one.name) for one in fields(new)}


def _check_interval(seconds: int) -> None:
    if not SHORTEST_INTERVAL <= seconds <= LONGEST_INTERVAL:
        raise HttpError(400, "The interval is between 5 minutes and one day.")


def _check_trust(ca_pem: str, fingerprint: str) -> None:
    if fingerprint and not _FINGERPRINT.fullmatch(fingerprint.replace(":", "").strip().lower()):
        raise HttpError(400, "A fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits.")
    if ca_pem:
        try:
            ssl.create_default_context(cadata=ca_pem)
        except (ssl.SSLError, ValueError):
            raise HttpError(400, "The certificate authority is not a certificate in PEM.") from None


def _access(new: NewAccount) -> Access:
    auth: Auth = Password(new.username, new.secret)
    if new.auth_kind in ("bearer", "oauth2"):
        auth = Bearer(oauth.bearer_of(new.secret) if new.auth_kind == "oauth2" else new.secret)
    hosts = (*quirks.PRESETS[new.preset].hosts, *new.hosts)
    return Access(auth, Trust(new.ca_pem, new.fingerprint), hosts)


def _values(new: NewAccount, base: str, found: Discovered) -> dict[str, Any]:
    calendar, book = CollectionKind.CALENDAR, CollectionKind.ADDRESSBOOK
    host = origin(base)[1]
    return {
        "label": (new.label.strip() or new.username or host)[:255],
        "preset": new.preset,
        "base_url": base,
        "auth_kind": new.auth_kind,
        "username": new.username,
        "oauth_meta": new.oauth_meta,
        "ca_pem": new.ca_pem,
        "fingerprint": new.fingerprint,
        "principal_cal": found.principals.get(calendar, ""),
        "principal_card": found.principals.get(book, ""),
        "home_cal": found.homes.get(calendar, ""),
        "home_card": found.homes.get(book, ""),
        "follow_new": new.follow_new,
        "interval_seconds": new.interval,
        "next_run": now() + new.interval,
        "trace": sentences.dump([asdict(one) for one in found.trace]),
    }


def _keep_secret(tx: Connection, office: Office, account_id: int, secret: str) -> None:
    sealed = Vault(office.settings.storage).encrypt(secret, context=context_of(account_id))
    remote.change_account(tx, account_id, secret=sealed)


def edit(office: Office, owner: Principal, account_id: int, change: Change) -> None:
    """Change an account; whatever was wrong before is tried anew at once."""
    account = get(office, owner, account_id)
    _check_trust(change.ca_pem or "", change.fingerprint or "")
    if change.interval is not None:
        _check_interval(change.interval)
    if change.secret == "":
        raise HttpError(400, "Enter the password.")
    told = {
        "label": change.label and change.label.strip()[:255],
        "username": change.username and change.username.strip()[:255],
        "ca_pem": change.ca_pem,
        "fingerprint": change.fingerprint and change.fingerprint.replace(":", "").strip().lower(),
        "interval_seconds": change.interval,
        "follow_new": change.follow_new,
        "oauth_meta": change.oauth_meta,
        "active": change.active,
    }
    values: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    values |= {"next_run": now(), "fail_count": 0, "error_code": "", "error_text": ""}
    with office.write("remote.edit", f"{owner.name} {account.label}") as tx:
        remote.change_account(tx, account_id, **values)
        if change.secret is not None:
            _keep_secret(tx, office, account_id, change.secret)
    background.wake()


# -- looking -----------------------------------------------------------------------------------------


def get(office: Office, owner: Principal, account_id: int) -> RemoteAccount:
    """One account of the owner's; 404 for any other."""
    with office.store.read() as tx:
        return _find(tx, owner, account_id)


def _find(tx: Connection, owner: Principal, account_id: int) -> RemoteAccount:
    found = remote.account(tx, account_id)
    if found is None or found.owner_id != owner.id:
        raise HttpError(404, "There is no such account.")
    return found


def _find_collection(
    tx: Connection, owner: Principal, remote_id: int
) -> tuple[RemoteAccount, RemoteCollection]:
    row = remote.collection(tx, remote_id)
    if row is None:
        raise HttpError(404, "There is no such calendar or address book.")
    return _find(tx, owner, row.account_id), row


def listing(office: Office, owner: Principal) -> list[AccountView]:
    """The owner's accounts with their state, oldest first."""
    with office.store.read() as tx:
        return [_view(tx, one) for one in remote.accounts_of(tx, owner.id)]


def view(office: Office, owner: Principal, account_id: int) -> AccountView:
    """One account with its collections."""
    with office.store.read() as tx:
        return _view(tx, _find(tx, owner, account_id))


def _view(tx: Connection, account: RemoteAccount) -> AccountView:
    rows = remote.collections_of(tx, account.id)
    linked, troubled = remote.counts(tx, account.id)
    local = {row.collection_id: collections.by_id(tx, row.collection_id) for row in rows if row.collection_id}
    views = tuple(
        CollectionView(
            row,
            local.get(row.collection_id) if row.collection_id else None,
            linked.get(row.id, 0),
            troubled.get(row.id, 0),
            question_of(row),
        )
        for row in rows
    )
    return AccountView(
        account,
        views,
        account.lease_until > now(),
        json.loads(account.progress) if account.progress else {},
        remote.count_conflicts(tx, account.owner_id, account.id),
    )


def question_of(row: RemoteCollection) -> Question | None:
    """The open question about deletions, None where there is none."""
    asked = guard_of(row.guard)
    return Question(**asked) if asked else None


def troubles(office: Office, owner: Principal, remote_id: int, limit: int = 200) -> list[RemoteItem]:
    """Items of a collection that are not kept in step, each with its reason."""
    with office.store.read() as tx:
        _find_collection(tx, owner, remote_id)
        return remote.troubled_items(tx, remote_id, limit)


def runs(office: Office, owner: Principal, account_id: int, limit: int = 50) -> list[RemoteRun]:
    """The last runs, newest first."""
    with office.store.read() as tx:
        _find(tx, owner, account_id)
        return remote.runs_of(tx, account_id, limit)


# -- choosing ----------------------------------------------------------------------------------------


def choose(office: Office, owner: Principal, remote_id: int, choice: Choice) -> None:
    """Subscribe to a remote collection, or change how it is synchronised; the next run is at once.

    :raises HttpError: 409 where the local collection is synchronised with another one already.
    """
    with office.write("remote.subscribe", f"{owner.name} {remote_id}") as tx:
        account, row = _find_collection(tx, owner, remote_id)
        if choice.collection_id is not None and choice.collection_id != row.collection_id:
            link(tx, row, _own_collection(tx, owner, row.kind, choice.collection_id).id)
        elif row.collection_id is None or collections.by_id(tx, row.collection_id) is None:
            subscribe(tx, account, row)
        elif not row.subscribed:
            link(tx, row, row.collection_id)
        values = {"direction": choice.direction.value, "policy": choice.policy.value}
        remote.change_collection(tx, remote_id, **values)
        remote.change_account(tx, account.id, next_run=_soon(account))
    background.wake()


def _soon(account: RemoteAccount) -> int | None:
    """Now, unless the account waits for a person."""
    return now() if account.next_run is not None else None


def _own_collection(tx: Connection, owner: Principal, kind: CollectionKind, collection_id: int) -> Collection:
    found = collections.by_id(tx, collection_id)
    if found is None or found.owner_id != owner.id or found.kind is not kind:
        raise HttpError(404, "There is no such calendar or address book.")
    if remote.linked_to(tx, [collection_id]):
        raise HttpError(409, "It is synchronised with another server already.")
    return found


def unsubscribe(office: Office, owner: Principal, remote_id: int) -> None:
    """Stop synchronising a collection. It stays here as a usual one, and there as it is."""
    with office.write("remote.unsubscribe", f"{owner.name} {remote_id}") as tx:
        _find_collection(tx, owner, remote_id)
        _let_go(tx, remote_id)


def _let_go(tx: Connection, remote_id: int) -> None:
    remote.forget_items(tx, remote_id)
    values = {"sync_token": "", "ctag": "", "guard": "", "error_code": "", "error_text": "", "gone_count": 0}
    remote.change_collection(tx, remote_id, collection_id=None, subscribed=False, initial=True, **values)


def publish(office: Office, owner: Principal, account_id: int, collection_id: int, net: Net = NET) -> int:
    """Create a collection of ours on the other server, and keep the two in step; returns the remote id.

    Also brings back one that is gone there: its memory is forgotten, and everything is pushed anew.
    """
    account = get(office, owner, account_id)
    with office.store.read() as tx:
        mine = collections.by_id(tx, collection_id)
        if mine is None or mine.owner_id != owner.id:
            raise HttpError(404, "There is no such calendar or address book.")
        known = remote.linked_to(tx, [collection_id]).get(collection_id)
    if known is not None and (known.account_id != account_id or known.error_code != Problem.GONE):
        raise HttpError(409, "It is synchronised with another server already.")
    home = account.home_cal if mine.kind is CollectionKind.CALENDAR else account.home_card
    if not home:
        raise HttpError(409, "The server has no place for this kind of collection.")
    with _reached(office, account, net) as client:
        href = _make_there(client, mine, normal_href(account.base_url, home))
    with office.write("remote.publish", f"{owner.name} {mine.name}") as tx:
        if known is not None:
            remote.forget_collection(tx, known.id)
        described = {"display_name": mine.display_name or "", "color": mine.color or ""}
        remote_id = remote.add_collection(
            tx, account_id, mine.kind, href, **described, components=mine.components
        )
        row = remote.collection(tx, remote_id)
        assert row is not None
        link(tx, row, collection_id)
        remote.change_account(tx, account_id, next_run=_soon(account))
    background.wake()
    return remote_id


@contextlib.contextmanager
def _reached(office: Office, account: RemoteAccount, net: Net) -> Iterator[DavClient]:
    """The account's server; what fails there is 502 with the reason."""
    try:
        with net.options.connect(office, account) as client:
            yield client
    except RemoteError as error:
        raise HttpError(502, str(error)) from None


def _make_there(client: DavClient, mine: Collection, home: str) -> str:
    """Create a collection like ours in a home there; returns its href."""
    if not client.quirks.make:
        raise HttpError(409, "This provider creates calendars on its own pages only.")
    href = f"{home.rstrip('/')}/{secrets.token_hex(8)}/"
    components = tuple(one for one in mine.components.split(",") if one)
    facts = Facts(href, mine.kind, mine.display_name or mine.name, mine.color or "", components)
    reply = client.make(href, mine.kind, facts)
    if not reply.ok:
        raise HttpError(
            502, Sentence("The server does not create it: it answered %(answer)s.", answer=reply.message)
        )
    return reply.href or href


def refresh(office: Office, owner: Principal, account_id: int, net: Net = NET) -> None:
    """Look which collections there are now; 502 with the reason where that fails."""
    account = get(office, owner, account_id)
    found: dict[str, Facts] = {}
    with _reached(office, account, net) as client:
        for url in dict.fromkeys(one for one in (account.home_cal, account.home_card) if one):
            found.update(client.home(url))
    note_collections(office, account, found)


# -- running -----------------------------------------------------------------------------------------


def sync_soon(office: Office, owner: Principal, account_id: int) -> None:
    """Let the background runner synchronise an account now; also one that waits for a person."""
    with office.store.write() as tx:
        _find(tx, owner, account_id)
        remote.change_account(tx, account_id, next_run=now(), active=True)
    background.wake()


def sync_now(office: Office, owner: Principal, account_id: int, options: Options | None = None) -> RunResult:
    """Synchronise here and now (``options.only``: one collection) and say what was done."""
    get(office, owner, account_id)
    return run_account(office, account_id, options)


def dry_run(
    office: Office, owner: Principal, account_id: int, options: Options | None = None
) -> dict[str, tuple[Any, ...]]:
    """What a run would do: title of the collection → steps (plan.Step); 502 where the server is away."""
    get(office, owner, account_id)
    try:
        return dict(plan_account(office, account_id, options))
    except RemoteError as error:
        raise HttpError(502, str(error)) from None


# -- questions and lost versions ---------------------------------------------------------------------


def answer(office: Office, owner: Principal, remote_id: int, token: str, *, accept: bool) -> None:
    """Answer the question about deletions: let them happen, or restore from the other side; then run.

    :param token: of the question that was shown: an answer to an older one is 409.
    """
    with office.write("remote.guard", f"{owner.name} {remote_id}") as tx:
        account, row = _find_collection(tx, owner, remote_id)
        question = question_of(row)
        if question is None or not secrets.compare_digest(question.token.encode(), token.encode()):
            raise HttpError(409, "The question has changed meanwhile; look again.")
        asked = {**asdict(question), "answer": "accept" if accept else "restore"}
        remote.change_collection(tx, remote_id, guard=json.dumps(asked))
        remote.change_account(tx, account.id, next_run=_soon(account))
    background.wake()


def conflicts(office: Office, owner: Principal, *, limit: int = 50, offset: int = 0) -> list[RemoteConflict]:
    """Versions that lost, newest first, with what won: for a view side by side."""
    with office.store.read() as tx:
        return remote.conflicts_of(tx, owner.id, limit=limit, offset=offset)


def conflict(office: Office, owner: Principal, conflict_id: int) -> RemoteConflict:
    """One version that lost; 404 for another user's."""
    with office.store.read() as tx:
        return _find_conflict(tx, owner, conflict_id)


def _find_conflict(tx: Connection, owner: Principal, conflict_id: int) -> RemoteConflict:
    found = remote.conflict(tx, conflict_id)
    if found is None or found.owner_id != owner.id:
        raise HttpError(404, "There is no such version.")
    return found


def restore_conflict(office: Office, owner: Principal, conflict_id: int) -> str:
    """Bring a lost version back: it replaces what is there now (which goes to the history).

    :returns: the item's name. The next run sends it to the other side.
    """
    with office.store.read() as tx:
        lost = _find_conflict(tx, owner, conflict_id)
    index = check_body(lost.kind, lost.data, office.settings)
    with office.write("remote.restore", f"{owner.name} {lost.collection_name}") as tx:
        found = collections.by_id(tx, lost.collection_id)
        if found is None or found.owner_id != owner.id:
            raise HttpError(409, "The calendar or address book it belongs to is gone.")
        target = lock_collection(tx, lost.collection_id)
        names = items.names_with_uid(tx, target.id, index.uid)
        current = items.get(tx, target.id, names[0]) if names else None
        name = current.name if current else _free_item_name(tx, target, lost)
        store_item(tx, target, NewItem(name, lost.data, index), current, owner=owner, actor=owner.name)
        remote.mark_restored(tx, conflict_id)
    return name


def _free_item_name(tx: Connection, target: Collection, lost: RemoteConflict) -> str:
    if lost.name and items.get(tx, target.id, lost.name) is None:
        return lost.name
    return secrets.token_hex(16) + KINDS[lost.kind].extension


def title_of(body: bytes) -> str:
    """What a version calls itself, for a list."""
    return normal.title_of(body)


# -- removing ----------------------------------------------------------------------------------------


def remove(office: Office, owner: Principal, account_id: int, *, keep: bool) -> None:
    """Disconnect an account; nothing is changed on the other server.

    :param keep: its collections stay as usual ones; else they are deleted here (to the trash).
    """
    action = "remote.remove" if keep else "remote.remove-with-data"
    with office.write(action, owner.name) as tx:
        account = _find(tx, owner, account_id)
        rows = remote.collections_of(tx, account_id)
        remote.remove_account(tx, account.id)
        if keep:
            return
        for row in rows:
            local = collections.by_id(tx, row.collection_id) if row.collection_id else None
            if local is not None:
                target = lock_collection(tx, local.id)
                trash.discard(tx, office.settings, (owner, target), office.actor or owner.name)
