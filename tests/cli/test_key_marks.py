"""The database knows by which keys it was used: no others are taken, and new ones made only when somebody says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.actions.key_marks import check_marks, note_keys, read_fitting_keys
from pimcollect.actions.members import create_first_member
from pimcollect.config import Settings
from pimcollect.errors import ErrorCode, PimError
from pimcollect.key_rings import create_keys
from pimcollect.vault import read_door_keys, read_hands_keys
from tests.cli.conftest import Run


@pytest.fixture
def own(settings: Settings, monkeypatch: pytest.MonkeyPatch, run: Run, sessions: sessionmaker[Session]) -> Settings:
    """An installation that was used, with key files of this test's own."""
    folder = settings.home / "keys"
    found = replace(settings, door_keys=folder / "door.json", hands_keys=folder / "hands.json")
    create_keys(found.door_keys, found.hands_keys)
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(found.door_keys))
    monkeypatch.setenv("PIMCOLLECT_HANDS_KEYS", str(found.hands_keys))
    with sessions.begin() as session:
        create_first_member(session, salt="salt")
        note_keys(session, *read_fitting_keys(found.door_keys, found.hands_keys))
    return found


@pytest.fixture
def check(own: Settings, sessions: sessionmaker[Session]) -> Callable[[], None]:
    """What a start does with the files that are there now."""

    def look() -> None:
        with sessions.begin() as session:
            keys = read_fitting_keys(own.door_keys, own.hands_keys)
            check_marks(session, *keys)
            note_keys(session, *keys)

    return look


def _change(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_new_keys_are_not_made_where_there_is_data_nor_beside_a_file_that_is_there(own: Settings, run: Run) -> None:
    for path in (own.hands_keys, own.door_keys):
        path.unlink()
        with pytest.raises(PimError) as caught:
            run("keys", "create")
        assert caught.value.code is ErrorCode.BAD_KEYS
        assert "estore" in caught.value.remedy
        assert not path.exists()


def test_each_key_that_is_another_one_is_seen(own: Settings, check: Callable[[], None], tmp_path: Path) -> None:
    create_keys(tmp_path / "door.json", tmp_path / "hands.json")
    door, hands = (json.loads((tmp_path / name).read_text()) for name in ("door.json", "hands.json"))
    for changes in (
        {"digest": door["digest"]},
        {"password_salt": door["password_salt"]},
        {"cases": door["cases"]},
        {"intake": door["intake"]},
    ):
        before = own.door_keys.read_bytes(), own.hands_keys.read_bytes()
        _change(own.door_keys, **changes)
        _change(own.hands_keys, **{name: hands[name] for name in changes if name in hands})
        with pytest.raises(PimError) as caught:
            check()
        assert caught.value.code is ErrorCode.BAD_KEYS
        own.door_keys.write_bytes(before[0])
        own.hands_keys.write_bytes(before[1])
    for name in ("pseudonyms", "origin"):
        kept = own.hands_keys.read_bytes()
        _change(own.hands_keys, **{name: hands[name]})
        with pytest.raises(PimError):
            check()
        own.hands_keys.write_bytes(kept)
    check()


def test_after_a_rotation_the_newer_files_are_right_and_those_of_before_are_not(
    own: Settings, check: Callable[[], None], run: Run, tmp_path: Path
) -> None:
    shutil.copytree(own.door_keys.parent, tmp_path / "before")
    old = read_door_keys(own.door_keys).intake.key_id.hex()
    run("keys", "rotate")
    check()
    shutil.copytree(own.door_keys.parent, tmp_path / "after")
    shutil.copytree(tmp_path / "before", own.door_keys.parent, dirs_exist_ok=True)
    with pytest.raises(PimError, match="intake"):
        check()
    shutil.copytree(tmp_path / "after", own.door_keys.parent, dirs_exist_ok=True)
    run("keys", "forget", old, "--yes")
    check()


@pytest.mark.parametrize("lost", [("hands",), ("door",), ("door", "hands")], ids=" and ".join)
def test_keys_that_are_lost_for_good_are_made_anew_when_somebody_says_so_and_what_is_there_stays(
    own: Settings, check: Callable[[], None], run: Run, lost: tuple[str, ...]
) -> None:
    door, hands = read_door_keys(own.door_keys), read_hands_keys(own.hands_keys)
    for name in lost:
        (own.door_keys.parent / f"{name}.json").unlink()
    assert run("keys", "create", "--old-keys-are-lost", input="n\n").exit_code == 1
    assert run("keys", "create", "--old-keys-are-lost", "--yes").exit_code == 0
    check()
    now = read_door_keys(own.door_keys), read_hands_keys(own.hands_keys)
    assert (now[0].digest == door.digest) is ("door" not in lost)
    assert (now[1].origin == hands.origin) is ("hands" not in lost)


def test_a_new_installation_makes_its_keys(settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("door", "hands"):
        monkeypatch.setenv(f"PIMCOLLECT_{name.upper()}_KEYS", str(settings.home / f"{name}.json"))
    assert run("keys", "create").exit_code == 0
    read_fitting_keys(settings.home / "door.json", settings.home / "hands.json")
