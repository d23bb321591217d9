"""Queries on notices: taking the most urgent one that is due, and recording what became of it.

All times are the database's, so that two machines with different clocks do no harm.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pimcollect.tables.referrals import NoticeRow, ReferralRow

WAITING, SENT, DEAD = "waiting", "sent", "dead"
NOT_NEEDED = "not_needed"
"""Reason of a dead notice that nobody misses: what it would have told is not true any more."""

_LEASED = func.coalesce(NoticeRow.lease_until, NoticeRow.next_at)
_URGENCY = func.strpos("UHR", ReferralRow.urgency)


def take_notice(session: Session, *, silent: list[str]) -> NoticeRow | None:
    """Lock the most urgent notice that is due and that nobody is sending. `silent` channels are left alone."""
    now = func.clock_timestamp()
    return session.scalar(
        select(NoticeRow)
        .join(ReferralRow, ReferralRow.id == NoticeRow.referral)
        .where(NoticeRow.state == WAITING, NoticeRow.next_at <= now, now >= _LEASED, NoticeRow.channel.not_in(silent))
        .order_by(_URGENCY, NoticeRow.next_at, NoticeRow.id)
        .limit(1)
        .with_for_update(of=NoticeRow, skip_locked=True)
    )


def lease_notice(row: NoticeRow, *, seconds: float) -> None:
    """Begin an attempt: until its end is recorded, the receiver may have been told."""
    row.attempts += 1
    row.may_be_told = True
    row.lease_until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def record_sent(session: Session, notice: UUID) -> bool:
    """Mark as sent, once: False when that is known already."""
    return _record(session, notice, state=SENT, reason=None, sent_at=func.clock_timestamp())


def record_dead(session: Session, notice: UUID, reason: str, *, may_be_told: bool) -> bool:
    """It will not be tried again."""
    return _record(session, notice, state=DEAD, reason=reason, may_be_told=may_be_told)


def record_failure(
    session: Session, notice: UUID, reason: str, *, seconds: float, most_hours: float | None, may_be_told: bool
) -> bool:
    """Try again in `seconds`; dead when it is older than `most_hours` (None = it may wait for ever)."""
    age = func.extract("epoch", func.clock_timestamp() - NoticeRow.created_at)
    is_old = session.scalar(select(age > (most_hours or 0) * 3600).where(NoticeRow.id == notice))
    if most_hours is not None and is_old:
        return record_dead(session, notice, reason, may_be_told=may_be_told)
    next_at = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    return _record(session, notice, state=WAITING, reason=reason, next_at=next_at, may_be_told=may_be_told)


def _record(session: Session, notice: UUID, **values: object) -> bool:
    found = session.execute(
        update(NoticeRow)
        .where(NoticeRow.id == notice, NoticeRow.state == WAITING)
        .values(lease_until=None, **values)
        .returning(NoticeRow.id)
        .execution_options(synchronize_session=False)
    )
    return found.first() is not None


def wake_notices(session: Session, *, channel: str, reasons: list[str]) -> int:
    """The channel works again: whatever waited because it did not is due at once."""
    asleep = (
        select(NoticeRow.id)
        .where(
            NoticeRow.state == WAITING,
            NoticeRow.channel == channel,
            NoticeRow.reason.in_(reasons),
            NoticeRow.next_at > func.clock_timestamp(),
        )
        .with_for_update(skip_locked=True)
    )
    found = session.execute(
        update(NoticeRow)
        .where(NoticeRow.id.in_(asleep))
        .values(next_at=func.clock_timestamp())
        .returning(NoticeRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(found.all())


def find_notices(session: Session, referral: UUID) -> list[NoticeRow]:
    """All notices of one referral, oldest first."""
    return list(
        session.scalars(
            select(NoticeRow).where(NoticeRow.referral == referral).order_by(NoticeRow.created_at).limit(500)
        )
    )


def count_troubles(session: Session) -> list[tuple[str, str | None, int]]:
    """How many notices wait or are dead, by reason; those that nobody needs are left out."""
    rows = session.execute(
        select(NoticeRow.state, NoticeRow.reason, func.count())
        .where(NoticeRow.state != SENT, func.coalesce(NoticeRow.reason, "") != NOT_NEEDED)
        .group_by(NoticeRow.state, NoticeRow.reason)
        .order_by(NoticeRow.state, NoticeRow.reason)
    )
    return [(state, why, n) for state, why, n in rows]
