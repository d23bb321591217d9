"""pimcollect doctor: what stops the service is found, named with what to do, and makes it exit 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, update
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.actions.key_marks import note_keys, read_fitting_keys
from pimcollect.cli.doctor import doctor
from pimcollect.config import Settings
from pimcollect.doorbell import NOTICES, QUEUES
from pimcollect.key_rings import create_keys
from pimcollect.tables.journal import BeatRow, beat, find_told
from pimcollect.tables.referrals import NoticeRow, ReferralRow
from tests.factories.referrals import Desk
from workers.notices import tell_settings

Examine = Callable[..., tuple[int, dict[str, list[dict[str, Any]]]]]


@pytest.fixture
def examine(settings: Settings) -> Examine:
    def run(**changes: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        env = {
            "PIMCOLLECT_HOME": str(settings.home),
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "PIMCOLLECT_DOOR_KEYS": str(settings.door_keys),
            "PIMCOLLECT_HANDS_KEYS": str(settings.hands_keys),
            **changes,
        }
        said = CliRunner().invoke(doctor, ["--json"], env=env)
        assert "canary-secret" not in said.output
        found: dict[str, list[dict[str, Any]]] = {}
        for one in json.loads(said.output):
            found.setdefault(one["check"], []).append(one)
        return said.exit_code, found

    return run


@pytest.fixture
def _alive(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        for name in ("clock", *QUEUES):
            beat(session, name)
        beat(session, NOTICES, told={"has_mail": True, "has_duty_officer": True, "address": "https://pim.example.org"})


def stops(found: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {check for check, findings in found.items() for one in findings if one["stops"]}


@pytest.mark.usefixtures("_alive")
def test_keys_that_do_not_belong_together_stop_everything(examine: Examine, tmp_path: Path) -> None:
    create_keys(tmp_path / "door.json", tmp_path / "hands.json")
    status, found = examine(PIMCOLLECT_HANDS_KEYS=str(tmp_path / "hands.json"))
    assert (status, stops(found)) == (1, {"keys"})


@pytest.mark.usefixtures("_alive")
def test_keys_that_others_can_read_are_named(examine: Examine, tmp_path: Path) -> None:
    create_keys(tmp_path / "door.json", tmp_path / "hands.json")
    (tmp_path / "hands.json").chmod(0o644)
    status, found = examine(
        PIMCOLLECT_DOOR_KEYS=str(tmp_path / "door.json"), PIMCOLLECT_HANDS_KEYS=str(tmp_path / "hands.json")
    )
    assert (status, stops(found)) == (1, {"keys"})
    assert "chmod 600" in found["keys"][0]["remedy"]


@pytest.mark.usefixtures("_alive")
def test_a_queue_that_is_away_is_found(examine: Examine) -> None:
    status, found = examine(REDIS_URL="redis://127.0.0.1:1/0")
    assert (status, stops(found)) == (1, {"queue"})


def test_a_database_that_is_away_is_found(examine: Examine) -> None:
    status, found = examine(DATABASE_URL="postgresql://user:canary-secret@127.0.0.1:1/none")
    assert (status, stops(found)) == (1, {"database"})


def test_tables_that_were_never_made_are_found(examine: Examine, fresh_database: Callable[..., str]) -> None:
    status, found = examine(DATABASE_URL=fresh_database(migrated=False))
    assert (status, stops(found)) == (1, {"database"})
    assert "pimcollect migrate" in found["database"][0]["remedy"]


def test_workers_that_never_showed_themselves_and_a_clock_that_stopped_are_found(
    examine: Examine, sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        beat(session, "clock")
        session.execute(update(BeatRow).values(at=func.now() - func.make_interval(0, 0, 0, 0, 0, 2)))
    status, found = examine()
    assert (status, stops(found)) == (1, {"clock", *(f"worker {queue}" for queue in QUEUES)})


@pytest.mark.usefixtures("_alive")
def test_a_home_where_nothing_runs_is_not_started_by_looking(examine: Examine, settings: Settings) -> None:
    status, found = examine(DATABASE_URL="", REDIS_URL="")
    assert status == 1
    assert "service" in stops(found)
    assert "there is no installation in" in found["service"][0]["detail"]
    assert not settings.home.exists()


@pytest.mark.usefixtures("_alive")
def test_a_referral_that_was_declined_is_without_a_service_too(
    examine: Examine, settings: Settings, sessions: sessionmaker[Session]
) -> None:
    desk = Desk(settings)
    desk.referral(None)
    desk.hands.engine.dispose()
    with sessions.begin() as session:
        session.execute(update(ReferralRow).values(state="declined"))
    assert examine()[1]["referrals"][0]["state"] == "attention"


@pytest.mark.usefixtures("_alive")
def test_what_the_service_runs_with_is_told_and_not_what_the_shell_has(
    examine: Examine, settings: Settings, sessions: sessionmaker[Session]
) -> None:
    secret = "smtp://user:canary-secret@127.0.0.1:25"
    running = replace(settings, smtp_url=secret, duty_email="canary@example.org", public_url="https://pim.example.org")
    with sessions.begin() as session:
        beat(session, NOTICES, told=tell_settings(settings))
    shell = {"PIMCOLLECT_SMTP_URL": secret, "PIMCOLLECT_DUTY_EMAIL": "duty@example.org"}
    for name in ("mail", "duty officer", "address"):
        assert examine(PIMCOLLECT_URL="https://pim.example.org", **shell)[1][name][0]["state"] == "attention"
    with sessions.begin() as session:
        beat(session, NOTICES, told=tell_settings(running))
        assert "canary" not in str(find_told(session))
    found = examine()[1]
    assert [found[name][0]["state"] for name in ("mail", "duty officer", "address")] == ["ok"] * 3


def test_where_no_service_runs_its_settings_are_not_guessed(examine: Examine, sessions: sessionmaker[Session]) -> None:
    assert "not known" in examine(PIMCOLLECT_SMTP_URL="smtp://127.0.0.1:25")[1]["settings"][0]["detail"]


@pytest.mark.usefixtures("_alive")
def test_keys_of_another_installation_stop_everything(
    examine: Examine, settings: Settings, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    with sessions.begin() as session:
        note_keys(session, *read_fitting_keys(settings.door_keys, settings.hands_keys))
    door, hands = tmp_path / "door.json", tmp_path / "hands.json"
    create_keys(door, hands)
    status, found = examine(PIMCOLLECT_DOOR_KEYS=str(door), PIMCOLLECT_HANDS_KEYS=str(hands))
    assert (status, stops(found)) == (1, {"keys"})


@pytest.mark.usefixtures("_alive")
def test_what_should_be_mended_but_stops_nothing_leaves_the_status_0(
    examine: Examine, settings: Settings, sessions: sessionmaker[Session]
) -> None:
    desk = Desk(settings)
    desk.referral(None)
    desk.run(update(NoticeRow).values(state="dead", reason="refused"))
    desk.hands.engine.dispose()
    with sessions.begin() as session:
        beat(session, NOTICES, told=tell_settings(settings))
    status, found = examine()
    assert status == 0
    assert {check for check, ones in found.items() for one in ones if one["state"] == "attention"} == {
        "notices",
        "referrals",
        "mail",
        "duty officer",
        "address",
    }
    assert "resend" in found["notices"][0]["remedy"]


@pytest.mark.usefixtures("_alive")
def test_a_sound_service_has_nothing_to_say(examine: Examine) -> None:
    status, found = examine()
    assert status == 0
    assert {one["state"] for ones in found.values() for one in ones} == {"ok"}
