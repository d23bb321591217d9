"""Ids that a mapped sender counts itself belong to its hook: two that begin at 1 are two people, a UUID is one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import change_mapping, rotate_hook
from pimcollect.config import Settings
from pimcollect.db import borrow
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.servers.base import find_reader
from pimcollect.vault import read_door_keys
from tests.factories.door import OpenDoor, open_door
from tests.factories.households import SCENARIOS, Household
from tests.webhooks.test_senders import map_household, rows, write_mapped
from webhooks.hooks import SECRET_HEADER, Hooks
from webhooks.inbox import accept
from workers.erase import Gone, erase_gone

BASE = SCENARIOS["base_answers"]


@dataclass(frozen=True)
class Two:
    """Two mapped senders of one form, alike but for who they are."""

    first: OpenDoor
    second: OpenDoor
    household: Household
    mapping: dict[str, Any]

    def write(self, sent: Any, *, less: int = 0, **more: Any) -> bytes:
        """A delivery under an id; `less` answers are missing at its end."""
        body = json.loads(write_mapped(self.household, self.mapping, id=sent, **more))
        answers = body["payload"]["answers"]
        for gone in list(answers)[len(answers) - less :]:
            del answers[gone]
        return json.dumps(body).encode()

    def post(self, door: OpenDoor, body: bytes) -> str:
        """The receipt of one delivery, settled."""
        answer = door.post(body)
        assert answer.status_code == 202
        self.household.settle()
        return str(answer.json["receipt"])


@pytest.fixture
def two(settings: Settings, engine: Engine, household: Household) -> Two:
    mapping = {**map_household(household), "root_id": "payload/first"}
    doors = [open_door(settings, engine, form="hh", server="mapped", mapping=mapping) for _ in range(2)]
    return Two(doors[0], doors[1], household, mapping)


def kept(engine: Engine) -> list[dict[str, Any]]:
    query = "SELECT root_id, edition_id, superseded, state, fullness FROM submissions"
    return sorted(rows(engine, query), key=lambda row: (row["state"], len(row["superseded"])))


def test_the_same_number_from_two_senders_is_two_people_and_a_fuller_one_takes_no_other_s_place(
    two: Two, engine: Engine
) -> None:
    poorer = two.post(two.first, two.write(18, less=2))
    (before,) = kept(engine)
    fuller = two.post(two.second, two.write("18"))
    by_kobo = two.household.door.post(json.dumps({**json.loads(two.write("18")), "_uuid": "18"}).encode())
    assert len({poorer, fuller, by_kobo.json["receipt"]}) == 3
    assert [one["state"] for one in kept(engine)] == ["kept", "kept"]
    assert before in kept(engine)
    assert len({one["root_id"] for one in kept(engine)}) == 2


def test_within_one_hook_the_same_again_a_fuller_copy_and_an_edit_find_what_came_before(
    two: Two, engine: Engine
) -> None:
    for door in (two.first, two.second):
        receipts = {two.post(door, two.write(18, less=less)) for less in (2, 2, 0, 1)}
        assert len(receipts) == 1
    two.post(two.first, two.write("18b", before=18))
    two.post(two.first, two.write("18c", before="18b", first="18"))
    other, edited = kept(engine)
    assert (edited["state"], len(edited["superseded"])) == ("kept", 2)
    assert edited["root_id"] in edited["superseded"]
    assert (other["edition_id"], other["superseded"]) == (other["root_id"], [])


def test_a_new_secret_and_a_new_mapping_leave_the_ids_what_they_were(two: Two, engine: Engine) -> None:
    first = two.post(two.first, two.write(18))
    with Session(engine) as session, session.begin():
        rotated = rotate_hook(session, COMMAND_LINE, two.first.hook.id)
    with Session(engine) as session, session.begin():
        change_mapping(session, COMMAND_LINE, two.first.hook.id, mapping={**two.mapping, "form": "payload/form/name"})
    answer = two.first.client.post(rotated.path, data=two.write(18), headers={SECRET_HEADER: rotated.secret})
    assert answer.json["receipt"] == first


def test_a_uuid_is_one_submission_by_whichever_hook(two: Two, engine: Engine) -> None:
    root = two.household.post(BASE)
    sent = two.write(f"uuid:{root}")
    assert len({two.post(door, sent) for door in (two.first, two.second)}) == 1
    assert [one["root_id"] for one in kept(engine)] == [root]


def test_what_was_erased_stays_so_for_its_own_sender_only(two: Two, engine: Engine) -> None:
    two.post(two.first, two.write(18))
    (row,) = kept(engine)
    hands = two.household.hands
    keys = read_door_keys(hands.settings.door_keys)
    with hands.sessions.begin() as session:
        erase_gone(hands, session, form="hh", gone=[Gone(row["root_id"], row["edition_id"])], keys=keys)
    for door in (two.first, two.second):
        two.post(door, two.write(18))
    assert [one["state"] for one in kept(engine)] == ["kept", "tombstone"]


def test_what_waited_under_an_older_version_and_is_sent_again_is_one_submission(two: Two, engine: Engine) -> None:
    hook = Hooks(engine).find(two.first.hook.key)
    assert hook is not None
    body, keys = two.write(18), read_door_keys(two.household.hands.settings.door_keys)
    with borrow(engine) as connection:
        assert accept(connection, body, find_reader("mapped", two.mapping).read_delivery(body), via=hook, keys=keys)
        connection.commit()
    for _ in range(2):
        two.post(two.first, body)
    assert [one["state"] for one in kept(engine)] == ["kept"]


def test_something_else_under_one_number_is_a_contradiction_within_one_hook_only(two: Two, engine: Engine) -> None:
    body = json.loads(two.write(18))
    other = json.loads(json.dumps(body))
    other["payload"]["answers"]["share"] = "no"
    two.post(two.first, json.dumps(body).encode())
    (first,) = kept(engine)
    two.post(two.second, json.dumps(other).encode())
    assert len(kept(engine)) == 2
    two.post(two.first, json.dumps(other).encode())
    (held,) = rows(engine, "SELECT reason, contradicts, hook FROM entries WHERE state = 'held'")
    assert (held["reason"], held["hook"]) == ("conflict", two.first.hook.id)
    assert held["contradicts"] == first["root_id"]
