"""Proposals as a file that an information officer reads, changes and hands back: a workbook, or JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forms.bank_sheets import OPTIONS as BANK_OPTIONS
from forms.child import run_in_child
from forms.grids import Fault, Options, Table, load_tables, parse_workbook, write_workbook
from forms.new_items import DRAFT, LEAVE, NEW, SAME, Proposal
from forms.proposals import Proposals
from forms.safety import MAX_BYTES, check_workbook
from forms.xlsforms import MAX_ROWS, SHEETS, dump_xlsform, lay_xlsform, load_xlsform, read_sheets
from pimcollect.domain.documents import read_json
from pimcollect.errors import ErrorCode, PimError

PROPOSED, LISTS, ABOUT = "proposals", "proposed_lists", "proposed_form"
"""Sheets of the workbook; its other sheets are the form itself, so that it is still an XLSForm."""

_FOUND = ("decision", "item", "alike", "why", "others", "row", "path", "asks", "type")
_COLUMNS = (*_FOUND, *DRAFT, "remark")
_LIST_COLUMNS = ("form_list", "list", "code", "label")
_NUMBERS = ("seconds",)
_SCORE = re.compile(r"[01]\.[0-9]{1,20}")
_OPTIONS = (
    Options(PROPOSED, "decision", (SAME, NEW, LEAVE)),
    *(Options(PROPOSED, one.column, one.codes) for one in BANK_OPTIONS if one.sheet == "items" and one.column in DRAFT),
)
_SAY = "Take the file that `pimcollect forms intake` wrote, and change only what docs/imo/intake.md says."


@dataclass(frozen=True)
class Accepted:
    """Proposals as they came back, and where each of them stands in the file."""

    proposals: Proposals
    places: Mapping[int, int]
    """Row of the form -> row of the sheet `proposals`."""
    sheet: str = PROPOSED
    """What faults name as their sheet."""


def write_proposals(proposals: Proposals, path: Path) -> bytes:
    """The .xlsx or .json of proposals, always the same bytes. Raises PimError(BAD_FILE) for another ending."""
    if path.suffix.lower() == ".json":
        return (json.dumps(dump_proposals(proposals), ensure_ascii=False, indent=1) + "\n").encode()
    if path.suffix.lower() != ".xlsx":
        raise PimError(ErrorCode.BAD_FILE, "Proposals are a .xlsx or a .json file.", remedy="Name it so.")
    lists = [[form, name, code, label] for form, name, code, label in _list_choices(proposals)]
    grids: dict[str, Sequence[Sequence[str]]] = {
        PROPOSED: [list(_COLUMNS), *map(_lay, proposals.rows)],
        LISTS: [list(_LIST_COLUMNS), *lists],
        ABOUT: [["field", "value"], *([name, value] for name, value in _about(proposals).items())],
        **lay_xlsform(proposals.sheets),
    }
    return write_workbook(grids, title=f"Proposals of {proposals.form}", options=_OPTIONS)


def _about(proposals: Proposals) -> dict[str, str]:
    return {"form": proposals.form, "title": proposals.title, "language": proposals.language}


def _list_choices(proposals: Proposals) -> list[tuple[str, str, str, str]]:
    """(the form's list, the bank's list, code, label): first lists that are new, then names of those that are known."""
    found = [
        (form, new, code, label)
        for form, new in proposals.new_lists.items()
        for code, label in proposals.lists.get(form, ())
    ]
    return found + [(form, name, "", "") for form, name in proposals.known_lists.items()]


def _lay(one: Proposal) -> list[str]:
    found = (one.decision, one.item, f"{one.score:.2f}" if one.item else "", one.why, ", ".join(one.others))
    place = (str(one.row), one.path, one.label, one.type)
    return [*found, *place, *(str(one.draft.get(name, "")) for name in DRAFT), one.remark]


def list_proposals(proposals: Proposals) -> list[dict[str, Any]]:
    """One object for each question, for programs."""
    return [
        {
            "row": one.row,
            "path": one.path,
            "asks": one.label,
            "type": one.type,
            "decision": one.decision,
            "item": one.item,
            "alike": one.score,
            "why": one.why,
            "others": list(one.others),
            "draft": dict(one.draft),
            "remark": one.remark,
        }
        for one in proposals.rows
    ]


def dump_proposals(proposals: Proposals) -> dict[str, Any]:
    """All of it as plain JSON."""
    return {
        **_about(proposals),
        PROPOSED: list_proposals(proposals),
        LISTS: [
            dict(zip(("form_list", "list", "code", "label"), row, strict=True)) for row in _list_choices(proposals)
        ],
        "sheets": dump_xlsform(proposals.sheets),
    }


def read_proposals(path: Path) -> Accepted:
    """Proposals as they came back. Raises PimError: BAD_FILE or TOO_LARGE, BAD_BANK with each fault by its place."""
    if path.stat().st_size > MAX_BYTES:
        raise PimError(ErrorCode.TOO_LARGE, f"The file is larger than {MAX_BYTES // 1024 // 1024} MB.")
    data = path.read_bytes()
    return _read_json(data) if path.suffix.lower() == ".json" else read_proposed(data)


def read_proposed(data: bytes) -> Accepted:
    """The same for the bytes of a workbook."""
    check_workbook(data)
    return read_parsed(run_in_child("proposals", data))


def read_parsed(read: Mapping[str, Any]) -> Accepted:
    """The same for what `parse_proposals` gave."""
    faults = [Fault(*one) for one in read["faults"]]
    tables = load_tables(read["tables"])
    missing = [one for one in (PROPOSED, LISTS, ABOUT) if one not in tables]
    faults += [Fault(one, 0, "", "is missing.") for one in missing]
    if not missing:
        faults += _find_columns_missing(tables)
    _refuse(faults)
    about = {cells["field"]: cells["value"] for _, cells in tables[ABOUT].rows}
    numbered = [(number, _read_row(number, cells, faults)) for number, cells in tables[PROPOSED].rows]
    _refuse(faults)
    return _accept(about, numbered, [cells for _, cells in tables[LISTS].rows], read["sheets"])


def parse_proposals(data: bytes) -> dict[str, Any]:
    """The sheets of such a workbook, for the child: ours as tables, the form's as an XLSForm; plain JSON."""
    read = parse_workbook(data, only=(PROPOSED, LISTS, ABOUT))
    return {**read, "sheets": dump_xlsform(read_sheets(data))}


