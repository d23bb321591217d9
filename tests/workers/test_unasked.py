"""Deliveries of a hook that carry no consent question at all are told: a no that nobody said may be a wrong subset."""

from __future__ import annotations

import json

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.cli.doctor_doors import check_unasked
from tests.factories.households import SCENARIOS, Household, write_kobo

YES = SCENARIOS["base_answers"]
NO = {**YES, "con_interview": "no"}


def post_subset(household: Household) -> bytes:
    """What a REST service sends that leaves the consent questions out; returns the whole."""
    body, _ = write_kobo(YES, frozen=household.frozen)
    subset = {key: value for key, value in json.loads(body).items() if not key.rpartition("/")[2].startswith("con_")}
    assert household.door.post(json.dumps(subset).encode()).status_code == 202
    return body


def unasked(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT unasked FROM hooks")).scalar_one())


def test_deliveries_without_any_consent_question_are_counted_until_one_has_it(
    household: Household, engine: Engine
) -> None:
    post_subset(household)
    household.settle()
    for _ in range(3):
        post_subset(household)
    household.settle()
    assert unasked(engine) == 4
    household.post(NO)  # somebody was asked, and said so
    household.settle()
    assert unasked(engine) == 0
    post_subset(household)
    household.settle()
    household.post(YES)
    household.settle()
    assert unasked(engine) == 0


def test_it_is_a_no_until_a_fuller_copy_comes(household: Household, engine: Engine) -> None:
    whole = post_subset(household)
    household.settle()
    states = text("SELECT state FROM submissions")
    with engine.connect() as connection:
        assert connection.execute(states).scalar_one() == "tombstone"
    household.door.post(whole)
    household.settle()
    with engine.connect() as connection:
        assert connection.execute(states).scalar_one() == "kept"


def test_doctor_tells_it_of_several_in_a_row_and_what_to_do(household: Household, engine: Engine) -> None:
    def told() -> list[str]:
        with Session(engine) as session:
            return [f"{one.state} {one.detail} {one.remedy}" for one in check_unasked(session)]

    for _ in range(2):  # a question that nobody answered is not there either
        post_subset(household)
    household.settle()
    assert told() == []
    post_subset(household)
    household.settle()
    (one,) = told()
    assert one.startswith("attention")
    assert "last 3 deliveries" in one
    assert "Select fields" in one
