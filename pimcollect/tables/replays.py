"""What a person decides about a held entry: to let it be tried again, or to shred it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import case, func, update
from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import RELEASED, HeldReason
from pimcollect.tables.entries import HELD, SETTLED, UNTOUCHED, EntryRow

_RELEASED = case((EntryRow.reason == HeldReason.CONFLICT.value, RELEASED), else_=None)


def release_entry(session: Session, entry: UUID) -> bool:
    """Let a held entry be tried again from the start; False when it is not held."""
    result = session.execute(
        update(EntryRow)
        .where(EntryRow.id == entry, EntryRow.state == HELD)
        .values(state=UNTOUCHED, reason=_RELEASED, fault=None, attempts=0, rung_at=None)
        .returning(EntryRow.id)
        .execution_options(synchronize_session=False)
    )
    return result.first() is not None


def shred_entry(session: Session, entry: UUID, *, reason: str) -> bool:
    """Destroy the body of a held entry; False when it is not held."""
    result = session.execute(
        update(EntryRow)
        .where(EntryRow.id == entry, EntryRow.state == HELD)
        .values(
            state=SETTLED,
            reason=reason,
            fault=None,
            body=None,
            contradicts=None,
            contradicts_entry=None,
            settled_at=func.clock_timestamp(),
        )
        .returning(EntryRow.id)
        .execution_options(synchronize_session=False)
    )
    return result.first() is not None
