"""One pull of one connection: what is new, what changed, what is gone; each page with its cursor in one transaction.

Killed at any point it goes on from the last page. Nothing is held open at the server, and no transaction is open here
while the server is asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

from psycopg import Connection
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.db import transaction
from pimcollect.errors import ErrorCode, PimError
from pimcollect.plugins import find_plugin
from pimcollect.servers.answers import bad_answer
from pimcollect.servers.copies import Copy, Holder
from pimcollect.servers.ids import is_veiled, veil_id, veil_mark, veil_name
from pimcollect.tables.connections import (
    ConnectionRow,
    drop_copies,
    find_copies,
    find_names_there,
    list_copies,
    measure_copies,
    put_copies,
    take_connection,
)
from pimcollect.tables.journal import beat
from pimcollect.vault import DoorKeys
from webhooks.pulled import Pulled, accept_page
from workers.erase import Gone, erase_gone
from workers.hands import Hands

_BODIES = 200
"""Bodies that are asked for one by one are stored this many at a time."""
_ERASED = 50
_COMPARE_AFTER = timedelta(days=1)
_T = TypeVar("_T")
_FEW, _SHARE = 20, 0.1
"""More deletions than both of these at once are not believed before a person says so."""


class ClosedError(Exception):
    """The connection was closed meanwhile."""


@dataclass
class Pull:
    """A pull under way. `ends` is when its turn is over, by the monotonic clock."""

    own: Hands
    connection: UUID
    form: str
    holder: Holder
    keys: DoorKeys
    queue: str
    ends: float = field(default=float("inf"))
    taken: int = 0
    gone: set[str] = field(default_factory=set)
    """Names there that the server's history led to and that it does not have any more."""

    def name(self, copy: Copy) -> str:
        """The server's own name of a copy, as it may be kept."""
        return veil_name(copy.there, copy.root_id, key=self.keys.digest)

    def mark(self, copy: Copy) -> str:
        """What a copy is compared by, as it may be kept."""
        return veil_mark(copy.mark, key=self.keys.digest)

    def is_over(self) -> bool:
        """True when others are to have their turn."""
        return time.monotonic() > self.ends


def pull_all(pull: Pull) -> bool:
    """Pull what is new, then compare. False when the turn was over before: go on from the cursor."""
    theirs = pull.holder.count()
    with transaction(pull.own.sessions) as session:
        row = _take(session, pull)
        cursor, row.count_there = dict(row.cursor), theirs
    for page in pull.holder.read_new(cursor):
        # a page that was known costs little: only what was new uses up the turn, so that every turn gets on
        was_new = look_again(pull, page.told)
        if (store(pull, page.copies, cursor=page.cursor) or was_new) and pull.is_over():
            return False
    return compare(pull)


def _take(session: Session, pull: Pull) -> ConnectionRow:
    row = take_connection(session, pull.connection)
    if row is None:
        raise ClosedError
    return row


def look_again(pull: Pull, roots: Sequence[str]) -> bool:
    """Take in as they are now those of these roots that are known; note which are gone. True when one had changed. What
    the history said of them counts for nothing: late, double, in another order it leads to the same."""
    was_new = False
    for some in _portions(roots, _BODIES):
        told = {veil_id(root, key=pull.keys.digest) for root in some}
        with transaction(pull.own.sessions) as session:
            found = find_names_there(session, pull.connection, told).values()
        names = {there for there in found if not is_veiled(there)}  # a veiled one cannot be asked for
        now = tuple(pull.holder.read_bodies([Copy(there, "") for there in sorted(names)]))
        pull.gone |= names.difference(pull.name(copy) for copy in now)
        was_new |= store(pull, now)
    return was_new


def store(pull: Pull, copies: Sequence[Copy], *, cursor: Any = None) -> bool:
    """Put what is not known yet, fetch what has no body, erase what is gone; the cursor with the last of it. True when
    there was something to do."""
    with transaction(pull.own.sessions) as session:
        known = find_copies(session, pull.connection, [pull.name(copy) for copy in copies])
        marks = {there: row.mark for there, row in known.items()}
    fresh = [copy for copy in copies if not copy.is_gone and marks.get(pull.name(copy)) != pull.mark(copy)]
    gone = [pull.name(copy) for copy in copies if copy.is_gone and pull.name(copy) in known]
    for some in _with_bodies(pull, [copy for copy in fresh if copy.body is None]):
        _put(pull, some, cursor=None)
    erase(pull, gone)
    _put(pull, [copy for copy in fresh if copy.body is not None], cursor=cursor)
    return bool(fresh or gone)


def _portions(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[first : first + size] for first in range(0, len(items), size))


def _with_bodies(pull: Pull, copies: Sequence[Copy]) -> Iterator[tuple[Copy, ...]]:
    for some in _portions(copies, _BODIES):
        yield tuple(pull.holder.read_bodies(some))


