"""Whom a change reaches: through lists, rules, pathways and the screening, and no further."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from forms import starter
from pimcollect.domain.changes import find_changes
from pimcollect.domain.touched import find_touched, is_severe

BANK: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
NAMES = {row["name"]: row["id"] for row in BANK["items"]}


def touched(edit: Callable[[dict[str, Any]], object]) -> set[str]:
    document = copy.deepcopy(BANK)
    edit(document)
    return find_touched(find_changes(BANK, document), BANK, document)


def test_nothing_changed_touches_nothing() -> None:
    assert touched(lambda document: document.update(version="9")) == set()


def test_a_list_touches_those_who_ask_it() -> None:
    askers = {row["id"] for row in BANK["items"] if row["choices"] == "yn"}
    assert touched(lambda d: d["choice_lists"]["yn"][0].update(label="Yes, surely")) == askers


def test_a_rule_touches_what_it_reads() -> None:
    rule = next(row for row in BANK["flag_rules"] if row["id"] == "FR02")
    assert "cpr_nocare" in rule["expression"]
    found = touched(lambda d: d["flag_rules"].remove(next(row for row in d["flag_rules"] if row["id"] == "FR02")))
    assert NAMES["cpr_nocare"] in found
    assert len(found) < 4


def test_a_pathway_touches_what_leads_to_it() -> None:
    assert NAMES["cpr_nocare"] in touched(
        lambda d: next(row for row in d["pathways"] if row["code"] == "RP-CP").update(service="Other")
    )


def test_the_screening_touches_its_six_questions() -> None:
    assert {NAMES[name] for name in ("ers_danger", "ers_pressure", "ers_setting")} <= touched(
        lambda d: d.update(ers_decision="'general'")
    )


def test_locked_answers_touch_the_official_question() -> None:
    assert touched(lambda d: d["choice_lists"]["wg"].pop()) == {"D05"}


@pytest.mark.parametrize(("before", "after"), [("S", "M"), ("M", "S"), ("S", "S")])
def test_severe_before_or_after_is_severe(before: str, after: str) -> None:
    old, new = copy.deepcopy(BANK), copy.deepcopy(BANK)
    for document, sens in ((old, before), (new, after)):
        next(row for row in document["items"] if row["id"] == "F01")["sens"] = sens
    assert is_severe({"F01"}, old, new)
    assert not is_severe({"C01"}, old, new)
