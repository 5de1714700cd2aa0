"""From an address or a mail address to the homes: RFC 6764, with a trace that people can read.

    found = discover(Asked("ann@example.org", "ann", preset), open_client, resolver)
    found.trace         what was tried, what came back, what to do

Belongs here: where to look, in which order, and what each answer tells. Must not be here: requests
(client), secrets, storing (accounts).

The order: the given URL itself (a principal, a home or a collection), /.well-known of its host, the SRV and
TXT records of its domain, the host's root. Each candidate is asked for current-user-principal and home sets.
SRV targets may lie in another domain (hosted domains): credentials go there only where the preset says so or
the person agreed (``hosts``); else the trace says which host wants them. RFC 2782, RFC 5397, RFC 6764.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urljoin, urlsplit

from davserver.davxml import DAV
from davserver.model import CollectionKind
from davserver.sentences import Sentence
from davserver.sync.client import KINDS, DavClient, Facts, facts_of
from davserver.sync.http import BadAddress, check_url, origin
from davserver.sync.problems import ADVICE, Problem, RemoteError
from davserver.sync.quirks import PRESETS, Preset

SERVICES = {
    CollectionKind.CALENDAR: ("caldav", Sentence("calendars")),
    CollectionKind.ADDRESSBOOK: ("carddav", Sentence("address books")),
}
PORTS = {"https": 443, "http": 80}
_PRINCIPAL = (
    "<d:resourcetype/><d:current-user-principal/><d:principal-URL/><c:calendar-home-set/><cr:addressbook-home-set/>"
    "<d:displayname/><d:sync-token/><d:supported-report-set/><d:current-user-privilege-set/><cs:getctag/>"
    "<c:supported-calendar-component-set/><ic:calendar-color/><ab:addressbook-color/>"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    host: str
    port: int


class Resolver(Protocol):
    """DNS, as far as discovery needs it."""

    def srv(self, name: str) -> list[Target]:
        """The SRV records of a name; empty where there are none."""

    def txt(self, name: str) -> list[str]:
        """The TXT records of a name; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person entered. ``address``: URL, host or mail address; ``hosts``: may get the password."""

    address: str
    username: str
    preset: str = "generic"
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """One step of the trace, for people. ``ok`` says whether it led on."""

    what: str
    outcome: str
    ok: bool = False


class Trace(list[Tried]):
    """The steps so far; who waits is told of each as it comes, and what he raises ends the search."""

    def __init__(self, tell: Callable[[Tried], None]) -> None:
        super().__init__()
        self._tell = tell

    def append(self, tried: Tried) -> None:
        """One more step."""
        super().append(tried)
        self._tell(tried)


@dataclass
class Discovered:
    """What was found. ``asks`` is the host that wants the password and needs consent, "" where none does."""

    principals: dict[CollectionKind, str] = field(default_factory=dict)
    homes: dict[CollectionKind, str] = field(default_factory=dict)
    collections: dict[str, Facts] = field(default_factory=dict)
    trace: list[Tried] = field(default_factory=list)
    problem: Problem | None = None
    asks: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is anything to synchronise."""
        return bool(self.homes or self.collections)

    @property
    def remedy(self) -> str:
        """What to do, where nothing was found."""
        if self.ok:
            return ""
        if self.asks:
            return Sentence(
                "If you trust %(host)s with your password, agree to it and try again.", host=self.asks
            )
        return ADVICE[self.problem or Problem.NOT_DAV].remedy


Open = Callable[[str], AbstractContextManager[DavClient]]
"""From a URL to a client whose credentials belong to that origin."""


def discover(asked: Asked, opened: Open, resolver: Resolver, trace: list[Tried] | None = None) -> Discovered:
    """Find calendars and address books; what went wrong is in the trace, not an exception."""
    found = Discovered(trace=[] if trace is None else trace)
    for kind in CollectionKind:
        for url in _candidates(asked, kind, resolver, found):
            if _try(kind, url, opened, found) or found.problem in _FINAL:
                break
        if found.problem in _FINAL:
            break
    if found.ok:
        found.problem = None
    elif found.problem is None:
        found.problem = Problem.NOT_DAV
    return found


_FINAL = (Problem.CREDENTIALS, Problem.CERTIFICATE, Problem.KEY)
"""What no other place would make better; trying on could lock the account."""


# -- where to look -----------------------------------------------------------------------------------


