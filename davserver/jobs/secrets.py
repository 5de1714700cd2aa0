"""The key of the stored secrets: is it the right one, and a new one for all."""

from __future__ import annotations

from davserver.jobs.office import Office
from davserver.storage import secrets
from davserver.vault import Vault, VaultLocked


def rotate(office: Office) -> int:
    """Encrypt every stored secret anew, by a new key of the file or the first of the settings.

    May be interrupted anywhere, and others may store secrets meanwhile: older keys are forgotten only after
    everything was renewed, the one before the new one stays for what was encrypted at that moment.

    :returns: how many secrets there are.
    :raises VaultLocked: where one cannot be decrypted; then nothing is changed.
    """
    vault = Vault(office.settings.storage)
    if check(office)[1]:
        raise VaultLocked("Some secrets cannot be decrypted: put their key back first (`secrets check`).")
    if vault.file is not None:
        vault.add_key()
    with office.write("secrets.rotate", "") as tx:
        count = secrets.renew(tx, vault.renew)
    vault.forget_old_keys()
    return count


def check(office: Office) -> tuple[int, int]:
    """How many stored secrets can be decrypted, and how many cannot."""
    vault = Vault(office.settings.storage)
    good = bad = 0
    with office.store.read() as tx:
        for value in secrets.values(tx):
            try:
                vault.renew(value)
                good += 1
            except VaultLocked:
                bad += 1
    return good, bad
