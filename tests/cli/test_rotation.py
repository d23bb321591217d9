"""pimcollect keys rotate and forget: under way, killed anywhere, nothing becomes unreadable and nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, text
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.actions import keys as actions
from pimcollect.actions.connections import connect_server
from pimcollect.actions.form_keys import create_form_key
from pimcollect.actions.keys import list_old_keys
from pimcollect.cli import keys as commands
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.media import find_media
from pimcollect.tables.pictures import PictureRow, picture_name_context
from pimcollect.tables.referrals import CaseRow
from pimcollect.tables.sealed import PLACES, count_sealed
from pimcollect.vault import open_value, read_door_keys, read_hands_keys, seal_value
from tests.cli.conftest import Run
from tests.factories.households import SCENARIOS, Household, open_household
from webhooks.media import store_media

BASE = SCENARIOS["base_answers"]
Rows = Callable[[str], list[Any]]


class DeadError(BaseException):
    """A process that is killed runs no handler and no line after."""


@pytest.fixture
def own(settings: Settings, monkeypatch: pytest.MonkeyPatch, run: Run) -> Settings:
    """Key files of this test's own, for the door, the workers and the commands."""
    folder = settings.home / "keys"
    folder.mkdir(parents=True, mode=0o700)
    for path in (settings.door_keys, settings.hands_keys):
        shutil.copy(path, folder / path.name)
    found = replace(settings, door_keys=folder / "door.json", hands_keys=folder / "hands.json")
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(found.door_keys))
    monkeypatch.setenv("PIMCOLLECT_HANDS_KEYS", str(found.hands_keys))
    return found


@pytest.fixture
def household(own: Settings, engine: Engine) -> Iterator[Household]:
    household = open_household(own, engine)
    yield household
    household.hands.engine.dispose()


@pytest.fixture
def rows(engine: Engine) -> Rows:
    def read(query: str) -> list[Any]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    return read


def fill_every_place(household: Household, own: Settings, sessions: sessionmaker[Session]) -> None:
    """A value in every column that is sealed to the intake key."""
    keys = read_door_keys(own.door_keys)
    household.post(BASE)
    with sessions.begin() as session:
        store_media(session, form="hh", identity="nobody", name="photo.jpg", content=b"a file", keys=keys)
        create_form_key(session, COMMAND_LINE, "hh", intake=keys.intake)
        row = connect_server(
            session, COMMAND_LINE, keys=keys, server="kobo", form="hh", base="https://kf.kobotoolbox.org",
            there="aUid", user="", secret="8c1fcanarytoken",
        )  # fmt: skip
        hook = session.scalar(text("SELECT id FROM hooks"))
        sealed = seal_value(b"secret", to=keys.intake, context=f"hook secret|{hook}")
        session.execute(
            text("INSERT INTO registered_hooks VALUES (:connection, :hook, :sealed, 'x')"),
            {"connection": row.id, "hook": hook, "sealed": sealed},
        )
        picture = uuid4()
        sealed = seal_value(b'["photo.jpg", "edition"]', to=keys.intake, context=picture_name_context(picture))
        session.add(CaseRow(id=picture, shred_after=func.now(), sealed=b"-"))
        session.flush()
        session.add(PictureRow(id=picture, case_id=picture, question="q", form="hh", identity="nobody", name=sealed))


def needed(own: Settings, sessions: sessionmaker[Session]) -> dict[str, dict[str, int]]:
    """Old key -> what still needs it."""
    with sessions() as session:
        old = list_old_keys(
            session, COMMAND_LINE, read_hands_keys(own.hands_keys), sealing=read_door_keys(own.door_keys).intake
        )
        return {one.key_id: one.needed for one in old}


def ring(own: Settings) -> list[str]:
    return [key.seal_key.key_id.hex() for key in read_hands_keys(own.hands_keys).intake]


def sealing(own: Settings) -> str:
    return read_door_keys(own.door_keys).intake.key_id.hex()


def test_a_machine_that_collects_for_another_rotates_nothing(own: Settings, run: Run) -> None:
    document = json.loads(own.door_keys.read_text())
    own.door_keys.write_text(json.dumps({**document, "carry": {"label": "a", "key": document["digest"]}}))
    for words in (("keys", "rotate"), ("keys", "forget", sealing(own), "--yes")):
        with pytest.raises(PimError) as caught:
            run(*words)
        assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW
    assert len(ring(own)) == 1


def test_files_that_do_not_belong_together_are_not_rotated(own: Settings, run: Run) -> None:
    document = json.loads(own.door_keys.read_text())
    own.door_keys.write_text(json.dumps({**document, "intake": document["cases"]}))
    with pytest.raises(PimError) as caught:
        run("keys", "rotate")
    assert caught.value.code is ErrorCode.BAD_KEYS


def test_the_key_that_is_sealed_to_and_one_that_is_not_here_are_not_forgotten(own: Settings, run: Run) -> None:
    run("keys", "rotate")
    for key, code in ((sealing(own), ErrorCode.NOT_POSSIBLE_NOW), ("0" * 16, ErrorCode.NOT_FOUND)):
        with pytest.raises(PimError) as caught:
            run("keys", "forget", key, "--yes")
        assert caught.value.code is code
    assert len(ring(own)) == 2
    assert run("keys", "forget", ring(own)[1], input="n\n").exit_code == 1
    assert len(ring(own)) == 2


