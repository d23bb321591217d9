"""KoboToolbox: what a project holds, through `/api/v2/assets/<uid>/data/`.

A token that may view submissions is enough. New ones come by their growing `_id`. Edits change neither `_id` nor
`_submission_time` and are never pushed: every edited one names the edition before it, so those are listed and compared
by `_uuid`. Deletions are seen by comparing the list of all with ours. Where the token may read the project history,
that says where to look, and spares the list of all. At most 1000 rows come in a page, whatever was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from pimcollect.servers.answers import Answer
from pimcollect.servers.copies import (
    Copy,
    Cursor,
    Page,
    Row,
    ask_rows,
    find_settled,
    read_ascending,
    read_count,
    read_file_by,
    read_object,
    strip_id,
    write_body,
)
from pimcollect.servers.http import Client
from pimcollect.servers.kobo_history import read_history

_PAGE, _BODIES = 1000, 100
_NAMES = ("_id", "_uuid", "meta/rootUuid")


def open_holder(client: Client, *, there: str, user: str, secret: str) -> KoboHolder:
    """The submissions of the asset `there`."""
    client.authorization = f"Token {secret}"
    return KoboHolder(client, there)


class KoboHolder:
    """One Kobo project."""

    reads = "kobo"

    def __init__(self, client: Client, there: str) -> None:
        self._client = client
        self._asset = f"api/v2/assets/{quote(there, safe='')}/"
        self._data = f"{self._asset}data/"

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _ask(self, query: dict[str, Any], *, limit: int, fields: Sequence[str] = ()) -> Answer:
        params = {"format": "json", "query": json.dumps(query), "sort": '{"_id":1}', "limit": str(limit)}
        if fields:
            params["fields"] = json.dumps(fields)
        return self._client.call("GET", self._data, params=params)

    def _walk(self, more: dict[str, Any], *, after: int = 0, fields: Sequence[str] = ()) -> Iterator[tuple[list[Row], Answer]]:  # fmt: skip  # noqa: E501
        def ask(after: int, limit: int) -> Answer:
            return self._ask({**more, "_id": {"$gt": after}}, limit=limit, fields=fields)

        return read_ascending(ask, "results", after=after, limit=_PAGE)

    def count(self) -> int:
        """As every page tells it."""
        return read_count(self._client.call("GET", self._data, params={"format": "json", "limit": "1"}), "count")

    def read_new(self, cursor: Cursor) -> Iterator[Page]:
        """What the history tells, new ones whole, then all that were ever edited by name."""
        kept = dict(cursor)
        kept["history"] = yield from read_history(self._client, f"{self._asset}history/", kept.get("history", {}))
        yield Page((), dict(kept))
        for rows, answer in self._walk({}, after=int(kept.get("sure", 0))):
            kept["sure"] = find_settled(rows, answer, before=int(kept.get("sure", 0)))
            yield Page(tuple(_copy(row, is_whole=True) for row in rows), dict(kept))
        for rows, _ in self._walk({"meta/deprecatedID": {"$exists": True}}, fields=_NAMES):
            yield Page(tuple(_copy(row) for row in rows))

    def read_all(self) -> Iterator[Page]:
        """All by name."""
        for rows, _ in self._walk({}, fields=_NAMES):
            yield Page(tuple(_copy(row) for row in rows))

    def read_bodies(self, copies: Sequence[Copy]) -> Iterator[Copy]:
        """By number, a hundred at a time; a name that is kept veiled tells none, and is left out."""
        numbers = [int(copy.there) for copy in copies if copy.there.isdecimal()]
        for first in range(0, len(numbers), _BODIES):
            yield from self._read_some(numbers[first : first + _BODIES])

    def _read_some(self, numbers: list[int]) -> Iterator[Copy]:
        def ask(after: int, limit: int) -> Answer:
            return self._ask({"_id": {"$in": [one for one in numbers if one > after]}}, limit=limit)

        wanted, after = set(numbers), 0
        while any(number > after for number in wanted):
            rows, _ = ask_rows(lambda limit, after=after: ask(after, limit), "results", limit=_BODIES)  # type: ignore[misc]
            found = [row for row in rows if row.get("_id") in wanted and row["_id"] > after]
            if not found:
                return
            yield from (_copy(row, is_whole=True) for row in found)
            after = max(row["_id"] for row in found)

    def read_file(self, copy: str, name: str, *, most_bytes: int) -> bytes | None:
        """By the base name that the answer has: the path that Kobo tells beside it is wrong in repeats."""
        return read_file_by(lambda: self._read_file(f"{self._data}{quote(copy, safe='')}/", name, most_bytes))

    def _read_file(self, path: str, name: str, most_bytes: int) -> bytes | None:
        files = read_object(self._client.call("GET", path, params={"format": "json"})).get("_attachments")
        uid = next((one.get("uid") for one in files or [] if _is_file(one, name)), None)
        if not uid:
            return None
        return self._client.call("GET", f"{path}attachments/{quote(str(uid), safe='')}/", most_bytes=most_bytes).body


def _is_file(one: Any, name: str) -> bool:
    return isinstance(one, dict) and one.get("media_file_basename") == name and not one.get("is_deleted")


def _copy(row: Row, *, is_whole: bool = False) -> Copy:
    """Kobo keeps `meta/rootUuid` through all edits; `_uuid` is the newest edition."""
    edition = strip_id(row.get("_uuid")) or strip_id(row.get("meta/instanceID"))
    root = strip_id(row.get("meta/rootUuid")) or None
    return Copy(str(row["_id"]), edition, root, write_body(row) if is_whole else None)
