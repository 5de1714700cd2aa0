"""litmus, the WebDAV suite, as far as a tree of calendars can host it.

litmus wants a plain collection with arbitrary files and collections in it. Our homes hold calendars and
address books and nothing else (RFC 4791 4.2 forbids collections in a calendar), so unchanged each of its
suites ends at its first step, the MKCOL. Behind a relay that makes its collection a calendar and its files
events (relay.py):

    http, props     every test is hosted, and passes
    locks           all but those on collections, on nothing yet, and a COPY beside its source
    basic           all but those that make collections
    copymove        needs collections in the collection from its first step on: not hosted
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.relay import relayed
from tests.robustness.processes import Server
from tests.robustness.world import PASSWORD

LITMUS = shutil.which("litmus")
if LITMUS is None:
    pytest.skip("litmus is not installed (Debian: apt install litmus)", allow_module_level=True)

QUICK = True
_NO_COLLECTION = "makes a collection inside a calendar (RFC 4791 4.2)"
NOT_HOSTED = {
    "basic": {"delete_fragment": _NO_COLLECTION, "mkcol": _NO_COLLECTION},
    "props": {},
    "locks": {
        "copy": "two items of a calendar cannot have one UID (RFC 4791 5.3.2.1, no-uid-conflict)",
        "prep_collection": _NO_COLLECTION,
        "lock_collection": _NO_COLLECTION,
        "unmapped_lock": "an empty calendar object cannot exist (RFC 4918 7.3 lets the server refuse)",
    },
    "http": {},
}
"""Suite → the tests in it that a calendar cannot host, with the reason."""

PASSED = {"basic": 12, "props": 30, "locks": 31, "http": 4}
_ROW = re.compile(r"^ *\d+\. (\w+)\.* *(pass|FAIL|SKIPPED)|^ +\.+ +(pass)", re.MULTILINE)


def run(suite: str, url: str, folder: Path) -> str:
    """What litmus says."""
    done = subprocess.run(
        [LITMUS or "", "-k", url, "ann", PASSWORD],
        cwd=folder,
        env={**os.environ, "TESTS": suite},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return re.sub(r"[^\n]*\r", "", done.stdout.decode(errors="replace"))


@pytest.mark.parametrize("suite", NOT_HOSTED)
def test_what_a_calendar_can_host_passes(suite: str, server: Server, tmp_path: Path) -> None:
    with relayed(server.port) as url:
        said = run(suite, url, tmp_path)
    failed = {match[1] for match in _ROW.finditer(said) if match[2] == "FAIL"}
    assert failed == set(NOT_HOSTED[suite]), said
    assert len([match for match in _ROW.finditer(said) if "pass" in match.groups()]) >= PASSED[suite], said
    assert "WARNING" not in said, said


def test_a_home_refuses_the_plain_collection_that_litmus_wants(server: Server, tmp_path: Path) -> None:
    said = run("basic", server.url + "/dav/calendars/ann/", tmp_path)
    assert re.search(r"begin\.* FAIL .*403 Forbidden", said), said
