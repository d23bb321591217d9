"""The clock: rings again for whatever was forgotten, and shreds what has had its day.

The queue may lose everything at any time; within seconds the clock finds in the database what is still to be done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.config import Settings
from pimcollect.db import open_engine, open_sessions, transaction
from pimcollect.doorbell import FETCH, NOTICES, QUEUES, RELEASES, REVEALS, SETTLE, Bell
from pimcollect.log import open_log
from pimcollect.tables.connections import find_due_connections
from pimcollect.tables.entries import find_forgotten, mark_rung
from pimcollect.tables.journal import beat
from pimcollect.tables.parked import unpark_entries
from pimcollect.tables.pictures import find_looked_for
from pimcollect.tables.referrals import find_due_notices
from pimcollect.tables.releases import find_due_releases
from pimcollect.tables.reveals import find_unanswered
from workers.retention import retain

EVERY_SECONDS = 2.0
FORGOTTEN_SECONDS = 5.0
"""An entry that nobody settled for so long is rung for again."""
_ROLL_CALL_SECONDS = 25.0
"""Each queue gets a job at least this often, so that every worker shows that it lives."""
_RETENTION_SECONDS = 60.0
_LONGEST_PAUSE = 20.0
_SWEEP_LOCK = 7_206_103
"""Only one clock sweeps at a time; others wait for their turn and do no harm."""
_log = open_log("clock")


@dataclass
class Clock:
    """What the clock holds: no private key."""

    engine: Engine
    sessions: sessionmaker[Session]
    bell: Bell
    entry_days: int
    """How long settled entries are kept."""
    quarantine_days: int
    """How long files are kept that no submission names."""
    _called_at: float = field(default=float("-inf"))
    _retained_at: float = field(default=float("-inf"))

    def is_roll_call(self) -> bool:
        """True about every half minute, and at the start."""
        if time.monotonic() - self._called_at < _ROLL_CALL_SECONDS:
            return False
        self._called_at = time.monotonic()
        return True

    def is_retention(self) -> bool:
        """True about once a minute, and at the start."""
        if time.monotonic() - self._retained_at < _RETENTION_SECONDS:
            return False
        self._retained_at = time.monotonic()
        return True


def open_clock(settings: Settings) -> Clock:
    """Connect when first needed; nothing is read here."""
    engine = open_engine(settings.database_url, pool_size=1)
    return Clock(engine, open_sessions(engine), Bell(settings.redis_url), settings.entry_days, settings.quarantine_days)


def run_clock(settings: Settings, *, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Sweep until told to stop. A database or a queue that is away is waited for."""
    clock = open_clock(settings)
    pause = EVERY_SECONDS
    try:
        while not should_stop():
            try:
                sweep(clock)
            except SQLAlchemyError as error:
                pause = min(pause * 2, _LONGEST_PAUSE)
                _log.warning("database_away", error=type(error).__name__, seconds=pause)
            else:
                pause = EVERY_SECONDS
            until = time.monotonic() + pause
            while not should_stop() and (left := until - time.monotonic()) > 0:
                time.sleep(min(left, 0.5))
    finally:
        clock.engine.dispose()


def sweep(clock: Clock) -> bool:
    """Look once. False when another clock is sweeping just now."""
    with transaction(clock.sessions) as session:
        if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _SWEEP_LOCK}):
            return False
        beat(session, "clock")
        unpark_entries(session, limit=500)
        entries = find_forgotten(session, seconds=FORGOTTEN_SECONDS)
        # a picture is developed by the same job, so its id rings as well as an entry's
        entries = entries or [one for one in (find_looked_for(session),) if one is not None]
        notices = find_due_notices(session, limit=1)
        reveals = find_unanswered(session, limit=1)
        releases = find_due_releases(session, limit=1)
        connections = find_due_connections(session, limit=1)
    waiting = {SETTLE: entries, NOTICES: notices, REVEALS: reveals, RELEASES: releases, FETCH: connections}
    ring_again(clock, waiting)
    if clock.is_retention():
        retain(clock.sessions, entry_days=clock.entry_days, quarantine_days=clock.quarantine_days)
    return True


def ring_again(clock: Clock, waiting: Mapping[str, list[UUID]]) -> None:
    """Ring for what waits, by queue. One job of a queue takes all that waits there, so an empty queue needs one ring
    only, and a queue with a job in it none. The ring is forced: one before it may have been lost together with its
    job."""
    everybody = [uuid4()] if clock.is_roll_call() else []
    rings = {
        SETTLE: clock.bell.ring_entry,
        NOTICES: clock.bell.ring_notice,
        REVEALS: clock.bell.ring_reveal,
        RELEASES: clock.bell.ring_release,
        FETCH: clock.bell.ring_fetch,
    }
    for queue in QUEUES:
        subjects = waiting.get(queue) or everybody
        if subjects and clock.bell.depth(queue) == 0:
            clock.bell.quiet(queue)
            rings[queue](subjects[0])
    if entries := waiting.get(SETTLE):
        _log.info("rung_again", count=len(entries))
        with transaction(clock.sessions) as session:
            mark_rung(session, entries)
