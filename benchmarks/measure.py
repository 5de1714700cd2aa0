"""Measuring: every workload on every server in turn, and again in another order.

Rules: knows nothing of what is asked. A sample is one server, one workload, one round: server CPU over all
its requests, the latency of each, the memory's peak. A wrong answer ends the sample and is all it tells.
"""

from __future__ import annotations

import contextlib
import http.client
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.client import Client, Missing, Wrong
from benchmarks.servers import Server
from benchmarks.workloads import Tasks, Visit, Workload

SLOW_SECONDS = 3.0
"""A workload with requests slower than this is measured in the first round only."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One workload on one server in one round. Times in seconds, memory in MiB."""

    cpu: float
    """Server CPU per request."""
    latency: float
    """The median from first byte out to last byte in."""
    items: float
    """What an answer told of, on average."""
    peak: float
    wrong: str = ""
    """Why the answers do not count, if so; the figures are then nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    workloads: Sequence[Workload]
    rounds: int
    seconds: float
    """Wall time for one sample; at least one request is measured."""


Samples = dict[tuple[str, str], list[Sample]]
"""(server, workload) → one sample for each round."""


def measure(visits: Sequence[Visit], plan: Plan) -> Samples:
    """Run the plan: A B C, then B C A, …; within a round each workload is run on all servers in turn."""
    samples: Samples = {}
    for turn in range(plan.rounds):
        start = turn % len(visits)
        order = [*visits[start:], *visits[:start]]
        for workload in plan.workloads:
            for visit in order:
                done = samples.setdefault((visit.server.name, workload.name), [])
                if not done or (done[0].latency < SLOW_SECONDS and not done[0].wrong):
                    with contextlib.suppress(Missing):
                        done.append(_sample(visit, workload, plan.seconds))
    return samples


def _sample(visit: Visit, workload: Workload, seconds: float) -> Sample:
    client, tasks = visit.server.client(), workload.tasks(visit)
    try:
        return _measured(visit.server, client, tasks, seconds)
    except Wrong as exc:
        return Sample(0.0, 0.0, 0.0, 0.0, str(exc))
    except (OSError, http.client.HTTPException) as exc:
        return Sample(0.0, 0.0, 0.0, 0.0, f"no answer: {exc!r}")
    finally:
        tasks.close()
        client.close()


def _measured(server: Server, client: Client, tasks: Tasks, seconds: float) -> Sample:
    first = next(tasks)
    first.check(client.send(first.request))  # opens connections, fills caches
    server.forget_peak()
    latencies: list[float] = []
    items = 0
    before, deadline = server.cpu_seconds(), time.monotonic() + seconds
    for task in tasks:
        answer = client.send(task.request)
        latencies.append(answer.seconds)
        items += task.check(answer)
        if time.monotonic() > deadline:
            break
    cpu = server.cpu_seconds() - before
    number = len(latencies)
    return Sample(cpu / number, statistics.median(latencies), items / number, server.memory()[1])
