"""What to do with an item: pure decisions from three states (here, there, as last agreed).

Belongs here: the table, the conflict policies, the guards against mass deletion. Must not be here: requests,
the database, the clock; who carries a decision out decides again on what is then stored.

    here \\ there     unchanged         changed              deleted
    unchanged        nothing           take                 drop (to the trash)
    changed          push              reconcile            push anew
    deleted          remove            take (edit wins)     forget

``reconcile`` compares what both say: equal versions are adopted, a version that only got a new entity tag is
no change, and what is left is a conflict for the policy. The loser is always kept.
"""

from __future__ import annotations

import enum
from collections.abc import Collection as Container
from dataclasses import dataclass

from davserver.model import Direction, Item, ItemState, Policy, RemoteItem


class Side(enum.Enum):
    """One side, compared with the agreed state."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    DELETED = "deleted"


class Action(enum.Enum):
    """What to do with an item."""

    NOTHING = "nothing"
    TAKE = "take"
    """Store there's version here."""
    DROP = "drop"
    """Delete here, to the trash."""
    PUSH = "push"
    """PUT, If-Match the agreed entity tag."""
    RECONCILE = "reconcile"
    """Both changed: compare the bodies (:func:`reconcile`)."""
    PUSH_ANEW = "push anew"
    """PUT, If-None-Match: *."""
    REMOVE = "remove"
    """DELETE, If-Match the agreed entity tag."""
    FORGET = "forget"
    """Gone on both sides, or no longer one and the same."""


_TABLE = {
    (Side.UNCHANGED, Side.UNCHANGED): Action.NOTHING,
    (Side.UNCHANGED, Side.CHANGED): Action.TAKE,
    (Side.UNCHANGED, Side.DELETED): Action.DROP,
    (Side.CHANGED, Side.UNCHANGED): Action.PUSH,
    (Side.CHANGED, Side.CHANGED): Action.RECONCILE,
    (Side.CHANGED, Side.DELETED): Action.PUSH_ANEW,
    (Side.DELETED, Side.UNCHANGED): Action.REMOVE,
    (Side.DELETED, Side.CHANGED): Action.TAKE,
    (Side.DELETED, Side.DELETED): Action.FORGET,
}

_ONE_WAY = {
    (Direction.PULL, Action.PUSH): Action.TAKE,
    (Direction.PULL, Action.REMOVE): Action.TAKE,
    (Direction.PUSH, Action.TAKE): Action.PUSH,
    (Direction.PUSH, Action.DROP): Action.PUSH_ANEW,
}
"""Where only one way is wanted: the other side's version is restored instead."""


def decide(here: Side, there: Side, direction: Direction = Direction.TWO_WAY) -> Action:
    """The action of a cell of the table."""
    action = _TABLE[here, there]
    if direction is Direction.PUSH and here is Side.DELETED and there is Side.CHANGED:
        return Action.REMOVE
    if direction is Direction.PULL and here is Side.CHANGED and there is Side.DELETED:
        return Action.FORGET  # it stays here only
    return _ONE_WAY.get((direction, action), action)


def here_side(agreed: RemoteItem, item: Item | None) -> Side:
    """The local side of a linked item; one that the other server refused still has its change to bring."""
    if item is None:
        return Side.DELETED
    if item.revision != agreed.local_revision or agreed.state is ItemState.REFUSED:
        return Side.CHANGED
    return Side.UNCHANGED


class Outcome(enum.Enum):
    """How two changed versions are brought together."""

    ADOPT = "adopt"
    """They say the same: remember that."""
    ONLY_ETAG = "only etag"
    """There nothing changed but the entity tag: remember it, push ours."""
    THEIRS = "theirs"
    """Take theirs; ours is lost and kept."""
    OURS = "ours"
    """Push ours over theirs; theirs is lost and kept."""
    BOTH = "both"
    """Take theirs, ours becomes a new item; it is kept, too."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version for :func:`reconcile`. ``changed_at`` as of content.normal, ``has_people`` for meetings."""

    fingerprint: str
    changed_at: tuple[str, int] = ("", 0)
    has_people: bool = False


