"""A DAV client for tests: calls the WSGI application as a server would, reads answers into simple values.

    ann = client("ann")
    answer = ann.put(ann.calendar + "one.ics", event(), if_none_match="*")
    assert answer.status == 201
    assert ann.propfind(ann.calendar, D + "displayname").one[D + "displayname"].text == "Calendar"

Every answer is held against the rules of HTTP and WSGI that no test should have to repeat: native strings in
headers, a Content-Length that is true, no body where none may be, close() called, never a 500.
"""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote_to_bytes

from lxml import etree

D = "{DAV:}"
C = "{urn:ietf:params:xml:ns:caldav}"
CR = "{urn:ietf:params:xml:ns:carddav}"
CS = "{http://calendarserver.org/ns/}"
IC = "{http://apple.com/ns/ical/}"
X = "{urn:example:x}"

NAMESPACES = {"d": D, "c": C, "cr": CR, "cs": CS, "ic": IC, "x": X}
DECLARED = " ".join(f'xmlns:{prefix}="{space[1:-1]}"' for prefix, space in NAMESPACES.items())

PASSWORD = "correct horse"
Application = Callable[..., Iterable[bytes]]
MakeClient = Callable[..., "Client"]
MakeServer = Callable[..., Any]


def xml(text: str) -> bytes:
    """A request body; the prefixes d, c, cr, cs, ic and x are declared at its root."""
    end = min(text.index(mark) for mark in (" ", ">", "/>") if mark in text)
    return f'<?xml version="1.0" encoding="utf-8"?>{text[:end]} {DECLARED}{text[end:]}'.encode()


def tag(clark: str) -> str:
    """A Clark name with a prefix of NAMESPACES."""
    space, _, local = clark.rpartition("}")
    return next(prefix for prefix, name in NAMESPACES.items() if name == space + "}") + ":" + local


def props(*names: str) -> str:
    """A DAV:prop with these properties, empty."""
    return "<d:prop>" + "".join(f"<{tag(name)}/>" for name in names) + "</d:prop>"


@dataclass(frozen=True)
class Prop:
    """One property of a response: its status and its element."""

    status: int
    element: Any

    @property
    def text(self) -> str:
        """The text of the element."""
        return self.element.text or ""

    @property
    def hrefs(self) -> list[str]:
        """The texts of all hrefs inside."""
        return [one.text for one in self.element.iter(D + "href")]

    @property
    def names(self) -> list[str]:
        """Clark names of the children."""
        return [one.tag for one in self.element]

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute of the children."""
        return [one.get(name) for one in self.element]


@dataclass(frozen=True)
class Member:
    """One DAV:response: its own status or its properties by Clark name."""

    href: str
    status: int | None
    props: dict[str, Prop]
    element: Any

    def __getitem__(self, name: str) -> Prop:
        return self.props[name]

    def __contains__(self, name: str) -> bool:
        """Whether the property came with 200."""
        return name in self.props and self.props[name].status == 200

    @property
    def missing(self) -> set[str]:
        """Names that came with 404."""
        return {name for name, one in self.props.items() if one.status == 404}

    @property
    def data(self) -> str:
        """calendar-data or address-data."""
        found = self.props.get(C + "calendar-data") or self.props[CR + "address-data"]
        return found.text


def member_of(response: Any) -> Member:
    """A DAV:response element as a value."""
    status = response.find(D + "status")
    found = {}
    for stat in response.findall(D + "propstat"):
        code = int(stat.find(D + "status").text.split()[1])
        found.update({one.tag: Prop(code, one) for one in stat.find(D + "prop")})
    own = None if status is None else int(status.text.split()[1])
    return Member(response.find(D + "href").text, own, found, response)


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, None where it is absent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def etag(self) -> str:
        """The ETag header."""
        value = self.header("ETag")
        assert value is not None
        return value

    @property
    def content_type(self) -> str:
        """The media type without parameters."""
        return (self.header("Content-Type") or "").partition(";")[0]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @cached_property
    def xml(self) -> Any:
        """The body's root element."""
        return etree.fromstring(self.body)

    @property
    def error(self) -> str | None:
        """Clark name of the precondition element, None where there is none."""
        if not self.content_type.endswith("/xml") or self.xml.tag != D + "error":
            return None
        return next((str(one.tag) for one in self.xml if isinstance(one.tag, str)), None)

    @property
    def error_hrefs(self) -> list[str]:
        """hrefs inside the precondition element."""
        return [one.text for one in self.xml.iter(D + "href")]

    @cached_property
    def members(self) -> dict[str, Member]:
        """The responses of a multistatus by href."""
        assert self.status == 207, (self.status, self.body)
        assert self.xml.tag == D + "multistatus"
        listed = [member_of(one) for one in self.xml.findall(D + "response")]
        found = {one.href: one for one in listed}
        assert len(found) == len(listed), "an href came twice"
        return found

    @property
    def hrefs(self) -> list[str]:
        """The hrefs of a multistatus in order."""
        return list(self.members)

    @property
    def names(self) -> set[str]:
        """The last segments of the hrefs, still percent-encoded."""
        return {href.rstrip("/").rpartition("/")[2] for href in self.members}

    @property
    def one(self) -> Member:
        """The only response of a multistatus."""
        (found,) = self.members.values()
        return found

    @property
    def sync_token(self) -> str:
        """The sync-token at the end of a multistatus."""
        token: str = self.xml.findtext(D + "sync-token")
        return token


