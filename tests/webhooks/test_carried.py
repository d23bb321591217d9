"""Carried on a stick: sealed on one machine, opened on another, once, whole or not at all."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.config import Settings
from pimcollect.db import open_sessions
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.key_rings import create_keys
from pimcollect.tables.media import find_media
from pimcollect.vault import (
    DoorKeys,
    HandsKeys,
    carry_key,
    import_intake_key,
    read_hands_keys,
    write_intake_key,
)
from tests.factories.door import OpenDoor, open_door
from tests.factories.households import SCENARIOS, Household, open_household, write_kobo
from tests.factories.laptops import set_up_machine
from webhooks.carried import Taken, accept_carried, shred_accepted, write_carried
from webhooks.carried_file import check_carried
from webhooks.inbox import identify
from webhooks.media import open_file, store_media
from webhooks.quarantine import quarantine

BASE = SCENARIOS["base_answers"]
CANARY = "Nadia-Canary"


@dataclass(frozen=True)
class Laptop:
    """A machine in the field: its own database and keys, the office's intake key imported."""

    engine: Engine
    keys: DoorKeys
    door: OpenDoor

    def write(self) -> bytes:
        out = BytesIO()
        with Session(self.engine) as session, session.begin():
            write_carried(session, COMMAND_LINE, out, keys=self.keys)
        return out.getvalue()


@pytest.fixture
def office(settings: Settings, engine: Engine) -> Iterator[Household]:
    household = open_household(settings, engine)
    yield household
    household.hands.engine.dispose()


@pytest.fixture
def make_laptop(
    settings: Settings, door_keys: DoorKeys, fresh_database: Callable[..., str], tmp_path: Path
) -> Iterator[Callable[..., Laptop]]:
    engines: list[Engine] = []

    def make(*, imported: bool = True, form: str = "hh") -> Laptop:
        folder = tmp_path / f"laptop{len(engines)}"
        folder.mkdir()
        own = {"database_url": fresh_database(), "folder": folder, "is_imported": imported}
        machine = set_up_machine(settings, door_keys, **own)
        engines.append(machine.engine)
        return Laptop(machine.engine, machine.keys, open_door(machine.settings, machine.engine, form=form))

    yield make
    for engine in engines:
        engine.dispose()


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def take(engine: Engine, file: bytes, keys: DoorKeys, hands: HandsKeys) -> Taken:
    return accept_carried(open_sessions(engine), COMMAND_LINE, BytesIO(file), keys=keys, hands=hands)


