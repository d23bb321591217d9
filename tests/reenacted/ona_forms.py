"""Ona's publishing half, as its source and documents say: forms that are live at once, metadata, webhooks."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from zipfile import BadZipFile

from tests.reenacted.multipart import read_multipart, read_sheets
from tests.reenacted.server import Asked, ReenactedServer, Reply, json_reply

_PATH = re.compile(r"/api/v1/(?P<kind>forms|metadata|restservices)(?:/(?P<item>\d+))?\.json$")


@dataclass
class Form:
    """A form there."""

    id: int
    id_string: str
    version: str
    hash: str
    is_open: bool = True
    files: dict[int, dict[str, Any]] = field(default_factory=dict)
    hooks: dict[int, dict[str, Any]] = field(default_factory=dict)


class OnaForms(ReenactedServer):
    """One account of an Ona server."""

    def __init__(self) -> None:
        super().__init__()
        self.token = "ona-token"
        self.forms: dict[int, Form] = {}
        self.refusal = ""
        """What it says to the next workbooks."""
        self._number = 100

    def _new(self) -> int:
        self._number += 1
        return self._number

    def answer(self, asked: Asked) -> Reply:
        """What Ona says."""
        if asked.headers.get("Authorization") != f"Token {self.token}":
            return json_reply({"detail": "Invalid token"}, 401)
        found = _PATH.match(asked.path)
        if found is None:
            return json_reply({"detail": "Not found."}, 404)
        item = int(found["item"]) if found["item"] else None
        return {"forms": self._forms, "metadata": self._metadata, "restservices": self._hooks}[found["kind"]](
            asked, item
        )

    def _forms(self, asked: Asked, item: int | None) -> Reply:
        if item is None:
            return self._publish(asked) if asked.method == "POST" else self._list(asked)
        form = self.forms.get(item)
        if form is None:
            return json_reply({"detail": "Not found."}, 404)
        if asked.method == "PATCH":
            return self._replace(form, asked)
        return json_reply(self._show(form))

    def _show(self, form: Form) -> dict[str, Any]:
        return {
            "formid": form.id,
            "id_string": form.id_string,
            "version": form.version,
            "hash": f"md5:{form.hash}",
            "downloadable": form.is_open,
            "title": form.id_string,
        }

    def _list(self, asked: Asked) -> Reply:
        page, size = int(asked.query.get("page", "1")), int(asked.query.get("page_size", "10000"))
        rows = [self._show(one) for one in self.forms.values()][(page - 1) * size : page * size]
        return json_reply(rows) if rows or page == 1 else json_reply({"detail": "Invalid page."}, 404)

    def _read(self, asked: Asked) -> tuple[str, str, str] | Reply:
        _, files = read_multipart(asked)
        content = files["xls_file"][1]
        try:
            settings = read_sheets(content)["settings"][0]
        except (BadZipFile, KeyError, ValueError, IndexError):
            return json_reply({"type": "alert-error", "text": "Invalid file"}, 400)
        if self.refusal:
            return json_reply({"type": "alert-error", "text": self.refusal}, 400)
        return settings["form_id"], settings["version"], hashlib.md5(content, usedforsecurity=False).hexdigest()

    def _publish(self, asked: Asked) -> Reply:
        read = self._read(asked)
        if isinstance(read, Reply):
            return read
        name, version, digest = read
        if any(one.id_string == name for one in self.forms.values()):
            return json_reply(
                {"type": "alert-error", "text": f"Form with this id or SMS-keyword already exists: {name}"}, 400
            )
        form = Form(self._new(), name, version, digest)
        self.forms[form.id] = form
        return json_reply(self._show(form), 201)

    def _replace(self, form: Form, asked: Asked) -> Reply:
        if asked.headers.get("Content-Type", "").startswith("application/json"):
            form.is_open = bool(json.loads(asked.body)["downloadable"])
            return json_reply(self._show(form))
        read = self._read(asked)
        if isinstance(read, Reply):
            return read
        name, form.version, form.hash = read
        if name != form.id_string:
            return json_reply({"type": "alert-error", "text": "Your updated form's id_string must match"}, 400)
        return json_reply(self._show(form))

    def _metadata(self, asked: Asked, item: int | None) -> Reply:
        if asked.method == "DELETE":
            gone = [form.files.pop(item, None) for form in self.forms.values() if item in form.files]
            return Reply(204 if gone else 404)
        if asked.method == "GET":
            form = self.forms[int(asked.query["xform"])]
            return json_reply(list(form.files.values()))
        fields, files = read_multipart(asked)
        number, (name, content) = self._new(), files["data_file"]
        row = {
            "id": number,
            "xform": int(fields["xform"]),
            "data_type": fields["data_type"],
            "data_value": name,
            "file_hash": f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}",
        }
        self.forms[int(fields["xform"])].files[number] = row
        return json_reply(row, 201)

    def _hooks(self, asked: Asked, item: int | None) -> Reply:
        if asked.method == "DELETE":
            gone = [form.hooks.pop(item, None) for form in self.forms.values() if item in form.hooks]
            return Reply(204 if gone else 404)
        if asked.method == "GET":
            return json_reply([hook for form in self.forms.values() for hook in form.hooks.values()])
        body = json.loads(asked.body)
        if not str(body.get("service_url", "")).startswith("http"):
            return json_reply({"service_url": ["Enter a valid URL."]}, 400)
        number = self._new()
        form = self.forms[int(body["xform"])]
        form.hooks[number] = {"id": number, **body, "xform": form.id, "active": True}
        return json_reply(form.hooks[number], 201)
