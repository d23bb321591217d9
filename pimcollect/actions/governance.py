"""Govern the bank: propose, review, endorse, activate, deprecate and retire its items, and the changes that wait."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from pimcollect.domain import governance
from pimcollect.domain.governance import STEP_ROLES, Given, Life, State, Step, Verb
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_bank
from pimcollect.tables.governance import (
    BankChangeRow,
    ItemStateRow,
    VerdictRow,
    find_item_states,
    find_verdicts,
    propose_states,
    take_item_state,
    take_open_change,
)
from pimcollect.tables.journal import write_journal

PERMISSIONS: dict[Step, str] = {
    Step.IM: "bank.im_review",
    Step.PROTECTION: "bank.protection_review",
    Step.DATA: "bank.data_review",
    Step.COMMUNITY: "bank.community_check",
    Step.ENDORSEMENT: "bank.endorse",
}
"""Step -> the permission that it asks for."""


class Living(Protocol):
    """What an item's life and a change have in common."""

    state: str
    proposer: str
    round: int
    note: str
    since: Any


@dataclass(frozen=True)
class Subject:
    """What is under review: one item under its key, or a change by the version that it leads to."""

    noun: str
    """bank_item or bank_change, as the journal names it."""
    id: str
    row: ItemStateRow | BankChangeRow
    is_severe: bool

    @property
    def name(self) -> str:
        """As verdicts name it."""
        return f"{self.noun} {self.id}"


def take_subject(session: Session, code: str) -> Subject:
    """The item of the current bank, or the open change, of this code; locked. Raises PimError(NOT_FOUND)."""
    bank = find_bank(session)
    rows = bank.document["items"] if bank else []
    item = next((row for row in rows if code in (row["id"], row["name"])), None)
    if item is not None:
        row = take_item_state(session, item["id"], item["key"])
        if row is not None:
            return Subject("bank_item", f"{item['id']} {item['key']}", row, item["sens"] == "S")
    change = take_open_change(session, code)
    if change is None:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is neither an item nor an open change {code!r}.",
            remedy="`pimcollect bank states` and `pimcollect bank changes` list them; a bank must be imported first.",
        )
    return Subject("bank_change", change.version, change, change.is_severe)


def read_life(session: Session, subject: Subject) -> Life:
    """Where the subject stands, with the verdicts of the present round."""
    given = tuple(
        Given(Step(one.step), str(one.member))
        for one in find_verdicts(session, subject.name, round_=subject.row.round)
        if one.is_yes
    )
    return Life(State(subject.row.state), subject.row.proposer, given)


def propose_item(session: Session, actor: Actor, code: str) -> Subject:
    """A draft is proposed; a new round of verdicts begins."""
    allow(actor, "bank.propose")
    subject = take_subject(session, code)
    _member_id(actor)
    life = governance.propose(read_life(session, subject), actor.id)
    subject.row.proposer, subject.row.round = life.proposer, subject.row.round + 1
    _settle(session, actor, subject, life.state, verb=Verb.PROPOSE)
    return subject


def propose_drafts(session: Session, actor: Actor, items: Collection[str]) -> None:
    """Several drafts are proposed at once, in a few statements however many they are; each has its line in the journal.
    Raises PimError(NOT_POSSIBLE_NOW) when one of them is no draft."""
    allow(actor, "bank.propose")
    _member_id(actor)
    state = governance.move(State.DRAFT, Verb.PROPOSE)
    moved = propose_states(session, items, proposer=actor.id, before=State.DRAFT, after=state)
    if len(moved) != len(items):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "One of the items is no draft: it has a life already.",
            remedy="`pimcollect bank states` shows where they stand.",
        )
    for item, key in sorted(moved):
        write_journal(session, actor=actor.id, action=Verb.PROPOSE, noun="bank_item", noun_id=f"{item} {key}")
    session.flush()


