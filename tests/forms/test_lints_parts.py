"""Lints of the parts of a bank beside its items: each trips on its fault, and not on the starter bank."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from forms import starter
from forms.bank import read_catalogue
from forms.lints import RULES
from forms.lints_parts import lint_parts
from forms.places import read_starter_places
from forms.release import build_form

BANK: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
PLACE = {"level": 1, "names": {"en": "A"}, "valid_from": "", "valid_to": "", "replaced_by": "", "aliases": ""}
SEVERE = next(row for row in BANK["items"] if row["id"] == "T02")
TEXT = {"part": "items", "language": "fr", "text": "x", "translator": "", "state": "translated", "back": ""}


def edited(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = copy.deepcopy(BANK)
    change(document)
    return document


def test_the_starter_bank_has_nothing_to_mend_in_its_parts() -> None:
    assert lint_parts(BANK, on="2026-11-25") == ()


@pytest.mark.parametrize(
    ("code", "name", "change"),
    [
        ("B01", "O", lambda d: d["purposes"].pop()),
        ("B01", "pm-sites ends_on", lambda d: d["purposes"][3].update(ends_on="2026-11-24")),
        ("B02", "fr", lambda d: d.update(translations=[{**TEXT, "language": "fr", "key": "C01", "source": "Old?"}])),
        ("B03", "fr", lambda d: d.update(translations=[{**TEXT, "key": "T02", "source": SEVERE["q"]}])),
        ("B04", "own x", lambda d: d["disaggregations"].append({**d["disaggregations"][0], "set": "own", "code": "x"})),
        ("B04", "std sex categories", lambda d: d["disaggregations"][0].update(categories="yn")),
        ("B05", "A", lambda d: d.update(places=[{**PLACE, "code": "A", "valid_to": "2026-01-01"}])),
        ("B05", "A", lambda d: d.update(places=[{**PLACE, "code": "A", "replaced_by": "B"}, {**PLACE, "code": "B"}])),
    ],
)
def test_a_lint_trips_on_its_fault(code: str, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    document = edited(change)
    if code == "B02":  # what ships would do, were its English not another too
        document["items"][0]["q"] = "Newer?"
    assert (code, name) in {(one.code, one.name) for one in lint_parts(document, on="2026-11-25")}


def test_a_place_that_was_divided_between_areas_is_named() -> None:
    ended = {**PLACE, "code": "A1", "level": 2, "parent": "A", "valid_to": "2026-01-01", "replaced_by": "A2 B1"}
    parts = [{**PLACE, "code": code, "level": 2, "parent": code[0]} for code in ("A2", "B1")]
    places = [{**PLACE, "code": "A"}, {**PLACE, "code": "B"}, ended, *parts]
    found = lint_parts(edited(lambda d: d.update(places=places)))
    assert [(one.code, one.name) for one in found] == [("B05", "A1")]


def test_every_lint_of_the_parts_is_tried_here() -> None:
    assert [code for code in RULES if code.startswith("B")] == [f"B0{number}" for number in range(1, 6)]


def test_a_purpose_that_names_items_lets_the_form_ask_no_others() -> None:
    bank = edited(lambda d: d["purposes"][0].update(items="F01, K02"))
    version = build_form(read_catalogue(bank), "hh_core", places=read_starter_places()).version
    asked = {question.item for question in version.questions}
    assert {"C04", "E01", "F01", "K02", "Z03"} <= asked
    assert not {"S01", "L01", "H01"} & asked
