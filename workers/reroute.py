"""When a known root is decided anew: its referrals follow, and who is not concerned hears nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import Course, Item, Refused
from pimcollect.domain.referrals import Change, Standing, Step, Wanted, reconcile
from pimcollect.tables.referrals import CaseRow, NoticeRow, ReferralRow, shred_case
from workers.hands import Hands
from workers.pictures import rewant_pictures
from workers.writing import Decided, Writing, add_referral, case_values, item_digest, referral_values


def reroute(own: Hands, session: Session, writing: Writing, one: Decided) -> None:
    """Bring the referrals of a root in line with its newest decision, in the caller's transaction."""
    items, known = one.items, _find_known(own, session, one)
    digests = {pathway: item_digest(own, item, one.decision.place) for pathway, item in items.items()}
    wanted = {pathway: Wanted(item.service, digests[pathway]) for pathway, item in items.items()}
    standing = {
        # An equal decision leaves a service that was chosen by hand since where it is.
        pathway: Standing(
            row.state,
            items[pathway].service if digests.get(pathway) == row.digest else row.service,
            row.digest,
        )
        for pathway, row in known.items()
    }
    for change in reconcile(standing, wanted):
        if change.step is Step.NEW:
            add_referral(own, writing, one, items[change.pathway], place=one.decision.place)
        elif change.step is Step.RECALLED:
            _recall(session, writing, known[change.pathway], change)
        elif change.step is not Step.UNCHANGED:
            row, item = known[change.pathway], items[change.pathway]
            before = row.service
            _rewrite(own, session, row, item, place=one.decision.place)
            if row.case_id is not None:
                rewant_pictures(own, session, writing, one, item, case_id=row.case_id)
            _tell(session, writing, row, change, before=before)
    if isinstance(one.decision, Refused):  # consent is gone, or all of it was deleted: also of what is closed
        for row in known.values():
            shred_case(session, row.case_id)


def _find_known(own: Hands, session: Session, one: Decided) -> dict[str, ReferralRow]:
    """Lock the referrals that earlier editions of this root led to, by pathway."""
    pathways = own.find_pathways(session, one.form) | set(one.items)
    origins = {own.origin(one.form, one.root_id, pathway): pathway for pathway in pathways}
    query = select(ReferralRow).where(ReferralRow.origin.in_(origins)).order_by(ReferralRow.id).with_for_update()
    return {origins[row.origin]: row for row in session.scalars(query)}


def _recall(session: Session, writing: Writing, row: ReferralRow, change: Change) -> None:
    """No longer wanted: the consent that carried the case is gone, and so is the case."""
    _move(writing, row, change.state)
    shred_case(session, row.case_id)
    _notify(session, writing, row.id, "recalled")


def _rewrite(own: Hands, session: Session, row: ReferralRow, item: Item, *, place: str | None) -> None:
    values = referral_values(own, item, place=place, due_at=item.due_at or row.due_at)
    for name, value in values.items():
        setattr(row, name, value)
    if item.course is Course.REFERRAL:
        _put_case(own, session, row, item)
    else:
        case_id, row.case_id = row.case_id, None  # before the flush: only a referral may have a case
        shred_case(session, case_id)


def _put_case(own: Hands, session: Session, row: ReferralRow, item: Item) -> None:
    case = session.get(CaseRow, row.case_id) if row.case_id else None
    columns: dict[str, Any] = case_values(own, item, case_id=case.id if case else uuid4(), due_at=row.due_at)
    if case is not None:
        case.sealed, case.shred_after, case.shredded_at = columns["sealed"], columns["shred_after"], None
        return
    session.add(CaseRow(**columns))
    session.flush()
    row.case_id = columns["id"]


def _tell(session: Session, writing: Writing, row: ReferralRow, change: Change, *, before: str | None) -> None:
    """The same receiver hears that something changed; another one gets it as new, and the one before is told so."""
    if change.step is Step.AMENDED:
        _notify(session, writing, row.id, "amended")
        return
    row.accepted_by = None
    _move(writing, row, change.state)
    if change.step is Step.REASSIGNED and before is not None:
        _notify(session, writing, row.id, "recalled", service=before)
    _notify(session, writing, row.id, "new")


def _move(writing: Writing, row: ReferralRow, became: str) -> None:
    if row.state != became:
        writing.move(row.id, was=row.state, became=became)
        row.state, row.moved_at = became, func.clock_timestamp()


def _notify(session: Session, writing: Writing, referral: UUID, kind: str, *, service: str | None = None) -> None:
    query = select(func.count()).where(NoticeRow.referral == referral, NoticeRow.kind == kind)
    writing.notify(referral, kind, edition=(session.scalar(query) or 0) + 1, service=service)