def judge(session: Session, actor: Actor, code: str, *, step: Step, refusal: str | None = None) -> Subject:
    """A yes at one step, or a no with its coded reason. Raises PimError: NOT_ALLOWED, NOT_POSSIBLE_NOW, NOT_FOUND."""
    subject = take_subject(session, code)
    if not (refusal == "withdrawn" and actor.id == subject.row.proposer):
        allow(actor, PERMISSIONS[step])
    member = _member_id(actor)
    life = read_life(session, subject)
    if refusal is None:
        moved = governance.agree(life, step, actor.id, is_severe=subject.is_severe)
    else:
        moved = governance.refuse(life, step, actor.id, reason=refusal, is_severe=subject.is_severe)
    session.add(
        VerdictRow(
            subject=subject.name,
            round=subject.row.round,
            step=step.value,
            member=member,
            role=_role(actor, step),
            is_yes=refusal is None,
            reason=refusal or "",
        )
    )
    _settle(session, actor, subject, moved.state, verb=Verb.REFUSE if refusal else step)
    return subject


def activate_item(session: Session, actor: Actor, code: str) -> Subject:
    """An endorsed item, or a deprecated one, enters live forms. A change is activated by `actions.catalogue`."""
    allow(actor, "bank.activate")
    subject = take_subject(session, code)
    verb = Verb.REVIVE if subject.row.state == State.DEPRECATED else Verb.ACTIVATE
    _settle(session, actor, subject, governance.move(State(subject.row.state), verb), verb=verb)
    return subject


def deprecate_item(session: Session, actor: Actor, code: str) -> Subject:
    """An active item is asked by no new form any more."""
    return _end(session, actor, code, Verb.DEPRECATE)


def retire_item(session: Session, actor: Actor, code: str) -> Subject:
    """A deprecated item is over; its code and meaning stay for ever."""
    return _end(session, actor, code, Verb.RETIRE)


def _end(session: Session, actor: Actor, code: str, verb: Verb) -> Subject:
    allow(actor, "bank.retire")
    subject = take_subject(session, code)
    _settle(session, actor, subject, governance.move(State(subject.row.state), verb), verb=verb)
    return subject


def _settle(session: Session, actor: Actor, subject: Subject, state: State, *, verb: Verb | Step) -> None:
    row: Living = subject.row
    row.state, row.note, row.since = state.value, "", func.clock_timestamp()
    session.flush()
    write_journal(session, actor=actor.id, action=verb.value, noun=subject.noun, noun_id=subject.id)


def _member_id(actor: Actor) -> UUID:
    try:
        return UUID(actor.id)
    except ValueError as error:
        raise PimError(
            ErrorCode.NOT_ALLOWED,
            "A person must stand behind this.",
            remedy="Say who, by the address of the account: --by name@example.org",
        ) from error


def _role(actor: Actor, step: Step) -> str:
    return next((role.value for role in STEP_ROLES[step] if role in actor.roles), "proposer")


@dataclass(frozen=True)
class Standing:
    """Where one item of the current bank stands."""

    item: str
    key: str
    state: str
    note: str
    due: tuple[str, ...]
    """The steps that wait for somebody."""


def list_standings(session: Session, actor: Actor, *, items: Collection[str] | None = None) -> list[Standing]:
    """Every item of the current bank, or these, with its state; two queries, one more for each item under review."""
    allow(actor, "bank.list")
    bank = find_bank(session)
    if bank is None:
        return []
    lives = {(row.item, row.key): row for row in find_item_states(session, items)}
    found = []
    for item in bank.document["items"]:
        if items is not None and item["id"] not in items:
            continue
        row = lives.get((item["id"], item["key"]))
        if row is None:
            found.append(Standing(item["id"], item["key"], State.DRAFT, "no_life", ()))
            continue
        subject = Subject("bank_item", f"{row.item} {row.key}", row, item["sens"] == "S")
        due: frozenset[Step] = frozenset()
        if row.state in (State.PROPOSED, State.IN_REVIEW, State.COMMUNITY_CHECK, State.FIELD_TEST):
            due = governance.find_due(read_life(session, subject), is_severe=subject.is_severe)
        found.append(Standing(row.item, row.key, row.state, row.note, tuple(sorted(due))))
    return found


def list_verdicts(session: Session, actor: Actor, code: str) -> list[VerdictRow]:
    """All verdicts on an item or an open change, of all rounds, oldest first."""
    allow(actor, "bank.show")
    return find_verdicts(session, take_subject(session, code).name)
