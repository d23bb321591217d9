"""A workbook as lints need it: rows with their numbers, plain column names, languages apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from forms.columns import split_column
from forms.grids import Table
from forms.workbook import Sheets
from forms.xlsforms import SHEETS, XlsForm
from pimcollect.domain.expressions import read_columns


@dataclass(frozen=True)
class Line:
    """One row of a sheet. `cells` is by header as it stands there; empty cells are absent."""

    row: int
    cells: Mapping[str, str]
    sheet: str = "survey"

    @cached_property
    def plain(self) -> Mapping[str, str]:
        """Plain column name -> cell; of translated columns the first that is filled."""
        found: dict[str, str] = {}
        for header, cell in self.cells.items():
            found.setdefault(split_column(header)[0], cell)
        return found

    def __getitem__(self, column: str) -> str:
        return self.plain.get(column, "")

    @property
    def type(self) -> str:
        """As it stands there, one blank between words."""
        return " ".join(self["type"].split())

    @property
    def kind(self) -> str:
        """`begin_group`, `end_repeat`, `select_one`, `text`, ..."""
        words = self.type.replace("begin ", "begin_").replace("end ", "end_").split(" ")
        return {"select1": "select_one", "select_one_external": "select_one"}.get(words[0], words[0])

    @property
    def list_name(self) -> str:
        """The list of a select; empty for others."""
        words = self.type.split(" ")
        return words[1] if self.kind in ("select_one", "select_multiple", "rank") and len(words) > 1 else ""

    @property
    def file(self) -> str:
        """The file that its choices come from; empty where they stand in the workbook."""
        kind, _, file = self.type.partition(" ")
        return file if kind.endswith("_from_file") else ""

    @property
    def called(self) -> str:
        """What people know the row by: a question, a choice of a list, an entity list."""
        owner = "" if self.sheet == "survey" else self["list_name"]
        return " ".join(name for name in (owner, self["name"]) if name)

    @property
    def labels(self) -> tuple[str, ...]:
        """Its label in every language."""
        return tuple(cell for header, cell in self.cells.items() if split_column(header)[0] == "label")

    @property
    def is_question(self) -> bool:
        """True when a value can arrive for it."""
        return bool(self.type) and not self.kind.startswith(("begin", "end")) and self.kind != "note"


@dataclass(frozen=True)
class Book:
    """The sheets of one form."""

    survey: tuple[Line, ...]
    choices: tuple[Line, ...]
    external: tuple[Line, ...]
    entities: tuple[Line, ...]
    settings: Mapping[str, str]
    headers: Mapping[str, tuple[str, ...]]
    """Sheet -> its column names as they stand there."""
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """File of choices -> its columns, of those that are known."""

    @cached_property
    def lists(self) -> Mapping[str, tuple[Line, ...]]:
        """List -> its rows, of both sheets of choices."""
        found: dict[str, list[Line]] = {}
        for line in (*self.choices, *self.external):
            if line["list_name"]:
                found.setdefault(line["list_name"], []).append(line)
        return {name: tuple(lines) for name, lines in found.items()}

    def find_columns(self, line: Line) -> frozenset[str]:
        """The filled columns of the choices of a row; empty where nobody can know them."""
        if line.file:
            return self.columns.get(line.file, frozenset())
        return frozenset(header for row in self.lists.get(line.list_name, ()) for header in row.cells)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _lines(rows: Iterable[Mapping[str, Any]] | None, sheet: str) -> tuple[Line, ...]:
    """Blank rows are counted and left out, so that each row keeps its number in Excel."""
    found = (
        Line(number, {str(header): _text(cell) for header, cell in row.items() if _text(cell)}, sheet)
        for number, row in enumerate(rows or (), start=2)
    )
    return tuple(line for line in found if line.cells)


def open_book(form: XlsForm) -> Book:
    """The sheets of an XLSForm as lints need them, not judged as a form."""
    none = Table((), ())
    read = {name: form.tables.get(name, none) for name in SHEETS}
    lines = {name: tuple(Line(number, cells, name) for number, cells in table.rows) for name, table in read.items()}
    settings = lines["settings"][0].cells if lines["settings"] else {}
    return Book(
        survey=lines["survey"],
        choices=lines["choices"],
        external=lines["external_choices"],
        entities=lines["entities"],
        settings={header.lower(): cell for header, cell in settings.items()},
        headers={name: read[name].columns for name in ("survey", "choices", "external_choices", "settings")},
    )


def open_sheets(sheets: Sheets, *, files: Mapping[str, bytes]) -> Book:
    """The same for sheets that we laid out ourselves. `files`: name -> content of those whose columns are known."""
    read = {
        name: _lines((dict(zip(rows[0], cells, strict=True)) for cells in list(rows)[1:]), name)
        for name, rows in ((name, list(rows)) for name, rows in sheets.items())
    }
    return Book(
        survey=read["survey"],
        choices=read["choices"],
        external=(),
        entities=read.get("entities", ()),
        settings=read["settings"][0].cells,
        headers={name: tuple(next(iter(rows))) for name, rows in sheets.items()},
        columns={name: read_columns(content) for name, content in files.items() if name.endswith(".csv")},
    )
