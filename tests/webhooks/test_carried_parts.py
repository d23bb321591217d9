"""A phone sends in parts, and the laptop is carried in between: whatever the order, nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from forms.release import Frozen
from pimcollect.actions.form_keys import choose_public_key, create_form_key
from pimcollect.actions.forms import keep_version
from pimcollect.actions.releases import release_to_phones
from pimcollect.config import Settings
from pimcollect.db import open_sessions
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.carried import shred_carried
from pimcollect.vault import DoorKeys, HandsKeys
from tests.factories.encrypted import FORM, PEM, Post, freeze_encrypted
from tests.factories.envelopes import Sealed
from tests.factories.households import open_household
from tests.factories.laptops import Machine, set_up_machine
from tests.factories.phones import Phones, open_phones, write_odk
from tests.webhooks.openrosa.conftest import XFORM
from tests.workers.test_pictures import ANSWERS, JPEG, PHOTO, picture_version
from tests.workers.test_pictures import FORM as SMALL
from webhooks.carried import Shredded, Taken, accept_carried
from webhooks.media import Stored
from workers.hands import open_hands
from workers.retention import retain
from workers.settle import settle_waiting

PICTURE = "1.jpg.enc"
WHOLE = "submission.xml.enc"


@dataclass(frozen=True)
class Field:
    """A laptop with its phone, the office, and an encrypted interview that the phone has."""

    laptop: Machine
    phones: Phones
    office: Post
    hands: HandsKeys
    sealed: Sealed

    def send(self, *names: str, more: bool = False) -> int:
        """The phone posts these files; `more` = others are announced. What it is told."""
        files = {name: self.sealed.files[name] for name in names}
        status: int = self.phones.post(self.sealed.envelope, files, is_incomplete=more).status_code
        return status

    def accept(self, file: bytes) -> Taken:
        """At the office, whose workers then do theirs."""
        sessions = open_sessions(self.office.engine)
        taken = accept_carried(sessions, COMMAND_LINE, BytesIO(file), keys=self.office.keys, hands=self.hands)
        self.office.settle()
        return taken

    def bring(self) -> tuple[bytes, str]:
        """Carried and accepted; the file and its receipt."""
        file, written = self.laptop.carry()
        assert written.deliveries == 1
        return file, self.accept(file).receipt

    def look(self, query: str) -> list[tuple[Any, ...]]:
        """Of the laptop."""
        with self.laptop.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def change(self, statement: str) -> None:
        with self.laptop.engine.begin() as connection:
            connection.execute(text(statement))

    def give_up_waiting(self) -> None:
        self.change("UPDATE entries SET waits_until = clock_timestamp() - interval '1 second'")

    def work(self) -> None:
        """The laptop's own workers, who have no key to open anything."""
        hands = open_hands(self.laptop.settings)
        settle_waiting(hands)
        hands.engine.dispose()


@pytest.fixture
def field(
    settings: Settings,
    engine: Engine,
    door_keys: DoorKeys,
    hands_keys: HandsKeys,
    fresh_database: Callable[..., str],
    tmp_path: Path,
) -> Iterator[Field]:
    laptop = set_up_machine(settings, door_keys, database_url=fresh_database(), folder=tmp_path)
    household, there = open_household(settings, engine), open_household(laptop.settings, laptop.engine)
    with Session(engine) as session, session.begin():
        create_form_key(session, COMMAND_LINE, FORM, intake=door_keys.intake, pem=PEM)
        frozen = freeze_encrypted(choose_public_key(session, FORM))
    for one in (engine, laptop.engine):
        with Session(one) as session, session.begin():
            keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
    phones = open_phones(laptop.settings, laptop.engine, FORM)
    office = Post(household, frozen, engine, door_keys)
    yield Field(laptop, phones, office, hands_keys, office.encrypt(media={"1.jpg": b"Canary picture"}))
    for used in (phones.puts, laptop.engine, household.hands.engine, there.hands.engine):
        used.dispose()


