"""The bank in and out by command, and the official wording that is kept beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from pimcollect.errors import ErrorCode
from tests.cli.people import refused

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def bank(run: Run) -> None:
    run("bank", "import")


# files


@pytest.mark.parametrize("target", ["bank.xlsx", "bank", "bank.json"])
def test_what_was_exported_comes_back_as_the_same_bank(
    target: str, run: Run, read: Callable[..., Any], tmp_path: Path
) -> None:
    run("bank", "export", str(tmp_path / target))
    assert read("bank", "import", str(tmp_path / target), "--dry-run")["changes"] == []
    assert "was here already" in run("bank", "import", str(tmp_path / target)).output
    first = {path: path.read_bytes() for path in tmp_path.rglob("bank*") if path.is_file()}
    run("bank", "export", str(tmp_path / target))
    assert {path: path.read_bytes() for path in first} == first


@pytest.mark.parametrize(("target", "edited"), [("bank.xlsx", "bank.xlsx"), ("bank", "bank/items.csv")])
def test_what_somebody_edited_is_not_written_over(target: str, edited: str, run: Run, tmp_path: Path) -> None:
    run("bank", "export", str(tmp_path / target))
    whole = (tmp_path / edited).read_bytes()
    (tmp_path / edited).write_bytes(b"edited")
    error = refused(run, "bank", "export", str(tmp_path / target))
    assert (error.code, Path(edited).name in error.message) == (ErrorCode.NOT_POSSIBLE_NOW, True)
    assert (tmp_path / edited).read_bytes() == b"edited"
    assert run("bank", "export", str(tmp_path / target), "--force").exit_code == 0
    assert (tmp_path / edited).read_bytes() == whole


def test_a_bank_is_not_written_as_something_else(run: Run, tmp_path: Path) -> None:
    assert refused(run, "bank", "export", str(tmp_path / "bank.ods")).code is ErrorCode.BAD_FILE


@pytest.mark.parametrize(("words", "status"), [(("--dry-run",), 1), ((), 2)])
def test_faults_are_a_list_for_programs_and_end_as_they_do_for_people(
    words: tuple[str, ...], status: int, run: Run, tmp_path: Path
) -> None:
    run("bank", "export", str(tmp_path / "bank"))
    path = tmp_path / "bank" / "requests.csv"
    path.write_text(path.read_text("utf-8-sig") + "lost,RP-NONE\r\n")
    result = run("bank", "import", str(tmp_path / "bank"), *words, "--json")
    (fault,) = json.loads(result.stdout)
    assert (result.exit_code, fault["sheet"], fault["column"]) == (status, "requests", "pathway")
    assert fault["row"] > 1
    assert fault["mend"]
    (tmp_path / "bank.xlsx").write_bytes(b"no workbook")
    result = run("bank", "import", str(tmp_path / "bank.xlsx"), *words, "--json")
    (whole,) = json.loads(result.stdout)
    assert (result.exit_code, whole["row"], "no workbook" in whole["what"]) == (status, None, True)
    if words:
        told = run("bank", "import", str(tmp_path / "bank.xlsx"), *words)
        assert (told.exit_code, "no workbook" in told.stderr) == (status, True)
    else:
        assert refused(run, "bank", "import", str(tmp_path / "bank.xlsx")).code is ErrorCode.BAD_FILE


def test_programs_are_told_beside_the_list_what_was_not_looked_at(run: Run, tmp_path: Path) -> None:
    run("bank", "export", str(tmp_path / "bank"))
    (tmp_path / "bank" / "items.csv").write_bytes("id;naïve".encode("latin-1"))
    result = run("bank", "import", str(tmp_path / "bank"), "--json")
    assert [one["what"] for one in json.loads(result.stdout)] == ["is not UTF-8"]
    assert "References and expressions are looked at when these faults are mended." in result.stderr


# official wording

_NAMES = ("wg_see", "wg_hear", "wg_walk", "wg_rem", "wg_care", "wg_comm", "no_diff", "some_diff", "lot_diff", "cannot")
_SAID = ("--language", "en", "--source", "The official site", "--edition", "2", "--dated", "2020-01-01")
_LOAD = (*_SAID, "--checked-by", "Information officer")


def _wording(tmp_path: Path, names: tuple[str, ...] = _NAMES, text: str = "Practice text") -> str:
    path = tmp_path / "official.csv"
    path.write_text("name,text\n" + "".join(f"{name},{text} {name}\n" if text else f"{name},\n" for name in names))
    return str(path)


@pytest.mark.parametrize("names", [_NAMES[:-1], _NAMES[::-1], (*_NAMES, "maybe"), (*_NAMES[:-1], "other"), ()])
def test_official_wording_is_loaded_complete_and_in_order_or_not_at_all(
    names: tuple[str, ...], run: Run, read: Callable[..., Any], tmp_path: Path
) -> None:
    assert refused(run, "bank", "wording", "load", _wording(tmp_path, names), *_LOAD).code is ErrorCode.BAD_BANK
    assert read("bank", "wording", "list") == []


def test_an_empty_text_is_named_by_its_row(run: Run, tmp_path: Path) -> None:
    error = refused(run, "bank", "wording", "load", _wording(tmp_path, text=""), *_LOAD)
    assert "official.csv, row 2, column text" in error.message


def test_locked_questions_are_asked_once_their_wording_is_here(
    run: Run, read: Callable[..., Any], tmp_path: Path
) -> None:
    assert "D05 official wording is locked and not loaded" in run("forms", "build", "hh").output
    run("bank", "wording", "load", _wording(tmp_path), *_LOAD)
    assert [(row["language"], row["checked_by"]) for row in read("bank", "wording", "list")] == [
        ("en", "Information officer")
    ]
    assert "D05 official" not in run("forms", "build", "hh", "-o", str(tmp_path / "out")).output
    assert "Practice text wg_see" in (tmp_path / "out" / "hh.xml").read_text()
    run("bank", "export", str(tmp_path / "bank.json"))
    assert "Practice text" not in (tmp_path / "bank.json").read_text()
