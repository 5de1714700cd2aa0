"""Notes of failed logins and used nonces, shared by the processes of one machine."""

from __future__ import annotations

from pathlib import Path

from davserver.storage.attempts import FILE_NAME, Attempts


def test_failures_are_counted_by_key_and_time(tmp_path: Path) -> None:
    notes = Attempts(tmp_path)
    for at in (1.0, 2.0, 3.0):
        notes.record(["a", "b"], at, 0.0)
    assert notes.nth_newest("a", 1, 0.0) == 3.0
    assert notes.nth_newest("a", 3, 0.0) == 1.0
    assert notes.nth_newest("a", 3, 1.0) is None
    assert notes.nth_newest("c", 1, 0.0) is None
    notes.forget("a")
    assert notes.nth_newest("a", 1, 0.0) is None
    assert notes.nth_newest("b", 1, 0.0) == 3.0


def test_other_processes_see_them(tmp_path: Path) -> None:
    Attempts(tmp_path).record(["a"], 1.0, 0.0)
    assert Attempts(tmp_path).nth_newest("a", 1, 0.0) == 1.0


def test_old_failures_are_swept(tmp_path: Path) -> None:
    notes = Attempts(tmp_path)
    notes.record(["a"], 1.0, 0.0)
    notes.record(["b"], 10.0, 5.0)
    assert notes.nth_newest("a", 1, 0.0) is None


def test_a_nonce_is_used_once_with_each_count(tmp_path: Path) -> None:
    notes = Attempts(tmp_path)
    assert notes.is_first_use("n", 1, 100.0, 1.0)
    assert not notes.is_first_use("n", 1, 100.0, 1.0)
    assert notes.is_first_use("n", 2, 100.0, 1.0)
    assert notes.is_first_use("m", 1, 100.0, 1.0)


def test_the_notes_are_private(tmp_path: Path) -> None:
    Attempts(tmp_path).record(["a"], 1.0, 0.0)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


def test_a_broken_file_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"rubbish" * 1000)
    notes = Attempts(tmp_path)
    notes.record(["a"], 1.0, 0.0)
    assert notes.nth_newest("a", 1, 0.0) == 1.0


def test_where_notes_cannot_be_kept_nobody_is_locked_out(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    notes = Attempts(blocked)
    notes.record(["a"], 1.0, 0.0)
    assert notes.nth_newest("a", 1, 0.0) is None