def test_what_still_waits_for_its_rest_is_not_carried_and_is_counted(field: Field) -> None:
    assert field.send(PICTURE, more=True) == 201
    _, written = field.laptop.carry()
    assert (written.deliveries, written.files, written.incomplete) == (0, 0, 1)
    assert field.send(WHOLE) == 201
    file, written = field.laptop.carry()
    assert (written.deliveries, written.files, written.incomplete) == (1, 2, 0)
    receipt = field.accept(file).receipt
    assert field.office.states() == [("settled", "kept")]
    assert field.laptop.shred(file, receipt) == Shredded(1, 0)
    assert field.look("SELECT DISTINCT state, content FROM media") == [("shredded", None)]


@pytest.mark.parametrize("has_workers", [False, True])
def test_what_waited_for_its_time_is_carried_as_it_is_and_its_rest_after_it(field: Field, has_workers: bool) -> None:
    field.send(PICTURE, more=True)
    field.give_up_waiting()
    if has_workers:
        field.work()
        assert field.look("SELECT state, reason FROM entries") == [("held", "key_missing")]
    file, receipt = field.bring()
    assert field.office.states() == [("held", "files_missing")]
    assert field.laptop.shred(file, receipt) == Shredded(1, 0)
    assert field.send(WHOLE) == 201
    field.bring()
    assert field.office.states() == [("settled", "kept")]


def test_a_file_that_came_after_the_stick_was_written_is_not_shredded_with_it(field: Field) -> None:
    field.send(PICTURE, more=True)
    field.give_up_waiting()
    file, receipt = field.bring()
    assert field.send(WHOLE) == 201
    assert field.laptop.shred(file, receipt) == Shredded(0, 1)
    assert field.look("SELECT state, content IS NOT NULL FROM media") == [("waiting", True)] * 2
    second, receipt = field.bring()
    assert field.office.states() == [("settled", "kept")]
    assert field.laptop.shred(file, field.accept(file).receipt) == Shredded(0, 1), "the first stick lacks it for ever"
    assert field.laptop.shred(second, receipt) == Shredded(1, 0)
    assert field.look("SELECT DISTINCT state, content FROM media") == [("shredded", None)]
    assert field.laptop.carry()[1].deliveries == 0


def test_a_file_that_comes_after_the_shredding_is_kept_and_carried_once(field: Field) -> None:
    field.send(PICTURE)
    first, receipt = field.bring()
    assert field.laptop.shred(first, receipt) == Shredded(1, 0)
    assert field.send(PICTURE) == 202
    assert field.look("SELECT state, reason FROM entries") == [("settled", "carried")], "it brought nothing new"
    assert field.send(WHOLE) == 201
    assert field.laptop.shred(first, receipt) == Shredded(0, 0), "what came since is not in that file"
    second, receipt = field.bring()
    assert field.office.states() == [("settled", "kept")]
    for _ in range(2):
        taken = field.accept(second)
        assert (taken.new, taken.known) == (0, 1)
    assert field.office.states() == [("settled", "kept")]
    assert field.office.rows("SELECT DISTINCT state, content FROM media") == [{"state": "shredded", "content": None}]
    assert field.laptop.shred(second, receipt) == Shredded(1, 0)
    assert [field.send(PICTURE), field.send(WHOLE), field.send(PICTURE, WHOLE)] == [202] * 3
    assert field.laptop.carry()[1].deliveries == 0


def test_parts_that_go_on_after_the_shredding_are_waited_for_as_those_before_it(field: Field) -> None:
    field.send(more=True)
    field.give_up_waiting()
    first, receipt = field.bring()
    field.laptop.shred(first, receipt)
    assert field.send(PICTURE, more=True) == 201
    assert field.look("SELECT state, reason FROM entries") == [("untouched", "incomplete")]
    assert field.laptop.carry()[1].incomplete == 1
    assert field.send(WHOLE) == 201
    field.bring()
    assert field.office.states() == [("settled", "kept")]


