"""A known root decided anew: who served it before hears of it, and nothing of a person stays behind."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, text

from tests.factories.households import SCENARIOS, Household

BASE = SCENARIOS["base_answers"]
AGREED = {"ref_want": "yes", "ref_consent": "yes", "ref_whom": "self", "ref_scope": ["contact"]}
NORTH = {"clo_place_adm1": "XX01", "clo_place_adm2": "XX0101", "clo_place_adm3": "XX010101"}


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def settle_twice(household: Household, first: dict[str, Any], second: dict[str, Any]) -> None:
    root, edition = str(uuid4()), str(uuid4())
    household.post({**BASE, **first}, root=root)
    household.settle()
    household.post({**BASE, **second}, root=root, edition=edition, **{"meta/deprecatedID": f"uuid:{root}"})
    household.settle()
    held = rows(household.hands.engine, "SELECT reason FROM entries WHERE state <> 'settled'")
    assert held == []


def test_consent_to_refer_taken_back_leaves_an_alert_without_a_person(household: Household, engine: Engine) -> None:
    urgent = {**NORTH, "inc_urgent": "yes"}
    settle_twice(household, {**urgent, **AGREED, "ref_name": "Canary"}, urgent)
    assert rows(engine, "SELECT course, case_id FROM referrals") == [("supervisor_alert_no_identity", None)]
    assert rows(engine, "SELECT sealed, shredded_at IS NOT NULL FROM cases") == [(None, True)]


def test_another_place_means_another_service_and_the_first_one_is_told_so(household: Household, engine: Engine) -> None:
    ill = {**AGREED, "svc_ill": "yes", "ref_name": "Canary"}
    settle_twice(household, {**ill, **NORTH}, ill)
    assert rows(engine, "SELECT service, state FROM referrals") == [("clinic-quay", "waiting")]
    notices = "SELECT kind, edition, service FROM notices ORDER BY kind, edition"
    assert rows(engine, notices) == [("new", 1, None), ("new", 2, None), ("recalled", 1, "clinic-north")]
