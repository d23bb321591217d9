"""`pimcollect forms lint`: what it prints for people and for programs, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pimcollect.cli.main import group
from pimcollect.config import Settings
from pimcollect.errors import ErrorCode, PimError
from tests.forms.books import CONSENT, write_book

PM_KAC = str(Path(__file__).parents[1] / "payloads" / "pm_kac.xlsx")


def _run(*arguments: str) -> Result:
    result = CliRunner().invoke(group, ["forms", "lint", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def at_home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets commands find the test database."""
    monkeypatch.setenv("PIMCOLLECT_HOME", str(settings.home))
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(settings.door_keys))


def test_a_name_that_is_neither_form_nor_file_is_refused() -> None:
    with pytest.raises(PimError) as caught:
        _run("nowhere.xlsx")
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert "hh_core" in caught.value.remedy


def test_a_workbook_with_errors_ends_with_one() -> None:
    told = _run(PM_KAC)
    assert told.exit_code == 1
    assert "8 errors" in told.output
    rows = json.loads(CliRunner().invoke(group, ["forms", "lint", PM_KAC, "--json"]).stdout)
    assert {"code", "severity", "where", "text", "mend", "sheet", "row", "name"} == set(rows[0])
    assert ("X09", "error", "survey row 11 audit") in {(one["code"], one["severity"], one["where"]) for one in rows}


def test_warnings_alone_end_well_and_files_are_looked_for_beside_the_workbook(tmp_path: Path) -> None:
    book = tmp_path / "form.xlsx"
    book.write_bytes(write_book(f"{CONSENT}\nselect_one_from_file areas.csv | q | Q"))
    assert "areas.csv is not beside the workbook" in _run(str(book)).output
    (tmp_path / "form-media").mkdir()
    (tmp_path / "form-media" / "areas.csv").write_text("name,label\na,A\n")
    told = _run(str(book))
    assert told.exit_code == 0
    assert "0 errors" in told.output


@pytest.mark.usefixtures("at_home")
def test_a_form_of_the_bank_is_linted_with_what_the_database_knows() -> None:
    told = _run("hh_core", "--languages", "en,fr", "--json")
    assert told.exit_code == 0
    rows = json.loads(told.stdout)
    assert {row["severity"] for row in rows} == {"warning"}
    assert [row["name"] for row in rows if row["code"] == "L10"] == ["French (fr)"]


@pytest.mark.usefixtures("at_home")
def test_a_build_says_in_one_line_which_languages_nobody_has_approved() -> None:
    result = CliRunner().invoke(group, ["forms", "build", "hh_core", "--languages", "en,fr,ar"])
    assert result.exit_code == 0, result.output
    said = [line for line in result.output.splitlines() if "Machine-drafted" in line]
    assert said == ["Machine-drafted, not approved by anybody yet: French (fr), Arabic (ar). For trials only."]
