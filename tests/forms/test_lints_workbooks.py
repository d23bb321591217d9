"""Every lint of the bank has a workbook of a bank that trips it, or is not even taken; the starter bank's does not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from forms import starter
from forms.bank_files import read_tables, write_bank
from forms.grids import load_tables, parse_workbook
from forms.lints import RULES, Lint
from forms.lints_all import lint_form
from pimcollect.domain.catalogue import Catalogue, Item, NamedPlace
from pimcollect.errors import ErrorCode, PimError
from tests.forms.test_lints_bank import TRIPPED, Change

BANK: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
_FIELDS = {
    **{one: one for one in ("id", "name", "module", "tools", "type", "choices", "constraint", "key", "use", "seconds")},
    **{"sensitivity": "sens", "disclosure": "cls", "treatment": "treat", "relevant": "rel", "unit": "lvl"},
    **{"is_required": "req", "component": "comp", "matrix": "matrix", "disaggregation": "disagg"},
}
_REFUSED = {"L01", "L02", "L03", "L07", "L19"}
"""A bank that has these is not taken: the import refuses it by sheet, row and column."""


def _differences(before: Item, after: Item) -> dict[str, Any]:
    found = {
        field: getattr(after, name) for name, field in _FIELDS.items() if getattr(after, name) != getattr(before, name)
    }
    return {**found, "q": after.label["en"]} if after.label != before.label else found


def write_workbook_of(change: Change, catalogue: Catalogue) -> bytes:
    """The bank's workbook with what a change of the catalogue changes."""
    changed, document = change(catalogue), copy.deepcopy(BANK)
    for row, before, after in zip(document["items"], catalogue.items, changed.items, strict=True):
        row |= _differences(before, after)
    for name, choices in changed.lists.items():
        if choices != catalogue.lists[name]:
            document["choice_lists"][name] = [{"code": one.code, "label": one.label["en"]} for one in choices]
    document["flag_rules"] += [
        {"id": rule.id, "expression": rule.expression, "pathway": rule.pathway, "urgency": rule.urgency}
        for rule in changed.flags[len(catalogue.flags) :]
    ]
    assert document != BANK
    return write_bank(document, Path("bank.xlsx"))[Path("bank.xlsx")]


def lint_workbook_of(book: bytes, places: tuple[NamedPlace, ...]) -> tuple[Lint, ...]:
    """Lints of the long form of a bank's workbook, which is read in this process."""
    _, bank = read_tables(load_tables(parse_workbook(book)["tables"]), [])
    return lint_form(bank, "hh", places=places, served=())


@pytest.fixture(scope="module")
def sound(places: tuple[NamedPlace, ...]) -> set[tuple[str, str]]:
    """What the starter bank's own workbook has."""
    book = write_bank(BANK, Path("bank.xlsx"))[Path("bank.xlsx")]
    return {(one.code, one.where) for one in lint_workbook_of(book, places)}


@pytest.mark.parametrize(("code", "change", "where"), TRIPPED, ids=[f"{one[0]}-{one[2]}" for one in TRIPPED])
def test_a_workbook_of_a_bank_trips_the_lint_or_is_not_taken(
    catalogue: Catalogue,
    places: tuple[NamedPlace, ...],
    sound: set[tuple[str, str]],
    code: str,
    change: Change,
    where: str,
) -> None:
    book = write_workbook_of(change, catalogue)
    try:
        found = {(one.code, one.where) for one in lint_workbook_of(book, places)} - sound
    except PimError as error:
        refused = error
    else:
        assert [place for one, place in found if one == code and where in place], found
        return
    assert code in _REFUSED
    assert refused.code is ErrorCode.BAD_BANK
    assert "items, row" in refused.message


def test_every_lint_of_the_bank_is_among_them() -> None:
    elsewhere = {"L09", "L10", "L15", "L16", "L17", "L18"}  # of places, languages, layouts, rounds and XLSForms
    assert {code for code in RULES if code.startswith("L")} == {
        one[0] for one in TRIPPED if one[0][0] == "L"
    } | elsewhere
