"""The lock table as WsgiDAV's storage: roots, descendants, expiry."""

from __future__ import annotations

from typing import Any

from davserver.storage import Store, locks, schema


def lock(**changes: Any) -> dict[str, Any]:
    """A new lock in WsgiDAV's form."""
    return {"timeout": 60, "scope": "exclusive", "depth": "0", "owner": "<o>ü</o>".encode(), **changes}


def test_a_lock_is_read_back(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        table = locks.LockStorage(tx, people["ann"])
        made = table.create("/calendars/ann/x", lock(depth="infinity"))
        found = table.get(made["token"])
    assert found is not None
    assert found["root"] == "/calendars/ann/x"
    assert (found["principal"], found["depth"], found["scope"], found["type"]) == (
        "ann",
        "infinity",
        "exclusive",
        "write",
    )
    assert found["owner"] == "<o>ü</o>".encode()
    assert 0 < found["timeout"] <= 60


def test_no_lock_lives_longer_than_a_week_without_a_refresh(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        table = locks.LockStorage(tx, people["ann"])
        for asked in (-1, 10**12):
            assert table.create("/a", lock(timeout=asked))["timeout"] == locks.LONGEST


def test_locks_around_a_path_are_on_above_and_below_it(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        locks.LockStorage(tx, people["ann"]).create("/c/ann/x", lock())
        for path, around in (
            ("/c/ann/x", True),
            ("/c/ann/x/one", True),
            ("/c/ann", True),
            ("/c/ann/xy", False),
            ("/c/ann/x0", False),
            ("/c/ann/X", False),
            ("/c/bob", False),
            ("/", True),
        ):
            assert locks.any_around(tx, path) is around, path


def test_a_list_is_of_the_root_or_below(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        table = locks.LockStorage(tx, people["ann"])
        for path in ("/a", "/a/b", "/a/b/c", "/ab", "/a0"):
            table.create(path, lock())

        def roots(path: str, *, root: bool, children: bool) -> set[str]:
            found = table.get_lock_list(path, include_root=root, include_children=children, token_only=False)
            return {one["root"] for one in found}

        assert roots("/a", root=True, children=False) == {"/a"}
        assert roots("/a/", root=True, children=False) == {"/a"}
        assert roots("/a", root=False, children=True) == {"/a/b", "/a/b/c"}
        assert roots("/a", root=True, children=True) == {"/a", "/a/b", "/a/b/c"}
        assert roots("/", root=False, children=True) == {"/a", "/a/b", "/a/b/c", "/ab", "/a0"}


def test_what_has_run_out_is_not_there_and_is_swept(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        table = locks.LockStorage(tx, people["ann"])
        made = table.create("/a", lock())
        tx.execute(schema.lock.update().values(expires=1))
        assert table.get(made["token"]) is None
        assert not locks.any_around(tx, "/a")
        table.create("/b", lock())
        assert len(tx.execute(schema.lock.select()).all()) == 1


def test_a_refresh_starts_the_time_anew(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        table = locks.LockStorage(tx, people["ann"])
        made = table.create("/a", lock())
        refreshed = table.refresh(made["token"], timeout=500)
    assert refreshed is not None
    assert refreshed["timeout"] == 500


def test_a_resource_takes_its_locks_and_those_below_along(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        table = locks.LockStorage(tx, people["ann"])
        for path in ("/a", "/a/b", "/ab"):
            table.create(path, lock())
        locks.forget(tx, "/a")
        assert {row.root for row in tx.execute(schema.lock.select())} == {"/ab"}


def test_deleting_says_whether_there_was_one(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        table = locks.LockStorage(tx, people["ann"])
        token = table.create("/a", lock())["token"]
        assert table.delete(token) is True
        assert table.delete(token) is False


def test_the_longest_path_fits(store: Store, people: dict[str, int]) -> None:
    root = "/calendars/" + "u" * 100 + "/" + "🎂" * 255 + "/" + "🎂" * 255
    with store.write() as tx:
        table = locks.LockStorage(tx, people["ann"])
        table.create(root, lock())
        assert locks.any_around(tx, root)