def test_a_file_that_nothing_names_is_kept_too_when_it_comes_after_the_shredding(field: Field) -> None:
    field.send(PICTURE, WHOLE)
    first, receipt = field.bring()
    field.laptop.shred(first, receipt)
    post = (field.sealed.envelope, {"audit.csv": b"Canary"})
    assert [field.phones.post(*post).status_code for _ in range(2)] == [201, 202]
    second, receipt = field.bring()
    assert field.office.rows("SELECT state FROM media WHERE content IS NOT NULL") == [{"state": "quarantined"}]
    assert field.laptop.shred(second, receipt) == Shredded(1, 0)


def test_what_came_since_outlives_the_days_after_which_settled_entries_go(field: Field) -> None:
    field.send(PICTURE)
    first, receipt = field.bring()
    field.laptop.shred(first, receipt)
    field.change("UPDATE entries SET settled_at = settled_at - interval '400 days'")
    field.send(WHOLE)
    field.change("UPDATE media SET received_at = received_at - interval '400 days'")
    retain(open_sessions(field.laptop.engine), entry_days=1, quarantine_days=1)
    field.bring()
    assert field.office.states() == [("settled", "kept")]


def test_whatever_is_at_the_same_moment_what_the_phone_was_told_of_reaches_the_office(field: Field) -> None:
    for _ in range(6):
        sealed = field.office.encrypt(media={"1.jpg": b"Canary picture"})
        one = Field(field.laptop, field.phones, field.office, field.hands, sealed)
        one.send(PICTURE)
        file, receipt = one.bring()
        with ThreadPoolExecutor(2) as pool:
            shredding = pool.submit(one.laptop.shred, file, receipt)
            assert pool.submit(one.send, WHOLE).result() == 201
            shredding.result()
        last, receipt = one.bring()
        assert one.office.states()[-1] == ("settled", "kept")
        one.laptop.shred(last, receipt)


def test_another_file_of_a_name_that_the_office_has_is_held_beside_and_not_lost(field: Field) -> None:
    field.office.bring(field.sealed.envelope)
    assert field.office.bring_file(field.sealed, PICTURE, b"an intruder's") is Stored.NEW
    field.office.settle()
    field.send(PICTURE, WHOLE)
    file, _ = field.bring()
    assert field.office.states() == [("held", "files_missing"), ("held", "conflict")]
    assert field.office.rows("SELECT count(*) FROM media WHERE state = 'waiting'") == [{"count": 3}]
    field.accept(file)
    assert field.office.rows("SELECT count(*) FROM media WHERE state = 'waiting'") == [{"count": 3}]


def test_a_late_file_for_a_machine_that_carried_it_on_is_carried_on_too(field: Field) -> None:
    field.send(PICTURE)
    field.bring()
    with field.office.engine.begin() as connection:  # the office carried it on, and shredded it
        connection.execute(text("UPDATE entries SET state = 'settled', reason = 'carried', body = NULL"))
    field.send(WHOLE)
    file, _ = field.laptop.carry()
    sessions, office = open_sessions(field.office.engine), field.office.keys
    for _ in range(2):
        accept_carried(sessions, COMMAND_LINE, BytesIO(file), keys=office, hands=field.hands)
    assert field.office.states() == [("untouched", None)]
    assert field.office.rows("SELECT via, body IS NULL AS gone FROM entries") == [{"via": "carried", "gone": False}]


