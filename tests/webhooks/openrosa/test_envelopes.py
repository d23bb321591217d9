"""Encrypted submissions by phone: their files are stored with them, sealed once more, and whole they are settled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from forms.bank import read_starter
from forms.places import read_starter_places
from forms.release import Frozen, build_form
from pimcollect.actions.form_keys import choose_public_key, create_form_key
from pimcollect.actions.forms import keep_version
from pimcollect.actions.inbox import replay_entry
from pimcollect.actions.releases import release_to_phones
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.vault import DoorKeys
from tests.factories.collect import Collect, read_message
from tests.factories.envelopes import Sealed, encrypt_submission, rsa_key
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import Phones, serve, write_odk
from webhooks.openrosa.words import WORDS
from workers.sweep import open_clock, sweep
from workers.withdraw import withdraw

FORM = "hh"
PICTURES = {"1.jpg": b"Canary picture", "2.jpg": b"Canary picture too"}
PEM = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
Look = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def frozen(phones: Phones, engine: Engine, door_keys: DoorKeys) -> Frozen:
    """The household form as phones encrypt it, released."""
    with Session(engine) as session, session.begin():
        create_form_key(session, COMMAND_LINE, FORM, intake=door_keys.intake, pem=PEM)
        public_key = choose_public_key(session, FORM)
        frozen = build_form(read_starter(), FORM, places=read_starter_places(), public_key=public_key)
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
        release_to_phones(session, COMMAND_LINE, FORM)
    return frozen


def encrypt(frozen: Frozen, media: dict[str, bytes] = PICTURES, **more: Any) -> Sealed:
    body, edition = write_odk(SCENARIOS["base_answers"], frozen=frozen, **more)
    version = frozen.version.version
    key = rsa_key().public_key()
    return encrypt_submission(body, form=FORM, version=version, instance_id=f"uuid:{edition}", key=key, media=media)


def settle(household: Household) -> None:
    clock = open_clock(household.hands.settings)
    sweep(clock)
    clock.engine.dispose()
    household.settle()


def test_all_in_one_post_and_in_pieces_over_a_real_line_come_to_the_same(
    phones: Phones, household: Household, frozen: Frozen, look: Look
) -> None:
    with serve(phones.app) as address:
        collect = Collect(f"{address}/phones", phones.account.name, phones.account.secret)
        for split in (None, 1):
            sealed = encrypt(frozen)
            twin = next(iter(sealed.files)).removesuffix(".enc")
            files = {**sealed.files, "plain.jpg": b"Canary", twin: b"Canary"}
            assert collect.submit(sealed.envelope, files, split=split) == [201] * (5 if split else 1)
            assert collect.submit(sealed.envelope, files) == [202]
        collect.close()
    assert look("SELECT state, count(*) FROM media GROUP BY 1 ORDER BY 1") == [("quarantined", 2), ("waiting", 6)]
    assert look("SELECT dropped_files FROM entries ORDER BY received_at")[0] == (2,), "one has an encrypted twin"
    settle(household)
    assert look("SELECT state FROM submissions") == [("kept",), ("kept",)]
    assert look("SELECT DISTINCT state FROM media WHERE content IS NOT NULL") == [("quarantined",)]


def test_a_file_that_comes_late_completes_what_waited_for_it(
    phones: Phones, household: Household, frozen: Frozen, look: Look
) -> None:
    sealed = encrypt(frozen)
    names = sorted(sealed.files)
    assert phones.post(sealed.envelope, {names[0]: sealed.files[names[0]]}).status_code == 201
    settle(household)
    assert look("SELECT state, reason FROM entries") == [("held", "files_missing")]
    assert phones.post(sealed.envelope, {name: sealed.files[name] for name in names[1:]}).status_code == 201
    assert phones.post(sealed.envelope, sealed.files).status_code == 202
    settle(household)
    assert look("SELECT state FROM submissions") == [("kept",)]


def test_another_file_of_the_same_name_is_409_and_nothing_of_its_post_is_stored(
    phones: Phones, household: Household, frozen: Frozen, look: Look
) -> None:
    sealed = encrypt(frozen)
    one, *others = sorted(sealed.files)
    assert phones.post(sealed.envelope, {one: sealed.files[one]}, is_incomplete=True).status_code == 201
    refused = phones.post(sealed.envelope, {**{name: sealed.files[name] for name in others}, one: b"other"})
    assert (refused.status_code, read_message(refused.data)) == (409, WORDS["other_file"]["en"])
    assert look("SELECT count(*) FROM media") == [(1,)]
    assert phones.post(sealed.envelope, sealed.files).status_code == 201
    settle(household)
    assert look("SELECT state FROM submissions") == [("kept",)]


def test_a_first_post_whose_files_cannot_be_stored_leaves_no_entry_either(
    phones: Phones, frozen: Frozen, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.media.MOST_FILES", 1)
    sealed = encrypt(frozen)
    assert phones.post(sealed.envelope, sealed.files).status_code == 413
    assert look("SELECT count(*) FROM entries") == [(0,)]
    assert look("SELECT count(*) FROM media") == [(0,)]


def test_a_readable_twin_of_an_encrypted_submission_is_held_beside_and_never_takes_its_place(
    phones: Phones, household: Household, frozen: Frozen, look: Look, engine: Engine
) -> None:
    body, root = write_odk(SCENARIOS["base_answers"], frozen=frozen)
    sealed = encrypt(frozen, {}, root=root)
    assert phones.post(sealed.envelope, sealed.files).status_code == 201
    assert [phones.post(body).status_code for _ in range(2)] == [409, 409]
    settle(household)
    assert phones.post(body).status_code == 409
    kept, held = look("SELECT state, reason, contradicts, id FROM entries ORDER BY received_at")
    assert kept[:2] == ("settled", "kept")
    assert held[:3] == ("held", "plain_in_encrypted", root)
    with Session(engine) as session, pytest.raises(PimError) as caught:
        replay_entry(session, COMMAND_LINE, held[3])
    assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW


def test_a_readable_twin_goes_with_an_encrypted_interview_that_is_withdrawn(
    phones: Phones, household: Household, frozen: Frozen, look: Look
) -> None:
    body, root = write_odk(SCENARIOS["base_answers"], frozen=frozen)
    sealed = encrypt(frozen, {}, root=root)
    assert [phones.post(sealed.envelope, sealed.files).status_code, phones.post(body).status_code] == [201, 409]
    settle(household)
    ((submission,),) = look("SELECT id FROM submissions")
    withdraw(household.hands, submission)
    assert look("SELECT count(*) FROM entries WHERE body IS NOT NULL") == [(0,)]


def test_another_envelope_under_the_same_id_is_held_with_its_files_and_can_take_the_place(
    phones: Phones, household: Household, frozen: Frozen, look: Look, engine: Engine
) -> None:
    first = encrypt(frozen, root="44444444-4444-4444-8444-444444444444")
    other = encrypt(frozen, root="44444444-4444-4444-8444-444444444444")
    assert phones.post(first.envelope, first.files).status_code == 201
    names = list(other.files)
    parts = [{names[0]: other.files[names[0]]}, {name: other.files[name] for name in names[1:]}, other.files]
    assert [phones.post(other.envelope, part).status_code for part in parts] == [409] * 3
    settle(household)
    ((held,),) = look("SELECT id FROM entries WHERE state = 'held' AND reason = 'conflict'")
    assert look("SELECT count(*) FROM media WHERE content IS NOT NULL") == [(len(names),)]
    with Session(engine) as session, session.begin():
        replay_entry(session, COMMAND_LINE, held)
    settle(household)
    assert look("SELECT state, reason FROM entries ORDER BY settled_at")[-1] == ("settled", "unchanged")
    assert look("SELECT count(*) FROM media WHERE content IS NOT NULL") == [(0,)]


def test_the_files_of_what_is_held_beside_go_with_an_interview_that_is_withdrawn(
    phones: Phones, household: Household, frozen: Frozen, look: Look
) -> None:
    first = encrypt(frozen, root="44444444-4444-4444-8444-444444444444")
    other = encrypt(frozen, root="44444444-4444-4444-8444-444444444444")
    sent = [phones.post(one.envelope, one.files).status_code for one in (first, other)]
    assert sent == [201, 409]
    settle(household)
    ((submission,),) = look("SELECT id FROM submissions")
    withdraw(household.hands, submission)
    assert look("SELECT count(*) FROM media WHERE content IS NOT NULL") == [(0,)]


def test_no_readable_correction_takes_the_place_of_an_encrypted_submission(
    phones: Phones, household: Household, frozen: Frozen, look: Look, engine: Engine
) -> None:
    sealed = encrypt(frozen, {}, root="44444444-4444-4444-8444-444444444444")
    assert phones.post(sealed.envelope, sealed.files).status_code == 201
    settle(household)
    plain = build_form(read_starter(), FORM, places=read_starter_places())
    with Session(engine) as session, session.begin():
        keep_version(session, COMMAND_LINE, version=plain.version, xlsx=plain.xlsx, xform=plain.xform)
        release_to_phones(session, COMMAND_LINE, FORM)
    body, _ = write_odk(SCENARIOS["base_answers"], frozen=plain, deprecated="44444444-4444-4444-8444-444444444444")
    assert phones.post(body).status_code == 201
    settle(household)
    assert look("SELECT state, reason FROM entries ORDER BY received_at") == [
        ("settled", "kept"),
        ("held", "plain_in_encrypted"),
    ]
    ((held,),) = look("SELECT id FROM entries WHERE state = 'held'")
    with Session(engine) as session, pytest.raises(PimError):
        replay_entry(session, COMMAND_LINE, held)


def test_an_envelope_takes_the_place_of_a_readable_twin_that_came_first(
    phones: Phones, household: Household, frozen: Frozen, look: Look
) -> None:
    plain, root = write_odk(SCENARIOS["base_answers"], frozen=frozen)
    assert phones.post(plain).status_code == 201
    settle(household)
    assert look("SELECT state, reason FROM entries") == [("held", "plain_in_encrypted")]
    sealed = encrypt(frozen, {}, root=root)
    assert [phones.post(sealed.envelope, sealed.files).status_code for _ in range(2)] == [201, 202]
    settle(household)
    assert look("SELECT state, reason FROM entries") == [("settled", "kept")]
    assert phones.post(plain).status_code == 409
