"""All that the pages say can be said in every language, and the compiled catalogs are those of the words."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Iterator
from typing import Any

import flask_babel
import pytest
from babel import Locale

from davserver import config
from davserver.model import CollectionKind
from davserver.sentences import Sentence, dump
from davserver.storage import Store, collections, remote, subscriptions, tasks
from davserver.sync.quirks import PRESETS
from tests import catalogs
from tests.web.test_everywhere import rules  # noqa: F401 - a fixture
from tests.web.test_transfer import calendar, upload, waited
from tests.web.visitor import Page

HELD = re.compile(r"%\(\w+\)[sdr]")


@pytest.fixture(params=catalogs.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """A language that has a catalog."""
    if not catalogs.po_file(request.param).exists():
        pytest.skip(f"there is no catalog of {request.param} yet (make translations)")
    return str(request.param)


def strings(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def test_every_word_is_translated_and_none_is_left_over(language: str) -> None:
    catalog, template = catalogs.read(language), catalogs.extracted()
    said = {message.id for message in catalog if message.id}
    assert said == {message.id for message in template if message.id}, "run `make translations`"
    assert [one.id for one in catalog if one.id and not all(strings(one.string))] == []
    assert [one.id for one in catalog if one.fuzzy and one.id] == []


def test_translations_hold_the_same_values(language: str) -> None:
    wrong = [
        one.id
        for one in catalogs.read(language)
        if one.id
        for text, english in zip(strings(one.string), strings(one.id), strict=True)
        if text and set(HELD.findall(text)) != set(HELD.findall(english))
    ]
    assert wrong == []


def test_the_compiled_catalog_is_that_of_the_words(language: str) -> None:
    held = catalogs.po_file(language).with_suffix(".mo").read_bytes()
    assert held == catalogs.compiled(catalogs.read(language))


def test_pages_speak_the_browser_s_language(language: str, visit: Any) -> None:
    page = visit(HTTP_ACCEPT_LANGUAGE=language).get("/account/sign-in")
    assert page.find("html")[0].get("lang") == language
    assert page.text("h1") == catalogs.read(language)["Sign in"].string


def test_msgids_are_found_everywhere() -> None:
    """In Python, templates, settings, sections, findings and errors."""
    found = {message.id for message in catalogs.extracted()}
    for word in (
        "Dashboard",
        "Sign in",
        "Failed logins are WARNING.",
        "Where the data lies.",
        "The header with the password arrives.",
        "This is not your password.",
    ):
        assert word in found
    assert len(found) > 300


# -- what the rooms below say ------------------------------------------------------------------------

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de"}


def test_a_refusal_is_said_in_the_person_s_language(visit: Any) -> None:
    page = (
        visit("ada", **GERMAN)
        .get("/admin/add-user")
        .submit(name="ann", password="a long password 7", again="a long password 7")
    )
    assert "Ein Konto ann gibt es schon." in page.text()


def test_what_is_wrong_with_a_setting_is_said_in_the_person_s_language(visit: Any) -> None:
    page = visit("ada", **GERMAN).get("/admin/settings/auth").submit(throttle_account="-5")
    assert "Muss zwischen 0 und" in page.text("main")


def test_settings_that_contradict_each_other_are_told_in_the_person_s_language(visit: Any) -> None:
    page = visit("ada", **GERMAN).get("/admin/settings/mail").submit(host="mail.example.org", sender="")
    assert "settings: mail.host braucht mail.sender" in page.text()


def test_why_an_import_refused_something_is_said_in_the_person_s_language(visit: Any) -> None:
    ann, wrong = visit("ann", **GERMAN), "BEGIN:VEVENT\nUID:x\nDTSTART:soon\nEND:VEVENT\n"
    done = waited(upload(ann.get("/account/import-export"), calendar(more=wrong)))
    assert "Kein DATE oder DATE-TIME: 'soon'" in done.text("main")
    assert "Kein DATE oder DATE-TIME: 'soon'" in ann.get(done.path + ".csv").body.decode()


@pytest.fixture
def troubled(store: Store, people: dict[str, int]) -> dict[str, str]:
    """ann's account elsewhere, her subscription and her task, each with something that went wrong."""
    cut = Sentence("The certificate of %(host)s is not trusted: %(reason)s.", host="<b>", reason=EXPIRED)
    with store.write() as tx:
        held = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
        assert held is not None
        values = {"base_url": "https://x.example/", "label": "Old", "interval_seconds": 900}
        account = remote.add_account(
            tx,
            owner_id=people["ann"],
            **values,
            error_code="certificate",
            error_text=cut,
            trace=dump(
                [{"what": "PROPFIND /", "outcome": Sentence("You are %(address)s", address="/a/"), "ok": 1}]
            ),
        )
        run: dict[str, Any] = dict.fromkeys(
            ("pulled", "pushed", "removed_here", "removed_there", "conflicts", "problems"), 0
        )
        run |= {"account_id": account, "started": 1, "ended": 2, "requests": 3, "detail": ""}
        remote.add_run(tx, **run, reason="manual", error_code="server", error_text=cut)
        remote.add_run(tx, **run, reason="manual", error_code="server", error_text="It broke in 2024.")
        feed = subscriptions.add(
            tx, owner_id=people["ann"], collection_id=held.id, secret="", host="x.example"
        )
        skipped = dump([("Tea", Sentence("Unknown time zone: %(tzid)r", tzid="Mars")), ("Old", "as it was")])
        subscriptions.change(
            tx,
            feed,
            state="too-large",
            error_text=Sentence("%(host)s redirects without end.", host="y"),
            skipped=skipped,
        )
        task = tasks.add(tx, people["ann"], "archive")
        tasks.finish(tx, task, tasks.FAILED, Sentence("%(file)s in the archive is too large.", file="z.json"))
    return {
        "account": f"/account/remote/{account}",
        "log": f"/account/remote/{account}/log",
        "feed": f"/account/subscriptions/{feed}",
        "task": f"/account/progress/{task}",
    }


