"""A real SMTP listener on this machine that keeps the mails it takes."""

from __future__ import annotations

import email
import email.policy
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


def find_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mailbox:
    """Takes every mail; an aiosmtpd handler."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []

    @property
    def smtp_url(self) -> str:
        """What PIMCOLLECT_SMTP_URL must be."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one mail."""
        content = bytes(envelope.original_content or envelope.content)
        self.raw.append(content)
        self.mails.append(email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default))
        return "250 taken"

    def wait_for(self, count: int, *, seconds: float = 30.0) -> list[EmailMessage]:
        """The mails, as soon as there are that many; or those that came in time."""
        until = time.monotonic() + seconds
        while len(self.mails) < count and time.monotonic() < until:
            time.sleep(0.1)
        return list(self.mails)


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    """A listener on a free port for as long as the block runs."""
    mailbox = Mailbox(find_port())
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
