"""What contradicts another is told with whom to ask about what: the phones' names and the ids, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from pimcollect.actions.inbox import discard_entry, list_entries, replay_entry, show_entry
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.collisions import find_collisions
from pimcollect.vault import DoorKeys
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import Phones, post_to, write_odk
from tests.webhooks.openrosa.test_corrections import add_device
from workers.withdraw import withdraw

BASE = SCENARIOS["base_answers"]
Look = Callable[[str], list[tuple[Any, ...]]]


def write(household: Household, **more: Any) -> tuple[bytes, str]:
    return write_odk(BASE, frozen=household.frozen, **more)


def show_held(engine: Engine) -> dict[str, Any]:
    """The one entry that is held, as it is shown."""
    with Session(engine) as session:
        (held,) = list_entries(session, COMMAND_LINE, state="held")
        return show_entry(session, COMMAND_LINE, held.id)


def test_what_contradicts_an_edition_goes_with_it_when_its_person_says_no(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, root = write(household)
    other, _ = write_odk({**BASE, "ref_name": "Canary Nadia"}, frozen=household.frozen, root=root)
    edit, _ = write_odk({**BASE, "con_interview": "no"}, frozen=household.frozen, deprecated=root)
    assert [phones.post(one).status_code for one in (xml, other)] == [201, 409]
    household.settle()
    assert phones.post(edit).status_code == 201
    household.settle()
    assert ("erased", None, None) in look("SELECT reason, body, contradicts FROM entries")
    assert look("SELECT count(*) FROM entries WHERE body IS NOT NULL") == [(0,)]


def test_a_correction_that_competes_with_a_no_stays_for_a_person(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, root = write(household)
    no, _ = write_odk({**BASE, "con_interview": "no"}, frozen=household.frozen, deprecated=root)
    other, _ = write(household, deprecated=root)
    assert [phones.post(one).status_code for one in (xml, no, other)] == [201, 201, 409]
    household.settle()
    assert look("SELECT reason, body IS NULL FROM entries WHERE state = 'held'") == [("edition_unclear", False)]


def test_what_contradicts_an_edition_goes_with_it_when_that_is_erased(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, root = write(household)
    other, _ = write_odk({**BASE, "ref_name": "Canary Nadia"}, frozen=household.frozen, root=root)
    assert [phones.post(one).status_code for one in (xml, other)] == [201, 409]
    household.settle()
    ((submission,),) = look("SELECT id FROM submissions")
    withdraw(household.hands, submission)
    assert look("SELECT state, reason, body FROM entries WHERE reason = 'erased'") == [("settled", "erased", None)]
    assert look("SELECT count(*) FROM entries WHERE body IS NOT NULL") == [(0,)]


def other_entry(look: Look) -> UUID:
    ((entry,),) = look("SELECT id FROM entries WHERE reason IS DISTINCT FROM 'conflict' AND replaces IS NULL")
    return UUID(str(entry))


def tell(shown: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(shown[name] for name in ("phone", "against_submission", "against_entry", "against_phone"))


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_conflict_names_its_phone_and_what_it_contradicts(
    phones: Phones, household: Household, engine: Engine, door_keys: DoorKeys, look: Look, is_settled: bool
) -> None:
    xml, root = write(household)
    other, _ = write_odk({**BASE, "ref_name": "Canary Nadia"}, frozen=household.frozen, root=root)
    assert phones.post(xml).status_code == 201
    if is_settled:
        household.settle()
    elsewhere = add_device(engine, door_keys, "enum-07")
    assert post_to(phones.client, elsewhere, other).status_code == 409
    shown = show_held(engine)
    assert shown["reason"] == "conflict"
    assert tell(shown) == ("enum-07", root, other_entry(look), phones.device.name)


def test_a_second_edit_names_its_phone_the_submission_and_the_edit_that_was_first(
    phones: Phones, household: Household, engine: Engine, look: Look
) -> None:
    xml, root = write(household)
    first, one = write(household, deprecated=root)
    late, _ = write(household, deprecated=one)
    assert [phones.post(body).status_code for body in (xml, first, late)] == [201, 201, 201]
    while household.settle():
        pass
    stale, _ = write(household, deprecated=one)
    assert phones.post(stale).status_code == 409
    ((entry,),) = look("SELECT id FROM entries WHERE replaces IS NOT NULL ORDER BY received_at DESC LIMIT 1")
    assert tell(show_held(engine)) == (phones.device.name, root, entry, phones.device.name)


def test_an_edit_of_what_is_only_a_submission_any_more_names_that(
    phones: Phones, household: Household, engine: Engine
) -> None:
    xml, root = write(household)
    assert phones.post(xml).status_code == 201
    household.settle()
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM entries"))
    edit, _ = write(household, deprecated=root)
    assert phones.post(edit).status_code == 201
    assert tell(show_held(engine)) == (phones.device.name, root, None, None)


@pytest.mark.parametrize("end", [discard_entry, replay_entry])
def test_what_it_contradicted_is_forgotten_once_it_is_settled(
    phones: Phones, household: Household, engine: Engine, look: Look, end: Any
) -> None:
    xml, root = write(household)
    other, _ = write_odk({**BASE, "ref_name": "Canary Nadia"}, frozen=household.frozen, root=root)
    assert [phones.post(body).status_code for body in (xml, other)] == [201, 409]
    household.settle()
    with Session(engine) as session, session.begin():
        end(session, COMMAND_LINE, show_held(engine)["id"])
    household.settle()
    assert look("SELECT count(*) FROM entries WHERE state = 'settled'") == [(2,)]
    assert look("SELECT contradicts, contradicts_entry FROM entries") == [(None, None)] * 2


def test_a_long_list_asks_as_often_as_a_short_one(phones: Phones, household: Household, engine: Engine) -> None:
    asked = []
    for _ in range(2):
        xml, root = write(household)
        other, _ = write_odk({**BASE, "ref_name": "Canary Nadia"}, frozen=household.frozen, root=root)
        assert [phones.post(body).status_code for body in (xml, other)] == [201, 409]
        with Session(engine) as session:
            rows = list_entries(session, COMMAND_LINE, state="held")
            queries: list[Any] = []
            event.listen(engine, "before_cursor_execute", lambda *call, told=queries: told.append(call[2]))
            assert len(find_collisions(session, rows)) == len(rows)
            asked.append(len(queries))
    assert asked == [3, 3]
