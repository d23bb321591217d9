"""Files that are fetched: those that an envelope or a case waits for, from the server that has them, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.actions.form_keys import choose_public_key, create_form_key
from pimcollect.actions.forms import keep_version
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.vault import DoorKeys
from tests.factories.connections import Connected, connect
from tests.factories.encrypted import ANSWERS, FORM, PEM, freeze_encrypted
from tests.factories.envelopes import Sealed, encrypt_submission, rsa_key
from tests.factories.phones import write_odk
from tests.reenacted.kobo import ReenactedKobo
from tests.reenacted.server import Reply
from workers.sweep import open_clock, sweep


@pytest.fixture
def kobo() -> Iterator[ReenactedKobo]:
    kobo = ReenactedKobo()
    with kobo.listen():
        yield kobo


@pytest.fixture
def connected(settings: Settings, engine: Engine, kobo: ReenactedKobo, door_keys: DoorKeys) -> Iterator[Connected]:
    connected = connect(settings, engine, kobo, there=kobo.uid, secret=kobo.token)
    with Session(engine) as session, session.begin():
        create_form_key(session, COMMAND_LINE, FORM, intake=door_keys.intake, pem=PEM)
        frozen = freeze_encrypted(choose_public_key(session, FORM))
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
    yield connected
    connected.hands.engine.dispose()


def encrypt(connected: Connected, **more: Any) -> Sealed:
    """A submission as a phone that is set up for Kobo makes it: Kobo has its own id for the form."""
    with Session(connected.engine) as session:
        frozen = freeze_encrypted(choose_public_key(session, FORM))
    body, edition = write_odk(ANSWERS, frozen=frozen, form="aKoboAsset000000000000")
    version = frozen.version.version
    form, instance = "aKoboAsset000000000000", f"uuid:{edition}"
    return encrypt_submission(body, form=form, version=version, instance_id=instance, key=rsa_key(), **more)


def put(kobo: ReenactedKobo, sealed: Sealed) -> int:
    row = json.loads(sealed.as_kobo())
    return kobo.submit({**row, "_attachments": []})


def attach(kobo: ReenactedKobo, number: int, sealed: Sealed, *names: str) -> None:
    for name in names or sealed.files:
        kobo.attach(number, name, sealed.files[name])


def settle(connected: Connected) -> None:
    clock = open_clock(connected.hands.settings)
    sweep(clock)
    clock.engine.dispose()
    connected.household.settle()


def states(connected: Connected) -> list[tuple[str, str | None]]:
    return [(row["state"], row["reason"]) for row in connected.read("SELECT * FROM entries ORDER BY received_at")]


def test_a_pull_fetches_the_files_of_its_envelopes_and_they_settle(kobo: ReenactedKobo, connected: Connected) -> None:
    for _ in range(3):
        sealed = encrypt(connected, media={"1.jpg": b"picture"})
        attach(kobo, put(kobo, sealed), sealed)
    assert connected.pull()
    assert states(connected) == [("held", "files_missing")] * 3
    assert connected.pull()
    settle(connected)
    assert states(connected) == [("settled", "kept")] * 3
    assert {row["state"] for row in connected.read("SELECT state FROM media")} == {"shredded"}


def test_a_hook_s_envelope_asks_for_a_pull_at_once(kobo: ReenactedKobo, connected: Connected) -> None:
    assert connected.pull()
    sealed = encrypt(connected)
    attach(kobo, put(kobo, sealed), sealed)
    assert connected.household.door.post(sealed.as_kobo()).status_code == 202
    before = connected.row()["next_at"]
    connected.household.settle()
    assert connected.row()["next_at"] < before
    assert connected.hands.bell.depth("fetch") == 1
    assert connected.pull()
    settle(connected)
    assert states(connected) == [("settled", "kept")]


def test_files_that_come_late_are_asked_for_again(kobo: ReenactedKobo, connected: Connected) -> None:
    sealed = encrypt(connected, media={"1.jpg": b"picture"})
    number = put(kobo, sealed)
    for names in ((), ("submission.xml.enc",), ("1.jpg.enc",)):
        assert connected.pull()
        settle(connected)
        assert states(connected) == [("held", "files_missing")]
        if names:
            attach(kobo, number, sealed, *names)
    for _ in range(2):
        assert connected.pull()
        settle(connected)
    assert states(connected) == [("settled", "kept")]


def test_nobody_asks_for_files_that_nothing_waits_for(kobo: ReenactedKobo, connected: Connected) -> None:
    number = kobo.submit(connected.write({**ANSWERS}))
    kobo.attach(number, "1.jpg", b"a picture that no treatment keeps")
    assert connected.pull()
    assert connected.pull()
    assert not [one for one in kobo.asked if "attachments" in one.path]
    assert connected.read("SELECT * FROM media") == []


def test_a_server_in_trouble_over_a_file_does_not_fail_the_pull(
    kobo: ReenactedKobo, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = encrypt(connected)
    attach(kobo, put(kobo, sealed), sealed)
    assert connected.pull()
    healthy = kobo.answer
    monkeypatch.setattr(kobo, "answer", lambda asked: Reply(403) if "attachments" in asked.path else healthy(asked))
    assert connected.pull()
    assert connected.row()["failures"] == 0
    settle(connected)
    assert states(connected) == [("held", "files_missing")]
    monkeypatch.undo()
    assert connected.pull()
    settle(connected)
    assert states(connected) == [("settled", "kept")]


def test_a_changed_file_from_the_server_is_held(kobo: ReenactedKobo, connected: Connected) -> None:
    sealed, other = encrypt(connected), encrypt(connected)
    number = put(kobo, sealed)
    kobo.attach(number, "submission.xml.enc", other.files["submission.xml.enc"])
    for _ in range(2):
        assert connected.pull()
        settle(connected)
    ((state, reason),) = states(connected)
    assert (state, reason in ("tampered", "unreadable")) == ("held", True)
    assert connected.read("SELECT * FROM submissions") == []