def _candidates(asked: Asked, kind: CollectionKind, resolver: Resolver, found: Discovered) -> Iterator[str]:
    """URLs to try for one kind, best first, each once."""
    seen: set[str] = set()
    for url in _places(asked, kind, resolver, found):
        if url in seen:
            continue
        seen.add(url)
        host = origin(url)[1]
        if not _may_have_password(asked, host):
            found.asks = found.asks or host
            found.trace.append(
                Tried(url, Sentence("%(host)s belongs to another domain; it needs your consent.", host=host))
            )
            continue
        yield url


def _places(asked: Asked, kind: CollectionKind, resolver: Resolver, found: Discovered) -> Iterator[str]:
    service = SERVICES[kind][0]
    preset = PRESETS.get(asked.preset, PRESETS["generic"])
    if start := _start_of(preset, kind, asked):
        yield start
        if not preset.server:
            return
    given, domain = _given(asked.address, found)
    if given:
        yield given
        yield urljoin(given, f"/.well-known/{service}")
    if not domain:
        return
    yield from _from_dns(service, domain, resolver, found)
    yield f"https://{domain}/.well-known/{service}"
    yield f"https://{domain}/"


def _start_of(preset: Preset, kind: CollectionKind, asked: Asked) -> str:
    """Where a provider's discovery starts, "" where DNS is asked."""
    text = preset.calendars if kind is CollectionKind.CALENDAR else preset.contacts
    if not text:
        return ""
    user = quote(asked.username or asked.address, safe="@")
    server = ""
    if preset.server:
        try:
            server = check_url(asked.address).rstrip("/")
        except BadAddress:
            return ""
        server = server.partition("/remote.php")[0].removesuffix("/index.php")
    return text.replace("{user}", user).replace("{server}", server)


def _given(address: str, found: Discovered) -> tuple[str, str]:
    """The URL that was entered ("" for a mail address), and the domain to ask DNS for."""
    address = address.strip()
    local, at, domain = address.rpartition("@")
    if at and local and "/" not in address:
        return "", domain.lower().rstrip(".")
    try:
        url = check_url(address)
    except BadAddress as error:
        found.trace.append(Tried(address, str(error)))
        return "", ""
    host = origin(url)[1]
    is_name = "." in host and not host.replace(".", "").isdigit() and ":" not in host
    return url, host if is_name else ""


def _may_have_password(asked: Asked, host: str) -> bool:
    """Whether a host may see the password without a question."""
    preset = PRESETS.get(asked.preset, PRESETS["generic"])
    allowed = (*preset.hosts, *asked.hosts)
    if any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in allowed):
        return True
    if preset.calendars and not preset.server:
        return host in {origin(preset.calendars)[1], origin(preset.contacts)[1]}
    address = asked.address.strip()
    own = address.rpartition("@")[2] if "://" not in address else urlsplit(address).hostname or ""
    own = own.partition("/")[0].rpartition("@")[2].partition(":")[0].lower()
    return host == own or host.endswith(f".{own}")


def _from_dns(service: str, domain: str, resolver: Resolver, found: Discovered) -> Iterator[str]:
    """SRV and TXT (RFC 6764 6): the encrypted service first; each with its path, else /.well-known."""
    for name, scheme in ((f"_{service}s._tcp.{domain}", "https"), (f"_{service}._tcp.{domain}", "http")):
        targets = in_order(resolver.srv(name))
        if not targets:
            found.trace.append(Tried(f"DNS SRV {name}", "There is no such record."))
            continue
        told = ", ".join(f"{one.host}:{one.port}" for one in targets)
        found.trace.append(Tried(f"DNS SRV {name}", told, ok=True))
        path = _path(resolver.txt(name))
        for target in targets:
            port = "" if target.port == PORTS[scheme] else f":{target.port}"
            base = f"{scheme}://{target.host.rstrip('.').lower()}{port}"
            if path:
                yield base + path
            yield f"{base}/.well-known/{service}"
            yield f"{base}/"


def _path(records: list[str]) -> str:
    """The path of TXT records (RFC 6764 4)."""
    for text in records:
        name, _, value = text.partition("=")
        if name.strip().lower() == "path" and value.startswith("/"):
            return value.strip()
    return ""


def in_order(targets: list[Target], rng: random.Random | None = None) -> list[Target]:
    """Targets as RFC 2782 wants them: by priority, within one by chance in proportion to their weights.

    One single record with the host "." says that the service is not offered.
    """
    rng = rng or random.Random()  # noqa: S311 - spreads load
    rest = [one for one in targets if one.host.strip(".")]
    ordered: list[Target] = []
    for priority in sorted({one.priority for one in rest}):
        group = sorted((one for one in rest if one.priority == priority), key=lambda one: one.weight)
        while group:
            number = rng.uniform(0, sum(one.weight for one in group))
            for chosen in group:
                number -= chosen.weight
                if number <= 0:
                    break
            group.remove(chosen)
            ordered.append(chosen)
    return ordered