@dataclass
class Client:
    """Somebody at a keyboard. ``headers`` go with every request."""

    app: Application
    user: str | None
    password: str = PASSWORD
    prefix: str = "/dav"
    mount: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The root of the DAV tree."""
        return self.mount + self.prefix + "/"

    @property
    def principal(self) -> str:
        """The user's principal."""
        return f"{self.root}principals/{self.user}/"

    @property
    def calendar_home(self) -> str:
        """The user's calendar home."""
        return f"{self.root}calendars/{self.user}/"

    @property
    def book_home(self) -> str:
        """The user's address book home."""
        return f"{self.root}addressbooks/{self.user}/"

    @property
    def calendar(self) -> str:
        """The user's calendar ``default``."""
        return self.calendar_home + "default/"

    @property
    def book(self) -> str:
        """The user's address book ``default``."""
        return self.book_home + "default/"

    def request(self, method: str, path: str, body: bytes = b"", /, **headers: str | None) -> Answer:
        """Send a request; ``if_match="*"`` is the header If-Match. None leaves a header out."""
        environ = self._environ(method, path, body)
        for name, value in {**self.headers, **headers}.items():
            key = name.upper().replace("-", "_")
            if value is not None:
                environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else "HTTP_" + key] = value
        return self.send(environ)

    def _environ(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        path, _, query = path.partition("?")
        assert path.startswith(self.mount)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": unquote_to_bytes(self.mount).decode("latin-1"),
            "PATH_INFO": unquote_to_bytes(path[len(self.mount) :]).decode("latin-1"),
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)) if body else "",
            "SERVER_NAME": "dav.example.org",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.7",
            "HTTP_HOST": "dav.example.org",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if self.user is not None:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")
            environ["HTTP_AUTHORIZATION"] = f"Basic {pair}"
        return environ

    def send(self, environ: dict[str, Any]) -> Answer:
        """Call the application with an environ and check what comes back."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started.append((status, headers))
            return lambda data: None

        pieces = self.app(environ, start_response)
        try:
            body = b"".join(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        (status, headers) = started[-1]
        _check(environ["REQUEST_METHOD"], status, headers, body)
        return Answer(int(status[:3]), headers, body)

    def get(self, path: str, **headers: str | None) -> Answer:
        """GET."""
        return self.request("GET", path, **headers)

    def head(self, path: str, **headers: str | None) -> Answer:
        """HEAD."""
        return self.request("HEAD", path, **headers)

    def put(self, path: str, body: bytes, **headers: str | None) -> Answer:
        """PUT; the content type is that of the path's suffix unless given."""
        kind = "text/vcard" if path.endswith(".vcf") else "text/calendar"
        return self.request("PUT", path, body, **{"content_type": kind, **headers})

    def delete(self, path: str, **headers: str | None) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, **headers)

    def propfind(self, path: str, *names: str, depth: str = "0", **headers: str | None) -> Answer:
        """PROPFIND for properties."""
        body = xml(f"<d:propfind>{props(*names)}</d:propfind>") if names else b""
        return self.request("PROPFIND", path, body, depth=depth, **headers)

    def proppatch(self, path: str, setting: str = "", removing: str = "", **headers: str | None) -> Answer:
        """PROPPATCH; both texts are the content of a DAV:prop."""
        text = f"<d:set><d:prop>{setting}</d:prop></d:set>" if setting else ""
        text += f"<d:remove><d:prop>{removing}</d:prop></d:remove>" if removing else ""
        return self.request("PROPPATCH", path, xml(f"<d:propertyupdate>{text}</d:propertyupdate>"), **headers)

    def report(self, path: str, text: str, depth: str | None = "1", **headers: str | None) -> Answer:
        """REPORT with an XML text."""
        return self.request("REPORT", path, xml(text), depth=depth, **headers)

    def mkcalendar(self, path: str, setting: str = "", **headers: str | None) -> Answer:
        """MKCALENDAR."""
        text = f"<c:mkcalendar><d:set><d:prop>{setting}</d:prop></d:set></c:mkcalendar>"
        return self.request("MKCALENDAR", path, xml(text) if setting else b"", **headers)

    def mkcol(self, path: str, setting: str = "", **headers: str | None) -> Answer:
        """MKCOL, extended where something is set."""
        text = f"<d:mkcol><d:set><d:prop>{setting}</d:prop></d:set></d:mkcol>"
        return self.request("MKCOL", path, xml(text) if setting else b"", **headers)

    def transfer(self, method: str, source: str, target: str, **headers: str | None) -> Answer:
        """COPY or MOVE."""
        return self.request(method, source, destination=target, **headers)

    def lock(
        self, path: str, scope: str = "exclusive", depth: str = "0", **headers: str | None
    ) -> tuple[Answer, str]:
        """LOCK; the answer and the token."""
        text = (
            f"<d:lockinfo><d:lockscope><d:{scope}/></d:lockscope><d:locktype><d:write/></d:locktype>"
            f"<d:owner>{self.user}</d:owner></d:lockinfo>"
        )
        answer = self.request("LOCK", path, xml(text), depth=depth, **headers)
        return answer, (answer.header("Lock-Token") or "").strip("<>")

    def sync(
        self, path: str, token: str = "", *names: str, limit: int | None = None, **headers: str | None
    ) -> Answer:
        """sync-collection for getetag, or for the names."""
        limited = f"<d:limit><d:nresults>{limit}</d:nresults></d:limit>" if limit else ""
        text = (
            f"<d:sync-collection><d:sync-token>{token}</d:sync-token><d:sync-level>1</d:sync-level>"
            f"{limited}{props(*(names or (D + 'getetag',)))}</d:sync-collection>"
        )
        return self.report(path, text, **{"depth": "0", **headers})

    def prop(self, path: str, name: str) -> Prop:
        """One property of a resource."""
        return self.propfind(path, name).one[name]

    def token(self, path: str) -> str:
        """The sync-token of a collection."""
        return self.prop(path, D + "sync-token").text

    def grant(self, path: str, who: str, *privileges: str) -> Answer:
        """ACL: give these privileges to one principal (``all`` for everybody) and nothing to others."""
        given = "".join(f"<d:privilege><{tag(one)}/></d:privilege>" for one in privileges)
        subject = "<d:authenticated/>" if who == "all" else f"<d:href>{self.root}principals/{who}/</d:href>"
        ace = f"<d:ace><d:principal>{subject}</d:principal><d:grant>{given}</d:grant></d:ace>"
        return self.request("ACL", path, xml(f"<d:acl>{ace}</d:acl>"))


def _check(method: str, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """What is true of every answer."""
    code, names = int(status[:3]), [name.lower() for name, _ in headers]
    assert status[3] == " "
    assert code != 500, body
    for name, value in headers:
        assert type(name) is str
        assert type(value) is str
        value.encode("latin-1")
        assert "\n" not in value + name, "a header ends at its line"
        assert "\r" not in value + name, "a header ends at its line"
    for single in ("content-length", "content-type", "etag", "location", "dav", "allow"):
        assert names.count(single) <= 1, f"{single} came twice"
    length = dict(zip(names, (value for _, value in headers), strict=True)).get("content-length")
    if code in (204, 304):
        assert not body
        assert "content-type" not in names or code == 304
    elif method == "HEAD":
        assert not body
    elif length is not None:
        assert int(length) == len(body)


def gunzip(answer: Answer) -> bytes:
    """The body of a compressed answer."""
    assert answer.header("Content-Encoding") == "gzip"
    return gzip.decompress(answer.body)


def pieces_of(text: str) -> Iterator[str]:
    """The unfolded content lines of an iCalendar or vCard text."""
    yield from text.replace("\r\n ", "").replace("\r\n\t", "").split("\r\n")
