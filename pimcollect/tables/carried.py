"""Entries as they are carried to another machine, and shredded here once they are there."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import HeldReason
from pimcollect.tables.entries import CARRIED, HELD, SETTLED, EntryRow


def find_waiting(session: Session) -> Iterator[EntryRow]:
    """All that waits or is held, oldest first, with their bodies, a few at a time."""
    query = select(EntryRow).where(EntryRow.state != SETTLED).order_by(EntryRow.received_at, EntryRow.id)
    return iter(session.scalars(query.execution_options(yield_per=10)))


def count_carriable(session: Session, key_id: bytes, *, without: str) -> int:
    """How many are held here because they are sealed to this key, which is another machine's; not `without`'s."""
    is_held = EntryRow.state == HELD, EntryRow.reason == HeldReason.KEY_MISSING, EntryRow.server != without
    is_sealed = func.substring(EntryRow.body, 1, len(key_id)) == key_id
    return session.scalar(select(func.count()).select_from(EntryRow).where(*is_held, is_sealed)) or 0


def shred_carried(session: Session, *, form: str, identity: str, body: bytes) -> UUID | None:
    """Destroy the body of an entry that waits, if it is still this one; returns its id."""
    return session.scalar(
        update(EntryRow)
        .where(EntryRow.form == form, EntryRow.identity == identity, EntryRow.state != SETTLED, EntryRow.body == body)
        .values(state=SETTLED, reason=CARRIED, body=None, settled_at=func.clock_timestamp())
        .returning(EntryRow.id)
        .execution_options(synchronize_session=False)
    )
