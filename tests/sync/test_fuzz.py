"""Random edits, faulty networks, killed runs: a few seeds of fuzz.py for each server; many under interop."""

from __future__ import annotations

import itertools

import pytest

from davserver.model import CollectionKind, Policy
from tests.sync.fuzz import play
from tests.sync.peers import PEERS

KINDS = (CollectionKind.CALENDAR, CollectionKind.ADDRESSBOOK)
ALL = tuple(itertools.product(PEERS, Policy, KINDS))
QUICK = (
    ("radicale", Policy.REMOTE, CollectionKind.CALENDAR, 14),
    ("radicale", Policy.NEWEST, CollectionKind.ADDRESSBOOK, 3),
    ("xandikos", Policy.REMOTE, CollectionKind.CALENDAR, 14),
    ("xandikos", Policy.LOCAL, CollectionKind.ADDRESSBOOK, 1),
    ("davserver", Policy.KEEP_BOTH, CollectionKind.CALENDAR, 2),
    ("davserver", Policy.LOCAL, CollectionKind.ADDRESSBOOK, 5),
    ("sabre", Policy.REMOTE, CollectionKind.CALENDAR, 0),
)
SEEDS = 10


@pytest.mark.parametrize(("server", "policy", "kind", "seed"), QUICK)
def test_nothing_is_lost_or_doubled(server: str, policy: Policy, kind: CollectionKind, seed: int) -> None:
    counts = play(seed, server, policy, kind)
    assert counts["died"], "nothing was killed: the test shows nothing"


@pytest.mark.interop
@pytest.mark.parametrize(("server", "policy", "kind"), ALL)
def test_nothing_is_lost_or_doubled_with_many_seeds(
    server: str, policy: Policy, kind: CollectionKind
) -> None:
    for seed in range(SEEDS):
        play(seed, server, policy, kind)
