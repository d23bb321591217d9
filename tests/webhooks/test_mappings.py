"""What a mapping may lead to, and what of a sender's may be an id."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import change_mapping, open_hook
from pimcollect.actions.inbox import MENDS, discard_entry, replay_entry
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from tests.factories.door import open_door
from tests.factories.households import Household
from tests.webhooks.test_senders import map_household, rows, write_mapped


def lead(mapping: dict[str, Any], **fields: str) -> dict[str, Any]:
    return {**mapping, "fields": {**mapping["fields"], **fields}}


@pytest.mark.parametrize(
    ("wrong", "near"), [("no/such/clo_code", "same name"), ("{path}x", "alike"), ("zzz/9", ""), ("{name}", "same name")]
)
def test_a_field_that_leads_to_no_path_of_the_form_is_refused_with_the_nearest_one(
    engine: Engine, household: Household, wrong: str, near: str
) -> None:
    right = map_household(household)
    path = next(one.path for one in household.frozen.version.questions if one.key == "clo_code")
    wrong = wrong.format(path=path, name="clo_code")
    with Session(engine) as session:
        opened = open_hook(session, COMMAND_LINE, server="mapped", form="hh", mapping=right)
        for mapping in (lead(right, gender=wrong), lead(right, gender=wrong, other="lost")):
            with pytest.raises(PimError) as caught:
                open_hook(session, COMMAND_LINE, server="mapped", form="hh", mapping=mapping)
            assert caught.value.code is ErrorCode.BAD_FILE
            assert f'"{wrong}"' in str(caught.value)
            assert (f": {path}. " in caught.value.remedy) == bool(near)
            with pytest.raises(PimError, match=f'"{wrong}"'):
                change_mapping(session, COMMAND_LINE, opened.id, mapping=mapping)


def test_a_field_may_lead_to_any_question_or_repeat_and_what_is_to_be_dropped_to_a_name_of_its_own(
    engine: Engine, household: Household
) -> None:
    right, version = map_household(household), household.frozen.version
    taken = set(right["fields"].values())
    paths = [*(one.path for one in version.questions if one.path not in taken), *version.repeats, "_dropped"]
    with Session(engine) as session:
        mapping = lead(right, **{f"theirs{number}": path for number, path in enumerate(paths)})
        assert open_hook(session, COMMAND_LINE, server="mapped", form="hh", mapping=mapping)


@pytest.mark.parametrize("name", ["id", "before", "first"])
@pytest.mark.parametrize("sent", [True, False, 1.5, 1e3, [1], ["a"], [{"a": "b"}]], ids=repr)
def test_what_is_neither_a_text_nor_a_whole_number_is_no_id_and_is_held(
    settings: Settings, engine: Engine, household: Household, name: str, sent: Any
) -> None:
    mapping = {**map_household(household), "root_id": "payload/first"}
    door = open_door(settings, engine, form="hh", server="mapped", mapping=mapping)
    assert door.post(write_mapped(household, mapping, **{name: sent})).status_code == 202
    household.settle()
    assert rows(engine, "SELECT state, reason FROM entries") == [{"state": "held", "reason": "no_instance_id"}]


@pytest.mark.parametrize("sent", ["1.5", "true", 7, "x", 0], ids=repr)
def test_a_text_and_a_whole_number_are_ids(settings: Settings, engine: Engine, household: Household, sent: Any) -> None:
    mapping = map_household(household)
    door = open_door(settings, engine, form="hh", server="mapped", mapping=mapping)
    for less in (sent, sent, "another"):
        door.post(write_mapped(household, mapping, id=less, before=[], first=None))
    household.settle()
    assert rows(engine, "SELECT state FROM entries") == [{"state": "settled"}] * 2


def test_a_fraction_is_still_an_answer(settings: Settings, engine: Engine, household: Household) -> None:
    mapping = map_household(household)
    door = open_door(settings, engine, form="hh", server="mapped", mapping=mapping)
    body = json.loads(write_mapped(household, mapping))
    body["payload"]["answers"]["no_question"] = [1.5, {"a": 2.5}]
    body["payload"]["answers"]["other"] = 1.5
    door.post(json.dumps(body).encode())
    household.settle()
    assert rows(engine, "SELECT state FROM entries") == [{"state": "settled"}]


def test_a_consent_that_did_not_come_is_put_right_by_what_comes_then_with_that_field(
    settings: Settings, engine: Engine, household: Household
) -> None:
    mapping = map_household(household)
    door = open_door(settings, engine, form="hh", server="mapped", mapping=mapping)
    whole = write_mapped(household, mapping)
    body = json.loads(whole)
    del body["payload"]["answers"]["consent"]
    for sent in (json.dumps(body).encode(), whole):
        door.post(sent)
        household.settle()
    held = {row["reason"]: row["id"] for row in rows(engine, "SELECT id, reason FROM entries WHERE state = 'held'")}
    assert held.keys() == {"consent_unclear", "conflict"}
    assert "`conflict`" in MENDS["consent_unclear"]
    with Session(engine) as session, session.begin():
        replay_entry(session, COMMAND_LINE, held["conflict"])
    household.settle()
    assert rows(engine, "SELECT state FROM submissions") == [{"state": "kept"}]
    with Session(engine) as session, session.begin():
        discard_entry(session, COMMAND_LINE, held["consent_unclear"])
    assert rows(engine, "SELECT DISTINCT state FROM entries") == [{"state": "settled"}]
