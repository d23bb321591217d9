"""A real SMTP listener that can be told to misbehave."""

from __future__ import annotations

import email
import email.policy
import os
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from tests.journeys.mailbox import find_port


class Postbox:
    """Keeps the mails it takes. `rcpt` and `data` are its answers; `drops` closes the connection after taking one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"smtp://127.0.0.1:{port}"
        self.rcpt = "250 ok"
        self.data = "250 taken"
        self.drops = False
        self.kills: int | None = None
        """Pid of a process to kill once its mail is taken, before it learns so."""
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
        if self.kills is not None:
            os.kill(self.kills, signal.SIGKILL)
        if self.drops:
            server.transport.close()
        return self.data


@contextmanager
def open_postbox(
    port: int | None = None, *, tls: ssl.SSLContext | None = None, password: str | None = None
) -> Iterator[Postbox]:
    """A listener for as long as the block runs. With `tls` it offers STARTTLS; with `password` it wants a log-in."""
    box = Postbox(port or find_port())

    def is_known(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == (password or "").encode(), handled=False)

    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        tls_context=tls,
        auth_required=password is not None,
        auth_require_tls=tls is not None,
        authenticator=is_known if password is not None else None,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
