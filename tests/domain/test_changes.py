"""The difference of two banks: what it lists, how heavy each part is, and that nobody can talk it down."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forms import starter
from pimcollect.domain.changes import (
    find_changes,
    find_gone,
    find_kept_keys,
    raise_weight,
    weigh,
    weigh_items,
)
from pimcollect.domain.slips import is_slip
from pimcollect.domain.weights import FIELDS, TREATMENTS, Weight
from pimcollect.errors import PimError
from pimcollect.schemas import bank as shapes

BANK: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
Edit = Callable[[dict[str, Any]], object]


def edited(*edits: Edit) -> dict[str, Any]:
    document = copy.deepcopy(BANK)
    for edit in edits:
        edit(document)
    return document


def item(document: dict[str, Any], id_: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in document["items"] if row["id"] == id_)
    return found


def change(id_: str, **fields: Any) -> Edit:
    return lambda document: item(document, id_).update(fields)


F01 = item(BANK, "F01")["q"]


def test_no_field_of_the_bank_is_left_unweighed() -> None:
    weighed = {field for part, field in FIELDS if part == "item"} | {"id", "q", "choices", "tools", "sens"}
    assert set(shapes.ItemSchema().fields) == weighed
    for part, schema, key in (
        ("module", shapes.ModuleSchema(), "id"),
        ("rule", shapes.FlagRuleSchema(), "id"),
        ("pathway", shapes.PathwaySchema(), "code"),
    ):
        assert set(schema.fields) == {field for one, field in FIELDS if one == part} | {key}
    assert set(TREATMENTS) == set(shapes.TREATMENTS)


@pytest.mark.parametrize(
    ("edit", "weight"),
    [
        (change("F01", hint="Another hint"), Weight.PATCH),
        (change("F01", q=F01 + "!"), Weight.PATCH),
        (change("F01", q=F01.upper()), Weight.PATCH),
        (lambda d: d["choice_lists"]["yn"][0].update(label="yes"), Weight.PATCH),
        (lambda d: d["choice_lists"]["yn"].reverse(), Weight.PATCH),
        (change("F01", sens="H"), Weight.MINOR),
        (change("D01", tools="HKFO"), Weight.MINOR),
        (lambda d: d["choice_lists"]["yn"].append({"code": "maybe", "label": "Maybe"}), Weight.MINOR),
        (lambda d: d["items"].append({**d["items"][-1], "id": "Z99", "name": "clo_new"}), Weight.MINOR),
        (lambda d: d["choice_lists"].update(extra=[{"code": "a", "label": "A"}]), Weight.MINOR),
        (change("F01", q="Do you like it here?"), Weight.MAJOR),
        (change("F01", lvl="person"), Weight.MAJOR),
        (change("F01", rel="${con_adult}='yes'"), Weight.MAJOR),
        (change("F01", type="integer"), Weight.MAJOR),
        (change("F01", key="fom.limited.30d.hh2"), Weight.MAJOR),
        (change("F01", choices="yn"), Weight.MAJOR),
        (change("F01", treat="drop"), Weight.MAJOR),
        (lambda d: d["choice_lists"]["yn"].pop(), Weight.MAJOR),
        (lambda d: d["items"].pop(), Weight.MAJOR),
        (lambda d: d["flag_rules"].pop(), Weight.MAJOR),
        (lambda d: d["flag_rules"][0].update(expression="cpr_nocare>1"), Weight.MAJOR),
        (lambda d: d["pathways"][0].update(personal_data=False), Weight.MAJOR),
        (lambda d: d["request_map"].update(medical="RP-PSS"), Weight.MAJOR),
        (lambda d: d.update(ers_decision="'all'"), Weight.MAJOR),
        (lambda d: d["wg_ss"]["items"].reverse(), Weight.MAJOR),
    ],
)
def test_each_change_has_its_class(edit: Edit, weight: Weight) -> None:
    assert weigh(find_changes(BANK, edited(edit))) is weight


@pytest.mark.parametrize(
    ("before", "after", "is_only_a_slip"),
    [
        ("Where you able to leave the camp?", "Were you able to leave the camp?", True),
        ("In the last 30 days, did you recieve help", "In the last 30 days, did you receive help?", True),
        ("In the last 30 days", "In the last 90 days", False),
        ("Do you feel safe here?", "Do you feel unsafe here?", False),
        ("It is possible to leave", "It is impossible to leave", False),
        ("Can you leave?", "Can't you leave?", False),
        ("Did a man come?", "Did a men come?", False),
        ("Did you leave?", "Did you leave the house?", False),
        ("هل تستطيع المغادرة؟", "هل تستطيع المغادره؟", True),
        ("هل تستطيع المغادرة؟", "هل تستطيع العودة؟", False),
    ],
)
def test_a_slip_is_told_from_another_question(before: str, after: str, is_only_a_slip: bool) -> None:
    assert is_slip(before, after) is is_only_a_slip


@pytest.mark.parametrize(
    ("edit", "is_loosening"),
    [
        (change("H01", sens="L"), True),
        (change("H01", sens="S"), False),
        (change("R06", treat="keep"), True),
        (change("C04", treat="restrict"), False),
        (change("R06", cls="quasi"), True),
        (lambda d: item(d, "H01").update(rel=""), "${ers_decision}" in item(BANK, "H01")["rel"]),
        (change("F01", hint="x"), False),
        (change("F01", module="M01"), True),
        (change("H01", cls="none"), True),
        (lambda d: d["flag_rules"][0].update(urgency="R"), True),
        (lambda d: d["flag_rules"][1].update(urgency="U"), False),
        (lambda d: d["modules"][0].update(kind="indicator"), True),
        (lambda d: next(iter(d["choice_lists"].values()))[0].update(aggregate_to="yes"), True),
    ],
)
def test_less_protection_is_marked_whatever_its_class(edit: Edit, is_loosening: bool) -> None:
    assert any(one.is_loosening for one in find_changes(BANK, edited(edit))) is is_loosening


def test_a_class_can_be_raised_and_never_lowered() -> None:
    assert raise_weight(Weight.PATCH, None) is Weight.PATCH
    assert raise_weight(Weight.PATCH, Weight.MAJOR) is Weight.MAJOR
    with pytest.raises(PimError):
        raise_weight(Weight.MAJOR, Weight.MINOR)


def test_an_answer_removed_from_a_list_breaks_every_item_that_asks_it() -> None:
    after = edited(lambda d: d["choice_lists"]["yn"].pop())
    weights = weigh_items(find_changes(BANK, after), BANK, after)
    askers = {row["id"] for row in BANK["items"] if row["choices"] == "yn"}
    assert weights == dict.fromkeys(askers, Weight.MAJOR)
    assert set(find_kept_keys(weights, BANK, after)) == askers


def test_a_broken_series_needs_a_key_that_nothing_has() -> None:
    after = edited(change("F01", lvl="person"), change("D01", key="fom.limited.30d.hh2"))
    weights = weigh_items(find_changes(BANK, after), BANK, after)
    assert find_kept_keys(weights, BANK, after) == {"F01": "fom.limited.30d.hh3"}
    renamed = edited(change("F01", lvl="person", key="fom.limited.30d.person"))
    assert find_kept_keys(weigh_items(find_changes(BANK, renamed), BANK, renamed), BANK, renamed) == {}


def test_the_same_list_under_another_name_changes_no_series() -> None:
    after = edited(lambda d: d["choice_lists"].update(yn2=d["choice_lists"]["yn"]), change("C01", choices="yn2"))
    assert weigh_items(find_changes(BANK, after), BANK, after) == {"C01": Weight.PATCH}


def test_an_item_that_is_gone_is_named() -> None:
    assert find_gone(BANK, edited(lambda d: d["items"].pop(0))) == [BANK["items"][0]["id"]]


_TEXTS = st.text(alphabet="abc 3?", max_size=8)
_ITEMS = st.integers(0, 99)  # other edits may have taken some of the 106 away
_EDITS = st.one_of(
    st.builds(lambda n, q: lambda d: d["items"][n].update(q=q), _ITEMS, _TEXTS),
    st.builds(lambda n, s: lambda d: d["items"][n].update(sens=s), _ITEMS, st.sampled_from("LMHS")),
    st.builds(lambda n, t: lambda d: d["items"][n].update(treat=t), _ITEMS, st.sampled_from(TREATMENTS)),
    st.builds(lambda n: lambda d: d["items"].pop(n), st.integers(0, 90)),
    st.builds(lambda n: lambda d: d["flag_rules"].pop(n), st.integers(0, 5)),
    st.builds(lambda c: lambda d: d["choice_lists"]["yn"].append({"code": c, "label": c}), st.sampled_from("abc")),
    st.builds(lambda: lambda d: d["choice_lists"].pop("ynd", None)),
    st.builds(lambda n, q: lambda d: d["terms"][n].update(definition=q), st.integers(0, 10), _TEXTS),
    st.builds(lambda q: lambda d: d["variants"][0].update(q=q), _TEXTS),
    st.builds(lambda part: lambda d: d.pop(part, None), st.sampled_from(["places", "translations"])),
)
_MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_MANY
@given(st.lists(_EDITS, max_size=6))
def test_a_bank_does_not_differ_from_itself_in_whatever_order(edits: list[Edit]) -> None:
    document = edited(*edits)
    assert find_changes(document, document) == ()
    turned = copy.deepcopy(document)
    for part in ("items", "modules", "flag_rules", "pathways", "terms", "purposes", "variants", "disaggregations"):
        turned[part].reverse()
    turned["choice_lists"] = dict(reversed(turned["choice_lists"].items()))
    turned["version"] = "2099.9"
    assert find_changes(document, turned) == ()


@_MANY
@given(st.lists(_EDITS, max_size=6), st.lists(_EDITS, max_size=6))
def test_the_listing_is_the_same_from_both_sides(some: list[Edit], others: list[Edit]) -> None:
    one, other = edited(*some), edited(*others)
    there = {(c.part, c.id, c.field, c.before, c.after) for c in find_changes(one, other)}
    back = {(c.part, c.id, c.field, c.after, c.before) for c in find_changes(other, one)}
    assert there == back


def keep(id_: str, *cells: str, title: str = "T") -> Edit:
    """Keep a form of these rows."""

    def edit(document: dict[str, Any]) -> None:
        one = {"id": id_, "title": title, "language": "default", "columns": "{}"}
        document["questionnaires"] = [*document.get("questionnaires", ()), one]
        document["questionnaire_rows"] = [
            *document.get("questionnaire_rows", ()),
            *({"questionnaire": id_, "sheet": "survey", "row": 2, "link": "", "cells": text} for text in cells),
        ]

    return edit


def test_a_kept_form_weighs_little_whether_it_comes_changes_or_goes() -> None:
    one = edited(keep("a", "{}", "{}"))
    for old, new, field in (
        (BANK, one, ""),
        (one, BANK, ""),
        (one, edited(keep("a", "{}", "{ }")), "rows"),
        (one, edited(keep("a", "{}", "{}", title="U")), "title"),
    ):
        (change_,) = find_changes(old, new)
        assert (change_.part, change_.id, change_.field) == ("questionnaire", "a", field)
        assert change_.weight in (Weight.PATCH, Weight.MINOR)
        assert not change_.is_loosening
    assert find_changes(one, edited(keep("a", "{}", "{}"))) == ()
