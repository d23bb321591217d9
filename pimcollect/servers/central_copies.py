"""ODK Central: what a form holds, through OData for what changed and plain XML for each submission.

OData tells ids, times and how often something was edited; its answers are retyped and renamed, so they are not used.
A deleted one is told while it can be restored. A session ends after a day: a call that is refused logs in again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any
from urllib.parse import quote, urlencode

from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.answers import Answer, ServerError, bad_answer
from pimcollect.servers.copies import (
    MOST_PAGES,
    OVERLAP,
    Copy,
    Cursor,
    Page,
    Row,
    ask_rows,
    read_count,
    read_file_by,
    read_object,
    strip_id,
)
from pimcollect.servers.http import Client

_PAGE = 1000
_MOST_BYTES = 10 * 1024 * 1024
_THREADS = 4
"""Calls at once: Central answers four about as fast as it can."""


def open_holder(client: Client, *, there: str, user: str, secret: str) -> CentralHolder:
    """The submissions of `PROJECT/FORM`. Logs in at the first call. Raises PimError(BAD_ADDRESS)."""
    return CentralHolder(client, there, user=user, secret=secret)


class CentralHolder:
    """One form on Central."""

    reads = "odk"

    def __init__(self, client: Client, there: str, *, user: str, secret: str) -> None:
        project, _, form = there.partition("/")
        if not project.isdecimal() or not form:
            raise PimError(
                ErrorCode.BAD_ADDRESS,
                "The form there is not named as Central names it.",
                remedy="Give PROJECT/FORM, for example 3/household: both stand in the address of its page.",
            )
        self._client, self._user, self._secret = client, user, secret
        self._form = f"v1/projects/{project}/forms/{quote(form, safe='')}"
        self._idle: SimpleQueue[Client] = SimpleQueue()

    def __repr__(self) -> str:
        return f"CentralHolder({self._client.host})"

    def close(self) -> None:
        """Hang up."""
        while not self._idle.empty():
            self._idle.get().close()
        self._client.close()

    def _log_in(self) -> None:
        self._client.authorization = None
        given = {"email": self._user, "password": self._secret}
        token = read_object(self._client.call("POST", "v1/sessions", json=given, is_repeatable=True)).get("token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise bad_answer(self._client.host, "it gives no session")
        self._client.authorization = f"Bearer {token}"

    def _call(self, path: str, **more: Any) -> Answer:
        if self._client.authorization is not None:
            try:
                return self._client.call("GET", path, **more)
            except ServerError as error:
                if error.status != 401:
                    raise
        self._log_in()
        return self._client.call("GET", path, **more)

    def _walk(self, where: str | None) -> Iterator[Page]:
        """Pages of `__id` and `__system`, by the links that Central gives, put on the connected host."""
        asked = {"$select": "__id,__system", "$top": str(_PAGE), "$count": "true"}
        path = f"{self._form}.svc/Submissions?{urlencode(asked | ({'$filter': where} if where else {}))}"
        for _ in range(MOST_PAGES):
            rows, answer = ask_rows(lambda _, path=path: self._call(path), "value", limit=1)  # type: ignore[misc]
            yield Page(tuple(_copy(row, self._client.host) for row in rows))
            link = read_object(answer).get("@odata.nextLink")
            if not link:
                return
            before, path = path, self._client.place(str(link))
            if path == before or not rows:
                raise bad_answer(self._client.host, "its pages lead nowhere")
        raise bad_answer(self._client.host, f"it has more than {MOST_PAGES} pages")

    def count(self) -> int:
        """As OData counts those that are not deleted."""
        asked = urlencode({"$select": "__id", "$top": "0", "$count": "true"})
        return read_count(self._call(f"{self._form}.svc/Submissions?{asked}"), "@odata.count")

    def read_new(self, cursor: Cursor) -> Iterator[Page]:
        """What was sent, changed or deleted since the last whole pull, by name. The cursor moves at the end: what was
        fetched before a stop is known by then and not fetched again."""
        since = cursor.get("since")
        began = self._call(self._form).at - OVERLAP
        yield from self._walk(f"__system/submissionDate ge {since} or __system/updatedAt ge {since}" if since else None)
        if since:
            yield from self._walk(f"__system/deletedAt ge {since}")
        yield Page((), {"since": began.strftime("%Y-%m-%dT%H:%M:%S.000Z")})

    def read_all(self) -> Iterator[Page]:
        """All by name."""
        return self._walk(None)

    def read_bodies(self, copies: Sequence[Copy]) -> Iterator[Copy]:
        """Each one's XML, a few at a time."""
        if self._client.authorization is None:
            self._log_in()
        while self._idle.qsize() < _THREADS:
            self._idle.put(self._client.clone())
        with ThreadPoolExecutor(_THREADS) as pool:
            for copy in pool.map(self._read_body, copies):
                if copy is not None:
                    yield copy

    def _read_body(self, copy: Copy) -> Copy | None:
        client = self._idle.get()
        try:
            path = f"{self._form}/submissions/{quote(copy.there, safe='')}.xml"
            answer = client.call("GET", path, accept=(200, 404), most_bytes=_MOST_BYTES)
        finally:
            self._idle.put(client)
        return None if answer.status == 404 else Copy(copy.there, copy.mark, copy.root_id, answer.body)

    def read_file(self, copy: str, name: str, *, most_bytes: int) -> bytes | None:
        """By its name."""
        path = f"{self._form}/submissions/{quote(copy, safe='')}/attachments/{quote(name, safe='')}"
        return read_file_by(lambda: self._call(path, most_bytes=most_bytes).body)


def _copy(row: Row, host: str) -> Copy:
    """The first instance id names a submission for good; `edits` counts what came after it."""
    there, system = row.get("__id"), row.get("__system")
    if not isinstance(there, str) or not isinstance(system, dict):
        raise bad_answer(host, "a submission has no id")
    return Copy(there, str(system.get("edits") or 0), strip_id(there), is_gone=bool(system.get("deletedAt")))
