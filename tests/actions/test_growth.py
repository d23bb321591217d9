"""The bank grows by what came in with a form: proposed by a person, in few statements, and never without a bank."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.actions.governance import judge, propose_drafts
from pimcollect.actions.growth import propose_growth, take_bank_to_grow
from pimcollect.domain.governance import Step
from pimcollect.domain.roles import COMMAND_LINE, Actor, Role
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.governance import find_item_states
from pimcollect.tables.journal import JournalRow
from tests.actions.test_banks import make, take

IMO = Actor(str(UUID(int=7)), frozenset({Role.IMO}))


def _grow(number: int, version: str) -> tuple[Any, list[str]]:
    """The starter bank with so many new items, and their ids."""
    new = [f"Y{at:02d}" for at in range(number)]

    def edit(document: dict[str, Any]) -> None:
        model = next(row for row in document["items"] if row["id"] == "F01")
        document["items"] += [{**model, "id": id_, "name": id_.lower(), "key": f"ctx.{id_.lower()}.hh"} for id_ in new]

    return make(version, edit), new


def _count(sessions: sessionmaker[Session], number: int, version: str) -> int:
    statements: list[str] = []
    with sessions.begin() as session:
        engine = session.get_bind()

        def count(*facts: Any) -> None:
            statements.append(facts[2])

        event.listen(engine, "before_cursor_execute", count)
        bank, new = _grow(number, version)
        take_bank_to_grow(session, IMO)
        propose_growth(session, IMO, bank, new=new)
        event.remove(engine, "before_cursor_execute", count)
        session.rollback()
    return len(statements)


def test_without_a_bank_there_is_nothing_to_grow(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session, pytest.raises(PimError) as caught:
        take_bank_to_grow(session, IMO)
    assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW


@pytest.mark.parametrize(
    "actor", [COMMAND_LINE, *(Actor(str(UUID(int=8)), frozenset({role})) for role in Role if role is not Role.IMO)]
)
def test_only_an_information_officer_lets_it_grow(sessions: sessionmaker[Session], actor: Actor) -> None:
    take(sessions, make())
    with sessions.begin() as session, pytest.raises(PimError) as caught:
        take_bank_to_grow(session, actor)
    assert caught.value.code is ErrorCode.NOT_ALLOWED


def test_many_new_items_cost_no_more_statements_than_few(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    assert _count(sessions, 90, "3") <= _count(sessions, 5, "2") + 2


def test_new_items_are_proposed_on_record_and_their_proposer_may_not_agree(
    sessions: sessionmaker[Session],
) -> None:
    take(sessions, make())
    bank, new = _grow(3, "2")
    with sessions.begin() as session:
        propose_growth(session, IMO, bank, new=new)
        lives = find_item_states(session, new)
        assert [(row.state, row.proposer, row.round) for row in lives] == [("proposed", IMO.id, 1)] * 3
        lines = session.scalars(select(JournalRow).where(JournalRow.action == "propose")).all()
        assert {line.noun_id for line in lines} == {f"{id_} ctx.{id_.lower()}.hh" for id_ in new}
        with pytest.raises(PimError) as caught:
            judge(session, IMO, new[0], step=Step.IM)
        assert caught.value.code is ErrorCode.NOT_ALLOWED
        with pytest.raises(PimError) as caught:
            propose_drafts(session, IMO, new)
        assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW


def test_what_would_protect_less_is_not_taken_this_way(sessions: sessionmaker[Session]) -> None:
    take(sessions, make())
    bank, new = _grow(1, "2")
    next(row for row in bank.document["items"] if row["sens"] == "S")["sens"] = "L"
    with sessions.begin() as session, pytest.raises(PimError) as caught:
        propose_growth(session, IMO, bank, new=new)
    assert caught.value.code in (ErrorCode.NOT_ALLOWED, ErrorCode.BAD_BANK)
