"""Domain errors. An error knows its answer: HTTP status, precondition element, readable text.

Rules: raised anywhere below the protocol, caught in exactly one place (protocol/server.py for
DAV, the error handler of the admin for pages). No formatting of answers here.

    DavServerError
      ConfigError           the configuration file or the environment is wrong (stops the start)
      HttpError             has an HTTP status
        InvalidContent      a body that is no valid iCalendar or vCard (403 + precondition)
        BudgetExceeded      an answer would cost more than the operator allows (507)
        OutgoingError       another server gave no answer (502)
"""

from __future__ import annotations

from collections.abc import Sequence

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"


class DavServerError(Exception):
    """Base of all errors that this project raises on purpose."""


class ConfigError(DavServerError):
    """A setting is missing or wrong. The text names the file, the key and the remedy."""


class HttpError(DavServerError):
    """An answer other than success.

    :param status: HTTP status code.
    :param message: one or two sentences for a person; never contains secrets.
    :param precondition: Clark name of the precondition element (RFC 4918 section 16), if any.
    :param hrefs: hrefs put inside the precondition element (for example the conflicting item).
    :param headers: extra response headers.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        precondition: str | None = None,
        hrefs: Sequence[str] = (),
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message or precondition or str(status))
        self.status = status
        self.message = message
        self.precondition = precondition
        self.hrefs = tuple(hrefs)
        self.headers = tuple(headers)


class InvalidContent(HttpError):
    """A body that cannot be stored. ``precondition`` is set by whoever parses (RFC 4791 5.3.2.1)."""

    def __init__(self, message: str, precondition: str = CALDAV + "valid-calendar-data") -> None:
        super().__init__(403, message, precondition)


class BudgetExceeded(HttpError):
    """An expansion or a query went over its budget of instances, bytes or time (RFC 4791 7.8)."""

    def __init__(self, message: str) -> None:
        super().__init__(507, message, DAV + "number-of-matches-within-limits")


class OutgoingError(HttpError):
    """Another server gave no answer. ``str()`` is for users; ``detail`` for the log and operators.

    ``code`` is a word for the kind of failure, kept beside the account or feed that met it.
    """

    code = "unreachable"

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(502, message)
        self.detail = detail or message
