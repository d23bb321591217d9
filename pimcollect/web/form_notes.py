"""Review notes of a form: what people say of its questions, what became of it, and the questionnaire on paper."""

from __future__ import annotations

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from forms.current import read_current
from forms.overlaps import read_labels
from forms.print import print_form
from forms.sheets import read_sheet
from pimcollect.actions.form_notes import answer_note, write_note
from pimcollect.domain.roles import allow
from pimcollect.errors import PimError
from pimcollect.tables.form_notes import find_form_note, find_form_notes
from pimcollect.tables.forms import FormVersionRow, find_newest_version
from pimcollect.web.access import acting_member
from pimcollect.web.errors import find_status
from pimcollect.web.store import acting, reading

blueprint = Blueprint("form_notes", __name__, url_prefix="/forms/of")


def _find(session: Session, form: str) -> FormVersionRow:
    row = find_newest_version(session, form)
    if row is None:
        abort(404)
    return row


def _render(form: str, mistake: PimError | None = None) -> str:
    session = reading()
    row = _find(session, form)
    labels = {path.rpartition("/")[2]: label for path, label in read_labels(row.xform).items()}
    return render_template(
        "forms/notes.html",
        row=row,
        notes=find_form_notes(session, form),
        labels=labels,
        questions=[one["path"].rpartition("/")[2] for one in row.document["questions"]],
        minutes=row.document.get("minutes", 0),
        mistake=mistake,
    )


@blueprint.get("/<form>/notes")
def show(form: str) -> str:
    """The notes of a form, open ones first, and a form to write one."""
    allow(acting_member(), "forms.show")
    return _render(form)


@blueprint.post("/<form>/notes")
def write(form: str) -> ResponseReturnValue:
    """Write a note about a question, or about the whole form."""
    actor = acting_member()
    allow(actor, "forms.note")
    _find(reading(), form)
    try:
        with acting() as session:
            write_note(
                session, actor, form=form, question=request.form.get("question", ""), text=request.form.get("text", "")
            )
    except PimError as error:
        return _render(form, error), find_status(error)
    return redirect(url_for("form_notes.show", form=form), 303)


@blueprint.post("/<form>/notes/<int:number>")
def answer(form: str, number: int) -> ResponseReturnValue:
    """Say what became of a note of this form."""
    actor = acting_member()
    allow(actor, "forms.answer_note")
    note = find_form_note(reading(), number)
    if note is None or note.form != form:
        abort(404)
    try:
        with acting() as session:
            answer_note(session, actor, number=number, answer=request.form.get("answer", ""))
    except PimError as error:
        return _render(form, error), find_status(error)
    return redirect(url_for("form_notes.show", form=form), 303)


@blueprint.get("/<form>/paper")
def print_paper(form: str) -> Response:
    """The questionnaire on paper as a file of its own: it has a style inside, which no page of ours may have."""
    allow(acting_member(), "forms.show")
    session = reading()
    row = _find(session, form)
    page = print_form(read_sheet(session, row, read_current(session).catalogue))
    answer = Response(page.encode(), content_type="text/html; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{row.form}-{row.version}.html"'
    return answer
