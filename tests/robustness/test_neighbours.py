"""While somebody asks for all that hangs other servers, everybody else is answered as ever."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from tests.content.hostile import HOSTILE
from tests.robustness.processes import CALENDAR, Server, Waitress, make_place, served

OTHERS = "/dav/calendars/bob/default/"
_NS = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
_SPAN = 'start="20200101T000000Z" end="20220101T000000Z"'
_FILTER = (
    f'<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:time-range {_SPAN}/>'
    "</C:comp-filter></C:comp-filter></C:filter>"
)
QUESTIONS = [
    f"<C:calendar-query {_NS}><prop><C:calendar-data><C:expand {_SPAN}/></C:calendar-data></prop>"
    f"{_FILTER}</C:calendar-query>",
    f"<C:calendar-query {_NS}><prop><getetag/></prop>{_FILTER}</C:calendar-query>",
    f"<C:free-busy-query {_NS}><C:time-range {_SPAN}/></C:free-busy-query>",
]
ATTACKERS = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("neighbours")
    with served(Waitress(make_place(folder, "ann", "bob"))) as running:
        yield running


def attack(server: Server) -> list[int]:
    """The statuses of all questions about the hostile calendar."""
    with server.client("ann") as client:
        return [client.ask("REPORT", CALENDAR, question.encode(), Depth="1").status for question in QUESTIONS]


def test_others_are_answered_while_the_worst_is_asked(server: Server) -> None:
    with server.client("ann") as ann:
        for number, (_, body) in enumerate(HOSTILE):
            own = body.replace(b"UID:one@example.com", b"UID:%d" % number)
            assert ann.ask("PUT", f"{CALENDAR}{number}.ics", own).status in (201, 403)
    with ThreadPoolExecutor(ATTACKERS) as pool, server.client("bob") as bob:
        attacks = [pool.submit(attack, server) for _ in range(ATTACKERS)]
        answered = 0
        while wait(attacks, timeout=0).not_done:
            assert bob.ask("PROPFIND", OTHERS, Depth="0").status == 207
            answered += 1
    assert answered > len(QUESTIONS)
    assert {status for done in attacks for status in done.result()} <= {200, 207, 507}
