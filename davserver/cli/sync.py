"""Do what is due: subscribed calendars, remote accounts, tidying. For cron where no server process does."""

from __future__ import annotations

import argparse
import signal
import threading

from davserver import log
from davserver.cli.common import opened, settings_of
from davserver.config import Settings
from davserver.errors import DavServerError
from davserver.jobs.background import woken
from davserver.jobs.settings import in_force
from davserver.storage import migrations
from davserver.sync.runner import Runner, run_due
from davserver.sync.work import Place


class Off(DavServerError):
    """The operator wants nothing fetched."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--forever",
        action="store_true",
        help="go on until stopped, beside a server that does not do it itself (gunicorn, Passenger)",
    )


def run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    log.configure(settings)
    with opened(settings) as store:
        migrations.ensure(store)
        if not args.forever:
            settings = in_force(store, settings)
            if not settings.outgoing.enabled:
                raise Off("This server fetches nothing from others (setting outgoing.enabled).")
            count = run_due(Place(store, settings))
            print(f"{count} due." if count else "Nothing was due.")
            return 0
    return _forever(settings)


def _forever(settings: Settings) -> int:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    signal.signal(signal.SIGUSR1, lambda *_: woken.set())
    runner = Runner(settings)
    runner.start()
    stopped.wait()
    runner.stop()
    return 0
