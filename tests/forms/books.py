"""Workbooks made for tests: rows of a survey written as `type | name | label | ...`."""

from __future__ import annotations

import io

import xlsxwriter

YES_NO = "yn | yes | Yes\nyn | no | No"


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(" | ")] for line in text.strip("\n").splitlines()]


def write_book(
    survey: str, *, choices: str = YES_NO, columns: str = "type | name | label | calculation", **settings: str
) -> bytes:
    """An .xlsx of the rows; `settings` become the settings sheet."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    for name, rows in (
        ("survey", [*_rows(columns), *_rows(survey)]),
        ("choices", [["list_name", "name", "label"], *_rows(choices)]),
        ("settings", [list(settings), list(settings.values())]),
    ):
        sheet = book.add_worksheet(name)
        for number, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                sheet.write_string(number, column, cell)
    book.close()
    return buffer.getvalue()
