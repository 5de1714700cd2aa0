"""The report: samples → Markdown.

Rules: pure text from figures. Medians over the rounds; ratios to the floor in brackets; a server that
answered wrongly in any round has no figure, only a mark, and the reason stands below the tables.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measure import Sample, Samples

FLOOR = "floor"
SAME_ANSWER = 1.05
"""Up to this growth of the answer, two answers count as equally large."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A server before the first workload."""

    version: str
    cold_start: float
    """Seconds from the start of the process to its first 207."""
    idle: float
    """MiB after that."""


@dataclass(frozen=True, slots=True)
class Result:
    """One size."""

    size: int
    standings: Mapping[str, Standing]
    samples: Samples

    @property
    def servers(self) -> list[str]:
        return list(self.standings)

    @property
    def workloads(self) -> list[str]:
        return list(dict.fromkeys(name for _, name in self.samples))

    def median(self, server: str, workload: str, figure: Callable[[Sample], float]) -> float | None:
        """The median of a figure over the rounds; None where there is none or an answer was wrong."""
        samples = self.samples.get((server, workload), [])
        if not samples or any(sample.wrong for sample in samples):
            return None
        return statistics.median(figure(sample) for sample in samples)

    def wrong(self, server: str, workload: str) -> str:
        """Why a server's answers do not count, or nothing."""
        return next((sample.wrong for sample in self.samples.get((server, workload), []) if sample.wrong), "")


def markdown(results: Sequence[Result], notes: Sequence[str]) -> str:
    """The whole report."""
    parts = [line for result in results for line in _of_size(result)]
    if len(results) > 1:
        parts += _growth(results[0], results[-1])
    remarks = [*notes, *(remark for result in results for remark in _remarks(result))]
    if remarks:
        parts += ["", "### Notes", "", *(f"- {remark}" for remark in remarks)]
    return "\n".join(parts).strip()


def _of_size(result: Result) -> Iterator[str]:
    yield from ("", f"### {result.size:,} items: server CPU, ms per request (ratio to the floor)", "")
    yield from _compared(result, lambda sample: sample.cpu)
    yield from ("", f"### {result.size:,} items: latency p50, ms (ratio to the floor)", "")
    yield from _compared(result, lambda sample: sample.latency)
    yield from ("", f"### {result.size:,} items: start and memory", "")
    yield from _standings(result)


def _compared(result: Result, figure: Callable[[Sample], float]) -> Iterator[str]:
    yield from _head(["workload", "items in an answer", *result.servers])
    for workload in result.workloads:
        counts = (result.median(server, workload, lambda sample: sample.items) for server in result.servers)
        floor = result.median(FLOOR, workload, figure)
        cells = [_cell(result, server, workload, (figure, floor)) for server in result.servers]
        yield _row([workload, _count(next((n for n in counts if n is not None), None)), *cells])


def _cell(
    result: Result, server: str, workload: str, how: tuple[Callable[[Sample], float], float | None]
) -> str:
    figure, floor = how
    value = result.median(server, workload, figure)
    if value is None:
        return "wrong" if result.wrong(server, workload) else "–"
    ratio = f" ({value / floor:.1f}×)" if floor and server != FLOOR else ""
    return f"{_number(value * 1000)}{ratio}"


def _standings(result: Result) -> Iterator[str]:
    yield from _head(["server", "version", "cold start, s", "idle, MiB", "peak, MiB", "at"])
    for server, standing in result.standings.items():
        peaks = [
            (sample.peak, workload)
            for (name, workload), samples in result.samples.items()
            for sample in samples
            if name == server
        ]
        peak, workload = max(peaks)
        figures = [f"{standing.cold_start:.2f}", f"{standing.idle:.0f}", f"{peak:.0f}", workload]
        yield _row([server, standing.version, *figures])


def _growth(small: Result, large: Result) -> Iterator[str]:
    title = f"### Growth of the CPU per request, {small.size:,} → {large.size:,} items"
    yield from ("", title, "", "In brackets, where the answer grows too: CPU per item of the answer.", "")
    servers = [server for server in small.servers if server in large.servers]
    yield from _head(["workload", "the answer", *servers])
    for workload in small.workloads:
        cells = [_grown(small, large, server, workload) for server in servers]
        answers = (_factor(small, large, (server, workload), lambda s: s.items) for server in servers)
        answer = next(filter(None, answers), None)
        yield _row([workload, f"{answer:.1f}×" if answer else "–", *cells])


def _grown(small: Result, large: Result, server: str, workload: str) -> str:
    cpu = _factor(small, large, (server, workload), lambda sample: sample.cpu)
    answer = _factor(small, large, (server, workload), lambda sample: sample.items)
    if cpu is None:
        return "–"
    if answer is None or answer <= SAME_ANSWER:
        return f"{cpu:.1f}×"
    return f"{cpu:.1f}× ({cpu / answer:.1f}×)"


def _factor(
    small: Result, large: Result, place: tuple[str, str], figure: Callable[[Sample], float]
) -> float | None:
    before, after = small.median(*place, figure), large.median(*place, figure)
    if before is None or after is None:
        return None
    if before == after:
        return 1.0
    return after / before if before else None


def _remarks(result: Result) -> Iterator[str]:
    for server, workload in result.samples:
        if reason := result.wrong(server, workload):
            yield f"{server}, {workload}, {result.size:,} items: {reason}"


def _head(cells: Sequence[str]) -> list[str]:
    return [_row(cells), "|---" * len(cells) + "|"]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
