"""The same bad bodies at the other doors: sent by phone, pulled from a server, carried on a stick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.config import Settings
from pimcollect.db import borrow, open_sessions
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.key_rings import create_keys
from pimcollect.log import configure_logging
from pimcollect.servers.base import find_reader
from pimcollect.vault import DoorKeys, HandsKeys, import_intake_key, read_door_keys, write_intake_key
from tests.badinput.bodies import CANARY, EITHER, HELD, Case, list_mutations, list_xml
from tests.badinput.test_bodies import ANSWERS, CONSENT, list_cases
from tests.factories.households import Household
from tests.factories.phones import Phones, open_phones, write_odk
from webhooks.carried import accept_carried, write_carried
from webhooks.inbox import identify
from webhooks.pulled import Pulled, accept_page

_PAGE = 20
"""Cases at once: a page of a server, a file on a stick."""


@pytest.fixture
def phones(settings: Settings, engine: Engine, household: Household) -> Iterator[Phones]:
    phones = open_phones(settings, engine, household.frozen.version.form)
    yield phones
    phones.puts.dispose()


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def list_pages() -> Iterator[list[Case]]:
    cases = list_cases()
    for start in range(0, len(cases), _PAGE):
        yield cases[start : start + _PAGE]


def check_nothing_was_kept_or_told(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    said = capfd.readouterr().err
    assert CANARY not in said
    assert "Traceback" not in said
    assert rows(engine, "SELECT id FROM submissions WHERE state = 'kept'") == [], "nobody here agreed"
    assert rows(engine, "SELECT id, reason FROM entries WHERE state = 'untouched' OR reason = 'failing'") == []
    for table in ("entries", "submissions", "journal", "tallies"):
        ((kept,),) = rows(engine, f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t")
        assert CANARY not in kept
    for table in ("cases", "referrals", "notices"):
        assert rows(engine, f"SELECT id FROM {table}") == []


def judge(engine: Engine, expected: dict[str, list[Case]]) -> list[tuple[str, ...]]:
    """What is wrong: each identity is one entry, and came to what one of its cases may come to."""
    found = {identity: (state, reason) for identity, state, reason in rows(engine, _ENTRIES)}
    wrong = [("not there", *(case.id for case in cases)) for one, cases in expected.items() if one not in found]
    for identity, cases in expected.items():
        state, reason = found.get(identity, ("", None))
        if reason == "edition_unclear":  # many of them claim to be editions of one root, and come at once
            continue
        may = [case for case in cases if case.comes in (EITHER, state)]
        if state and not any(state != HELD or case.reason in (None, reason) for case in may):
            wrong.append((state, str(reason), *(case.id for case in cases)))
    return wrong


_ENTRIES = "SELECT identity, state, reason FROM entries"


def empty(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM entries"))
        connection.execute(text("DELETE FROM submissions"))


def test_a_server_that_holds_bad_bodies_is_pulled_like_any_other(
    household: Household, engine: Engine, door_keys: DoorKeys, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test")
    reader = find_reader("kobo")
    wrong = []
    for page in list_pages():
        empty(engine)
        expected: dict[str, list[Case]] = defaultdict(list)
        pulled = []
        for case in page:
            delivery = reader.read_delivery(case.body)
            expected[identify(case.body, delivery, form="hh", key=door_keys.digest)].append(case)
            pulled.append(Pulled(delivery, case.body, None, None))
        with borrow(engine) as connection:
            assert accept_page(connection, pulled, form="hh", server="kobo", keys=door_keys) == len(expected)
        household.settle()
        wrong += judge(engine, expected)
        check_nothing_was_kept_or_told(engine, capfd)
    assert wrong == []


def test_a_stick_with_bad_bodies_is_accepted_whole_and_each_is_judged(
    household: Household,
    settings: Settings,
    engine: Engine,
    door_keys: DoorKeys,
    hands_keys: HandsKeys,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logging("test")
    create_keys(tmp_path / "door.json", tmp_path / "hands.json")
    told = door_keys.intake.key_id.hex()
    import_intake_key(write_intake_key(door_keys, "laptop-3"), tmp_path / "door.json", told_id=told)
    laptop, reader = read_door_keys(tmp_path / "door.json"), find_reader("kobo")
    wrong = []
    for page in list_pages():
        empty(engine)
        expected: dict[str, list[Case]] = defaultdict(list)
        pulled = []
        for case in page:
            delivery = reader.read_delivery(case.body)
            expected[identify(case.body, delivery, form="hh", key=door_keys.digest)].append(case)
            pulled.append(Pulled(delivery, case.body, None, None))
        with borrow(engine) as connection:  # the laptop's inbox, which the office's workers never saw
            accept_page(connection, pulled, form="hh", server="kobo", keys=laptop)
        stick = BytesIO()
        with Session(engine) as session, session.begin():
            write_carried(session, COMMAND_LINE, stick, keys=laptop)
        assert CANARY.encode() not in stick.getvalue()
        empty(engine)
        stick.seek(0)
        taken = accept_carried(open_sessions(engine), COMMAND_LINE, stick, keys=door_keys, hands=hands_keys)
        assert taken.new == len(expected)
        household.settle()
        wrong += judge(engine, expected)
        check_nothing_was_kept_or_told(engine, capfd)
    assert wrong == []


def test_a_phone_that_sends_bad_bodies_is_told_so_and_the_next_one_is_taken(
    phones: Phones, household: Household, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    """A phone can send anything in the place of its XML: no answer of ours is an error of ours, none repeats it."""
    configure_logging("test")
    wrong = []
    good = write_odk(ANSWERS, frozen=household.frozen, root="good")[0]
    of_phones = [*list_xml(good, consent=CONSENT), *list_mutations(good, kind="P")]
    for case in [*list_cases(), *of_phones]:
        ((before,),) = rows(engine, "SELECT count(*) FROM entries")
        answer = phones.post(case.body)
        ((after,),) = rows(engine, "SELECT count(*) FROM entries")
        # what contradicts an entry that is here is told 409 and kept beside it
        if answer.status_code >= 500 or (after > before and answer.status_code not in (201, 202, 409)):
            wrong.append((case.id, answer.status_code, after - before))
        if CANARY in answer.text + str(answer.headers):
            wrong.append((case.id, answer.status_code, "repeated"))
    assert wrong == []
    assert phones.post(write_odk(ANSWERS, frozen=household.frozen)[0]).status_code == 201
    household.settle()
    check_nothing_was_kept_or_told(engine, capfd)
    assert rows(engine, "SELECT count(*) FROM entries WHERE reason = 'refused'")[0][0] > 1, "the good one, and bad ones"
