"""The connection under http.py: httpx over a network backend that goes only where it may.

Belongs here: resolving, checking, connecting to the checked address, TLS, reading within limits. Must not be
here: redirects, whom credentials may reach (http.py). Imported when something is fetched for the first time.

A name is resolved once; if one of its addresses must not be reached, none is tried; the socket goes to a
checked address, while the certificate and the Host header stay the name's. The time that is left is looked
at before each read and write, so that a server which drips byte by byte cannot hold a thread.
"""

from __future__ import annotations

import ipaddress
import logging
import queue
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Generator, Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any

import certifi
import httpcore
import httpx

from davserver.sentences import Sentence
from davserver.sync.addresses import Address, Rules
from davserver.sync.http import (
    Answer,
    BadAddress,
    Bearer,
    CertificateRefused,
    Garbled,
    OutgoingError,
    Password,
    TooLarge,
    Trust,
    Unreachable,
    Wanted,
    origin,
)

CONNECT_SECONDS = 10.0
CHUNK = 65_536
MOST_CONNECTIONS = 2

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # their lines below that hold addresses and headers


class Deadline:
    """Until when the request under way may take."""

    def __init__(self) -> None:
        self.until = 0.0

    def left(self, at_most: float | None = None) -> float:
        """Seconds that are left; raises where none are."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("took too long in all")
        return left if at_most is None else min(left, at_most)


# -- connecting --------------------------------------------------------------------------------------


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """The addresses of a host as the system's resolver tells them, in its order; raises Unreachable."""
    answers: queue.SimpleQueue[list[Address] | str] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found])
        except (OSError, UnicodeError, ValueError) as error:
            answers.put(f"the name cannot be resolved ({error})")

    # the resolver knows no time limit: who waits for it does
    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise Unreachable(host, "the name was not resolved in time") from None
    if isinstance(answer, str):
        raise Unreachable(host, answer)
    return list(dict.fromkeys(answer))


def check_addresses(host: str, addresses: Iterable[Address], rules: Rules) -> None:
    """Raise Unreachable unless all addresses may be reached: a name with two faces is a trap."""
    if rules.allows_name(host):
        return
    for address in addresses:
        if not rules.allows_address(address):
            raise Unreachable(host, f"{address} is not public and not in outgoing.allow")


