"""Files that their submission does not name: counted, listed by entry, and destroyed on their day or before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, or_, select, text
from sqlalchemy.orm import Session

from pimcollect.tables.entries import CARRIED, SETTLED, EntryRow
from pimcollect.tables.media import QUARANTINED, MediaRow
from pimcollect.tables.submissions import KEPT, SubmissionRow

_SHREDDED = "state = 'shredded', content = NULL, name = NULL, digest = NULL, shredded_at = clock_timestamp()"
_IS_DUE = "state = 'quarantined' AND received_at < clock_timestamp() - make_interval(days => :days)"
_OF_ENTRY = "EXISTS (SELECT FROM entries WHERE entries.form = media.form AND entries.identity = media.identity)"


@dataclass(frozen=True)
class Strays:
    """The files in quarantine of one entry."""

    entry: UUID | None
    """None when the entry was purged before its files."""
    form: str
    files: int
    size: int
    """Bytes before sealing."""
    received_at: datetime
    """Of the first: its day is the first to come."""


def may_stray(session: Session, *, form: str, identity: str, edition: str) -> bool:
    """Whether files that it does not name may be kept for a while: its entry is not settled yet, so that settling will
    say here or where it was carried to, or its submission is kept. Until the caller commits, neither changes."""
    is_entry = EntryRow.form == form, EntryRow.identity == identity
    entry = session.execute(select(EntryRow.state, EntryRow.reason).where(*is_entry).with_for_update()).first()
    if entry is None or entry.state != SETTLED or entry.reason == CARRIED:
        return True
    is_edition = or_(SubmissionRow.edition_id == edition, SubmissionRow.superseded.contains([edition]))
    submission = select(SubmissionRow.state).where(SubmissionRow.form == form, is_edition)
    return session.scalar(submission.with_for_update(read=True)) == KEPT


_COUNT = text("""
    UPDATE entries SET dropped_files = greatest(dropped_files, (
               SELECT count(*) FROM media WHERE form = :form AND identity = :identity AND state = 'quarantined'))
     WHERE form = :form AND identity = :identity AND state <> 'settled'
""")


def note_strays(session: Session, *, form: str, identity: str) -> None:
    """Let the entry say how many there are, whatever part of it each came with."""
    session.execute(_COUNT, {"form": form, "identity": identity})


def has_strays(session: Session, form: str) -> bool:
    """Whether any file of a form is in quarantine."""
    return bool(session.scalar(select(exists().where(MediaRow.form == form, MediaRow.state == QUARANTINED))))


def count_strays(session: Session) -> int:
    """How many files are in quarantine."""
    return session.scalar(select(func.count()).where(MediaRow.state == QUARANTINED)) or 0


def find_strays(session: Session, *, limit: int) -> list[Strays]:
    """What is in quarantine, by entry, first to go first."""
    is_its_entry = (EntryRow.form == MediaRow.form) & (EntryRow.identity == MediaRow.identity)
    first = func.min(MediaRow.received_at)
    rows = session.execute(
        select(EntryRow.id, MediaRow.form, func.count(), func.sum(MediaRow.size), first)
        .select_from(MediaRow)
        .outerjoin(EntryRow, is_its_entry)
        .where(MediaRow.state == QUARANTINED)
        .group_by(EntryRow.id, MediaRow.form, MediaRow.identity)
        .order_by(first)
        .limit(limit)
    )
    return [Strays(*row) for row in rows]


_SHRED_OF_ENTRY = text(f"""
    UPDATE media SET {_SHREDDED} FROM entries
     WHERE entries.id = :entry AND media.form = entries.form AND media.identity = entries.identity
       AND media.state = 'quarantined'
    RETURNING media.id
""")  # noqa: S608 - pieces of ours


def shred_strays_of(session: Session, entry: UUID) -> int:
    """Destroy those of an entry; returns how many."""
    return len(session.execute(_SHRED_OF_ENTRY, {"entry": entry}).all())


_SHRED_EDITIONS = text(f"""
    UPDATE media SET {_SHREDDED}
     WHERE form = :form AND identity = ANY(:identities) AND state = 'quarantined'
""")  # noqa: S608 - pieces of ours


def shred_strays_of_editions(session: Session, form: str, identities: Collection[str]) -> None:
    """Destroy those of these editions: their person does not agree any more."""
    session.execute(_SHRED_EDITIONS, {"form": form, "identities": list(identities)})


_SHRED_DUE = text(f"""
    UPDATE media SET {_SHREDDED}
     WHERE id IN (SELECT id FROM media WHERE {_IS_DUE} AND {_OF_ENTRY} LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id
""")  # noqa: S608 - pieces of ours
# no copy can come whose entry is purged: then nothing has to know it again
_DROP_DUE = text(f"""
    DELETE FROM media
     WHERE id IN (SELECT id FROM media WHERE {_IS_DUE} AND NOT {_OF_ENTRY} LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id
""")  # noqa: S608 - pieces of ours


def shred_due_strays(session: Session, *, days: int, limit: int) -> int:
    """Destroy up to `limit` twice that came more than `days` ago; returns how many."""
    due = {"days": days, "limit": limit}
    return len(session.execute(_SHRED_DUE, due).all()) + len(session.execute(_DROP_DUE, due).all())