def test_a_running_door_and_running_workers_follow_and_everything_is_sealed_anew(
    own: Settings, household: Household, sessions: sessionmaker[Session], run: Run, rows: Rows
) -> None:
    old = sealing(own)
    fill_every_place(household, own, sessions)
    said = run("keys", "rotate").output
    assert old in said
    assert ring(own) == [sealing(own), old]
    assert needed(own, sessions) == {old: {}}
    with sessions() as session:
        counts = count_sealed(session, [bytes.fromhex(sealing(own))])[bytes.fromhex(sealing(own))]
        assert set(counts) == {place.noun for place in PLACES}
        hands = read_hands_keys(own.hands_keys)
        (file,) = find_media(session, form="hh", identity="nobody")
        context = f"file|hh|nobody|{file.name_digest}"
        assert open_value(file.content or b"", ring=hands.intake[:1], context=context) == b"a file"
    household.post(BASE)
    assert rows("SELECT DISTINCT encode(substring(body FROM 1 FOR 8), 'hex') FROM entries") == [(sealing(own),)]
    household.settle()
    assert rows("SELECT state, reason FROM entries") == [("settled", "kept")] * 2


def test_a_door_that_was_not_told_is_answered_503_and_nothing_that_it_sealed_is_ever_stored(
    own: Settings, household: Household, run: Run, rows: Rows
) -> None:
    old, stale = sealing(own), read_door_keys(own.door_keys)
    app = household.door.client.application
    told = app.extensions["door"]
    app.extensions["door"] = replace(told, read_keys=lambda: stale)
    run("keys", "rotate")
    household.post(BASE)  # until the key is forgotten it is as good as any
    assert run("keys", "forget", old, "--yes").exit_code == 0
    assert ring(own) == [sealing(own)]
    answer = household.door.post(b'{"_uuid": "one"}')
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    app.extensions["door"] = told
    assert household.door.post(b'{"_uuid": "one"}').status_code == 202
    household.settle()
    assert [reason for (reason,) in rows("SELECT reason FROM entries WHERE reason = 'key_missing'")] == []
    assert rows("SELECT action FROM journal WHERE noun = 'keys' ORDER BY at") == [("rotate",), ("retire",), ("forget",)]


def test_what_opens_with_no_key_keeps_its_key_from_being_forgotten(
    own: Settings, household: Household, run: Run, engine: Engine
) -> None:
    household.post(BASE)
    with engine.begin() as connection:
        connection.execute(text("UPDATE entries SET body = body || 'x'::bytea, state = 'held', reason = 'failing'"))
    old = sealing(own)
    run("keys", "rotate")
    with pytest.raises(PimError) as caught:
        run("keys", "forget", old, "--yes")
    assert "deliveries (1)" in caught.value.message
    assert old in ring(own)


def turn_over(run: Run, old: str) -> None:
    run("keys", "rotate")
    run("keys", "forget", old, "--yes")


_STEPS = [
    (actions, "add_intake_key"),
    (actions, "seal_to"),
    (commands, "_seal_all_anew"),
    (actions, "replace_sealed"),
    (actions, "retire_key"),
    (commands, "forget_intake_key"),
    (actions, "remove_intake_key"),
]


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_nothing_is_unreadable_and_the_same_again_ends_it(
    own: Settings,
    household: Household,
    sessions: sessionmaker[Session],
    run: Run,
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    is_after: bool,
) -> None:
    for number, (module, name) in enumerate(_STEPS):
        household.post(BASE)
        old = sealing(own)
        real = getattr(module, name)

        def die(*args: Any, real: Callable[..., Any] = real, **more: Any) -> Any:
            if is_after:
                real(*args, **more)
            raise DeadError

        with monkeypatch.context() as dying:
            dying.setattr(module, name, die)
            with pytest.raises(DeadError):
                turn_over(run, old)
        assert sealing(own) in ring(own)
        if sealing(own) == old:
            run("keys", "rotate")
        if old in ring(own):
            run("keys", "forget", old, "--yes")
        assert ring(own) == [sealing(own)]
        household.settle()
        assert rows("SELECT count(*) FROM entries WHERE reason = 'kept'") == [(number + 1,)], name
        assert rows("SELECT count(*) FROM entries WHERE reason = 'key_missing'") == [(0,)]


def test_workers_of_another_machine_can_have_the_key_before_any_door_seals_to_it(
    own: Settings, run: Run, tmp_path: Path
) -> None:
    old = sealing(own)
    run("keys", "rotate", "--only-hands")
    assert (sealing(own), len(ring(own))) == (old, 2)
    run("keys", "rotate")
    assert ring(own) == [sealing(own), old]
    listed = json.loads(run("keys", "list", "--json").stdout)
    assert [(one["is_sealing"], bool(one["made_on"])) for one in listed if one["purpose"] == "intake"] == [
        (True, True),
        (False, True),
    ]
