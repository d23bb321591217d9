"""What came beside another entry of its edition waits for that; what a person decides about a held one."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import case, func, text, update
from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import RELEASED, HeldReason
from pimcollect.tables.entries import HELD, SETTLED, UNTOUCHED, EntryRow

_FIRST_WAITS = text("""
    SELECT EXISTS (SELECT FROM entries AS beside JOIN entries AS first ON first.id = beside.contradicts_entry
                    WHERE beside.id = :entry AND first.state = 'untouched')
""")


def is_first_waiting(session: Session, entry: UUID) -> bool:
    """Whether the entry that it came beside is still to be settled: another worker or a door has it in hand."""
    return bool(session.scalar(_FIRST_WAITS, {"entry": entry}))


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
