"""The bank as sheets: which columns each has, the document laid out in them, and read back with every fault placed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forms.grids import Fault, Grids, Options, Table, tidy
from forms.mistakes import Mistake, Place
from pimcollect.domain.weights import SENSITIVITIES, TREATMENTS
from pimcollect.schemas.bank import ASKING, TYPES
from pimcollect.schemas.bank_parts import PARTS, STATES

TEXT, MARK, NUMBER, LETTERS, MAYBE, LOCKED = "text", "yes/no", "number", "letters", "text or nothing", "text or locked"
"""What a cell holds. MAYBE: an empty cell is no field. LOCKED: an empty cell is wording that is not loaded."""

_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "type": TYPES,
    "sens": tuple(SENSITIVITIES),
    "treat": TREATMENTS,
    "cls": ("none", "quasi", "sens", "comm", "direct"),
    "comp": ("T", "V", "C", "X", "R", "P"),
    "matrix": ("POP", "PNA", "PM", "CM", "RME", "SSA", "SEC", "CWC"),
    "lvl": ("hh", "person", "community", "site"),
    "req": ("yes", "no"),
    "core_hh": ("yes", "no"),
    "kind": ("control", "indicator"),
    "urgency": ("U", "H", "R"),
    "default_urgency": ("U", "H", "R"),
    "personal_data": ("yes", "no"),
    "tool": ("H", "K", "F", "O"),
    "part": PARTS,
    "state": STATES,
}


def _texts(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), TEXT)


_SELDOM_OF_CHOICES = ("parent", "image", "audio")
SELDOM = (*ASKING, *_SELDOM_OF_CHOICES)
"""Columns that need not be there, and are written only when a row fills them."""
_ALWAYS = {"places": ("parent",)}  # who adds the first row that fills it needs it

SHEETS: Mapping[str, Mapping[str, str]] = {
    "bank": _texts("field value"),
    "modules": {**_texts("id prefix title"), "tools": LETTERS, "kind": TEXT},
    "items": {
        **_texts("id name module tools q hint type choices sens cls treat rel constraint calc"),
        **{"req": MARK, "core_hh": MARK, "seconds": NUMBER},
        **_texts("key lvl use comp gpc matrix disagg flag path urg"),
        **dict.fromkeys(ASKING, MAYBE),
    },
    "choices": {
        **{"list": TEXT, "code": TEXT, "label": LOCKED, "aggregate_to": MAYBE, "wording": MAYBE},
        **dict.fromkeys(_SELDOM_OF_CHOICES, MAYBE),
    },
    "flag_rules": _texts("id expression pathway urgency"),
    "pathways": {**_texts("code service default_urgency"), "personal_data": MARK},
    "requests": _texts("service pathway"),
    "questionnaires": _texts("id title language columns"),
    "questionnaire_rows": {**_texts("questionnaire sheet"), "row": NUMBER, **_texts("link cells")},
    "entities": {**_texts("list tools label"), **dict.fromkeys(("entity_id", "create_if", "update_if"), MAYBE)},
    "variants": _texts("item tool q hint"),
    "translations": _texts("part key language source text translator state back"),
    "terms": _texts("code term definition"),
    "purposes": _texts(
        "id title tools group area starts_on ends_on audiences questions items resources not_needed response "
        "proportionality text"
    ),
    "disaggregations": {**_texts("set code source categories"), "order": NUMBER},
    "places": {
        **{"code": TEXT, "level": NUMBER, "parent": MAYBE},
        **_texts("valid_from valid_to replaced_by aliases name_en name_fr name_ar"),
    },
}
"""Sheet -> column -> what its cells hold. docs/imo/bank.md explains the columns."""

OPTIONS = tuple(
    Options(sheet, column, _OPTIONS[column])
    for sheet, columns in SHEETS.items()
    for column in columns
    if column in _OPTIONS
)

_FIELDS = ("version", "ers_decision", "wg_ss")
"""Rows of the first sheet: `wg_ss` is the locked part of the Short Set, as it is in the file for programs."""
_KEYED = ("bank", "choices", "requests")
_HIDDEN = ("entities", "questionnaires", "questionnaire_rows")
"""Sheets that are written only when they hold something."""
OPTIONAL = (*_HIDDEN, "variants", "translations", "terms", "purposes", "disaggregations", "places")
"""Parts that a bank need not have: an empty one is none, and their sheets may be missing."""
_ROWS = ("modules", "items", "flag_rules", "pathways", *OPTIONAL)
_NAME = re.compile("name_[a-z]{2,3}")
"""Columns of the sheet `places`: a name in one language."""
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


_MAYBE = frozenset(column for columns in SHEETS.values() for column, kind in columns.items() if kind == MAYBE)


@dataclass(frozen=True)
class Sheeted:
    """A document that was read from sheets, and the row in which each part of it stands."""

    document: dict[str, Any]
    rows: Mapping[Place, tuple[str, int]]


def scrub(value: Any) -> Any:
    """The same document with tidy texts and without empty optional fields: what a round trip gives back."""
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, list):
        return [scrub(one) for one in value]
    if isinstance(value, dict):
        return {key: scrub(one) for key, one in value.items() if not (key in _MAYBE and one == "") and one != []}
    return value


def lay_bank(document: Mapping[str, Any]) -> Grids:
    """The sheets of a bank, in the order of the document; choice lists by name."""
    columns = {name: list(columns) for name, columns in SHEETS.items()}
    spoken = {f"name_{language}" for row in document.get("places", ()) for language in row["names"]}
    columns["places"] += sorted(spoken - set(columns["places"]))
    grids: dict[str, list[list[str]]] = {name: [heads] for name, heads in columns.items()}
    grids["bank"] += [
        ["version", document["version"]],
        ["ers_decision", document["ers_decision"]],
        ["wg_ss", _canon(document["wg_ss"])],
    ]
    for part in _ROWS:
        grids[part] += [[_write(_find_cell(row, one)) for one in columns[part]] for row in document.get(part, ())]
    for name, rows in sorted(document["choice_lists"].items()):
        grids["choices"] += [[name, *(_write(row.get(one)) for one in list(SHEETS["choices"])[1:])] for row in rows]
    grids["requests"] += [[code, pathway] for code, pathway in sorted(document["request_map"].items())]
    return {name: _without_empty(name, rows) for name, rows in grids.items() if name not in _HIDDEN or len(rows) > 1}


def _without_empty(sheet: str, rows: list[list[str]]) -> list[list[str]]:
    """The same rows without the seldom columns that nothing fills."""
    shown = {column for column in rows[0] if column not in SELDOM} | {*_ALWAYS.get(sheet, ())}
    wanted = [at for at, column in enumerate(rows[0]) if column in shown or any(row[at] for row in rows[1:])]
    return [[row[at] for at in wanted] for row in rows]


def _find_cell(row: Mapping[str, Any], column: str) -> Any:
    return row["names"].get(column[5:]) if "names" in row and _NAME.fullmatch(column) else row.get(column)


def _canon(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "".join(value)
    return "" if value is None else str(value)


def read_sheets(tables: Mapping[str, Table], faults: list[Fault]) -> Sheeted:
    """The document of the sheets; empty where a sheet or a column is missing without which none of it can be read.
    Adds to `faults` every sheet, column and cell that cannot be taken."""
    for name in sorted(tables.keys() - SHEETS.keys()):
        faults.append(Fault(name, 0, "", "is no sheet of a bank; delete it, or let its name begin with _."))
    for name, columns in SHEETS.items():
        _check_columns(name, tables.get(name), columns, faults)
    if not all(table.is_read for table in tables.values()) or not _is_framed(tables):
        return Sheeted({}, {})
    rows: dict[Place, tuple[str, int]] = {}
    document: dict[str, Any] = _read_fields(tables["bank"], rows, faults)
    if not document.keys() >= set(_FIELDS):
        return Sheeted({}, {})
    for part in _ROWS:
        document[part] = []
        for number, cells in tables[part].rows if part in tables else ():
            rows[part, len(document[part])] = (part, number)
            row = _read_row(part, number, cells, faults)
            document[part].append(_name_place(row, cells) if part == "places" else row)
        if part in OPTIONAL and not document[part]:
            del document[part]
    document["choice_lists"] = _read_lists(tables["choices"], rows, faults)
    document["request_map"] = requests = {}
    for number, cells in tables["requests"].rows:
        rows["request_map", cells["service"]] = ("requests", number)
        if cells["service"] in requests:
            faults.append(Fault("requests", number, "service", f"{cells['service']} stands there twice."))
        requests[cells["service"]] = cells["pathway"]
    return Sheeted(document, rows)


def _is_framed(tables: Mapping[str, Table]) -> bool:
    """Whether every sheet is there, and those have their columns whose rows are sorted by one of them."""
    needed = [name for name in SHEETS if name not in OPTIONAL]
    return all(name in tables and tables[name].columns for name in needed) and all(
        column in tables[name].columns or column in SELDOM for name in _KEYED for column in SHEETS[name]
    )


def place_mistake(mistake: Mistake, rows: Mapping[Place, tuple[str, int]]) -> Fault:
    """The cell in which a mistake of the document stands."""
    where = mistake.at or mistake.where
    for length in range(len(where), 0, -1):
        if where[:length] in rows:
            sheet, row = rows[where[:length]]
            rest = [str(step) for step in where[length:]]
            column = rest[0] if rest and rest[0] in SHEETS[sheet] else ""
            if rest[:1] == ["names"]:
                column = f"name_{rest[1]}" if len(rest) > 1 else "name_en"
            if where[0] == "request_map":
                column = "pathway"
            return Fault(sheet, row, column, mistake.text)
    return Fault(str(where[0]) if where else "bank", 0, "", mistake.text)


def _check_columns(name: str, table: Table | None, columns: Mapping[str, str], faults: list[Fault]) -> None:
    if table is None:
        if name not in OPTIONAL:
            faults.append(Fault(name, 0, "", "is missing; export the bank anew and work in that copy."))
        return
    if not columns.keys() & set(table.columns):
        text = "names none of the columns of this sheet; put back the row that was exported."
        faults += [Fault(name, 1, "", text)] if table.is_read else []
        return
    faults += [
        Fault(name, 1, one, "is missing; put it back.") for one in columns if one not in (*table.columns, *SELDOM)
    ]
    faults += [
        Fault(name, 1, one, "is no column of this sheet; delete it.")
        for one in dict.fromkeys(table.columns)
        if one and one not in columns and not (name == "places" and _NAME.fullmatch(one))
    ]


def _read_fields(table: Table, rows: dict[Place, tuple[str, int]], faults: list[Fault]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, cells in table.rows:
        field = cells["field"]
        if field not in _FIELDS or field in found:
            faults.append(Fault("bank", number, "field", f"must be one of {', '.join(_FIELDS)}, each once."))
            continue
        rows[(field,)] = ("bank", number)
        found[field] = cells["value"]
    faults += [Fault("bank", 0, "field", f"{one} is missing; put it back.") for one in _FIELDS if one not in found]
    if "wg_ss" in found:
        try:
            found["wg_ss"] = json.loads(found["wg_ss"])
        except (ValueError, RecursionError):
            faults.append(Fault("bank", rows[("wg_ss",)][1], "value", "is locked; put back what was exported."))
    return found


def _read_lists(
    table: Table, rows: dict[Place, tuple[str, int]], faults: list[Fault]
) -> dict[str, list[dict[str, Any]]]:
    lists: dict[str, list[dict[str, Any]]] = {}
    for number, cells in table.rows:
        row = _read_row("choices", number, cells, faults)
        name = row.pop("list")
        rows.setdefault(("choice_lists", name), ("choices", number))
        rows["choice_lists", name, len(lists.setdefault(name, []))] = ("choices", number)
        lists[name].append(row)
    return lists


def _read_row(sheet: str, number: int, cells: Mapping[str, str], faults: list[Fault]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column, kind in SHEETS[sheet].items():
        cell = cells.get(column, "")
        if (kind == MAYBE and not cell) or column not in cells:
            continue
        try:
            row[column] = _read(cell, kind)
        except ValueError as error:
            faults.append(Fault(sheet, number, column, str(error)))
    return row


def _name_place(row: dict[str, Any], cells: Mapping[str, str]) -> dict[str, Any]:
    """The names of a place together, whatever languages the sheet has."""
    plain = {column: value for column, value in row.items() if not _NAME.fullmatch(column)}
    return {**plain, "names": {one[5:]: cell for one, cell in cells.items() if _NAME.fullmatch(one) and cell}}


def _read(cell: str, kind: str) -> Any:
    if kind == MARK:
        if cell.lower() not in (*_YES, *_NO):
            raise ValueError("must be yes or no.")
        return cell.lower() in _YES
    if kind == NUMBER:
        if not (cell.isascii() and cell.isdigit() and len(cell) < 10):
            raise ValueError("must be a whole number.")
        return int(cell)
    if kind == LETTERS:
        return list(cell)
    return cell or None if kind == LOCKED else cell


def shown_columns(sheet: str) -> Sequence[str]:
    """The columns of one sheet, in their order."""
    return tuple(SHEETS[sheet])
