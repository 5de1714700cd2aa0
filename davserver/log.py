"""Logging: one handler, lines that no client can break or forge, an access log for those who want one.

Belongs here: where log lines go and how they look. Must not be here: deciding what is worth a line.
Failed logins are WARNINGs of the logger davserver.auth; deploy/fail2ban reads them.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from davserver.config import Settings

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_LINK = re.compile(r"(/ical/|/account/(?:new-password|grant|apple-profile)/)[^/.?]+")
"""Addresses that are secrets: public links, and what stands for signing in."""

access_log = logging.getLogger("davserver.access")


class _Formatter(logging.Formatter):
    """Times in ISO 8601 with zone; no control characters; a newline only before an indented line."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))

    def format(self, record: logging.LogRecord) -> str:
        text = _CONTROL.sub(lambda match: ascii(match[0])[1:-1], super().format(record))
        return text.replace("\n", "\n    ")


def configure(settings: Settings) -> None:
    """Send our log lines, and those of the libraries beneath, where the settings say."""
    path = settings.storage.data_dir / settings.log.file if settings.log.file else None
    handler = _file_handler(path) if path else logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(FORMAT))
    for name in ("davserver", "wsgidav", "waitress"):
        logger = logging.getLogger(name)
        for old in logger.handlers:
            old.close()
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel("WARNING")
    adjust(settings)


def adjust(settings: Settings) -> None:
    """How much is logged; may change while the server runs."""
    logging.getLogger("davserver").setLevel(settings.log.level)
    access_log.setLevel(logging.INFO if settings.log.access else logging.CRITICAL)


def _file_handler(path: Path) -> logging.Handler:
    """Reopens the file when logrotate has moved it."""
    from logging.handlers import WatchedFileHandler  # imports half the standard library: only where wanted

    path.parent.mkdir(parents=True, exist_ok=True)
    return WatchedFileHandler(path, encoding="utf-8")


class AccessLog:
    """WSGI middleware: one line when an answer has been sent. Put it innermost, after proxy_fix()."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began, status = time.perf_counter(), ["-"]

        def remember_status(line: str, headers: Any, exc_info: Any = None) -> Any:
            status[0] = line[:3]
            return start_response(line, headers, exc_info) if exc_info else start_response(line, headers)

        body = self._app(environ, remember_status)
        return _Counted(body, lambda sent: _write(environ, status[0], sent, began))


class _Counted:
    """An answer that reports its length when it is closed, and otherwise behaves as it did."""

    def __init__(self, body: Iterable[bytes], report: Callable[[int], None]) -> None:
        self._body = body
        self._report = report
        self._sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self._body:
            self._sent += len(part)
            yield part

    def close(self) -> None:
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            self._report(self._sent)


def _write(environ: dict[str, Any], status: str, sent: int, began: float) -> None:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    access_log.info(
        "%s %s %s %s %d bytes %.1f ms %s",
        environ.get("REMOTE_ADDR") or "-",
        environ.get("REQUEST_METHOD", "-"),
        mask(path),
        status,
        sent,
        (time.perf_counter() - began) * 1000,
        ascii(environ.get("HTTP_USER_AGENT", "-"))[:120],
    )


def mask(path: str) -> str:
    """A path for the log: the secret of a link is not written, spaces and newlines are escaped."""
    return ascii(_LINK.sub(r"\1…", path))[1:-1].replace("\\u2026", "...").replace(" ", "%20")
