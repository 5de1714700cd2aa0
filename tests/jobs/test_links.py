"""Links as every mouth makes them: limits, order, who may, what is left of a token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from davserver.config import LinkSettings, Settings
from davserver.errors import HttpError
from davserver.jobs import links, users
from davserver.jobs.links import MOST_COLLECTIONS, Source, Wish
from davserver.jobs.office import Office
from davserver.jobs.users import NewUser
from davserver.model import CollectionKind, Link, NewCollection, Principal
from davserver.storage import audit, collections, open_store
from tests.databases import make_file

CALENDAR = Source(CollectionKind.CALENDAR, ("default",))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    settings = Settings(
        storage=replace(Settings().storage, data_dir=tmp_path), links=LinkSettings(max_per_user=3)
    )
    make_file(tmp_path / "davserver.db")
    store = open_store(settings.storage)
    yield Office(store, settings, actor="ann")
    store.close()


@pytest.fixture
def ann(office: Office) -> Principal:
    return users.create_user(office, NewUser("ann", "correct horse"))


def test_nobody_has_more_links_than_the_operator_allows(office: Office, ann: Principal) -> None:
    made = [links.create(office, ann, CALENDAR, Wish()) for _ in range(3)]
    with pytest.raises(HttpError) as refused:
        links.create(office, ann, CALENDAR, Wish())
    assert refused.value.status == 409
    links.remove(office, ann, made[0].id)
    links.create(office, ann, CALENDAR, Wish())


def test_the_first_calendar_stays_the_first(office: Office, ann: Principal) -> None:
    """Its colour and zone are the link's."""
    with office.store.write() as tx:
        for name in ("b", "a"):
            collections.create(tx, NewCollection(ann.id, CollectionKind.CALENDAR, name, components="VEVENT"))
    link = links.create(office, ann, Source(CollectionKind.CALENDAR, ("b", "default", "a", "b")), Wish())
    assert [one.name for one in link.collections] == ["b", "default", "a"]
    changed = links.show_collections(office, ann, link.id, ["a", "b"])
    assert [one.name for one in changed.collections] == ["a", "b"]
    assert changed.version > link.version


@pytest.mark.parametrize("names", [(), tuple(str(one) for one in range(MOST_COLLECTIONS + 1))])
def test_a_link_shows_some_calendars_and_not_too_many(
    office: Office, ann: Principal, names: tuple[str, ...]
) -> None:
    with pytest.raises(HttpError) as refused:
        links.create(office, ann, Source(CollectionKind.CALENDAR, names), Wish())
    assert refused.value.status == 400


def test_somebody_else_s_link_is_not_there(office: Office, ann: Principal) -> None:
    link = links.create(office, ann, CALENDAR, Wish())
    eve = users.create_user(office, NewUser("eve", "correct horse"))
    for attempt in (links.regenerate, links.remove):
        with pytest.raises(HttpError) as refused:
            attempt(office, eve, link.id)
        assert refused.value.status == 404
    with office.store.read() as tx:
        assert links.get(tx, ann, link.id) == link
        assert links.of_owner(tx, eve) == []


def test_a_change_that_was_not_expected_is_not_made(office: Office, ann: Principal) -> None:
    link = links.create(office, ann, CALENDAR, Wish(label="Mum"))

    def refuse(found: Link) -> None:
        raise HttpError(412, found.label)

    for attempt in (links.regenerate, links.remove):
        with pytest.raises(HttpError):
            attempt(office, ann, link.id, refuse)
    with office.store.read() as tx:
        assert links.get(tx, ann, link.id) == link


def test_the_audit_log_names_the_link_and_no_secret(office: Office, ann: Principal) -> None:
    link = links.create(office, ann, CALENDAR, Wish(password="sesame open"))
    token = links.token_of(office, link)
    links.regenerate(office, ann, link.id)
    with office.store.read() as tx:
        lines = audit.newest(tx, 10)
    assert {"link.add", "link.regenerate"} <= {line.action for line in lines}
    assert token not in repr(lines)
    assert "sesame" not in repr(lines)
    assert token not in repr(link)
