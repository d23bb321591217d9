"""What a change of the parts of a bank beside its items weighs, and which items it reaches."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from forms import starter
from pimcollect.domain.changes import find_changes, find_kept_keys, weigh_items
from pimcollect.domain.touched import find_reached, find_touched
from pimcollect.domain.weights import Weight

BANK: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
PLACE = {"code": "AA01", "level": 1, "names": {"en": "North"}, "valid_from": "", "valid_to": "", "replaced_by": ""}
TEXT = {"part": "items", "key": "C01.hint", "language": "fr", "source": "a", "text": "b", "translator": ""}

Edit = Callable[[dict[str, Any]], object]


def edited(change: Edit) -> dict[str, Any]:
    document = copy.deepcopy(BANK)
    change(document)
    return document


@pytest.mark.parametrize(
    ("change", "part", "weight"),
    [
        (lambda d: d["terms"].append({"code": "gate", "term": "gate", "definition": "A way."}), "term", Weight.MINOR),
        (lambda d: d["terms"][0].update(definition="Something else altogether"), "term", Weight.MAJOR),
        (lambda d: d["terms"][0].update(term="protection risks"), "term", Weight.PATCH),
        (lambda d: d["terms"].pop(0), "term", Weight.MINOR),
        (
            lambda d: d["variants"].append({"item": "C01", "tool": "K", "q": "Adult?", "hint": ""}),
            "variant",
            Weight.MINOR,
        ),
        (lambda d: d["variants"][0].update(hint="Ask each."), "variant", Weight.PATCH),
        (
            lambda d: d["variants"][0].update(q="Do all of you agre to take part in this discussion?"),
            "variant",
            Weight.PATCH,
        ),
        (lambda d: d["variants"].pop(), "variant", Weight.MAJOR),
        (lambda d: d["purposes"][0].update(title="Households"), "purpose", Weight.PATCH),
        (lambda d: d["purposes"][0].update(audiences="Everybody: all of it"), "purpose", Weight.MAJOR),
        (lambda d: d["purposes"][0].update(text="We sell your answers."), "purpose", Weight.MAJOR),
        (lambda d: d["purposes"].pop(), "purpose", Weight.MAJOR),
        (lambda d: d["disaggregations"][0].update(order=6), "disaggregation", Weight.MINOR),
        (lambda d: d["disaggregations"][0].update(source="D02"), "disaggregation", Weight.MAJOR),
        (lambda d: d.update(places=[PLACE]), "place", Weight.MINOR),
        (lambda d: d.update(translations=[TEXT]), "translation", Weight.PATCH),
    ],
)
def test_the_class_of_a_change_to_a_part_is_computed(change: Edit, part: str, weight: Weight) -> None:
    changes = find_changes(BANK, edited(change))
    assert {(one.part, one.weight) for one in changes} == {(part, weight)}


def test_every_field_of_a_part_has_a_weight_that_somebody_chose() -> None:
    old = edited(lambda d: d.update(places=[PLACE], translations=[TEXT]))
    new = copy.deepcopy(old)
    for part, names in (("variants", 2), ("terms", 1), ("purposes", 1), ("disaggregations", 2), ("places", 1)):
        for row in new[part]:
            for field in list(row)[names:]:
                row[field] = {"en": "x"} if field == "names" else 9 if isinstance(row[field], int) else "x y z"
    for field in ("source", "text", "translator"):
        new["translations"][0][field] = "x y z"
    whys = {one.why for one in find_changes(old, new)}
    assert "not known how much this changes" not in whys
    assert len(whys) > 20


def test_another_wording_of_a_tool_breaks_the_series_of_its_item() -> None:
    new = edited(lambda d: d["variants"][0].update(q="Does anybody want to leave?"))
    weights = weigh_items(find_changes(BANK, new), BANK, new)
    assert weights == {"C04": Weight.MAJOR}
    assert list(find_kept_keys(weights, BANK, new)) == ["C04"]


@pytest.mark.parametrize(
    ("change", "item"),
    [
        (lambda d: d["terms"][-1].update(definition="All who live in one street."), "T01"),
        (lambda d: d["variants"][0].update(hint="Ask."), "C04"),
        (lambda d: d["purposes"][3].update(title="Sites"), "O01"),
        (lambda d: d["disaggregations"][0].update(order=7), "C01"),
        (lambda d: d.update(translations=[TEXT]), "C01"),
        (lambda d: d.update(translations=[{**TEXT, "part": "choices", "key": "yn.yes"}]), "C01"),
        (lambda d: d["flag_rules"][0].update(urgency="R"), "D04"),
    ],
)
def test_a_change_of_a_part_reaches_the_items_that_it_is_about(change: Edit, item: str) -> None:
    new = edited(change)
    assert item in find_touched(find_changes(BANK, new), BANK, new)


def test_a_sentence_of_the_form_or_a_place_is_about_no_item() -> None:
    new = edited(lambda d: d.update(places=[PLACE], translations=[{**TEXT, "part": "words", "key": "dk"}]))
    assert find_touched(find_changes(BANK, new), BANK, new) == set()


def test_a_code_of_any_part_leads_to_its_items() -> None:
    assert find_reached(BANK, "con_adult") == find_reached(BANK, "con.adult") == find_reached(BANK, "C01") == {"C01"}
    assert "C01" in find_reached(BANK, "yn") & find_reached(BANK, "M01") & find_reached(BANK, "std")
    assert find_reached(BANK, "pm-sites") == {row["id"] for row in BANK["items"] if "O" in row["tools"]}
    assert "D04" in find_reached(BANK, "FR01") & find_reached(BANK, "RP-CP")
    assert find_reached(BANK, "nothing") == set()
