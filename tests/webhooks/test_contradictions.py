"""Other content by the same hook under an id that is here is kept beside it; ordinary copies are still copies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.config import Settings
from pimcollect.tables.entries import release_entry
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


def test_a_subset_another_shape_and_another_hook_are_no_contradiction(
    household: Household, settings: Settings, engine: Engine
) -> None:
    other = replace(household, door=open_door(settings, engine, form="hh"))
    yes, root = write_kobo(YES, frozen=household.frozen)
    no, _ = write_kobo(NO, frozen=household.frozen, root=root)
    subset = {key: value for key, value in json.loads(no).items() if not key.endswith("dem_group")}
    household.door.post(yes)
    assert len(subset) < len(json.loads(no))
    household.door.post(json.dumps(subset).encode())
    household.door.post(to_xml(json.loads(no), version=household.frozen.version.version))
    other.door.post(no)
    assert len(rows(engine, "SELECT id FROM entries")) == 1
