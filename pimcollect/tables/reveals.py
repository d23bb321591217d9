"""Queries on reveals: what is asked and not answered yet."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pimcollect.domain.referrals import State
from pimcollect.tables.members import can_answer
from pimcollect.tables.referrals import ReferralRow, RevealRow

_LATE_SECONDS = 30


def find_unanswered(session: Session, *, limit: int = 100) -> list[UUID]:
    """Reveals that a page is waiting for, oldest first."""
    return list(
        session.scalars(
            select(RevealRow.id)
            .where(RevealRow.answered_at.is_(None), RevealRow.refused.is_(None))
            .order_by(RevealRow.asked_at)
            .limit(limit)
        )
    )


def put_reveal(
    session: Session, reveal: UUID, referral: UUID, *, member: UUID, reason: str, public_key: bytes
) -> UUID | None:
    """Keep what is asked; None where this id was used already, also by somebody who asks at the same moment."""
    row = {"id": reveal, "referral": referral, "member": member, "reason": reason, "public_key": public_key}
    return session.scalar(insert(RevealRow).values(row).on_conflict_do_nothing().returning(RevealRow.id))


def take_unanswered(session: Session, reveal: UUID) -> RevealRow | None:
    """Lock one that is still unanswered and that no other worker holds."""
    return session.scalar(
        select(RevealRow)
        .where(RevealRow.id == reveal, RevealRow.answered_at.is_(None), RevealRow.refused.is_(None))
        .with_for_update(skip_locked=True)
    )


def is_late(session: Session, reveal: UUID) -> bool:
    """True when it was asked so long ago that no page waits for it any more."""
    age = func.make_interval(0, 0, 0, 0, 0, 0, _LATE_SECONDS)
    return bool(session.scalar(select(RevealRow.asked_at < func.clock_timestamp() - age).where(RevealRow.id == reveal)))


def take_answered(session: Session, reveal: UUID) -> RevealRow | None:
    """Lock one that a worker has answered or refused, read fresh."""
    return session.scalar(
        select(RevealRow)
        .where(RevealRow.id == reveal, RevealRow.answered_at.is_not(None) | RevealRow.refused.is_not(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def count_unseen(session: Session) -> int:
    """How many accepted cases nobody can see: accepted by no member, or by one who has left the service."""
    accepted = (ReferralRow.state == State.ACCEPTED, ReferralRow.case_id.is_not(None))
    seen = can_answer(ReferralRow.accepted_by, ReferralRow.service)
    return session.scalar(select(func.count()).select_from(ReferralRow).where(*accepted, ~seen)) or 0


def count_asked(session: Session, member: UUID, *, within: timedelta) -> int:
    """How many reveals this member asked for in the time before now."""
    since = func.clock_timestamp() - within
    query = select(func.count()).select_from(RevealRow).where(RevealRow.member == member, RevealRow.asked_at > since)
    return session.scalar(query) or 0
