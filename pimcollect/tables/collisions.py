"""Whom to ask about a held entry that stands against another: the phones' names, and what it contradicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import HeldReason
from pimcollect.tables.entries import HELD, EntryRow
from pimcollect.tables.phones import PhoneRow
from pimcollect.tables.submissions import SubmissionRow

CONTRADICTING = (HeldReason.CONFLICT, HeldReason.EDITION_UNCLEAR, HeldReason.PLAIN_IN_ENCRYPTED)


@dataclass(frozen=True)
class Collision:
    """What stands against what; None in a part where it is not known, or no more."""

    submission: str | None
    """What it contradicts: the root id of a submission that is here, else the id under which it was sent."""
    entry: UUID | None
    """The entry of that, while it is here."""
    other_phone: str | None
    """The name of the phone that sent that."""


def find_collisions(session: Session, rows: Sequence[EntryRow]) -> dict[UUID, Collision]:
    """Entry -> its collision, for those of the rows that are held for one: three queries however many they are."""
    held = [row for row in rows if row.state == HELD and row.reason in CONTRADICTING]
    if not held:
        return {}
    others = _find_phones(session, {row.contradicts_entry for row in held if row.contradicts_entry})
    phones = {phone for phone in others.values() if phone}
    names: dict[UUID, str] = {
        row.id: row.name for row in session.execute(select(PhoneRow.id, PhoneRow.name).where(PhoneRow.id.in_(phones)))
    }
    roots = _find_roots_of_editions(session, {(row.form, row.contradicts) for row in held if row.contradicts})
    found = {}
    for row in held:
        entry = row.contradicts_entry if row.contradicts_entry in others else None
        other = others[entry] if entry else None
        submission = roots.get((row.form, row.contradicts or ""), row.contradicts)
        found[row.id] = Collision(submission, entry, names[other] if other else None)
    return found


def _find_phones(session: Session, entries: set[UUID]) -> dict[UUID, UUID | None]:
    """Entries that are here -> the phone that sent each."""
    rows = session.execute(select(EntryRow.id, EntryRow.phone).where(EntryRow.id.in_(entries)))
    return {row.id: row.phone for row in rows}


def _find_roots_of_editions(session: Session, editions: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(form, edition) -> the root of the submission that holds it, as its newest or as an earlier one."""
    if not editions:
        return {}
    wanted = sorted({edition for _form, edition in editions})
    row = SubmissionRow
    rows = session.execute(
        select(row.form, row.root_id, row.edition_id, row.superseded).where(
            row.form.in_({form for form, _edition in editions}),
            or_(row.edition_id.in_(wanted), row.superseded.has_any(array(wanted))),
        )
    )
    return {(one.form, edition): one.root_id for one in rows for edition in (one.edition_id, *one.superseded)}
