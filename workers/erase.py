"""Erase what was deleted at its server or withdrawn by its person: answers, open referrals, cases, files, what waits.

What stays is a tombstone that knows the root and its editions, so that no late copy brings anything back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.orm import Session

from pimcollect.domain.decide import REFUSED_LEVEL
from pimcollect.domain.outcomes import Refused
from pimcollect.domain.places import climb
from pimcollect.servers.ids import veil_id
from pimcollect.tables.collisions import CONTRADICTING
from pimcollect.tables.forms import find_newest_version
from pimcollect.tables.journal import write_journal
from pimcollect.tables.media import shred_editions
from pimcollect.tables.retention import erase_beside, erase_entries
from pimcollect.tables.submissions import (
    ERASED,
    NOWHERE,
    REFUSED,
    TOMBSTONE,
    SubmissionRow,
    find_root,
    find_roots,
    forget_twin,
)
from pimcollect.vault import DoorKeys
from webhooks.inbox import identify_edition
from workers.hands import Hands
from workers.outcome import TWIN
from workers.reroute import reroute
from workers.writing import Decided, Writing


@dataclass(frozen=True)
class Gone:
    """A submission that its server does not have any more: the root as far as it is known, and an edition of it."""

    root_id: str
    edition_id: str


def erase_gone(
    own: Hands, session: Session, *, form: str, gone: list[Gone], keys: DoorKeys, why: str = ERASED
) -> list[UUID]:
    """Erase in the caller's transaction; returns the notices to ring for after the commit. Twice changes nothing.

    `why` is what is counted: deleted at its server, or withdrawn by the person.
    """
    writing = Writing()
    for one in gone:
        _erase(own, session, writing, form=form, one=one, keys=keys, why=why)
    writing.flush(session)
    return [notice["id"] for notice in writing.notices]


def _erase(own: Hands, session: Session, writing: Writing, *, form: str, one: Gone, keys: DoorKeys, why: str) -> None:
    root = find_root(session, form, one.edition_id) or find_root(session, form, one.root_id) or one.root_id
    # entries first: whoever settles one of them locks in this order too
    _shred(session, form, {one.root_id, one.edition_id, root}, keys)
    row = find_roots(session, [(form, root)]).get((form, root))
    is_refusal = row is not None and row.state == TOMBSTONE
    if row is None:
        row = _put_tombstone(session, form, root, one)
    if row is None or row.erased_at is not None:
        return
    if is_refusal:  # counted once, as what it is now
        writing.tallies[REFUSED, form, row.month, row.place or NOWHERE, ""] -= 1
    _shred(session, form, {row.edition_id, *row.superseded}, keys)
    place = climb(own.read_directory(session), row.place, level=REFUSED_LEVEL)
    row.state, row.may_share, row.erased_at, row.place = TOMBSTONE, False, func.clock_timestamp(), place
    row.screening = row.shared = row.restricted = row.findings = row.alike = row.twin = None
    row.digest = own.digest("erased")
    writing.entities[row.id] = ()
    session.flush()
    forget_twin(session, row.id, finding=TWIN)
    reroute(own, session, writing, _decide_anew(row))
    writing.tallies[why, form, row.month, row.place or NOWHERE, ""] += 1
    write_journal(session, actor="workers", action="erase", noun="submissions", noun_id=str(row.id))


def _shred(session: Session, form: str, editions: set[str], keys: DoorKeys) -> None:
    identities = [identify_edition(edition, form=form, key=keys.digest) for edition in sorted(editions)]
    erase_entries(session, form, identities)
    veiled = [veil_id(edition, key=keys.digest) for edition in editions]
    erase_beside(session, form, veiled, reasons=CONTRADICTING)
    shred_editions(session, form, identities)


def _put_tombstone(session: Session, form: str, root: str, one: Gone) -> SubmissionRow | None:
    """For what was never settled: it is on its way or held. None while no version of the form is known: then nothing
    of it was settled, and what waits has just been shredded."""
    version = find_newest_version(session, form)
    if version is None:
        return None
    month = datetime.now(UTC).date().replace(day=1)
    row = SubmissionRow(
        id=uuid4(),
        form=form,
        form_version=version.id,
        root_id=root,
        edition_id=one.edition_id,
        superseded=[],
        state=TOMBSTONE,
        month=month,
        digest="",
    )
    session.add(row)
    session.flush()
    return row


def _decide_anew(row: SubmissionRow) -> Decided:
    """What a withdrawal would have been decided to: nothing to follow up."""
    return Decided(
        entry=uuid4(),
        form=row.form,
        form_version=row.form_version,
        root_id=row.root_id,
        edition_id=row.edition_id,
        deprecated_id=None,
        received_at=datetime.now(UTC),
        decision=Refused(row.month, row.place),
    )
