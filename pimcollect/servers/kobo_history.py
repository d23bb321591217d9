"""KoboToolbox's project history: which submissions were edited or deleted, told to tokens that may manage the project.

Only a sign of where to look: it is a log of requests, rows may be late, and few tokens may read it. Of a row nothing is
taken but the submission's root; who did it and from which address stand beside it, and stay where they are.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pimcollect.servers.answers import Answer, ServerError, bad_answer
from pimcollect.servers.copies import (
    IN_TROUBLE,
    MOST_PAGES,
    NOT_ALLOWED,
    READ,
    Page,
    Row,
    ask_rows,
    read_count,
    strip_id,
)
from pimcollect.servers.http import Client

_PAGE = 1000
_LATE = timedelta(minutes=10)
"""Rows of this time before the last reading are read again: one may show later than what it tells of."""
_DAY = timedelta(days=1)
"""Older rows are left to the daily comparison; and for so long a token that may not read them is not tried again."""
_ACTIONS = "(action:modify-submission OR action:delete-submission)"
"""New ones come by their number, more surely."""


def read_history(client: Client, path: str, kept: Mapping[str, str]) -> Generator[Page, None, dict[str, str]]:
    """Pages that tell roots and nothing else; returns what the cursor is to keep of it: `state`, and times.

    Trouble ends this reading and not the pull, which then compares as it does without it; a wait that is asked for is
    kept here too. Raises ServerError(REFUSED) for a token that is not valid at all.
    """
    now, began = datetime.now(UTC), None
    if "after" in kept and datetime.fromisoformat(kept["after"]) > now:
        return dict(kept)
    since = max(now - _DAY, datetime.fromisoformat(kept["since"]) if "since" in kept else now - _LATE)
    try:
        for roots, answer in _walk(client, path, f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"):
            began = began or answer.at
            yield Page((), told=roots)
    except ServerError as error:
        if error.status == 401:
            raise
        if error.status in (403, 404):
            return {"state": NOT_ALLOWED, "after": (now + _DAY).isoformat()}
        after = now + timedelta(seconds=error.wait or 0)
        return {**kept, "state": IN_TROUBLE, "after": after.isoformat()}
    return {"state": READ, "since": ((began or now) - _LATE).isoformat()}


def _walk(client: Client, path: str, since: str) -> Iterator[tuple[tuple[str, ...], Answer]]:
    """Pages of roots, newest first, so that what is added meanwhile shifts none away; no link of the server's is
    followed. What it gives must add up to what it counts: less is a cap, more a circle."""
    offset = 0
    for _ in range(MOST_PAGES):

        def ask(limit: int, offset: int = offset) -> Answer:
            query = f'{_ACTIONS} AND date_created__gte:"{since}"'
            params = {"format": "json", "q": query, "offset": str(offset), "limit": str(limit)}
            return client.call("GET", path, params=params)

        rows, answer = ask_rows(ask, "results", limit=_PAGE)
        count = read_count(answer, "count")
        if offset + len(rows) > count or (not rows and offset < count):
            raise bad_answer(answer.host, "its history does not add up")
        yield tuple(_read_root(row, answer.host) for row in rows), answer
        offset += len(rows)
        if offset == count:
            return
    raise bad_answer("the server", f"its history has more than {MOST_PAGES} pages")


def _read_root(row: Row, host: str) -> str:
    told: Any = row
    for name in ("metadata", "submission", "root_uuid"):
        told = told.get(name) if isinstance(told, dict) else None
    root = strip_id(told)
    if not root:
        raise bad_answer(host, "its history names no submissions")
    return root
