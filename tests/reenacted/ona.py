"""Ona re-enacted: `/api/v1/data/<number>` with its query and pages, edits that may keep their instance id, files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

from tests.reenacted.server import Asked, ReenactedServer, Reply, json_reply


class ReenactedOna(ReenactedServer):
    """One form."""

    cap = 10_000

    def __init__(self, *, number: int = 22845) -> None:
        super().__init__()
        self.token, self.there = "onatoken", str(number)
        self.now = datetime.now(UTC)
        self.rows: dict[int, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}

    def _stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%S")

    def submit(self, row: Mapping[str, Any], *, at: str = "2026-11-01T08:00:00") -> int:
        """A new submission; no root id is kept."""
        with self.lock:
            number = max(self.rows, default=0) + 1
            kept = {key: value for key, value in row.items() if key != "meta/rootUuid"}
            own = {"_id": number, "_submission_time": at, "_date_modified": at, "_edited": False}
            self.rows[number] = {**kept, **own}
            return number

    def edit(self, number: int, *, keeps_id: bool = False, **changed: Any) -> None:
        """Answers change."""
        with self.lock:
            row, edition = self.rows[number], str(uuid4())
            new = {**row, **changed, "_edited": True, "_last_edited": self._stamp(), "_date_modified": self._stamp()}
            if not keeps_id:
                new |= {"meta/deprecatedID": row["meta/instanceID"], "meta/instanceID": f"uuid:{edition}"}
                new |= {"_uuid": edition}
            self.rows[number] = new

    def answer(self, asked: Asked) -> Reply:
        """As onadata does."""
        if asked.headers.get("Authorization") != f"Token {self.token}":
            return json_reply({"detail": "Invalid token"}, 401)
        clock = {"Date": format_datetime(self.now, usegmt=True)}
        base = f"/api/v1/data/{self.there}"
        if asked.path == f"/api/v1/forms/{self.there}.json":
            return json_reply({"num_of_submissions": len(self.rows)}, **clock)
        if asked.path == f"{base}.json":
            return json_reply(self._list(asked), **clock)
        if asked.path.startswith("/api/v1/files/"):
            return Reply(200, self.files[asked.path.rpartition("/")[2]])
        row = self.rows.get(int(asked.path.removeprefix(f"{base}/").removesuffix(".json")))
        return json_reply(row, **clock) if row is not None else json_reply({"detail": "Not found"}, 404)

    def _list(self, asked: Asked) -> list[dict[str, Any]]:
        query = json.loads(asked.query.get("query", "{}"))
        after = query.get("_id", {}).get("$gt", 0)
        since = query.get("_date_modified", {}).get("$gte", "")
        size = min(int(asked.query["page_size"]), self.cap)
        found = [row for number, row in sorted(self.rows.items()) if number > after and row["_date_modified"] >= since]
        page = found[(int(asked.query["page"]) - 1) * size :][:size]
        names = json.loads(asked.query.get("fields", "null"))
        return page if names is None else [{name: row[name] for name in names if name in row} for row in page]
