"""What is believed of the web server or reverse proxy in front: address, scheme, host and prefix.

X-Forwarded-* counts only when the peer is one of ``server.trusted_proxies``; of a list that several
proxies wrote, the rightmost entry is the nearest proxy's own. Everybody else's is ignored, so that no
client can choose the address under which it is throttled and logged.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from typing import Any

from davserver.config import ServerSettings

PEER = "davserver.peer"
"""The environ key with the address that the connection really came from (set by proxy_fix)."""

_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PREFIX",
)
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_PREFIX = re.compile(r"(/(?!\.+(?:/|$))[A-Za-z0-9._~@+-]+)+")


def proxy_fix(environ: dict[str, Any], settings: ServerSettings) -> None:
    """Make REMOTE_ADDR, wsgi.url_scheme, HTTP_HOST, SCRIPT_NAME and PATH_INFO what the client sees.

    Changes ``environ`` in place; call it once per request, before anything looks at it.
    """
    environ[PEER] = peer = _plain(environ.get("REMOTE_ADDR") or "")
    environ["REMOTE_ADDR"] = peer
    if settings.url_prefix:
        _apply_prefix(environ, settings.url_prefix)
    if any(name in environ for name in _FORWARDED) and is_within(peer, settings.trusted_proxies):
        _apply_forwarded(environ, settings.trusted_proxies)
    if settings.base_url:
        environ["wsgi.url_scheme"], _, environ["HTTP_HOST"] = settings.base_url.partition("://")


def client_address(environ: dict[str, Any]) -> str:
    """The client's IP address after proxy_fix(), or "" where there is none (a Unix socket)."""
    return str(environ.get("REMOTE_ADDR") or "")


def peer_address(environ: dict[str, Any]) -> str:
    """The address of whoever holds the connection: the proxy, where there is one."""
    return str(environ.get(PEER, environ.get("REMOTE_ADDR")) or "")


@functools.lru_cache(maxsize=1024)
def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of the networks; ``unix`` stands for a peer without address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        # waitress calls the peer of a Unix socket "localhost"; gunicorn and uWSGI give nothing
        return address in ("", "localhost") and "unix" in networks
    return any(ip in ipaddress.ip_network(item, strict=False) for item in networks if item != "unix")


def _apply_forwarded(environ: dict[str, Any], trusted: tuple[str, ...]) -> None:
    values = {name: _entries(environ.get(name, "")) for name in _FORWARDED}
    hops, schemes, hosts, prefixes = values.values()
    environ["REMOTE_ADDR"] = _client(environ["REMOTE_ADDR"], hops, trusted)
    if schemes and schemes[-1].lower() in ("http", "https"):
        environ["wsgi.url_scheme"] = schemes[-1].lower()
    if hosts and _HOST.fullmatch(hosts[-1]):
        environ["HTTP_HOST"] = hosts[-1]
    if prefixes and _PREFIX.fullmatch(prefixes[-1].rstrip("/")):
        _apply_prefix(environ, prefixes[-1].rstrip("/"))


def _client(peer: str, hops: list[str], trusted: tuple[str, ...]) -> str:
    """From right to left: the first address that is no trusted proxy; beyond it, anything is claimed."""
    client = peer
    for hop in reversed(hops):
        address = _plain(hop)
        if not _is_address(address):
            break
        client = address
        if not is_within(address, trusted):
            break
    return client


def _apply_prefix(environ: dict[str, Any], prefix: str) -> None:
    """Put the prefix into SCRIPT_NAME, whether the proxy has cut it from the path or not."""
    script, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    if script == prefix or script.startswith(prefix + "/"):
        return
    if path == prefix or path.startswith(prefix + "/"):
        environ["PATH_INFO"] = path[len(prefix) :]
    environ["SCRIPT_NAME"] = prefix + script


def _entries(value: str) -> list[str]:
    return [entry.strip() for entry in value.split(",") if entry.strip()]


def _plain(address: str) -> str:
    """Without port, brackets, zone or the IPv4-in-IPv6 form: ``[::ffff:192.0.2.1]:80`` → ``192.0.2.1``."""
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        address = address.partition(":")[0]
    address = address.partition("%")[0]
    return address[7:] if address.lower().startswith("::ffff:") and "." in address else address


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
