"""What a phone is refused is counted for its reason, and for the phone where it is known; no stranger makes a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.actions.phones import add_phone, list_phones, renew_phone, revoke_phone
from pimcollect.config import Settings
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.marks import PHONES, PhoneRefusal, count_refusals
from pimcollect.tables.phones import close_phone_form
from pimcollect.vault import DoorKeys
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import Phones, make_phone_app, post_to, write_odk
from tests.webhooks.openrosa.test_access import HTTPS, LIST, SUBMISSION, ask
from tests.webhooks.openrosa.test_envelopes import encrypt
from webhooks.openrosa import tries

Look = Callable[[str], list[tuple[Any, ...]]]
BASE = SCENARIOS["base_answers"]
COUNTED = """
    SELECT name, reason, n FROM phone_refusals JOIN phones ON phones.id = phone_refusals.phone ORDER BY name, reason
"""


def write(phones: Phones) -> None:
    phones.app.extensions["phones"].marks.write()


@pytest.fixture
def refuse(
    phones: Phones, household: Household, engine: Engine, door_keys: DoorKeys
) -> Callable[[PhoneRefusal], tuple[int, str | None]]:
    """Makes one call that is refused for a reason; its status, and the phone that it is counted for."""
    device, frozen = phones.device.name, household.frozen

    def send_twice(reason: PhoneRefusal) -> int:
        if reason is PhoneRefusal.OTHER_FILE:
            sealed = encrypt(frozen)
            one, *_ = sorted(sealed.files)
            phones.post(sealed.envelope, {one: sealed.files[one]}, is_incomplete=True)
            return int(phones.post(sealed.envelope, {one: b"other"}).status_code)
        with Session(engine) as session, session.begin():
            other = add_phone(session, COMMAND_LINE, name="first", kind=PhoneKind.DEVICE, keys=door_keys)
        xml, root = write_odk(BASE, frozen=frozen)
        assert post_to(phones.client, f"/phones/key/{other.secret}/submission", xml).status_code == 201
        return int(phones.post(write_odk(BASE, frozen=frozen, deprecated=root)[0]).status_code)

    def run(reason: PhoneRefusal) -> tuple[int, str | None]:
        good = write_odk(BASE, frozen=frozen)[0]
        if reason is PhoneRefusal.PASSWORD:
            return ask(phones.client, phones, password="wrong").status_code, phones.account.name
        if reason is PhoneRefusal.UNKNOWN:
            return phones.client.get("/phones/key/wrong/formList").status_code, None
        if reason in (PhoneRefusal.OTHER_FILE, PhoneRefusal.NOT_YOURS):
            return send_twice(reason), device
        with Session(engine) as session, session.begin():
            if reason is PhoneRefusal.OLD_CODE:
                renew_phone(session, COMMAND_LINE, name=device, keys=door_keys)
            if reason is PhoneRefusal.ENDED:
                revoke_phone(session, COMMAND_LINE, name=device)
            if reason is PhoneRefusal.CLOSED_FORM:
                close_phone_form(session, "hh")
        sent = {
            PhoneRefusal.UNREADABLE: b"<a>",
            PhoneRefusal.UNKNOWN_FORM: write_odk(BASE, frozen=frozen, form="nobody-s")[0],
            PhoneRefusal.TOO_LARGE: b"x" * (10 * 1024 * 1024),
        }
        return phones.post(sent.get(reason, good)).status_code, device

    return run


STATUS = {
    PhoneRefusal.PASSWORD: 401,
    PhoneRefusal.UNREADABLE: 400,
    PhoneRefusal.UNKNOWN_FORM: 404,
    PhoneRefusal.TOO_LARGE: 413,
    PhoneRefusal.OTHER_FILE: 409,
}


OF_THEIR_OWN = PhoneRefusal.LOCKED, PhoneRefusal.OVERHEARD
"""Told below, and in test_overheard.py."""


@pytest.mark.parametrize("reason", [one for one in PhoneRefusal if one not in OF_THEIR_OWN])
def test_a_refused_call_is_counted_for_its_reason_and_for_the_phone_that_is_known(
    phones: Phones, engine: Engine, look: Look, refuse: Any, reason: PhoneRefusal
) -> None:
    status, name = refuse(reason)
    assert status == STATUS.get(reason, 403)
    assert look(COUNTED) == [], "nothing is written on the way of a call"
    write(phones)
    assert look(COUNTED) == ([] if name is None else [(name, reason.value, 1)])
    with Session(engine) as session:
        assert {code: n for code, n in count_refusals(session).items() if n} == {(PHONES, reason): 1}


def test_a_phone_that_has_to_wait_is_counted_for_that_whatever_its_password_is(
    phones: Phones, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "MOST_FAILURES", 2)
    for password in ("wrong", "wrong", "wrong", phones.account.secret):
        assert ask(phones.client, phones, password=password).status_code == 401
    write(phones)
    assert look(COUNTED) == [(phones.account.name, "locked", 3), (phones.account.name, "password", 1)]


def test_whatever_strangers_call_they_make_one_row_and_none_of_their_names_is_kept(
    phones: Phones, look: Look, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        name = f"canary-{number}"
        assert ask(phones.client, phones, name=name, password=name).status_code == 401
        assert phones.client.get(LIST, auth=(f"{name}\0\U0001f600", name), **HTTPS).status_code == 401
        for path in (f"/phones/key/{name}/formList", f"/phones/key/%00{number}/formList", "/phones/key/%ff/formList"):
            assert phones.client.get(path).status_code == 403
    marks = phones.app.extensions["phones"].marks
    assert not marks._refused_phones
    write(phones)
    assert look("SELECT door, reason, n FROM refusals") == [("phones", "unknown", 150)]
    assert look(COUNTED) == []
    assert "canary" not in caplog.text


def test_a_name_that_no_database_keeps_is_401_also_for_a_submission(phones: Phones, household: Household) -> None:
    xml, _ = write_odk(BASE, frozen=household.frozen)
    for name in ("a\0b", "\0", "é" * 5000, ""):
        answer = phones.client.post(SUBMISSION, data=xml, auth=(name, "x"), **HTTPS)
        assert answer.status_code == 401


def test_a_phone_that_is_asked_for_its_password_or_for_a_new_nonce_was_refused_nothing(
    phones: Phones, household: Household, look: Look
) -> None:
    for path in (LIST, SUBMISSION):
        assert phones.client.head(path).status_code == 401
    assert phones.client.get("/phones/nothing").status_code == 404
    assert ask(phones.client, phones).status_code == 200
    xml, _ = write_odk(BASE, frozen=household.frozen)
    assert [phones.post(xml).status_code for _ in range(2)] == [201, 202]
    write(phones)
    assert look("SELECT * FROM refusals") == look(COUNTED) == []


def test_an_account_that_ended_or_has_a_new_password_is_known_by_its_name_also_where_it_was_remembered(
    phones: Phones, settings: Settings, engine: Engine, look: Look, door_keys: DoorKeys
) -> None:
    other = make_phone_app(settings, engine, puts=phones.puts).test_client()
    assert ask(phones.client, phones).status_code == ask(other, phones).status_code == 200
    with Session(engine) as session, session.begin():
        renew_phone(session, COMMAND_LINE, name=phones.account.name, keys=door_keys)
    assert ask(phones.client, phones).status_code == 401
    with Session(engine) as session, session.begin():
        revoke_phone(session, COMMAND_LINE, name=phones.account.name)
    assert [ask(phones.client, phones).status_code for _ in range(2)] == [401, 401]
    write(phones)
    name = phones.account.name
    assert look(COUNTED) == [(name, "ended", 2), (name, "password", 1)]


def test_with_a_new_code_the_counting_begins_anew_and_older_refusals_lead_to_no_advice(
    phones: Phones, engine: Engine, look: Look, door_keys: DoorKeys, refuse: Any
) -> None:
    for reason in (PhoneRefusal.UNREADABLE, PhoneRefusal.PASSWORD):
        refuse(reason)
        refuse(reason)
    write(phones)
    with Session(engine) as session, session.begin():
        session.connection().exec_driver_sql(
            "UPDATE phone_refusals SET last_at = now() - interval '8 days' WHERE reason = 'password'"
        )
        told = {row["name"]: [(one["n"], one["is_recent"]) for one in row["refusals"]] for row in list_phones(
            session, COMMAND_LINE)}  # fmt: skip
        assert told == {phones.account.name: [(2, False)], phones.device.name: [(2, True)]}
        renew_phone(session, COMMAND_LINE, name=phones.device.name, keys=door_keys)
    assert [reason for _, reason, _ in look(COUNTED)] == ["password"]
    with Session(engine) as session:
        assert count_refusals(session)[PHONES, "unreadable"] == 2
