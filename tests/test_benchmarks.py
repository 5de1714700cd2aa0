"""The project's benchmark runs, and davserver and the floor answer every workload of it rightly."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import data, report
from benchmarks.measure import Sample
from davserver.content import lines

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def quick() -> subprocess.CompletedProcess[str]:
    """`python -m benchmarks --quick`: 50 items, davserver and the floor."""
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_no_answer_of_davserver_or_the_floor_is_wrong(quick: subprocess.CompletedProcess[str]) -> None:
    assert quick.returncode == 0, quick.stdout + quick.stderr
    assert "wrong" not in quick.stdout


def test_every_workload_has_a_figure_of_davserver(quick: subprocess.CompletedProcess[str]) -> None:
    rows = [line.split("|")[1:-1] for line in quick.stdout.splitlines() if line.startswith("| ")]
    figures = {row[0].strip(): row[3].strip() for row in rows if len(row) == 4}
    assert len(figures) > 20
    assert all(re.match(r"\d|davserver", figure) for figure in figures.values()), figures


def test_a_larger_data_set_begins_with_the_smaller_one() -> None:
    small, large = data.DataSet(100), data.DataSet(300)
    assert large.objects[:100] == small.objects
    assert large.cards[:100] == small.cards


def test_the_quiet_month_is_the_same_at_every_size() -> None:
    small, large = data.DataSet(100), data.DataSet(1000)
    assert small.during(data.QUIET) == large.during(data.QUIET)
    assert len(small.during(data.QUIET)) == data.CORE
    assert small.busy(data.QUIET) == large.busy(data.QUIET)


def test_all_objects_can_be_parsed() -> None:
    for item in data.DataSet(500).objects:
        (calendar,) = lines.parse_components(item.body.decode())
        assert calendar.name == "VCALENDAR"


def test_periods_that_touch_are_merged() -> None:
    hours = [datetime(2030, 1, 1, hour, tzinfo=UTC) for hour in range(6)]
    periods = [(hours[3], hours[5]), (hours[0], hours[1]), (hours[1], hours[2])]
    assert data.merged(iter(periods)) == [(hours[0], hours[2]), (hours[3], hours[5])]


def _result(size: int, cpu: float, wrong: str = "") -> report.Result:
    standings = {name: report.Standing("1.0", 0.5, 50.0) for name in ("floor", "davserver")}
    samples = {
        ("floor", "GET"): [Sample(0.001, 0.002, 1.0, 20.0)],
        ("davserver", "GET"): [Sample(cpu, 0.002, 1.0, 60.0), Sample(cpu, 0.002, 1.0, 60.0, wrong)],
    }
    return report.Result(size, standings, samples)


def test_the_report_shows_ratios_and_growth() -> None:
    text = report.markdown([_result(1000, 0.003), _result(10_000, 0.006)], [])
    assert "| GET | 1 | 1.00 | 3.00 (3.0×) |" in text
    assert "| GET | 1.0× | 1.0× | 2.0× |" in text


def test_a_wrong_answer_is_never_a_figure() -> None:
    text = report.markdown([_result(1000, 0.003, "status 500")], [])
    assert "| GET | 1 | 1.00 | wrong |" in text
    assert "- davserver, GET, 1,000 items: status 500" in text
