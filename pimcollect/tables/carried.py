"""Entries as they are carried to another machine, and shredded here once they are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import HeldReason
from pimcollect.tables.entries import CARRIED, HELD, SETTLED, EntryRow


def find_waiting(session: Session) -> Iterator[EntryRow]:
    """All that waits or is held and is whole, or was waited for long enough: oldest first, with their bodies, a few at
    a time."""
    is_due = or_(EntryRow.waits_until.is_(None), EntryRow.waits_until <= func.now())
    query = select(EntryRow).where(EntryRow.state != SETTLED, is_due).order_by(EntryRow.received_at, EntryRow.id)
    return iter(session.scalars(query.execution_options(yield_per=10)))


def count_incomplete(session: Session) -> int:
    """How many `find_waiting` leaves out in the same transaction: parts of them are on their way."""
    is_awaited = EntryRow.state != SETTLED, EntryRow.waits_until > func.now()
    return session.scalar(select(func.count()).select_from(EntryRow).where(*is_awaited)) or 0


def count_carriable(session: Session, key_id: bytes, *, without: str) -> int:
    """How many are held here because they are sealed to this key, which is another machine's; not `without`'s."""
    is_held = EntryRow.state == HELD, EntryRow.reason == HeldReason.KEY_MISSING, EntryRow.server != without
    is_sealed = func.substring(EntryRow.body, 1, len(key_id)) == key_id
    return session.scalar(select(func.count()).select_from(EntryRow).where(*is_held, is_sealed)) or 0


def lock_carried(session: Session, *, form: str, identity: str, body: bytes) -> UUID | None:
    """The id of an entry that waits, if it still has this body. Until the caller commits, nothing is put to it."""
    is_it = EntryRow.form == form, EntryRow.identity == identity, EntryRow.body == body
    return session.scalar(select(EntryRow.id).where(*is_it, EntryRow.state != SETTLED).with_for_update())


_WAS_CARRIED = """
    EXISTS (SELECT FROM unnest(CAST(:names AS text[]), CAST(:sums AS bytea[])) AS carried (name, sum)
             WHERE carried.name = media.name_digest AND carried.sum = sha256(media.content))
"""
_OF_ENTRY = "entries.id = :entry AND media.form = entries.form AND media.identity = entries.identity"
_OTHERS = text(f"""
    SELECT EXISTS (SELECT FROM media, entries WHERE {_OF_ENTRY} AND media.state <> 'shredded' AND NOT {_WAS_CARRIED})
""")  # noqa: S608 - pieces of ours
_SHRED = text(f"""
    UPDATE media SET state = 'shredded', content = NULL, name = NULL, shredded_at = clock_timestamp()
      FROM entries
     WHERE {_OF_ENTRY} AND media.state IN ('waiting', 'quarantined') AND {_WAS_CARRIED}
""")  # noqa: S608 - pieces of ours


def has_other_files(session: Session, entry: UUID, files: Mapping[str, bytes]) -> bool:
    """Whether an entry has a file here that is none of these. `files`: digest of the name -> SHA-256 of the sealed
    content."""
    return bool(session.scalar(_OTHERS, _bind(entry, files)))


def shred_carried(session: Session, entry: UUID, files: Mapping[str, bytes]) -> None:
    """Destroy the body of an entry that the caller has locked, and these of its files; no other, whenever it came."""
    session.execute(_SHRED, _bind(entry, files))
    session.execute(
        update(EntryRow)
        .where(EntryRow.id == entry)
        .values(state=SETTLED, reason=CARRIED, body=None, settled_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )


def _bind(entry: UUID, files: Mapping[str, bytes]) -> dict[str, object]:
    return {"entry": entry, "names": list(files), "sums": list(files.values())}
