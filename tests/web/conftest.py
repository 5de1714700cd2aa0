"""People at the pages: without a browser (``visit``), and in a real Chromium (``browser``, ``live``).

Pages are tested on SQLite; their SQL lies in the storage, which is tested on every database.

    ada     an administrator
    ann     owns a calendar and an address book, both called default
    bob     has his own; tests give him access to some of ann's
    eve     has an account and no access to anything of theirs: she must see nothing
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import waitress.server

from davserver.app import Server
from davserver.storage import Store, principals
from tests.conftest import PEOPLE, add_person, secret
from tests.davclient import PASSWORD
from tests.web.visitor import Visitor

CHROMIUM = Path(os.environ.get("DAVSERVER_TEST_CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture
def database() -> str:
    """SQLite only."""
    return "sqlite"


@pytest.fixture
def people(store: Store) -> dict[str, int]:
    """ada, ann, bob and eve: name → id. All have the password PASSWORD."""
    with store.write() as tx:
        made = {name: add_person(tx, name) for name in PEOPLE}
        made["ada"] = add_person(tx, "ada", admin=True)
        for key in made.values():
            principals.set_credential(tx, key, "password", secret())
    return made


@pytest.fixture
def visit(server: Server) -> Any:
    """visit("ann") → a Visitor who is signed in; visit() → a stranger."""

    def make(name: str | None = None, **options: Any) -> Visitor:
        visitor = Visitor(server, **options)
        if name is not None:
            visitor.sign_in(name)
        return visitor

    return make


class _Trampoline:
    """What the one web server of the session serves: the application of the test that runs now."""

    app: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


def run(server: Any) -> None:
    """Serve until the server is closed, which its loop may notice by a socket that is gone."""
    with suppress(OSError):
        server.run()


@pytest.fixture(scope="session")
def _web_server() -> Iterator[tuple[_Trampoline, str]]:
    trampoline = _Trampoline()
    server = waitress.server.create_server(trampoline, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=run, args=(server,), daemon=True)
    thread.start()
    yield trampoline, f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(timeout=5)


@pytest.fixture
def live(_web_server: tuple[_Trampoline, str], server: Server) -> Iterator[str]:
    """The address where the server of this test answers over real HTTP."""
    trampoline, address = _web_server
    trampoline.app = server
    yield address
    trampoline.app = None


@pytest.fixture(scope="session")
def _chromium() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM} (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@dataclass
class Browser:
    """A person's browser. ``page`` is playwright's; its relative addresses are the server's."""

    page: Any
    address: str

    def open(self, path: str) -> Any:
        """Go to a path of the server."""
        return self.page.goto(self.address + path)

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Sign in at the form."""
        self.open("/account/sign-in")
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.follow(self.page.get_by_role("button", name="Sign in"))

    def follow(self, where: Any) -> None:
        """Click on what leads to another page, or to the same anew, and wait until that is there.

        A click alone does not wait for it, so that what comes next may look at the page before.
        """
        with self.page.expect_navigation():
            where.click()

    def problems(self) -> list[str]:
        """What axe finds on the page shown, one line each; empty when it is clean.

        A click may still be leading to it: what was found on a page that went away meanwhile does not count.
        """
        from axe_core_python.sync_playwright import Axe
        from playwright.sync_api import Error

        for _ in range(10):
            try:
                shown = self._document()
                found = Axe().run(self.page)["violations"]
                if self._document() == shown:
                    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
            except Error:
                if self.page.is_closed():
                    raise
        raise AssertionError(f"{self.page.url} does not come to rest")

    def _document(self) -> Any:
        """Which document is shown, once it is complete; no two have the same time of origin."""
        self.page.wait_for_load_state()
        return self.page.evaluate("performance.timeOrigin")

    def shoot(self, name: str) -> None:
        """Screenshots at 1280 and 390 pixels below DAVSERVER_TEST_SCREENSHOTS, where that is set."""
        folder = os.environ.get("DAVSERVER_TEST_SCREENSHOTS")
        if not folder:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        for width, height in ((1280, 800), (390, 844)):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
        self.page.set_viewport_size({"width": 1280, "height": 800})


@pytest.fixture
def make_browser(_chromium: Any, live: str) -> Iterator[Any]:
    """make_browser(java_script_enabled=False) → one more person's Browser; options are playwright's."""
    contexts = []

    def make(**options: Any) -> Browser:
        context = _chromium.new_context(
            **{"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **options}
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        return Browser(context.new_page(), live)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def browser(make_browser: Any) -> Browser:
    """A browser in English."""
    made: Browser = make_browser()
    return made
