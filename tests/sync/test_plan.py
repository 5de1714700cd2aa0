"""The decisions of synchronisation: every cell of the table for every policy, and the guards."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from davserver.model import Direction, Item, ItemState, Policy, RemoteItem
from davserver.sync.plan import (
    Action,
    Outcome,
    Rules,
    Side,
    Step,
    Theirs,
    Version,
    decide,
    here_side,
    needs_consent,
    plan,
    reconcile,
)

U, C, D = Side.UNCHANGED, Side.CHANGED, Side.DELETED
TABLE = {
    (U, U): Action.NOTHING,
    (U, C): Action.TAKE,
    (U, D): Action.DROP,
    (C, U): Action.PUSH,
    (C, C): Action.RECONCILE,
    (C, D): Action.PUSH_ANEW,
    (D, U): Action.REMOVE,
    (D, C): Action.TAKE,
    (D, D): Action.FORGET,
}
OLD, OURS, THEIRS = Version("old"), Version("ours", ("2", 0)), Version("theirs", ("1", 0))
WINNER = {
    Policy.REMOTE: Outcome.THEIRS,
    Policy.LOCAL: Outcome.OURS,
    Policy.NEWEST: Outcome.OURS,
    Policy.KEEP_BOTH: Outcome.BOTH,
}


@pytest.mark.parametrize(("cell", "policy"), list(itertools.product(TABLE, Policy)))
def test_each_cell_under_each_policy(cell: tuple[Side, Side], policy: Policy) -> None:
    action = decide(*cell)
    assert action is TABLE[cell]
    if action is Action.RECONCILE:
        assert reconcile(OURS, THEIRS, "old", policy) is WINNER[policy]


@pytest.mark.parametrize("policy", Policy)
def test_equal_versions_are_adopted_and_a_moved_entity_tag_is_no_change(policy: Policy) -> None:
    assert reconcile(OURS, OURS, "old", policy) is Outcome.ADOPT
    assert reconcile(OURS, OLD, "old", policy) is Outcome.ONLY_ETAG
    assert reconcile(OURS, THEIRS, "", policy) is WINNER[policy]


def test_the_newest_wins_and_where_nobody_knows_the_other_server() -> None:
    assert reconcile(Version("a", ("1", 9)), Version("b", ("2", 0)), "", Policy.NEWEST) is Outcome.THEIRS
    assert reconcile(Version("a", ("2", 1)), Version("b", ("2", 0)), "", Policy.NEWEST) is Outcome.OURS
    assert reconcile(Version("a"), Version("b"), "", Policy.NEWEST) is Outcome.THEIRS


def test_a_meeting_is_never_doubled() -> None:
    meeting = Version("a", has_people=True)
    assert reconcile(meeting, Version("b"), "", Policy.KEEP_BOTH) is Outcome.THEIRS


@pytest.mark.parametrize("cell", list(TABLE))
def test_what_is_only_received_is_never_sent(cell: tuple[Side, Side]) -> None:
    assert decide(*cell, Direction.PULL) not in (Action.PUSH, Action.PUSH_ANEW, Action.REMOVE)


@pytest.mark.parametrize("cell", list(TABLE))
def test_what_is_only_sent_never_changes_here(cell: tuple[Side, Side]) -> None:
    assert decide(*cell, Direction.PUSH) not in (Action.TAKE, Action.DROP)


@pytest.mark.parametrize(
    ("known", "deletions", "asks"),
    [
        (0, 0, False),
        (1, 1, False),  # the only item is deleted: no question
        (2, 2, True),  # a side became empty
        (9, 8, False),
        (10, 6, False),  # up to ten never need one
        (20, 10, False),
        (20, 11, True),
        (100, 50, False),
        (100, 51, True),
        (3000, 3000, True),
    ],
)
def test_deletions_that_look_like_an_accident_need_consent(known: int, deletions: int, asks: bool) -> None:
    assert needs_consent(known, deletions) is asks


# -- a whole collection


def local(name: str, revision: int = 1) -> Item:
    return Item(1, 1, name, name, "VEVENT", '"x"', 1, revision, 0, 0)


def agreed(name: str | None, href: str, **values: Any) -> RemoteItem:
    row = RemoteItem(1, 1, href, name, name or "", 1, '"1"', "", "", 0, False, ItemState.OK, "")
    return row._replace(**values)


def test_a_plan_lists_what_differs_and_nothing_else() -> None:
    ours = {"same": local("same"), "mine": local("mine", 2), "new": local("new"), "lost": local("lost")}
    known = [agreed(name, f"/{name}") for name in ("same", "mine", "gone", "lost", "theirs")]
    ours["theirs"] = local("theirs")
    theirs = Theirs(
        {"/same": '"1"', "/mine": '"1"', "/gone": '"1"', "/theirs": '"2"', "/fresh": '"9"'}, complete=True
    )
    assert set(plan(ours, theirs, known, Rules())) == {
        Step(Action.PUSH, "mine", "/mine", "mine"),
        Step(Action.REMOVE, "gone", "/gone", "gone"),
        Step(Action.DROP, "lost", "/lost", "lost"),
        Step(Action.TAKE, "theirs", "/theirs", "theirs"),
        Step(Action.PUSH_ANEW, "new", "", "new"),
        Step(Action.TAKE, "", "/fresh"),
    }


def test_a_collection_that_may_only_be_read_gets_nothing_sent() -> None:
    ours = {"mine": local("mine", 2), "new": local("new")}
    steps = plan(
        ours, Theirs({"/mine": '"1"'}, complete=True), [agreed("mine", "/mine")], Rules(read_only=True)
    )
    assert steps == (Step(Action.TAKE, "mine", "/mine", "mine"),)


def test_what_the_other_server_refused_waits_for_a_change() -> None:
    refused = agreed("mine", "/mine", state=ItemState.REFUSED, local_revision=2)
    theirs = Theirs({"/mine": '"1"'}, complete=True)
    assert plan({"mine": local("mine", 2)}, theirs, [refused], Rules()) == ()
    assert plan({"mine": local("mine", 3)}, theirs, [refused], Rules())[0].action is Action.PUSH
    assert here_side(refused, local("mine", 2)) is Side.CHANGED, "an edit there must not overwrite it unseen"


def test_a_parked_item_is_looked_at_when_it_changes() -> None:
    parked = agreed(None, "/twice", state=ItemState.PARKED)
    assert plan({}, Theirs({"/twice": '"1"'}, complete=True), [parked], Rules()) == ()
    assert plan({}, Theirs({"/twice": '"2"'}, complete=True), [parked], Rules())[0].action is Action.TAKE
