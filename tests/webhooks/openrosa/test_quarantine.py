"""Files that a submission does not name: kept sealed and apart for some days, and never where the person says no."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from forms.release import Frozen
from pimcollect.actions.inbox import discard_entry
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.media import QUARANTINED
from pimcollect.vault import DoorKeys
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import Phones, write_odk
from tests.workers.test_pictures import ANSWERS, FORM, JPEG, PHOTO
from webhooks import media
from webhooks.inbox import identify_edition
from webhooks.media import Stored
from webhooks.openrosa.words import WORDS
from workers.retention import retain
from workers.withdraw import withdraw

BASE = SCENARIOS["base_answers"]
STRAYS = {"Canary audit.csv": b"Canary audit", "Canary.jpg": b"Canary picture"}


def write(household: Household, **more: Any) -> tuple[bytes, str]:
    return write_odk({**BASE, **more.pop("answers", {})}, frozen=household.frozen, **more)


@pytest.fixture
def find_traces(engine: Engine) -> Any:
    """Which traces of the files stand anywhere in the database."""

    def find() -> list[str]:
        with engine.connect() as connection:
            tables = connection.execute(text("SELECT relname FROM pg_stat_user_tables")).scalars().all()
            rows = [
                str(row) for table in tables for row in connection.scalars(text(f"SELECT t::text FROM {table} t")).all()
            ]
        return [trace for trace in ("Canary", b"Canary".hex()) if any(trace in row for row in rows)]

    return find


def states(look: Any) -> list[str]:
    return [state for (state,) in look("SELECT state FROM media ORDER BY received_at")]


@pytest.mark.parametrize("answers", [{"con_interview": "no"}, {"con_interview": ""}, {"con_interview": "maybe"}])
def test_without_a_yes_no_file_is_left_behind_however_often_and_late_it_comes(
    phones: Phones, household: Household, look: Any, find_traces: Any, answers: dict[str, str]
) -> None:
    xml, _ = write(household, answers=answers)
    assert phones.post(xml, STRAYS).status_code == 201
    assert states(look) == ["quarantined", "quarantined"]
    household.settle()
    late = {**STRAYS, "later.jpg": b"Canary"}
    assert [phones.post(xml, files).status_code for files in (STRAYS, late)] == [202, 202]
    household.settle()
    assert look("SELECT DISTINCT state, name, content, digest FROM media") == [("shredded", None, None, None)]
    assert look("SELECT count(*) FROM media") == [(2,)]
    assert find_traces() == []


def test_an_edit_that_withdraws_takes_the_files_of_all_editions_and_none_of_any_comes_after_it(
    phones: Phones, household: Household, look: Any
) -> None:
    first, edition = write(household)
    edit, _ = write(household, answers={"con_interview": "no"}, deprecated=edition)
    assert phones.post(first, STRAYS).status_code == 201
    household.settle()
    assert states(look) == ["quarantined", "quarantined"]
    assert phones.post(edit, {"other.jpg": b"Canary"}).status_code == 201
    household.settle()
    assert set(states(look)) == {"shredded"}
    for xml in (first, edit):
        assert phones.post(xml, {"late.jpg": b"Canary"}).status_code == 202
    assert look("SELECT count(*) FROM media WHERE content IS NOT NULL") == [(0,)]


def test_an_older_edition_that_comes_after_the_withdrawal_leaves_no_file(
    phones: Phones, household: Household, look: Any
) -> None:
    first, edition = write(household)
    edit, _ = write(household, answers={"con_interview": "no"}, deprecated=edition)
    assert phones.post(edit).status_code == 201
    household.settle()
    with household.hands.sessions.begin() as session:  # it has waited in vain
        session.execute(text("UPDATE entries SET state = 'untouched', attempts = 0, waits_for = NULL"))
    household.settle()
    assert look("SELECT state FROM submissions") == [("tombstone",)]
    assert phones.post(first, STRAYS).status_code == 201
    household.settle()
    assert look("SELECT count(*) FROM media WHERE content IS NOT NULL") == [(0,)]


def test_what_is_erased_takes_its_files_with_it(phones: Phones, household: Household, look: Any) -> None:
    xml, _ = write(household)
    phones.post(xml, STRAYS)
    household.settle()
    ((submission,),) = look("SELECT id FROM submissions")
    withdraw(household.hands, submission)
    assert states(look) == ["shredded", "shredded"]
    assert phones.post(xml, {"late.jpg": b"Canary"}).status_code == 202
    assert states(look) == ["shredded", "shredded"]


def test_a_post_that_fails_in_the_middle_leaves_neither_entry_nor_file(
    phones: Phones, household: Household, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    xml, _ = write(household)
    with monkeypatch.context() as patch:
        patch.setattr("webhooks.quarantine.note_strays", lambda *_, **__: 1 / 0)
        assert phones.post(xml, STRAYS).status_code == 503
    assert look("SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM media)") == [(0, 0)]
    assert phones.post(xml, STRAYS).status_code == 201


def test_the_same_again_changes_nothing_and_other_bytes_of_the_same_name_are_409(
    phones: Phones, household: Household, look: Any
) -> None:
    xml, _ = write(household)
    other = {"Canary.jpg": b"something else"}
    assert [phones.post(xml, files).status_code for files in (STRAYS, STRAYS, {})] == [201, 202, 202]
    for settle in (lambda: 0, household.settle):
        settle()
        refused = phones.post(xml, {**other, "new.jpg": b"new"})
        assert (refused.status_code, WORDS["other_file"]["en"] in refused.text) == (409, True)
        assert phones.post(xml, STRAYS).status_code == 202
        assert states(look) == ["quarantined", "quarantined"]
    retain(household.hands.sessions, entry_days=90, quarantine_days=0)
    assert phones.post(xml, STRAYS).status_code == 202
    assert states(look) == ["shredded", "shredded"]


def test_they_are_kept_sealed_read_by_no_worker_and_only_counted(
    phones: Phones, household: Household, look: Any, find_traces: Any
) -> None:
    xml, _ = write(household)
    assert phones.post(xml, STRAYS).status_code == 201
    household.settle()
    assert states(look) == ["quarantined", "quarantined"]
    assert find_traces() == []
    ((findings,),) = look("SELECT findings FROM submissions")
    assert findings["dropped_files"] == 2


def test_parts_are_counted_together_and_a_file_that_comes_after_the_settling_is_kept_too(
    phones: Phones, household: Household, look: Any
) -> None:
    xml, _ = write(household)
    first, second = STRAYS.items()
    for files in ({}, dict([first]), dict([second])):
        assert phones.post(xml, files, is_incomplete=True).status_code == 201
    assert phones.post(xml).status_code == 201
    assert look("SELECT dropped_files FROM entries") == [(2,)]
    household.settle()
    assert phones.post(xml, {"late.jpg": b"Canary"}).status_code == 201
    assert states(look) == ["quarantined"] * 3


def test_too_many_are_dropped_and_neither_the_answers_nor_what_is_named_make_room_for_them(
    small: Phones, frozen: Frozen, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "MOST_FILES", 1)
    xml, _ = write_odk(ANSWERS, frozen=frozen)
    assert small.post(xml, STRAYS, is_incomplete=True).status_code == 201
    assert small.post(xml, {PHOTO: JPEG}).status_code == 201
    assert sorted(states(look)) == ["quarantined", "waiting"]
    assert look("SELECT dropped_files FROM entries") == [(2,)]


def test_a_named_file_that_the_plan_drops_is_dropped_and_the_kept_one_joins_its_case(
    small: Phones, frozen: Frozen, household: Household, look: Any
) -> None:
    xml, _ = write_odk({**ANSWERS, "other": "other.jpg"}, frozen=frozen)
    assert small.post(xml, {PHOTO: JPEG, "other.jpg": JPEG, **STRAYS}).status_code == 201
    household.settle()
    assert look("SELECT question, state FROM pictures") == [("paper", "kept")]
    assert sorted(states(look)) == ["quarantined", "quarantined", "shredded"]


def test_each_goes_on_its_day_and_not_before_whether_its_entry_is_there_or_not(
    phones: Phones, household: Household, engine: Engine, look: Any
) -> None:
    for files in (STRAYS, {"a": b"a"}):
        assert phones.post(write(household)[0], files).status_code == 201
    household.settle()

    def age(days: int) -> None:
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE media SET received_at = received_at - make_interval(days => {days})"))

    age(13)
    retain(household.hands.sessions, entry_days=90, quarantine_days=14)
    assert states(look) == ["quarantined"] * 3
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM entries WHERE dropped_files = 1"))
    age(1)
    retain(household.hands.sessions, entry_days=90, quarantine_days=14)
    assert states(look) == ["shredded", "shredded"]
    with Session(engine) as session, session.begin():
        session.execute(text("UPDATE entries SET settled_at = settled_at - make_interval(days => 91)"))
    retain(household.hands.sessions, entry_days=90, quarantine_days=14)
    assert states(look) == []


def test_a_quarantined_file_is_found_by_no_picture_until_a_delivery_names_it(
    small: Phones, frozen: Frozen, household: Household, engine: Engine, door_keys: DoorKeys, look: Any
) -> None:
    xml, edition = write_odk(ANSWERS, frozen=frozen)
    identity = identify_edition(edition, form=FORM, key=door_keys.digest)
    named = {"form": FORM, "identity": identity, "name": PHOTO, "content": JPEG, "keys": door_keys}
    with Session(engine) as session, session.begin():
        assert media.store_media(session, **named, state=QUARANTINED) is Stored.NEW
    assert small.post(xml).status_code == 201
    household.settle()
    assert look("SELECT state FROM pictures") == [("awaited",)]
    assert small.post(xml, {PHOTO: JPEG}).status_code == 201
    household.settle()
    assert look("SELECT state FROM pictures") == [("kept",)]
    assert states(look) == ["shredded"]


def test_a_discarded_entry_takes_its_quarantined_files_with_it(
    phones: Phones, household: Household, engine: Engine, look: Any
) -> None:
    phones.post(write(household)[0], STRAYS)
    ((entry,),) = look("SELECT id FROM entries")
    with Session(engine) as session, session.begin():
        session.execute(text("UPDATE entries SET state = 'held', reason = 'unreadable'"))
        discard_entry(session, COMMAND_LINE, entry)
    assert states(look) == ["shredded", "shredded"]


def test_a_withdrawal_is_held_where_the_keys_that_tell_its_files_are_not(
    phones: Phones, household: Household, settings: Settings, look: Any
) -> None:
    first, edition = write(household)
    phones.post(first, STRAYS)
    household.settle()
    phones.post(write(household, answers={"con_interview": "no"}, deprecated=edition)[0])
    aside = settings.door_keys.rename(settings.door_keys.with_suffix(".aside"))
    household.settle()
    aside.rename(settings.door_keys)
    assert look("SELECT reason FROM entries WHERE state = 'held'") == [("key_missing",)]
    with household.hands.sessions.begin() as session:
        session.execute(
            text("UPDATE entries SET state = 'untouched', reason = NULL, attempts = 0 WHERE state = 'held'")
        )
    household.settle()
    assert look("SELECT state FROM submissions") == [("tombstone",)]
    assert states(look) == ["shredded", "shredded"]
