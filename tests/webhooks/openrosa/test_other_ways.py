"""One edition by phone and by hook: what agrees is a copy, what says otherwise is held, and a phone hears the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.inbox import discard_entry, replay_entry
from pimcollect.domain.roles import COMMAND_LINE
from tests.factories.households import SCENARIOS, Household, write_kobo
from tests.factories.phones import Phones, write_odk
from workers.retention import retain
from workers.withdraw import withdraw

YES = {**SCENARIOS["base_answers"], "doc_reason": ["lost", "never"]}
NO = {**YES, "con_interview": "no"}
SHORT_NO = {name: NO[name] for name in ("con_adult", "con_understood", "con_interview")}
OTHER = {**YES, "hlp_proof": "no"}
Look = Callable[[str], list[tuple[Any, ...]]]
HELD = "SELECT reason, contradicts FROM entries WHERE state = 'held'"


def decide(engine: Engine, look: Look, act: Callable[..., None]) -> None:
    ((held,),) = look("SELECT id FROM entries WHERE state = 'held'")
    with Session(engine) as session, session.begin():
        act(session, COMMAND_LINE, held)


@pytest.mark.parametrize("is_settled", [False, True])
@pytest.mark.parametrize("is_phone_first", [False, True])
@pytest.mark.parametrize("subset", [YES, {name: value for name, value in YES.items() if name != "hlp_proof"}])
def test_a_copy_that_agrees_is_a_copy_however_often_it_comes(
    phones: Phones, household: Household, look: Look, subset: dict[str, Any], *, is_phone_first: bool, is_settled: bool
) -> None:
    xml, root = write_odk(YES if is_phone_first else subset, frozen=household.frozen)
    body, _ = write_kobo(subset if is_phone_first else YES, frozen=household.frozen, root=root)
    ways = [lambda: phones.post(xml).status_code, lambda: household.door.post(body).status_code]
    first, second = ways if is_phone_first else ways[::-1]
    assert first() in (201, 202)
    if is_settled:
        household.settle()
    assert {second() for _ in range(3)} == {202}
    household.settle()
    household.settle()
    assert first() == second() == 202
    assert look("SELECT state FROM submissions") == [("kept",)]
    assert look("SELECT count(*) FROM entries WHERE state <> 'settled' OR body IS NOT NULL") == [(0,)]
    assert look("SELECT count(*) FROM entries") == [(2,)]


@pytest.mark.parametrize("is_settled", [False, True])
@pytest.mark.parametrize("is_phone_first", [False, True])
@pytest.mark.parametrize(("said", "then"), [(YES, NO), (YES, SHORT_NO), (NO, YES), (SHORT_NO, YES), (YES, OTHER)])
def test_what_says_otherwise_by_another_way_is_held_and_a_person_s_word_counts(
    phones: Phones,
    household: Household,
    engine: Engine,
    look: Look,
    said: dict[str, Any],
    then: dict[str, Any],
    *,
    is_phone_first: bool,
    is_settled: bool,
) -> None:
    xml, root = write_odk(said if is_phone_first else then, frozen=household.frozen)
    body, _ = write_kobo(then if is_phone_first else said, frozen=household.frozen, root=root)
    ways = [lambda: phones.post(xml), lambda: household.door.post(body)]
    first, second = ways if is_phone_first else ways[::-1]
    first()
    if is_settled:
        household.settle()
    second()
    household.settle()
    household.settle()
    assert look(HELD) == [("conflict", root)]
    assert look("SELECT state FROM submissions") == [("kept" if said is YES else "tombstone",)]
    decide(engine, look, replay_entry)
    household.settle()
    assert look(HELD) == []
    assert look("SELECT state FROM submissions") == [("tombstone" if then in (NO, SHORT_NO) else "kept",)]
    assert {first().status_code, second().status_code} <= {201, 202}


@pytest.mark.parametrize("act", [discard_entry, replay_entry])
def test_once_a_person_has_decided_a_phone_need_not_keep_what_it_sent(
    phones: Phones, household: Household, engine: Engine, look: Look, act: Callable[..., None]
) -> None:
    xml, root = write_odk(YES, frozen=household.frozen)
    other, _ = write_odk(OTHER, frozen=household.frozen, root=root)
    assert [phones.post(one).status_code for one in (xml, other, other)] == [201, 409, 409]
    household.settle()
    decide(engine, look, act)
    household.settle()
    assert [phones.post(one).status_code for one in (xml, other)] == [202, 202]
    assert look("SELECT count(*) FROM entries WHERE body IS NOT NULL") == [(0,)]


def test_what_still_comes_for_an_interview_that_was_withdrawn_does_not_stay(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, root = write_odk(YES, frozen=household.frozen)
    other, _ = write_odk(OTHER, frozen=household.frozen, root=root)
    phones.post(xml)
    household.settle()
    withdraw(household.hands, look("SELECT id FROM submissions")[0][0])
    assert phones.post(other).status_code == 409
    retain(household.hands.sessions, entry_days=90, quarantine_days=14)
    assert look("SELECT count(*) FROM entries WHERE body IS NOT NULL") == [(0,)]
    assert phones.post(other).status_code == 202
    assert look("SELECT state FROM submissions") == [("tombstone",)]


@pytest.mark.parametrize(("then", "held"), [(YES, []), (SHORT_NO, ["conflict"])])
def test_what_comes_beside_waits_for_what_came_first_when_a_door_has_that_in_hand(
    phones: Phones, household: Household, engine: Engine, look: Look, then: dict[str, Any], held: list[str]
) -> None:
    xml, root = write_odk(YES, frozen=household.frozen)
    body, _ = write_kobo(then, frozen=household.frozen, root=root)
    phones.post(xml)
    household.door.post(body)
    with engine.connect() as other:
        other.execute(text("SELECT FROM entries WHERE reason IS NULL FOR UPDATE"))
        household.settle()
        other.rollback()
    assert look("SELECT reason FROM entries WHERE state = 'held'") == [("edition_early",)]
    for _ in range(3):
        household.settle()
    assert look("SELECT reason FROM entries WHERE state = 'held'") == [(one,) for one in held]
    assert look("SELECT state FROM submissions") == [("kept",)]
