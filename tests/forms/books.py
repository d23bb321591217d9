"""Workbooks made for tests: rows of a survey written as `type | name | label | ...`."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import xlsxwriter

from forms.intake import Adopted, adopt_outline
from forms.outline import make_outline
from forms.xlsforms import read_sheets
from pimcollect.errors import ErrorCode, PimError

CONSENT = "select_one yn | consent | Do you agree?"

YES_NO = "yn | yes | Yes\nyn | no | No"


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(" | ")] for line in text.strip("\n").splitlines()]


def write_book(
    survey: str,
    *,
    choices: str = YES_NO,
    columns: str = "type | name | label | calculation",
    choice_columns: str = "list_name | name | label",
    entities: str = "",
    **settings: str,
) -> bytes:
    """An .xlsx of the rows; `settings` become the settings sheet, `entities` one of its name, its columns first."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    for name, rows in (
        ("survey", [*_rows(columns), *_rows(survey)]),
        ("choices", [*_rows(choice_columns), *_rows(choices)]),
        ("settings", [list(settings), list(settings.values())]),
        *((("entities", _rows(entities)),) if entities else ()),
    ):
        sheet = book.add_worksheet(name)
        for number, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                sheet.write_string(number, column, cell)
    book.close()
    return buffer.getvalue()


def adopt(survey: str, *, treatments: Any = None, consent: str | None = None, **more: str) -> Adopted:
    """Adopt a workbook of these rows; `treatments` is the content of a treatments file, parsed."""
    given = None if treatments is None else json.dumps(treatments).encode()
    data = write_book(survey, **more)
    outline = make_outline(read_sheets(data), name="file")  # without the child, which other tests are about
    return adopt_outline(outline, data, consent=consent, treatments=given)


def refuse(code: ErrorCode, survey: str, **more: Any) -> PimError:
    """The error with which the same is refused."""
    with pytest.raises(PimError) as caught:
        adopt(survey, **more)
    assert caught.value.code is code
    return caught.value