class _Guard(httpcore.NetworkBackend):
    """Connects to the addresses that it has checked itself."""

    def __init__(self, rules: Rules, trust: Trust, deadline: Deadline) -> None:
        self._rules = rules
        self._trust = trust
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        host = host.strip("[]")
        addresses = resolve(host, port, self._deadline.left(CONNECT_SECONDS))
        check_addresses(host, addresses, self._rules)
        problem: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                seconds = self._deadline.left(CONNECT_SECONDS)
                stream = self._plain.connect_tcp(str(address), port, seconds, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return _Stream(stream, self._deadline, self._trust)
        raise problem


_ANY4, _ANY6 = ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")


class _Stream(httpcore.NetworkStream):
    """A connection that keeps the deadline and checks a pinned certificate."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline, trust: Trust) -> None:
        self._inner = inner
        self._deadline = deadline
        self._trust = trust

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        host = server_hostname or ""
        peer = self._inner.get_extra_info("server_addr")
        try:
            seconds = self._deadline.left(timeout)
            inner = self._inner.start_tls(ssl_context, server_hostname, seconds)
        except httpcore.ConnectError as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, ssl.SSLCertVerificationError):
                shown = self._shown_fingerprint(peer, host)
                raise CertificateRefused(host, _distrusted(cause, host), shown) from None
            raise
        if self._trust.fingerprint:
            shown = _fingerprint(inner.get_extra_info("ssl_object"))
            if shown != plain_fingerprint(self._trust.fingerprint):
                inner.close()
                raise CertificateRefused(host, Sentence("it is not the one that you trusted"), shown)
        return _Stream(inner, self._deadline, self._trust)

    def _shown_fingerprint(self, peer: Any, host: str) -> str:
        """Connect again to the same, checked, address, only to see the certificate it shows."""
        try:
            with (
                socket.create_connection(peer[:2], self._deadline.left(CONNECT_SECONDS)) as raw,
                _unverified().wrap_socket(raw, server_hostname=host) as secure,
            ):
                return _fingerprint(secure)
        except (OSError, httpcore.ReadTimeout, TypeError):
            return ""


# -- TLS ---------------------------------------------------------------------------------------------


def plain_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as it is compared: hex digits, lower case, without colons and spaces."""
    return text.replace(":", "").replace(" ", "").lower()


def _fingerprint(secure: Any) -> str:
    return sha256(secure.getpeercert(True) or b"").hexdigest()


def _unverified() -> ssl.SSLContext:
    """A context that verifies nothing: for a certificate that is compared, or shown to a person."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=32)
def ssl_context(trust: Trust) -> ssl.SSLContext:
    """What certificates are believed; raises OutgoingError for a CA that is no certificate."""
    if trust.fingerprint:
        return _unverified()
    if not trust.ca_pem:
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())  # slim containers have no authorities of their own
        return context
    try:
        context = ssl.create_default_context(cadata=trust.ca_pem)
    except (ssl.SSLError, ValueError):
        raise OutgoingError("The own certificate authority of this account is no PEM certificate.") from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a server's own certificate will do as well
    return context


# -- httpx over the guarded backend ------------------------------------------------------------------


class _Transport(httpx.BaseTransport):
    """httpx's requests by a pool of ours; its own transport has no place for a network backend."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _PasswordFlow(httpx.Auth):
    """Basic at once where the line is encrypted, else what is asked for; Digest once it was asked for."""

    def __init__(self, password: Password) -> None:
        self._password = password
        self._digest: httpx.DigestAuth | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._digest is not None:
            yield from self._digest.auth_flow(request)
            return
        at_once = request.url.scheme == "https"
        if at_once:
            request.headers["Authorization"] = self._password.basic()
        response = yield request
        asked = {one.split(" ")[0].lower() for one in response.headers.get_list("www-authenticate")}
        if response.status_code != 401 or (at_once and "basic" in asked):
            return
        if "digest" in asked:
            request.headers.pop("Authorization", None)
            self._digest = httpx.DigestAuth(self._password.username, self._password.password)
            yield from self._digest.auth_flow(request)
        elif "basic" in asked:
            request.headers["Authorization"] = self._password.basic()
            yield request


class _BearerFlow(httpx.Auth):
    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._bearer.token}"
        yield request


