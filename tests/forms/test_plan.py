"""What happens to every answer of a form from the bank."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forms.release import Frozen, build_form
from pimcollect.domain.catalogue import Catalogue, ListedChoice, NamedPlace
from pimcollect.domain.version import Condition, Question, Treatment


def _questions(frozen: Frozen) -> dict[str, Question]:
    return {question.path.rpartition("/")[2]: question for question in frozen.version.questions}


@pytest.mark.parametrize(
    ("name", "treatment"),
    [
        ("today", Treatment("date", {"to": "month", "shared": "month"})),
        ("con_adult", Treatment("derive")),
        ("con_lang", Treatment("recode", {"map": {}})),
        ("con_interview", Treatment("keep")),
        ("ers_decision", Treatment("derive")),
        (
            "dem_age",
            Treatment("recode", {"map": {"a18_24": "a18_59", "a25_39": "a18_59", "a40_59": "a18_59", "a60p": "a60p"}}),
        ),
        ("mem_age", Treatment("band", {"cuts": [0, 5, 12, 18, 60]})),
        ("mem_sex", Treatment("keep")),
        ("mov_arrival", Treatment("date", {"to": "month", "shared": "quarter"})),
        ("mov_origin_adm2", Treatment("coarsen", {"level": 2})),
        ("doc_birth", Treatment("topcode", {"from": 4})),
        ("doc_nat", Treatment("restrict")),
        ("inc_urgent", Treatment("derive")),
        ("ref_name", Treatment("vault")),
        ("ref_consent", Treatment("vault")),
        ("clo_place_adm3", Treatment("coarsen", {"level": 2})),
        ("clo_code", Treatment("restrict", {"pattern": "[0-9a-f]{8}"})),
    ],
)
def test_household_answers_are_treated_as_the_bank_says(
    built: dict[str, Frozen], name: str, treatment: Treatment
) -> None:
    assert _questions(built["hh"])[name].treatment == treatment


@pytest.mark.parametrize(
    ("name", "treatment"),
    [
        ("dss_hh_idp", Treatment("round", {"to": 5})),
        ("dss_moves_out", Treatment("round", {"to": 5})),
        ("dss_plan_n", Treatment("round", {"to": 5})),
        ("dss_plan_adm1", Treatment("coarsen", {"level": 2})),
        ("dss_who_org", Treatment("keep", {"pattern": "[A-Za-z0-9_-]{2,12}"})),
        ("dss_who_sector", Treatment("keep")),
    ],
)
def test_counts_of_a_site_are_rounded_and_an_organisation_is_a_code(
    built: dict[str, Frozen], name: str, treatment: Treatment
) -> None:
    assert _questions(built["ki"])[name].treatment == treatment


def test_members_of_the_roster_have_the_names_that_rules_use(built: dict[str, Frozen]) -> None:
    members = {one.key: one.path for one in built["hh_core"].version.questions if one.repeat == "dem/roster"}
    assert members == {
        "sex": "dem/roster/mem_sex",
        "age": "dem/roster/mem_age",
        "rel": "dem/roster/mem_rel",
        "caregiver": "dem/roster/mem_caregiver",
    }


@pytest.mark.parametrize("form", ["hh", "hh_core", "ki", "fgd"])
def test_consent_is_three_answers_and_could_not_is_none_of_them(built: dict[str, Frozen], form: str) -> None:
    assert built[form].version.consent.keep == (
        Condition("con_adult", ("yes",)),
        Condition("con_understood", ("correct", "repeated")),
        Condition("con_interview", ("yes",)),
    )
    assert built[form].version.consent.share == (Condition("con_share", ("yes",)),)


def test_an_absent_adult_never_consents_to_a_referral(built: dict[str, Frozen]) -> None:
    assert built["hh"].version.consent.refer == (
        Condition("ref_want", ("yes",)),
        Condition("ref_consent", ("yes",)),
        Condition("ref_whom", ("self", "child", "adult")),
    )
    assert built["fgd"].version.consent.refer == ()


def test_an_observation_is_kept_only_when_nobody_is_described(built: dict[str, Frozen]) -> None:
    version = built["obs"].version
    assert version.consent.keep == (Condition("obs_only", ("yes",)),)
    assert version.screening is None


def test_rules_that_a_form_cannot_decide_are_left_out_and_named(built: dict[str, Frozen]) -> None:
    version = built["hh_core"].version
    assert {rule.id for rule in version.flags} & {"FR01", "FR02", "FR07", "FR21"} == {"FR01", "FR02", "FR07", "FR21"}
    assert "FR14 the rule needs hlp_proof, which this form does not ask" in version.left_out
    assert len(version.flags) + sum(line.startswith("FR") for line in version.left_out) == 24
    assert len(built["hh"].version.flags) == 24


def test_every_stored_question_after_the_gate_knows_that_it_is_gated(
    built: dict[str, Frozen], catalogue: Catalogue
) -> None:
    gated = {item.id for item in catalogue.items if item.is_gated}
    for frozen in built.values():
        assert all(one.is_gated == (one.item in gated) for one in frozen.version.questions)


def test_the_type_of_household_is_a_field_of_the_version_and_no_row_of_the_form(built: dict[str, Frozen]) -> None:
    assert _questions(built["hh"])["dem_hhtype"].type == "calculate"
    assert "dem_hhtype" not in built["hh"].xform


def test_a_scope_releases_what_it_names_and_nothing_else(built: dict[str, Frozen]) -> None:
    referral = built["hh"].version.referral
    assert referral is not None
    assert referral.by_scope == {
        "contact": ("ref_name", "ref_contact"),
        "place": ("clo_place_adm2",),
        "need": ("ref_service",),
        "family": ("roster",),
    }
    ki = built["ki"].version.referral
    assert ki is not None
    assert ki.by_scope["family"] == ()


def test_loaded_official_wording_is_asked_word_for_word(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    answers = tuple(
        ListedChoice(one.code, {"en": f"Answer {one.code}"}) for one in catalogue.lists[catalogue.washington_list]
    )
    loaded = replace(
        catalogue,
        washington=tuple(replace(one, label={"en": f"Official {one.name}?"}) for one in catalogue.washington),
        lists={**catalogue.lists, catalogue.washington_list: answers},
    )
    frozen = build_form(loaded, "hh_core", places=places)
    questions = _questions(frozen)
    assert not any(line.startswith("D05") for line in frozen.version.left_out)
    assert questions["wg_see"].treatment == Treatment("derive")
    assert questions["dem_disab"].treatment == Treatment("restrict")
    assert "Official wg_see?" in frozen.xform


@pytest.mark.parametrize(
    ("type_", "treatment"), [("select_one", Treatment("coarsen", {"level": 2})), ("select_multiple", Treatment("drop"))]
)
def test_an_area_in_a_list_of_its_own_is_coarsened_or_dropped_never_kept(
    catalogue: Catalogue, places: tuple[NamedPlace, ...], type_: str, treatment: Treatment
) -> None:
    items = tuple(
        replace(item, treatment="coarsen", type=type_) if item.name == "con_lang" else item for item in catalogue.items
    )
    frozen = build_form(replace(catalogue, items=items), "hh", places=places)
    assert _questions(frozen)["con_lang"].treatment == treatment
