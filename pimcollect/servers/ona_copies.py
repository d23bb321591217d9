"""Ona: what a form holds, through `/api/v1/data/<number>`.

New ones come by their growing `_id`; changed ones by `_date_modified`, which also moves when an edit keeps its instance
id. The form itself tells how many there are. Ona tells no root id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from pimcollect.servers.answers import Answer, bad_answer
from pimcollect.servers.copies import (
    OVERLAP,
    Copy,
    Cursor,
    Page,
    Row,
    find_settled,
    read_ascending,
    read_count,
    read_file_by,
    read_object,
    strip_id,
    write_body,
)
from pimcollect.servers.http import Client

_PAGE = 1000
_NAMES = ("_id", "_uuid", "_date_modified", "_last_edited")


def open_holder(client: Client, *, there: str, user: str, secret: str) -> OnaHolder:
    """The submissions of the form with the number `there`."""
    client.authorization = f"Token {secret}"
    return OnaHolder(client, there)


class OnaHolder:
    """One Ona form."""

    reads = "ona"

    def __init__(self, client: Client, there: str) -> None:
        self._client = client
        self._form = f"api/v1/forms/{quote(there, safe='')}.json"
        self._data = f"api/v1/data/{quote(there, safe='')}"

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _walk(self, more: dict[str, Any], *, after: int = 0, fields: Sequence[str] = ()) -> Iterator[tuple[list[Row], Answer]]:  # fmt: skip  # noqa: E501
        def ask(after: int, limit: int) -> Answer:
            query = json.dumps({**more, "_id": {"$gt": after}})
            params = {"query": query, "sort": '{"_id":1}', "page": "1", "page_size": str(limit)}
            if fields:
                params["fields"] = json.dumps(fields)
            return self._client.call("GET", f"{self._data}.json", params=params)

        return read_ascending(ask, None, after=after, limit=_PAGE)

    def count(self) -> int:
        """As the form tells it."""
        return read_count(self._client.call("GET", self._form), "num_of_submissions")

    def read_new(self, cursor: Cursor) -> Iterator[Page]:
        """New ones, then those changed since the last pull; both whole."""
        sure, since = int(cursor.get("sure", 0)), cursor.get("since")
        began = (self._client.call("GET", self._form).at - OVERLAP).strftime("%Y-%m-%dT%H:%M:%S")
        for rows, answer in self._walk({}, after=sure):
            sure = find_settled(rows, answer, before=sure)
            yield Page(_copies(rows, is_whole=True), {"sure": sure, "since": since or began})
        if since is not None:
            for rows, _ in self._walk({"_date_modified": {"$gte": since}}):
                yield Page(_copies(rows, is_whole=True))
        yield Page((), {"sure": sure, "since": began})

    def read_all(self) -> Iterator[Page]:
        """All by name."""
        for rows, _ in self._walk({}, fields=_NAMES):
            yield Page(_copies(rows))

    def read_bodies(self, copies: Sequence[Copy]) -> Iterator[Copy]:
        """One by one."""
        for copy in copies:
            row = self._read_row(copy.there)
            if row is not None:
                yield from _copies([row], is_whole=True)

    def _read_row(self, there: str) -> Row | None:
        path = f"{self._data}/{quote(there, safe='')}.json"
        answer = self._client.call("GET", path, accept=(200, 404))
        if answer.status == 404:
            return None
        row = read_object(answer)
        if str(row.get("_id")) != there:
            raise bad_answer(answer.host, "it is not the submission that was asked for")
        return row

    def read_file(self, copy: str, name: str, *, most_bytes: int) -> bytes | None:
        """By its base name; the link is followed on the connected host only."""
        return read_file_by(lambda: self._read_file(copy, name, most_bytes))

    def _read_file(self, copy: str, name: str, most_bytes: int) -> bytes | None:
        files = (self._read_row(copy) or {}).get("_attachments")
        link = next((one.get("download_url") for one in files or [] if _is_file(one, name)), None)
        if not isinstance(link, str):
            return None
        return self._client.call("GET", self._client.place(link), most_bytes=most_bytes).body


def _is_file(one: Any, name: str) -> bool:
    known = (str(one.get("name") or ""), str(one.get("filename") or "")) if isinstance(one, dict) else ()
    return any(path.rpartition("/")[2] == name for path in known)


def _copies(rows: Sequence[Row], *, is_whole: bool = False) -> tuple[Copy, ...]:
    return tuple(Copy(str(row["_id"]), _mark(row), None, write_body(row) if is_whole else None) for row in rows)


def _mark(row: Row) -> str:
    return f"{strip_id(row.get('_uuid'))} {row.get('_date_modified') or row.get('_last_edited') or ''}".strip()
