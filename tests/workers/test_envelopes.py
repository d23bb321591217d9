"""Encrypted submissions: parked until whole, opened only by the key of their form, and then like any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from pimcollect.actions.form_keys import choose_public_key, create_form_key, retire_form_key
from pimcollect.actions.forms import keep_version
from pimcollect.actions.inbox import say_missing
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.entries import find_entries
from pimcollect.tables.form_keys import find_newest_key
from pimcollect.vault import DoorKeys, create_open_key
from tests.factories.encrypted import ANSWERS, FORM, PEM, Post, freeze_encrypted
from tests.factories.envelopes import Sealed
from tests.factories.households import open_household, write_kobo
from tests.factories.phones import write_odk
from webhooks.media import Stored
from workers.hands import open_hands
from workers.settle import settle_waiting


@pytest.fixture
def post(settings: Settings, engine: Engine, door_keys: DoorKeys) -> Iterator[Post]:
    household = open_household(settings, engine)
    with Session(engine) as session, session.begin():
        create_form_key(session, COMMAND_LINE, FORM, intake=door_keys.intake, pem=PEM)
        frozen = freeze_encrypted(choose_public_key(session, FORM))
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
    yield Post(household, frozen, engine, door_keys)
    household.hands.engine.dispose()


def test_an_envelope_waits_for_its_files_says_for_how_many_and_goes_on_by_itself(post: Post) -> None:
    sealed = post.encrypt(media={"1.jpg": b"picture", "voice.m4a": b"sound"})
    post.bring(sealed.envelope)
    post.settle()
    assert post.states() == [("held", "files_missing")]
    told = []
    for name in ("voice.m4a.enc", "submission.xml.enc"):
        post.bring_file(sealed, name)
        post.settle()
        with Session(post.engine) as session:
            told += [say_missing(row) for row in find_entries(session)]
    assert told == ["2 of 3 files", "1 of 3 files"]
    post.bring_file(sealed, "1.jpg.enc")
    post.settle()
    assert post.states() == [("settled", "kept")]
    assert post.rows("SELECT DISTINCT state, content FROM media") == [{"state": "shredded", "content": None}]


def test_waiting_costs_no_attempt_however_long_it_takes(post: Post) -> None:
    sealed = post.encrypt()
    post.bring(sealed.envelope)
    for _ in range(12):
        post.settle()
    assert post.rows("SELECT attempts FROM entries") == [{"attempts": 1}]
    post.bring_file(sealed, "submission.xml.enc")
    post.settle()
    assert post.states() == [("settled", "kept")]


def test_files_that_come_before_their_envelope_are_found(post: Post) -> None:
    sealed = post.encrypt(media={"1.jpg": b"picture"})
    for name in reversed(sealed.files):
        post.bring_file(sealed, name)
    post.bring(sealed.envelope)
    post.settle()
    assert post.states() == [("settled", "kept")]


def stored(post: Post) -> tuple[Any, ...]:
    submissions = post.rows("SELECT state, shared, restricted, findings, may_share, screening, place FROM submissions")
    referrals = post.rows("SELECT pathway, state, course, urgency, service, place, case_id IS NULL FROM referrals")
    return submissions, referrals, post.rows("SELECT kind, detail, n FROM tallies")


def test_what_is_kept_of_it_is_what_would_be_kept_of_the_same_answers_in_clear(post: Post) -> None:
    post.bring_all(post.encrypt())
    post.settle()
    (kept,), referrals, _ = stored(post)
    assert kept["state"] == "kept"
    assert len(referrals) == 1
    plain, _ = write_odk(ANSWERS, frozen=post.household.frozen)
    post.bring(plain)
    post.settle()
    both, all_referrals, _ = stored(post)
    version = {"pim_catalogue_version": None}
    one, other = ({**row, "shared": {**row["shared"], **version}} for row in both)
    assert one == other
    assert all_referrals == referrals * 2


@pytest.mark.parametrize("answer", ["no", "maybe", None])
def test_a_refusal_inside_keeps_nothing(post: Post, answer: str | None) -> None:
    post.bring_all(post.encrypt({**ANSWERS, "con_interview": answer}))
    post.settle()
    assert post.rows("SELECT state, shared, restricted FROM submissions") == [
        {"state": "tombstone", "shared": None, "restricted": None}
    ]


def test_kobo_s_hook_brings_the_envelope_and_the_fetched_files_make_it_whole(post: Post) -> None:
    sealed = post.encrypt(media={"1.jpg": b"picture"})
    assert post.household.door.post(sealed.as_kobo()).status_code == 202
    post.settle()
    assert post.states() == [("held", "files_missing")]
    post.bring(sealed.as_kobo(number=16), via="pull", server="kobo")
    post.bring(sealed.envelope, via="pull", server="odk")
    for name in sealed.files:
        post.bring_file(sealed, name)
    post.settle()
    assert post.states() == [("settled", "kept")]
    assert post.household.door.post(sealed.as_kobo()).status_code == 202
    post.settle()
    assert post.states() == [("settled", "kept")]


def test_an_edit_and_its_late_original_are_in_order_although_only_the_inside_tells_it(post: Post) -> None:
    original = post.encrypt(root="11111111-1111-4111-8111-111111111111")
    edit = post.encrypt(
        {**ANSWERS, "con_share": "no"},
        root="22222222-2222-4222-8222-222222222222",
        deprecated="11111111-1111-4111-8111-111111111111",
    )
    post.bring_all(edit)
    post.settle()
    post.bring_all(original)
    post.settle()
    assert post.states() == [("settled", "changed"), ("settled", "kept")]
    assert post.rows("SELECT may_share FROM submissions") == [{"may_share": False}]


def test_two_workers_at_once_settle_each_envelope_once(post: Post, settings: Settings) -> None:
    for _ in range(6):
        post.bring_all(post.encrypt(media={"1.jpg": b"picture"}))
    other = open_hands(settings)
    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(settle_waiting, own) for own in (post.household.hands, other)]:
            work.result()
    other.engine.dispose()
    assert post.states() == [("settled", "kept")] * 6
    assert post.rows("SELECT count(*) AS n FROM submissions") == [{"n": 6}]
    assert post.rows("SELECT count(*) AS n FROM media WHERE state <> 'shredded'") == [{"n": 0}]


def test_readable_twins_beside_encrypted_files_are_destroyed_unread_and_counted(post: Post) -> None:
    sealed = post.encrypt(media={"1.jpg": b"picture"})
    post.bring(sealed.envelope)
    post.bring_file(sealed, "1.jpg", b"a readable twin, Canary")
    post.settle()
    for name in sealed.files:
        post.bring_file(sealed, name)
    post.bring_file(sealed, "submission.xml", b"<data>made up</data>")
    post.settle()
    (row,) = post.rows("SELECT state, findings FROM submissions")
    assert (row["state"], row["findings"]["files not_encrypted"]) == ("kept", 2)
    assert {one["state"] for one in post.rows("SELECT state FROM media")} == {"shredded"}


def damage(sealed: Sealed, name: str) -> bytes:
    return bytes([sealed.files[name][0] ^ 1]) + sealed.files[name][1:]


@pytest.mark.parametrize("name", ["1.jpg.enc", "submission.xml.enc"])
def test_a_changed_file_is_held_and_nothing_of_it_is_kept(post: Post, name: str) -> None:
    sealed = post.encrypt(media={"1.jpg": b"picture" * 9})
    post.bring(sealed.envelope)
    for one in sealed.files:
        post.bring_file(sealed, one, damage(sealed, one) if one == name else None)
    post.settle()
    assert post.states() in ([("held", "tampered")], [("held", "unreadable")])
    assert post.rows("SELECT * FROM submissions") == []


def test_sent_again_whole_it_settles_and_a_good_file_is_never_replaced(post: Post) -> None:
    sealed = post.encrypt(media={"1.jpg": b"picture" * 9})
    post.bring(sealed.envelope)
    post.bring_file(sealed, "submission.xml.enc")
    assert post.bring_file(sealed, "1.jpg.enc", damage(sealed, "1.jpg.enc")) is Stored.NEW
    assert post.bring_file(sealed, "1.jpg.enc") is Stored.OTHER  # nobody knows yet which one is changed
    post.settle()
    assert post.states() == [("held", "tampered")]
    assert post.bring_file(sealed, "1.jpg.enc") is Stored.NEW
    post.settle()
    assert post.states() == [("settled", "kept")]
    assert post.bring_file(sealed, "1.jpg.enc", b"another") is Stored.SAME
    assert {one["content"] for one in post.rows("SELECT content FROM media")} == {None}


def test_another_submission_inside_is_held(post: Post) -> None:
    post.bring_all(post.encrypt(instance_id="uuid:33333333-3333-4333-8333-333333333333"))
    post.settle()
    assert post.states() == [("held", "tampered")]


def test_another_form_inside_is_held(post: Post) -> None:
    post.bring_all(post.encrypt({**ANSWERS}, form="hh_core"))
    post.settle()
    assert post.states() == [("held", "tampered")]


def test_without_the_key_it_is_held_and_a_key_that_comes_settles_it(post: Post, engine: Engine) -> None:
    sealed = post.encrypt()
    with Session(engine) as session, session.begin():
        old = find_newest_key(session, FORM)
        assert old is not None
        session.expunge(old)
        session.execute(text("DELETE FROM form_keys"))
        create_form_key(session, COMMAND_LINE, FORM, intake=post.keys.intake)
    post.bring_all(sealed)
    post.settle()
    assert post.states() == [("held", "key_missing")]
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO form_keys VALUES (:id, :form, :fingerprint, :public_key, :sealed, :created_at)"),
            {name: getattr(old, name) for name in ("id", "form", "fingerprint", "public_key", "sealed", "created_at")},
        )
        connection.execute(text("UPDATE entries SET state = 'untouched', reason = NULL"))
    post.settle()
    assert post.states() == [("settled", "kept")]


def test_a_form_without_any_key_holds_it_as_encrypted(post: Post, engine: Engine) -> None:
    sealed = post.encrypt()
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM form_keys"))
    post.bring_all(sealed)
    post.settle()
    assert post.states() == [("held", "encrypted")]


def test_a_retired_key_still_opens_what_comes_late(post: Post) -> None:
    sealed = post.encrypt()
    with Session(post.engine) as session, session.begin():
        row = find_newest_key(session, FORM)
        assert row is not None
        retire_form_key(session, COMMAND_LINE, row.fingerprint)
        create_form_key(session, COMMAND_LINE, FORM, intake=post.keys.intake)
    post.bring_all(sealed)
    post.bring_all(post.encrypt())
    post.settle()
    assert post.states() == [("settled", "kept")] * 2


def test_workers_without_the_key_of_the_vault_hold_it(post: Post) -> None:
    post.bring_all(post.encrypt())
    hands = post.household.hands
    kept, others = hands.read_keys, replace(hands.keys, intake=(create_open_key(),))
    hands.read_keys = lambda: others
    try:
        post.settle()
        assert post.states() == [("held", "key_missing")]
    finally:
        hands.read_keys = kept


@pytest.mark.parametrize("via", ["phone", "pull"])
def test_a_readable_submission_to_an_encrypted_form_is_held(post: Post, via: str) -> None:
    body, _ = write_odk(ANSWERS, frozen=post.frozen)
    post.bring(body, via=via)
    post.settle()
    assert post.states() == [("held", "plain_in_encrypted")]
    assert post.rows("SELECT * FROM submissions") == []


def test_a_readable_twin_never_takes_the_place_of_an_envelope(post: Post) -> None:
    sealed = post.encrypt(root="44444444-4444-4444-8444-444444444444")
    twin, _ = write_odk(
        {**ANSWERS, "con_interview": "no"}, frozen=post.frozen, root="44444444-4444-4444-8444-444444444444"
    )
    post.bring(sealed.envelope)
    assert not post.bring(twin, via="pull").is_new
    post.settle()
    assert not post.bring(twin, via="pull").is_new
    for name in sealed.files:
        post.bring_file(sealed, name)
    post.settle()
    assert not post.bring(twin, via="pull").is_new
    post.settle()
    assert post.states() == [("settled", "kept")]


def test_a_readable_twin_by_hook_is_held_beside_the_envelope(post: Post) -> None:
    sealed = post.encrypt(root="44444444-4444-4444-8444-444444444444")
    twin, _ = write_kobo(ANSWERS, frozen=post.frozen, root="44444444-4444-4444-8444-444444444444")
    post.bring_all(sealed)
    post.settle()
    door = post.household.door
    assert [door.post(twin).status_code for _ in range(2)] == [202, 202]
    post.settle()
    assert post.states() == [("settled", "kept"), ("held", "plain_in_encrypted")]
    assert len(post.rows("SELECT * FROM submissions")) == 1


def test_an_envelope_takes_the_place_of_a_readable_twin_that_is_held(post: Post) -> None:
    sealed = post.encrypt(root="55555555-5555-4555-8555-555555555555")
    twin, _ = write_odk(ANSWERS, frozen=post.frozen, root="55555555-5555-4555-8555-555555555555")
    post.bring(twin, via="pull")
    post.settle()
    assert post.states() == [("held", "plain_in_encrypted")]
    post.bring_all(sealed)
    post.settle()
    assert post.states() == [("settled", "kept")]


def test_an_envelope_with_missing_parts_is_unreadable_and_the_whole_one_takes_its_place(post: Post) -> None:
    sealed = post.encrypt()
    poor = json.loads(sealed.as_kobo())
    del poor["base64EncryptedElementSignature"]
    post.bring(json.dumps(poor).encode(), via="pull", server="kobo")
    post.settle()
    assert post.states() == [("held", "unreadable")]
    post.bring(sealed.as_kobo(), via="pull", server="kobo")
    post.bring_file(sealed, "submission.xml.enc")
    post.settle()
    assert post.states() == [("settled", "kept")]


def test_an_envelope_costs_three_queries_and_one_for_each_file(post: Post) -> None:
    asked: list[str] = []
    event.listen(post.household.hands.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    costs = []
    for count in (2, 6):
        for _ in range(count):
            post.bring_all(post.encrypt())
        asked.clear()
        assert post.household.settle() == count
        costs.append(len(asked))
    assert post.states() == [("settled", "kept")] * 8
    assert costs[1] - costs[0] <= 4 * (3 + 1)


def test_nothing_readable_is_ever_in_the_database(post: Post) -> None:
    sealed = post.encrypt(media={"Canary Nadia.jpg": b"canary picture"})
    post.bring_all(sealed)
    for _ in range(2):
        everything = str(
            [post.rows(f"SELECT {table}::text FROM {table}") for table in ("entries", "media", "form_keys")]
        )
        for word in ("Canary", b"Canary".hex(), b"canary picture".hex(), b"PRIVATE".hex()):
            assert word not in everything
        post.settle()
