"""Ask to see whom a referral is about, and take the answer out once. Opening is the workers' part."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.orm import Session

from pimcollect.actions.referrals import show_referral
from pimcollect.domain import referrals
from pimcollect.domain.roles import Actor, allow, serves
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.journal import write_journal
from pimcollect.tables.reveals import count_asked, put_reveal, take_answered

REASONS = ("contact", "verify", "hand_over")
"""What a reveal is for; never free text."""
MOST_IN_AN_HOUR = 20
"""A monitor's day does not need more; somebody who copies the caseload does (security facts, H10)."""


@dataclass(frozen=True)
class Answer:
    """What became of a reveal: neither = not answered yet."""

    sealed: bytes | None = field(default=None, repr=False)
    refused: str | None = None


def ask_reveal(
    session: Session, actor: Actor, reference: str, *, reason: str, public_key: bytes, look: UUID | None = None
) -> UUID:
    """Ask for the case of a referral that the actor has accepted. The caller commits, rings, and takes the answer.

    `look` is the id of the page that asks: what it was shown once is not shown again when a browser sends it anew.

    Raises PimError: NOT_FOUND for what the actor may not see, NOT_POSSIBLE_NOW for a wrong state or reason, or too many
    reveals within an hour, NOT_ALLOWED when somebody else accepted it.
    """
    allow(actor, "referrals.reveal")
    row = show_referral(session, actor, reference).referral
    if not serves(actor, row.service):
        raise PimError(
            ErrorCode.NOT_ALLOWED, "It is addressed to another service.", remedy="Only that service may see."
        )
    if reason not in REASONS:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW, "A reveal needs a coded reason.", remedy=f"Reasons: {', '.join(REASONS)}."
        )
    if row.state not in referrals.REVEALABLE:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW, f"A referral that is {row.state} shows nobody.", remedy="Accept it first."
        )
    if str(row.accepted_by) != actor.id:
        raise PimError(ErrorCode.NOT_ALLOWED, "Somebody else has accepted it.", remedy="Ask that colleague.")
    if row.case_id is None:
        raise PimError(ErrorCode.NOT_POSSIBLE_NOW, "It is about nobody: a report, not a person.")
    member = UUID(actor.id)
    if count_asked(session, member, within=timedelta(hours=1)) >= MOST_IN_AN_HOUR:
        raise PimError(
            ErrorCode.NOT_ALLOWED,
            f"That would be more than {MOST_IN_AN_HOUR} within an hour.",
            remedy="Wait, or talk to the data protection officer.",
        )
    asked = put_reveal(session, look or uuid4(), row.id, member=member, reason=reason, public_key=public_key)
    if asked is None:
        raise PimError(ErrorCode.SHOWN_ALREADY, "This was shown already.", remedy="Open the page anew and ask again.")
    write_journal(session, actor=actor.id, action=f"ask_reveal_{reason}", noun="referrals", noun_id=str(row.id))
    return asked


def take_answer(session: Session, actor: Actor, reveal: UUID) -> Answer:
    """The answer, taken out of the database: commit before showing it, and there is no second time."""
    allow(actor, "referrals.reveal")
    row = take_answered(session, reveal)
    if row is None or str(row.member) != actor.id:
        return Answer()
    answer = Answer(row.sealed, row.refused)
    if row.sealed is not None:
        row.sealed = None
        row.shown_at = func.clock_timestamp()
    return answer
