"""Secrets at rest: passwords of remote accounts, tokens, addresses that are secrets.

    vault = Vault(settings.storage)
    kept = vault.encrypt("hunter2", context="account:17")      # text for a database column
    vault.decrypt(kept, context="account:17")                  # VaultLocked where it cannot be read

Belongs here: the key and the two directions. Must not be here: who keeps what (storage/secrets knows the
columns), the log, any output of a secret.

The key lies outside the database: ``secret.key`` in the data directory (made when first needed, readable by
the server's own user only) or the setting storage.secret_key. So a stolen backup of the database gives no
password away; one who has the whole machine has them all. The file may hold several keys, one a line: the
first encrypts, all decrypt. Fernet (AES-128-CBC with HMAC-SHA256) of the package cryptography, which is
loaded at the first use. The context is part of what is encrypted: a value copied to another row is refused.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from davserver.config import StorageSettings
from davserver.errors import DavServerError, HttpError
from davserver.sentences import Sentence

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_FILE = "secret.key"
SHORTEST_KEY = 32
MARK = "f1:"
"""Before each encrypted value: the format's version."""


class VaultLocked(HttpError):
    """A secret cannot be read: the key is missing, is another one, or the value was tampered with (409).

    Never to be taken for an empty password. The text names the remedy and no secret.
    """

    def __init__(self, message: str) -> None:
        super().__init__(409, message)


class Vault:
    """Encrypts and decrypts short texts. Cheap to make; safe to share between threads."""

    def __init__(self, settings: StorageSettings) -> None:
        self._configured = tuple(settings.secret_key)
        self._folder = Path(settings.data_dir)
        self._held: tuple[tuple[str, ...], MultiFernet] | None = None

    def __repr__(self) -> str:
        return "Vault(…)"

    @property
    def file(self) -> Path | None:
        """The key file, None where the key comes from the settings."""
        return None if self._configured else self._folder / KEY_FILE

    def encrypt(self, text: str, *, context: str) -> str:
        """The text as it may be stored; makes the key file if there is none.

        :param context: what the value is, such as ``account:17``; must be given again to read it.
        """
        sealed = self._fernet(make=True).encrypt(f"{context}\0{text}".encode())
        return MARK + sealed.decode()

    def decrypt(self, value: str, *, context: str) -> str:
        """Inverse of :meth:`encrypt`; raises VaultLocked."""
        from cryptography.fernet import InvalidToken  # costs 0.2 s: loaded at the first use

        try:
            opened = self._fernet().decrypt(value.removeprefix(MARK)).decode()
        except (InvalidToken, ValueError):
            raise VaultLocked(
                self._remedy(Sentence("The stored secret was encrypted with another key."))
            ) from None
        found, _, text = opened.partition("\0")
        if found != context:
            raise VaultLocked("A stored secret belongs to another entry; enter it again.")
        return text

    def renew(self, value: str) -> str:
        """The same secret encrypted by the first key, whatever its context; raises VaultLocked."""
        from cryptography.fernet import InvalidToken  # costs 0.2 s: loaded at the first use

        try:
            return MARK + self._fernet().rotate(value.removeprefix(MARK)).decode()
        except (InvalidToken, ValueError):
            raise VaultLocked(
                self._remedy(Sentence("A stored secret was encrypted with another key."))
            ) from None

    def add_key(self) -> None:
        """Put a new key before the others in the file; what the old ones encrypted stays readable."""
        if self.file is None:
            raise DavServerError("The keys stand in storage.secret_key: put a new one first there.")
        _write_private(self.file, [secrets.token_urlsafe(32), *_read_lines(self.file)])

    def forget_old_keys(self) -> None:
        """Keep the first key of the file and the one before it; everything must have been renewed.

        The one before is for who read the file just before there was a new key, and stores what he encrypted
        just after everything was renewed. The next rotation renews that, and forgets the key.
        """
        if self.file is not None:
            _write_private(self.file, _read_lines(self.file)[:2])

    def _fernet(self, *, make: bool = False) -> MultiFernet:
        keys = self._keys(make=make)
        if self._held is None or self._held[0] != keys:
            from cryptography.fernet import Fernet, MultiFernet  # costs 0.2 s: loaded at the first use

            self._held = keys, MultiFernet([Fernet(_fernet_key(key)) for key in keys])
        return self._held[1]

    def _keys(self, *, make: bool) -> tuple[str, ...]:
        """The keys as they are now: the file is tiny, and another process may have changed it."""
        if self._configured:
            return self._configured
        assert self.file is not None
        keys = _read_lines(self.file)
        if not keys and make:
            _create_private(self.file, secrets.token_urlsafe(32))
            keys = _read_lines(self.file)
        if not keys:
            raise VaultLocked(self._remedy(Sentence("The key of the stored secrets is missing.")))
        return tuple(keys)

    def _remedy(self, problem: str) -> str:
        place = self.file or "storage.secret_key"
        return Sentence(
            "%(problem)s Put the old key back into %(place)s, or enter the password again.",
            problem=problem,
            place=place,
        )


def _fernet_key(text: str) -> bytes:
    """Any long random text makes a key of the right form."""
    return base64.urlsafe_b64encode(sha256(text.encode()).digest())


def _read_lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise VaultLocked(
            Sentence(
                "%(file)s cannot be read: %(reason)s",
                file=file,
                reason=getattr(error, "strerror", None) or Sentence("no text"),
            )
        ) from None
    if any(len(line) < SHORTEST_KEY for line in lines):
        raise VaultLocked(
            Sentence(
                "%(file)s is damaged: a key has at least %(least)s characters.",
                file=file,
                least=SHORTEST_KEY,
            )
        )
    return lines


def _create_private(file: Path, key: str) -> None:
    """Make the file whole or not at all; another process that was quicker wins."""
    draft = _draft(file, [key])
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()


def _write_private(file: Path, keys: list[str]) -> None:
    _draft(file, keys).replace(file)


def _draft(file: Path, keys: list[str]) -> Path:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(6)}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise VaultLocked(
            Sentence("%(file)s cannot be written: %(reason)s", file=file, reason=error.strerror)
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write("".join(f"{key}\n" for key in keys))
        out.flush()
        os.fsync(out.fileno())
    return draft
