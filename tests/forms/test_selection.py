"""What a form asks: its tool's items, closed over what they refer to; what is missing is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forms.selection import KINDS, select, select_items
from pimcollect.domain.catalogue import SCREENING, Catalogue, find_references
from pimcollect.errors import ErrorCode, PimError


def test_an_unknown_form_names_those_that_exist(catalogue: Catalogue) -> None:
    with pytest.raises(PimError) as caught:
        select(catalogue, "census")
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert "hh_core" in caught.value.remedy


@pytest.mark.parametrize(
    ("form", "items", "minutes"),
    [("hh", 84, 27), ("hh_core", 59, 18.5), ("ki", 60, 21), ("fgd", 41, 13), ("obs", 11, 3)],
)
def test_each_form_has_the_items_and_the_length_that_the_bank_promises(
    catalogue: Catalogue, form: str, items: int, minutes: float
) -> None:
    selection = select(catalogue, form)
    assert len(selection.items) + len(selection.left_out) == items
    assert selection.minutes == pytest.approx(minutes, abs=2)


@pytest.mark.parametrize("form", KINDS)
def test_whatever_an_item_refers_to_is_asked_before_it(catalogue: Catalogue, form: str) -> None:
    asked: set[str] = {SCREENING} if form != "obs" else set()
    for item in select(catalogue, form).items:
        assert find_references(item.relevant, item.constraint, item.calculation) <= asked, item.id
        asked.add(item.name)


@pytest.mark.parametrize("form", ["hh", "hh_core"])
def test_locked_wording_is_left_out_and_named(catalogue: Catalogue, form: str) -> None:
    assert select(catalogue, form).left_out == ("D05 official wording is locked and not loaded",)


def test_an_item_brings_along_what_it_needs(catalogue: Catalogue) -> None:
    chosen = select_items(catalogue, form="x", title="x", tool="H", wanted=["S02", "T04"])
    names = {item.name for item in chosen.items}
    assert {"svc_unmet", "inc_types"} <= names
    assert find_references(catalogue.screening) <= names
    assert "con_interview" in names


def test_an_item_whose_condition_another_tool_asks_is_left_out_and_named(catalogue: Catalogue) -> None:
    chosen = select_items(catalogue, form="x", title="x", tool="K", wanted=["K03"])
    assert chosen.items == ()
    assert chosen.left_out == ("K03 needs cpr_school, which this tool does not ask",)


def test_what_leans_on_a_left_out_item_is_left_out_too(catalogue: Catalogue) -> None:
    items = tuple(replace(one, relevant="${dem_wg}!=''") if one.id == "D06" else one for one in catalogue.items)
    chosen = select(replace(catalogue, items=items), "hh")
    assert "D06 needs dem_wg, which was left out" in chosen.left_out
