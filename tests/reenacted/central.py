"""ODK Central re-enacted: sessions, OData with its filters and skip tokens, submissions as XML, edits, deletions."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode
from uuid import uuid4

from tests.reenacted.server import Asked, ReenactedServer, Reply, json_reply

_FILTER = re.compile(r"__system/(\w+) ge ([0-9T:.Z-]+)")
EARLY = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Instance:
    """A submission: its versions' XML, oldest first."""

    xmls: tuple[bytes, ...]
    sent_at: datetime
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    files: dict[str, bytes] = field(default_factory=dict)


class ReenactedCentral(ReenactedServer):
    """One form of one project. Links name the configured domain, not the host that was asked."""

    domain = "https://central.internal.example"

    def __init__(self, *, project: int = 3, form: str = "hh") -> None:
        super().__init__()
        self.user, self.password = "viewer@example.org", "long enough, and more"
        self.form = f"/v1/projects/{project}/forms/{form}"
        self.there = f"{project}/{form}"
        self.now = datetime.now(UTC)
        self.page = 250
        self.instances: dict[str, Instance] = {}
        self.sessions: set[str] = set()

    # what happens there

    def submit(self, xml: bytes, *, at: datetime = EARLY) -> str:
        """A phone sends one; returns its name for good."""
        with self.lock:
            name = _id(xml)
            self.instances[name] = Instance((xml,), at)
            return name

    def edit(self, name: str, xml: bytes) -> None:
        """Another version of it, as XML that names the one before."""
        with self.lock:
            old = self.instances[name]
            self.instances[name] = replace(old, xmls=(*old.xmls, xml), updated_at=self.now)

    def delete(self, name: str) -> None:
        """Into the bin, for thirty days."""
        with self.lock:
            self.instances[name] = replace(self.instances[name], deleted_at=self.now)

    def purge(self, name: str) -> None:
        """Out of the bin."""
        with self.lock:
            del self.instances[name]

    # what it answers

    def answer(self, asked: Asked) -> Reply:
        """Every answer carries Central's own clock."""
        reply = self._answer(asked)
        return replace(reply, headers={**reply.headers, "Date": format_datetime(self.now, usegmt=True)})

    def _answer(self, asked: Asked) -> Reply:
        if asked.method == "POST" and asked.path == "/v1/sessions":
            given = json.loads(asked.body)
            if given != {"email": self.user, "password": self.password}:
                return json_reply({"code": 401.2}, 401)
            token = uuid4().hex
            self.sessions.add(token)
            return json_reply({"token": token, "expiresAt": "2026-11-26T00:00:00Z"})
        if asked.headers.get("Authorization", "").removeprefix("Bearer ") not in self.sessions:
            return json_reply({"code": 401.2}, 401)
        if asked.path == self.form:
            return json_reply({"xmlFormId": self.there.partition("/")[2]})
        if asked.path == f"{self.form}.svc/Submissions":
            return self._list(asked)
        return self._show(unquote(asked.path).removeprefix(f"{self.form}/submissions/"))

    def _show(self, rest: str) -> Reply:
        name, _, file = rest.removesuffix(".xml").partition("/attachments/")
        one = self.instances.get(name)
        if one is None or one.deleted_at is not None:
            return json_reply({"code": 404.1}, 404)
        if not file:
            return Reply(200, one.xmls[-1], {"Content-Type": "application/xml"})
        return Reply(200, one.files[file]) if file in one.files else json_reply({"code": 404.1}, 404)

    def _list(self, asked: Asked) -> Reply:
        if set(asked.query) - {"$select", "$top", "$count", "$filter", "$skiptoken"} or "$orderby" in asked.query:
            return json_reply({"code": 501.11}, 501)
        tests = _FILTER.findall(asked.query.get("$filter", ""))
        found = [(name, one) for name, one in reversed(self.instances.items()) if _matches(one, tests)]
        count = len(found)
        if "$skiptoken" in asked.query:
            last = json.loads(base64.b64decode(asked.query["$skiptoken"][2:]))["instanceId"]
            names = [name for name, _ in found]
            found = found[names.index(last) + 1 :] if last in names else []
        size = min(int(asked.query["$top"]), self.page)
        page, more = found[:size], len(found) > size
        answer: dict[str, Any] = {"value": [_row(name, one) for name, one in page], "@odata.count": count}
        if more and page:
            token = "01" + base64.b64encode(json.dumps({"instanceId": page[-1][0]}).encode()).decode()
            query = urlencode({**asked.query, "$skiptoken": token}, quote_via=quote)
            answer["@odata.nextLink"] = f"{self.domain}{self.form}.svc/Submissions?{query}"
        return json_reply(answer)


def _id(xml: bytes) -> str:
    found = re.search(rb"instanceID>([^<]+)<", xml)
    assert found is not None
    return found.group(1).decode()


def _matches(one: Instance, tests: list[tuple[str, str]]) -> bool:
    if not any(name == "deletedAt" for name, _ in tests) and one.deleted_at is not None:
        return False
    times = {"submissionDate": one.sent_at, "updatedAt": one.updated_at, "deletedAt": one.deleted_at}
    return not tests or any(
        (at := times[name]) is not None and at >= datetime.fromisoformat(since) for name, since in tests
    )


def _row(name: str, one: Instance) -> dict[str, Any]:
    system = {
        "submissionDate": one.sent_at.isoformat(),
        "updatedAt": one.updated_at and one.updated_at.isoformat(),
        "deletedAt": one.deleted_at and one.deleted_at.isoformat(),
        "edits": len(one.xmls) - 1,
        "status": None,
        "attachmentsPresent": len(one.files),
        "attachmentsExpected": len(one.files),
    }
    return {"__id": name, "__system": system}
