"""KoboToolbox re-enacted: `/api/v2/assets/<uid>/data/` with its query, sort, cap, edits, deletions and attachments,
and `history/` for those who may manage the project."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.reenacted.server import Asked, ReenactedServer, Reply, json_reply

ALWAYS = ("_uuid", "meta/rootUuid", "_validation_status")
"""What comes back whatever fields were asked for."""
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda value, than: value is not None and value > than,
    "$gte": lambda value, than: value is not None and value >= than,
    "$in": lambda value, among: value in among,
    "$exists": lambda value, is_there: (value is not None) is is_there,
}
_ASKED_HISTORY = re.compile(r'\((action:[a-z-]+(?: OR action:[a-z-]+)*)\) AND date_created__gte:"([0-9T:-]+Z)"')
STAFF, ADDRESS = "canary_of_an_editor", "203.0.113.77"
"""Who did it and from where, as the history tells."""


class ReenactedKobo(ReenactedServer):
    """One asset. `cap` is what a page holds at most, whatever was asked for."""

    cap = 1000

    def __init__(self, *, token: str = "kobotoken", uid: str = "aKoboAsset000000000000") -> None:  # noqa: S107
        super().__init__()
        self.token, self.uid = token, uid
        self.rows: dict[int, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.may_manage = False
        """Whether the token may read the project history."""
        self.history: list[dict[str, Any]] = []
        """Oldest first."""
        self.on_page: Callable[[], None] | None = None
        """Called before each page is made: what changes while somebody pages."""
        self._last = 0

    # what people and phones do there

    def submit(self, body: Mapping[str, Any] | bytes, *, at: str = "2026-11-01T08:00:00") -> int:
        """A new submission; returns its `_id`. Numbers have gaps."""
        row = json.loads(body) if isinstance(body, bytes) else dict(body)
        with self.lock:
            self._last += 1 + (self._last % 7 == 3)
            row |= {"_id": self._last, "_submission_time": at, "meta/rootUuid": f"uuid:{row['_uuid']}"}
            self.rows[self._last] = row
            self.log("add-submission", row)
            return self._last

    def edit(self, number: int, **changed: Any) -> str:
        """Answers change; the number, the root and the time of submission stay. Nobody is told. None takes one out."""
        with self.lock:
            row = self.rows[number]
            edition = str(uuid4())
            new = {**row, **changed, "meta/deprecatedID": f"uuid:{row['_uuid']}"}
            new |= {"_uuid": edition, "meta/instanceID": f"uuid:{edition}"}
            self.rows[number] = {key: value for key, value in new.items() if value is not None}
            self.log("modify-submission", row)
            return edition

    def delete(self, number: int) -> dict[str, Any]:
        """It is gone; nobody is told."""
        with self.lock:
            self.log("delete-submission", self.rows[number])
            return self.rows.pop(number)

    def log(self, action: str, row: Mapping[str, Any]) -> None:
        """A row of the project history."""
        root = row["meta/rootUuid"].removeprefix("uuid:")
        told = {
            "submission": {"root_uuid": root, "submitted_by": STAFF},
            "ip_address": ADDRESS,
            "log_subtype": "project",
        }
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self.history.append({"username": STAFF, "action": action, "metadata": told, "date_created": at})

    def duplicate(self, number: int) -> int:
        """The button: a new root with the same answers, begun and ended now."""
        with self.lock:
            uuid = str(uuid4())
            times = {key: "2026-11-25T10:00:00.000Z" for key in ("start", "end") if key in self.rows[number]}
            copy = {**self.rows[number], **times, "_uuid": uuid, "meta/instanceID": f"uuid:{uuid}"}
            copy.pop("meta/deprecatedID", None)
            return self.submit(copy)

    def attach(self, number: int, name: str, content: bytes) -> None:
        """A file arrives, perhaps long after the answers."""
        with self.lock:
            uid = f"att{uuid4().hex[:19]}"
            self.files[uid] = content
            one = {"uid": uid, "media_file_basename": name, "question_xpath": "wrong[1]", "is_deleted": False}
            self.rows[number] = {**self.rows[number], "_attachments": [*self.rows[number]["_attachments"], one]}

    # what it answers

    def answer(self, asked: Asked) -> Reply:
        """As kpi does; what is hidden from a token is not there."""
        if asked.headers.get("Authorization") != f"Token {self.token}":
            return json_reply({"detail": "Invalid token."}, 401)
        if asked.path == f"/api/v2/assets/{self.uid}/history/":
            return self._tell_history(asked)
        base = f"/api/v2/assets/{self.uid}/data/"
        if asked.method != "GET" or not asked.path.startswith(base):
            return json_reply({"detail": "Not found."}, 404)
        rest = asked.path.removeprefix(base).strip("/").split("/")
        if rest == [""]:
            return self._list(asked)
        row = self.rows.get(int(rest[0]))
        if row is None:
            return json_reply({"detail": "Not found."}, 404)
        if len(rest) == 3 and rest[1] == "attachments":
            held = {one["uid"] for one in row["_attachments"] if not one["is_deleted"]}
            return Reply(200, self.files[rest[2]]) if rest[2] in held else Reply(404)
        return json_reply(row)

    def _list(self, asked: Asked) -> Reply:
        if self.on_page is not None:
            self.on_page()
        query = json.loads(asked.query.get("query", "{}"))
        limit = min(int(asked.query.get("limit", 100)), self.cap)
        if limit < 1 or asked.query.get("sort", '{"_id":1}') != '{"_id":1}':
            return json_reply({"detail": "Bad request."}, 400)
        matching = [self.rows[number] for number in sorted(self.rows) if _matches(self.rows[number], query)]
        page = matching[:limit]
        if "fields" in asked.query:
            names = {*json.loads(asked.query["fields"]), *ALWAYS}
            page = [{name: row[name] for name in names if name in row} for row in page]
        following = f"{self.base}/next" if len(matching) > limit else None
        return json_reply({"count": len(matching), "next": following, "previous": None, "results": page})

    def _tell_history(self, asked: Asked) -> Reply:
        """Newest first, by offset."""
        if not self.may_manage:
            return json_reply({"detail": "You do not have permission to perform this action."}, 403)
        if self.on_page is not None:
            self.on_page()
        query = _ASKED_HISTORY.fullmatch(asked.query["q"])
        if query is None:
            return json_reply({"detail": "Bad query."}, 400)
        actions = {one.removeprefix("action:") for one in query.group(1).split(" OR ")}
        found = [row for row in self.history if row["action"] in actions and row["date_created"] >= query.group(2)]
        found.sort(key=lambda row: row["date_created"])
        offset, limit = int(asked.query["offset"]), min(int(asked.query["limit"]), self.cap)
        page = found[::-1][offset : offset + limit]
        return json_reply(
            {"count": len(found), "next": "https://elsewhere.example/", "previous": None, "results": page}
        )


def _matches(row: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    return all(
        all(_OPERATORS[name](row.get(field), value) for name, value in tests.items()) for field, tests in query.items()
    )
