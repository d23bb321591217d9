"""The treatments file of an adopted form: it decides over the defaults, and every mistake in it has a place."""

from __future__ import annotations

from typing import Any

import pytest

from forms.intake import adopt_form
from pimcollect.domain.version import Condition, Treatment
from pimcollect.errors import ErrorCode, PimError
from tests.forms.books import CONSENT, adopt, refuse, write_book


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], "JSON object"),
        ({"colour": 1}, "colour: Unknown field"),
        ({"treatments": {"gone": "drop"}}, "treatments > gone: the form has no such question"),
        ({"treatments": {"age": "hide"}}, "treatments > age > kind: Must be one of"),
        ({"treatments": {"age": 3}}, "treatments > age > kind"),
        ({"treatments": {"age": {"kind": "band", "cut": []}}}, "treatments > age > cut: Unknown field"),
        ({"consent": {"keep": [{"question": "gone", "accepted": ["yes"]}]}}, "consent > keep > gone"),
        ({"consent": {"keep": [{"question": "consent", "accepted": ["oui"]}]}}, "oui is not in its list"),
        ({"consent": {"share": [{"question": "consent"}]}}, "consent > share > number 1 > accepted"),
        ({"flags": [{"id": "A", "expression": "age>1", "pathway": "P", "urgency": "U"}]}, "define P under pathways"),
        ({"flags": [{"id": "A", "expression": "age>1", "pathway": "P", "urgency": "X"}]}, "flags > number 1 > urgency"),
        ({"requests": {"want": "gone", "services": "consent", "pathways": {}}}, "requests > want > gone"),
        ({"referral": {"scope": "consent", "by_scope": {"yes": ["gone"]}}}, "referral > by_scope > yes > gone"),
        ({"profile": {"sex": "gone"}}, "profile > sex > gone"),
    ],
)
def test_a_wrong_treatments_file_is_refused_with_the_place(document: Any, place: str) -> None:
    error = refuse(ErrorCode.BAD_TREATMENT, f"{CONSENT}\ninteger | age | Age", treatments=document)
    assert place in error.message
    assert "adopt-a-form" in error.remedy


def test_a_treatments_file_that_is_not_json_isrefuse() -> None:
    with pytest.raises(PimError) as caught:
        adopt_form(write_book(CONSENT), name="x", treatments=b"{")
    assert caught.value.code is ErrorCode.BAD_TREATMENT


def test_a_treatment_that_does_not_fit_its_field_is_refused_with_the_field() -> None:
    error = refuse(
        ErrorCode.BAD_TREATMENT, f"{CONSENT}\ngeopoint | spot | S", treatments={"treatments": {"spot": "keep"}}
    )
    assert "spot" in error.message


def test_a_rule_that_cannot_work_isrefuse() -> None:
    document = {
        "flags": [{"id": "A", "expression": "gone=='x'", "pathway": "P", "urgency": "U"}],
        "pathways": {"P": {"title": "Help", "urgency": "U", "needs_identity": False}},
    }
    refuse(ErrorCode.BAD_EXPRESSION, CONSENT, treatments=document)


def test_whoever_made_three_mistakes_is_told_all_of_them() -> None:
    survey = "select_one yn | sick | Are you sick?"
    error = refuse(ErrorCode.BAD_FORM, survey, treatments={"nothing": 1}, form_id="hh")
    told = str(error)
    assert "hh is the id of a form that is built from the bank" in told
    assert "nothing: Unknown field" in told
    assert "no question that can be recognised as consent" in told
    alone = str(refuse(ErrorCode.BAD_TREATMENT, survey, treatments={"nothing": 1, "consent": {"keep": []}}))
    assert "recognised as consent" not in alone  # the file may name it, once it can be read


def test_the_file_decides_over_the_defaults() -> None:
    survey = (
        f"{CONSENT}\nselect_one yn | share | May we share?\ninteger | age | Age\ntext | name | Name\n"
        "text | phone | Phone\nselect_one yn | wants | Help?\nselect_multiple kind | kinds | Which?\n"
        "select_multiple kind | scope | What may be told?\ntext | place | Place"
    )
    document = {
        "treatments": {
            "age": {"kind": "band", "options": {"cuts": [0, 18]}},
            "name": "vault",
            "phone": "vault",
            "place": {"kind": "coarsen", "options": {"level": 2}},
        },
        "consent": {
            "keep": [{"question": "consent", "accepted": ["yes"]}],
            "share": [{"question": "share", "accepted": ["yes"]}],
            "refer": [{"question": "wants", "accepted": ["yes"]}],
        },
        "flags": [{"id": "A1", "expression": "age<18 and wants=='yes'", "pathway": "RP-CP", "urgency": "H"}],
        "pathways": {"RP-CP": {"title": "Child protection", "urgency": "H", "needs_identity": True}},
        "requests": {"want": "wants", "services": "kinds", "pathways": {"a": "RP-CP"}},
        "referral": {"scope": "scope", "by_scope": {"a": ["name", "phone"]}},
        "profile": {"places": ["place"], "age": "age"},
    }
    adopted = adopt(survey, treatments=document, choices="yn | yes | Yes\nyn | no | No\nkind | a | A\nkind | b | B")
    version = adopted.frozen.version
    assert adopted.fates["age"].treatment == Treatment("band", {"cuts": [0, 18]})
    assert adopted.fates["name"].reason == "the treatments file says so"
    assert version.consent.share == (Condition("share", ("yes",)),)
    assert version.pathways["RP-CP"].needs_identity
    assert not version.pathways["RP-CP"].is_silent
    assert version.profile.places == ("place",)
    assert adopted.warnings == ()


def test_a_name_cannot_be_let_through() -> None:
    survey = f"{CONSENT}\ntext | ngo_name | Name of the organisation"
    error = refuse(ErrorCode.BAD_TREATMENT, survey, treatments={"treatments": {"ngo_name": "keep"}})
    assert "identifies a person" in error.message


def test_another_decision_makes_another_version() -> None:
    survey = f"{CONSENT}\ninteger | age | Age"
    changed = adopt(survey, treatments={"treatments": {"age": "drop"}})
    assert changed.frozen.version.version != adopt(survey).frozen.version.version
