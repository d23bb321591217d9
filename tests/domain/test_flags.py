"""Derived answers, rules and requests: what they raise, and what they never do."""

from __future__ import annotations

from typing import Any

import pytest

from pimcollect.domain.consent import has_consent
from pimcollect.domain.derived import FUNCTIONING, decide_disability, decide_household_type, plan_derivations
from pimcollect.domain.flags import FlagRules
from pimcollect.domain.packages import Packer
from pimcollect.domain.version import Condition, FlagRule, Pathway, ReferralFields, RequestMap
from pimcollect.errors import ErrorCode, PimError
from tests.factories.versions import question, small_version

PATHWAYS = {"P": Pathway("P", "", "H", True), "Q": Pathway("Q", "", "R", True)}
YES = (Condition("agree", ("yes",)), Condition("clear", ("yes", "mostly")))


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"agree": "yes"},
        {"agree": "yes", "clear": "no"},
        {"agree": "yes", "clear": None},
        {"agree": ("yes",), "clear": "yes"},
        {"agree": ["yes"], "clear": "yes"},
        {"agree": True, "clear": "yes"},
        {"agree": "Yes", "clear": "yes"},
        {"agree": "yes no", "clear": "yes"},
        {"agree": "", "clear": "yes"},
        {"agree": {"yes": "yes"}, "clear": "yes"},
    ],
)
def test_anything_but_a_plain_yes_is_no(answers: dict[str, Any]) -> None:
    assert not has_consent(answers, YES)


def test_all_conditions_must_hold_and_none_never_holds() -> None:
    assert has_consent({"agree": "yes", "clear": "mostly"}, YES)
    assert not has_consent({"agree": "yes"}, ())


def rules(*flags: FlagRule, **more: Any) -> FlagRules:
    asked = (question("x", "select_one", choices="yn"), question("want", "select_one", choices="yn"))
    help_ = question("help", "select_multiple", "vault", choices="helps")
    lists = {"helps": ("legal", "food", "other", "dk")}
    return FlagRules(small_version(*asked, help_, choices=lists, flags=flags, pathways=PATHWAYS, **more))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (FlagRule("F", "x == 'no'", "NOWHERE", "U"), ErrorCode.BAD_FORM),
        (FlagRule("F", "x == 'no'", "P", "SOON"), ErrorCode.BAD_FORM),
        (FlagRule("F", "x == 'maybe'", "P", "U"), ErrorCode.BAD_EXPRESSION),
        (FlagRule("F", "not_asked == 'no'", "P", "U"), ErrorCode.BAD_EXPRESSION),
    ],
)
def test_a_rule_that_does_not_fit_the_form_is_refused_by_its_id(rule: FlagRule, code: ErrorCode) -> None:
    with pytest.raises(PimError, match="F") as refused:
        rules(rule)
    assert refused.value.code is code


def test_a_request_counts_only_when_help_is_wanted_and_with_the_urgency_of_its_pathway() -> None:
    requests = RequestMap("want", "help", {"legal": "P", "food": "Q"})
    for want in ({}, {"want": "no"}):
        assert rules(requests=requests).raise_flags({"help": ("legal",), **want}, {}) == {}
    findings: dict[str, int] = {}
    raised = rules(FlagRule("F", "x == 'no'", "Q", "U"), requests=requests).raise_flags(
        {"help": ("legal", "food", "other", "dk"), "want": "yes", "x": "no"}, findings
    )
    assert [(one.pathway, one.urgency, one.by) for one in raised.values()] == [
        ("P", "H", ["request:legal"]),
        ("Q", "U", ["F", "request:food"]),
    ]
    assert findings == {"help request_other": 1}


def test_a_scope_cannot_release_what_is_dropped_or_not_asked() -> None:
    for name in ("secret", "nothing"):
        with pytest.raises(PimError) as refused:
            Packer(
                small_version(
                    question("secret", "text", "drop"),
                    question("scope", "select_multiple", "vault", choices="yn"),
                    referral=ReferralFields("scope", {"yes": (name,)}),
                )
            )
        assert refused.value.code is ErrorCode.BAD_FORM


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ([], None),
        ([{"age": 15}, {"age": 9}], "child_headed"),
        ([{"age": 17, "rel": "head"}, {"age": 40}], "child_headed"),
        ([{"age": 70, "rel": "head"}, {"age": 40}], "older_headed"),
        ([{"age": 66}, {"age": 8}], "older_headed"),
        ([{"age": 30}, {"age": 8}], "single_caregiver"),
        ([{"age": 30}, {"age": 31}, {"age": 8}], "other"),
        ([{"age": 30}], "other"),
        ([{"age": 15}, {}], None),
        ([{"age": 30, "rel": "head"}, {}], None),
        ([{"age": 70, "rel": "head"}, {}], "older_headed"),
    ],
)
def test_the_type_of_household_follows_from_the_roster_or_is_not_said(
    members: list[dict[str, Any]], kind: str | None
) -> None:
    assert decide_household_type(members) == kind


def test_one_domain_with_a_lot_of_difficulty_is_a_disability() -> None:
    assert decide_disability({}) is None
    assert decide_disability(dict.fromkeys(FUNCTIONING, "some_diff")) == "no"
    assert decide_disability({"wg_see": "no_diff", "wg_walk": "lot_diff"}) == "yes"


def test_a_sent_disability_is_replaced_by_what_the_six_answers_say() -> None:
    asked = [question(name, "select_one", "derive", choices="yn") for name in FUNCTIONING]
    (derive,) = plan_derivations(small_version(*asked, question("dem_disab", "calculate", "restrict")))
    sent: dict[str, Any] = {"dem_disab": "yes", "wg_see": "no_diff"}
    derive(sent)
    assert sent["dem_disab"] == "no"
    nothing: dict[str, Any] = {"dem_disab": "yes"}
    derive(nothing)
    assert nothing == {}
