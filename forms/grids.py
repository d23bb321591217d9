"""Cells in and out: a workbook or a folder of CSV files as named grids of strings. Nothing is ever evaluated."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

import xlsxwriter
from openpyxl import load_workbook
from openpyxl.cell.read_only import EMPTY_CELL

from forms.child import run_in_child
from forms.safety import MAX_BYTES, check_workbook
from pimcollect.errors import ErrorCode, PimError

CREATED_AT = datetime(2026, 1, 1)  # noqa: DTZ001 - the workbook's format knows no zone
"""Stands in every workbook: the hour of the build would change its bytes."""

MAX_ROWS, MAX_COLUMNS = 100_000, 100
_PLAIN = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
_MARK = "'"
_RISKY = ("=", "+", "-", "@", "|", "%", "\t", "\r", "\n", "＝", "＋", "－", "＠", "\ufeff", _MARK)
"""What a spreadsheet may take for a formula at the start of a CSV cell (OWASP ASVS 5, 1.2.10), and our own mark."""

_RULES = ("must ", "Must ", "Use ", "a direct identifier must ")
"""How the text of a fault begins that is the rule itself."""

Grids = Mapping[str, Sequence[Sequence[str]]]
"""Sheet -> rows of cells; the first row names the columns."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one cell, row or sheet; row 0 and an empty column mean the whole."""

    sheet: str
    row: int
    column: str
    text: str

    def __str__(self) -> str:
        place = [self.sheet, f"row {self.row}" if self.row else "", f"column {self.column}" if self.column else ""]
        return f"{', '.join(part for part in place if part)}: {self.text}"

    @property
    def told(self) -> dict[str, Any]:
        """For programs: what is wrong, and how it is mended where that was said; no row and no column are None.
        A rule that is not kept says both."""
        what, _, mend = self.text.partition("; ")
        if not mend and what.startswith(_RULES):
            mend = what
        place = {"sheet": self.sheet, "row": self.row or None, "column": self.column or None}
        return {**place, "what": what, "mend": mend or None}


@dataclass(frozen=True)
class Table:
    """One sheet as it was read: its columns, and each row that is not empty with its number and its cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    is_read: bool = True
    """False when the file could not be read at all: then nothing can be said of its columns."""


_UNREAD = Table((), (), is_read=False)


@dataclass(frozen=True)
class Options:
    """The codes that a column offers, for a list to choose from."""

    sheet: str
    column: str
    codes: tuple[str, ...]


def write_workbook(grids: Grids, *, title: str, options: Iterable[Options] = ()) -> bytes:
    """The .xlsx of the grids, always the same bytes: every cell a string, every column formatted as text."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, _PLAIN)
    book.set_properties({"title": title, "created": CREATED_AT})
    text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    head = book.add_format({"num_format": "@", "bold": True})
    for name, rows in grids.items():
        sheet = book.add_worksheet(name)
        sheet.set_column(0, max(len(rows[0]) - 1, 0), 18, text)
        sheet.freeze_panes(1, 0)
        for number, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if cell:
                    sheet.write_string(number, column, cell, text if number else head)
        for one in options:
            if one.sheet == name:
                place = list(rows[0]).index(one.column)
                sheet.data_validation(1, place, MAX_ROWS, place, {"validate": "list", "source": list(one.codes)})
    book.close()
    return buffer.getvalue()


def write_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """One grid as CSV in UTF-8 with a mark that Excel knows, lines ended by CR LF, no cell that reads as a formula."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows([[_disarm(cell) for cell in row] for row in rows])
    return buffer.getvalue().encode("utf-8-sig")


def _disarm(cell: str) -> str:
    return _MARK + cell if cell.startswith(_RISKY) else cell


def _rearm(cell: str) -> str:
    """The same cell before it was written; a mark that nobody needed is somebody's apostrophe."""
    return cell[1:] if cell.startswith(_MARK) and cell[1:].startswith(_RISKY) else cell


def tidy(cell: str) -> str:
    """One way to end a line, no spaces around. `_x000D_` is how Excel writes a carriage return that was pasted."""
    return cell.replace("_x000D_", "\r").replace("\r\n", "\n").replace("\r", "\n").strip()


def read_workbook(data: bytes, faults: list[Fault]) -> dict[str, Table]:
    """The sheets of a workbook, those whose name begins with _ left out, read in a child. Adds to `faults` what cannot
    be taken.

    Raises PimError(BAD_FILE, TOO_LARGE) for a file that is no plain workbook.
    """
    check_workbook(data)
    read = run_in_child("grids", data)
    faults += [Fault(*one) for one in read["faults"]]
    return load_tables(read["tables"])


