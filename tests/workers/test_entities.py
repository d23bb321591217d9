"""What settling keeps of things that are visited again: by consent alone, in any order, gone with its submission."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from pimcollect.actions.entities import erase_list
from pimcollect.config import Settings
from pimcollect.db import transaction
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.vault import read_door_keys
from tests.factories.households import Household, open_household
from tests.factories.phones import Phones, open_phones
from tests.factories.visits import (
    CANARY,
    CANARY_PHONE,
    adopt_follow,
    adopt_register,
    correct,
    keep_adopted,
    write_entity,
)
from workers.erase import Gone, erase_gone
from workers.hands import open_hands
from workers.settle import settle_batch

HOME = "6b4b1a52-0000-4000-8000-000000000001"
SAID = {"consent": "yes", "code": "HH-001", "head": CANARY, "tel": CANARY_PHONE, "age": "41", "water": "river"}


@dataclass(frozen=True)
class Village:
    """The phones' door and the hands, for both forms."""

    phones: Phones
    household: Household

    def look(self, query: str) -> list[tuple[Any, ...]]:
        with self.household.hands.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def send(self, xml: bytes) -> int:
        """Post, and settle what can be."""
        status: int = self.phones.post(xml).status_code
        self.household.settle()
        return status

    def register(self, root: str | None = None, *, entity: str = HOME, **said: str) -> bytes:
        answers = {**SAID, "secret": "truck", **said}
        return write_entity("register", "1", answers, root, create="1", id=entity)

    def visit(self, base: str, **said: str) -> bytes:
        answers = {"hh": HOME, "consent": "yes", **said}
        return write_entity("follow", "1", answers, update="true", id=HOME, baseVersion=base)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """(label, version, properties, in conflict) of what is in the list."""
        return self.look("SELECT label, version, properties, has_conflict FROM entities WHERE label IS NOT NULL")


@pytest.fixture
def village(settings: Settings, engine: Engine) -> Iterator[Village]:
    household = open_household(settings, engine)
    keep_adopted(engine, adopt_register(), adopt_follow())
    phones = open_phones(settings, engine, "register", "follow")
    yield Village(phones, household)
    phones.puts.dispose()
    household.hands.engine.dispose()


FIRST = ("Household HH-001", 1, {"code": "HH-001", "age": "18-59", "water": "river"}, False)


# nothing is kept


@pytest.mark.parametrize("consent", ["no", "", "maybe"])
def test_without_a_yes_there_is_no_entity(village: Village, consent: str) -> None:
    assert village.send(village.register(consent=consent)) == 201
    assert village.look("SELECT state FROM submissions") == [("tombstone",)]
    assert village.look("SELECT 1 FROM entities UNION SELECT 1 FROM entity_changes") == []


def test_a_form_that_our_phones_never_had_fills_no_list(village: Village) -> None:
    village.phones.post(village.register())
    with village.household.hands.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM phone_forms")
    village.household.settle()
    assert village.look("SELECT state FROM submissions") == [("kept",)]
    assert village.look("SELECT 1 FROM entities") == []


def test_nothing_that_was_not_treated_is_in_any_table(village: Village) -> None:
    village.send(village.register())
    assert village.rows == [FIRST]
    for table in ("entities", "entity_changes", "entity_lists", "submissions", "journal"):
        told = str(village.look(f"SELECT to_jsonb({table})::text FROM {table}"))
        assert CANARY not in told
        assert CANARY_PHONE not in told
        assert ("truck" in told) == (table == "submissions")  # restricted: for analysts, not for phones


def test_an_id_that_is_no_random_one_is_counted_and_not_kept(village: Village) -> None:
    village.send(village.register(entity=CANARY_PHONE))
    assert village.look("SELECT findings -> 'entity_without_id' FROM submissions") == [(1,)]
    assert village.look("SELECT 1 FROM entities") == []


# in any order, any number of times


def test_a_visit_that_comes_before_the_registration_waits_for_it(village: Village) -> None:
    village.send(village.visit("1", water="well"))
    assert village.rows == []
    assert village.look("SELECT standing FROM entity_changes") == [("waiting",)]
    village.send(village.register())
    assert village.rows == [(FIRST[0], 2, {**FIRST[2], "water": "well"}, False)]


def test_a_visit_that_had_not_seen_the_newest_row_is_marked_and_overwrites_nothing(village: Village) -> None:
    for xml in (village.register(), village.visit("1", water="well"), village.visit("1", water="truck", tents="3")):
        village.send(xml)
    assert village.rows == [(FIRST[0], 2, {**FIRST[2], "water": "well"}, True)]
    assert village.look("SELECT properties FROM entity_changes WHERE standing = 'conflict'") == [
        ({"water": "truck", "tents": "3"},)
    ]


