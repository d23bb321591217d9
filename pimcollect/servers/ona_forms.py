"""Ona: publishing a form by its API v1. It keeps the form's id and version, and phones get an upload at once.

Its webhooks can carry neither a password nor a header, so the secret stands in their address.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pimcollect.domain.releases import Copy, FileThere, FormThere, HookThere, Order, Seen, Step, Stop, Ways
from pimcollect.servers.answers import Answer
from pimcollect.servers.publishing import XLSX, File, Job, Request, read_id, read_object, read_rows, read_text, refuse

WAYS = Ways(has_hooks=True)
_FORMS, _FILES, _HOOKS = "api/v1/forms", "api/v1/metadata", "api/v1/restservices"
_PAGE_ROWS = 100
_PAGE = "page-"
_REFUSALS = {Step.PUT_FILE: "file_refused", Step.PUT_HOOK: "hook_refused"}
"""What a 400 means, by step; else that the form was refused."""


def ask(order: Order, job: Job, seen: Seen, file: File | None) -> Request:
    """The request of a step."""
    place = quote(seen.form.place if seen.form else job.place, safe="")
    match order.step:
        case Step.LOOK_FORM:
            return _ask_form(order.about or job.place)
        case Step.CREATE:
            return Request("POST", f"{_FORMS}.json", (200, 201, 400), {"files": _workbook(job)})
        case Step.UPLOAD:
            return Request("PATCH", f"{_FORMS}/{place}.json", (200, 400), {"files": _workbook(job)})
        case Step.PUBLISH:
            return Request("PATCH", f"{_FORMS}/{place}.json", (200, 400), {"json": {"downloadable": True}})
        case Step.LOOK_HOOKS | Step.PUT_HOOK | Step.MEND_HOOK | Step.DROP_HOOK:
            return _ask_hook(order, place, job)
        case _:
            return _ask_file(order, place, seen, file)


def _ask_file(order: Order, place: str, seen: Seen, file: File | None) -> Request:
    if order.step is Step.LOOK_FILES:
        return Request("GET", f"{_FILES}.json", parts={"params": {"xform": place}})
    if order.step is Step.DROP_FILE:
        return Request("DELETE", f"{_FILES}/{(seen.files or {})[order.about].id}.json", (200, 204, 404))
    if file is None:
        raise ValueError("a file is put with its content")
    data = {"data_type": "media", "data_value": file.name, "xform": place}
    files = {"data_file": (file.name, file.content, file.content_type)}
    return Request("POST", f"{_FILES}.json", (201, 400), {"data": data, "files": files})


def _ask_hook(order: Order, place: str, job: Job) -> Request:
    if order.step is Step.LOOK_HOOKS:
        return Request("GET", f"{_HOOKS}.json", parts={"params": {"xform": place}})
    if order.step is Step.PUT_HOOK:
        body = {"xform": place, "service_url": _address(job), "name": "json"}
        return Request("POST", f"{_HOOKS}.json", (200, 201, 400), {"json": body})
    return Request("DELETE", f"{_HOOKS}/{order.about}.json", (200, 204, 404))  # mended = made anew


def _ask_form(about: str) -> Request:
    if about and not about.startswith(_PAGE):
        return Request("GET", f"{_FORMS}/{quote(about, safe='')}.json", (200, 404))
    page = about.removeprefix(_PAGE) or "1"
    return Request("GET", f"{_FORMS}.json", (200, 404), {"params": {"page": page, "page_size": str(_PAGE_ROWS)}})


def _workbook(job: Job) -> dict[str, tuple[str, bytes, str]]:
    return {"xls_file": (f"{job.wanted.form}.xlsx", job.xlsx, XLSX)}


def _address(job: Job) -> str:
    return f"{job.wanted.hook}.{job.secret}"


def learn(order: Order, job: Job, seen: Seen, answer: Answer) -> Seen:
    """What is known after the answer of a step. Raises Stop."""
    if answer.status == 400:
        raise refuse(_REFUSALS.get(order.step, "form_refused"), answer, "text", "detail")
    match order.step:
        case Step.LOOK_FORM:
            is_one = bool(order.about or job.place) and not order.about.startswith(_PAGE)
            return _learn_form(job, seen, answer) if is_one else _learn_page(order, job, seen, answer)
        case Step.CREATE:
            return replace(seen, page=read_id(read_object(answer), "formid", answer))
        case Step.LOOK_FILES:
            return replace(seen, files=_read_files(answer))
        case Step.LOOK_HOOKS:
            return replace(seen, hooks=_read_hooks(job, answer, place=seen.form.place if seen.form else ""))
        case _:
            return seen


def _learn_form(job: Job, seen: Seen, answer: Answer) -> Seen:
    if answer.status == 404:
        raise Stop("form_gone")
    content = read_object(answer)
    if read_text(content, "id_string") != job.wanted.form:
        raise Stop("other_form")
    digest = read_text(content, "hash")
    copy = Copy(read_text(content, "version"), digest, digest)
    is_open = content.get("downloadable") is not False
    return replace(
        seen, form=FormThere(read_id(content, "formid", answer), copy, copy, is_open), has_looked=True, page=""
    )


def _learn_page(order: Order, job: Job, seen: Seen, answer: Answer) -> Seen:
    """One page of all forms that the token sees; ours is told by its id."""
    rows = [] if answer.status == 404 else read_rows(answer)
    ours = [row for row in rows if read_text(row, "id_string") == job.wanted.form]
    if len(ours) > 1:
        raise Stop("several_forms")
    if ours:
        return replace(seen, page=read_id(ours[0], "formid", answer))
    if len(rows) < _PAGE_ROWS:
        return replace(seen, has_looked=True, form=None, page="")
    return replace(seen, page=f"{_PAGE}{int(order.about.removeprefix(_PAGE) or 1) + 1}")


def _read_files(answer: Answer) -> dict[str, FileThere]:
    rows = [row for row in read_rows(answer) if row.get("data_type") == "media"]
    return {
        read_text(row, "data_value"): FileThere(
            read_id(row, "id", answer), read_text(row, "file_hash").removeprefix("md5:")
        )
        for row in rows
    }


def _read_hooks(job: Job, answer: Answer, *, place: str) -> tuple[HookThere, ...]:
    """Webhooks of this form. One with our address and an old secret is ours, and not right."""
    found = []
    for row in read_rows(answer):
        if read_text(row, "xform") == place:
            address = read_text(row, "service_url")
            is_ours = bool(job.wanted.hook) and _is_below(address, job.wanted.hook)
            is_right = address == _address(job) and _is_json(row) and row.get("active") is not False
            found.append(HookThere(read_id(row, "id", answer), job.wanted.hook if is_ours else address, is_right))
    return tuple(found)


def _is_below(address: str, base: str) -> bool:
    return address == base or address.startswith(f"{base}.")


def _is_json(row: dict[str, Any]) -> bool:
    return read_text(row, "name") in ("json", "generic_json")
