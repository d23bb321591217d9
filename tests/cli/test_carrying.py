"""A laptop that collects for an office: what its own commands say of the key that it seals to and of what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.cli.doctor import examine
from pimcollect.config import Settings
from pimcollect.errors import ErrorCode, PimError
from pimcollect.key_rings import create_keys
from pimcollect.vault import read_door_keys
from tests.cli.conftest import Run
from tests.factories.households import SCENARIOS, Household, open_household
from webhooks.carried import make_receipt
from webhooks.carried_file import check_own
from webhooks.inbox import identify_edition
from webhooks.media import store_media

Read = Callable[..., Any]


@pytest.fixture
def laptop(settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Keys of its own, and the office's key imported."""
    given = tmp_path / "laptop-3.json"
    run("keys", "export-intake", "--for", "laptop-3", "-o", str(given))
    door, hands = tmp_path / "own" / "door.json", tmp_path / "own" / "hands.json"
    create_keys(door, hands)
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(door))
    monkeypatch.setenv("PIMCOLLECT_HANDS_KEYS", str(hands))
    office = read_door_keys(settings.door_keys).intake.key_id.hex()
    run("keys", "import-intake", str(given), "--key", office)
    return replace(settings, door_keys=door, hands_keys=hands)


@pytest.fixture
def household(laptop: Settings, engine: Engine) -> Iterator[Household]:
    household = open_household(laptop, engine)
    yield household
    household.hands.engine.dispose()


def test_the_key_that_is_sealed_to_is_listed_also_when_another_machine_opens_it(
    settings: Settings, laptop: Settings, run: Run, read: Read
) -> None:
    office = read_door_keys(settings.door_keys).intake.key_id.hex()
    sealing = [one for one in read("keys", "list") if one["purpose"] == "intake" and one["is_sealing"]]
    assert [(one["key"], one["opens_here"]) for one in sealing] == [(office, False)]
    assert f"{office}  seals now, another machine opens it" in run("keys", "list").output


def test_what_is_held_for_the_office_is_as_it_should_be_and_is_to_be_carried(
    laptop: Settings, household: Household
) -> None:
    household.post(SCENARIOS["base_answers"])
    household.settle()
    (found,) = [one for one in examine(laptop) if one.check == "inbox"]
    assert (found.state, found.remedy) == ("ok", "")
    assert found.detail.startswith("1 held for the machine whose key they are sealed to: `pimcollect inbox carry")


def test_carry_says_how_many_wait_for_their_rest_and_shredding_how_many_have_files_that_came_since(
    settings: Settings, laptop: Settings, run: Run, read: Read, household: Household, engine: Engine, tmp_path: Path
) -> None:
    root = household.post(SCENARIOS["base_answers"])
    with engine.begin() as connection:
        connection.execute(text("UPDATE entries SET reason = 'incomplete', waits_until = '2126-11-26 02:15+00'"))
    first, second = tmp_path / "1.pim", tmp_path / "2.pim"
    told = run("inbox", "carry", "-o", str(first))
    assert "no file was written" in told.stdout
    assert "1 stay here: a phone is still sending the rest." in told.stderr
    assert not first.exists()
    assert read("inbox", "carry", "-o", str(first))[0]["incomplete"] == 1
    with engine.begin() as connection:
        connection.execute(text("UPDATE entries SET waits_until = now()"))
    assert read("inbox", "carry", "-o", str(first))[0]["deliveries"] == 1
    keys = read_door_keys(laptop.door_keys)
    with Session(engine) as session, session.begin():
        named = {"form": "hh", "identity": identify_edition(root, form="hh", key=keys.digest), "keys": keys}
        store_media(session, name="late.jpg", content=b"late", **named)
    with first.open("rb") as file:
        receipt = make_receipt(keys, None, check_own(file, keys=keys).seal)
    shredded = run("inbox", "shred-carried", str(first), "--receipt", receipt)
    assert shredded.stdout == "0 shredded here. Now delete the file itself.\n"
    assert "1 stay here whole: files of theirs came since." in shredded.stderr
    assert read("inbox", "carry", "-o", str(second))[0]["files"] == 1
    with second.open("rb") as file:
        receipt = make_receipt(keys, None, check_own(file, keys=keys).seal)
    assert read("inbox", "shred-carried", str(second), "--receipt", receipt) == [{"shredded": 1, "left": 0}]


def test_nothing_held_is_not_nothing_arrived(run: Run, read: Read, household: Household, laptop: Settings) -> None:
    assert run("inbox", "list").output == "Nothing has arrived yet.\n"
    household.post(SCENARIOS["base_answers"])
    household.settle()
    assert run("inbox", "list", "--state", "settled").output == "Nothing is settled.\n"
    (held,) = read("inbox", "list", "--state", "held")
    gone = json.loads(run("inbox", "discard", held["id"], "--json", input="y\n").stdout)
    assert gone == [{"id": held["id"], "state": "settled", "reason": "discarded"}]
    assert run("inbox", "list", "--state", "held").output == "Nothing is held.\n"


def test_an_unknown_key_is_said_before_anything_is_asked(run: Run) -> None:
    with pytest.raises(PimError) as caught:
        run("keys", "forget", "0" * 16, input="")
    assert caught.value.code is ErrorCode.NOT_FOUND