def _put(pull: Pull, copies: Sequence[Copy], *, cursor: Any) -> None:
    """Entries, what is known of the server, and the cursor: one commit."""
    with transaction(pull.own.sessions) as session:
        row = _take(session, pull)
        beat(session, pull.queue)
        if cursor is not None:
            row.cursor = dict(cursor)
        known = find_copies(session, pull.connection, [pull.name(copy) for copy in copies])
        read = [_read(pull, copy, known.get(pull.name(copy))) for copy in copies]
        driver = cast("Connection[Any]", session.connection().connection.driver_connection)
        pulled = [one for one, _ in read]
        new = accept_page(driver, pulled, form=pull.form, server=pull.holder.reads, keys=pull.keys)
        put_copies(session, pull.connection, [known_as for _, known_as in read])
    pull.taken += new
    if new:
        pull.own.bell.ring_entry(uuid4())  # any id: it says that something waits


def _read(pull: Pull, copy: Copy, known: Any) -> tuple[Pulled, tuple[str, str, str, str]]:
    """A copy as the door takes it, and as it is remembered."""
    body = copy.body or b""
    delivery = find_plugin("servers", pull.holder.reads).read_delivery(body)
    delivery = replace(delivery, answers={})  # only hooks compare them: no page keeps them
    edition = veil_id(delivery.edition_id, key=pull.keys.digest) if delivery.edition_id else ""
    told = veil_id(copy.root_id, key=pull.keys.digest) if copy.root_id else None
    before = known.edition_id if known is not None and known.edition_id != edition else None
    root = told or (known.root_id if known is not None else edition)
    pulled = Pulled(delivery, body, root_id=told, follows=before or None)
    return pulled, (pull.name(copy), root, edition, pull.mark(copy))


def erase(pull: Pull, names: Sequence[str]) -> None:
    """Erase here what the server does not have any more, and forget its name there."""
    for some in _portions(names, _ERASED):
        with transaction(pull.own.sessions) as session:
            _take(session, pull)
            known = find_copies(session, pull.connection, some)
            gone = [Gone(row.root_id, row.edition_id or row.root_id) for row in known.values()]
            notices = erase_gone(pull.own, session, form=pull.form, gone=gone, keys=pull.keys)
            drop_copies(session, pull.connection, some)
        for notice in notices[:1]:
            pull.own.bell.ring_notice(notice)


def compare(pull: Pull) -> bool:
    """Compare counts; where they differ by more than the history told, and once a day, the server's whole list with
    ours. False: the turn is over."""
    theirs = pull.holder.count()
    with transaction(pull.own.sessions) as session:
        row, now = _take(session, pull), _now(session)
        row.count_there = theirs
        is_due = row.compared_at is None or now - row.compared_at > _COMPARE_AFTER or row.may_erase
        known = measure_copies(session, pull.connection)
    if known - len(pull.gone) == theirs and not is_due:
        erase(pull, _check_gone(pull, sorted(pull.gone), known=known))
        return True
    found: set[str] = set()
    for page in pull.holder.read_all():
        found.update(pull.name(copy) for copy in page.copies)
        store(pull, page.copies)
    erase(pull, _find_gone(pull, found, since=now))
    with transaction(pull.own.sessions) as session:
        row = _take(session, pull)
        row.compared_at, row.may_erase = now, False
        row.count_there = pull.holder.count() if theirs != len(found) else theirs
    return True


def _now(session: Session) -> datetime:
    now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now


def _find_gone(pull: Pull, found: Iterable[str], *, since: datetime) -> list[str]:
    """What was known before the list was read and does not stand in it."""
    with transaction(pull.own.sessions) as session:
        known = list_copies(session, pull.connection, before=since)
        may_erase = _take(session, pull).may_erase
    return _check_gone(pull, sorted(known.difference(found)), known=len(known), may_erase=may_erase)


def _check_gone(pull: Pull, missing: list[str], *, known: int, may_erase: bool = False) -> list[str]:
    """The same, each asked for once more by its name.

    A server in trouble may show an empty list: what looks like many deletions at once waits for a person. A name that
    is kept veiled cannot be asked for: the list is believed.
    """
    still = {
        copy.there
        for some in _portions(missing, _BODIES)
        for copy in pull.holder.read_bodies([Copy(there, "") for there in some])
    }
    if still:
        raise bad_answer("the server", "its list leaves out submissions that it has")
    if len(missing) > _FEW and len(missing) > _SHARE * known and not may_erase:
        raise PimError(
            ErrorCode.MANY_GONE,
            f"{len(missing)} of {known} submissions are not at the server any more.",
            remedy="Find out why. If they are to be erased here too: `pimcollect servers fetch FORM --erase`.",
        )
    return missing
