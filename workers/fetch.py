"""Pull from connected servers: those that are due, one after another, each under a lock of its own.

The clock rings every quarter of an hour for each connection, hints and people ring in between. What fails is tried
again later and later, up to that quarter of an hour; the row says why, and `pimcollect doctor` tells.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, text

from pimcollect.db import transaction
from pimcollect.doorbell import FETCH
from pimcollect.errors import ErrorCode, PimError
from pimcollect.log import open_log
from pimcollect.plugins import find_plugin
from pimcollect.servers.answers import ServerError
from pimcollect.servers.copies import Holder
from pimcollect.servers.http import Client
from pimcollect.tables.connections import ConnectionRow, find_due_connections, take_connection, token_context
from pimcollect.tables.journal import beat
from pimcollect.vault import open_value, read_door_keys
from workers.gather import gather
from workers.hands import Hands, hands
from workers.pull import ClosedError, Pull, pull_all

EVERY = timedelta(minutes=15)
_SOON = timedelta(minutes=1)
"""A hint may speak of what the server has not committed yet: it is looked for once more after this."""
_JOB_SECONDS, _TURN_SECONDS = 150.0, 60.0
_FIRST_WAIT = timedelta(minutes=1)
_LOCKS = 7_206_104
_log = open_log("fetch")


def fetch(connection: str) -> None:
    """The job. `connection` was rung for; it and all others that are due are pulled."""
    fetch_due(hands())


def fetch_due(own: Hands) -> int:
    """Pull what is due, each connection for a turn; returns how many were pulled to their end."""
    own.bell.quiet(FETCH)
    ends, done = time.monotonic() + _JOB_SECONDS, 0
    tried: set[UUID] = set()
    while time.monotonic() < ends:
        with transaction(own.sessions) as session:
            beat(session, FETCH)
            due = [one for one in find_due_connections(session) if one not in tried]
        if not due:
            return done
        tried.add(due[0])
        done += fetch_one(own, due[0], seconds=_TURN_SECONDS)
    own.bell.ring_fetch(uuid4())  # any id: it says that more is due
    return done


def fetch_one(own: Hands, connection: UUID, *, seconds: float = float("inf")) -> bool:
    """Pull one connection for so long; True when the pull came to its end. Never two at once."""
    with _alone(own, connection) as is_alone:
        if not is_alone:
            return False
        try:
            began = _begin(own, connection)
            with closing(open_holder(own, connection)) as holder:
                form = holder_form(own, connection)
                keys = read_door_keys(own.settings.door_keys)
                pull = Pull(own, connection, form, holder, keys, FETCH, time.monotonic() + seconds)
                is_whole = pull_all(pull)
                gather(pull)
        except ClosedError:
            return True
        except PimError as error:
            reason, wait = (error.reason, error.wait) if isinstance(error, ServerError) else (error.code.value, None)
            _fail(own, connection, reason, wait=wait)
            return False
        except Exception as error:  # an error of ours is told by status, not to the queue
            _log.error("pull_failed", error=type(error).__name__)
            _fail(own, connection, "failing", wait=None)
            return False
        _log.info("pulled", count=pull.taken)
        _end(own, connection, began=began, is_whole=is_whole)
        return is_whole


@contextmanager
def _alone(own: Hands, connection: UUID) -> Iterator[bool]:
    """A lock that dies with its process; False when another one has it."""
    with own.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        key = {"space": _LOCKS, "key": str(connection)}
        if not guard.scalar(text("SELECT pg_try_advisory_lock(:space, hashtext(:key))"), key):
            yield False
            return
        try:
            yield True
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:space, hashtext(:key))"), key)


def open_holder(own: Hands, connection: UUID) -> Holder:
    """A client for an open connection. Raises ClosedError, PimError: the token cannot be opened, an address that may
    not be called any more, an unknown kind of server."""
    with transaction(own.sessions) as session:
        row = session.get(ConnectionRow, connection)
        if row is None or row.sealed is None or row.there is None:
            raise ClosedError
        server, base, there, sealed = row.server, row.base, row.there, row.sealed
    token = json.loads(open_value(sealed, ring=own.keys.intake, context=token_context(connection)))
    client = Client(base, private_hosts=own.settings.private_hosts, ca_file=own.settings.ca_file)
    holder: Holder = find_plugin("holders", server).open_holder(client, there=there, **token)
    return holder


def holder_form(own: Hands, connection: UUID) -> str:
    """Our form of a connection."""
    with transaction(own.sessions) as session:
        return session.get_one(ConnectionRow, connection).form


def _begin(own: Hands, connection: UUID) -> datetime:
    with transaction(own.sessions) as session:
        row = take_connection(session, connection)
        if row is None:
            raise ClosedError
        now: datetime = session.scalars(select(func.clock_timestamp())).one()
        row.tried_at = now
        return now


def _end(own: Hands, connection: UUID, *, began: datetime, is_whole: bool) -> None:
    with transaction(own.sessions) as session:
        row = take_connection(session, connection)
        if row is None:
            return
        now = session.scalars(select(func.clock_timestamp())).one()
        row.failures, row.reason, row.not_before = 0, None, None
        if is_whole:
            was_asked = row.asked_at is not None and row.asked_at > began - _SOON
            row.pulled_at, row.next_at = now, now + (_SOON if was_asked else EVERY)


def _fail(own: Hands, connection: UUID, reason: str, *, wait: float | None) -> None:
    """Later and later, and not before the server wants to hear from us."""
    _log.warning("pull_failed", reason=reason)
    with transaction(own.sessions) as session:
        row = take_connection(session, connection)
        if row is None:
            return
        row.failures, row.reason = row.failures + 1, reason
        pause = min(EVERY, _FIRST_WAIT * 2 ** min(row.failures - 1, 10))
        if reason in (ErrorCode.REFUSED, ErrorCode.MANY_GONE):
            pause = EVERY  # only a person can mend these
        now: Any = session.scalars(select(func.clock_timestamp())).one()
        row.not_before = now + timedelta(seconds=wait) if wait else None
        row.next_at = max(now + pause, row.not_before or now)
