"""The screening is decided again, opens never more than is safe, and what was closed is dropped."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from pimcollect.domain.screening import Opened, close_parts, decide_screening
from tests.factories.versions import BASE, bank_version, small_version

VERSION = bank_version()
SCREENING = VERSION.screening
assert SCREENING is not None
INPUTS = {
    "ers_setting": ("nobody", "family_adults", "children", "neighbours", "officials"),
    "ers_pressure": ("none", "insists", "answers_for", "watches"),
    "ers_match": ("yes", "no", "not_needed"),
    "ers_suspicion": ("no", "maybe", "yes"),
    "ers_aside": ("already_alone", "yes", "no", "not_asked"),
    "ers_danger": ("calm", "some", "strong", "threat"),
}
COMBINATIONS = [dict(zip(INPUTS, values, strict=True)) for values in product(*INPUTS.values())]
OPENNESS = {Opened.STOP: 0, Opened.GENERAL: 1, Opened.APART: 2, Opened.ALL: 3}
WORSE = {
    "ers_setting": {"nobody": 0, "family_adults": 1, "children": 1, "neighbours": 1, "officials": 2},
    "ers_pressure": {"none": 0, "insists": 1, "answers_for": 1, "watches": 1},
    "ers_match": {"yes": 0, "not_needed": 0, "no": 1},
    "ers_suspicion": {"no": 0, "maybe": 1, "yes": 2},
    "ers_danger": {"calm": 0, "some": 1, "strong": 2, "threat": 3},
}


def decided(answers: dict[str, str]) -> Opened:
    assert SCREENING is not None
    return decide_screening(answers, SCREENING)


def formula(a: dict[str, str]) -> str:
    """The telephone's own formula, as the bank has it."""
    if a["ers_danger"] in ("threat", "strong"):
        return "stop"
    if a["ers_pressure"] != "none" or a["ers_setting"] == "officials" or a["ers_match"] == "no":
        return "general"
    if a["ers_setting"] == "nobody":
        return "all"
    return "apart" if a["ers_suspicion"] == "no" and a["ers_aside"] == "yes" else "general"


def test_all_2880_combinations_are_decided_as_on_the_telephone() -> None:
    assert [decided(answers) for answers in COMBINATIONS] == [formula(answers) for answers in COMBINATIONS]
    assert Counter(map(decided, COMBINATIONS)) == {"all": 48, "apart": 12, "general": 1380, "stop": 1440}


def test_pressure_officials_no_match_distress_or_threat_never_open_the_gate() -> None:
    for a in COMBINATIONS:
        is_unsafe = a["ers_pressure"] != "none" or a["ers_setting"] == "officials" or a["ers_match"] == "no"
        if is_unsafe or a["ers_danger"] in ("strong", "threat"):
            assert decided(a) in (Opened.GENERAL, Opened.STOP)
        if decided(a) is Opened.APART:
            assert a["ers_suspicion"] == "no"
            assert a["ers_aside"] == "yes"


@pytest.mark.parametrize("name", WORSE)
def test_a_worse_answer_never_opens_more(name: str) -> None:
    for answers in COMBINATIONS:
        for other, rank in WORSE[name].items():
            if rank > WORSE[name][answers[name]]:
                assert OPENNESS[decided({**answers, name: other})] <= OPENNESS[decided(answers)]


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("value", [None, "unheard_of", ("nobody",), 1])
def test_a_missing_or_unknown_input_gives_at_best_general(name: str, value: object) -> None:
    for answers in COMBINATIONS:
        spoiled = {key: word for key, word in answers.items() if key != name}
        if value is not None:
            spoiled[name] = value  # type: ignore[assignment]
        opened = decided(spoiled)
        if name != "ers_danger" and answers["ers_danger"] in ("strong", "threat"):
            assert opened is Opened.STOP
        elif name in ("ers_suspicion", "ers_aside") and value is not None and answers["ers_setting"] == "nobody":
            assert opened in (Opened.ALL, Opened.GENERAL)
        else:
            assert opened is Opened.GENERAL


def test_a_forged_decision_is_decided_again_and_gated_answers_are_gone() -> None:
    forged = {**BASE, "ers_pressure": "insists", "ers_decision": "all", "inc_missing": "child"}
    opened, answers, closed = close_parts(forged, VERSION)
    assert opened is Opened.GENERAL
    assert answers["ers_decision"] == "general"
    gated = {question.key for question in VERSION.questions if question.is_gated}
    assert gated.isdisjoint(answers)
    assert set(closed) == gated & forged.keys()
    assert "svc_ill" in answers


def test_after_distress_only_consent_screening_the_offer_and_the_closing_stay() -> None:
    opened, answers, closed = close_parts({**BASE, "ers_danger": "strong", "roster": [{"age": 9}]}, VERSION)
    assert opened is Opened.STOP
    assert {key.partition("_")[0] for key in answers} == {"con", "ers", "ref", "clo"}
    assert {"roster", "svc_ill", "inc_missing"} <= set(closed)


def test_after_a_threat_the_offer_is_closed_too() -> None:
    _, answers, closed = close_parts({**BASE, "ers_danger": "threat"}, VERSION)
    assert {key.partition("_")[0] for key in answers} == {"con", "ers", "clo"}
    assert "ref_want" in closed


def test_a_safe_talk_closes_nothing_and_changes_nothing_of_what_was_given() -> None:
    given = dict(BASE)
    opened, answers, closed = close_parts(given, VERSION)
    assert (opened, closed) == (Opened.ALL, ())
    assert given == BASE
    assert {key: answers[key] for key in BASE} == BASE


def test_a_form_without_screening_is_open() -> None:
    assert close_parts({"agree": "yes"}, small_version()) == (None, {"agree": "yes"}, ())
