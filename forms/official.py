"""Read official wording from a file that somebody has: exactly the locked questions and answers, in their order."""

from __future__ import annotations

from pathlib import Path

from forms.bank import refuse_mistakes
from forms.grids import Fault, Table, read_csv, read_workbook
from forms.safety import MAX_BYTES
from pimcollect.domain.catalogue import Catalogue
from pimcollect.errors import ErrorCode, PimError

COLUMNS = ("name", "text")


def list_locked(catalogue: Catalogue) -> tuple[str, ...]:
    """Names of the locked questions, then codes of their answers, in the official order."""
    answers = catalogue.lists[catalogue.washington_list]
    return (*(one.name for one in catalogue.washington), *(one.code for one in answers))


def read_wording(path: Path, catalogue: Catalogue) -> dict[str, str]:
    """Name or code -> official text, from a .csv or the first sheet of a .xlsx with the columns name and text.

    All or nothing. Raises PimError: BAD_BANK with the place of each fault, BAD_FILE or TOO_LARGE.
    """
    if path.stat().st_size > MAX_BYTES:
        raise PimError(ErrorCode.TOO_LARGE, f"The file is larger than {MAX_BYTES // 1024 // 1024} MB.")
    faults: list[Fault] = []
    if path.suffix.lower() == ".xlsx":
        sheets = read_workbook(path.read_bytes(), faults)
        name, table = next(iter(sheets.items()), ("wording", Table((), ())))
    else:
        name, table = path.name, read_csv(path.name, path.read_bytes(), faults, expected=COLUMNS)
    wanted = list_locked(catalogue)
    if not faults and not set(COLUMNS) <= set(table.columns):
        faults.append(Fault(name, 1, "", "the first row must name the columns name and text."))
    if not faults:
        faults += _find_faults(name, table, wanted)
    refuse_mistakes(faults)
    return {cells["name"]: cells["text"] for _, cells in table.rows}


def _find_faults(sheet: str, table: Table, wanted: tuple[str, ...]) -> list[Fault]:
    found = [Fault(sheet, number, "text", "is empty.") for number, cells in table.rows if not cells["text"]]
    names = tuple(cells["name"] for _, cells in table.rows)
    if names != wanted:
        text = f"must hold exactly these names in this order: {', '.join(wanted)}."
        found.append(Fault(sheet, 0, "name", text))
    return found
