"""What every notifier takes and gives, whatever the channel: a short text out, and a plain word on what became of it.

A notifier is a module registered under the entry point group `pimcollect.notifiers` with two functions:
`is_set_up(settings) -> bool` and `open_channel(settings) -> context manager of a Channel`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Message:
    """One text for one receiver. It says that something waits and where to look; never about whom or what."""

    key: str
    """Stays the same however often the message is tried: receivers and relays know a repetition by it."""
    to: str = field(repr=False)
    subject: str
    text: str
    is_urgent: bool = False


class NotDelivered(Exception):  # noqa: N818 - reads as what happened
    """The channel did not take the message. `reason` is a code; nothing of the other side's answer is kept.

    `is_final`: this receiver will never take it, trying again is useless. `is_channel`: the channel itself does not
    work (server away, password refused), so every other message would fail in the same way. `is_unclear`: it may have
    arrived all the same, the answer did not. `retry_after`: seconds that the channel asked us to wait.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_final: bool = False,
        is_channel: bool = False,
        is_unclear: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final
        self.is_channel = is_channel
        self.is_unclear = is_unclear
        self.retry_after = retry_after


REMEDIES = {
    "no_channel": "Set PIMCOLLECT_SMTP_URL and start again.",
    "no_receiver": "Give the service a mail address (`pimcollect services import`), or set PIMCOLLECT_DUTY_EMAIL.",
    "refused": "The address is wrong: correct the service, then `pimcollect referrals move REF resend`.",
    "bad_address": "The address is wrong: correct the service, then `pimcollect referrals move REF resend`.",
    "login_refused": "User or password in PIMCOLLECT_SMTP_URL are wrong.",
    "login_needs_tls": "The mail server offers no encryption: use smtps:// or another server.",
    "tls_failed": "The certificate of the mail server is not valid for its name.",
    "unreachable": "The mail server does not answer.",
}
"""Code of a failure -> what an operator does about it."""


class Channel(Protocol):
    """An open way out; used for several messages one after the other."""

    def deliver(self, message: Message) -> None:
        """Returns when the other side has taken responsibility for the message. Raises NotDelivered."""
