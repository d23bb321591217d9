"""KoboToolbox: publishing a form by its API v2. Make an empty project, import into it, add files and the hook, deploy.

Importing into a project that was made first replaces its content and can be repeated; an import that makes the
project itself could not be found again after a lost answer. Kobo replaces the form's id and version by its own, so the
version is read out of the form's `pim_catalogue_version`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pimcollect.domain.releases import Copy, FileThere, FormThere, HookThere, Order, Seen, Step, Stop, Ways
from pimcollect.servers.answers import Answer
from pimcollect.servers.publishing import (
    XLSX,
    File,
    Job,
    Request,
    digest_content,
    read_id,
    read_object,
    read_rows,
    read_text,
    refuse,
)

SECRET_HEADER = "X-Pim-Secret"  # noqa: S105 - a header's name
WAYS = Ways(has_hooks=True, is_created_empty=True, has_drafts=True)
_ASSETS = "api/v2/assets/"
_IMPORTS = "api/v2/imports/"
_JSON = {"format": "json"}
_MOST_ROWS = 1000
_WORKING = ("created", "processing")
_VERSION = "pim_catalogue_version"
_REFUSALS = {
    Step.CREATE: "form_refused",
    Step.UPLOAD: "form_refused",
    Step.PUT_FILE: "file_refused",
    Step.PUT_HOOK: "hook_refused",
    Step.MEND_HOOK: "hook_refused",
    Step.PUBLISH: "form_refused",
}
"""What a 400 means, by step."""


def ask(order: Order, job: Job, seen: Seen, file: File | None) -> Request:
    """The request of a step."""
    place = seen.form.place if seen.form else order.about or job.place
    asset = f"{_ASSETS}{quote(place, safe='')}/"
    match order.step:
        case Step.LOOK_FORM if place:
            return Request("GET", asset, (200, 404), {"params": _JSON})
        case Step.LOOK_FORM:
            return Request("GET", _ASSETS, parts={"params": {**_JSON, "q": job.mark, "limit": "20"}})
        case Step.CREATE:
            about = {"description": f"{job.wanted.form} {job.mark}"}
            body = {"name": job.title, "asset_type": "empty", "settings": about}
            return Request("POST", _ASSETS, (201, 400), {"params": _JSON, "json": body})
        case Step.UPLOAD:
            return _ask_import(asset, job)
        case Step.AWAIT_UPLOAD:
            return Request("GET", f"{_IMPORTS}{order.about}/", (200, 404), {"params": _JSON})
        case Step.PUBLISH:
            return _ask_deployment(asset, seen)
        case Step.LOOK_HOOKS | Step.PUT_HOOK | Step.MEND_HOOK | Step.DROP_HOOK:
            return _ask_hook(order, asset, job)
        case _:
            return _ask_file(order, asset, seen, file)


def _ask_import(asset: str, job: Job) -> Request:
    # without `library` it would become a block of questions, which cannot be deployed
    data = {"name": job.title, "library": "false", "desired_type": "survey", "destination": f"/{asset}"}
    files = {"file": (f"{job.wanted.form}.xlsx", job.xlsx, XLSX)}
    return Request("POST", _IMPORTS, (201, 400), {"params": _JSON, "data": data, "files": files})


def _ask_deployment(asset: str, seen: Seen) -> Request:
    form = seen.form
    path = f"{asset}deployment/"
    if form is None or form.waiting is None or form.live is None:
        return Request("POST", path, (200, 201, 400, 405), {"params": _JSON, "json": {"active": True}})
    body = {"active": True, "version_id": form.waiting.id}
    return Request("PATCH", path, (200, 400), {"params": _JSON, "json": body})


def _ask_file(order: Order, asset: str, seen: Seen, file: File | None) -> Request:
    path = f"{asset}files/"
    if order.step is Step.LOOK_FILES:
        return Request("GET", path, parts={"params": {**_JSON, "file_type": "form_media", "limit": str(_MOST_ROWS)}})
    if order.step is Step.DROP_FILE:
        return Request("DELETE", f"{path}{(seen.files or {})[order.about].id}/", (204, 404))
    if file is None:
        raise ValueError("a file is put with its content")
    data = {
        "description": file.name,
        "file_type": "form_media",
        "metadata": json.dumps({"filename": file.name}),  # without it Kobo answers 500
    }
    files = {"content": (file.name, file.content, file.content_type)}
    return Request("POST", path, (201, 400), {"params": _JSON, "data": data, "files": files})


def _ask_hook(order: Order, asset: str, job: Job) -> Request:
    path = f"{asset}hooks/"
    if order.step is Step.LOOK_HOOKS:
        return Request("GET", path, parts={"params": {**_JSON, "limit": str(_MOST_ROWS)}})
    if order.step is Step.DROP_HOOK:
        return Request("DELETE", f"{path}{order.about}/", (204, 404))
    body = {
        "name": f"pimcollect {job.wanted.form}",
        "endpoint": job.wanted.hook,
        "active": True,
        "export_type": "json",
        "auth_level": "no_auth",
        "settings": {"custom_headers": {SECRET_HEADER: job.secret}},
        "email_notification": True,
        "subset_fields": [],
        "payload_template": "",
    }
    if order.step is Step.MEND_HOOK:
        return Request("PATCH", f"{path}{order.about}/", (200, 400, 404), {"params": _JSON, "json": body})
    return Request("POST", path, (201, 400), {"params": _JSON, "json": body})


def learn(order: Order, job: Job, seen: Seen, answer: Answer) -> Seen:
    """What is known after the answer of a step. Raises Stop."""
    if answer.status == 400:
        raise refuse(_REFUSALS[order.step], answer)
    match order.step:
        case Step.LOOK_FORM:
            return _learn_form(job, seen, answer)
        case Step.CREATE:
            return replace(seen, page=read_id(read_object(answer), "uid", answer))
        case Step.UPLOAD:
            return replace(seen, upload=read_id(read_object(answer), "uid", answer))
        case Step.AWAIT_UPLOAD:
            return _learn_import(seen, answer)
        case Step.LOOK_FILES:
            return replace(seen, files=_read_files(answer))
        case Step.LOOK_HOOKS:
            return replace(seen, hooks=_read_hooks(job, answer))
        case _:
            return seen


def _learn_form(job: Job, seen: Seen, answer: Answer) -> Seen:
    if answer.status == 404:
        raise Stop("form_gone")
    content = read_object(answer)
    if "results" in content:
        return _learn_found(job, seen, answer)
    body = content.get("content")
    waiting = None
    if isinstance(body, dict) and body.get("survey"):
        waiting = Copy(_read_version(body), digest_content(body), read_text(content, "version_id"))
    live_id = read_text(content, "deployed_version_id") if content.get("has_deployment") else ""
    live = Copy("", "", live_id) if live_id else None
    if live is not None and waiting is not None and live.id == waiting.id:
        live = waiting
    form = FormThere(read_id(content, "uid", answer), waiting, live, is_open=bool(content.get("deployment__active")))
    return replace(seen, form=form, has_looked=True, page="")


def _learn_found(job: Job, seen: Seen, answer: Answer) -> Seen:
    """A project with our mark; the oldest, should there be several."""
    ours = [row for row in read_rows(answer) if job.mark in str((row.get("settings") or {}).get("description", ""))]
    if not ours:
        return replace(seen, has_looked=True, form=None)
    oldest = min(ours, key=lambda row: (read_text(row, "date_created"), read_text(row, "uid")))
    return replace(seen, page=read_id(oldest, "uid", answer))


def _read_version(body: dict[str, Any]) -> str:
    """The version that the questions name, else the one of the settings."""
    for row in body["survey"]:
        if isinstance(row, dict) and _VERSION in (row.get("name"), row.get("$autoname")):
            return str(row.get("calculation", "")).strip("'\" ")
    settings = body.get("settings")
    return read_text(settings, "version") if isinstance(settings, dict) else ""


def _learn_import(seen: Seen, answer: Answer) -> Seen:
    if answer.status == 404:  # forgotten there: what became of it is seen at the form
        return replace(seen, upload="")
    content = read_object(answer)
    status = read_text(content, "status")
    if status in _WORKING:
        return seen
    if status != "complete":
        messages = content.get("messages")
        raise refuse("form_refused", answer, "messages" if isinstance(messages, dict) and messages else "status")
    return replace(seen, upload="")


def _read_files(answer: Answer) -> dict[str, FileThere]:
    found = {}
    for row in read_rows(answer):
        about = row.get("metadata")
        name = read_text(about, "filename") if isinstance(about, dict) else ""
        md5 = read_text(about, "hash").removeprefix("md5:") if isinstance(about, dict) else ""
        if name:
            found[name] = FileThere(read_id(row, "uid", answer), md5)
    return found


def _read_hooks(job: Job, answer: Answer) -> tuple[HookThere, ...]:
    found = []
    for row in read_rows(answer):
        settings = row.get("settings")
        headers = settings.get("custom_headers") if isinstance(settings, dict) else None
        secret = headers.get(SECRET_HEADER) if isinstance(headers, dict) else None
        is_whole = not row.get("subset_fields") and row.get("payload_template") in (None, "")
        is_right = bool(row.get("active")) and is_whole and secret == job.secret
        found.append(HookThere(read_id(row, "uid", answer), read_text(row, "endpoint"), is_right))
    return tuple(found)
