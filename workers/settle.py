"""Settle entries: open, decide, write the outcome and shred the body, all in one transaction for a whole batch."""

from __future__ import annotations

import faulthandler
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pimcollect.db import is_lack_of_room, transaction
from pimcollect.domain.decide import decide
from pimcollect.domain.documents import BodyFault
from pimcollect.domain.likeness import tell_answers
from pimcollect.domain.outcomes import RELEASED, SECOND, Decision, Directory, Held, HeldReason, Kept, Refused
from pimcollect.doorbell import SETTLE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.log import open_log
from pimcollect.servers.base import MAPPED, Opened, Reader, find_reader
from pimcollect.servers.instance import find_fault
from pimcollect.tables.connections import ask_fetch
from pimcollect.tables.entries import (
    INCOMPLETE,
    MOST_ATTEMPTS,
    EntryRow,
    count_attempts,
    hold_entry,
    lock_entries,
    uncount_attempts,
)
from pimcollect.tables.forms import find_mappings
from pimcollect.tables.journal import beat
from pimcollect.tables.marks import mark_asked
from pimcollect.tables.names import find_forms_named
from pimcollect.tables.parked import park_entry
from pimcollect.tables.sealed import entry_context
from pimcollect.vault import open_value
from workers.envelopes import BESIDE, Inside, Parked, unwrap
from workers.hands import Hands, KnownVersion, hands
from workers.outcome import store_outcomes
from workers.pictures import develop_waiting, list_names
from workers.writing import Decided

BATCH = 250
"""Entries in one transaction: one commit for all of them is what makes a backlog drain fast."""
DECIDE_SECONDS = 60.0
"""What opening and deciding a batch may take: a thousand times what it does take."""
_JOB_SECONDS = 60.0
_PAUSE_SECONDS = 1.0
_MOST_TIMES_OUT_OF_MEMORY = 3
"""Alone each time. Fewer than other failures: each time costs the machine a gigabyte for a moment."""
_HELD_FOR = {
    ErrorCode.NOT_A_SUBMISSION: HeldReason.NOT_A_SUBMISSION,
    ErrorCode.MAPPING_UNFIT: HeldReason.MAPPING_UNFIT,
    ErrorCode.NO_INSTANCE_ID: HeldReason.NO_INSTANCE_ID,
}
_log = open_log("settle")


def settle(entry: str) -> None:
    """The job. `entry` was rung for; it and all else that is waiting are settled."""
    settle_waiting(hands())


def settle_waiting(own: Hands) -> int:
    """Settle what is waiting, batch by batch, for up to a minute; returns how many were settled or held.

    A long backlog is drained by several jobs, each well within the queue's limit for one.
    """
    own.bell.quiet(SETTLE)
    done, ends = 0, time.monotonic() + _JOB_SECONDS
    while taken := settle_batch(own):
        done += taken
        if time.monotonic() > ends:
            break
    develop_waiting(own, until=ends)
    if time.monotonic() > ends:
        own.bell.ring_entry(uuid4())  # any id: it says that more is waiting
    return done


def settle_batch(own: Hands, *, limit: int = BATCH) -> int:
    """Settle up to `limit` entries. Returns how many were taken; 0 means that nothing waits.

    The attempts are counted in a transaction of their own, so that a process that is killed in the middle counts
    too. When a batch fails, each of its entries is settled alone: a bad one falls out without its neighbours. Where
    the disk is full none of them is bad: what was counted is taken back, and the sweep rings again.
    """
    with transaction(own.sessions) as session:
        beat(session, SETTLE)
        attempts = count_attempts(session, limit=limit)
        for entry, tried in attempts.items():
            if tried > MOST_ATTEMPTS:
                hold_entry(session, entry, HeldReason.FAILING)
    ids = [entry for entry, tried in attempts.items() if tried <= MOST_ATTEMPTS]
    if not ids:
        return len(attempts)
    if stuck := _settle_some(own, ids, attempts):
        _give_back(own, stuck)
        return 0
    return len(attempts)


def _settle_some(own: Hands, ids: list[UUID], attempts: Mapping[UUID, int]) -> list[UUID]:
    """Settle them together, else each alone. Returns those for which there was no room."""
    try:
        _settle_together(own, ids)
    except Exception as error:  # each is tried alone, and what fails alone is noted
        if is_lack_of_room(error):
            return ids
        if len(ids) == 1:
            _note_failure(own, ids[0], error, tried=attempts[ids[0]])
            return []
        _log.warning("batch_fell_apart", error=type(error).__name__, count=len(ids))
        for number, entry in enumerate(ids):
            if _settle_some(own, [entry], attempts):
                return ids[number:]
    return []