def _find_columns_missing(tables: Mapping[str, Table]) -> list[Fault]:
    wanted = {PROPOSED: _COLUMNS, LISTS: _LIST_COLUMNS, ABOUT: ("field", "value")}
    return [
        Fault(name, 1, column, "is missing; put it back.")
        for name, columns in wanted.items()
        for column in columns
        if column not in tables[name].columns
    ]


def _read_row(number: int, cells: Mapping[str, str], faults: list[Fault]) -> Proposal:
    for column in ("row", *_NUMBERS):
        if not cells[column].isdigit() and (column == "row" or cells["decision"] == NEW):
            faults.append(Fault(PROPOSED, number, column, "must be a whole number."))
    if cells["decision"] not in (SAME, NEW, LEAVE):
        faults.append(Fault(PROPOSED, number, "decision", f"must be one of: {SAME}, {NEW}, {LEAVE}."))
    draft: dict[str, Any] = {name: cells[name] for name in DRAFT}
    draft |= {name: int(cells[name]) for name in _NUMBERS if cells[name].isdigit()}
    return Proposal(
        row=int(cells["row"]) if cells["row"].isdigit() else 0,
        path=cells["path"],
        label=cells["asks"],
        type=cells["type"],
        decision=cells["decision"],
        item=cells["item"],
        score=_score(cells["alike"]),
        why=cells["why"],
        others=tuple(one for one in cells["others"].split(", ") if one),
        draft={**draft, "type": cells["type"]} if cells["decision"] == NEW else {},
        remark=cells["remark"],
    )


def _read_json(data: bytes) -> Accepted:
    try:
        return load_proposals(read_json(data))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PimError(ErrorCode.BAD_FILE, "This is no file of proposals.", remedy=_SAY) from error


def load_proposals(plain: Any) -> Accepted:
    """What `dump_proposals` wrote. Raises ValueError, TypeError, KeyError or AttributeError for anything else."""
    rows = [(number, _read_object(one)) for number, one in enumerate(plain[PROPOSED], start=1)]
    about = {name: _text(plain[name]) for name in ("form", "title", "language")}
    lists = [{column: _text(one[column]) for column in _LIST_COLUMNS} for one in plain[LISTS]]
    return _accept(about, rows, lists, _check_sheets(plain["sheets"]))


def _read_object(one: Any) -> Proposal:
    decision = _text(one["decision"])
    draft = one["draft"] if decision == NEW else {}
    if draft and (set(draft) != {*DRAFT, "type"} or not all(isinstance(value, str | int) for value in draft.values())):
        raise ValueError("a draft that is none")
    return Proposal(
        row=_number(one["row"]),
        path=_text(one["path"]),
        label=_text(one["asks"]),
        type=_text(one["type"]),
        decision=decision,
        item=_text(one["item"]),
        score=_score(str(one.get("alike", ""))),
        why=_text(one.get("why", "")),
        others=tuple(map(_text, one.get("others", ()))),
        draft=draft,
        remark=_text(one.get("remark", "")),
    )


def _score(text: str) -> float:
    """How near the item was; nothing is decided by what stands there."""
    return float(text) if _SCORE.fullmatch(text) else 0.0


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError("no number")
    return value


def _check_sheets(plain: Any) -> Any:
    """The sheets of a form as `dump_xlsform` writes them, or a ValueError: nothing else reads them so closely."""
    for name, table in plain["tables"].items():
        columns = [_text(column) for column in table["columns"]]
        numbers = [_number(number) for number, _ in table["rows"]]
        cells = [cells for _, cells in table["rows"]]
        is_whole = all(set(row) <= set(columns) and all(map(_text, row.values())) for row in cells)
        if (
            name not in SHEETS
            or not is_whole
            or numbers != sorted(set(numbers))
            or not all(1 < one <= MAX_ROWS for one in numbers)
        ):
            raise ValueError(name)
    _text("".join(plain["names"]))
    return plain


def _accept(
    about: Mapping[str, str], rows: Sequence[tuple[int, Proposal]], lists: Sequence[Mapping[str, str]], sheets: Any
) -> Accepted:
    new: dict[str, str] = {}
    known: dict[str, str] = {}
    choices: dict[str, list[tuple[str, str]]] = {}
    for one in lists:
        if one["code"]:
            new[one["form_list"]] = one["list"]
            choices.setdefault(one["form_list"], []).append((one["code"], one["label"]))
        else:
            known[one["form_list"]] = one["list"]
    proposals = Proposals(
        form=about.get("form", ""),
        title=about.get("title", ""),
        language=about.get("language", ""),
        rows=tuple(one for _, one in rows),
        lists={name: tuple(codes) for name, codes in choices.items()},
        new_lists=new,
        known_lists=known,
        sheets=load_xlsform(sheets),
    )
    return Accepted(proposals, {one.row: number for number, one in rows})


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        more = f" And {len(faults) - 20} more." if len(faults) > 20 else ""
        raise PimError(
            ErrorCode.BAD_BANK,
            f"The proposals were not taken. {' '.join(str(one) for one in faults[:20])}{more}",
            remedy=_SAY,
        )
