"""GNOME's calendars and contacts (evolution-data-server), told what to do line by line.

It is run by the system's Python, which has the bindings.

Each line of standard input is a JSON list, the name of an operation and its arguments; each answer is a line
too. The account is made as Evolution makes one under New → Collection, with the values of the page and
nothing else; the password is given when GNOME asks for it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import gi

gi.require_versions({"EDataServer": "1.2", "ECal": "2.0", "EBook": "1.2", "EBookContacts": "1.2"})
from gi.repository import EBook, EBookContacts, ECal, EDataServer, GLib, ICalGLib  # noqa: E402

KINDS = {"Calendar": "events", "Task List": "tasks", "Memo List": "memos", "Address Book": "contacts"}
PARTS = {"events": ECal.ClientSourceType.EVENTS, "tasks": ECal.ClientSourceType.TASKS}
ALL, FOR_ALL, PATIENCE = "#t", ECal.ObjModType.ALL, 30


class Gnome:
    """One person's session. Operations are its public methods."""

    def __init__(self) -> None:
        self.registry = EDataServer.SourceRegistry.new_sync(None)
        self.registry.connect("credentials-required", self._asked)
        self.credentials = EDataServer.NamedParameters()
        self.clients: dict[tuple[str, str], Any] = {}

    def _asked(self, _registry: Any, source: Any, reason: Any, *_why: Any) -> None:
        if reason == EDataServer.SourceCredentialsReason.REQUIRED:
            source.invoke_authenticate(self.credentials, None, None, None)

    def account(self, address: str, user: str, password: str) -> list[Any]:
        """Make the account; (kind, name, path) of everything that GNOME finds in it."""
        self.credentials.set("username", user)
        self.credentials.set("password", password)
        source = EDataServer.Source.new(None, None)
        source.set_display_name("davserver")
        collection = source.get_extension("Collection")
        collection.set_property("backend-name", "webdav")
        collection.set_property("identity", user)
        collection.set_calendar_url(address)
        collection.set_contacts_url(address)
        source.get_extension("Authentication").set_user(user)
        self.registry.commit_source_sync(source, None)
        self.top = source.get_uid()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and len({one[0] for one in self._found()}) < len(KINDS):
            time.sleep(0.1)
        return sorted(one[:3] for one in self._found())

    def _found(self) -> list[Any]:
        mine = [one for one in self.registry.list_sources(None) if one.get_parent() == self.top]
        return [
            (kind, one.get_display_name(), self._path(one), one)
            for one in mine
            for extension, kind in KINDS.items()
            if one.has_extension(extension)
        ]

    def _path(self, source: Any) -> str:
        return str(source.get_extension("WebDAV Backend").get_property("resource-path"))

    def discover(self, address: str, user: str, password: str) -> list[str]:
        """Paths of what GNOME's own search finds behind an address, without an account."""
        source = EDataServer.Source.new(None, None)
        source.get_extension("Authentication").set_user(user)
        credentials = EDataServer.NamedParameters()
        credentials.set("username", user)
        credentials.set("password", password)
        found = EDataServer.webdav_discover_sources_sync(source, address, 0, credentials, None)
        return sorted(one.href for one in found.out_discovered_sources)

    def _client(self, kind: str, path: str) -> Any:
        if (kind, path) not in self.clients:
            (source,) = (one[3] for one in self._found() if (one[0], one[2]) == (kind, path))
            self.clients[kind, path] = (
                EBook.BookClient.connect_sync(source, PATIENCE, None)
                if kind == "contacts"
                else ECal.Client.connect_sync(source, PARTS[kind], PATIENCE, None)
            )
        return self.clients[kind, path]

    def listing(self, kind: str, path: str) -> dict[str, str]:
        """UID → name of all that GNOME knows after it looked again."""
        client = self._client(kind, path)
        client.refresh_sync(None)
        if kind == "contacts":
            cards = client.get_contacts_sync(ALL, None).out_contacts
            return {one.get_property("id"): one.get_property("full-name") for one in cards}
        return {one.get_uid(): one.get_summary() for one in client.get_object_list_sync(ALL, None)[1]}

    def add(self, kind: str, path: str, text: str) -> str:
        """Somebody makes something new; its UID."""
        client = self._client(kind, path)
        if kind == "contacts":
            return str(client.add_contact_sync(EBookContacts.Contact.new_from_vcard(text), 0, None)[1])
        return str(client.create_object_sync(ICalGLib.Component.new_from_string(text), 0, None)[1])

    def change(self, kind: str, path: str, uid: str, to: str) -> None:
        """Somebody gives it another name."""
        client = self._client(kind, path)
        if kind == "contacts":
            contact = client.get_contact_sync(uid, None)[1]
            contact.set_property("full-name", to)
            client.modify_contact_sync(contact, 0, None)
            return
        component = client.get_object_sync(uid, None, None)[1]
        component.set_summary(to)
        client.modify_object_sync(component, FOR_ALL, 0, None)

    def remove(self, kind: str, path: str, uid: str) -> None:
        """Somebody deletes it."""
        client = self._client(kind, path)
        if kind == "contacts":
            client.remove_contact_by_uid_sync(uid, 0, None)
        else:
            client.remove_object_sync(uid, None, FOR_ALL, 0, None)


def serve(gnome: Gnome, end: Callable[[], None]) -> None:
    """Answer line by line; GNOME's questions come to the main loop meanwhile."""
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"answer": getattr(gnome, name)(*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    end()


if __name__ == "__main__":
    loop = GLib.MainLoop()
    threading.Thread(target=serve, args=(Gnome(), loop.quit), daemon=True).start()
    loop.run()
