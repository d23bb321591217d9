"""The last day of personal data: statements that take sealed content out for ever."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from pimcollect.tables.referrals import CaseRow, RevealRow

_REVEAL_MINUTES = 10


def shred_cases(session: Session, *, limit: int) -> list[UUID]:
    """Take the content out of up to `limit` cases whose last day has passed; returns their ids."""
    due = (
        select(CaseRow.id)
        .where(CaseRow.sealed.is_not(None), CaseRow.shred_after <= func.clock_timestamp())
        .order_by(CaseRow.shred_after)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = session.scalars(
        update(CaseRow)
        .where(CaseRow.id.in_(due))
        .values(sealed=None, shredded_at=func.clock_timestamp())
        .returning(CaseRow.id)
        .execution_options(synchronize_session=False)
    )
    return list(found)


def drop_reveals(session: Session) -> None:
    """Reveals that were asked long ago: no page waits for them, so nothing sealed stays and none is still open."""
    age = func.make_interval(0, 0, 0, 0, 0, _REVEAL_MINUTES, 0)
    session.execute(
        update(RevealRow)
        .where(
            RevealRow.asked_at < func.clock_timestamp() - age,
            or_(
                RevealRow.sealed.is_not(None),
                RevealRow.answered_at.is_(None) & RevealRow.refused.is_(None),
            ),
        )
        .values(sealed=None, refused=func.coalesce(RevealRow.refused, "late"))
        .execution_options(synchronize_session=False)
    )
