"""A person at the pages without a browser: follows links, fills in forms as they stand on the page.

    ann = visit("ann")
    page = ann.get("/account/profile")
    page = page.submit(display_name="Ann A.")       # the form that has these fields, with all its others
    assert page.text("h1") == "Profile"

Every answer is held against the rules that no test should have to repeat: never a 500, the headers that
keep a page to itself, no script or style inside the page.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from lxml import html
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from tests.davclient import PASSWORD


class Visitor:
    """One person with one cookie jar. ``mount``: the path that the whole is mounted at."""

    def __init__(self, app: Any, mount: str = "", **environ: str) -> None:
        self.mount = mount
        self.environ = {"REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": "dav.example.org", **environ}
        self.http = HttpClient(app)

    def get(self, path: str) -> Page:
        """GET; redirects are not followed."""
        return self.request("GET", path)

    def post(self, path: str, **fields: Any) -> Page:
        """POST of just these fields; Page.submit() is what a person does."""
        return self.request("POST", path, data=fields)

    def request(self, method: str, path: str, **options: Any) -> Page:
        """Any request; ``options`` are werkzeug's."""
        if self.mount:
            assert path.startswith(self.mount), path
            path = path[len(self.mount) :]
        base = f"http://dav.example.org{self.mount}/"
        answer = self.http.open(path, method=method, base_url=base, environ_overrides=self.environ, **options)
        page = Page(self, self.mount + urlsplit(path).path, answer)
        page.check()
        return page

    @property
    def cookie(self) -> str:
        """The Cookie header of his next request."""
        held = self.http.get_cookie("davserver", "dav.example.org", self.mount or "/")
        return f"davserver={held.value}" if held else ""

    def sign_in(self, name: str, password: str = PASSWORD) -> Page:
        """Sign in at the form; the page that follows."""
        return self.get(f"{self.mount}/account/sign-in").submit(name=name, password=password)


class Page:
    """An answer."""

    def __init__(self, visitor: Visitor, path: str, answer: TestResponse) -> None:
        self.visitor = visitor
        self.path = path
        self.answer = answer
        self.status = answer.status_code
        self.body = answer.get_data()

    def check(self) -> None:
        """What is true of every answer of the pages."""
        assert self.status != 500, self.body
        headers = self.answer.headers
        if not headers.get("Content-Type", "").startswith("text/html") or self.status in (301, 302, 303, 308):
            return
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert not self.doc.xpath("//style|//script[not(@src)]|//@style|//@*[starts-with(name(), 'on')]")
        for form in self.doc.forms:
            assert form.method == "GET" or "csrf_token" in form.fields, html.tostring(form)

    @cached_property
    def doc(self) -> Any:
        """The document."""
        return html.document_fromstring(self.body.decode())

    @property
    def location(self) -> str:
        """Where a redirect leads: path and query."""
        parts = urlsplit(self.answer.headers.get("Location", ""))
        assert parts.netloc in ("", "dav.example.org")
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def follow(self) -> Page:
        """The page that the redirect leads to."""
        assert self.status in (302, 303), (self.status, self.text("main"))
        return self.visitor.get(self.location)

    def text(self, selector: str = "body") -> str:
        """The text of the first element that the CSS selector finds, white space folded; "" for none."""
        found = self.find(selector)
        return " ".join(found[0].text_content().split()) if found else ""

    def texts(self, selector: str) -> list[str]:
        """The texts of all that the CSS selector finds."""
        return [" ".join(one.text_content().split()) for one in self.find(selector)]

    def find(self, selector: str) -> list[Any]:
        """Elements that a simple CSS selector finds: tag, .class, #id, [attribute], descendants."""
        return list(self.doc.xpath(_xpath(selector)))

    @property
    def flashes(self) -> list[str]:
        """The messages of what happened."""
        return self.texts(".alert")

    def link(self, text: str, *, exact: bool = False) -> Page:
        """The page behind a link with that text in it, or with just that text."""
        texts = [(one.get("href"), " ".join(one.text_content().split())) for one in self.doc.iter("a")]
        (href,) = {href for href, found in texts if (found == text if exact else text in found)}
        return self.visitor.get(href)

    def submit(self, button: str = "", /, **fields: Any) -> Page:
        """Send the form that has all these fields (and a button with that text, if given).

        None leaves a field out (an unticked box); a list sends several; a tuple (stream, name) is a file.
        """
        form = self._form(button, fields)
        data: dict[str, Any] = {}
        for name, value in form.form_values():
            data.setdefault(name, []).append(value)
        if button:
            pressed = next(
                one for one in form.iter("button") if button in " ".join(one.text_content().split())
            )
            if pressed.get("name"):
                data[pressed.get("name")] = [pressed.get("value", "")]
        data |= {
            name: value if isinstance(value, list | tuple) else [str(value)] for name, value in fields.items()
        }
        data = {name: value for name, value in data.items() if fields.get(name, "") is not None}
        action = form.get("action") or self.path
        if form.method == "GET":
            return self.visitor.request("GET", action, query_string=data)
        return self.visitor.request("POST", action, data=data)

    def _form(self, button: str, fields: dict[str, Any]) -> Any:
        for form in self.doc.forms:
            texts = [" ".join(one.text_content().split()) for one in form.iter("button")]
            if set(fields) <= set(form.fields.keys()) and (
                not button or any(button in text for text in texts)
            ):
                return form
        raise AssertionError(f"no form with {sorted(fields)} {button} at {self.path}: {self.text()[:500]}")


def _xpath(selector: str) -> str:
    steps = []
    for part in selector.split():
        tag, _, rest = part.partition(".")
        tag, _, key = tag.partition("#")
        tag, _, attribute = tag.partition("[")
        tests = [f'contains(concat(" ", @class, " "), " {name} ")' for name in rest.split(".") if name]
        tests += [f'@id="{key}"'] if key else []
        tests += [f"@{attribute.rstrip(']')}"] if attribute else []
        steps.append((tag or "*") + "".join(f"[{test}]" for test in tests))
    return "//" + "//".join(steps)
