"""The guide for changing the bank works as it is written: its commands are run here, one after the other."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import Result
from sqlalchemy.orm import Session, sessionmaker

from tests.cli.people import settle_people

GUIDE = Path(__file__).parents[2] / "docs" / "imo" / "govern-the-bank.md"
NAMES = ("wg_see", "wg_hear", "wg_walk", "wg_rem", "wg_care", "wg_comm", "no_diff", "some_diff", "lot_diff", "cannot")


def read_lines() -> Iterator[str]:
    for block in re.findall(r"^```\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL):
        yield from block.splitlines()


def edit_workbook() -> None:
    """Another version, a hint, and one new item."""
    book = openpyxl.load_workbook("bank.xlsx")
    book["bank"]["B2"] = "2026.2"
    sheet = book["items"]
    heads = {cell.value: cell.column for cell in sheet[1]}
    row = next(cells for cells in sheet.iter_rows(min_row=2) if cells[0].value == "F01")
    values = {head: row[column - 1].value for head, column in heads.items()}
    row[heads["hint"] - 1].value = "Another hint"
    values |= {"id": "F90", "name": "fom_new", "key": "fom.new.hh", "q": "Which way do you take?"}
    sheet.append([values[head] for head in heads])
    book.save("bank.xlsx")


def break_json() -> None:
    """Another version, and a question that asks something else under another key."""
    document = json.loads(Path("bank.json").read_text())
    document["version"] = "2026.3"
    row = next(row for row in document["items"] if row["id"] == "F01")
    row |= {"q": "How often could you not leave?", "key": "fom.limited.30d.hh2"}
    Path("bank.json").write_text(json.dumps(document))


def test_the_guide_can_be_followed(
    run: Callable[..., Result], sessions: sessionmaker[Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settle_people(sessions)
    run("bank", "import")
    Path("official.csv").write_text("name,text\n" + "".join(f"{name},Practice text\n" for name in NAMES))
    told: dict[str, str] = {}
    for line in read_lines():
        if line.startswith("# edit"):
            edit_workbook()
        elif line.startswith("# break"):
            break_json()
        else:
            words: list[Any] = shlex.split(line, comments=True)
            assert words.pop(0) == "pimcollect"
            result = run(*words)
            assert result.exit_code == 0, (line, result.output)
            told[" ".join(words)] = result.output
    assert "F90" in told["bank diff 2026.1 2026.2"]
    assert "Class: minor" in told["bank import bank.xlsx --dry-run"]
    assert "F90" in told["bank states --open"]
    assert "hh_test" in told["forms build hh --field-test"]
    assert "F90" not in told["forms build hh"]
    assert "con.adult" in told["bank overlaps hh ki"]