def _give_back(own: Hands, ids: list[UUID]) -> None:
    """The attempt does not count. Said again until there is room to write it, or the job has lasted its minute."""
    _log.error("no_room", count=len(ids))
    ends = time.monotonic() + _JOB_SECONDS
    while True:
        try:
            with transaction(own.sessions) as session:
                return uncount_attempts(session, ids)
        except SQLAlchemyError:
            if time.monotonic() > ends:
                raise
        time.sleep(_PAUSE_SECONDS)


def _note_failure(own: Hands, entry: UUID, error: Exception, *, tried: int) -> None:
    """Say which one failed, of its error the class only; hold what wanted too much memory often enough."""
    _log.error("entry_failed", error=type(error).__name__, entry=entry)
    if isinstance(error, MemoryError) and tried >= _MOST_TIMES_OUT_OF_MEMORY:
        with transaction(own.sessions) as session:
            hold_entry(session, entry, HeldReason.OUT_OF_MEMORY)


def _settle_together(own: Hands, ids: list[UUID]) -> None:
    with transaction(own.sessions) as session:
        rows = lock_entries(session, ids)
        versions = {form: own.find_versions(session, form) for form in {row.form for row in rows}}
        mappings = find_mappings(session, {row.hook for row in rows if row.hook and row.server == MAPPED})
        directory = own.read_directory(session)
        decided, lacking = [], set()
        with _bounded():
            for row in rows:
                mapping = None if row.hook is None else mappings.get(row.hook)
                reader = find_reader(row.server, mapping, hook=row.hook)
                one = _decide(own, session, row, reader=reader, versions=versions[row.form], directory=directory)
                if isinstance(one, Held):
                    hold_entry(session, row.id, one.reason, fault=one.fault)
                elif isinstance(one, Parked):
                    park_entry(session, row.id, here=one.here, named=one.named)
                    lacking.add(row.form)
                else:
                    decided.append(one)
        asked = [connection for form in sorted(lacking) for connection in ask_fetch(session, form)]
        notices = store_outcomes(own, session, decided)
        brought = {row.id: row.hook for row in rows}
        mark_asked(session, [(hook, _was_asked(one)) for one in decided if (hook := brought[one.entry])])
    for notice in notices[:1]:  # one ring wakes the sender, who takes all that is due
        own.bell.ring_notice(notice)
    for connection in asked[:1]:  # its files are fetched, and those of all connections that are due
        own.bell.ring_fetch(connection)


def _was_asked(one: Decided) -> bool:
    return not isinstance(one.decision, Refused) or one.decision.was_asked


