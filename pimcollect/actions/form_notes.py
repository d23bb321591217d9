"""Review notes: what somebody says of a question before people are asked it, and what becomes of it."""

from __future__ import annotations

from sqlalchemy import func
from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.form_notes import LONGEST, FormNoteRow, find_form_note
from pimcollect.tables.forms import find_newest_version
from pimcollect.tables.journal import write_journal

_SHOWN = 10


def write_note(session: Session, actor: Actor, *, form: str, question: str, text: str) -> FormNoteRow:
    """Keep a note about a question of a form's newest version, or about the whole form (an empty name).

    Raises PimError: NOT_FOUND for a form or question that is not there, BAD_FORM for a text that cannot be kept.
    """
    allow(actor, "forms.note")
    version = find_newest_version(session, form)
    if version is None:
        raise PimError(ErrorCode.NOT_FOUND, f"There is no form {form!r}.", remedy="pimcollect forms list shows them.")
    names = [row["path"].rpartition("/")[2] for row in version.document["questions"]]
    if question and question not in names:
        near = [name for name in names if question.lower() in name][:_SHOWN]
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"{form} asks nothing that is called {question!r}.",
            remedy=f"Did you mean {', '.join(near)}?" if near else "pimcollect forms print shows the names.",
        )
    note = FormNoteRow(form=form, version=version.version, question=question, text=_check(text), author=actor.id)
    session.add(note)
    session.flush()
    write_journal(session, actor=actor.id, action="note", noun="forms", noun_id=f"{form} {note.number}")
    return note


def answer_note(session: Session, actor: Actor, *, number: int, answer: str) -> FormNoteRow:
    """Say what became of a note; another answer replaces the first. Raises PimError(NOT_FOUND or BAD_FORM)."""
    allow(actor, "forms.answer_note")
    note = find_form_note(session, number)
    if note is None:
        raise PimError(ErrorCode.NOT_FOUND, f"There is no note {number}.", remedy="pimcollect forms notes list FORM")
    note.answer, note.answered_by, note.answered_at = _check(answer), actor.id, func.clock_timestamp()
    session.flush()
    write_journal(session, actor=actor.id, action="answer", noun="forms", noun_id=f"{note.form} {note.number}")
    return note


def _check(text: str) -> str:
    """The text without spaces around it."""
    text = text.strip().replace("\r\n", "\n")
    if not text or len(text) > LONGEST or not text.replace("\n", " ").replace("\t", " ").isprintable():
        raise PimError(
            ErrorCode.BAD_FORM,
            "The note is empty, too long, or holds signs that nobody can see.",
            remedy=f"Write 1 to {LONGEST} characters, and nothing that tells who somebody is.",
        )
    return text