def test_files_of_a_contradicting_copy_that_was_carried_go_with_that_copy_and_leave_the_other_alone(
    field: Field,
) -> None:
    field.send(PICTURE, WHOLE)
    root = field.sealed.fields["instance_id"].removeprefix("uuid:")
    other = field.office.encrypt(root=root, media={"1.jpg": b"another Canary picture"})

    def send_other(*names: str) -> int:
        status: int = field.phones.post(other.envelope, {name: other.files[name] for name in names}).status_code
        return status

    assert send_other(PICTURE) == 409
    first, written = field.laptop.carry()
    assert (written.deliveries, written.files) == (2, 3)
    assert field.laptop.shred(first, field.accept(first).receipt) == Shredded(2, 0)
    assert [send_other(PICTURE), send_other(WHOLE), send_other(WHOLE)] == [202, 201, 409], "it waits for a person again"
    assert field.send(PICTURE, WHOLE) == 202
    second, receipt = field.bring()
    assert field.office.states() == [("settled", "kept"), ("held", "conflict")]
    assert field.office.rows("SELECT count(*) FROM media WHERE state = 'waiting'") == [{"count": 2}]
    assert field.laptop.shred(second, receipt) == Shredded(1, 0)
    assert send_other(PICTURE, WHOLE) == 202


def test_a_picture_that_comes_after_its_interview_was_carried_and_settled_reaches_its_case_once(field: Field) -> None:
    body, _ = write_odk(ANSWERS, frozen=Frozen(picture_version(), b"", XFORM))
    for one in (field.office.engine, field.laptop.engine):
        with Session(one) as session, session.begin():
            keep_version(session, COMMAND_LINE, version=picture_version(), xlsx=b"", xform=XFORM)
            release_to_phones(session, COMMAND_LINE, SMALL)
    assert field.phones.post(body).status_code == 201
    first, receipt = field.bring()
    assert field.office.rows("SELECT state FROM pictures") == [{"state": "awaited"}]
    field.laptop.shred(first, receipt)
    assert field.phones.post(body, {PHOTO: JPEG}).status_code == 201
    second, _ = field.bring()
    for _ in range(2):
        assert field.office.rows("SELECT state FROM pictures") == [{"state": "kept"}]
        assert field.office.rows("SELECT state, content FROM media") == [{"state": "shredded", "content": None}]
        field.accept(second)
    assert field.office.states() == [("settled", "kept")]


def test_more_files_than_one_list_holds_are_left_and_not_lost(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pimcollect.tables.media.MOST_FILES", 1)
    field.send(PICTURE, WHOLE)
    file, written = field.laptop.carry()
    assert written.files == 1
    assert field.laptop.shred(file, field.accept(file).receipt) == Shredded(0, 1)


def test_shredding_takes_the_files_that_were_carried_and_no_other(field: Field) -> None:
    """Also one that comes between the look and the shredding, on a way that does not lock the entry."""
    field.send(PICTURE, WHOLE)
    ((entry, name, content),) = field.look(
        "SELECT entries.id, name_digest, media.content FROM entries JOIN media USING (form, identity) LIMIT 1"
    )
    with Session(field.laptop.engine) as session, session.begin():
        shred_carried(session, entry, {name: sha256(content).digest()})
    assert field.look("SELECT state FROM media ORDER BY state") == [("shredded",), ("waiting",)]


def test_another_file_of_a_name_that_was_carried_and_shredded_is_carried_too_and_mends_what_was_damaged(
    field: Field,
) -> None:
    good = field.sealed.files
    damaged = {**good, WHOLE: good[WHOLE][:-1] + bytes([good[WHOLE][-1] ^ 1])}
    assert field.phones.post(field.sealed.envelope, damaged).status_code == 201
    first, receipt = field.bring()
    assert field.office.states() == [("held", "tampered")]
    assert field.phones.post(field.sealed.envelope, good).status_code == 409
    field.laptop.shred(first, receipt)
    assert [field.phones.post(field.sealed.envelope, one).status_code for one in (damaged, good, good)] == [
        202,
        201,
        202,
    ]
    second, receipt = field.bring()
    assert field.office.states() == [("settled", "kept")]
    assert field.laptop.shred(second, receipt) == Shredded(1, 0)
    assert field.phones.post(field.sealed.envelope, good).status_code == 202
    assert field.laptop.carry()[1].deliveries == 0
