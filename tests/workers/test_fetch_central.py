"""Pulling from Central: sessions, skip tokens on another host's name, edits in between that nobody saw, the bin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from pimcollect.config import Settings
from tests.factories.connections import Connected, connect, to_xml
from tests.factories.households import SCENARIOS
from tests.reenacted.central import ReenactedCentral
from tests.reenacted.server import Reply

BASE = SCENARIOS["base_answers"]


@pytest.fixture
def central() -> Iterator[ReenactedCentral]:
    central = ReenactedCentral()
    with central.listen():
        yield central


@pytest.fixture
def connected(settings: Settings, engine: Engine, central: ReenactedCentral) -> Iterator[Connected]:
    connected = connect(
        settings, engine, central, kind="central", there=central.there, secret=central.password, user=central.user
    )
    yield connected
    connected.hands.engine.dispose()


def write(connected: Connected, answers: dict[str, Any], *, edition: str | None = None, before: str = "") -> bytes:
    row = connected.write(answers, root=edition or str(uuid4()))
    return to_xml(row, version=connected.household.frozen.version.version, before=before)


def fill(central: ReenactedCentral, connected: Connected, count: int) -> list[str]:
    return [central.submit(write(connected, {**BASE, "doc_birth": number % 9})) for number in range(count)]


def edit(central: ReenactedCentral, connected: Connected, name: str, *, times: int = 1, **changed: Any) -> str:
    edition = name.removeprefix("uuid:")
    for _ in range(times):
        before, edition = edition, str(uuid4())
        central.edit(name, write(connected, {**BASE, **changed}, edition=edition, before=before))
    return edition


def kept(connected: Connected) -> dict[str, str]:
    return {row["root_id"]: row["edition_id"] for row in connected.read("SELECT * FROM submissions WHERE state = 'kept'")}  # fmt: skip  # noqa: E501


def test_all_pages_edits_and_the_bin(central: ReenactedCentral, connected: Connected) -> None:
    central.page = 4
    names = fill(central, connected, 15)
    newest = edit(central, connected, names[2], times=3, doc_birth=2)  # edited before we ever looked
    assert connected.pull()
    assert kept(connected) == {name.removeprefix("uuid:"): name.removeprefix("uuid:") for name in names} | {
        names[2].removeprefix("uuid:"): newest
    }
    assert connected.row()["count_there"] == 15
    # between two pulls: three edits of one, a deletion, a purge
    newest = edit(central, connected, names[5], times=3, doc_birth=1)
    central.delete(names[7])
    central.purge(names[8])
    assert connected.pull()
    assert kept(connected)[names[5].removeprefix("uuid:")] == newest
    assert len(kept(connected)) == 13
    assert connected.read("SELECT state, reason FROM entries WHERE state <> 'settled'") == []
    # nothing new: what is known is not fetched again
    central.asked.clear()
    assert connected.pull()
    assert [one.path for one in central.asked if one.path.endswith(".xml")] == []


def test_a_session_that_ended_is_begun_anew_and_a_wrong_password_is_told(
    central: ReenactedCentral, connected: Connected
) -> None:
    fill(central, connected, 2)
    connected.pull()
    central.sessions.clear()
    central.trouble(None, None, Reply(401))
    assert connected.pull()
    central.password = "changed there"
    central.sessions.clear()
    assert not connected.pull()
    assert connected.row()["reason"] == "refused"


def test_a_pull_that_was_stopped_fetches_only_what_is_not_here_yet(
    central: ReenactedCentral, connected: Connected
) -> None:
    central.page = 3
    fill(central, connected, 10)
    turns = 0
    while not connected.pull(seconds=0.0):
        turns += 1
        assert turns < 9
    assert len(kept(connected)) == 10
    assert sum(one.path.endswith(".xml") for one in central.asked) == 10
    assert turns >= 1


def test_files_are_fetched_for_whoever_asks_and_may_come_late(central: ReenactedCentral, connected: Connected) -> None:
    (name,) = fill(central, connected, 1)
    connected.pull()
    wanted = ["photo 1.jpg", "voice.m4a"]
    assert connected.read_files(name, wanted) == {}
    central.instances[name].files["photo 1.jpg"] = b"jpeg"
    assert connected.read_files(name, wanted) == {"photo 1.jpg": b"jpeg"}
    assert connected.read_files("uuid:unknown", wanted) == {}


def test_a_form_named_wrongly_is_told(central: ReenactedCentral, connected: Connected) -> None:
    connected.change("UPDATE connections SET there = 'hh'")
    assert not connected.pull()
    assert connected.row()["reason"] == "bad_address"
