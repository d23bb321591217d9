"""A real SMTP listener that can be told to misbehave."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from tests.journeys.mailbox import find_port


class Postbox:
    """Keeps the mails it takes. `rcpt` and `data` are its answers; `drops` closes the connection after taking one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"smtp://127.0.0.1:{port}"
        self.rcpt = "250 ok"
        self.data = "250 taken"
        self.drops = False
        self.raw: list[bytes] = []
        self.receivers: list[str] = []

    @property
    def mails(self) -> list[EmailMessage]:
        """What was taken, parsed."""
        return [email.message_from_bytes(one, _class=EmailMessage, policy=email.policy.default) for one in self.raw]

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        """Take or refuse a receiver."""
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take or refuse a mail."""
        if self.data.startswith("250"):
            self.raw.append(bytes(envelope.original_content or envelope.content))
            self.receivers += envelope.rcpt_tos
        if self.drops:
            server.transport.close()
        return self.data


@contextmanager
def open_postbox(port: int | None = None) -> Iterator[Postbox]:
    """A listener for as long as the block runs."""
    box = Postbox(port or find_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
