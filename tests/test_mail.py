"""Mail goes out encrypted to a server that can prove who it is, and to no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from davserver import mail
from davserver.config import MailSettings
from davserver.mail import MailFailed
from tests.mailbox import Mailbox, running
from tests.sync.remote import certificate_pem

SECURITY = pytest.mark.parametrize("security", ["starttls", "tls"])


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """The mail server's own certificate with its key, for the name localhost."""
    file = tmp_path / "mail.pem"
    file.write_text("".join(certificate_pem("localhost")))
    return file


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator trusts it: what OpenSSL's variable is for."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def send(server: Mailbox, security: str, host: str = "localhost") -> None:
    settings = MailSettings(host, server.port, security, "dav", "s3cret", "dav@example.org")
    mail.send(settings, "ann@example.org", "Grüße", "Guten Tag\n")


def refused(server: Mailbox, security: str, host: str = "localhost") -> str:
    """Why the mail did not go; neither it nor the password was told to the server."""
    with pytest.raises(MailFailed) as failed:
        send(server, security, host)
    assert (server.messages, server.auth) == ([], [])
    return failed.value.message


@SECURITY
def test_mail_and_password_go_encrypted(certificate: Path, trusted: None, security: str) -> None:
    with running(certificate, at_once=security == "tls") as server:
        send(server, security)
    (message,) = server.messages
    assert message["To"] == "ann@example.org"
    assert server.encrypted == [True]


@SECURITY
def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path, security: str) -> None:
    with running(certificate, at_once=security == "tls") as server:
        assert "the certificate of localhost is not trusted (self" in refused(server, security)


@SECURITY
def test_a_certificate_for_another_name_is_refused(certificate: Path, trusted: None, security: str) -> None:
    with running(certificate, at_once=security == "tls") as server:
        said = refused(server, security, "127.0.0.1")
    assert "the certificate of 127.0.0.1 is not trusted (IP address mismatch" in said


def test_a_server_without_starttls_never_gets_the_password() -> None:
    with running() as server:
        assert "STARTTLS" in refused(server, "starttls")


def test_tls_at_a_port_for_starttls_is_explained(certificate: Path, trusted: None) -> None:
    with running(certificate) as server:
        assert "does not speak TLS from the first word; try starttls" in refused(server, "tls")
