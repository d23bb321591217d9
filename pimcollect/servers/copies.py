"""What a connected server holds, told page by page in one shape, whatever the vendor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from pimcollect.errors import ErrorCode
from pimcollect.servers.answers import Answer, ServerError, bad_answer

OVERLAP = timedelta(hours=1)
"""What changed within this time before the last pull is read again: a server may show a row later than its number."""
MOST_PAGES = 20_000
_BROKEN_TRIES = 3

Cursor = Mapping[str, Any]
"""How far a connection was pulled; JSON, the server's own numbers and times. `history`, where the server has a log of
changes: how far that was read, with its `state`, one of these."""
READ, NOT_ALLOWED, IN_TROUBLE = "read", "not_allowed", "in_trouble"
Row = dict[str, Any]


@dataclass(frozen=True)
class Copy:
    """A submission as a server holds it."""

    there: str
    """The server's own name of it."""
    mark: str
    """Changes when the submission does."""
    root_id: str | None = None
    """Of its first edition, without `uuid:`, where the server tells it."""
    body: bytes | None = field(default=None, repr=False)
    """Its newest edition as the server's reader takes it; None in a list that tells only what there is."""
    is_gone: bool = False
    """Deleted there."""


@dataclass(frozen=True)
class Page:
    """Some of what is new, and the cursor to keep once all of it is stored; None: keep the one before."""

    copies: tuple[Copy, ...] = field(repr=False)
    cursor: Cursor | None = None
    told: tuple[str, ...] = field(default=(), repr=False)
    """Roots of which the server's own history tells something: those that are known are looked at again by name."""


class Holder(Protocol):
    """A vendor's client for one form. All its methods raise ServerError, and none stops short silently."""

    @property
    def reads(self) -> str:
        """The server plugin that reads the bodies."""

    def count(self) -> int:
        """How many submissions the server says it has."""

    def read_new(self, cursor: Cursor) -> Iterator[Page]:
        """What is new, changed or deleted since the cursor; everything when it is empty."""

    def read_all(self) -> Iterator[Page]:
        """All that there is, without bodies."""

    def read_bodies(self, copies: Sequence[Copy]) -> Iterator[Copy]:
        """The same with bodies, as they are now; what is not there any more is left out."""

    def read_file(self, copy: str, name: str, *, most_bytes: int) -> bytes | None:
        """A file that belongs to a submission; None when it is not there (yet)."""

    def close(self) -> None:
        """Hang up."""


def read_object(answer: Answer) -> Row:
    """A JSON object. Raises ServerError(BAD_ANSWER)."""
    found = answer.read_json()
    if not isinstance(found, dict):
        raise bad_answer(answer.host, "it is not the object that was asked for")
    return found


def read_count(answer: Answer, key: str) -> int:
    """The number below `key`. Raises ServerError(BAD_ANSWER)."""
    count = read_object(answer).get(key)
    if not isinstance(count, int) or count < 0:
        raise bad_answer(answer.host, "it tells no count")
    return count


def _read_rows(answer: Answer, key: str | None) -> list[Row]:
    """The list of objects below `key`, or the whole. Raises ServerError(BAD_ANSWER)."""
    found = answer.read_json() if key is None else read_object(answer).get(key)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise bad_answer(answer.host, "it has no list of submissions")
    return found


def ask_rows(ask: Callable[[int], Answer], key: str | None, *, limit: int) -> tuple[list[Row], Answer]:
    """Rows of `ask(limit)`: a page that comes broken is asked for again, one too large in smaller pieces."""
    tries = 1
    while True:
        try:
            answer = ask(limit)
            return _read_rows(answer, key), answer
        except ServerError as error:
            if error.code is ErrorCode.TOO_LARGE and limit > 1:
                limit = max(1, limit // 4)
            elif error.code is ErrorCode.BAD_ANSWER and tries < _BROKEN_TRIES:
                tries += 1
            else:
                raise


def read_ascending(
    ask: Callable[[int, int], Answer], key: str | None, *, after: int, limit: int
) -> Iterator[tuple[list[Row], Answer]]:
    """Pages of rows by their growing `_id`, from `after` on until an empty one; `ask(after, limit)` asks for a page.

    Nothing can shift from page to page, and a server that gives fewer than were asked for cuts nothing off.
    """
    for _ in range(MOST_PAGES):
        rows, answer = ask_rows(lambda size, after=after: ask(after, size), key, limit=limit)  # type: ignore[misc]
        if not rows:
            return
        for row in rows:
            number = row.get("_id")
            if not isinstance(number, int) or number <= after:
                raise bad_answer(answer.host, "it is not sorted as it was asked for, so that its end cannot be known")
            after = number
        yield rows, answer
    raise bad_answer("the server", f"it has more than {MOST_PAGES} pages")


def write_body(row: Mapping[str, Any]) -> bytes:
    """A row as its server pushes it."""
    return json.dumps(row).encode()


def strip_id(value: Any) -> str:
    """An instance id without `uuid:`; empty when there is none."""
    return value.strip().removeprefix("uuid:") if isinstance(value, str) else ""


def find_settled(rows: Iterable[Row], answer: Answer, *, before: int) -> int:
    """The highest `_id` that was there long enough, by the server's clock, to have nothing below it still to come."""
    horizon = (answer.at - OVERLAP).replace(tzinfo=None)
    settled = [int(row["_id"]) for row in rows if (at := _read_time(row.get("_submission_time"))) and at < horizon]
    return max([before, *settled])


def _read_time(value: Any) -> datetime | None:
    """Naive UTC, as Kobo and Ona write the time of submission."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is None else None


def read_file_by(find: Callable[[], bytes | None]) -> bytes | None:
    """What `find` gives; None where the server says that there is no such thing."""
    try:
        return find()
    except ServerError as error:
        if error.code is ErrorCode.NOT_FOUND:
            return None
        raise
