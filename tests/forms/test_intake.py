"""Adopting a form: what happens to each field is decided, said and frozen; consent is found or asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forms.intake import Adopted, adopt_form
from pimcollect.domain.version import Condition, Question, Treatment
from pimcollect.errors import ErrorCode, PimError
from tests.forms.books import write_book

PM_KAC = (Path(__file__).parents[1] / "payloads" / "pm_kac.xlsx").read_bytes()
CONSENT = "select_one yn | consent | Do you agree?"
BANDS = Treatment("band", {"cuts": [0, 5, 12, 18, 60]})
DROP, KEEP, MONTH, TOP = (
    Treatment("drop"),
    Treatment("keep"),
    Treatment("date", {"to": "month"}),
    Treatment("topcode", {"from": 10}),
)


def _adopt(survey: str, *, treatments: Any = None, consent: str | None = None, **more: str) -> Adopted:
    given = None if treatments is None else json.dumps(treatments).encode()
    return adopt_form(write_book(survey, **more), name="file", consent=consent, treatments=given)


def _one(survey: str, **more: str) -> Question:
    return _adopt(f"{CONSENT}\n{survey}", **more).frozen.version.questions[1]


def _refused(code: ErrorCode, survey: str, **more: Any) -> PimError:
    with pytest.raises(PimError) as caught:
        _adopt(survey, **more)
    assert caught.value.code is code
    return caught.value


# ---------------------------------------------------------------- consent


def test_without_consent_a_form_is_not_adopted_and_the_way_out_is_named() -> None:
    error = _refused(ErrorCode.CONSENT_NOT_NAMED, "text | village | Village\nselect_one yn | wants_help | Help wanted?")
    assert "--consent QUESTION" in error.remedy
    assert "wants_help" in error.remedy


def test_two_questions_that_could_be_consent_are_not_guessed_between() -> None:
    survey = "select_one yn | agree_a | Agreed?\nselect_one yn | agree_b | Agreed?"
    error = _refused(ErrorCode.CONSENT_NOT_NAMED, survey)
    assert "agree_a, agree_b" in error.remedy
    version = _adopt(survey, consent="agree_b").frozen.version
    assert version.consent.keep == (Condition("agree_b", ("yes",)),)


@pytest.mark.parametrize("named", ["gone", "village", "inside"])
def test_a_named_question_that_cannot_be_consent_is_refused(named: str) -> None:
    survey = f"{CONSENT}\ntext | village | V\nbegin repeat | r | R\nselect_one yn | inside | I\nend repeat | | "
    assert named in _refused(ErrorCode.CONSENT_NOT_NAMED, survey, consent=named).message


def test_a_repeat_is_no_place_for_consent() -> None:
    _refused(ErrorCode.CONSENT_NOT_NAMED, f"begin repeat | r | R\n{CONSENT}\nend repeat | | ")


@pytest.mark.parametrize(
    ("survey", "choices", "accepted"),
    [
        ("select_one c | informed_consent | x", "c | 1 | Yes\nc | 0 | No", ("1",)),
        ("select_one c | q1 | Acceptez-vous de participer ?", "c | oui | Oui\nc | non | Non", ("oui",)),
        ("select_one c | q1 | هل توافق على المشاركة؟", "c | 1 | نعم\nc | 2 | لا", ("1",)),
        ("select_one c | q1 | ¿Está de acuerdo?", "c | si | Sí\nc | no | No", ("si",)),
        ("select_one c | q1 | Do you consent?", "c | 2 | No\nc | 1 | Yes, I agree", ("1",)),
    ],
)
def test_consent_is_found_in_several_languages(survey: str, choices: str, accepted: tuple[str, ...]) -> None:
    (condition,) = _adopt(survey, choices=choices).frozen.version.consent.keep
    assert condition.accepted == accepted


def test_a_numbered_answer_that_does_not_say_yes_is_no_yes() -> None:
    _refused(ErrorCode.CONSENT_NOT_NAMED, "select_one c | consent | x", choices="c | 1 | No\nc | 2 | Later")


def test_a_tick_counts_when_it_is_named() -> None:
    version = _adopt("acknowledge | tick | I agree", consent="tick").frozen.version
    assert version.consent.keep == (Condition("tick", ("OK",)),)


# ---------------------------------------------------------------- defaults


def test_the_practice_form_is_treated_as_expected() -> None:
    adopted = adopt_form(PM_KAC, name="pm_kac")
    day = Treatment("date", {"to": "day"})
    assert {path: fate.treatment for path, fate in adopted.fates.items()} == {
        "start": day,
        "end": day,
        "today": MONTH,
        "username": Treatment("pseudonym", {"domain": "enumerator", "norm": "text"}),
        "deviceid": Treatment("pseudonym", {"domain": "device", "norm": "id"}),
        "phonenumber": DROP,
        "simserial": DROP,
        "subscriberid": DROP,
        "email": DROP,
        "consent": KEEP,
        "resp/name": DROP,
        "resp/age": BANDS,
        "resp/phone_no": DROP,
        "resp/loc": DROP,
        "prot/incidents": KEEP,
        "prot/wants_referral": KEEP,
        "prot/risk/score": TOP,
        "prot/risk/tm": DROP,
        "prot/risk/dt": MONTH,
        "hh/hh_name": DROP,
        "hh/hh_age": BANDS,
        "hh/hh_inc": KEEP,
        "hh/docs/doc_type": DROP,
        "hh/hh_photo": DROP,
        "photo": DROP,
        "vuln": DROP,
        "meta/audit": DROP,
    }
    version = adopted.frozen.version
    assert (version.form, version.origin, version.repeats) == ("pm_kac", "adopted", ("hh", "hh/docs"))
    assert version.consent.keep == (Condition("consent", ("yes",)),)
    assert version.consent.share == version.consent.refer == ()
    assert version.flags == ()
    assert adopted.frozen.xlsx == PM_KAC
    assert adopt_form(PM_KAC, name="pm_kac").frozen == adopted.frozen


@pytest.mark.parametrize(
    ("row", "treatment"),
    [
        ("integer | age | Age", BANDS),
        ("integer | q7 | Âge du chef de ménage", BANDS),
        ("integer | q7 | كم عمرك؟", BANDS),
        ("integer | q7 | How many years old are you?", BANDS),
        ("integer | q7 | How many children of school age?", TOP),
        ("integer | language_count | Languages", TOP),
        ("integer | age_months | Age in months", DROP),
        ("integer | phone | Phone", DROP),
        ("integer | q7 | Téléphone", DROP),
        ("integer | year_of_birth | Year", DROP),
        ("integer | nrc | Number", DROP),
        ("decimal | income | Income", TOP),
        ("range | pain | How bad is it", TOP),
        ("text | notes | Notes", DROP),
        ("date | visit | Date of visit", MONTH),
        ("date | dob | Date of birth", DROP),
        ("datetime | seen | Seen", MONTH),
        ("time | at | At", DROP),
        ("geopoint | spot | Spot", DROP),
        ("geotrace | way | Way", DROP),
        ("image | face | Face", DROP),
        ("audio | voice | Voice", DROP),
        ("file | paper | Paper", DROP),
        ("barcode | card | Card", Treatment("pseudonym", {"domain": "id", "norm": "id"})),
        ("hidden | h | H", DROP),
        ("acknowledge | ok | OK", KEEP),
        ("rank yn | order | Order", KEEP),
        ("select_one yn | owns_phone | Do you own a phone?", KEEP),
        ("select_one yn | enumerator_name | Enumerator", DROP),
        ("select_one_from_file people.csv | who | Who", DROP),
        ("phone number | q7 | Number", DROP),
        ("start-geopoint | begin | ", DROP),
    ],
)
def test_a_field_gets_the_default_of_its_type_name_and_label(row: str, treatment: Treatment) -> None:
    assert _one(row).treatment == treatment


def test_choices_that_are_answers_of_others_are_dropped() -> None:
    survey = f"{CONSENT}\nbegin repeat | m | M\ntext | nick | N\nend repeat | | \nselect_one ${{nick}} | who | Who"
    assert _adopt(survey).fates["who"].treatment == DROP


def test_the_text_of_or_other_is_dropped_and_its_code_is_known() -> None:
    adopted = _adopt(f"{CONSENT}\nselect_one yn | a | A\nselect_one yn or_other | b | B")
    questions = {one.key: one for one in adopted.frozen.version.questions}
    codes = {name: [one.code for one in choices] for name, choices in adopted.frozen.version.choices.items()}
    assert adopted.fates["b_other"].treatment == DROP
    assert codes[questions["a"].choices] == codes[questions["b"].choices] == ["yes", "no", "other"]


@pytest.mark.parametrize(
    ("calculation", "treatment"),
    [
        ("if(${consent}='yes', 1, 0)", KEEP),
        ("'v1'", KEEP),
        ("concat(${consent}, ${age})", DROP),
        ("${later}", KEEP),
        ("now()", DROP),
        ("pulldata('people', 'name', 'id', ${consent})", DROP),
        ("${last-saved#consent}", DROP),
    ],
)
def test_a_calculation_is_kept_only_if_all_it_is_made_of_is(calculation: str, treatment: Treatment) -> None:
    later = "calculate | later |  | concat(${consent}, 'x')"
    survey = f"{CONSENT}\ninteger | age | Age\ncalculate | c |  | {calculation}\n{later}"
    assert _adopt(survey).fates["c"].treatment == treatment


def test_two_questions_of_one_name_keep_apart() -> None:
    groups = [f"begin group | {name} | G\ninteger | n | N\nend group | | " for name in ("a", "b")]
    survey = "\n".join([CONSENT, *groups])
    version = _adopt(survey).frozen.version
    assert [(one.key, one.path) for one in version.questions[1:]] == [("a__n", "a/n"), ("b__n", "b/n")]


def test_an_encrypted_form_is_known_as_one() -> None:
    adopted = _adopt(CONSENT, form_id="secret", public_key="MIIB", submission_url="https://example.org/s")
    assert adopted.frozen.version.is_encrypted
    assert any("encrypted" in warning for warning in adopted.warnings)


def test_the_settings_name_the_form_and_the_file_where_they_do_not() -> None:
    assert _adopt(CONSENT, form_id="kac", version="7").frozen.version.form == "kac"
    assert adopt_form(write_book(CONSENT), name="other", form="third").frozen.version.form == "third"
    assert _adopt(CONSENT, form_id="kac", version="7").frozen.version.version.startswith("7-")


# ---------------------------------------------------------------- the treatments file


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
    error = _refused(ErrorCode.BAD_TREATMENT, f"{CONSENT}\ninteger | age | Age", treatments=document)
    assert place in error.message
    assert "adopt-a-form" in error.remedy


def test_a_treatments_file_that_is_not_json_is_refused() -> None:
    with pytest.raises(PimError) as caught:
        adopt_form(write_book(CONSENT), name="x", treatments=b"{")
    assert caught.value.code is ErrorCode.BAD_TREATMENT


def test_a_treatment_that_does_not_fit_its_field_is_refused_with_the_field() -> None:
    error = _refused(
        ErrorCode.BAD_TREATMENT, f"{CONSENT}\ngeopoint | spot | S", treatments={"treatments": {"spot": "keep"}}
    )
    assert "spot" in error.message


def test_a_rule_that_cannot_work_is_refused() -> None:
    document = {
        "flags": [{"id": "A", "expression": "gone=='x'", "pathway": "P", "urgency": "U"}],
        "pathways": {"P": {"title": "Help", "urgency": "U", "needs_identity": False}},
    }
    _refused(ErrorCode.BAD_EXPRESSION, CONSENT, treatments=document)


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
    adopted = _adopt(survey, treatments=document, choices="yn | yes | Yes\nyn | no | No\nkind | a | A\nkind | b | B")
    version = adopted.frozen.version
    assert adopted.fates["age"].treatment == Treatment("band", {"cuts": [0, 18]})
    assert adopted.fates["name"].reason == "the treatments file says so"
    assert version.consent.share == (Condition("share", ("yes",)),)
    assert version.pathways["RP-CP"].needs_identity
    assert not version.pathways["RP-CP"].is_silent
    assert version.profile.places == ("place",)
    assert adopted.warnings == ()


def test_letting_a_name_through_is_possible_and_said_aloud() -> None:
    adopted = _adopt(
        f"{CONSENT}\ntext | ngo_name | Name of the organisation", treatments={"treatments": {"ngo_name": "keep"}}
    )
    assert any("ngo_name" in warning for warning in adopted.warnings)


def test_another_decision_makes_another_version() -> None:
    survey = f"{CONSENT}\ninteger | age | Age"
    changed = _adopt(survey, treatments={"treatments": {"age": "drop"}})
    assert changed.frozen.version.version != _adopt(survey).frozen.version.version