@contextmanager
def _bounded() -> Iterator[None]:
    """End this process when the block hangs. The attempt is counted already: whatever hangs is alone at the next, and
    held in the end. The queue's own alarm is an exception in here, which would go off once and not for the next entry.
    The watchdog is no thread of Python's, so a regular expression that never returns is ended too; what it writes are
    places of the code, no values."""
    faulthandler.dump_traceback_later(DECIDE_SECONDS, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@dataclass(frozen=True)
class _Read:
    """An entry that was opened in memory, and out of its envelope where it was in one."""

    opened: Opened
    inside: Inside | None = None


def _read(
    own: Hands, session: Session, row: EntryRow, *, reader: Reader, versions: list[KnownVersion]
) -> _Read | Held | Parked:
    if row.body is None:
        raise PimError(ErrorCode.NOT_POSSIBLE_NOW, "An untouched entry has no body.")
    try:
        body = open_value(row.body, ring=own.keys.intake, context=entry_context(row.form, row.identity))
    except PimError:
        return Held(HeldReason.KEY_MISSING)
    if not versions:
        return Held(HeldReason.UNKNOWN_VERSION)
    repeats = versions[0].prepared.version.repeats
    try:
        opened = reader.read_opened(body, repeats=repeats)
    except PimError as error:
        return Held(_HELD_FOR.get(error.code, HeldReason.UNREADABLE), find_fault(error))
    if not opened.is_encrypted:
        return _Read(opened)
    inside = unwrap(own, session, row, body, repeats=repeats)
    return _Read(inside.opened, inside) if isinstance(inside, Inside) else inside


def _decide(
    own: Hands, session: Session, row: EntryRow, *, reader: Reader, versions: list[KnownVersion], directory: Directory
) -> Decided | Held | Parked:
    """Open one entry in memory and decide it. Nothing of its content leaves this function but the decision."""
    read = _read(own, session, row, reader=reader, versions=versions)
    if not isinstance(read, _Read):
        return read
    inside = read.inside
    try:
        opened = own.veil_ids(read.opened)
    except PimError:
        return Held(HeldReason.KEY_MISSING)
    if _is_of_other_form(session, row, opened, versions):
        return Held(HeldReason.OTHER_FORM)
    if opened.edition_id is None and not row.fullness:
        # neither an id nor an answer: nobody was asked, so nobody refused
        return Held(HeldReason.UNREADABLE, BodyFault.EMPTY)
    asked_by = _find_version(versions, opened)
    if asked_by is None:
        return Held(HeldReason.UNKNOWN_VERSION)
    if inside is None and asked_by.prepared.version.is_encrypted:
        return Held(HeldReason.PLAIN_IN_ENCRYPTED)
    decision: Decision = decide(
        opened.raw,
        asked_by.prepared,
        directory,
        received_at=row.received_at,
        pseudonyms=own.pseudonyms(),
        told=opened.entities,
        is_mapped=row.server == MAPPED,
    )
    if isinstance(decision, Held):
        return decision
    edition = opened.edition_id or row.identity
    return Decided(
        entry=row.id,
        form=row.form,
        form_version=asked_by.id,
        root_id=row.root_id or opened.root_id or ("" if opened.deprecated_id else edition),
        edition_id=edition,
        deprecated_id=opened.deprecated_id,
        received_at=row.received_at,
        decision=_add_findings(row, decision, inside),
        fullness=row.fullness,
        follows=row.follows,
        has_waited=row.reason == HeldReason.EDITION_EARLY,
        alike=own.digest("answers", tell_answers(opened.raw, asked_by.moments)),
        is_beside=row.reason == SECOND
        or (row.reason == HeldReason.EDITION_EARLY and row.contradicts_entry is not None),
        is_released=row.reason == RELEASED,
        identity=_find_identity(own, session, row, edition),
        inside=inside,
    )


def _find_identity(own: Hands, session: Session, row: EntryRow, edition: str) -> str:
    """Under which its files lie: what came beside another copy has those of the edition, unless it has its own."""
    if row.contradicts_entry is None or row.contradicts != edition:
        return row.identity
    other = session.get(EntryRow, row.contradicts_entry)
    if other is None or list_names(own, session, form=row.form, identity=row.identity):
        return row.identity
    return other.identity


def _is_of_other_form(session: Session, row: EntryRow, opened: Opened, versions: list[KnownVersion]) -> bool:
    """Whether it says that it answers another form of ours. Names that we do not know say nothing: servers give their
    own, and one form may stand in several projects."""
    if opened.named_form is not None:
        return opened.named_form != row.form
    stated = opened.stated_form
    if stated is None or stated == row.form or any(one.stated_form == stated for one in versions):
        return False
    forms = find_forms_named(session, stated)
    return bool(forms) and row.form not in forms


def _add_findings(row: EntryRow, decision: Kept | Refused, inside: Inside | None) -> Kept | Refused:
    """About how it came: files that it does not name or that lay beside, and parts that never arrived."""
    noted = {
        BESIDE: 0 if inside is None else inside.beside,
        "dropped_files": row.dropped_files,
        "incomplete_delivery": int(row.reason == INCOMPLETE),
    }
    if isinstance(decision, Refused) or not any(noted.values()):
        return decision
    findings = {**decision.treated.findings, **{what: count for what, count in noted.items() if count}}
    return replace(decision, treated=replace(decision.treated, findings=findings))


def _find_version(versions: list[KnownVersion], opened: Opened) -> KnownVersion | None:
    """The version that asked, by the name that our own forms carry; where none is named (adopted forms, hooks that
    send a subset) what the root states, if we know it, else the newest. A name of ours that we do not know is a version
    we never froze: None."""
    if opened.named_version is None:
        stated = (one for one in versions if one.stated and one.stated == opened.stated_version)
        return next(stated, versions[0])
    return next((one for one in versions if one.version == opened.named_version), None)
