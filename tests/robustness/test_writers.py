"""Many who write at once, over four processes of gunicorn, on every database: nobody's write is lost."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import URL, text

from tests.robustness.processes import CALENDAR, Client, Gunicorn, Server, event, make_place, served

pytest.importorskip("gunicorn", reason="gunicorn is not installed")

WRITERS = 8


@pytest.fixture(scope="module")
def server(separate_database: URL | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = make_place(tmp_path_factory.mktemp("writers"), url=separate_database)
    with served(Gunicorn(place)) as running:
        yield running


@pytest.fixture
def path(server: Server, request: pytest.FixtureRequest) -> str:
    """A calendar of its own for each test."""
    made = f"/dav/calendars/ann/{request.node.originalname}/"
    with server.client() as client:
        assert client.ask("MKCALENDAR", made).status == 201
    return made


def all_at_once(server: Server, act: Callable[[Client, int], int], writers: int = WRITERS) -> list[int]:
    """What ``act(client, number)`` returned for each writer; they start together, on open connections."""
    barrier = threading.Barrier(writers)

    def run(number: int) -> int:
        with server.client() as client:
            client.ask("OPTIONS", CALENDAR)
            barrier.wait(60)
            return act(client, number)

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(run, range(writers)))


def test_of_eight_who_overwrite_one_item_exactly_one_wins_each_round(server: Server, path: str) -> None:
    with server.client() as client:
        etag = client.put(path + "one.ics", event("one")).headers["ETag"]
        for round_ in range(10):
            known = etag

            def write(writer: Client, number: int, round_: int = round_, known: str = known) -> int:
                body = event("one", f"round {round_} writer {number}")
                return writer.put(path + "one.ics", body, If_Match=known).status

            answers = all_at_once(server, write)
            assert sorted(answers) == [204] + [412] * (WRITERS - 1), f"round {round_}"
            stored = client.ask("GET", path + "one.ics")
            assert stored.body == event("one", f"round {round_} writer {answers.index(204)}")
            etag = stored.headers["ETag"]


def test_of_eight_who_create_the_same_names_exactly_one_creates_each(server: Server, path: str) -> None:
    answers: list[Counter[int]] = [Counter() for _ in range(20)]

    def create(client: Client, number: int) -> int:
        for place in range(20):
            body = event(f"name-{place}", f"writer {number}")
            answer = client.put(f"{path}name-{place}.ics", body, If_None_Match="*")
            answers[place][answer.status] += 1
        return 0

    all_at_once(server, create)
    assert answers == [Counter({201: 1, 412: WRITERS - 1})] * 20
    with server.client() as client:
        assert len(client.listing(path)) == 20


def test_of_eight_with_one_uid_under_different_names_exactly_one_is_stored(server: Server, path: str) -> None:
    for round_ in range(5):

        def create(client: Client, number: int, round_: int = round_) -> int:
            answer = client.put(f"{path}round-{round_}-{number}.ics", event(f"uid-{round_}"))
            assert answer.status == 201 or b"no-uid-conflict" in answer.body
            return answer.status

        assert sorted(all_at_once(server, create)) == [201] + [409] * (WRITERS - 1)
    with server.client() as client:
        assert len(client.listing(path)) == 5


def test_eight_who_fill_one_calendar_lose_nothing_and_each_write_has_its_revision(
    server: Server, path: str
) -> None:
    def fill(client: Client, number: int) -> int:
        answers = {
            client.put(f"{path}{number}-{turn}.ics", event(f"{number}-{turn}")).status for turn in range(15)
        }
        return answers.pop() if len(answers) == 1 else 0

    assert all_at_once(server, fill) == [201] * WRITERS
    wanted = {f"{number}-{turn}.ics" for number in range(WRITERS) for turn in range(15)}
    with server.client() as client:
        assert set(client.listing(path)) == wanted
        assert _in_parts(client, path) == wanted
    question = (
        "SELECT item.revision FROM item JOIN collection ON collection.id = item.collection_id"
        " WHERE collection.name = :name ORDER BY item.revision"
    )
    with contextlib.closing(server.place.open()) as store, store.read() as tx:
        revisions = list(tx.execute(text(question), {"name": path.split("/")[-2]}).scalars())
    assert revisions == list(range(2, 2 + len(wanted)))


def _in_parts(client: Client, path: str) -> set[str]:
    """All names by sync-collection in parts of seven; none comes twice."""
    token, names = "", set[str]()
    for _ in range(100):
        part = client.sync(token, 7, path)
        assert not names & set(part.changed)
        names |= set(part.changed)
        if len(part.changed) < 7:
            return names
        token = part.token
    raise AssertionError("the parts do not end")


def test_who_syncs_while_eight_write_and_delete_misses_nothing(server: Server, path: str) -> None:
    """A revision that became visible before a smaller one would be skipped by every token after it."""
    done = threading.Event()
    copy: dict[str, str] = {}

    def follow() -> str:
        token = ""
        with server.client() as client:
            while True:
                is_last = done.is_set()
                answer = client.sync(token, path=path)
                copy.update(answer.changed)
                for name in answer.gone:
                    copy.pop(name, None)
                token = answer.token
                if is_last:
                    return token

    def write(client: Client, number: int) -> int:
        for turn in range(12):
            name = f"{path}{number}-{turn % 5}.ics"
            body = event(f"{number}-{turn % 5}", f"turn {turn}")
            assert client.put(name, body).status in (201, 204)
            if turn % 3 == 2:
                assert client.ask("DELETE", name).status == 204
        return 0

    with ThreadPoolExecutor(2) as pool:
        followers = [pool.submit(follow) for _ in range(1)]
        all_at_once(server, write)
        done.set()
        assert all(follower.result(60) for follower in followers)
    with server.client() as client:
        assert copy == client.listing(path)


def test_who_move_items_to_and_fro_between_two_calendars_lose_none(server: Server, path: str) -> None:
    other = path.rstrip("/") + "-other/"
    with server.client() as client:
        assert client.ask("MKCALENDAR", other).status == 201
        for number in range(WRITERS):
            client.put(f"{path if number % 2 else other}{number}.ics", event(f"moved-{number}"))

    def move(client: Client, number: int) -> int:
        here, there = (path, other) if number % 2 else (other, path)
        for _ in range(6):
            answer = client.ask("MOVE", f"{here}{number}.ics", Destination=f"{there}{number}.ics")
            assert answer.status == 201, answer
            here, there = there, here
        return 0

    all_at_once(server, move)
    with server.client() as client:
        assert {*client.listing(path), *client.listing(other)} == {
            f"{number}.ics" for number in range(WRITERS)
        }
        assert not set(client.listing(path)) & set(client.listing(other))


def test_of_eight_who_make_the_same_calendar_exactly_one_makes_it(server: Server, path: str) -> None:
    for round_ in range(3):

        def make(client: Client, number: int, round_: int = round_) -> int:
            return client.ask("MKCALENDAR", f"{path.rstrip('/')}-{round_}/").status

        answers = all_at_once(server, make)
        assert sorted(answers)[0] == 201
        assert set(sorted(answers)[1:]) <= {403, 405}
