"""The last day of personal data: statements that take sealed content out for ever."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import HeldReason
from pimcollect.tables.media import shred_media
from pimcollect.tables.pictures import shred_pictures
from pimcollect.tables.referrals import CaseRow, RevealRow

_REVEAL_MINUTES = 10


def shred_cases(session: Session, *, limit: int) -> list[UUID]:
    """Take content and pictures out of up to `limit` cases whose last day has passed; returns their ids."""
    due = (
        select(CaseRow.id)
        .where(CaseRow.sealed.is_not(None), CaseRow.shred_after <= func.clock_timestamp())
        .order_by(CaseRow.shred_after)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = session.scalars(
        update(CaseRow)
        .where(CaseRow.id.in_(due))
        .values(sealed=None, shredded_at=func.clock_timestamp())
        .returning(CaseRow.id)
        .execution_options(synchronize_session=False)
    )
    cases = list(found)
    shred_pictures(session, cases)
    return cases


def drop_reveals(session: Session) -> None:
    """Reveals that were asked long ago: no page waits for them, so nothing sealed stays and none is still open."""
    age = func.make_interval(0, 0, 0, 0, 0, _REVEAL_MINUTES, 0)
    session.execute(
        update(RevealRow)
        .where(
            RevealRow.asked_at < func.clock_timestamp() - age,
            or_(
                RevealRow.sealed.is_not(None),
                RevealRow.answered_at.is_(None) & RevealRow.refused.is_(None),
            ),
        )
        .values(sealed=None, refused=func.coalesce(RevealRow.refused, "late"))
        .execution_options(synchronize_session=False)
    )


# Settled entries are found by their partial index, oldest first; the files of an entry by the index that names them.
_PURGE_ENTRIES = text("""
    WITH gone AS (
        DELETE FROM entries WHERE id IN (
            SELECT id FROM entries
             WHERE state = 'settled' AND settled_at < clock_timestamp() - make_interval(days => :days)
             ORDER BY settled_at LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING form, identity),
    files AS (
        DELETE FROM media USING gone
         WHERE media.form = gone.form AND media.identity = gone.identity AND media.state = 'shredded')
    SELECT count(*) FROM gone
""")
_PURGE_JOURNAL = text("""
    WITH gone AS (
        DELETE FROM journal WHERE id IN (
            SELECT id FROM journal
             WHERE at < clock_timestamp() - make_interval(days => :days) AND actor = 'workers' AND noun = 'entries'
             ORDER BY at LIMIT :limit)
        RETURNING id)
    SELECT count(*) FROM gone
""")


def purge_entries(session: Session, *, days: int, limit: int) -> int:
    """Delete up to `limit` entries that were settled more than `days` ago, with what is left of their shredded files.

    A copy that comes later is known by its submission's root and editions, so it changes nothing.
    """
    return session.scalar(_PURGE_ENTRIES, {"days": days, "limit": limit}) or 0


def purge_journal(session: Session, *, days: int, limit: int) -> int:
    """Delete up to `limit` of the workers' lines about single entries. What people did stays."""
    return session.scalar(_PURGE_JOURNAL, {"days": days, "limit": limit}) or 0


_ERASE = text("""
    UPDATE entries SET state = 'settled', reason = 'erased', body = NULL, settled_at = clock_timestamp(),
                       root_id = NULL, follows = NULL, waits_for = NULL
     WHERE form = :form AND identity = ANY(:identities) AND state <> 'settled'
""")


def erase_entries(session: Session, form: str, identities: Collection[str]) -> None:
    """Destroy the bodies of these editions that are not settled yet: what they belong to is erased."""
    session.execute(_ERASE, {"form": form, "identities": list(identities)})


_FIND_ORPHANS = text("""
    SELECT entries.form, entries.contradicts FROM entries
     WHERE entries.state = 'held' AND entries.reason = ANY(:reasons) AND EXISTS (
        SELECT FROM submissions
         WHERE submissions.form = entries.form AND submissions.erased_at IS NOT NULL
           AND (submissions.edition_id = entries.contradicts
                OR submissions.superseded @> jsonb_build_array(entries.contradicts)))
     LIMIT :limit
""")
_ERASE_BESIDE = text("""
    UPDATE entries SET state = 'settled', reason = 'erased', body = NULL, settled_at = clock_timestamp(),
                       contradicts = NULL, contradicts_entry = NULL
     WHERE form = :form AND contradicts = ANY(:editions) AND state = 'held' AND reason = ANY(:reasons)
    RETURNING id
""")


def erase_beside(session: Session, form: str, editions: Collection[str], *, reasons: Collection[HeldReason]) -> None:
    """Destroy what is held for one of these reasons and contradicts one of these editions, by their veiled ids: it
    tells of the same person, who is erased or has said no since."""
    held_for = [reason.value for reason in reasons]
    found = session.execute(_ERASE_BESIDE, {"form": form, "editions": list(editions), "reasons": held_for})
    erased = list(found.scalars())
    shred_media(session, erased, unwanted=erased)


def erase_orphans(session: Session, *, reasons: Collection[HeldReason], limit: int) -> None:
    """The same for what came since, and contradicts what was erased before: nobody can decide any more which is right,
    and nothing may stay of that person."""
    found = session.execute(_FIND_ORPHANS, {"reasons": [reason.value for reason in reasons], "limit": limit})
    for form, edition in found.all():
        erase_beside(session, form, [edition], reasons=reasons)