class Connections:
    """The open connections of one :class:`davserver.sync.http.Client`."""

    def __init__(self, rules: Rules, trust: Trust, proxy: str) -> None:
        self._rules = rules
        self._proxy = proxy
        self._deadline = Deadline()
        self._flows: dict[Password | Bearer, httpx.Auth] = {}
        self._client = httpx.Client(transport=_Transport(self._pool(trust)), trust_env=False, timeout=600)

    def _pool(self, trust: Trust) -> httpcore.ConnectionPool:
        options: dict[str, Any] = {
            "ssl_context": ssl_context(trust),
            "max_connections": MOST_CONNECTIONS,
            "keepalive_expiry": 30.0,
        }
        if self._proxy:
            anywhere = _Guard(Rules((_ANY4, _ANY6)), trust, self._deadline)  # the proxy itself needs no leave
            return httpcore.HTTPProxy(self._proxy, network_backend=anywhere, **options)
        guard = _Guard(self._rules, trust, self._deadline)
        return httpcore.ConnectionPool(network_backend=guard, **options)

    def close(self) -> None:
        """Close them."""
        self._client.close()

    def send(self, wanted: Wanted, size: int, until: float) -> Answer:
        """One request and its whole answer; redirects are answers.

        :param size: bytes of the body, unpacked.
        :param until: moment of time.monotonic() at which it is given up.
        """
        self._deadline.until = until
        host = origin(wanted.url)[1]
        self._check(wanted.url)
        try:
            response = self._authorised(wanted)
            try:
                body = b"" if wanted.method == "HEAD" else _read(response, size)
            finally:
                response.close()
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProxyError) as error:
            raise Unreachable(host, _reason(error)) from None
        except (httpcore.ProtocolError, httpx.HTTPError, zlib.error) as error:
            raise Garbled(
                Sentence("%(host)s sent an answer that is cut or broken.", host=host), f"{host}: {error}"
            ) from None
        except (httpx.InvalidURL, httpcore.UnsupportedProtocol, UnicodeError):  # idna's errors are the last
            raise BadAddress("This is not an address.") from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, body, wanted.url)

    def _check(self, url: str) -> None:
        """What can be told before anything is resolved."""
        _, host, port = origin(url)
        if not self._rules.allows_port(port):
            raise Unreachable(host, f"port {port} is not in outgoing.ports")
        if self._proxy:  # it resolves names; numbers in any notation, and this machine, are no names
            if host == "localhost" or host.endswith(".localhost"):
                raise Unreachable(host, "this machine is not reached by the proxy")
            check_addresses(host, _literal(host), self._rules)

    def _authorised(self, wanted: Wanted) -> httpx.Response:
        """Send with the credentials; the body of a 401 that is answered by a second try is not read."""
        headers = {"Accept-Encoding": "gzip", **wanted.headers}
        request = self._client.build_request(wanted.method, wanted.url, headers=headers, content=wanted.body)
        flow = self._flow(wanted.auth).auth_flow(request)
        request = next(flow)
        while True:
            response = self._client.send(request, stream=True)
            try:
                request = flow.send(response)
            except StopIteration:
                return response
            response.close()

    def _flow(self, auth: Password | Bearer | None) -> httpx.Auth:
        if auth is None:
            return httpx.Auth()
        if auth not in self._flows:
            self._flows[auth] = _PasswordFlow(auth) if isinstance(auth, Password) else _BearerFlow(auth)
        return self._flows[auth]


def _literal(host: str) -> list[Address]:
    """The address that a host is, in whatever notation; nothing for a name."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _distrusted(error: ssl.SSLCertVerificationError, host: str) -> str:
    """Why a certificate is not trusted: OpenSSL's words, as a sentence where they are common ones."""
    said = error.verify_message.rstrip(".")
    mismatch = Sentence("Hostname mismatch, certificate is not valid for '%(host)s'", host=host)
    return next((one for one in (*_DISTRUSTED, mismatch) if one == said), said)


_DISTRUSTED = (
    Sentence("certificate has expired"),
    Sentence("certificate is not yet valid"),
    Sentence("self-signed certificate"),
    Sentence("self-signed certificate in certificate chain"),
    Sentence("unable to get local issuer certificate"),
)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _read(response: httpx.Response, size: int) -> bytes:
    """The body, unpacked piece by piece, so that a bomb is noticed when it grows too large."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip", ""):
        raise httpx.RemoteProtocolError(f"content-encoding {coding}")
    raw = response.iter_raw(CHUNK)
    parts: list[bytes] = []
    total = 0
    for part in raw if coding in ("identity", "") else _inflated(raw, size):
        total += len(part)
        if total > size:
            raise TooLarge(Sentence("The answer has more than %(size)s KiB.", size=size // 1024))
        parts.append(part)
    return b"".join(parts)


def _inflated(raw: Iterator[bytes], size: int) -> Iterator[bytes]:
    inflate = zlib.decompressobj(wbits=31)
    begun = False
    for chunk in raw:
        begun = True
        while chunk:
            yield inflate.decompress(chunk, min(size + 1, 16 * CHUNK))
            chunk = inflate.unconsumed_tail
            if inflate.eof:  # a second member may follow (RFC 1952 2.2)
                chunk, inflate = inflate.unused_data, zlib.decompressobj(wbits=31)
                begun = bool(chunk)
    if begun:
        raise zlib.error("cut in the middle")
