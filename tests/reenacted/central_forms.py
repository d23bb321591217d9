"""ODK Central's publishing half, as measured: drafts, attachments, entity lists, the draft's own form list, publish."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import Any
from zipfile import BadZipFile

from tests.reenacted.multipart import read_sheets
from tests.reenacted.server import Asked, ReenactedServer, Reply, json_reply

_FORM = re.compile(r"/v1/projects/(?P<project>\d+)/forms(?:/(?P<form>[^/]+))?(?P<rest>(?:/.*)?)$")
_TEST = re.compile(r"/v1/test/(?P<token>\w+)/projects/\d+/forms/(?P<form>[^/]+)/draft/formList$")
_RIGHT = re.compile(r"/v1/projects/3/forms/(?P<form>[^/]+)/assignments/app-user(?:/(?P<user>\d+))?$")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Definition:
    """One content of a form."""

    version: str
    hash: str
    attachments: dict[str, dict[str, Any]] = field(default_factory=dict)
    token: str = ""


@dataclass
class Form:
    """A form of a project."""

    id: str
    draft: Definition | None = None
    live: Definition | None = None
    state: str = "open"
    versions: list[str] = field(default_factory=list)
    """Every version that was ever published."""


def problem(status: int, code: float, message: str, **details: Any) -> Reply:
    """An error as Central writes it."""
    return json_reply({"message": message, "code": code, "details": details}, status)


class CentralForms(ReenactedServer):
    """One project of a Central server, number 3."""

    def __init__(self) -> None:
        super().__init__()
        self.user, self.password = "imo@example.org", "central-password"
        self.forms: dict[str, Form] = {}
        self.datasets: list[str] = []
        self.needs: list[str] = []
        """Names of files that the next workbooks refer to."""
        self.warnings: list[str] = []
        self.app_users: list[dict[str, Any]] = []
        self.rights: list[tuple[str, int]] = []
        """(form, app user)."""
        self.hides_draft = False
        """True: the draft's own form list is empty, as when something is wrong there."""
        self._number = 0

    def answer(self, asked: Asked) -> Reply:
        """What Central says."""
        if asked.path == "/v1/sessions":
            body = json.loads(asked.body)
            is_known = (body.get("email"), body.get("password")) == (self.user, self.password)
            return json_reply({"token": "session1"}) if is_known else problem(401, 401.2, "Could not authenticate.")
        tried = _TEST.match(asked.path)
        if tried is not None:
            return self._list_draft(tried, asked)
        if asked.headers.get("Authorization") != "Bearer session1":
            return problem(401, 401.2, "Could not authenticate with the provided credentials.")
        if asked.path == "/v1/projects/3/datasets":
            return json_reply([{"name": name, "projectId": 3} for name in self.datasets])
        if asked.path == "/v1/projects/3/app-users":
            return self._users(asked)
        right = _RIGHT.match(asked.path)
        if right is not None:
            return self._grant(right["form"], right["user"])
        found = _FORM.match(asked.path)
        if found is None or found["project"] != "3":
            return problem(404, 404.1, "Could not find the resource you were looking for.")
        if found["form"] is None:
            return self._create(asked)
        form = self.forms.get(found["form"])
        if form is None:
            return problem(404, 404.1, "Could not find the resource you were looking for.")
        return self._form(form, found["rest"], asked)

    def _form(self, form: Form, rest: str, asked: Asked) -> Reply:
        if rest == "":
            shown = form.live or form.draft
            assert shown is not None
            at = "2026-11-25T10:00:00.000Z" if form.live else None
            return json_reply(self._show(form, shown) | {"publishedAt": at, "draftToken": None})
        if rest == "/attachments":
            return json_reply(list(form.live.attachments.values()) if form.live else [])
        if rest == "/draft" and asked.method == "POST":
            return self._upload(form, asked)
        if form.draft is None:
            return problem(404, 404.1, "Could not find the resource you were looking for.")
        if rest == "/draft":
            return json_reply(self._show(form, form.draft) | {"publishedAt": None, "draftToken": form.draft.token})
        if rest == "/draft/publish":
            return self._publish(form)
        if rest == "/draft/attachments":
            return json_reply(list(form.draft.attachments.values()))
        return self._attach(form.draft, rest.rpartition("/")[2], asked)

    def _show(self, form: Form, one: Definition) -> dict[str, Any]:
        return {"projectId": 3, "xmlFormId": form.id, "state": form.state, "version": one.version, "hash": one.hash}

    def _read(self, asked: Asked) -> Definition | Reply:
        if asked.headers.get("Content-Type") != XLSX:
            return problem(400, 400.15, "The given XLSForm file was not valid.", error="unknown type")
        try:
            sheets = read_sheets(asked.body)
            settings = sheets["settings"][0]
        except (BadZipFile, KeyError, ValueError, IndexError) as error:
            return problem(
                400, 400.15, "The given XLSForm file was not valid. Please see the error details.", error=str(error)
            )
        if self.warnings and asked.query.get("ignoreWarnings") != "true":
            found = {"xlsFormWarnings": self.warnings, "workflowWarnings": []}
            return problem(400, 400.16, "The XLSForm is valid, but with warnings.", warnings=found)
        self._number += 1
        files = {
            name: {
                "name": name,
                "type": "file",
                "exists": name.removesuffix(".csv") in self.datasets,
                "blobExists": False,
                "datasetExists": name.removesuffix(".csv") in self.datasets,
            }
            for name in self.needs
        }
        digest = hashlib.md5(asked.body, usedforsecurity=False).hexdigest()
        return Definition(settings["version"], digest, files, token=f"draft{self._number}")

    def _create(self, asked: Asked) -> Reply:
        one = self._read(asked)
        if isinstance(one, Reply):
            return one
        name = read_sheets(asked.body)["settings"][0]["form_id"]
        if name in self.forms:
            return problem(409, 409.3, "A resource already exists with xmlFormId,projectId value(s) of that.")
        self.forms[name] = Form(name, draft=one)
        return json_reply(self._show(self.forms[name], one))

    def _upload(self, form: Form, asked: Asked) -> Reply:
        one = self._read(asked)
        if isinstance(one, Reply):
            return one
        if one.version in form.versions:
            return problem(409, 409.6, f"This form already has a version {one.version}.")
        form.draft = one
        return json_reply({"success": True})

    def _publish(self, form: Form) -> Reply:
        assert form.draft is not None
        if form.draft.version in form.versions:
            return problem(409, 409.6, "You tried to publish a version that was used before.")
        form.live, form.draft = form.draft, None
        form.versions.append(form.live.version)
        return json_reply({"success": True})

    def _attach(self, draft: Definition, name: str, asked: Asked) -> Reply:
        row = draft.attachments.get(name)
        if row is None:
            return problem(404, 404.1, "Could not find the resource you were looking for.")
        if asked.method == "PATCH":
            if name.removesuffix(".csv") not in self.datasets:
                return problem(404, 404.1, "Could not find the resource you were looking for.")
            row |= {"exists": True, "blobExists": False, "datasetExists": True}
            row.pop("hash", None)
        else:
            digest = hashlib.md5(asked.body, usedforsecurity=False).hexdigest()
            row |= {"exists": True, "blobExists": True, "datasetExists": False, "hash": digest}
        return json_reply(row)

    def _list_draft(self, found: re.Match[str], asked: Asked) -> Reply:
        form = self.forms.get(found["form"])
        if asked.headers.get("X-OpenRosa-Version") != "1.0":
            return problem(400, 400.6, "An expected header field (X-OpenRosa-Version) did not match.")
        if form is None or form.draft is None or form.draft.token != found["token"]:
            return Reply(404)
        row = f"<xform><formID>{form.id}</formID><version>{form.draft.version}</version></xform>"
        text = f'<xforms xmlns="http://openrosa.org/xforms/xformsList">{"" if self.hides_draft else row}</xforms>'
        return Reply(200, text.encode(), {"Content-Type": "text/xml"})

    def _users(self, asked: Asked) -> Reply:
        if asked.method == "POST":
            self._number += 1
            name, token = json.loads(asked.body)["displayName"], f"{self._number:04d}" + "k" * 60
            self.app_users.append({"id": self._number, "displayName": name, "token": token, "projectId": 3})
            return json_reply(self.app_users[-1])
        return json_reply(self.app_users)

    def _grant(self, form: str, user: str | None) -> Reply:
        if form not in self.forms:
            return problem(404, 404.1, "Could not find the resource you were looking for.")
        if user is not None:
            self.rights.append((form, int(user)))
            return json_reply({"success": True})
        return json_reply([{"id": number, "type": "field_key"} for name, number in self.rights if name == form])

    def edit_draft(self, form: str, version: str) -> None:
        """Somebody puts another draft there by hand."""
        one = self.forms[form]
        self._number += 1
        source = one.draft or one.live
        assert source is not None
        one.draft = replace(source, version=version, hash=f"{self._number:032x}", token=f"draft{self._number}")