EXPIRED = Sentence("certificate has expired")


def test_what_was_stored_is_said_in_the_language_of_who_looks(visit: Any, troubled: dict[str, str]) -> None:
    told = "Dem Zertifikat von <b> wird nicht vertraut: es ist abgelaufen."
    german, english = visit("ann", **GERMAN), visit("ann", HTTP_ACCEPT_LANGUAGE="en")
    assert told in german.get(troubled["account"]).text("main")
    assert "The certificate of <b> is not trusted: certificate has expired." in english.get(
        troubled["account"]
    ).text("main")
    log = german.get(troubled["log"]).text("main")
    assert all(words in log for words in (told, "It broke in 2024.", "Sie sind /a/"))
    feed = german.get(troubled["feed"]).text("main")
    assert "y leitet ohne Ende weiter." in feed
    assert all(words in feed for words in ("Unbekannte Zeitzone: 'Mars'", "as it was"))
    assert "z.json im Archiv ist zu groß." in german.get(troubled["task"]).text("main")


# -- nothing is forgotten ----------------------------------------------------------------------------


class Marking:
    """A language in which every translated word stands between ⟦ and ⟧."""

    def ugettext(self, text: str) -> str:
        """The word, marked."""
        return f"⟦{text}⟧"

    def ungettext(self, one: str, many: str, count: int) -> str:
        """One of two, marked."""
        return self.ugettext(one if count == 1 else many)


def unmarked(page: Page) -> Iterator[str]:
    """Texts of a page that went through no catalog, besides code and what people typed."""
    shown = page.doc.xpath(
        "//body//text()[not(ancestor::code or ancestor::pre or ancestor::textarea or ancestor::select)]"
        "|//main//@aria-label|//@placeholder|//main//@title|//@alt"
    )
    text, before = "\0".join(map(str, shown)), ""
    while text != before:
        before, text = text, re.sub("⟦[^⟦⟧]*⟧", "", text)
    yield from (
        word
        for word in (" ".join(one.split()) for one in text.split("\0"))
        if re.search(r"[A-Za-z]{3}", word)
    )


def test_every_page_goes_through_the_catalogs(
    visit: Any,
    rules: list[tuple[Any, str, str]],  # noqa: F811
    troubled: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flask_babel.Domain, "get_translations", lambda domain: Marking())
    ada = visit("ada", **GERMAN)
    paths = [path for rule, method, path in rules if method == "GET" and "static" not in rule.endpoint]
    paths += [path.replace("/account/", "/admin/users/ann/") for path in troubled.values()]
    paths += [f"/account/remote/add/{name}" for name in PRESETS]
    paths += [f"/admin/settings/{name}" for name in config.SECTIONS]
    found: dict[str, str] = {}
    for path in paths:
        page = ada.get(path)
        if page.status in (200, 403, 404) and page.answer.mimetype == "text/html":
            found.update((word, path) for word in unmarked(page) if set(WORD.findall(word)) - NAMES)
    assert found == {}


WORD = re.compile(r"[^\W\d_]{3,}")
GERMAN_DATES = Locale("de")
NAMES = {
    *WORD.findall(" ".join(one.title for one in PRESETS.values() if one.name != "generic")),
    *WORD.findall("davserver ada ann bob eve Ada Ann Bob Eve example org Calendar Contacts Old Tea ics vcf"),
    *WORD.findall("iPhone iPad Mac Android DAVx⁵ GNOME Outlook CalDav Synchronizer khal todoman khard"),
    *WORD.findall("vdirsyncer Thunderbird VEVENT VTODO VJOURNAL VFREEBUSY"),
    *GERMAN_DATES.days["format"]["wide"].values(),
    *GERMAN_DATES.months["format"]["wide"].values(),
}
"""What stays as it is in every language: names of people, programs and providers; and days and months."""


def test_the_standards_words_inside_of_entries_are_translated_and_nobody_s_own(visit: Any) -> None:
    attendee = "ATTENDEE;CN=Bob;PARTSTAT=ACCEPTED:mailto:bob@example.org"
    own = [
        "UID:w",
        "DTSTART:20260105T100000Z",
        "SUMMARY:Calendar",
        "STATUS:CONFIRMED",
        "CLASS:PRIVATE",
        attendee,
    ]
    event = "\n".join(["BEGIN:VEVENT", *own, "END:VEVENT", ""])
    ann = visit("ann", **GERMAN)
    waited(upload(ann.get("/account/import-export"), calendar(more=event)))
    page = ann.get("/account/entries/calendar/default/w.ics")
    shown = page.texts("dd")
    assert {"bestätigt", "privat", "Bob <bob@example.org> (zugesagt)"} <= set(shown)
    assert page.text("h1") == "Calendar"


def test_a_profile_for_apple_s_devices_is_in_the_language_of_who_makes_it(visit: Any) -> None:
    page = visit("ann", **GERMAN).get("/account/connect/apple")
    made = plistlib.loads(page.submit("dieses Gerät").body)
    assert made["PayloadDescription"] == "Kalender und Kontakte von ann auf dav.example.org"
    assert [one["PayloadDisplayName"] for one in made["PayloadContent"]] == ["Kalender", "Kontakte"]
