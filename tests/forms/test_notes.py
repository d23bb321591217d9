"""Review notes and the printed questionnaire as commands: written, listed, answered, printed; nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from forms.release import Frozen
from pimcollect.actions.form_notes import answer_note, write_note
from pimcollect.actions.forms import keep_version
from pimcollect.cli.main import group
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE, Actor, Role
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.form_notes import FormNoteRow, count_open_notes
from pimcollect.tables.journal import JournalRow

Run = Callable[..., Result]


@pytest.fixture
def run(
    settings: Settings, sessions: sessionmaker[Session], built: dict[str, Frozen], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs a command against a database that has the core household form."""
    monkeypatch.setenv("PIMCOLLECT_HOME", str(settings.home))
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(settings.door_keys))
    frozen = built["hh_core"]
    with sessions.begin() as session:
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)

    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(group, ["forms", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("notes", "add", "nowhere", "Text"), ErrorCode.NOT_FOUND, "no form 'nowhere'"),
        (("notes", "add", "hh_core", "Text", "--question", "gone"), ErrorCode.NOT_FOUND, "asks nothing"),
        (("notes", "add", "hh_core", "   "), ErrorCode.BAD_FORM, "empty"),
        (("notes", "add", "hh_core", "x" * 2001), ErrorCode.BAD_FORM, "too long"),
        (("notes", "add", "hh_core", "a\x07b"), ErrorCode.BAD_FORM, "signs that nobody can see"),
        (("notes", "answer", "999", "Text"), ErrorCode.NOT_FOUND, "no note 999"),
        (("notes", "list", "nowhere"), ErrorCode.NOT_FOUND, "no form 'nowhere'"),
        (("print", "nowhere", "-o", "x.pdf"), ErrorCode.BAD_FILE, "not as .pdf"),
        (("print", "nowhere", "-o", "x.html"), ErrorCode.NOT_FOUND, "no form 'nowhere'"),
    ],
)
def test_what_cannot_be_noted_is_refused_in_words(run: Run, words: tuple[str, ...], code: ErrorCode, said: str) -> None:
    with pytest.raises(PimError, match=said) as caught:
        run(*words)
    assert caught.value.code is code
    assert caught.value.remedy


def test_a_language_that_the_form_does_not_speak_writes_nothing(run: Run, tmp_path: Path) -> None:
    with pytest.raises(PimError, match="does not speak 'ar'"):
        run("print", "hh_core", "--languages", "ar", "-o", str(tmp_path / "x.html"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("role", [Role.ENUMERATOR, Role.MONITOR, Role.DPO])
def test_everybody_may_note_and_the_desk_answers(run: Run, sessions: sessionmaker[Session], role: Role) -> None:
    reviewer = Actor("somebody", frozenset({role}))
    with sessions() as session:
        note = write_note(session, reviewer, form="hh_core", question="dem_sex", text="Which words?")
        with pytest.raises(PimError) as caught:
            answer_note(session, reviewer, number=note.number, answer="These")
        assert caught.value.code is ErrorCode.NOT_ALLOWED


def test_a_note_is_written_listed_answered_and_printed(
    run: Run, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    first = run("notes", "add", "hh_core", "  Is this clear?\nTwo lines. ", "--question", "dem_sex").output
    run("notes", "add", "hh_core", "Too long altogether")
    number = first.split()[1]
    assert "dem_sex" in first
    rows = json.loads(run("notes", "list", "hh_core", "--json").stdout)
    assert [(row["question"], row["text"], row["answer"]) for row in rows] == [
        ("dem_sex", "Is this clear?\nTwo lines.", ""),
        ("", "Too long altogether", ""),
    ]
    run("notes", "answer", number, "Yes, three people said so")
    run("notes", "answer", number, "Yes, five people said so")
    rows = json.loads(run("notes", "list", "hh_core", "--json").stdout)
    assert [row["answer"] for row in rows] == ["", "Yes, five people said so"]
    told = run("print", "hh_core", "-o", str(tmp_path / "hh.html")).output
    assert "in en, 2 review notes" in told
    page = (tmp_path / "hh.html").read_text(encoding="utf-8")
    assert "Yes, five people said so" in page
    assert "Too long altogether" in page
    with sessions() as session:
        assert count_open_notes(session, ["hh_core", "nowhere"]) == {"hh_core": 1}
        acts = session.scalars(select(JournalRow.action).where(JournalRow.action.in_(("note", "answer")))).all()
        assert sorted(acts) == ["answer", "answer", "note", "note"]
        kept = session.scalars(select(FormNoteRow)).all()
        assert {note.author for note in kept} == {"command line"}