# -- what is there -----------------------------------------------------------------------------------


def _try(kind: CollectionKind, url: str, opened: Open, found: Discovered) -> bool:
    """Ask one place; True where it led to a home or a collection of that kind."""
    try:
        with opened(url) as client:
            return _ask(kind, url, client, found)
    except RemoteError as error:
        found.trace.append(Tried(f"PROPFIND {url}", str(error)))
        if error.problem in _FINAL or found.problem is None:
            found.problem = error.problem
        if error.problem is Problem.REDIRECT and error.hrefs and not found.asks:
            found.asks = origin(error.hrefs[0])[1]
    return False


def _ask(kind: CollectionKind, url: str, client: DavClient, found: Discovered) -> bool:
    what = SERVICES[kind][1]
    listed = client.propfind(url, "0", _PRINCIPAL)
    base = client.final or url
    member = next(iter(listed.members.values()), None)
    if member is None or member.status >= 400:
        found.trace.append(Tried(f"PROPFIND {url}", "There is nothing."))
        return False
    if (facts := facts_of(member)).kind is not None:
        return _collection(kind, urljoin(base, member.href), facts, found)
    home = member.href_in(KINDS[kind].home, base)
    principal = member.href_in(f"{DAV}current-user-principal", base) or member.href_in(
        f"{DAV}principal-URL", base
    )
    if not home and principal:
        address = urljoin(base, principal)
        found.trace.append(
            Tried(
                f"PROPFIND {url}",
                Sentence("You are %(address)s", address=address),
                ok=True,
            )
        )
        answer = client.propfind(address, "0", _PRINCIPAL)
        base = client.final or address
        one = next(iter(answer.members.values()), None)
        home = one.href_in(KINDS[kind].home, base) if one else ""
        if not home:
            found.trace.append(
                Tried(
                    f"PROPFIND {address}",
                    Sentence("It names no home of %(kind)s.", kind=what),
                )
            )
            return False
        found.principals[kind] = address
    if home:
        return _home(kind, urljoin(base, home), found)
    return _perhaps_home(kind, urljoin(base, member.href), client, found)


def _collection(kind: CollectionKind, address: str, facts: Facts, found: Discovered) -> bool:
    """The address is that of one calendar or address book: it alone is offered."""
    if facts.kind is not kind:
        return False
    found.collections[address] = facts
    found.trace.append(
        Tried(
            f"PROPFIND {address}",
            Sentence("This is “%(name)s”.", name=facts.display_name or address),
            ok=True,
        )
    )
    return True


def _home(kind: CollectionKind, address: str, found: Discovered) -> bool:
    found.homes[kind] = address
    found.trace.append(Tried(Sentence("Home of the %(kind)s", kind=SERVICES[kind][1]), address, ok=True))
    return True


def _perhaps_home(kind: CollectionKind, address: str, client: DavClient, found: Discovered) -> bool:
    """An address that tells nothing of principals may be a home itself."""
    inside = [one for one in client.home(address).values() if one.kind is kind]
    if not inside:
        found.trace.append(
            Tried(
                f"PROPFIND {address}",
                Sentence(
                    "It answers, but names no principal and holds no %(kind)s.",
                    kind=SERVICES[kind][1],
                ),
            )
        )
        return False
    return _home(kind, address, found)


# -- DNS ---------------------------------------------------------------------------------------------


class Dns:
    """Asks the system's name servers."""

    def __init__(self, seconds: float = 5) -> None:
        self.seconds = seconds

    def srv(self, name: str) -> list[Target]:
        """The SRV records of a name."""
        return [
            Target(one.priority, one.weight, one.target.to_text(), one.port) for one in self._ask(name, "SRV")
        ]

    def txt(self, name: str) -> list[str]:
        """The TXT records of a name."""
        return [b"".join(one.strings).decode("utf-8", "replace") for one in self._ask(name, "TXT")]

    def _ask(self, name: str, kind: str) -> list[Any]:
        import dns.exception  # costs 0.1 s: loaded where an account is added
        import dns.resolver

        try:
            return list(dns.resolver.resolve(name, kind, lifetime=self.seconds))
        except (dns.exception.DNSException, ValueError):
            return []
