"""Log lines: where the settings say, in a shape that no client can change, without secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from davserver import log
from davserver.config import LogSettings, Settings

NAMES = ("davserver", "davserver.access", "wsgidav", "waitress")


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    before = [(name, logging.getLogger(name)) for name in NAMES]
    states = [(logger, logger.handlers[:], logger.level, logger.propagate) for _, logger in before]
    yield
    for logger, handlers, level, propagate in states:
        for handler in logger.handlers:
            handler.close()
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def configured(tmp_path: Path, **values: Any) -> Path:
    """Log to a file with these settings of [log]; returns the file."""
    storage = replace(Settings().storage, data_dir=tmp_path)
    log.configure(Settings(storage=storage, log=LogSettings(file="logs/dav.log", **values)))
    return tmp_path / "logs" / "dav.log"


def test_a_line_has_time_with_zone_level_and_place(tmp_path: Path) -> None:
    file = configured(tmp_path)
    logging.getLogger("davserver.auth").warning("failed login")
    time, level, place, *words = file.read_text().split()
    assert len(time) == len("2026-11-21T11:38:27+0000")
    assert (level, place, words) == ("WARNING", "davserver.auth:", ["failed", "login"])


def test_the_level_is_a_setting(tmp_path: Path) -> None:
    file = configured(tmp_path, level="ERROR")
    logging.getLogger("davserver").warning("quiet")
    logging.getLogger("davserver").error("loud")
    assert file.read_text().endswith("davserver: loud\n")
    assert "quiet" not in file.read_text()


def test_no_text_makes_a_second_line_or_moves_the_cursor(tmp_path: Path) -> None:
    file = configured(tmp_path)
    logging.getLogger("davserver").warning("a\nb\rc\x1b[2Jd\u2028e\x00")
    lines = file.read_text(encoding="utf-8").split("\n")
    assert len(lines) == 3
    assert lines[1] == "    b\\rc\\x1b[2Jd\\u2028e\\x00"


def test_a_file_that_logrotate_moved_is_opened_anew(tmp_path: Path) -> None:
    file = configured(tmp_path)
    logging.getLogger("davserver").warning("one")
    file.rename(tmp_path / "dav.log.1")
    logging.getLogger("davserver").warning("two")
    assert file.read_text().endswith("two\n")


def test_the_access_log_has_a_line_for_each_request_when_wanted(tmp_path: Path) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("207 Multi-Status", [])
        return [b"12345", b"67"]

    for wanted in (False, True):
        file = configured(tmp_path, access=wanted)
        environ = {"REQUEST_METHOD": "PROPFIND", "PATH_INFO": "/dav/a b\n", "REMOTE_ADDR": "192.0.2.7"}
        body = log.AccessLog(application)(environ, lambda *_: None)
        assert b"".join(body) == b"1234567"
        body.close()  # type: ignore[attr-defined]
        lines = file.read_text().splitlines()
        assert len(lines) == int(wanted)
    assert "192.0.2.7 PROPFIND /dav/a%20b\\n 207 7 bytes " in lines[0]


@pytest.mark.parametrize(
    "path",
    [
        "/ical/SeCrEt.ics",
        "/ical/SeCrEt/My calendar.ics",
        "/sub/ical/SeCrEt",
        "/account/new-password/SeCrEt",
        "/account/grant/SeCrEt",
        "/sub/account/apple-profile/SeCrEt",
    ],
)
def test_the_secret_of_a_link_is_not_written(path: str) -> None:
    assert "SeCrEt" not in log.mask(path)
    assert log.mask(path).startswith(path.partition("SeCrEt")[0] + "...")
