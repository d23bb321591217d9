"""Files in quarantine: how many, of which entry, until when; and destroying them before their day."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.journal import write_journal
from pimcollect.tables.quarantine import Strays, find_strays, shred_strays_of

MOST_LISTED = 200


def list_strays(session: Session, actor: Actor, *, limit: int = MOST_LISTED) -> list[Strays]:
    """By entry, first to go first; never a name or anything else of a file."""
    allow(actor, "inbox.list")
    return find_strays(session, limit=limit)


def discard_strays(session: Session, actor: Actor, entry: UUID) -> int:
    """Destroy those of an entry now; returns how many. Raises PimError(NOT_FOUND) when it has none."""
    allow(actor, "inbox.discard")
    gone = shred_strays_of(session, entry)
    if not gone:
        raise PimError(
            ErrorCode.NOT_FOUND, "This entry has no files in quarantine.", remedy="Run `pimcollect inbox files list`."
        )
    write_journal(session, actor=actor.id, action="discard_files", noun="entries", noun_id=str(entry))
    return gone
