"""Corrections by phone: the newest edition wins whatever the order, and only who sent a submission corrects it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.phones import add_phone
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.entries import free_early
from pimcollect.vault import DoorKeys
from tests.factories.collect import read_message
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import Phones, post_to, write_odk
from webhooks.openrosa.words import WORDS

BASE = SCENARIOS["base_answers"]
Look = Callable[[str], list[tuple[Any, ...]]]


def write(household: Household, **more: Any) -> tuple[bytes, str]:
    return write_odk(BASE, frozen=household.frozen, **more)


def add_device(engine: Engine, keys: DoorKeys, name: str, *, may_edit_all: bool = False) -> str:
    with Session(engine) as session, session.begin():
        made = add_phone(session, COMMAND_LINE, name=name, kind=PhoneKind.DEVICE, keys=keys, may_edit_all=may_edit_all)
    return f"/phones/key/{made.secret}/submission"


def test_a_correction_of_the_newest_edition_is_taken_and_one_of_an_older_is_409_and_kept(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, root = write(household)
    first, one = write(household, deprecated=root)
    second, two = write(household, deprecated=one)
    late, _ = write(household, deprecated=root)
    assert [phones.post(body).status_code for body in (xml, first, second)] == [201, 201, 201]
    refused = phones.post(late)
    assert (refused.status_code, read_message(refused.data)) == (409, WORDS["stale"]["en"])
    assert phones.post(late).status_code == 409
    for body in (xml, first, second):  # a lost answer makes the phone send what was corrected since
        assert phones.post(body).status_code == 202
    while household.settle():
        pass
    assert look("SELECT root_id, edition_id FROM submissions") == [(root, two)]
    assert look("SELECT reason FROM entries WHERE state = 'held'") == [("edition_unclear",)]


@pytest.mark.parametrize("is_settled", [False, True])
def test_another_phone_corrects_only_with_the_right_to(
    phones: Phones, household: Household, engine: Engine, door_keys: DoorKeys, look: Look, is_settled: bool
) -> None:
    xml, root = write(household)
    assert phones.post(xml).status_code == 201
    if is_settled:
        household.settle()
    mine, _ = write(household, deprecated=root)
    stranger = add_device(engine, door_keys, "stranger")
    refused = post_to(phones.client, stranger, mine)
    assert (refused.status_code, read_message(refused.data)) == (403, WORDS["not_yours"]["en"])
    assert look("SELECT count(*) FROM entries") == [(1,)]
    supervisor = add_device(engine, door_keys, "supervisor", may_edit_all=True)
    assert post_to(phones.client, supervisor, mine).status_code == 201


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 3, 2), (3, 2, 1, 0), (2, 0, 3, 1), (3, 0, 2, 1)])
def test_corrections_in_any_order_come_to_the_newest(
    phones: Phones, household: Household, look: Look, order: tuple[int, ...]
) -> None:
    chain = [write(household)]
    for _ in range(3):
        chain.append(write(household, deprecated=chain[-1][1]))
    for number in order:
        assert phones.post(chain[number][0]).status_code == 201
        household.settle()
    while household.settle():
        pass
    assert look("SELECT root_id, edition_id FROM submissions") == [(chain[0][1], chain[3][1])]
    assert look("SELECT count(*) FROM entries WHERE state <> 'settled'") == [(0,)]


def test_a_correction_whose_forerunner_never_comes_is_settled_after_its_time_and_never_counted_twice(
    phones: Phones, household: Household, engine: Engine, look: Look
) -> None:
    xml, root = write(household)
    first, one = write(household, deprecated=root)
    second, two = write(household, deprecated=one)
    assert phones.post(second).status_code == 201
    assert household.settle() == 1
    assert look("SELECT count(*) FROM submissions") == [(0,)]
    with Session(engine) as session, session.begin():
        free_early(session, seconds=0)
    assert household.settle() == 1
    assert look("SELECT edition_id FROM submissions") == [(two,)]
    assert [phones.post(body).status_code for body in (first, xml)] == [201, 201]
    while household.settle():
        pass
    assert look("SELECT state, reason FROM entries WHERE state = 'held'") == [("held", "edition_unclear")]


def test_a_correction_of_what_is_held_waits_with_it(phones: Phones, household: Household, look: Look) -> None:
    xml, root = write(household)
    version = household.frozen.version.version.encode()
    assert phones.post(xml.replace(version, b"of-nobody")).status_code == 201
    household.settle()
    assert phones.post(write(household, deprecated=root)[0]).status_code == 201
    household.settle()
    held = look("SELECT reason FROM entries WHERE state = 'held' ORDER BY received_at")
    assert held == [("unknown_version",), ("edition_early",)]


def test_a_correction_of_what_nobody_is_known_to_have_sent_waits_for_a_person(
    phones: Phones, household: Household, engine: Engine, look: Look
) -> None:
    xml, root = write(household)
    phones.post(xml)
    household.settle()
    with engine.begin() as connection:  # as when settled entries have been purged
        connection.execute(text("DELETE FROM entries"))
    edit, _ = write(household, deprecated=root)
    assert phones.post(edit).status_code == 201
    assert look("SELECT state, reason FROM entries") == [("held", "edition_unclear")]
    assert phones.post(edit).status_code == 202


def test_what_came_by_another_door_is_no_phone_s_to_correct(phones: Phones, household: Household) -> None:
    root = household.post(BASE)
    edit, _ = write(household, deprecated=root)
    assert phones.post(edit).status_code == 403
