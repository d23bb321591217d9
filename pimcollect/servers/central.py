"""ODK Central's community webhook: it says that something happened, never which project, form or edition it was.

It may speak of a row that is rolled back a moment later, it leaves out edits, and it tries once. So nothing of what it
carries is taken for an answer: a known event is a hint that the connected form has to be pulled. It sends its secret
as X-API-Key.
"""

from __future__ import annotations

from collections.abc import Collection

from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.base import Delivery, Opened
from pimcollect.servers.kobo import parse_object

EVENTS = ("submission.create", "submission.update", "entity.update.version")


def _read_event(body: bytes) -> str | None:
    event = parse_object(body).get("type")
    return event if event in EVENTS else None


def read_delivery(body: bytes) -> Delivery:
    """A hint, or something that is kept for a person to look at. Never raises for bad content."""
    try:
        event = _read_event(body)
    except PimError:
        return Delivery("json", None, 0)
    return Delivery("json", None, 1, is_hint=event is not None)


def read_opened(body: bytes, *, repeats: Collection[str]) -> Opened:
    """Always raises: BAD_BODY for what cannot be read, else NOT_A_SUBMISSION."""
    _read_event(body)
    raise PimError(
        ErrorCode.NOT_A_SUBMISSION,
        "It only says that something happened on the server.",
        remedy="Connect the form with `pimcollect servers connect`: its pull fetches what happened.",
    )
