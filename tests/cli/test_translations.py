"""Translations from the command line: open until somebody who did not make them approves them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from forms import starter
from pimcollect.errors import ErrorCode
from pimcollect.tables.journal import JournalRow
from pimcollect.tables.members import find_member
from pimcollect.tables.translations import TranslationMarkRow
from tests.cli.people import mail, refused, settle_people

Run = Callable[..., Result]
STARTER: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
APPROVE = ("bank", "translations", "approve")


@pytest.fixture(autouse=True)
def people(run: Run, sessions: sessionmaker[Session]) -> None:
    settle_people(sessions)
    run("bank", "import")


@pytest.fixture
def bring(run: Run, tmp_path: Path) -> Callable[..., None]:
    """Import a bank with one translation of its own, by somebody."""

    def write(by: str, *, version: str = "2026.2", source: str = "", **facts: str) -> None:
        document = copy.deepcopy(STARTER)
        document["version"] = version
        row = {"part": "items", "key": "C01", "language": "fr", "source": source or document["items"][0]["q"]}
        row |= {"text": "Êtes-vous majeur ?", "translator": "", "state": "translated", "back": ""}
        document["translations"] = [row | facts]
        path = tmp_path / f"{version}.json"
        path.write_text(json.dumps(document))
        assert run("bank", "import", str(path), "--by", mail(by)).exit_code == 0

    return write


def state(read: Callable[..., Any], code: str, language: str = "fr") -> dict[str, str]:
    rows = read("bank", "translations", "list", code, "--language", language)
    return {row["key"]: row["state"] for row in rows}


# who may not


def test_nobody_approves_without_a_person_behind_it(run: Run) -> None:
    assert refused(run, *APPROVE, "C01", "--language", "fr").code is ErrorCode.NOT_ALLOWED
    for name in ("chen", "dana", "eva"):
        assert refused(run, *APPROVE, "C01", "--language", "fr", "--by", mail(name)).code is ErrorCode.NOT_ALLOWED


def test_nobody_approves_what_they_brought_into_the_bank(
    run: Run, read: Callable[..., Any], bring: Callable[..., None], sessions: sessionmaker[Session]
) -> None:
    bring("amina")
    error = refused(run, *APPROVE, "C01", "C02", "--language", "fr", "--by", mail("amina"))
    assert error.code is ErrorCode.NOT_ALLOWED
    assert "C01" in error.message
    assert set(state(read, "C02").values()) == {"machine_drafted"}
    run(*APPROVE, "C01", "--language", "fr", "--by", mail("bilal"))
    assert state(read, "C01")["C01"] == "approved"


@pytest.mark.parametrize("translator", ["Amina", "amina@example.org", " AMINA@example.org "])
def test_nobody_approves_what_names_them_as_its_translator(
    run: Run, bring: Callable[..., None], translator: str
) -> None:
    bring("bilal", translator=translator)
    assert refused(run, *APPROVE, "C01", "--language", "fr", "--by", mail("amina")).code is ErrorCode.NOT_ALLOWED


def test_the_database_itself_refuses_an_approval_of_ones_own(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        amina = find_member(session, mail("amina"))
        assert amina is not None
        row = TranslationMarkRow(mark="m", part="items", key="C01", language="fr", brought_by=str(amina.id))
        row.approved_by, row.approved_at = amina.id, amina.created_at
        session.add(row)
        with pytest.raises(IntegrityError, match="nobody_approves_their_own_translation"):
            session.flush()


def test_what_is_not_there_cannot_be_approved(run: Run) -> None:
    for words in (("X99", "--language", "fr"), ("C01", "--language", "my"), ("--all", "--language", "my")):
        assert refused(run, *APPROVE, *words, "--by", mail("amina")).code is ErrorCode.NOT_FOUND
    assert refused(run, *APPROVE, "--language", "fr", "--by", mail("amina")).code is ErrorCode.NOT_FOUND


# what an approval is bound to


def test_an_approval_is_void_when_either_text_changes(
    run: Run, read: Callable[..., Any], bring: Callable[..., None]
) -> None:
    bring("amina")
    run(*APPROVE, "C01", "--language", "fr", "--by", mail("bilal"))
    bring("amina", version="2026.3", text="Avez-vous au moins 18 ans ?")
    assert state(read, "C01")["C01"] == "translated"
    bring("amina", version="2026.4")
    assert state(read, "C01")["C01"] == "approved"
    bring("amina", version="2026.5", source="Are you an adult?")
    assert state(read, "C01")["C01"] == "machine_drafted"


def test_an_approval_is_taken_back(run: Run, read: Callable[..., Any], sessions: sessionmaker[Session]) -> None:
    run(*APPROVE, "C01", "yn", "--language", "fr", "--by", mail("bilal"))
    assert set(state(read, "yn").values()) == {"approved"}
    said = run("bank", "translations", "withdraw", "yn", "--language", "fr", "--by", mail("amina"))
    assert "2 approvals" in said.output
    assert set(state(read, "yn").values()) == {"machine_drafted"}
    assert state(read, "C01")["C01"] == "approved"
    with sessions() as session:
        lines = session.scalars(select(JournalRow).where(JournalRow.noun == "translation").order_by(JournalRow.at))
        assert [(one.action, one.noun_id) for one in lines] == [
            ("approve", "fr C01 and 2 more"),
            ("withdraw", "fr yn.yes and 1 more"),
        ]


# what forms make of it


def test_a_form_is_no_draft_once_all_is_approved_and_building_says_what_is_open(
    run: Run, read: Callable[..., Any], sessions: sessionmaker[Session]
) -> None:
    before = run("forms", "build", "obs", "--languages", "en,fr").output
    assert "Machine-drafted, not approved by anybody yet: French (fr)" in before
    assert "pimcollect bank translations list --open --language fr" in before
    assert read("bank", "translations", "list", "--open", "--language", "fr")
    said = read(*APPROVE, "--all", "--language", "fr", "--by", mail("bilal"))
    assert said["approved"] == said["texts"]
    assert read("bank", "translations", "list", "--open", "--language", "fr") == []
    assert read(*APPROVE, "--all", "--language", "fr", "--by", mail("amina"))["approved"] == 0
    after = run("forms", "build", "obs", "--languages", "en,fr").output
    assert "Machine-drafted" not in after
    assert "Purpose: pm-sites" in after


def test_a_sheet_for_a_translator_comes_back_as_a_bank(run: Run, read: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "my.json"
    run("bank", "export", str(path), "--translate", "my")
    document = json.loads(path.read_text())
    document["version"] = "2026.2"
    for row in document["translations"]:
        row["text"] = f"<{row['key']}>"
    path.write_text(json.dumps(document))
    assert run("bank", "import", str(path), "--by", mail("amina")).exit_code == 0
    assert "Class" not in run("bank", "diff", "2026.1", "2026.1").output
    assert run("forms", "build", "obs", "--languages", "my").exit_code == 0
    assert set(state(read, "O01", "my").values()) == {"translated"}
