"""Entries as they are carried to another machine, and shredded here once they are there."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pimcollect.tables.entries import CARRIED, SETTLED, EntryRow


def find_waiting(session: Session) -> Iterator[EntryRow]:
    """All that waits or is held, oldest first, with their bodies, a few at a time."""
    query = select(EntryRow).where(EntryRow.state != SETTLED).order_by(EntryRow.received_at, EntryRow.id)
    return iter(session.scalars(query.execution_options(yield_per=10)))


def shred_carried(session: Session, *, form: str, identity: str, body: bytes) -> UUID | None:
    """Destroy the body of an entry that waits, if it is still this one; returns its id."""
    return session.scalar(
        update(EntryRow)
        .where(EntryRow.form == form, EntryRow.identity == identity, EntryRow.state != SETTLED, EntryRow.body == body)
        .values(state=SETTLED, reason=CARRIED, body=None, settled_at=func.clock_timestamp())
        .returning(EntryRow.id)
        .execution_options(synchronize_session=False)
    )
