"""What may be reached: every notation of a private address is refused."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from davserver.config import OutgoingSettings
from davserver.sync.addresses import Rules, is_public, rules_of

PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1
203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1
64:ff9b:1::808:808 100::1 2001::1 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:db8::1 2001:10::1
2002:7f00:1:: 2002:a00:1:: 2002:c0a8:101::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1
2a00:1450::5efe:7f00:1 2a00:1450::200:5efe:a00:1
"""

PUBLIC = """
8.8.8.8 1.1.1.1 100.63.255.255 100.128.0.1 172.32.0.1 192.0.1.1 2606:4700::1111 2a00:1450::1
::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
"""


@pytest.mark.parametrize("text", PRIVATE.split())
def test_what_is_not_public_is_refused_in_every_wrapping(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC.split())
def test_what_is_public_is_allowed(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["127.1", "2130706433", "0x7f.1", "0x7f000001", "017700000001", "0"])
def test_other_notations_of_the_loopback_resolve_to_it_and_are_refused(text: str) -> None:
    for entry in socket.getaddrinfo(text, 80, type=socket.SOCK_STREAM):
        assert not is_public(ipaddress.ip_address(entry[4][0]))


def test_the_operator_allows_networks_hosts_and_all_below_a_name() -> None:
    allow = ("192.168.1.0/24", "fd00::/8", "nextcloud.lan", "*.home.arpa")
    rules = rules_of(OutgoingSettings(allow=allow, ports=("443", "5232")))
    for text, allowed in (
        ("192.168.1.77", True),
        ("::ffff:192.168.1.77", True),
        ("192.168.2.1", False),
        ("fd00::1", True),
        ("2002:c0a8:14d::1", False),
        ("8.8.8.8", True),
    ):
        assert rules.allows_address(ipaddress.ip_address(text)) is allowed, text
    for name, allowed in (
        ("Nextcloud.LAN", True),
        ("nextcloud.lan.", True),
        ("evilnextcloud.lan", False),
        ("a.home.arpa", True),
        ("home.arpa", False),
        ("xhome.arpa", False),
    ):
        assert rules.allows_name(name) is allowed, name
    assert rules.allows_port(5232)
    assert not rules.allows_port(80)


def test_without_a_word_of_the_operator_there_are_three_ports_and_no_private_place() -> None:
    assert rules_of(OutgoingSettings()) == Rules()
    assert [port for port in (22, 25, 80, 443, 6379, 8443) if Rules().allows_port(port)] == [80, 443, 8443]
