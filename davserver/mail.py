"""Mail goes out by SMTP (RFC 5321, 6409), plain text, one message at a time.

Must not be here: what a mail says, and to whom. The libraries are loaded when the first mail is sent.
"""

from __future__ import annotations

import logging
import ssl
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid
from typing import TYPE_CHECKING

from davserver.config import MailSettings
from davserver.errors import HttpError
from davserver.sentences import Sentence

if TYPE_CHECKING:
    import smtplib

SECONDS = 20
"""How long the mail server may take for one answer."""

log = logging.getLogger("davserver.mail")


class MailFailed(HttpError):
    """502: the mail server is away or refuses. The text is for administrators."""


def is_set_up(settings: MailSettings) -> bool:
    """Whether mail can be sent at all."""
    return bool(settings.host and settings.sender)


def send(settings: MailSettings, to: str, subject: str, text: str) -> None:
    """Send one message, or raise MailFailed with what the mail server said.

    :param text: plain text; the sender's name is in it, if anywhere.
    """
    import smtplib  # loaded with the first mail

    message = EmailMessage()
    message["From"] = formataddr(("", settings.sender))
    message["To"], message["Subject"] = to, subject
    message["Date"], message["Message-ID"] = (
        formatdate(),
        make_msgid(domain=settings.sender.rpartition("@")[2]),
    )
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office answers this
    message.set_content(text)
    try:
        with _connect(settings) as server:
            if settings.user:
                server.login(settings.user, settings.password)
            server.send_message(message)
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        said = _told(error, settings)[:300]
        log.warning("mail to %s was not sent: %s", ascii(to), ascii(said))
        raise MailFailed(502, Sentence("The mail was not sent: %(said)s", said=said)) from None


def _told(error: Exception, settings: MailSettings) -> str:
    """What went wrong; of TLS in words that an administrator can use."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {settings.host} is not trusted ({error.verify_message})."
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return (
            f"port {settings.port} of {settings.host} does not speak TLS from the first word; try starttls."
        )
    return str(error)


def _connect(settings: MailSettings) -> smtplib.SMTP:
    import smtplib  # see above

    host = settings.host.strip("[]")
    if settings.security == "tls":
        return smtplib.SMTP_SSL(host, settings.port, timeout=SECONDS, context=ssl.create_default_context())
    server = smtplib.SMTP(host, settings.port, timeout=SECONDS)
    if settings.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server
