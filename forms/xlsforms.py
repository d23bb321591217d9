"""The sheets of an XLSForm as they stand there: every column and cell that pyxform would see, and faults by place."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from pyxform.constants import SUPPORTED_SHEET_NAMES
from pyxform.xls2json_backends import RE_WHITESPACE, DefinitionData, xlsx_value_to_str

from forms.child import run_in_child
from forms.grids import Fault, Table, dump_tables, load_tables
from forms.safety import check_workbook
from pimcollect.errors import ErrorCode, PimError

SHEETS = ("survey", "choices", "settings", "external_choices", "entities", "osm")
"""The sheets that pyxform reads; others are the form maker's own."""

MAX_ROWS, MAX_COLUMNS, MAX_SIGNS, LONGEST = 100_000, 500, 20_000_000, 32_767
_GAP_ROWS, _GAP_COLUMNS = 60, 20
"""pyxform looks no further than so many empty ones."""

_SHOWN = 20
_SAVE = "Open it in a spreadsheet program and save it as a plain .xlsx workbook."
_FORMULA = re.compile(rb'<c r="([A-Z]{1,3}[0-9]{1,7})"[^<>]*>\s*<f(?:[^<>]*/>|[^<>]*>[^<]*</f>)\s*</c>')
"""A formula of which the file does not say what it came to."""


@dataclass(frozen=True)
class XlsForm:
    """The sheets of one form by their small name, and the names of all sheets as they stand there."""

    tables: Mapping[str, Table]
    names: tuple[str, ...]


def read_xlsform(data: bytes) -> XlsForm:
    """The sheets of an .xlsx, read in a child. Raises PimError: BAD_FILE, TOO_LARGE, or BAD_FORM with each fault."""
    check_workbook(data)
    return load_xlsform(run_in_child("xlsform", data))


def parse_xlsform(data: bytes) -> dict[str, Any]:
    """The same in this process, for the child: plain JSON, as `load_xlsform` takes it."""
    return dump_xlsform(read_sheets(data))


def dump_xlsform(form: XlsForm) -> dict[str, Any]:
    """The form as plain JSON."""
    return {"tables": dump_tables(form.tables), "names": list(form.names)}


def load_xlsform(plain: Mapping[str, Any]) -> XlsForm:
    """The form of what `dump_xlsform` wrote."""
    return XlsForm(load_tables(plain["tables"]), tuple(plain["names"]))


def read_sheets(data: bytes) -> XlsForm:
    """The sheets, whatever size they claim. Cells are what pyxform makes of them: numbers, dates and ticks as text,
    a formula as the value that the file keeps of it."""
    faults: list[Fault] = []
    tables: dict[str, Table] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that nobody reads
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            names = tuple(book.sheetnames)
            wanted = [one for one in book.worksheets if one.title.lower() in SUPPORTED_SHEET_NAMES]
            for sheet in wanted or book.worksheets[:1]:
                name = sheet.title.lower() if wanted else "survey"
                if name in tables:
                    faults.append(Fault(sheet.title, 0, "", "stands there twice; delete one of them."))
                    continue
                tables[name] = _read_sheet(sheet, faults)
                faults += _find_lost_formulas(book, sheet, tables[name])
    except (PimError, MemoryError):
        raise
    except Exception as error:  # openpyxl raises whatever its parsers raise
        raise PimError(
            ErrorCode.BAD_FILE, "The workbook was not opened: a part of it cannot be read.", remedy=_SAVE
        ) from error
    if sum(len(cell) for table in tables.values() for _, cells in table.rows for cell in cells.values()) > MAX_SIGNS:
        raise PimError(
            ErrorCode.TOO_LARGE, f"The form holds more than {MAX_SIGNS:,} signs.", remedy="Split it, or shorten texts."
        )
    refuse_faults(faults)
    return XlsForm(tables, names)


def refuse_faults(faults: Sequence[Fault]) -> None:
    """Raise PimError(BAD_FORM) with the first of them, if there are any."""
    if faults:
        more = f" And {len(faults) - _SHOWN} more." if len(faults) > _SHOWN else ""
        raise PimError(
            ErrorCode.BAD_FORM,
            f"The form was not read. {' '.join(str(one) for one in faults[:_SHOWN])}{more}",
            remedy="Correct the workbook and try again.",
        )


