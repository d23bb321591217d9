"""What a connected server answers, and the error when it does not give what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pimcollect.domain.documents import read_json
from pimcollect.errors import ErrorCode, PimError

_LONGEST_WAIT = 86_400.0


class ServerError(PimError):
    """A connected server did not give what was asked. `status` is its answer's; `wait` when it asked to be left
    alone for so many seconds; `reason` is written down: the code, or a more exact word."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        remedy: str = "",
        status: int | None = None,
        wait: float | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(code, message, remedy=remedy)
        self.status = status
        self.wait = wait
        self.reason = reason or code.value


@dataclass(frozen=True)
class Answer:
    """What a server answered, read to its end."""

    host: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def read_json(self) -> Any:
        """The body as JSON. Raises ServerError(BAD_ANSWER): broken, cut off, a key twice, nested too deep."""
        try:
            return read_json(self.body)
        except ValueError as error:
            raise bad_answer(self.host, "it is not JSON, or was cut off") from error

    @property
    def at(self) -> datetime:
        """When it was given, by the server's own clock; by ours when it does not say."""
        return _read_date(self.headers.get("Date", "")) or datetime.now(UTC)


def bad_answer(host: str, what: str) -> ServerError:
    """The error for an answer that cannot be true; `what` must quote nothing of it."""
    return ServerError(
        ErrorCode.BAD_ANSWER,
        f"The answer of {host} cannot be used: {what}.",
        remedy="Is the address that of the server itself, and not of a login page or a proxy? It is tried again.",
    )


def _read_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def read_wait(answer: Answer) -> float | None:
    """Seconds that Retry-After asks for: a number, or a date compared with the server's own clock."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return min(float(text[:9]), _LONGEST_WAIT)
    until = _read_date(text) if text else None
    return None if until is None else min(_LONGEST_WAIT, max(0.0, (until - answer.at).total_seconds()))
