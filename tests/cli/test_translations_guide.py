"""The guide for translations works as it is written: its commands are run here, one after the other."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import Result
from sqlalchemy.orm import Session, sessionmaker

from tests.cli.people import settle_people

GUIDE = Path(__file__).parents[2] / "docs" / "imo" / "translations.md"


def translate_sheet() -> None:
    """Every empty text filled in, and another version."""
    book = openpyxl.load_workbook("for-translators.xlsx")
    book["bank"]["B2"] = "2026.2"
    for row in book["translations"].iter_rows(min_row=2):
        row[4].value = f"<{row[1].value}>"
    book.save("for-translators.xlsx")


def test_the_guide_can_be_followed(
    run: Callable[..., Result], sessions: sessionmaker[Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settle_people(sessions)
    run("bank", "import")
    builds = []
    for block in re.findall(r"^```\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("# translate"):
                translate_sheet()
                continue
            words: list[Any] = shlex.split(line, comments=True)
            assert words.pop(0) == "pimcollect"
            result = run(*words)
            assert result.exit_code == 0, (line, result.output)
            builds += [result.output] if words[:2] == ["forms", "build"] else []
    assert ["Machine-drafted" in one for one in builds] == [True, False, True]
