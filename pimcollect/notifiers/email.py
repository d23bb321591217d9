"""Notices by mail: plain text over SMTP, encrypted where the server offers it, one connection for many mails."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

from pimcollect.config import Settings
from pimcollect.notifiers.base import Message, NotDelivered

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
WHOLE_SECONDS = 45.0
"""One mail, from connecting to the last answer, takes no longer: shorter than the lease of its notice."""
_NEAR = ("localhost", "127.0.0.1", "::1")
_ENHANCED = re.compile(rb"^([245])\.(\d{1,3})\.(\d{1,3})\b")
_MENDABLE = {2: {2}, 3: None, 4: None, 7: None}
"""RFC 3463 subjects that a person can mend without another address: mailbox full, mail system, network, policy."""


def is_set_up(settings: Settings) -> bool:
    """Whether there is a mail server to talk to."""
    return bool(settings.smtp_url)


@contextmanager
def open_channel(settings: Settings) -> Iterator[MailChannel]:
    """A way out through the configured mail server; it connects at the first mail."""
    channel = MailChannel(settings.smtp_url, sender=settings.mail_from)
    try:
        yield channel
    finally:
        channel.close()


class _Conversation(smtplib.SMTP):
    """An SMTP client that waits shortly for the connection, longer for an answer, and never beyond its deadline."""

    deadline = 0.0
    secured: ssl.SSLContext | None = None
    has_sent_data = False
    """Whether the mail itself went out, so that only the answer is missing."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), CONNECT_SECONDS)
        connection.settimeout(ANSWER_SECONDS)
        return self.secured.wrap_socket(connection, server_hostname=host) if self.secured else connection

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.has_sent_data = True
        answer = super().data(msg)
        self.has_sent_data = False
        return answer

    def getreply(self) -> tuple[int, bytes]:
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.close()
            raise TimeoutError
        if self.sock is not None:
            self.sock.settimeout(min(left, ANSWER_SECONDS))
        return super().getreply()


class MailChannel:
    """One mail server. Not for several threads."""

    def __init__(self, url: str, *, sender: str) -> None:
        parts = urlsplit(url)
        self._is_smtps = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._is_near = self._host in _NEAR
        self._port = parts.port or (465 if self._is_smtps else 25)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender
        self._domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
        self._smtp: _Conversation | None = None

    def deliver(self, message: Message) -> None:
        """Hand one mail over. Raises NotDelivered; the server's own words are neither kept nor logged."""
        mail = write_mail(message, sender=self._sender, domain=self._domain)
        try:
            smtp = self._ready()
            self._hand_over(smtp, mail, message.to)
        except NotDelivered:
            raise
        except smtplib.SMTPAuthenticationError:
            self.close()
            raise NotDelivered("login_refused", is_channel=True) from None
        except smtplib.SMTPRecipientsRefused as refused:
            code, words = next(iter(refused.recipients.values()))
            raise _refusal(code, words) from None
        except smtplib.SMTPDataError as refused:
            raise _refusal(refused.smtp_code, refused.smtp_error) from None
        except smtplib.SMTPResponseException:  # greeting, HELO, STARTTLS, MAIL FROM: not about this receiver
            self.close()
            raise NotDelivered("server_refused", is_channel=True) from None
        except smtplib.SMTPNotSupportedError:
            self.close()
            raise NotDelivered("server_cannot", is_channel=True) from None
        except ssl.SSLError:
            self.close()
            raise NotDelivered("tls_failed", is_channel=True) from None
        except (OSError, smtplib.SMTPException):
            is_unclear = self._smtp is not None and self._smtp.has_sent_data
            self.close()
            raise NotDelivered("unreachable", is_channel=True, is_unclear=is_unclear) from None

    def _hand_over(self, smtp: _Conversation, mail: EmailMessage, to: str) -> None:
        smtp.deadline, smtp.has_sent_data = time.monotonic() + WHOLE_SECONDS, False
        try:
            smtp.sendmail(parseaddr(self._sender)[1], [to], mail.as_bytes(policy=policy.SMTP))
        except UnicodeEncodeError:  # an address that needs SMTPUTF8
            raise NotDelivered("bad_address", is_final=True) from None

    def _ready(self) -> _Conversation:
        """The open connection if it still answers, else a new one."""
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.deadline = time.monotonic() + WHOLE_SECONDS
                if self._smtp.rset()[0] == 250:
                    return self._smtp
            self.close()
        context = self._context()
        smtp = _Conversation(local_hostname=self._domain)
        smtp.deadline = time.monotonic() + WHOLE_SECONDS
        smtp.secured = context if self._is_smtps else None
        smtp._host = self._host  # type: ignore[attr-defined]  # what starttls checks the certificate against
        self._smtp = smtp
        code, words = smtp.connect(self._host, self._port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        smtp.ehlo_or_helo_if_needed()
        if not self._is_smtps and smtp.has_extn("starttls"):
            smtp.starttls(context=context)
            smtp.ehlo()
        if self._user:
            if not (self._is_smtps or self._is_near or isinstance(smtp.sock, ssl.SSLSocket)):
                self.close()
                raise NotDelivered("login_needs_tls", is_channel=True)
            try:
                smtp.login(self._user, self._password)
            except UnicodeEncodeError:  # the library logs in with ASCII only
                self.close()
                raise NotDelivered("login_refused", is_channel=True) from None
        return smtp

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._is_near:  # relays on the same machine have home-made certificates, and nobody is in between
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def close(self) -> None:
        """Say goodbye if possible; never raises."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        with suppress(OSError, smtplib.SMTPException):
            smtp.deadline = time.monotonic() + 1.0
            if smtp.sock is not None:
                smtp.quit()
        with suppress(OSError):
            smtp.close()


def _refusal(code: int, words: bytes | str) -> NotDelivered:
    """4xx: later. 5xx: never, unless the enhanced code (RFC 3463) says that it is not the address."""
    raw = words if isinstance(words, bytes) else words.encode("ascii", "replace")
    if 400 <= code < 500:
        return NotDelivered("deferred")
    found = _ENHANCED.match(raw)
    if found:
        subject, detail = int(found[2]), int(found[3])
        if subject in _MENDABLE:
            details = _MENDABLE[subject]
            if details is None or detail in details:
                return NotDelivered("refused_for_now")
    return NotDelivered("refused", is_final=True)


def write_mail(message: Message, *, sender: str, domain: str) -> EmailMessage:
    """The mail as it goes out. Its Message-ID is made of the message's key only, so a repetition has the same one."""
    if not message.to.isprintable() or " " in message.to:  # a line break would be a header of somebody else's
        raise NotDelivered("bad_address", is_final=True)
    mail = EmailMessage(policy=policy.SMTP)
    try:
        mail["From"] = sender
        mail["To"] = message.to
        mail["Subject"] = message.subject
    except ValueError:
        raise NotDelivered("bad_address", is_final=True) from None
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{message.key}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    if message.is_urgent:
        mail["Importance"] = "high"
    mail.set_content(message.text, charset="utf-8", cte="base64")
    return mail