def test_the_same_again_changes_nothing(village: Village) -> None:
    first, visit = village.register(), village.visit("1", water="well")
    assert [village.send(xml) for xml in (first, visit, first, visit)] == [201, 201, 202, 202]
    village.send(correct(visit))  # an edit that changes no answer
    village.send(correct(first))
    assert village.rows == [(FIRST[0], 2, {**FIRST[2], "water": "well"}, False)]
    assert village.look("SELECT count(*) FROM entity_changes") == [(2,)]


def test_a_corrected_registration_is_of_the_same_entity_although_the_phone_made_up_a_new_id(village: Village) -> None:
    first = village.register()
    village.send(first)
    village.send(village.visit("1", water="well"))
    village.send(correct(first.replace(HOME.encode(), str(uuid4()).encode()), code="HH-002"))
    assert village.rows == [("Household HH-002", 3, {**FIRST[2], "code": "HH-002", "water": "well"}, False)]


def test_an_older_edition_that_comes_late_changes_nothing(village: Village) -> None:
    root = str(uuid4())
    first = village.register(root)
    village.send(correct(first, code="HH-002"))
    assert village.rows == []  # held: the edition before it has not come
    village.send(first)
    village.household.settle()
    assert village.rows[0][0] == "Household HH-002"
    assert village.send(first) == 202
    assert village.rows[0][0] == "Household HH-002"


# gone


def test_consent_that_is_taken_back_erases_the_entity_and_given_again_brings_a_newer_one(village: Village) -> None:
    first = village.register()
    village.send(first)
    village.send(no := correct(first, consent="no"))
    assert village.rows == []
    assert village.look("SELECT label, properties, version FROM entities") == [(None, None, 2)]
    assert village.look("SELECT 1 FROM entity_changes") == []
    village.send(correct(no, consent="yes"))
    assert [(row[0], row[1]) for row in village.rows] == [("Household HH-001", 3)]


def test_a_visit_whose_consent_is_taken_back_leaves_the_row_as_it_was_before(village: Village) -> None:
    visit = village.visit("1", water="well", tents="3")
    for xml in (village.register(), visit, correct(visit, consent="no")):
        village.send(xml)
    assert village.rows == [(FIRST[0], 3, FIRST[2], False)]


def test_what_was_deleted_is_erased_with_its_entity_and_no_late_copy_brings_it_back(
    village: Village, settings: Settings
) -> None:
    root = str(uuid4())
    first = village.register(root)
    village.send(first)
    hands, keys = village.household.hands, read_door_keys(settings.door_keys)
    for _ in range(2):
        with transaction(hands.sessions) as session:
            erase_gone(hands, session, form="register", gone=[Gone(root, root)], keys=keys)
    assert (village.rows, village.look("SELECT 1 FROM entity_changes")) == ([], [])
    village.send(first)
    village.send(correct(first))
    assert village.rows == []


def test_what_a_person_erased_stays_erased(village: Village, engine: Engine) -> None:
    first = village.register()
    village.send(first)
    with Session(engine) as session, session.begin():
        assert erase_list(session, COMMAND_LINE, "households", ids=[UUID(HOME)]) == 1
    for xml in (correct(first), village.visit("1", water="well")):
        village.send(xml)
    assert village.rows == []
    assert village.look("SELECT 1 FROM entity_changes") == []


def test_workers_that_settle_visits_to_one_place_at_the_same_moment_overwrite_nothing(
    village: Village, settings: Settings
) -> None:
    village.send(village.register())
    for number in range(12):
        village.phones.post(village.visit("1", tents=str(number)))
    hands = [open_hands(settings) for _ in range(3)]
    with ThreadPoolExecutor(len(hands)) as pool:
        list(pool.map(lambda own: [settle_batch(own, limit=1) for _ in range(12)], hands))
    while village.household.settle():
        pass
    for own in hands:
        own.engine.dispose()
    standing = village.look("SELECT standing, count(*) FROM entity_changes GROUP BY 1 ORDER BY 1")
    assert standing == [("applied", 2), ("conflict", 11)]
    assert village.look("SELECT count(*), max(attempts) FROM entries WHERE state = 'settled'") == [(13, 1)]
    ((_, version, told, is_contested),) = village.rows
    assert (version, is_contested) == (2, True)
    assert [(told["tents"],)] == village.look(
        "SELECT properties ->> 'tents' FROM entity_changes WHERE standing = 'applied' AND kind = 'update'"
    )


def test_many_entities_cost_as_many_queries_as_one(village: Village) -> None:
    counts = []
    for many in (1, 20):
        for number in range(many):
            village.phones.post(village.register(entity=str(uuid4()), code=f"HH-{many}{number:02}"))
        asked: list[str] = []
        hands = village.household.hands
        event.listen(hands.engine, "before_cursor_execute", lambda *args, to=asked: to.append(args[2]))
        village.household.settle()
        counts.append(len([one for one in asked if "entit" in one]))
    assert counts[0] == counts[1] > 0
