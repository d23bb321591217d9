"""KoboToolbox's publishing half, as measured: projects, imports that take their time, files, hooks, deployments."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from zipfile import BadZipFile

from tests.reenacted.multipart import read_multipart, read_sheets
from tests.reenacted.server import Asked, ReenactedServer, Reply, json_reply

_PATH = re.compile(r"/api/v2/(?P<kind>assets|imports)/(?:(?P<uid>\w+)/)?(?:(?P<part>\w+)/)?(?:(?P<item>\w+)/)?$")
_ASYMMETRIC = ("begin", "end")


@dataclass
class Asset:
    """A project there."""

    uid: str
    name: str
    description: str
    kind: str = "empty"
    content: dict[str, Any] = field(default_factory=dict)
    version_id: str = ""
    deployed_version_id: str = ""
    is_active: bool = False
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Import:
    """An upload that is being worked on: `polls` more looks until it is done."""

    uid: str
    xlsx: bytes
    asset: str
    is_library: bool
    polls: int
    status: str = "processing"
    messages: dict[str, Any] = field(default_factory=dict)


class KoboForms(ReenactedServer):
    """One account of a Kobo server."""

    def __init__(self, *, polls: int = 1) -> None:
        super().__init__()
        self.token = "kobo-token"
        self.polls = polls
        """How often an import says that it is still processing."""
        self.assets: dict[str, Asset] = {}
        self.imports: dict[str, Import] = {}
        self.deploy_error = ""
        self._number = 0

    def _new(self, letter: str) -> str:
        self._number += 1
        return f"{letter}{self._number:06d}"

    def answer(self, asked: Asked) -> Reply:
        """What Kobo says."""
        if asked.headers.get("Authorization") != f"Token {self.token}":
            return json_reply({"detail": "Invalid token."}, 401)
        found = _PATH.match(asked.path)
        if found is None:
            return json_reply({"detail": "Not found."}, 404)
        kind, uid, part, item = found.group("kind", "uid", "part", "item")
        if kind == "imports":
            return self._poll(uid) if uid else self._import(asked)
        if uid is None:
            return self._create(asked) if asked.method == "POST" else self._search(asked)
        if uid not in self.assets:
            return json_reply({"detail": "Not found."}, 404)
        asset = self.assets[uid]
        if part == "deployment":
            return self._deploy(asset, asked)
        if part in ("files", "hooks"):
            return self._files(asset, asked, item) if part == "files" else self._hooks(asset, asked, item)
        return json_reply(self._show(asset))

    def _show(self, asset: Asset) -> dict[str, Any]:
        return {
            "uid": asset.uid,
            "name": asset.name,
            "asset_type": asset.kind,
            "settings": {"description": asset.description},
            "content": asset.content,
            "version_id": asset.version_id,
            "deployed_version_id": asset.deployed_version_id or None,
            "has_deployment": bool(asset.deployed_version_id),
            "deployment__active": asset.is_active,
            "date_created": asset.uid,
        }

    def _search(self, asked: Asked) -> Reply:
        wanted = asked.query.get("q", "").lower()
        rows = [self._show(one) for one in self.assets.values() if wanted in f"{one.name} {one.description}".lower()]
        return json_reply({"count": len(rows), "next": None, "previous": None, "results": rows})

    def _create(self, asked: Asked) -> Reply:
        body = json.loads(asked.body)
        uid = self._new("a")
        settings = body.get("settings") or {}
        self.assets[uid] = Asset(uid, body["name"], settings.get("description", ""), body["asset_type"])
        self.assets[uid].version_id = self._new("v")
        return json_reply(self._show(self.assets[uid]), 201)

    def _import(self, asked: Asked) -> Reply:
        fields, files = read_multipart(asked)
        uid = self._new("i")
        asset = fields.get("destination", "").rstrip("/").rpartition("/")[2]
        self.imports[uid] = Import(
            uid, files["file"][1], asset, fields.get("library") not in ("false", "False"), self.polls
        )
        return json_reply({"uid": uid, "url": f"{self.base}/api/v2/imports/{uid}/", "status": "processing"}, 201)

    def _poll(self, uid: str) -> Reply:
        one = self.imports.get(uid)
        if one is None:
            return json_reply({"detail": "Not found."}, 404)
        if one.status == "processing" and one.polls > 0:
            one.polls -= 1
        elif one.status == "processing":
            self._finish(one)
        return json_reply({"uid": uid, "status": one.status, "messages": one.messages})

    def _finish(self, one: Import) -> None:
        try:
            sheets = read_sheets(one.xlsx)
        except (BadZipFile, KeyError, ValueError):
            self._fail(one, "BadZipFile", "File is not a zip file")
            return
        rows = [row for row in sheets.get("survey", ()) if not str(row.get("type", "")).startswith("end")]
        names = Counter(row["name"] for row in rows if row.get("name"))
        twice = [name for name, number in names.items() if number > 1]
        if twice:
            self._fail(one, "ValueError", f"Duplicate node name: {twice[0]}")
            return
        if one.asset and one.asset not in self.assets:
            self._fail(one, "DoesNotExist", "Asset matching query does not exist.")
            return
        uid = one.asset or self._new("a")
        asset = self.assets.setdefault(uid, Asset(uid, "", "", "block" if one.is_library else "survey"))
        asset.kind = "survey" if asset.kind == "empty" else asset.kind
        settings = (sheets.get("settings") or [{}])[0]
        survey = [{**row, "$kuid": self._new("k"), "$autoname": row.get("name", "")} for row in sheets["survey"]]
        asset.content = {"schema": "1", "survey": survey, "choices": sheets.get("choices", []), "settings": settings}
        asset.version_id = self._new("v")
        one.status = "complete"
        one.messages = {"updated" if one.asset else "created": [{"uid": uid, "kind": "asset"}]}

    def _fail(self, one: Import, kind: str, text: str) -> None:
        one.status, one.messages = "error", {"error": text, "error_type": kind}

    def _deploy(self, asset: Asset, asked: Asked) -> Reply:
        body = json.loads(asked.body)
        if asset.kind != "survey":
            return Reply(500, b"<h1>Server Error (500)</h1>", {"Content-Type": "text/html"})
        if asked.method == "POST" and asset.deployed_version_id:
            return json_reply({"detail": 'Method "POST" not allowed.'}, 405)
        if asked.method == "PATCH" and set(body) == {"active"}:
            asset.is_active = bool(body["active"])
            return json_reply({"active": asset.is_active})
        if body.get("version_id", asset.version_id) != asset.version_id:
            return Reply(500, b"<h1>Server Error (500)</h1>", {"Content-Type": "text/html"})
        if self.deploy_error:
            return json_reply({"error": self.deploy_error}, 400)
        asset.deployed_version_id, asset.is_active = asset.version_id, bool(body.get("active"))
        return json_reply(
            {"active": asset.is_active, "version_id": asset.version_id}, 201 if asked.method == "POST" else 200
        )

    def _files(self, asset: Asset, asked: Asked, item: str | None) -> Reply:
        if asked.method == "GET":
            return json_reply({"count": len(asset.files), "next": None, "results": list(asset.files.values())})
        if asked.method == "DELETE":
            return Reply(204 if asset.files.pop(item or "", None) else 404)
        fields, files = read_multipart(asked)
        if "metadata" not in fields:
            return Reply(500, b"<h1>Server Error (500)</h1>", {"Content-Type": "text/html"})
        name, content = files["content"]
        if any(one["metadata"]["filename"] == name for one in asset.files.values()):
            return json_reply({"content": ["File already exists"]}, 400)
        if not name.endswith((".csv", ".xml", ".zip", ".geojson", ".png", ".jpg", ".mp3", ".mp4")):
            return json_reply({"content": ["Only `.csv`, `.xml` extensions are allowed"]}, 400)
        uid = self._new("af")
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        about = {"filename": name, "hash": f"md5:{md5}", "mimetype": "text/csv"}
        asset.files[uid] = {"uid": uid, "file_type": fields["file_type"], "metadata": about}
        return json_reply(asset.files[uid], 201)

    def _hooks(self, asset: Asset, asked: Asked, item: str | None) -> Reply:
        if asked.method == "GET":
            return json_reply({"count": len(asset.hooks), "next": None, "results": list(asset.hooks.values())})
        if item is not None and item not in asset.hooks:
            return json_reply({"detail": "Not found."}, 404)
        if asked.method == "DELETE":
            del asset.hooks[item or ""]
            return Reply(204)
        body = json.loads(asked.body)
        if not str(body.get("endpoint", "http")).startswith("http"):
            return json_reply({"endpoint": ["Enter a valid URL."]}, 400)
        if asked.method == "PATCH":
            asset.hooks[item or ""] |= body
            return json_reply(asset.hooks[item or ""])
        uid = self._new("h")
        asset.hooks[uid] = {"uid": uid, **body}
        return json_reply(asset.hooks[uid], 201)