def test_what_was_collected_without_a_line_is_settled_at_the_office_and_twice_is_once(
    make_laptop: Callable[..., Laptop], office: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    laptop = make_laptop()
    bodies = [write_kobo(BASE, frozen=office.frozen)[0] for _ in range(3)]
    for body in bodies:
        assert laptop.door.post(body).status_code == 202
    office.door.post(bodies[0])
    file = laptop.write()
    assert b"instanceID" not in file
    first, second = (take(engine, file, door_keys, hands_keys) for _ in range(2))
    assert (first.new, first.known, second.new, second.known) == (2, 1, 0, 3)
    office.settle()
    assert take(engine, file, door_keys, hands_keys).new == 0
    assert [row["state"] for row in rows(engine, "SELECT state FROM submissions")] == ["kept"] * 3
    assert sorted(row["via"] for row in rows(engine, "SELECT via FROM entries")) == ["carried", "carried", "hook"]
    assert [row["action"] for row in rows(laptop.engine, "SELECT action FROM journal WHERE noun = 'entries'")] == [
        "carry"
    ]


def test_the_laptop_that_collected_it_cannot_open_it(
    make_laptop: Callable[..., Laptop], office: Household, tmp_path: Path
) -> None:
    laptop = make_laptop()
    laptop.door.post(write_kobo(BASE, frozen=office.frozen)[0])
    with pytest.raises(PimError) as caught:
        check_carried(
            BytesIO(laptop.write()), keys=laptop.keys, hands=read_hands_keys(tmp_path / "laptop0" / "hands.json")
        )
    assert caught.value.code is ErrorCode.BAD_FILE
    assert "not on this machine" in caught.value.message


def test_files_are_carried_with_their_delivery_and_found_by_our_own_digests(
    make_laptop: Callable[..., Laptop], office: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    laptop = make_laptop()
    body, _ = write_kobo(BASE, frozen=office.frozen)
    laptop.door.post(body)
    reader = laptop.door.client.application.extensions["door"].hooks.find(laptop.door.hook.key).reader
    with Session(laptop.engine) as session, session.begin():
        identity = identify(body, reader.read_delivery(body), form="hh", key=laptop.keys.digest)
        named = {"form": "hh", "identity": identity, "keys": laptop.keys}
        store_media(session, name=f"{CANARY}.jpg", content=CANARY.encode() * 9, **named)
    file = laptop.write()
    assert CANARY.encode() not in file
    assert take(engine, file, door_keys, hands_keys).files == 1
    with Session(engine) as session:
        ours = identify(body, reader.read_delivery(body), form="hh", key=door_keys.digest)
        (media,) = find_media(session, form="hh", identity=ours)
        assert open_file(media, ring=hands_keys.intake) == (f"{CANARY}.jpg", CANARY.encode() * 9)


@pytest.mark.parametrize(("answers", "states"), [({}, ["quarantined"]), ({"con_interview": "no"}, ["shredded"])])
def test_files_that_no_delivery_names_are_carried_as_what_they_are_and_settled_at_the_office(
    make_laptop: Callable[..., Laptop],
    office: Household,
    engine: Engine,
    door_keys: DoorKeys,
    hands_keys: HandsKeys,
    answers: dict[str, str],
    states: list[str],
) -> None:
    laptop = make_laptop()
    body, _ = write_kobo({**BASE, **answers}, frozen=office.frozen)
    laptop.door.post(body)
    reader = laptop.door.client.application.extensions["door"].hooks.find(laptop.door.hook.key).reader
    told = reader.read_delivery(body)
    identity = identify(body, told, form="hh", key=laptop.keys.digest)
    with Session(laptop.engine) as session, session.begin():
        where = {"form": "hh", "identity": identity, "edition_id": told.edition_id, "keys": laptop.keys}
        quarantine(session, {f"{CANARY}.jpg": CANARY.encode()}, **where)
    file = laptop.write()
    assert CANARY.encode() not in file
    receipt = take(engine, file, door_keys, hands_keys).receipt
    assert rows(engine, "SELECT state FROM media") == [{"state": "quarantined"}]
    office.settle()
    assert take(engine, file, door_keys, hands_keys).new == 0
    assert [row["state"] for row in rows(engine, "SELECT state FROM media")] == states
    with Session(laptop.engine) as session, session.begin():
        shred_accepted(session, COMMAND_LINE, BytesIO(file), receipt=receipt, keys=laptop.keys)
    assert rows(laptop.engine, "SELECT state FROM media") == [{"state": "shredded"}]


def test_a_file_that_is_cut_changed_or_extended_is_refused_whole(
    make_laptop: Callable[..., Laptop], office: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    laptop = make_laptop()
    for _ in range(3):
        laptop.door.post(write_kobo(BASE, frozen=office.frozen)[0])
    file = laptop.write()
    lines = file.splitlines(keepends=True)
    spoiled = [
        b"",
        b"x",
        file[:-1],
        file[: len(file) // 2],
        b"".join(lines[:-1]),
        b"".join(lines[:-2] + lines[-1:]),
        b"".join([lines[0], lines[2], lines[1], *lines[3:]]),
        file + lines[1],
        file + file,
        b"[1]\n" + file,
        file.decode().encode("utf-16"),
        file.decode().encode("utf-7"),
        b"\xef\xbb\xbf" + file,
        gzip.compress(file),
        b'{"pimcollect carried":2,"label":"own","key":{}}\n' + b"".join(lines[1:]),
        file.replace(b'"label":"', b'"label":"\\ud800'),
        b"".join(lines[:-1]) + lines[-1].replace(b'"seal": "', b'"seal": "\\u00e9'),
        file.replace(b'carried":2', b'carried":3'),
        file.replace(b'carried":2', b'carried":1'),
        *(file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :] for at in range(0, len(file), len(file) // 60)),
    ]
    for number, one in enumerate(spoiled):
        with pytest.raises(PimError) as caught:
            take(engine, one, door_keys, hands_keys)
        assert caught.value.code is ErrorCode.BAD_FILE, number
        assert caught.value.remedy
    assert rows(engine, "SELECT id FROM entries") == []
    assert take(engine, file, door_keys, hands_keys).new == 3


def test_a_machine_that_nobody_gave_our_key_can_bring_nothing(
    make_laptop: Callable[..., Laptop], office: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    stranger = make_laptop(imported=False)
    stranger.door.post(write_kobo(BASE, frozen=office.frozen)[0])
    with pytest.raises(PimError, match="not on this machine"):
        take(engine, stranger.write(), door_keys, hands_keys)
    of_another = carry_key(door_keys, "laptop-4")
    for secret in (b"0" * 32, of_another, stranger.keys.digest):
        forged = replace(stranger, keys=replace(stranger.keys, intake=door_keys.intake, carry=("laptop-3", secret)))
        with pytest.raises(PimError, match="changed, or comes from a machine"):
            take(engine, forged.write(), door_keys, hands_keys)
    assert rows(engine, "SELECT id FROM entries") == []


def test_what_was_sealed_before_the_key_came_and_what_a_mapping_describes_stays_and_is_told(
    make_laptop: Callable[..., Laptop], settings: Settings, door_keys: DoorKeys
) -> None:
    laptop = make_laptop()
    mapped = open_door(
        replace(settings, database_url=laptop.engine.url.render_as_string(hide_password=False)),
        laptop.engine,
        form="hh",
        server="mapped",
        mapping={"instance_id": "id"},
    )
    mapped.post(b'{"id": "1", "a": "b"}')
    laptop.door.post(b'{"_uuid": "1"}')
    out = BytesIO()
    with Session(laptop.engine) as session, session.begin():
        other = replace(laptop.keys, intake=door_keys.cases)
        written = write_carried(session, COMMAND_LINE, out, keys=other)
    assert (written.deliveries, written.other_key, written.mapped) == (0, 1, 1)


def test_deliveries_of_a_form_that_is_not_here_are_refused_with_its_name(
    make_laptop: Callable[..., Laptop], office: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    laptop = make_laptop(form="elsewhere")
    laptop.door.post(b'{"_uuid": "1"}')
    with pytest.raises(PimError, match="elsewhere") as caught:
        take(engine, laptop.write(), door_keys, hands_keys)
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert rows(engine, "SELECT id FROM entries") == []


def test_with_the_receipt_the_laptop_shreds_what_it_carried_and_nothing_else(
    make_laptop: Callable[..., Laptop], office: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    laptop = make_laptop()
    laptop.door.post(write_kobo(BASE, frozen=office.frozen)[0])
    file = laptop.write()
    laptop.door.post(write_kobo(BASE, frozen=office.frozen)[0])
    receipt = take(engine, file, door_keys, hands_keys).receipt

    def shred(receipt: str) -> int:
        with Session(laptop.engine) as session, session.begin():
            done = shred_accepted(session, COMMAND_LINE, BytesIO(file), receipt=receipt, keys=laptop.keys)
        assert done.left == 0
        return done.shredded

    for wrong in ("", "000000000000", receipt[::-1], "é"):
        with pytest.raises(PimError) as caught:
            shred(wrong)
        assert caught.value.code is ErrorCode.WRONG_SECRET
    assert (shred(receipt.upper()), shred(receipt)) == (1, 0)
    left = rows(laptop.engine, "SELECT state, reason, body IS NULL AS gone FROM entries ORDER BY state")
    assert left == [
        {"state": "settled", "reason": "carried", "gone": True},
        {"state": "untouched", "reason": None, "gone": False},
    ]


def write_pair(office: Household) -> tuple[bytes, bytes]:
    """A yes and a no under one id."""
    yes, root = write_kobo(BASE, frozen=office.frozen)
    return yes, write_kobo({**BASE, "con_interview": "no"}, frozen=office.frozen, root=root)[0]


def states(engine: Engine) -> list[tuple[str, str | None]]:
    found = rows(engine, "SELECT state, reason FROM entries ORDER BY state DESC, received_at")
    return [(row["state"], row["reason"]) for row in found]


def test_what_contradicts_another_is_carried_beside_it_and_held_once(
    make_laptop: Callable[..., Laptop], office: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    laptop = make_laptop()
    for body in write_pair(office):
        assert laptop.door.post(body).status_code == 202
    taken = [take(engine, laptop.write(), door_keys, hands_keys) for _ in range(2)]
    assert [(one.new, one.known) for one in taken] == [(2, 0), (0, 2)]
    office.settle()
    assert states(engine) == [("settled", "kept"), ("held", "conflict")]
    assert rows(engine, "SELECT contradicts_entry FROM entries WHERE state = 'held'") == rows(
        engine, "SELECT id AS contradicts_entry FROM entries WHERE state = 'settled'"
    )


def test_what_one_phone_carried_contradicts_what_another_did(
    make_laptop: Callable[..., Laptop], office: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    for body in write_pair(office):
        laptop = make_laptop()
        laptop.door.post(body)
        with laptop.engine.begin() as connection:
            connection.execute(text("UPDATE entries SET via = 'phone', hook = NULL"))
        for new in (1, 0):
            assert take(engine, laptop.write(), door_keys, hands_keys).new == new
    office.settle()
    assert states(engine) == [("settled", "kept"), ("held", "conflict")]


@pytest.mark.parametrize(("consent", "held"), [("yes", []), ("no", [("held", "conflict")])])
def test_what_was_carried_is_compared_with_what_the_office_got_by_another_way(
    make_laptop: Callable[..., Laptop],
    office: Household,
    engine: Engine,
    door_keys: DoorKeys,
    hands_keys: HandsKeys,
    consent: str,
    held: list[tuple[str, str]],
) -> None:
    yes, root = write_kobo(BASE, frozen=office.frozen)
    answers = {name: BASE[name] for name in ("con_adult", "con_understood")}
    short, _ = write_kobo({**answers, "con_interview": consent}, frozen=office.frozen, root=root)
    office.door.post(yes)
    laptop = make_laptop()
    laptop.door.post(short)
    for new in (1, 0):
        assert take(engine, laptop.write(), door_keys, hands_keys).new == new
    office.settle()
    office.settle()
    assert [one for one in states(engine) if one[0] == "held"] == held
    assert rows(engine, "SELECT state FROM submissions") == [{"state": "kept"}]


def test_nothing_is_shredded_for_a_file_that_was_changed(
    make_laptop: Callable[..., Laptop], office: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    laptop = make_laptop()
    laptop.door.post(write_kobo(BASE, frozen=office.frozen)[0])
    file = laptop.write()
    receipt = take(engine, file, door_keys, hands_keys).receipt
    changed = file.replace(b'"server":"kobo"', b'"server":"Kobo"')
    for other in (changed, file[:-10], b""):
        with Session(laptop.engine) as session, pytest.raises(PimError) as caught:
            shred_accepted(session, COMMAND_LINE, BytesIO(other), receipt=receipt, keys=laptop.keys)
        assert caught.value.code is ErrorCode.BAD_FILE
    assert states(laptop.engine) == [("untouched", None)]


@pytest.mark.parametrize("change", [{"intake": "AAAA"}, {"carry": ""}, {"label": ""}, {"pimcollect intake key": "2"}])
def test_a_file_that_is_no_intake_key_changes_nothing(
    door_keys: DoorKeys, tmp_path: Path, change: dict[str, str]
) -> None:
    door = tmp_path / "door.json"
    create_keys(door, tmp_path / "hands.json")
    before = door.read_bytes()
    told = door_keys.intake.key_id.hex()
    for document in ({**write_intake_key(door_keys, "a"), **change}, None, [], {}):
        with pytest.raises(PimError) as caught:
            import_intake_key(document, door, told_id=told)
        assert caught.value.code is ErrorCode.BAD_FILE
    with pytest.raises(PimError) as caught:
        import_intake_key(write_intake_key(door_keys, "a"), door, told_id="0" * 16)
    assert caught.value.code is ErrorCode.BAD_KEYS
    assert door.read_bytes() == before