def parse_workbook(data: bytes, *, only: Sequence[str] = ()) -> dict[str, Any]:
    """The same in this process, for the child: plain JSON of tables and faults; of all sheets or `only` of some."""
    faults: list[Fault] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that we do not read
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
            tables = {
                sheet.title: _make_table(sheet.title, _read_sheet(sheet, faults), faults)
                for sheet in book.worksheets
                if not sheet.title.startswith("_") and (not only or sheet.title in only)
            }
    except (PimError, MemoryError):
        raise
    except Exception as error:  # openpyxl raises whatever its parsers raise
        raise PimError(
            ErrorCode.BAD_FILE,
            "The workbook was not opened: a part of it cannot be read.",
            remedy="Open it in a spreadsheet program and save it as a plain .xlsx workbook.",
        ) from error
    return {"tables": dump_tables(tables), "faults": [astuple(one) for one in faults]}


def dump_tables(tables: Mapping[str, Table]) -> dict[str, Any]:
    """Tables as plain JSON: columns, and each row as its number and its cells."""
    return {name: {"columns": table.columns, "rows": table.rows} for name, table in tables.items()}


def load_tables(plain: Mapping[str, Any]) -> dict[str, Table]:
    """The tables of what `dump_tables` wrote."""
    return {
        name: Table(tuple(one["columns"]), tuple((number, cells) for number, cells in one["rows"]))
        for name, one in plain.items()
    }


def _read_sheet(sheet: Any, faults: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # the size that the file claims may be a lie
    for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), start=1):
        if number > MAX_ROWS:
            faults.append(Fault(sheet.title, number, "", f"more than {MAX_ROWS} rows; delete the empty ones."))
            return
        yield number, ["" if cell is EMPTY_CELL else _read_cell(cell, sheet.title, number, faults) for cell in cells]


def _read_cell(cell: Any, sheet: str, row: int, faults: list[Fault]) -> str:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        faults.append(Fault(sheet, row, cell.column_letter, "is a formula; copy it and paste its value as text."))
        return ""
    if cell.data_type == "e":
        faults.append(Fault(sheet, row, cell.column_letter, "shows an error of the spreadsheet; write the value."))
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(int(value)) if float(value).is_integer() else repr(value)
    if not isinstance(value, str):
        faults.append(Fault(sheet, row, cell.column_letter, "is a date; format the cell as text and write it anew."))
        return ""
    return tidy(value)


def read_csv(name: str, data: bytes, faults: list[Fault], *, expected: Sequence[str]) -> Table:
    """One CSV file, cells divided by comma, semicolon or tab, lines ended as they like. Adds to `faults`."""
    if len(data) > MAX_BYTES:
        faults.append(
            Fault(name, 0, "", f"is larger than {MAX_BYTES // 1024 // 1024} MB; leave out what is no row of the bank.")
        )
        return _UNREAD
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        faults.append(Fault(name, line, "", "is not UTF-8; save it as CSV UTF-8."))
        return _UNREAD
    if "\0" in text:
        faults.append(Fault(name, 0, "", "is not text; save it as CSV UTF-8."))
        return _UNREAD
    head = text.splitlines()[0] if text.strip() else ""
    known = {sign: len({cell.strip(' "') for cell in head.split(sign)} & set(expected)) for sign in ",;\t"}
    delimiter = max(known, key=lambda sign: known[sign])
    if not known[delimiter]:
        what = "names none of the columns of this sheet; put back the row that was exported"
        faults.append(Fault(name, 1, "", f"{what}, its cells divided by comma, semicolon or tab."))
        return _UNREAD
    return _make_table(name, _read_lines(name, text, faults, delimiter), faults)


def _read_lines(name: str, text: str, faults: list[Fault], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number, width = 0, 0
    try:
        for cells in reader:
            number += 1
            width = width or len(cells)
            if number > MAX_ROWS:
                faults.append(Fault(name, number, "", f"more than {MAX_ROWS} rows; delete the empty ones."))
                return
            if 1 < len(cells) < width:
                faults.append(
                    Fault(name, number, "", f"has {len(cells)} cells, the first row has {width}; write one for each.")
                )
            yield number, [tidy(_rearm(cell)) for cell in cells]
    except csv.Error:
        faults.append(
            Fault(
                name,
                number + 1,
                "",
                "has a quotation mark that is not closed or doubled, or a cell that is too long; close or double it, "
                "or shorten the cell.",
            )
        )


def _make_table(name: str, lines: Iterable[tuple[int, list[str]]], faults: list[Fault]) -> Table:
    """Rows by the names of the first one; what stands outside of named columns is a fault."""
    columns: list[str] = []
    rows = []
    for number, cells in lines:
        if number == 1:
            columns = [cell.strip() for cell in cells]
            while columns and not columns[-1]:
                columns.pop()
            faults += [Fault(name, 1, one, "stands there twice; delete one.") for one in sorted(_twice(columns))]
        elif any(cells):
            if any(cells[len(columns) :]) or any(cell for cell, head in zip(cells, columns, strict=False) if not head):
                faults.append(Fault(name, number, "", "has a cell in a column without a name; delete it."))
            rows.append((number, dict(zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=False))))
    return Table(tuple(columns), tuple(rows))


def _twice(columns: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    return {one for one in columns if one and (one in seen or seen.add(one))}  # type: ignore[func-returns-value]
