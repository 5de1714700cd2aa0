"""Which places on the network may be reached: the guard against requests forged through this server.

Belongs here: what an address or a port is worth. Must not be here: resolving, connecting.

A user says "fetch https://…" and this server stands inside somebody's network. So only addresses that are
public may be reached, after unwrapping the notations that carry an IPv4 address inside IPv6, and what the
operator allows by outgoing.allow. How an address was written (decimal, octal, hexadecimal, a name) does
not matter: what is judged is what it resolved to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from davserver.config import OutgoingSettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
_REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # shared by carriers, and Tailscale's (RFC 6598)
        "168.63.129.16/32",  # Azure's inside
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "::/96",  # IPv4-compatible, long gone (RFC 4291 2.5.5.1)
        "64:ff9b:1::/48",  # a network's own NAT64 (RFC 8215)
        "3fff::/20",  # for documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
        "fec0::/10",  # site-local, long gone
    )
)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, with all addresses that it carries."""
    return all(_is_plainly_public(one) for one in (address, *_carried(address)))


def _is_plainly_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address in _NAT64:
        return True  # what it carries decides
    refused = (
        not address.is_global
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or any(address.version == network.version and address in network for network in _REFUSED)
    )
    return not refused or _maps_ipv4(address)


def _maps_ipv4(address: Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None


def _carried(address: Address) -> Iterator[Address]:
    """The IPv4 addresses inside an IPv6 address: where a packet to it may end up."""
    if not isinstance(address, ipaddress.IPv6Address):
        return
    number = int(address)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64 or (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        yield ipaddress.IPv4Address(number & 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator allows. ``names`` are lower case; ``.lan`` stands for all below it."""

    networks: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()
    ports: frozenset[int] | None = frozenset({80, 443, 8443})
    """None: all ports."""

    def allows_name(self, host: str) -> bool:
        """Whether a host may be reached whatever its address is."""
        host = host.lower().rstrip(".")
        return any(host == name or (name[0] == "." and host.endswith(name)) for name in self.names)

    def allows_address(self, address: Address) -> bool:
        """Whether an address may be reached, whoever has it."""
        plain = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        judged = plain or address
        if any(judged.version == network.version and judged in network for network in self.networks):
            return True
        return is_public(address)

    def allows_port(self, port: int) -> bool:
        """Whether a port may be reached at all."""
        return self.ports is None or port in self.ports


def rules_of(settings: OutgoingSettings) -> Rules:
    """The rules as the settings have them."""
    networks: list[Network] = []
    names: list[str] = []
    for entry in settings.allow:
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            names.append(entry.lower().rstrip(".").removeprefix("*"))
    every_port = "*" in settings.ports
    ports = None if every_port else frozenset(int(port) for port in settings.ports)
    return Rules(tuple(networks), tuple(names), ports)
