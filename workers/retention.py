"""The last day of things, by the clock: cases, answers to pages, files that nobody waits for, entries long settled.

In small batches, each its own transaction, and for a second or so at a time: the clock has bells to ring.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy.orm import Session, sessionmaker

from pimcollect.db import transaction
from pimcollect.log import open_log
from pimcollect.tables.app_users import drop_app_users
from pimcollect.tables.collisions import CONTRADICTING
from pimcollect.tables.entries import free_early
from pimcollect.tables.journal import write_journal
from pimcollect.tables.media import shred_strays
from pimcollect.tables.pictures import shred_files_of_nobody
from pimcollect.tables.quarantine import shred_due_strays
from pimcollect.tables.retention import drop_reveals, erase_orphans, purge_entries, purge_journal, shred_cases

BATCH = 500
_CASES = 200
_STRAY_DAYS = 7
"""A file whose entry never came, or was settled without it, is shredded after so many days."""
_EARLY_SECONDS = 900.0
"""An edit waits so long for the edition before it; then it stands for itself."""
_PURGE_SECONDS = 1.0
"""What is left after it is purged a minute later: half a million entries an hour."""
_log = open_log("clock")


def retain(sessions: sessionmaker[Session], *, entry_days: int, quarantine_days: int) -> None:
    """Shred and purge what has had its day. `entry_days` = how long a settled entry is kept after it was settled,
    `quarantine_days` = how long a file that no submission names is kept after it came."""
    _shred_due_cases(sessions)
    with transaction(sessions) as session:
        drop_reveals(session)
        drop_app_users(session)
        free_early(session, seconds=_EARLY_SECONDS)
        shred_files_of_nobody(session)
        erase_orphans(session, reasons=CONTRADICTING, limit=_CASES)
        shred_strays(session, days=_STRAY_DAYS, limit=_CASES)
        quarantined = shred_due_strays(session, days=quarantine_days, limit=_CASES)
    if quarantined:
        _log.info("files_shredded", count=quarantined)
    entries = _purge(sessions, purge_entries, days=entry_days)
    lines = _purge(sessions, purge_journal, days=entry_days)
    if entries or lines:
        _log.info("purged", count=entries + lines)


def _shred_due_cases(sessions: sessionmaker[Session]) -> None:
    """Journaled, case by case."""
    while True:
        with transaction(sessions) as session:
            cases = shred_cases(session, limit=_CASES)
            for case in cases:
                write_journal(session, actor="workers", action="shred", noun="cases", noun_id=str(case))
        if not cases:
            return
        _log.info("cases_shredded", count=len(cases))


def _purge(sessions: sessionmaker[Session], purge: Callable[..., int], *, days: int) -> int:
    """Batch by batch, until nothing is due or the time is over; returns how many went."""
    done, ends = 0, time.monotonic() + _PURGE_SECONDS
    while time.monotonic() < ends:
        with transaction(sessions) as session:
            went = purge(session, days=days, limit=BATCH)
        done += went
        if went < BATCH:
            break
    return done