def _read_sheet(sheet: Any, faults: list[Fault]) -> Table:
    sheet.reset_dimensions()  # the size that the file claims may be a lie
    lines = iter(sheet.iter_rows(max_col=MAX_COLUMNS + 1))
    columns = _read_columns(sheet.title, next(lines, ()), faults)
    if columns is None:
        return Table((), ())
    rows, last = [], 1
    for number, cells in enumerate(lines, start=2):
        if number > MAX_ROWS:
            faults.append(Fault(sheet.title, number, "", f"more than {MAX_ROWS:,} rows; delete the empty ones."))
            break
        found = dict(_read_cells(sheet.title, number, columns, cells, faults))
        if found and number - last > _GAP_ROWS + 1:
            faults.append(Fault(sheet.title, number, "", f"stands below more than {_GAP_ROWS} empty rows, where no "
                                "telephone would get it; delete the empty rows."))  # fmt: skip
            break
        if found:
            last = number
            rows.append((number, found))
    return Table(tuple(one for one in columns if one), tuple(rows))


def _read_columns(name: str, cells: Iterable[Any], faults: list[Fault]) -> list[str] | None:
    """The names in the first row, empty where there is none; None where they cannot be read."""
    known = len(faults)
    columns: list[str] = []
    for number, cell in enumerate(cells, start=1):
        said = cell.value
        if _is_empty(said):
            columns.append("")
            continue
        if number > MAX_COLUMNS:
            faults.append(Fault(name, 1, "", f"names more than {MAX_COLUMNS} columns; delete what is no part of it."))
            break
        text = RE_WHITESPACE.sub(" ", said.strip()) if isinstance(said, str) else ""
        place = get_column_letter(number)
        if not text or cell.data_type == "e":
            faults.append(Fault(name, 1, place, "is no name of a column; write one as text."))
        elif text in columns:
            faults.append(Fault(name, 1, text, "stands there twice; delete one of them."))
        elif _is_behind_gap(columns):
            faults.append(Fault(name, 1, text, f"stands behind more than {_GAP_COLUMNS} empty columns; move it."))
        columns.append(text)
    while columns and not columns[-1]:
        columns.pop()
    return columns if len(faults) == known else None


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_behind_gap(columns: Sequence[str]) -> bool:
    gap = _GAP_COLUMNS + 1
    return len(columns) >= gap and not any(columns[-gap:])


def _read_cells(
    sheet: str, row: int, columns: Sequence[str], cells: Iterable[Any], faults: list[Fault]
) -> Iterator[tuple[str, str]]:
    for column, cell in zip(columns, cells, strict=False):
        value = cell.value
        if not column or _is_empty(value):
            continue
        if cell.data_type == "e":
            faults.append(Fault(sheet, row, column, "shows an error of the spreadsheet; write the value."))
            continue
        text = xlsx_value_to_str(value.strip() if isinstance(value, str) else value)
        if len(text) > LONGEST:
            faults.append(Fault(sheet, row, column, f"is longer than {LONGEST:,} signs; shorten it."))
            continue
        yield column, text


def _find_lost_formulas(book: Any, sheet: Any, table: Table) -> Iterator[Fault]:
    content = book._archive.read(sheet._worksheet_path)
    if table.columns and b"<f" in content:
        for found in _FORMULA.finditer(content):
            yield Fault(sheet.title, 0, found.group(1).decode(), "is a formula without its value; write the value.")


def to_definition(form: XlsForm) -> DefinitionData:
    """The form as pyxform wants it, blank rows counted, so that its messages name the right row."""
    parts: dict[str, Any] = {}
    for name, table in form.tables.items():
        rows: list[dict[str, str]] = [{} for _ in range(table.rows[-1][0] - 1 if table.rows else 0)]
        for number, cells in table.rows:
            rows[number - 2] = dict(cells)
        parts[name] = rows
        parts[f"{name}_header"] = [dict.fromkeys(table.columns)] if table.columns else []
    return DefinitionData(sheet_names=list(form.names), fallback_form_name=None, **parts)


def lay_xlsform(form: XlsForm) -> dict[str, list[list[str]]]:
    """The sheets as grids for `forms.grids.write_workbook`; rows keep their numbers."""
    grids = {}
    for name in (one for one in SHEETS if one in form.tables):
        table = form.tables[name]
        last = table.rows[-1][0] if table.rows else 1
        grid: list[list[str]] = [list(table.columns), *([] for _ in range(last - 1))]
        for number, cells in table.rows:
            grid[number - 1] = [cells.get(column, "") for column in table.columns]
        grids[name] = grid
    return grids
