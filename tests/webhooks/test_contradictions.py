"""Other content by the same hook under an id that is here is kept beside it; ordinary copies are still copies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.config import Settings
from pimcollect.tables.replays import release_entry
from pimcollect.tables.sealed import entry_context
from pimcollect.vault import HandsKeys, open_value
from tests.factories.connections import to_xml
from tests.factories.door import open_door
from tests.factories.households import SCENARIOS, Household, write_kobo

YES = SCENARIOS["base_answers"]
NO = {**YES, "con_interview": "no"}


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)))


@pytest.mark.parametrize("is_settled", [False, True])
def test_other_content_under_an_id_that_is_here_is_kept_beside_once_however_often_it_comes(
    household: Household, engine: Engine, hands_keys: HandsKeys, *, is_settled: bool
) -> None:
    yes, root = write_kobo(YES, frozen=household.frozen)
    no, _ = write_kobo(NO, frozen=household.frozen, root=root)
    household.door.post(yes)
    if is_settled:
        household.settle()
    receipts = {household.door.post(no).json["receipt"] for _ in range(3)}
    household.settle()
    household.door.post(no)
    (first,) = rows(engine, "SELECT id FROM entries WHERE state = 'settled'")
    (held,) = rows(engine, "SELECT * FROM entries WHERE state = 'held'")
    assert (held.reason, held.contradicts, held.contradicts_entry) == ("conflict", root, first.id)
    assert receipts == {str(held.id)}
    assert open_value(held.body, ring=hands_keys.intake, context=entry_context("hh", held.identity)) == no
    assert [row.state for row in rows(engine, "SELECT state FROM submissions")] == ["kept"]
    with Session(engine) as session, session.begin():
        release_entry(session, held.id)
    household.settle()
    assert [row.state for row in rows(engine, "SELECT state FROM submissions")] == ["tombstone"]


def test_what_a_server_changes_of_its_own_between_two_copies_is_no_contradiction(
    household: Household, engine: Engine
) -> None:
    body, root = write_kobo(YES, frozen=household.frozen)
    later = {
        **dict(reversed(json.loads(body).items())),
        "_submission_time": "2026-11-21T10:00:00",
        "_status": "submitted_via_api",
        "_attachments": [{"uid": "att1", "media_file_basename": "a.jpg"}],
        "_validation_status": {"uid": "validation_status_approved", "by_whom": "boss"},
        "_geolocation": [1.0, 2.0],
        "_supplementalDetails": {},
        "_notes": ["called"],
        "meta/rootUuid": f"uuid:{root}",
        "formhub/uuid": "another",
    }
    for sent in (body, body, json.dumps(later).encode(), b" " + body):
        assert household.door.post(sent).status_code == 202
    assert len(rows(engine, "SELECT id FROM entries")) == 1


@pytest.mark.parametrize("is_settled", [False, True])
def test_another_shape_and_another_hook_are_compared_by_what_they_say(
    household: Household, settings: Settings, engine: Engine, *, is_settled: bool
) -> None:
    other = replace(household, door=open_door(settings, engine, form="hh"))
    yes, root = write_kobo(YES, frozen=household.frozen)
    no, _ = write_kobo(NO, frozen=household.frozen, root=root)
    household.door.post(yes)
    if is_settled:
        household.settle()
    for body in (yes, no):
        household.door.post(to_xml(json.loads(body), version=household.frozen.version.version))
        other.door.post(body)
        for _ in range(3):
            household.settle()
        assert states(engine) == (["kept"], [] if body is yes else [("held", "conflict")]), "the no is there once"


def without(answers: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in answers.items() if name not in names}


def post_both(household: Household, first: dict[str, Any], second: dict[str, Any], *, is_settled: bool) -> str:
    """Two deliveries under one id by one hook; the second twice."""
    body, root = write_kobo(first, frozen=household.frozen)
    other, _ = write_kobo(second, frozen=household.frozen, root=root)
    household.door.post(body)
    if is_settled:
        household.settle()
    receipts = {household.door.post(other).json["receipt"] for _ in range(2)}
    assert len(receipts) == 1
    household.settle()
    household.settle()
    assert household.door.post(other).json["receipt"] in receipts
    return root


def states(engine: Engine) -> tuple[list[str], list[tuple[str, str]]]:
    """What is kept, and what is held for which reason."""
    kept = [row.state for row in rows(engine, "SELECT state FROM submissions")]
    return kept, [tuple(row) for row in rows(engine, "SELECT state, reason FROM entries WHERE state <> 'settled'")]


@pytest.mark.parametrize("is_settled", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        (without(NO, "dem_group", "svc_ill"), YES, "tombstone"),
        (YES, without(NO, "dem_group", "svc_ill"), "kept"),
        (YES, without({**YES, "hlp_proof": "no"}, "dem_group"), "kept"),
        (without({**YES, "hlp_proof": "no"}, "dem_group"), YES, "kept"),
    ],
)
def test_a_poorer_or_fuller_copy_that_says_otherwise_is_held_and_changes_nothing(
    household: Household,
    engine: Engine,
    *,
    first: dict[str, Any],
    second: dict[str, Any],
    stays: str,
    is_settled: bool,
) -> None:
    root = post_both(household, first, second, is_settled=is_settled)
    assert states(engine) == ([stays], [("held", "conflict")])
    (held,) = rows(engine, "SELECT id, contradicts FROM entries WHERE state = 'held'")
    assert held.contradicts == root
    with Session(engine) as session, session.begin():
        release_entry(session, held.id)
    household.settle()
    says_no = second["con_interview"] == "no"
    assert states(engine) == (["tombstone" if says_no else "kept"], []), "a person's word counts"
    if not says_no:
        (found,) = rows(engine, "SELECT shared || restricted AS said FROM submissions")
        assert found.said["hlp_proof"] == second["hlp_proof"]


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_poorer_copy_that_agrees_is_ignored_and_a_fuller_one_is_taken(
    household: Household, engine: Engine, *, is_settled: bool
) -> None:
    subset = without(YES, "dem_group")
    post_both(household, YES, subset, is_settled=is_settled)
    assert states(engine) == (["kept"], [])
    post_both(household, subset, YES, is_settled=is_settled)
    assert states(engine) == (["kept", "kept"], [])
    found = rows(engine, "SELECT shared || restricted AS said FROM submissions")
    assert all("dem_group" in row.said for row in found)


def test_a_no_that_was_said_is_not_undone_by_a_fuller_copy_by_whatever_way(
    household: Household, settings: Settings, engine: Engine
) -> None:
    other = replace(household, door=open_door(settings, engine, form="hh"))
    no, root = write_kobo(without(NO, "dem_group"), frozen=household.frozen)
    yes, _ = write_kobo(YES, frozen=household.frozen, root=root)
    household.door.post(no)
    household.settle()
    other.door.post(yes)
    household.settle()
    assert states(engine) == (["tombstone"], [("held", "conflict")])


def test_what_came_beside_does_not_overtake_what_is_held(household: Household, engine: Engine) -> None:
    no, root = write_kobo(without(NO, "dem_group"), frozen=household.frozen)
    yes, _ = write_kobo(YES, frozen=household.frozen, root=root)
    household.door.post(no)
    with engine.begin() as connection:
        connection.execute(text("UPDATE entries SET state = 'held', reason = 'failing'"))
    household.door.post(yes)
    household.settle()
    assert states(engine) == ([], [("held", "failing"), ("held", "conflict")])
    with Session(engine) as session, session.begin():
        release_entry(session, *session.scalars(text("SELECT id FROM entries WHERE reason = 'failing'")))
    household.settle()
    assert states(engine) == (["tombstone"], [("held", "conflict")])
