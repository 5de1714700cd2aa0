"""Named values and the audit log."""

from __future__ import annotations

from davserver.storage import Store, audit, settings


def test_a_value_is_set_replaced_and_forgotten(store: Store) -> None:
    with store.write() as tx:
        assert settings.get(tx, "a") is None
        settings.put(tx, "a", "1")
        settings.put(tx, "a", "ü🎂" * 1000)
        assert settings.get(tx, "a") == "ü🎂" * 1000
        assert settings.get(tx, "A") is None
        settings.remove(tx, "a")
        settings.remove(tx, "a")
        assert settings.get(tx, "a") is None


def test_the_newest_entries_come_first(store: Store) -> None:
    with store.write() as tx:
        for number in range(3):
            audit.record(tx, "ann", "user.add", str(number), address="192.0.2.1", detail="x")
        newest = audit.newest(tx, 2)
    assert [row.target for row in newest] == ["2", "1"]
    assert (newest[0].actor, newest[0].address, newest[0].detail) == ("ann", "192.0.2.1", "x")
