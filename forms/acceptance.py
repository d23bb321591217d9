"""Take accepted proposals into a bank document: new items as drafts, new lists, and the form bound to its items."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase
from typing import Any

from forms.bank_sheets import scrub
from forms.columns import split_column
from forms.grids import Fault
from forms.mistakes import find_mistakes
from forms.mistakes_logic import find_broken_expressions
from forms.new_items import LEAVE, NEW, Proposal
from forms.proposal_files import Accepted
from forms.proposals import Proposals
from forms.questionnaires import EXPRESSIONS, ITEM_COLUMNS, Links, keep_form, rename
from pimcollect.domain.catalogue import SELECTS, find_references
from pimcollect.errors import ErrorCode, PimError
from pimcollect.schemas.bank import ASKING

_LETTERS = "YWVUJIB"
"""First letters of the ids of items that came in with forms; the starter bank has none of them."""

_SHOWN = 20
_OWN_USE = (
    "a direct identifier needs a use of its own: write why it must be known who this is, or leave it with the form."
)
_PLAIN = {"gpc": "", "rel": "", "constraint": "", "calc": "", "flag": "", "path": "", "urg": "", "core_hh": False}


@dataclass(frozen=True)
class Grown:
    """A bank with what was accepted in it."""

    document: dict[str, Any]
    new: tuple[str, ...]
    """Ids of the new items, in the order of the form."""
    same: int
    """How many questions are items that the bank had."""
    left: int
    """How many stay with the form only."""


def accept_proposals(document: Mapping[str, Any], accepted: Accepted, *, version: str | None = None) -> Grown:
    """The bank with the new items and the form. Pure; nothing of what is there changes but an earlier edition of the
    same form. Raises PimError(BAD_BANK) with the row and column of each fault of the proposals."""
    _refuse(list(_find_faults(document, accepted)))
    grown, faults = _grow(document, accepted, version=version)
    _refuse(faults)
    return grown


def find_faults(document: Mapping[str, Any], accepted: Accepted) -> list[Fault]:
    """What `accept_proposals` would refuse, by place."""
    return list(_find_faults(document, accepted)) or _grow(document, accepted)[1]


def _grow(document: Mapping[str, Any], accepted: Accepted, *, version: str | None = None) -> tuple[Grown, list[Fault]]:
    """The bank with them, and what is wrong with it at the place in the proposals where it is mended."""
    proposals = accepted.proposals
    grown = copy.deepcopy(dict(document))
    links = _link(grown, proposals)
    _add_lists(grown, proposals)
    cells = _read_survey(proposals)
    names = _name_asked(grown, proposals, links, cells)
    for one in proposals.rows:
        if one.decision == NEW:
            grown["items"].append(_make_item(one, links[one.row], cells.get(one.row, {}), names))
    lists = {**proposals.known_lists, **proposals.new_lists}
    kept = keep_form(
        proposals.sheets,
        Links(links, {form: name for form, name in lists.items() if name in grown["choice_lists"]}),
        grown,
        id_=proposals.form,
        title=proposals.title,
        language=proposals.language,
    )
    for part, key in (("questionnaires", "id"), ("questionnaire_rows", "questionnaire")):
        grown[part] = [one for one in grown.get(part, ()) if one[key] != proposals.form] + kept[part]
    grown["version"] = version or _next_version(str(document["version"]))
    grown = scrub(grown)
    new = tuple(links[one.row] for one in proposals.rows if one.decision == NEW)
    left = sum(1 for one in proposals.rows if one.decision == LEAVE)
    faults = list(_place_mistakes(grown, accepted, links))
    return Grown(grown, new, len(proposals.rows) - len(new) - left, left), faults


def _refuse(faults: list[Fault]) -> None:
    if faults:
        more = f" And {len(faults) - _SHOWN} more." if len(faults) > _SHOWN else ""
        raise PimError(
            ErrorCode.BAD_BANK,
            f"The proposals were not taken. {' '.join(str(one) for one in faults[:_SHOWN])}{more}",
            remedy="Correct the file and propose it again; nothing was changed.",
        )


def _find_faults(document: Mapping[str, Any], accepted: Accepted) -> Iterator[Fault]:
    items = {row["id"] for row in document["items"]}
    rows = {number for number, _ in _survey(accepted.proposals)}
    seen: set[int] = set()
    shared = {one.draft.get("use") for one in accepted.proposals.rows if one.decision == NEW and not _is_direct(one)}
    for one in accepted.proposals.rows:
        place = accepted.places[one.row]
        if one.row in seen or one.row not in rows:
            yield Fault(accepted.sheet, place, "row", "must be a row of the sheet survey, each once.")
        seen.add(one.row)
        if one.decision not in (LEAVE, NEW) and one.item not in items:
            yield Fault(
                accepted.sheet, place, "item", f"there is no item {one.item or '(empty)'}; name one, or write new."
            )
        if one.decision == NEW and not one.draft.get("use"):
            text = "is empty: write what is measured and which decision it serves, or leave the question with the form."
            yield Fault(accepted.sheet, place, "use", _OWN_USE if _is_direct(one) else text)
        elif one.decision == NEW and _is_direct(one) and one.draft["use"] in shared:
            yield Fault(accepted.sheet, place, "use", f"says the same as another question's. {_OWN_USE}")
        if one.decision == NEW and not one.draft.get("name"):
            yield Fault(accepted.sheet, place, "name", "there is no draft here; write same or leave.")


def _is_direct(one: Proposal) -> bool:
    return one.draft.get("cls") == "direct"


def _survey(proposals: Proposals) -> tuple[tuple[int, Mapping[str, str]], ...]:
    table = proposals.sheets.tables.get("survey")
    return table.rows if table else ()


def _read_survey(proposals: Proposals) -> dict[int, dict[str, str]]:
    """Row -> plain column -> cell, of spoken columns the one in which items speak."""
    found: dict[int, dict[str, str]] = {}
    for number, cells in _survey(proposals):
        plain: dict[str, str] = {}
        for header, cell in cells.items():
            column, language = split_column(header)
            if language in (proposals.language, "default"):
                plain.setdefault(column, cell)
        found[number] = plain
    return found


def _link(document: Mapping[str, Any], proposals: Proposals) -> dict[int, str]:
    """Row -> id of its item; ids of new ones are the next that nobody has."""
    taken = {row["id"] for row in document["items"]}
    free = (
        f"{letter}{number:02d}{more}"
        for more, letter, number in product(("", *ascii_lowercase), _LETTERS, range(100))
        if f"{letter}{number:02d}{more}" not in taken
    )
    return {one.row: next(free) if one.decision == NEW else one.item for one in proposals.rows if one.decision != LEAVE}


def _add_lists(document: dict[str, Any], proposals: Proposals) -> None:
    """The lists that new items ask and the bank does not have."""
    wanted = {one.draft["choices"] for one in proposals.rows if one.decision == NEW}
    for form, name in proposals.new_lists.items():
        if name in wanted and name not in document["choice_lists"]:
            document["choice_lists"][name] = [
                {"code": code, "label": label} for code, label in proposals.lists.get(form, ())
            ]


def _name_asked(
    document: Mapping[str, Any], proposals: Proposals, links: Mapping[int, str], cells: Mapping[int, Mapping[str, str]]
) -> dict[str, str]:
    """What the form calls a question -> the name of its item; without names that the form gives twice."""
    items = {row["id"]: row["name"] for row in document["items"]}
    found: dict[str, str] = {}
    twice: set[str] = set()
    for one in proposals.rows:
        name = cells.get(one.row, {}).get("name", "")
        if name in found:
            twice.add(name)
        if one.row in links:
            found[name] = str(one.draft["name"]) if one.decision == NEW else items[links[one.row]]
    return {name: item for name, item in found.items() if name not in twice}


def _make_item(one: Proposal, id_: str, cells: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    """A draft. What it says of other questions comes along when all of them are items; else it stays with the form."""
    item: dict[str, Any] = {**_PLAIN, **one.draft, "id": id_}
    item["req"] = cells.get("required", "").lower() in ("yes", "true", "true()")
    for column, field in ITEM_COLUMNS.items():
        text = cells.get(column, "")
        if field in (*_PLAIN, *ASKING) and text:
            known = column not in EXPRESSIONS or find_references(text) <= names.keys()
            item[field] = rename(text, names) if known else ""
    words = cells.get("type", "").split()
    if item["type"] in (*SELECTS, "rank") and not item["choices"] and len(words) > 1:
        item["file"] = words[1]
    return {name: value for name, value in item.items() if name not in ASKING or value}


def _next_version(version: str) -> str:
    found = re.fullmatch(r"(.*\.)(\d+)", version)
    return f"{found[1]}{int(found[2]) + 1}" if found else f"{version[:18]}.1"


def _place_mistakes(document: Mapping[str, Any], accepted: Accepted, links: Mapping[int, str]) -> Iterator[Fault]:
    """What is wrong with the bank that would come of it, at the place in the proposals where it is mended."""
    rows = {id_: row for row, id_ in links.items()}
    for mistake in find_mistakes(document) or find_broken_expressions(document):
        where = mistake.at or mistake.where
        row = None
        if where[:1] == ("items",) and len(where) > 1 and isinstance(where[1], int):
            row = rows.get(document["items"][where[1]]["id"])
        column = str(where[2]) if len(where) > 2 else ""
        if row is not None:
            yield Fault(accepted.sheet, accepted.places[row], column, mistake.text)
        elif where[:1] == ("questionnaire_rows",) and len(where) > 1 and isinstance(where[1], int):
            kept = document["questionnaire_rows"][where[1]]
            long = max(json.loads(kept["cells"]), key=len, default="") if column == "cells" else ""
            yield Fault(kept["sheet"], kept["row"], long, mistake.text)
        else:
            yield Fault(" ".join(map(str, where)) or "bank", 0, "", mistake.text)
