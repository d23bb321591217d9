"""Envelopes whose files have not all come: held until one more of them is here."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from pimcollect.tables.entries import FILES_MISSING, HELD, SETTLED, EntryRow


def park_entry(session: Session, entry: UUID, *, here: int, named: int) -> None:
    """An envelope that is not whole yet: held until one more of its files has come."""
    session.execute(
        update(EntryRow)
        .where(EntryRow.id == entry, EntryRow.state != SETTLED)
        .values(state=HELD, reason=FILES_MISSING, files_here=here, files_named=named)
        .execution_options(synchronize_session=False)
    )


def find_parked(session: Session, form: str, *, limit: int) -> list[EntryRow]:
    """Envelopes of a form that wait for files, by chance."""
    return list(
        session.scalars(
            select(EntryRow)
            .where(EntryRow.state == HELD, EntryRow.reason == FILES_MISSING, EntryRow.form == form)
            .order_by(func.random())
            .limit(limit)
        )
    )


_UNPARK = text("""
    UPDATE entries SET state = 'untouched', reason = NULL, attempts = 0, rung_at = NULL
     WHERE id IN (
        SELECT id FROM entries
         WHERE state = 'held' AND reason = 'files_missing'
           AND files_here <> (SELECT count(*) FROM media WHERE media.form = entries.form
                                 AND media.identity = entries.identity AND media.state IN ('waiting', 'kept'))
         LIMIT :limit FOR UPDATE SKIP LOCKED)
""")


def unpark_entries(session: Session, *, limit: int) -> None:
    """Let those be tried again that wait for files and have got one since."""
    session.execute(_UNPARK, {"limit": limit})
