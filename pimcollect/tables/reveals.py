"""Queries on reveals: what is asked and not answered yet."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.tables.referrals import RevealRow

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
