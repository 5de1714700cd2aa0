"""Answer requests, by waitress."""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import logging
import signal
import sys
from typing import Any

import waitress.server
from waitress.channel import HTTPChannel
from waitress.task import WSGITask

from davserver import config, log
from davserver.app import create_app
from davserver.cli.common import first_steps, recover, settings_of
from davserver.cli.uploads import Uploads, parser_for
from davserver.config import ServerSettings, Settings
from davserver.errors import ConfigError
from davserver.sync.runner import Runner, works_of

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""mallopt(3)."""

LARGE = 8 * 1024 * 1024
"""Bytes that go back to the system at once when they are freed. With half as many, first syncs cost more."""

OPTIONS = {"listen": ("HOST:PORT", str), "threads": ("N", int), "url_prefix": ("/PATH", str)}
"""Settings of [server] that can be given as options: how the value is shown, its type."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, (metavar, kind) in OPTIONS.items():
        text = config.keys("server")[name].metadata["help"]
        parser.add_argument(_option(name), metavar=metavar, type=kind, help=text)


def run(args: argparse.Namespace) -> int:
    settings = _with_arguments(settings_of(args), args)
    log.configure(settings)
    application = create_app(settings)
    server = _create_server(application, settings)
    signal.signal(signal.SIGTERM, _leave)
    for line in (*first_steps(settings), f"davserver answers at {_address(server, settings.server)}"):
        print(line, file=sys.stderr, flush=True)
    recover(settings)
    runner = Runner(settings, works_of(settings))
    runner.start()
    try:
        server.run()
    finally:
        runner.stop()
    return 0


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _with_arguments(settings: Settings, args: argparse.Namespace) -> Settings:
    given = {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}
    for name, value in given.items():
        check = config.keys("server")[name].metadata["check"]
        if wrong := check(value):
            raise ConfigError(f"{_option(name)} {wrong}")
    return dataclasses.replace(settings, server=dataclasses.replace(settings.server, **given))


class KeepAliveTask(WSGITask):  # type: ignore[misc]
    """waitress closes the connection after each answer without Content-Length, and sends the header alone.

    HTTP/1.1 needs the former neither for a chunked answer nor for one without a body (RFC 9112 6.3), and a
    client that edits twenty events would pay for twenty connections. An answer of one piece goes out whole:
    one packet and one system call less.
    """

    wrote_header: bool
    _in_header = False

    def build_response_header(self) -> bytes:
        self._in_header = True
        try:
            return bytes(super().build_response_header())
        finally:
            self._in_header = False

    def write(self, data: bytes) -> None:
        if self.wrote_header or not data or len(data) != self.content_length or not self.has_body:
            super().write(data)
            return
        header = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(header + data)

    def set_close_on_finish(self) -> None:
        asked = self.request.headers.get("CONNECTION", "").lower() == "close"
        if not self._in_header or asked or self.version != "1.1":
            super().set_close_on_finish()


def _give_memory_back() -> None:
    """glibc keeps an arena for each thread and never gives it back: long answers would add up.

    It also takes a large block that was freed for a reason to keep such blocks from then on. A login needs
    19 MiB for a moment (argon2): they would stay with every thread that ever saw one.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(M_ARENA_MAX, 2)
            libc.mallopt(M_MMAP_THRESHOLD, LARGE)
            libc.mallopt(M_TRIM_THRESHOLD, LARGE)
        if hasattr(libc, "malloc_trim"):
            libc.malloc_trim(0)  # what loading the modules took and left


def _create_server(application: Any, settings: Settings) -> Any:
    server = settings.server
    place: dict[str, Any] = {"listen": server.listen}
    if server.listen.startswith("unix:"):
        place = {"unix_socket": server.listen.removeprefix("unix:"), "unix_socket_perms": "660"}
    HTTPChannel.task_class = KeepAliveTask
    HTTPChannel.parser_class = parser_for(Uploads(settings))
    _give_memory_back()
    # waitress warns of each request that waits for a thread; clients that sync at once make that normal
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        return waitress.server.create_server(
            application,
            **place,
            threads=server.threads,
            connection_limit=server.connections,
            channel_timeout=server.idle_seconds,
            max_request_body_size=server.max_request_size,
            clear_untrusted_proxy_headers=False,  # proxy_fix() decides, for every server alike
            ident=None,
        )
    except OSError as exc:
        raise ConfigError(f"cannot listen at {server.listen}: {exc.strerror or exc}") from exc


def _address(server: Any, settings: ServerSettings) -> str:
    if settings.listen.startswith("unix:"):
        return settings.listen
    host = f"[{server.effective_host}]" if ":" in server.effective_host else server.effective_host
    base = settings.base_url or f"http://{host}:{server.effective_port}"
    return f"{base}{settings.url_prefix}/"


def _leave(*_: object) -> None:
    raise SystemExit(0)
