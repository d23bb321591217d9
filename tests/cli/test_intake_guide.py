"""Bringing a form into the bank: the guide works as it is written, and nothing comes in that others must agree to."""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import Result
from sqlalchemy.orm import Session, sessionmaker

from forms.xlsforms import read_sheets
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_bank
from pimcollect.tables.governance import find_changes_of_bank
from tests.cli.people import mail, refused, settle_people
from tests.forms.test_round_trip import to_xform
from tests.forms.xlsforms.build import write_case
from tests.forms.xlsforms.whole import WINTER

GUIDE = Path(__file__).parents[2] / "docs" / "imo" / "intake.md"

Run = Callable[..., Result]


@pytest.fixture
def folder(sessions: sessionmaker[Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    settle_people(sessions)
    Path("winter.xlsx").write_bytes(write_case(WINTER))
    return tmp_path


OWN = {"phone": {"use": "To call back who asked for help"}}
"""The form asks for one direct identifier: its use is for the officer to say."""


def _read(result: Result) -> Any:
    return json.loads(result.stdout)


def _intake(run: Run, target: str = "proposals.xlsx", **changes: dict[str, str]) -> None:
    """The proposals of the form, with cells of rows changed, by path."""
    run("forms", "intake", "winter.xlsx", "--use", "Fuel", "-o", target)
    _decide(target, **changes)


def _decide(target: str, **changes: dict[str, str]) -> None:
    """What the officer writes into the file, by the name of the question."""
    book = openpyxl.load_workbook(target)
    sheet = book["proposals"]
    heads = {cell.value: cell.column - 1 for cell in sheet[1]}
    for row in sheet.iter_rows(min_row=2):
        name = str(row[heads["path"]].value).rpartition("/")[2]
        for column, text in {**OWN.get(name, {}), **changes.get(name, {})}.items():
            row[heads[column]].value = text
    book.save(target)


def test_the_guide_can_be_followed(run: Run, folder: Path) -> None:
    for block in re.findall(r"^```\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            run(*shlex.split(line)[1:])
            if " intake " in line:
                _decide("proposals.xlsx")
    open_ones = {row["item"]: row for row in _read(run("bank", "states", "--open", "--json"))}
    assert {row["state"] for row in open_ones.values()} == {"proposed"}
    assert len(open_ones) == 3
    assert to_xform(Path("winter-again.xlsx").read_bytes()) == to_xform(Path("winter.xlsx").read_bytes())


def test_each_question_is_matched_or_drafted_and_says_why(run: Run, folder: Path) -> None:
    run("bank", "import")
    rows = {row["path"]: row for row in _read(run("forms", "intake", "winter.xlsx", "--use", "Fuel", "--json"))}
    assert {path: row["decision"] for path, row in rows.items()} == {
        "start": "leave",
        "consent": "same",
        "house/fuel": "new",
        "house/nights": "new",
        "house/phone": "new",
        "house/where": "leave",
    }
    assert (rows["consent"]["item"], rows["consent"]["alike"]) == ("C01", 0.95)
    assert rows["consent"]["why"] == "wording 1.00, the same choices"
    fuel, phone = rows["house/fuel"]["draft"], rows["house/phone"]["draft"]
    assert (fuel["key"], fuel["choices"], fuel["use"]) == ("ctx.fuel.hh", "fuel", "Fuel; chapter Winter")
    assert (phone["module"], phone["sens"], phone["cls"], phone["treat"]) == ("M17", "S", "direct", "vault")
    assert "position" in rows["house/where"]["remark"]
    said = run("forms", "intake", "winter.xlsx").stdout
    assert "6 questions: 1 are in the bank, 3 are new, 2 stay with the form." in said


def test_what_is_accepted_is_proposed_and_asked_by_no_form(run: Run, folder: Path) -> None:
    run("bank", "import")
    _intake(run)
    said = run("bank", "propose", "--from", "proposals.xlsx", "--by", mail("amina")).stdout
    assert "1 of its questions were items already, 3 new items are proposed, 2 stay with the form." in said
    states = _read(run("bank", "states", "--open", "--json"))
    assert {row["state"] for row in states} == {"proposed"}
    left = run("forms", "build", "hh").stdout
    for row in states:
        assert f"{row['item']} is not active: proposed" in left
    item = states[0]["item"]
    assert refused(run, "bank", "review", item, "--as", "im", "--by", mail("amina")).code is ErrorCode.NOT_ALLOWED


def test_only_a_person_with_the_right_brings_a_form_in(run: Run, folder: Path) -> None:
    run("bank", "import")
    _intake(run)
    assert refused(run, "bank", "propose", "--from", "proposals.xlsx").code is ErrorCode.NOT_ALLOWED
    for who in ("eva", "chen"):
        error = refused(run, "bank", "propose", "--from", "proposals.xlsx", "--by", mail(who))
        assert error.code is ErrorCode.NOT_ALLOWED
    assert refused(run, "bank", "propose", "--by", mail("amina")).code is ErrorCode.NOT_FOUND


def test_without_a_bank_nothing_comes_in_since_a_first_bank_would_be_active(run: Run, folder: Path) -> None:
    _intake(run)
    error = refused(run, "bank", "propose", "--from", "proposals.xlsx", "--by", mail("amina"))
    assert error.code is ErrorCode.NOT_POSSIBLE_NOW
    assert "bank import" in error.remedy


def test_what_is_wrong_in_the_file_is_named_and_nothing_is_taken(
    run: Run, folder: Path, sessions: sessionmaker[Session]
) -> None:
    run("bank", "import")
    _intake(run, fuel={"use": ""}, phone={"treat": "keep"})
    error = refused(run, "bank", "propose", "--from", "proposals.xlsx", "--by", mail("amina"))
    assert error.code is ErrorCode.BAD_BANK
    assert "proposals, row 4, column use: is empty" in error.message
    with sessions() as session:
        assert find_changes_of_bank(session) == []


def test_proposing_again_keeps_the_new_edition_and_finds_its_own_items(run: Run, folder: Path) -> None:
    run("bank", "import")
    _intake(run, "first.xlsx")
    run("bank", "propose", "--from", "first.xlsx", "--by", mail("amina"))
    Path("winter.xlsx").write_bytes(write_case(WINTER.replace("How many nights", "Please say how many nights")))
    _intake(run, "second.json.xlsx")
    rows = _read(run("forms", "intake", "winter.xlsx", "--use", "Fuel", "--json"))
    assert [row["decision"] for row in rows] == ["leave", "same", "same", "same", "same", "leave"]
    run("bank", "propose", "--from", "second.json.xlsx", "--by", mail("bilal"))
    (kept,) = _read(run("forms", "kept", "--json"))
    assert (kept["id"], kept["items"]) == ("winter", 4)
    run("forms", "kept", "winter", "-o", "again.xlsx")
    assert refused(run, "forms", "kept", "winter").code is ErrorCode.NOT_POSSIBLE_NOW  # winter.xlsx is somebody's own
    assert read_sheets(Path("again.xlsx").read_bytes()).tables == read_sheets(Path("winter.xlsx").read_bytes()).tables


def test_a_program_works_with_json(run: Run, folder: Path) -> None:
    run("bank", "import")
    run("forms", "intake", "winter.xlsx", "--use", "Fuel", "-o", "proposals.json")
    assert refused(run, "bank", "propose", "--from", "proposals.json", "--by", mail("amina")).code is ErrorCode.BAD_BANK
    file = Path("proposals.json")
    file.write_text(file.read_text().replace('"use": ""', '"use": "To call back who asked for help"'))
    told = _read(run("bank", "propose", "--from", "proposals.json", "--by", mail("amina"), "--json"))
    assert {change["part"] for change in told["changes"]} == {"item", "list", "questionnaire"}
    assert told["class"] == "minor"
    for text in ("[]", "{", '{"form": 1}', "[" * 100_000):
        Path("bad.json").write_text(text)
        error = refused(run, "bank", "propose", "--from", "bad.json", "--by", mail("amina"))
        assert error.code is ErrorCode.BAD_FILE


def test_a_bank_that_grew_travels_as_a_workbook(run: Run, folder: Path) -> None:
    run("bank", "import")
    _intake(run)
    run("bank", "propose", "--from", "proposals.xlsx", "--by", mail("amina"))
    run("bank", "export", "bank.xlsx")
    assert "No difference" in run("bank", "import", "bank.xlsx", "--dry-run").stdout
    run("bank", "export", "bank")
    assert "No difference" in run("bank", "import", "bank", "--dry-run").stdout


def test_two_who_propose_at_once_lose_nothing_of_each_other(
    run: Run, folder: Path, sessions: sessionmaker[Session]
) -> None:
    from pimcollect.cli.desk import find_actor
    from pimcollect.cli.forms_intake import propose_from

    run("bank", "import")
    files = []
    for name in ("one", "two"):
        Path("winter.xlsx").write_bytes(write_case(WINTER.replace("winter", name).replace("fuel", f"fuel_{name}")))
        _intake(run, f"{name}.xlsx", nights={"name": f"nights_{name}"}, phone={"name": f"phone_{name}"})
        files.append(Path(f"{name}.xlsx").absolute())
    errors: list[PimError] = []

    def bring(path: Path) -> None:
        try:
            with sessions.begin() as session:
                propose_from(session, find_actor(session, mail("amina")), path)
        except PimError as error:
            errors.append(error)

    threads = [threading.Thread(target=bring, args=[path]) for path in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with sessions() as session:
        bank = find_bank(session)
        assert bank is not None
        assert {one["id"] for one in bank.document["questionnaires"]} == {"one", "two"}
        assert len([row for row in bank.document["items"] if row["id"].startswith("Y")]) == 6


def test_a_form_that_the_bank_does_not_keep_is_said_so(run: Run, folder: Path) -> None:
    assert "keeps none" in run("forms", "kept").stdout
    assert refused(run, "forms", "kept", "gone").code is ErrorCode.NOT_FOUND
    assert "Say which form to write" in refused(run, "forms", "kept", "-o", "x.xlsx").message
    assert not Path("x.xlsx").exists()
    Path("text.xlsx").write_text("no workbook")
    assert refused(run, "forms", "intake", "text.xlsx").code is ErrorCode.BAD_FILE
    assert refused(run, "forms", "intake", "winter.xlsx", "--form", "hh").code is ErrorCode.BAD_FORM
    assert refused(run, "forms", "intake", "winter.xlsx", "-o", "x.csv").code is ErrorCode.BAD_FILE
