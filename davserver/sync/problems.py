"""What goes wrong with another server, in words, with the remedy: one table.

Belongs here: the errors of synchronisation and what people are told of each. Must not be here: retries
(client), what a run does next (run).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from davserver.errors import DavServerError


class Problem(enum.StrEnum):
    """What is wrong, as kept with an account or a collection."""

    CREDENTIALS = "credentials"
    KEY = "key"
    CERTIFICATE = "certificate"
    UNREACHABLE = "unreachable"
    REDIRECT = "redirect"
    BUSY = "busy"
    SERVER = "server"
    GARBLED = "garbled"
    TOO_LARGE = "too-large"
    FORBIDDEN = "forbidden"
    GONE = "gone"
    NOT_DAV = "not-dav"
    GUARD = "guard"
    QUOTA_HERE = "quota-here"
    QUOTA_THERE = "quota-there"
    REFUSED = "refused"
    LEASE = "lease"
    HALTED = "halted"
    RECONNECT = "reconnect"


@dataclass(frozen=True, slots=True)
class Advice:
    """For people: what it means, and what to do. ``stops``: no further attempt until something is changed."""

    meaning: str
    remedy: str
    stops: bool = False


ADVICE = {
    Problem.CREDENTIALS: Advice(
        "The server does not accept the name or the password.",
        "Enter the password again; many providers want an app-specific password. Nothing is tried until "
        "then, so that the account is not locked.",
        stops=True,
    ),
    Problem.RECONNECT: Advice(
        "The server has withdrawn its permission.", "Connect the account again.", stops=True
    ),
    Problem.KEY: Advice(
        "The stored password cannot be read: the key is missing or is another one.",
        "Put the key back, or enter the password again.",
        stops=True,
    ),
    Problem.CERTIFICATE: Advice(
        "The server's certificate is not trusted.",
        "Compare its fingerprint with that of your server and pin it, or enter the authority that signed it.",
        stops=True,
    ),
    Problem.UNREACHABLE: Advice(
        "The server cannot be reached.",
        "It is tried again by itself; check the address if that does not help.",
    ),
    Problem.REDIRECT: Advice(
        "The server sends us to another host, which must not see the password without your consent.",
        "If you trust that host, enter its address as the account's address.",
        stops=True,
    ),
    Problem.BUSY: Advice("The server asks for patience.", "It is tried again when the server said."),
    Problem.SERVER: Advice("The server has a fault of its own.", "It is tried again by itself."),
    Problem.GARBLED: Advice(
        "The server's answer cannot be understood.",
        "It is tried again; if it stays so, report it to its operator.",
    ),
    Problem.TOO_LARGE: Advice(
        "The server's answer is larger than allowed.", "Synchronise a smaller collection."
    ),
    Problem.FORBIDDEN: Advice(
        "The server does not let this account do that.", "Ask its owner for access, or unsubscribe."
    ),
    Problem.GONE: Advice(
        "The calendar or address book is no longer on the server. Nothing was deleted here.",
        "Keep it as a local one, create it there again, or unsubscribe.",
    ),
    Problem.NOT_DAV: Advice(
        "There is no CalDAV or CardDAV at this address.", "Check the address; the trace shows what was tried."
    ),
    Problem.GUARD: Advice(
        "So much would be deleted that it looks like an accident. Nothing was deleted.",
        "Accept the deletions, or restore from the other side.",
    ),
    Problem.QUOTA_HERE: Advice("The space here is used up.", "Make room, or ask for a larger quota."),
    Problem.QUOTA_THERE: Advice(
        "The space on the server is used up.", "Make room there; the rest waits here."
    ),
    Problem.REFUSED: Advice(
        "The server refuses some items.",
        "Change them; each is listed with the reason. The others are in step.",
    ),
    Problem.HALTED: Advice("The server was stopped meanwhile.", "It goes on at the next start."),
    Problem.LEASE: Advice("Another process synchronises this account.", "Wait until it is done."),
}


class RemoteError(DavServerError):
    """A step with another server failed. ``str()`` is for users and holds no secret.

    :param status: HTTP status, 0 where no answer came.
    :param precondition: Clark name of the precondition element in the answer, "" without one.
    :param hrefs: hrefs inside of it.
    :param retry_after: seconds the server asked us to wait, None where it did not.
    """

    def __init__(
        self,
        problem: Problem,
        message: str = "",
        *,
        status: int = 0,
        precondition: str = "",
        hrefs: tuple[str, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message or ADVICE[problem].meaning)
        self.problem = problem
        self.status = status
        self.precondition = precondition
        self.hrefs = hrefs
        self.retry_after = retry_after
