"""ODK Central: publishing a form by its API. A draft with its files, a look at it as a phone would see it, publish.

Central refuses a version that it has had (409.6) and a workbook that its converter warns about (400.16) unless told to
ignore that. Its draft is replaced by a new one without a trace: somebody else's is left alone.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from pimcollect.domain.releases import Copy, FileThere, FormThere, Order, Seen, Step, Stop, Ways
from pimcollect.servers.answers import Answer, bad_answer
from pimcollect.servers.publishing import (
    XLSX,
    File,
    Job,
    Request,
    read_object,
    read_rows,
    read_text,
    refuse,
)

WAYS = Ways(
    has_drafts=True,
    keeps_live_files=True,
    has_trial=True,
    overwrites_files=True,
    names_files=True,
    keeps_lists=True,
)
_DRAFT, _LISTS, _LIVE = "draft", "lists", "live"
_OPENROSA = {"X-OpenRosa-Version": "1.0"}


def ask(order: Order, job: Job, seen: Seen, file: File | None) -> Request:
    """The request of a step."""
    forms = f"v1/projects/{quote(job.project, safe='')}/forms"
    form = f"{forms}/{quote(job.wanted.form, safe='')}"
    match order.step:
        case Step.LOOK_FORM:
            return Request("GET", f"{form}/draft" if order.about == _DRAFT else form, (200, 404))
        case Step.CREATE:
            return _ask_upload(forms, job)
        case Step.UPLOAD:
            waiting = seen.form.waiting if seen.form else None
            if waiting is not None and waiting.version not in job.known:
                raise Stop("draft_of_others")
            return _ask_upload(f"{form}/draft", job)
        case Step.LOOK_TRIAL:
            return Request("GET", f"{seen.trial}/formList", (200, 404), {"headers": _OPENROSA})
        case Step.PUBLISH:
            return Request("POST", f"{form}/draft/publish", (200, 404, 409))
        case Step.LOOK_FILES if order.about == _LISTS:
            return Request("GET", f"v1/projects/{quote(job.project, safe='')}/datasets")
        case Step.LOOK_FILES if order.about == _LIVE:
            return Request("GET", f"{form}/attachments")
        case _:
            return _ask_file(order, f"{form}/draft/attachments", file)


def _ask_upload(path: str, job: Job) -> Request:
    headers = {"Content-Type": XLSX, "X-XlsForm-FormId-Fallback": quote(job.wanted.form, safe="")}
    parts = {
        "params": {"ignoreWarnings": "true" if job.accepts_warnings else "false"},
        "data": job.xlsx,
        "headers": headers,
    }
    return Request("POST", path, (200, 400, 409), parts)


def _ask_file(order: Order, attachments: str, file: File | None) -> Request:
    if order.step is Step.LOOK_FILES:
        return Request("GET", attachments)
    path = f"{attachments}/{quote(order.about, safe='')}"
    if order.step is Step.LINK_FILE:
        return Request("PATCH", path, (200, 400, 404), {"json": {"dataset": True}})
    if file is None:
        raise ValueError("a file is put with its content")
    parts = {"data": file.content, "headers": {"Content-Type": file.content_type}}
    return Request("POST", path, (200, 400, 404), parts)


def learn(order: Order, job: Job, seen: Seen, answer: Answer) -> Seen:
    """What is known after the answer of a step. Raises Stop."""
    match order.step:
        case Step.LOOK_FORM:
            is_draft = order.about == _DRAFT
            return _learn_draft(job, seen, answer) if is_draft else _learn_form(job, seen, answer)
        case Step.CREATE | Step.UPLOAD:
            return _learn_upload(seen, answer)
        case Step.LOOK_FILES if order.about == _LISTS:
            return replace(seen, lists=frozenset(f"{read_text(row, 'name')}.csv" for row in read_rows(answer)))
        case Step.LOOK_FILES:
            return replace(seen, files=_read_files(answer))
        case Step.PUT_FILE | Step.LINK_FILE if answer.status != 200:
            raise refuse("file_refused", answer, "message")
        case Step.LOOK_TRIAL:
            return _learn_trial(job, seen, answer)
        case Step.PUBLISH if answer.status == 409:
            raise refuse("version_used", answer, "message")
        case _:
            return seen


def _learn_form(job: Job, seen: Seen, answer: Answer) -> Seen:
    """The form as it is in use; whether a draft waits is asked next."""
    if answer.status == 404:
        return replace(seen, page=_DRAFT)
    content = read_object(answer)
    if read_text(content, "state") not in ("", "open"):
        raise Stop("form_closed")
    live = _read_copy(content, answer) if content.get("publishedAt") else None
    return replace(seen, form=FormThere(f"{job.project}/{job.wanted.form}", None, live), page=_DRAFT)


def _learn_draft(job: Job, seen: Seen, answer: Answer) -> Seen:
    if answer.status == 404:
        return replace(seen, has_looked=True, page="", trial="")
    content = read_object(answer)
    form = seen.form or FormThere(f"{job.project}/{job.wanted.form}")
    token = read_text(content, "draftToken")
    if not token.replace("$", "").replace("!", "").isalnum():
        raise bad_answer(answer.host, "it names no draft token")
    trial = f"v1/test/{token}/projects/{quote(job.project, safe='')}/forms/{quote(job.wanted.form, safe='')}/draft"
    form = replace(form, waiting=_read_copy(content, answer))
    return replace(seen, form=form, has_looked=True, page="", trial=trial)


def _read_copy(content: dict[str, object], answer: Answer) -> Copy:
    digest = read_text(content, "hash")
    if not digest:
        raise bad_answer(answer.host, "it tells no hash of the form")
    return Copy(read_text(content, "version"), digest, digest)


def _learn_upload(seen: Seen, answer: Answer) -> Seen:
    if answer.status == 200:
        return seen
    code = read_text(read_object(answer), "code") or str(read_object(answer).get("code", ""))
    if code == "400.16":
        raise refuse("warnings", answer, "details")
    if answer.status == 409 and code in ("409.3", "409.5"):  # an earlier attempt made it: it is looked for again
        return seen
    raise refuse("version_used" if code == "409.6" else "form_refused", answer, "message", "details")


def _read_files(answer: Answer) -> dict[str, FileThere]:
    found = {}
    for row in read_rows(answer):
        name, is_linked = read_text(row, "name"), bool(row.get("datasetExists"))
        has_content = bool(row.get("blobExists", row.get("exists")))
        is_missing = not is_linked and not has_content
        md5 = read_text(row, "hash") if has_content and not is_linked else ""
        found[name] = FileThere(name, md5, is_linked=is_linked, is_missing=is_missing)
    return found


def _learn_trial(job: Job, seen: Seen, answer: Answer) -> Seen:
    """The draft must be on the list that a phone would get, with our version."""
    text = answer.body.decode(errors="replace") if answer.status == 200 else ""
    is_there = f"<formID>{job.wanted.form}</formID>" in text and f"<version>{job.wanted.version}</version>" in text
    if not is_there:
        raise Stop("trial_failed")
    return replace(seen, is_tried=True)
