"""A free choice of the bank's items: closed over what it needs, safe whatever is chosen, as long as time allows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from forms.bank import read_starter
from forms.places import read_starter_places
from forms.release import build_form
from forms.selection import Selection, select
from forms.uses import FEEDBACK, Use, find_needs, rank_items
from forms.wishes import Served, Wish, check_id, find_unserved, narrow_places, read_wish
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.domain.version import read_version, write_version
from pimcollect.errors import ErrorCode, PimError

BANK = read_starter()
CONTROLS = {"H": ("M01", "M02", "M18"), "K": ("M01", "M02", "M18"), "F": ("M01", "M02", "M18"), "O": ("M18",)}


def choose(tool: str = "H", **more: Any) -> Selection:
    return select(BANK, "mine", wish=Wish(tool, **more))


def ids(selection: Selection) -> set[str]:
    return {item.id for item in selection.items}


def asked(selection: Selection) -> set[str]:
    return {item.module for item in selection.items}


# refused


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish("H", modules=("M99",)), "no module M99"),
        (Wish("H", items=("gone", "F01")), "no item gone"),
        (Wish("H", without=("gone",)), "no item gone"),
        (Wish("H", items=("N01",)), "does not ask N01"),
        (Wish("X"), "no such tool"),
    ],
)
def test_what_the_bank_does_not_have_is_named(wish: Wish, words: str) -> None:
    with pytest.raises(PimError, match=words) as caught:
        select(BANK, "mine", wish=wish)
    assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("form", ["", "Mine", "1a", "a b", "a-b", "x" * 33, "mine_test", "../x"])
def test_an_id_that_not_every_server_takes_is_refused(form: str) -> None:
    with pytest.raises(PimError):
        check_id(form)


def test_a_form_that_nobody_described_is_refused_with_those_that_exist() -> None:
    with pytest.raises(PimError, match="no form 'mine'") as caught:
        select(BANK, "mine")
    assert "hh_core" in caught.value.remedy


def test_a_budget_that_consent_and_screening_alone_exceed_is_refused() -> None:
    with pytest.raises(PimError, match="cannot be shorter than") as caught:
        choose(minutes=3)
    assert caught.value.code is ErrorCode.BAD_FORM


def test_an_area_that_is_not_in_the_gazetteer_is_refused(places: tuple[NamedPlace, ...]) -> None:
    with pytest.raises(PimError, match="no such area"):
        build_form(BANK, "mine", places=places, wish=Wish("H", area="ZZ99"))


# chosen


@pytest.mark.parametrize("tool", "HKFO")
def test_consent_and_screening_come_first_and_the_closing_last_whatever_is_chosen(
    tool: str, places: tuple[NamedPlace, ...]
) -> None:
    frozen = build_form(BANK, "mine", places=places, wish=Wish(tool, modules=("M06",)))
    modules = list(dict.fromkeys(question.module for question in frozen.version.questions if question.module))
    first = ["M01", "M02", "M06"] if tool != "O" else ["M01", "M06"]  # an observation confirms that it is one
    assert [one for one in modules if one not in ("M15", "M17")] == [*first, "M18"]


def test_what_a_chosen_question_needs_comes_along() -> None:
    names = {item.name: item.id for item in BANK.items if item.module not in ("M01", "M02")}
    needy = {item.id: find_needs(item, BANK) & names.keys() - {item.name} for item in BANK.items if "H" in item.tools}
    chains = {one: needed for one, needed in needy.items() if needed and not one.startswith("R")}
    assert len(chains) > 5
    for one, needed in chains.items():
        assert {names[name] for name in needed} | {one} <= ids(choose(items=(one,)))


def test_items_are_named_by_id_name_or_key_and_taken_out_by_any_of_them() -> None:
    for word in ("F01", "fom_limited", "fom.limited.30d.hh"):
        assert "F01" in ids(choose(items=(word,)))
        assert "F01" not in ids(choose(modules=("M06",), without=(word,)))


@pytest.mark.parametrize("without", ["C04", "E06", "Z03", "Q05"])
def test_consent_screening_closing_and_the_offer_of_complaint_cannot_be_taken_out(without: str) -> None:
    assert without in ids(choose(modules=("M06",), without=(without,)))


def test_the_referral_block_is_asked_where_a_flag_can_rise_and_only_there() -> None:
    assert "M17" in asked(choose(modules=("M09",)))
    assert "M17" not in asked(choose(items=("L01",)))


def test_the_offer_of_complaint_ends_every_talk(places: tuple[NamedPlace, ...]) -> None:
    for tool in "HKF":
        frozen = build_form(BANK, "mine", places=places, wish=Wish(tool, modules=("M06",)))
        after = frozen.xform.partition("/data/clo/clo_card_note")[2]
        assert "/data/clo/clo_feedback_note" in after
    assert any(item.name == FEEDBACK for item in choose(items=("F01",)).items)


# cut to the time that there is


def test_what_is_least_used_is_cut_first_and_every_cut_says_what_it_saves() -> None:
    whole, short = choose(), choose(minutes=15)
    uses = [cut.use for cut in short.cuts]
    assert short.minutes <= 15 < whole.minutes
    assert uses == sorted(uses)
    assert uses
    assert short.minutes_saved == pytest.approx(whole.minutes - short.minutes, abs=0.11)
    assert ids(whole) - ids(short) == {cut.item.id for cut in short.cuts}
    assert all(str(cut).endswith(f"saves {cut.item.seconds} s") for cut in short.cuts)


def test_what_was_named_is_not_cut_and_no_more_is_cut_than_needed() -> None:
    (last,) = choose(minutes=20).cuts[-1:]
    kept = choose(items=(last.item.id,), modules=tuple(one.id for one in BANK.modules), minutes=20)
    assert last.item.id in ids(kept)
    for minutes in (14, 18, 22):
        short = choose(minutes=minutes)
        longest = max(cut.item.seconds for cut in short.cuts)
        assert minutes * 60 - sum(item.seconds for item in short.items) < longest * 2


def test_a_budget_that_is_large_enough_cuts_nothing(places: tuple[NamedPlace, ...]) -> None:
    assert choose(minutes=240).cuts == ()
    assert select(BANK, "hh_core", wish=Wish("", minutes=240)).items == select(BANK, "hh_core").items


def test_a_form_of_the_bank_can_be_cut_too_and_its_version_says_so(places: tuple[NamedPlace, ...]) -> None:
    frozen = build_form(BANK, "hh", places=places, wish=Wish("", minutes=20))
    assert frozen.version.minutes <= 20
    assert any("cut for time" in line and "; saves " in line for line in frozen.version.left_out)


def test_what_others_need_is_worth_as_much_as_they_are() -> None:
    ranks = rank_items(BANK, BANK.items, named=("P02",))
    by_name = {item.name: item for item in BANK.items}
    for item in BANK.items:
        for name in find_needs(item, BANK) & by_name.keys():
            assert ranks[by_name[name].id] >= ranks[item.id]
    assert ranks["P02"] is Use.NAMED


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tool=st.sampled_from("HKFO"),
    picks=st.sets(st.sampled_from([item.id for item in BANK.items]), max_size=12),
    minutes=st.one_of(st.none(), st.integers(6, 30)),
    seed=st.integers(0, 2),
)
def test_whatever_is_chosen_is_whole_in_order_and_behind_its_gates(
    tool: str, picks: set[str], minutes: int | None, seed: int
) -> None:
    tools = {item.id: item.tools for item in BANK.items}
    wish = Wish(tool, items=tuple(sorted(one for one in picks if tool in tools[one])), minutes=minutes)
    try:
        selection = select(BANK, "mine", wish=wish)
    except PimError:
        assume(False)
    names = {item.name for item in selection.items}
    known = {item.name for item in BANK.items}
    assert all(find_needs(item, BANK) & known <= names for item in selection.items)
    assert set(CONTROLS[tool]) <= asked(selection)
    order = [item.id for item in BANK.items]
    assert [order.index(item.id) for item in selection.items] == sorted(
        order.index(item.id) for item in selection.items
    )
    if minutes:
        assert sum(item.seconds for item in selection.items) <= minutes * 60
    if seed == 0:  # a build takes a while
        build_form(BANK, "mine", places=read_starter_places(), wish=wish)


# an area


def test_only_the_places_of_the_area_are_offered_for_the_interview_and_all_for_an_origin(
    places: tuple[NamedPlace, ...],
) -> None:
    frozen = build_form(BANK, "mine", places=places, wish=Wish("H", modules=("M04",), area="XX0102"))
    codes = {name: {one.code for one in rows} for name, rows in frozen.version.choices.items()}
    assert codes["adm1"] == {"XX01"}
    assert codes["adm2"] == {"XX0102"}
    assert codes["adm3"] == {"XX010201", "XX010202", "not_listed"}
    assert {"XX02", "XX03"} <= codes["adm1_open"]


def test_the_area_has_all_below_and_above_it(places: tuple[NamedPlace, ...]) -> None:
    assert {one.code for one in narrow_places(places, "XX0302")} == {"XX03", "XX0302", "XX030201", "XX030202"}


def test_a_sensitive_question_that_nobody_can_answer_to_in_the_area_is_closed_there_and_named(
    places: tuple[NamedPlace, ...],
) -> None:
    everywhere = tuple(Served(pathway, None) for pathway in BANK.pathways)
    assert find_unserved(BANK, "XX01", places, everywhere) == {}
    nobody = tuple(one for one in everywhere if one.pathway != "RP-CP")
    closed = find_unserved(BANK, "XX01", places, nobody)
    assert closed
    assert all("RP-CP" in why and "XX01" in why for why in closed.values())
    assert all(item.sensitivity in ("H", "S") for item in BANK.items if item.id in closed)
    frozen = build_form(BANK, "hh", places=places, wish=Wish("", area="XX01"), served=nobody)
    assert closed.keys().isdisjoint(question.item for question in frozen.version.questions)
    assert any(f"{one} {why}" in frozen.version.left_out for one, why in closed.items())
    there = (*nobody, Served("RP-CP", "XX0102"))
    assert find_unserved(BANK, "XX0102", places, there) == {}
    assert find_unserved(BANK, "XX02", places, there) == find_unserved(BANK, "XX02", places, nobody)


# kept with the version


def test_a_version_keeps_how_its_items_were_chosen(places: tuple[NamedPlace, ...]) -> None:
    wish = Wish("H", modules=("M06", "M09"), items=("S01",), without=("F05",), minutes=25, area="XX01", title="Mine")
    frozen = build_form(BANK, "mine", places=places, wish=wish)
    version = read_version(json.loads(write_version(frozen.version)))
    assert read_wish(version.wish) == wish
    assert (version.title, version.minutes) == ("Mine", frozen.selection.minutes if frozen.selection else 0)
    again = build_form(BANK, "mine", places=places, wish=read_wish(version.wish))
    assert again.xlsx == frozen.xlsx


def test_items_that_are_not_active_stay_out_of_a_free_choice_too() -> None:
    held: Catalogue = replace(BANK, held={"F01": "is not active: draft"})
    selection = select(held, "mine", wish=Wish("H", items=("F01",)))
    assert "F01" not in ids(selection)
    assert "F01 is not active: draft" in selection.left_out


def test_a_purpose_brings_the_items_that_serve_it() -> None:
    purpose = replace(BANK.purposes[0], id="wells", tools="H", items=frozenset({"F01", "A01", "N01"}))
    selection = select(replace(BANK, purposes=(purpose,)), "mine", wish=Wish("H", purpose="wells"))
    assert {"F01", "A01"} <= ids(selection)
    assert {"N01", "F05", "L01"}.isdisjoint(ids(selection))
