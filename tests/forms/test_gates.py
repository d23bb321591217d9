"""What a generated form asks, and what it never asks: told by evaluating the XForm itself."""

from __future__ import annotations

import re

import pytest

from forms.release import Frozen
from pimcollect.domain.catalogue import Catalogue
from tests.forms.engine import XForm

AGREED = {
    "con_adult": "yes",
    "con_lang": "en",
    "con_understood": "correct",
    "con_interview": "yes",
    "con_share": "yes",
    "ers_setting": "nobody",
    "ers_pressure": "none",
    "ers_match": "yes",
    "ers_suspicion": "no",
    "ers_aside": "already_alone",
    "ers_danger": "calm",
    "dem_group": "idp",
}
WITH_PEOPLE = ("hh", "hh_core", "ki", "fgd")
CONSENT = {"con_adult", "con_lang", "con_understood", "con_interview", "con_share", "con_refusal"}
SCREENING = {"ers_setting", "ers_pressure", "ers_match", "ers_suspicion", "ers_aside", "ers_danger"}


def _asked(frozen: Frozen, **answers: str) -> set[str]:
    shown = XForm(frozen.xform).open_fields({**AGREED, **answers})
    return {name for name in shown if not name.endswith("_note")}


@pytest.mark.parametrize("form", WITH_PEOPLE)
def test_after_a_no_only_the_enumerator_says_how_it_ended_and_in_which_first_area(
    built: dict[str, Frozen], form: str
) -> None:
    assert _asked(built[form], con_interview="no") - CONSENT == {"clo_outcome", "clo_place_adm1"}


@pytest.mark.parametrize("form", WITH_PEOPLE)
def test_who_is_not_adult_is_asked_nothing_more(built: dict[str, Frozen], form: str) -> None:
    assert _asked(built[form], con_adult="no") == {"con_adult", "clo_outcome", "clo_place_adm1"}


@pytest.mark.parametrize("form", WITH_PEOPLE)
def test_who_could_not_explain_the_talk_is_not_interviewed(built: dict[str, Frozen], form: str) -> None:
    asked = _asked(built[form], con_understood="could_not")
    assert asked == {"con_adult", "con_lang", "con_understood", "clo_outcome", "clo_place_adm1"}


@pytest.mark.parametrize("form", WITH_PEOPLE)
def test_an_untouched_form_asks_for_consent_and_nothing_else(built: dict[str, Frozen], form: str) -> None:
    shown = XForm(built[form].xform).open_fields({})
    assert shown == {"con_adult", "clo_outcome", "clo_place_adm1"}


def test_an_observation_asks_nothing_until_the_enumerator_says_that_nobody_is_described(
    built: dict[str, Frozen],
) -> None:
    assert XForm(built["obs"].xform).open_fields({"obs_only": "no"}) == {"obs_only"}
    assert "fom" not in XForm(built["obs"].xform).open_fields({})
    assert {"sec_perman", "dss_road", "clo_place_adm3"} <= XForm(built["obs"].xform).open_fields({"obs_only": "yes"})


@pytest.mark.parametrize("form", WITH_PEOPLE)
@pytest.mark.parametrize(
    "screening", [{"ers_setting": "officials"}, {"ers_pressure": "watches"}, {"ers_match": "no"}, {"ers_danger": ""}]
)
def test_gated_items_are_not_asked_when_it_is_not_safe(
    built: dict[str, Frozen], catalogue: Catalogue, form: str, screening: dict[str, str]
) -> None:
    if "ers_danger" in screening:
        screening = {**screening, "ers_setting": "neighbours", "ers_aside": "no"}
    gated = {item.name for item in catalogue.items if item.is_gated}
    assert not gated & _asked(built[form], **screening)


@pytest.mark.parametrize("form", WITH_PEOPLE)
def test_every_gated_item_opens_when_nobody_listens(built: dict[str, Frozen], catalogue: Catalogue, form: str) -> None:
    asked = _asked(built[form], inc_types="attack", tip_offers="often", doc_have="none")
    wanted = {row.item for row in built[form].version.questions if row.is_gated}
    gated = {item.name for item in catalogue.items if item.id in wanted}
    assert gated
    assert gated <= asked


def test_apart_opens_the_gate_and_tells_the_enumerator_to_move(built: dict[str, Frozen]) -> None:
    shown = XForm(built["hh"].xform).open_fields({**AGREED, "ers_setting": "neighbours", "ers_aside": "yes"})
    assert {"mov_separated", "ers_apart_note"} <= shown


@pytest.mark.parametrize("form", WITH_PEOPLE)
def test_strong_distress_closes_the_modules_and_still_offers_a_referral(built: dict[str, Frozen], form: str) -> None:
    asked = _asked(built[form], ers_danger="strong", ref_want="no")
    offer = {"ref_want"} if form != "fgd" else set()
    closing = {"clo_harm", "clo_outcome", "clo_place_adm1", "clo_place_adm2", "clo_place_adm3"}
    assert asked - CONSENT - SCREENING == offer | closing


def test_a_threat_closes_the_offer_too(built: dict[str, Frozen]) -> None:
    assert "ref_want" not in _asked(built["hh_core"], ers_danger="threat")


def test_a_caregiver_is_asked_about_for_children_only(built: dict[str, Frozen]) -> None:
    assert "mem_caregiver" in _asked(built["hh"], mem_age="17")
    assert "mem_caregiver" not in _asked(built["hh"], mem_age="18")
    assert "mem_caregiver" not in _asked(built["hh"], mem_age="")


def test_contact_details_are_asked_only_when_they_may_be_told(built: dict[str, Frozen]) -> None:
    agreed = {"ref_want": "yes", "ref_consent": "yes"}
    assert "ref_name" not in _asked(built["hh"], **agreed, ref_scope="need place")
    assert "ref_name" not in _asked(built["hh"], ref_want="yes", ref_consent="no", ref_scope="contact")
    assert {"ref_name", "ref_contact"} <= _asked(built["hh"], **agreed, ref_scope="need contact")


@pytest.mark.parametrize("form", [*WITH_PEOPLE, "obs"])
def test_no_form_collects_position_device_sound_or_a_name_for_lists(built: dict[str, Frozen], form: str) -> None:
    xform = built[form].xform
    assert not re.search(r'type="(geo|binary)|deviceid|username|phonenumber|instanceName|jr:preload="property"', xform)
    assert set(re.findall(r'jr:preload="(\w+)"', xform)) == {"date", "uid"}


@pytest.mark.parametrize("form", [*WITH_PEOPLE, "obs"])
def test_codes_that_stand_alone_are_held_alone(built: dict[str, Frozen], catalogue: Catalogue, form: str) -> None:
    binds = {path.rsplit("/", 1)[1]: bind for path, bind in XForm(built[form].xform).binds.items()}
    for question in built[form].version.questions:
        codes = {choice.code for choice in built[form].version.choices.get(question.choices, ())}
        alone = codes & {"none", "dk", "pns", "nobody", "all"}
        name = question.path.rpartition("/")[2]
        if question.type == "select_multiple" and alone:
            assert all(f"selected(., '{code}')" in binds[name]["constraint"] for code in alone)
            assert any(key.endswith("constraintMsg") for key in binds[name])
        if question.type == "integer" and name in binds:
            assert ". >= 0" in binds[name]["constraint"]
