"""Taking banks on a real database: what was there before governance, two at once, and who may."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.orm import Session, sessionmaker

from forms import starter
from forms.bank import hash_document
from pimcollect.actions.banks import Bank, activate, compare_bank, import_bank, propose_change
from pimcollect.actions.governance import deprecate_item, judge, list_standings, retire_item
from pimcollect.config import Settings
from pimcollect.db import driver_url, migrate
from pimcollect.domain.governance import Step
from pimcollect.domain.roles import COMMAND_LINE, Actor, Role
from pimcollect.domain.weights import Weight
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_bank
from pimcollect.tables.governance import BankChangeRow, VerdictRow, find_item_states
from pimcollect.tables.journal import JournalRow
from tests.factories.referrals import Desk

STARTER: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))


def make(version: str = "2026.1", edit: Callable[[dict[str, Any]], object] = lambda document: None) -> Bank:
    document = copy.deepcopy(STARTER)
    document["version"] = version
    edit(document)
    return Bank(version, hash_document(document), document)


def hint(words: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["items"][10].update(hint=words)


def take(sessions: sessionmaker[Session], bank: Bank, actor: Actor = COMMAND_LINE, **more: Any) -> bool:
    with sessions.begin() as session:
        return import_bank(session, actor, bank, **more)[1]


@pytest.mark.parametrize("role", [Role.ENUMERATOR, Role.MONITOR, Role.DPO])
def test_a_bank_is_imported_by_the_desk_only(role: Role, sessions: sessionmaker[Session]) -> None:
    with pytest.raises(PimError) as caught:
        take(sessions, make(), Actor("x", frozenset({role})))
    assert caught.value.code is ErrorCode.NOT_ALLOWED
    with sessions() as session:
        assert find_bank(session) is None
        assert session.scalars(select(JournalRow)).all() == []


@pytest.mark.parametrize("role", [Role.ENUMERATOR, Role.ADMIN])
def test_a_change_is_proposed_by_those_who_know_the_field(role: Role, sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    with sessions.begin() as session, pytest.raises(PimError) as caught:
        propose_change(session, Actor("x", frozenset({role})), make("2", hint("x")))
    assert caught.value.code is ErrorCode.NOT_ALLOWED


def test_the_same_bank_is_no_proposal(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    with sessions.begin() as session, pytest.raises(PimError) as caught:
        propose_change(session, Actor("x", frozenset({Role.IMO})), make("2026.1"))
    assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW


def test_a_proposal_under_review_is_not_overwritten(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    imo = Actor("x", frozenset({Role.IMO}))
    with sessions.begin() as session:
        propose_change(session, imo, make("2", hint("one")))
    with sessions.begin() as session, pytest.raises(PimError) as caught:
        propose_change(session, imo, make("2", hint("two")))
    assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW


def test_nothing_that_is_not_there_can_be_activated(sessions: sessionmaker[Session]) -> None:
    for code in ("F01", "2026.9"):
        with sessions.begin() as session, pytest.raises(PimError) as caught:
            activate(session, COMMAND_LINE, code)
        assert caught.value.code is ErrorCode.NOT_FOUND


def test_what_forms_were_built_from_before_stays_in_use(fresh_database: Callable[..., str]) -> None:
    url = fresh_database(migrated=False)
    migrate(url, "0002")
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO banks (id, version, sha256, document) VALUES (gen_random_uuid(), '2026.1', 'x', :d)"),
            {"d": json.dumps(STARTER)},
        )
    migrate(url)
    with Session(engine) as session:
        states = find_item_states(session)
        assert {(row.state, row.note) for row in states} == {("active", "before_governance")}
        assert len(states) == len(STARTER["items"])
    engine.dispose()


def test_the_first_bank_is_active_and_the_note_says_why(sessions: sessionmaker[Session]) -> None:
    assert take(sessions, make())
    with sessions() as session:
        found = list_standings(session, COMMAND_LINE)
        assert {(one.state, one.note, one.due) for one in found} == {("active", "first_bank", ())}
        assert [(row.action, row.noun) for row in session.scalars(select(JournalRow))] == [("import", "bank")]


def test_an_older_bank_can_be_taken_again_and_stays_the_same_version(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    assert take(sessions, make("2026.2", hint("New")))
    assert not take(sessions, make())
    with sessions() as session:
        bank = find_bank(session)
        assert bank is not None
        assert bank.version == "2026.1"
        assert session.query(BankChangeRow).count() == 2


def test_two_imports_at_once_are_compared_one_after_the_other(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    banks = [make(f"2026.{number}", hint(str(number))) for number in range(2, 6)]
    threads = [threading.Thread(target=take, args=(sessions, bank)) for bank in banks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sessions() as session:
        rows = session.scalars(select(BankChangeRow).order_by(BankChangeRow.since)).all()
        assert len(rows) == 4
        bases = [row.base_sha256 for row in rows]
        assert bases == [make().sha256, *[row.sha256 for row in rows][:-1]]


def test_a_small_change_is_computed_and_nothing_stands_in_its_way(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    with sessions() as session:
        comparison = compare_bank(session, COMMAND_LINE, make("2", hint("x")))
        assert (comparison.computed, comparison.chosen, comparison.obstacles) == (Weight.PATCH, Weight.PATCH, ())


def test_two_reviewers_at_once_give_one_verdict(settings: Settings, sessions: sessionmaker[Session]) -> None:
    desk = Desk(settings)
    desk.service()
    reviewers = [desk.member(None, roles=(Role.IMO,)) for _ in range(4)]
    proposer = desk.member(None, roles=(Role.IMO,))
    take(sessions, make())
    with sessions.begin() as session:
        propose_change(session, proposer, make("2", hint("one")))
    refused: list[ErrorCode] = []

    def review(actor: Actor) -> None:
        try:
            with sessions.begin() as session:
                judge(session, actor, "2", step=Step.IM)
        except PimError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=review, args=(actor,)) for actor in reviewers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [ErrorCode.NOT_POSSIBLE_NOW] * 3
    with sessions() as session:
        assert session.query(VerdictRow).count() == 1
    desk.hands.engine.dispose()


def test_a_list_of_states_costs_two_queries_however_many_items_there_are(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    statements: list[str] = []
    with sessions() as session:
        engine = session.get_bind()

        def count(*facts: Any) -> None:
            statements.append(facts[2])

        event.listen(engine, "before_cursor_execute", count)
        list_standings(session, COMMAND_LINE)
        event.remove(engine, "before_cursor_execute", count)
    assert len(statements) == 2


def _rekey(document: dict[str, Any]) -> None:
    row = next(row for row in document["items"] if row["id"] == "F01")
    row |= {"lvl": "person", "key": "fom.limited.30d.person"}


def test_a_key_that_was_retired_is_never_used_again(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    with sessions.begin() as session:
        deprecate_item(session, COMMAND_LINE, "F01")
        retire_item(session, COMMAND_LINE, "F01")
    take(sessions, make("2", _rekey), is_endorsed_elsewhere=True)
    with pytest.raises(PimError) as caught:
        take(sessions, make("3"), is_endorsed_elsewhere=True)
    assert "was retired before" in caught.value.message


def test_a_series_that_was_replaced_can_come_back(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    take(sessions, make("2", _rekey), is_endorsed_elsewhere=True)
    take(sessions, make("3"), is_endorsed_elsewhere=True)
    with sessions() as session:
        assert {(row.key, row.state) for row in find_item_states(session, ["F01"])} == {
            ("fom.limited.30d.hh", "active"),
            ("fom.limited.30d.person", "deprecated"),
        }
