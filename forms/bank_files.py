"""A bank as a file: .xlsx, a folder of CSV files, or .json; read whole and checked, or refused with every place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forms.bank import make_catalogue, read_document, refuse_mistakes, say_mistake
from forms.bank_sheets import OPTIONS, SHEETS, lay_bank, place_mistake, read_sheets, scrub, shown_columns
from forms.grids import Fault, Table, read_csv, read_workbook, write_csv, write_workbook
from forms.mistakes import Mistake, find_broken_references, find_misshapen
from forms.mistakes_logic import find_broken_expressions
from forms.safety import MAX_BYTES
from pimcollect.domain.catalogue import Catalogue
from pimcollect.errors import ErrorCode, PimError

Read = tuple[dict[str, Any], Catalogue]
_SAY_ENDING = "Name a .xlsx workbook, a .json file or a folder of CSV files."


def write_bank(document: Mapping[str, Any], path: Path) -> dict[Path, bytes]:
    """The files that a bank is written to, with their content. The same bank gives the same bytes.

    `path` ends with .xlsx or .json; without an ending it is a folder for one CSV file for each sheet.
    """
    document = scrub(dict(document))
    if path.suffix.lower() == ".json":
        return {path: write_json(document).encode()}
    grids = lay_bank(document)
    if path.suffix.lower() == ".xlsx":
        return {path: write_workbook(grids, title=f"Indicator bank {document['version']}", options=OPTIONS)}
    if path.suffix or path.is_file():
        raise PimError(ErrorCode.BAD_FILE, "This name is no file that a bank is kept in.", remedy=_SAY_ENDING)
    return {path / f"{name}.csv": write_csv(rows) for name, rows in grids.items()}


def write_bank_bytes(document: Mapping[str, Any], kind: str) -> bytes:
    """The content of the one file of a bank: `xlsx` or `json`."""
    path = Path(f"bank.{kind}")
    return write_bank(document, path)[path]


def write_json(document: Mapping[str, Any]) -> str:
    """The document for programs: fields by name, one line for each, rows in their order."""
    return json.dumps(scrub(dict(document)), sort_keys=True, ensure_ascii=False, indent=1) + "\n"


def read_bank_file(path: Path) -> Read:
    """The checked document and catalogue of a file or folder. All or nothing.

    Raises PimError: BAD_BANK with sheet, row and column of each fault, BAD_FILE or TOO_LARGE for what cannot be read.
    """
    if path.is_dir():
        faults: list[Fault] = []
        return read_tables(_read_folder(path, faults), faults)
    if path.suffix.lower() in (".json", ".xlsx"):
        if path.stat().st_size > MAX_BYTES:
            raise PimError(ErrorCode.TOO_LARGE, f"The file is larger than {MAX_BYTES // 1024 // 1024} MB.")
        return read_bank_bytes(path.read_bytes(), is_workbook=path.suffix.lower() == ".xlsx")
    raise PimError(ErrorCode.BAD_FILE, "This is no file that a bank is kept in.", remedy=_SAY_ENDING)


def read_bank_bytes(data: bytes, *, is_workbook: bool) -> Read:
    """The same for the content of a .xlsx workbook or a .json file."""
    if is_workbook:
        faults: list[Fault] = []
        return read_tables(read_workbook(data, faults), faults)
    document = scrub(read_document(data))
    mistakes = find_misshapen(document)
    is_early = bool(mistakes)
    faults = [say_mistake(one, document) for one in mistakes or _find_broken(document)]
    refuse_mistakes(faults, is_early=is_early)
    return document, make_catalogue(document)


def _find_broken(document: Mapping[str, Any]) -> list[Mistake]:
    """What can only be looked at when every field has its shape."""
    return [*find_broken_references(document), *find_broken_expressions(document)]


def _read_folder(folder: Path, faults: list[Fault]) -> dict[str, Table]:
    tables = {}
    for path in sorted(folder.glob("*.csv")):
        if path.stem not in SHEETS and not path.name.startswith(("_", ".")):
            faults.append(Fault(path.name, 0, "", "is no sheet of a bank; delete it, or let its name begin with _."))
    for name in SHEETS:
        path = folder / f"{name}.csv"
        if path.is_file():
            tables[name] = read_csv(path.name, path.read_bytes(), faults, expected=shown_columns(name))
    return tables


def read_tables(tables: Mapping[str, Table], faults: list[Fault]) -> Read:
    """The same for sheets that were read; `faults` are those that reading them found. Columns and cells are told in one
    go; references and expressions are followed when all cells could be read."""
    read = read_sheets(tables, faults)
    mistakes = find_misshapen(read.document) if read.document else []
    is_early = bool(mistakes) or not read.document or any(fault.row > 1 for fault in faults)
    if not is_early:
        mistakes = _find_broken(read.document)
    faults += _without_told([place_mistake(one, read.rows) for one in mistakes], faults)
    refuse_mistakes(sorted(faults, key=lambda fault: (fault.sheet, fault.row)), is_early=is_early)
    return read.document, make_catalogue(read.document)


def _without_told(found: list[Fault], faults: list[Fault]) -> list[Fault]:
    """Those that are no echo of a cell that could not be read, or of a column that is not there."""
    cells = {(one.sheet, one.row, one.column) for one in faults}
    heads = {(one.sheet, one.column) for one in faults if one.row == 1}
    rows = {(one.sheet, one.row) for one in faults if one.row > 1}
    letters = {(one.sheet, one.row) for one in faults if one.column.isupper()}

    def is_echo(one: Fault) -> bool:
        row = (one.sheet, one.row)
        is_cell = (*row, one.column) in cells or (one.sheet, one.column) in heads
        return is_cell or row in letters or (not one.column and row in rows)

    return [one for one in found if not is_echo(one)]
