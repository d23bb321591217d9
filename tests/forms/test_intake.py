"""Adopting a form: what happens to each field is decided, said and frozen; consent is found or asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from forms.consents import list_missing
from forms.intake import adopt_form
from pimcollect.domain.version import Condition, Question, Treatment
from pimcollect.errors import ErrorCode, PimError
from tests.forms.books import CONSENT, adopt, refuse, write_book
from tests.payloads import HERE

PM_KAC = (Path(__file__).parents[1] / "payloads" / "pm_kac.xlsx").read_bytes()
BANDS = Treatment("band", {"cuts": [0, 5, 12, 18, 60]})
DROP, KEEP, MONTH, TOP = (
    Treatment("drop"),
    Treatment("keep"),
    Treatment("date", {"to": "month"}),
    Treatment("topcode", {"from": 10}),
)


def _one(survey: str, **more: str) -> Question:
    return adopt(f"{CONSENT}\n{survey}", **more).frozen.version.questions[1]


# ---------------------------------------------------------------- consent


def test_without_consent_a_form_is_not_adopted_and_the_way_out_is_named() -> None:
    error = refuse(ErrorCode.CONSENT_NOT_NAMED, "text | village | Village\nselect_one yn | wants_help | Help wanted?")
    assert "--consent QUESTION" in error.remedy
    assert "wants_help" in error.remedy


def test_two_questions_that_could_be_consent_are_not_guessed_between() -> None:
    survey = "select_one yn | agree_a | Agreed?\nselect_one yn | agree_b | Agreed?"
    error = refuse(ErrorCode.CONSENT_NOT_NAMED, survey)
    assert "agree_a, agree_b" in error.remedy
    version = adopt(survey, consent="agree_b").frozen.version
    assert version.consent.keep == (Condition("agree_b", ("yes",)),)


@pytest.mark.parametrize("named", ["gone", "village", "inside"])
def test_a_named_question_that_cannot_be_consent_isrefuse(named: str) -> None:
    survey = f"{CONSENT}\ntext | village | V\nbegin repeat | r | R\nselect_one yn | inside | I\nend repeat | | "
    assert named in refuse(ErrorCode.CONSENT_NOT_NAMED, survey, consent=named).message


def test_a_repeat_is_no_place_for_consent() -> None:
    refuse(ErrorCode.CONSENT_NOT_NAMED, f"begin repeat | r | R\n{CONSENT}\nend repeat | | ")


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
    (condition,) = adopt(survey, choices=choices).frozen.version.consent.keep
    assert condition.accepted == accepted


def test_a_numbered_answer_that_does_not_say_yes_is_no_yes() -> None:
    refuse(ErrorCode.CONSENT_NOT_NAMED, "select_one c | consent | x", choices="c | 1 | No\nc | 2 | Later")


def test_a_tick_counts_when_it_is_named() -> None:
    version = adopt("acknowledge | tick | I agree", consent="tick").frozen.version
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
    assert adopt(survey).fates["who"].treatment == DROP


def test_the_text_of_or_other_is_dropped_and_its_code_is_known() -> None:
    adopted = adopt(f"{CONSENT}\nselect_one yn | a | A\nselect_one yn or_other | b | B")
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
    assert adopt(survey).fates["c"].treatment == treatment


def test_two_questions_of_one_name_keep_apart() -> None:
    groups = [f"begin group | {name} | G\ninteger | n | N\nend group | | " for name in ("a", "b")]
    survey = "\n".join([CONSENT, *groups])
    version = adopt(survey).frozen.version
    assert [(one.key, one.path) for one in version.questions[1:]] == [("a__n", "a/n"), ("b__n", "b/n")]


def test_an_encrypted_form_is_known_as_one() -> None:
    adopted = adopt(CONSENT, form_id="secret", public_key="MIIB", submission_url="https://example.org/s")
    assert adopted.frozen.version.is_encrypted
    assert any("encrypted" in warning for warning in adopted.warnings)


def test_the_settings_name_the_form_and_the_file_where_they_do_not() -> None:
    assert adopt(CONSENT, form_id="kac", version="7").frozen.version.form == "kac"
    assert adopt_form(write_book(CONSENT), name="other", form="third").frozen.version.form == "third"
    assert adopt(CONSENT, form_id="kac", version="7").frozen.version.version.startswith("7-")


@pytest.mark.parametrize("form_id", ["../../x", "a/b", ".hidden", "hh_core", "a" * 65, "f x"])
def test_an_id_that_could_reach_elsewhere_or_take_over_a_bank_form_is_refused(form_id: str) -> None:
    error = refuse(ErrorCode.BAD_FORM, CONSENT, form_id=form_id)
    assert "--form" in error.remedy


def test_a_calculation_that_goes_in_circles_is_dropped() -> None:
    survey = f"{CONSENT}\ncalculate | a |  | ${{b}} + 1\ncalculate | b |  | ${{a}} + 1"
    fates = adopt(survey).fates
    assert (fates["a"].treatment, fates["b"].treatment) == (DROP, DROP)


def test_a_name_that_a_treatments_file_wants_to_keep_is_refused_by_its_place() -> None:
    treatments = b'{"treatments": {"resp/name": "keep"}}'
    with pytest.raises(PimError) as refused:
        adopt_form((HERE / "pm_kac.xlsx").read_bytes(), name="pm_kac.xlsx", consent="consent", treatments=treatments)
    assert refused.value.code is ErrorCode.BAD_TREATMENT
    assert "name" in refused.value.message


def test_an_adopted_form_says_what_it_lacks_for_anybody_to_be_referred_and_how_to_name_it() -> None:
    plain = adopt_form(PM_KAC, name="pm_kac").frozen.version
    refer, follow_up = list_missing(plain)
    assert "nobody is ever referred" in refer
    assert '"refer": [{"question": "wants_referral"' in refer
    assert '"flags"' in follow_up
    agreed = replace(plain, consent=replace(plain.consent, refer=plain.consent.keep))
    assert list_missing(agreed) == (follow_up,)
