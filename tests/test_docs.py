"""The documents cannot lie: links lead somewhere, settings exist, log lines fit the fail2ban filter."""

from __future__ import annotations

import logging
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import pytest

from davserver import cli, config, log
from davserver.auth.throttle import quoted

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(rf"`({'|'.join(config.SECTIONS)})\.([a-z_]+)", text)
    assert [f"{section}.{key}" for section, key in named if key not in config.keys(section)] == []
    for block in re.findall(r"(?:^    .*\n|^\n)+", text, re.MULTILINE):
        lines = "\n".join(line[4:] for line in block.splitlines())
        if first := re.search(r"^\[[a-z]+\]$", lines, re.MULTILINE):
            for section, table in tomllib.loads(lines[first.start() :]).items():
                assert set(table) <= set(config.keys(section))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_a_page_names_exist(page: Path) -> None:
    shown = re.findall(
        r"(?:bin/|`|^    )davserver ([a-z][a-z-]*)\b", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [command for command in shown if command not in cli.COMMANDS] == []


@cache
def known_tests() -> set[str]:
    """The names of all tests."""
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {
        name for source in sources for name in re.findall(r"^def (test_[a-z0-9_]+)", source, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_a_page_names_exist(page: Path) -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", page.read_text(encoding="utf-8")))
    assert named - known_tests() == set()


def test_each_row_of_the_table_of_synchronisation_has_its_test() -> None:
    text = (ROOT / "docs/remote.md").read_text(encoding="utf-8").partition("## What is done")[2]
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert rows
    assert [row for row in rows if "`test_" not in row.rpartition(" | ")[2]] == []


def test_the_fail2ban_filter_finds_our_lines_and_only_the_real_address() -> None:
    text = (ROOT / "deploy/fail2ban/filter.d/davserver.conf").read_text()
    pattern = re.compile(
        text.partition("failregex = ")[2].partition("\n")[0].replace("<ADDR>", r"(?P<addr>\S+)")
    )
    record = logging.LogRecord("davserver.auth", logging.WARNING, "", 0, "", None, None)
    for end in ("", '"', "\n", " "):
        name = f'x" {end}WARNING davserver.auth: failed login from 10.0.0.1 for {end}'
        record.msg, record.args = "failed login from %s for %s", ("192.0.2.7", quoted(name))
        line = log._Formatter(log.FORMAT).format(record)
        assert "\n" not in line
        found = pattern.match(line.partition(" ")[2])  # fail2ban takes the time off first
        assert found
        assert found["addr"] == "192.0.2.7"


def test_the_sample_commands_of_the_readme_can_be_split_by_a_shell() -> None:
    for line in re.findall(r"^    (\S.*)$", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert shlex.split(line, comments=True)
