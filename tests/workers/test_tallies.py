"""Tallies agree with the tombstones that they count by area, whatever edits and deletions come after."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from uuid import uuid4

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, text

from pimcollect.config import Settings
from pimcollect.db import transaction
from pimcollect.vault import read_door_keys
from tests.factories.households import SCENARIOS, Household
from workers.erase import Gone, erase_gone
from workers.withdraw import withdraw

YES = {**SCENARIOS["base_answers"], "clo_place_adm1": "XX01", "clo_place_adm2": "XX0101", "clo_place_adm3": "XX010101"}
NO = {**YES, "con_interview": "no"}
IN_NEED = {**YES, "hlp_evict": "verbal"}


def tell(household: Household, *editions: dict[str, Any]) -> str:
    """Editions of one root, each settled before the next comes; returns the root."""
    root = before = str(uuid4())
    household.post(editions[0], root=root)
    household.settle()
    for answers in editions[1:]:
        edition = str(uuid4())
        household.post(answers, root=root, edition=edition, **{"meta/deprecatedID": f"uuid:{before}"})
        household.settle()
        before = edition
    return root


def erase(household: Household, settings: Settings, root: str) -> None:
    keys = read_door_keys(settings.door_keys)
    with transaction(household.hands.sessions) as session:
        erase_gone(household.hands, session, form="hh", gone=[Gone(root, root)], keys=keys)


def counted(engine: Engine) -> dict[tuple[str, str], int]:
    """Kind and place -> how many, what has come to nought aside."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, place, n FROM tallies WHERE n <> 0"))
        return {(row.kind, row.place): row.n for row in rows}


def test_an_edit_that_takes_consent_back_is_counted_as_a_refusal(household: Household, engine: Engine) -> None:
    tell(household, YES, NO)
    assert counted(engine) == {("refused", "XX01"): 1}


def test_an_edit_that_gives_consent_is_no_refusal_any_more(household: Household, engine: Engine) -> None:
    tell(household, NO, YES)
    assert counted(engine) == {}


def test_a_need_told_only_by_an_edit_that_gives_consent_is_counted(household: Household, engine: Engine) -> None:
    tell(household, NO, IN_NEED)
    by_edit = counted(engine)
    tell(household, IN_NEED)
    assert by_edit
    assert counted(engine) == {key: 2 * n for key, n in by_edit.items()}


def test_a_refusal_is_counted_once_however_often_it_is_edited_where_it_is_now(
    household: Household, engine: Engine
) -> None:
    elsewhere = {key: value for key, value in NO.items() if not key.startswith("clo_place")}
    tell(household, NO, NO, NO)
    assert counted(engine) == {("refused", "XX01"): 1}
    tell(household, NO, elsewhere)
    assert counted(engine) == {("refused", "XX01"): 1, ("refused", ""): 1}


def test_a_refusal_that_is_deleted_at_its_server_is_counted_as_deleted_alone(
    household: Household, engine: Engine, settings: Settings
) -> None:
    for editions in ((NO,), (YES, NO), (YES,)):
        erase(household, settings, tell(household, *editions))
    erase(household, settings, str(uuid4()))
    assert {kind for kind, _ in counted(engine)} == {"erased"}
    assert sum(counted(engine).values()) == 4


def test_what_is_deleted_or_withdrawn_is_counted_in_the_first_level_area(
    household: Household, engine: Engine, settings: Settings
) -> None:
    root = tell(household, YES)
    erase(household, settings, tell(household, YES))
    with engine.connect() as connection:
        row = connection.execute(text("SELECT id, place FROM submissions WHERE root_id = :root"), {"root": root}).one()
    assert row.place == "XX0101"
    withdraw(household.hands, row.id)
    assert counted(engine) == {("erased", "XX01"): 1, ("withdrawn", "XX01"): 1}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT DISTINCT place FROM submissions")).all() == [("XX01",)]


def test_what_was_counted_in_finer_areas_before_is_moved_up_once(
    household: Household, engine: Engine, settings: Settings
) -> None:
    erase(household, settings, tell(household, YES))
    moved = import_module("pimcollect.migrations.versions.0036_erased_areas").upgrade
    with engine.begin() as connection:
        connection.execute(text("UPDATE submissions SET place = 'XX0101'"))
        connection.execute(
            text("""
            INSERT INTO tallies (kind, form, month, place, detail, n)
            SELECT added.kind, form, month, added.place, detail, added.n FROM tallies,
                   (VALUES ('erased', 'XX0101', 2), ('withdrawn', 'XX0101', 3), ('withdrawn', 'XX0102', 4),
                           ('withdrawn', 'gone', 1), ('unreferred', 'XX0101', 6)) AS added (kind, place, n)
        """)
        )
        with Operations.context(MigrationContext.configure(connection)):
            for _ in range(2):
                moved()
        assert connection.execute(text("SELECT DISTINCT place FROM submissions")).all() == [("XX01",)]
    expected = {("erased", "XX01"): 3, ("withdrawn", "XX01"): 7, ("withdrawn", ""): 1, ("unreferred", "XX0101"): 6}
    assert counted(engine) == expected


def test_what_edits_left_wrong_before_is_counted_anew_once(
    household: Household, engine: Engine, settings: Settings
) -> None:
    for editions in ((NO,), (NO,), (YES, NO), (NO, YES)):
        tell(household, *editions)
    erase(household, settings, tell(household, NO))
    right = counted(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE tallies SET n = -5 WHERE kind = 'refused'"))
        with Operations.context(MigrationContext.configure(connection)):
            import_module("pimcollect.migrations.versions.0031_refusals_anew").upgrade()
    assert counted(engine) == right
