"""The command: set up the servers in a scratch folder, seed them, measure, print Markdown.

Progress goes to stderr, the report to stdout. Exit status 1 when an answer of davserver or of the floor
was wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.client import Wrong
from benchmarks.data import CORE, DataSet
from benchmarks.measure import Plan, measure
from benchmarks.report import Result, Standing, markdown
from benchmarks.servers import PEERS, ROOT, SERVERS, Server, Unavailable
from benchmarks.workloads import WORKLOADS, Visit

QUICK = {"sizes": [50], "servers": ["floor", "davserver"], "rounds": 1, "seconds": 0.05}
"""What --quick means."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = _options(arguments)
    plan = Plan(
        [workload for workload in WORKLOADS if any(part in workload.name for part in options.only)],
        options.rounds,
        options.seconds,
    )
    notes: list[str] = []
    results = []
    for size in options.sizes:
        kinds = [kind for kind in SERVERS if kind.name in options.servers]
        if size > options.peers_up_to and any(kind.name in PEERS for kind in kinds):
            notes.append(f"{size:,} items: peers left out (--peers-up-to {size} takes them in, and its time)")
            kinds = [kind for kind in kinds if kind.name not in PEERS]
        results.append(_measured(kinds, size, (plan, options.cache, notes)))
    print(markdown(results, notes))
    return int(any(result.wrong(*key) for result in results for key in result.samples if key[0] not in PEERS))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    names = [kind.name for kind in SERVERS]
    parser.add_argument("--quick", action="store_true", help="a smoke run: 50 items, davserver and the floor")
    parser.add_argument("--sizes", type=_sizes, default=[1000, 10_000], metavar="N,N", help="items, growing")
    parser.add_argument("--servers", type=_words, default=names, metavar="NAME,NAME", help=", ".join(names))
    parser.add_argument("--only", type=_words, default=[""], metavar="TEXT,TEXT", help="parts of names")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, each in another order (3)")
    parser.add_argument("--seconds", type=float, default=0.4, help="wall time of one sample (0.4)")
    parser.add_argument("--peers-up-to", type=int, default=1000, metavar="N", help="largest size for peers")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / "build" / "bench", help="where peers are installed"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        vars(options).update(QUICK)
    return options


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _sizes(text: str) -> list[int]:
    sizes = sorted(int(word) for word in text.split(","))
    if sizes[0] < CORE:
        raise argparse.ArgumentTypeError(f"at least {CORE}")
    return sizes


def _measured(kinds: Sequence[type[Server]], size: int, how: tuple[Plan, Path, list[str]]) -> Result:
    """Start and seed the servers, measure them, stop them."""
    plan, cache, notes = how
    data = DataSet(size)
    standings: dict[str, Standing] = {}
    visits = []
    with tempfile.TemporaryDirectory(prefix="davserver-bench-") as folder, contextlib.ExitStack() as stack:
        for kind in kinds:
            server = kind(Path(folder), cache.resolve())
            stack.callback(server.stop)
            _say(f"{size:,} items: {server.name}: install, start, seed")
            try:
                standings[server.name] = _set_up(server, data)
                visits.append(Visit(server, data))
            except (Unavailable, Wrong) as exc:
                server.stop()
                notes.append(f"{size:,} items: {server.name} left out: {exc}")
        _say(f"{size:,} items: {len(plan.workloads)} workloads, {plan.rounds} rounds")
        return Result(size, standings, measure(visits, plan))


def _set_up(server: Server, data: DataSet) -> Standing:
    version = server.install()
    server.prepare()
    server.start()
    server.seed(data)
    seconds = server.cold_start()
    return Standing(version, seconds, server.memory()[0])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
