"""pimcollect forms print and forms notes: a questionnaire on paper, and what reviewers say of its questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from forms.current import read_current
from forms.print import list_languages, print_form
from forms.release import write_whole
from forms.sheets import read_sheet
from pimcollect.actions.form_notes import answer_note, write_note
from pimcollect.cli.desk import json_option, open_desk, print_rows
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.form_notes import FormNoteRow, find_form_notes
from pimcollect.tables.forms import FormVersionRow, find_newest_version

_ENDINGS = (".html", ".htm")


def _find_form(session: Session, form: str) -> FormVersionRow:
    row = find_newest_version(session, form)
    if row is None:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no form {form!r} yet.",
            remedy="Build it first: pimcollect forms build; pimcollect forms list shows those that exist.",
        )
    return row


@click.command("print")
@click.argument("form")
@click.option("--languages", default="", help="Language codes. [default: all that the form speaks]")
@click.option(
    "-o", "--output", "file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="FILE.html"
)
def print_command(form: str, languages: str, file: Path) -> None:
    """Write the newest version of a form as one page for training and review: consent first, skips in words, review
    notes. It needs nothing else and no network; for a PDF, open it in a browser and print it to a file.
    """
    if file.suffix.lower() not in _ENDINGS:
        raise PimError(
            ErrorCode.BAD_FILE,
            f"A questionnaire is written as a page, not as {file.suffix or 'a file without an ending'}.",
            remedy=f"Write {file.with_suffix('.html').name}. For a PDF, open it in a browser and print it to a file.",
        )
    with open_desk() as desk, desk.transaction() as session:
        row = _find_form(session, form)
        sheet = read_sheet(session, row, read_current(session).catalogue)
    known = list_languages(sheet.book)
    wanted = [one.strip() for one in languages.split(",") if one.strip()]
    if unknown := [one for one in wanted if one not in known]:
        raise PimError(
            ErrorCode.BAD_FORM, f"{form} does not speak {unknown[0]!r}.", remedy=f"It speaks: {', '.join(known)}."
        )
    write_whole(file, print_form(sheet, languages=wanted).encode())
    click.echo(f"Wrote {file}: {form} {row.version} in {', '.join(wanted or known)}, {len(sheet.notes)} review notes.")
    click.echo("For a PDF, open it in a browser and print it to a file.")


@click.group("notes")
def notes() -> None:
    """Review notes: what people say of a question, and what became of it. They stand in the printed questionnaire."""


@notes.command("add")
@click.argument("form")
@click.argument("text")
@click.option("--question", default="", help="Name of the question. [default: the whole form]")
def add_command(form: str, text: str, question: str) -> None:
    """Write a note about a question of FORM, or about the whole form. Never write who somebody is."""
    with open_desk() as desk, desk.transaction() as session:
        note = write_note(session, COMMAND_LINE, form=form, question=question, text=text)
        click.echo(f"Note {note.number} of {form} {note.version}{f', {question}' if question else ''}.")


@notes.command("list")
@click.argument("form")
@json_option
def list_command(form: str, as_json: bool) -> None:
    """The notes of a form, open ones first."""
    with open_desk() as desk, desk.transaction() as session:
        _find_form(session, form)
        rows = [_describe(note) for note in find_form_notes(session, form)]
    columns = {"number": "note", "question": "question", "text": "text", "answer": "answer", "version": "of version"}
    print_rows(rows, as_json=as_json, columns=columns, empty="No notes yet.")


@notes.command("answer")
@click.argument("number", type=int)
@click.argument("answer")
def answer_command(number: int, answer: str) -> None:
    """Say what became of a note; another answer replaces the first."""
    with open_desk() as desk, desk.transaction() as session:
        note = answer_note(session, COMMAND_LINE, number=number, answer=answer)
        click.echo(f"Note {note.number} of {note.form} is answered.")


def _describe(note: FormNoteRow) -> dict[str, Any]:
    return {
        "number": note.number,
        "question": note.question,
        "text": note.text,
        "answer": note.answer,
        "version": note.version,
        "written_at": note.written_at,
        "answered_at": note.answered_at,
    }