def reconcile(ours: Version, theirs: Version, agreed: str, policy: Policy) -> Outcome:
    """Bring two versions together. ``agreed``: fingerprint of the agreed one, "" where there is none."""
    if ours.fingerprint == theirs.fingerprint:
        return Outcome.ADOPT
    if agreed and theirs.fingerprint == agreed:
        return Outcome.ONLY_ETAG
    if policy is Policy.LOCAL:
        return Outcome.OURS
    if policy is Policy.NEWEST and ours.changed_at > theirs.changed_at:
        return Outcome.OURS
    if policy is Policy.KEEP_BOTH and not (ours.has_people or theirs.has_people):
        return Outcome.BOTH
    return Outcome.THEIRS


# -- guards ------------------------------------------------------------------------------------------

GUARD_FROM = 10
"""Linked items from which the share counts, and deletions that never need a question."""


def needs_consent(known: int, deletions: int) -> bool:
    """Whether so many deletions look like an accident.

    More than half (and more than 10) of at least 10 items; or all of them, where that is more than one.
    Deleting the only item is daily life, and what is asked each time is not read. It goes to the history,
    from which it can be restored; and a listing that merely lacks it is not believed before it was asked for.
    """
    if deletions <= 1:
        return False
    return deletions >= known or (known >= GUARD_FROM and deletions > max(GUARD_FROM, known / 2))


# -- a whole collection, for the dry run -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Theirs:
    """What is known of the other side: changed hrefs with entity tags, and what is gone."""

    changed: dict[str, str]
    gone: frozenset[str] = frozenset()
    complete: bool = False
    """Whether ``changed`` lists everything that is there."""

    def side(self, agreed: RemoteItem) -> Side:
        """The other side of a linked item."""
        if agreed.href in self.gone or (self.complete and agreed.href not in self.changed):
            return Side.DELETED
        etag = self.changed.get(agreed.href)
        if etag is None or (etag and etag == agreed.etag):
            return Side.UNCHANGED
        return Side.CHANGED


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan. ``name`` or ``href`` may be "" where there is none yet."""

    action: Action
    name: str
    href: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a collection is synchronised."""

    direction: Direction = Direction.TWO_WAY
    read_only: bool = False

    @property
    def way(self) -> Direction:
        """The direction that is possible."""
        return Direction.PULL if self.read_only else self.direction


def plan(
    ours: dict[str, Item], theirs: Theirs, agreed: Container[RemoteItem], rules: Rules
) -> tuple[Step, ...]:
    """The steps that would bring a collection in step; ``ours`` are all local items by name."""
    steps = []
    for one in agreed:
        there = theirs.side(one)
        if one.name is None:
            action = {Side.CHANGED: Action.TAKE, Side.DELETED: Action.FORGET}.get(there, Action.NOTHING)
        else:
            here = here_side(one, ours.get(one.name))
            refused = one.state is ItemState.REFUSED and one.local_revision == getattr(
                ours.get(one.name), "revision", None
            )
            action = decide(here, there, rules.way)
            action = Action.NOTHING if refused and action is Action.PUSH else action
        if action is not Action.NOTHING:
            steps.append(Step(action, one.name or "", one.href, one.uid))
    linked_names = {one.name for one in agreed}
    linked_hrefs = {one.href for one in agreed}
    if rules.way is not Direction.PULL:
        steps += [
            Step(Action.PUSH_ANEW, item.name, "", item.uid)
            for item in ours.values()
            if item.name not in linked_names
        ]
    if rules.way is not Direction.PUSH:
        steps += [Step(Action.TAKE, "", href) for href in theirs.changed if href not in linked_hrefs]
    return tuple(steps)
