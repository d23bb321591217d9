"""When a known root is decided anew: open referrals are amended or recalled; who is not concerned hears nothing."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.domain.outcomes import Course, Item
from pimcollect.domain.referrals import is_open
from pimcollect.tables.referrals import CaseRow, NoticeRow, ReferralRow, shred_case
from workers.hands import Hands
from workers.writing import Decided, Writing, add_referral, case_values, referral_values


def reroute(own: Hands, session: Session, writing: Writing, one: Decided) -> None:
    """Bring the referrals of a root in line with its newest decision, in the caller's transaction.

    Wanted and unknown: a new referral. Known and equal: nothing. Known and different: amended. No longer wanted:
    recalled and its case shredded, since the consent that carried it is gone. What is closed stays closed.
    """
    wanted = one.items
    for pathway, row in _find_known(own, session, one).items():
        item = wanted.pop(pathway, None)
        if not is_open(row.state):
            continue
        if item is None:
            _recall(session, writing, row)
            continue
        values = referral_values(own, item, place=one.decision.place, due_at=item.due_at or row.due_at)
        if values["digest"] != row.digest:
            _amend(own, session, writing, row, item, values=values)
    for item in wanted.values():
        add_referral(own, writing, one, item, place=one.decision.place)


def _find_known(own: Hands, session: Session, one: Decided) -> dict[str, ReferralRow]:
    """Lock the referrals that earlier editions of this root led to, by pathway."""
    pathways = own.find_pathways(session, one.form) | set(one.items)
    origins = {own.origin(one.form, one.root_id, pathway): pathway for pathway in pathways}
    query = select(ReferralRow).where(ReferralRow.origin.in_(origins)).order_by(ReferralRow.id).with_for_update()
    return {origins[row.origin]: row for row in session.scalars(query)}


def _count_notices(session: Session, referral: UUID, kind: str) -> int:
    query = select(func.count()).where(NoticeRow.referral == referral, NoticeRow.kind == kind)
    return session.scalar(query) or 0


def _notify(session: Session, writing: Writing, referral: UUID, kind: str, *, service: str | None = None) -> None:
    writing.notify(referral, kind, edition=_count_notices(session, referral, kind) + 1, service=service)


def _move(writing: Writing, row: ReferralRow, became: str) -> None:
    if row.state != became:
        writing.move(row.id, was=row.state, became=became)
        row.state, row.moved_at = became, func.clock_timestamp()


def _recall(session: Session, writing: Writing, row: ReferralRow) -> None:
    _move(writing, row, "recalled")
    shred_case(session, row.case_id)
    _notify(session, writing, row.id, "recalled")


def _amend(
    own: Hands, session: Session, writing: Writing, row: ReferralRow, item: Item, *, values: dict[str, object]
) -> None:
    before = row.service
    for name, value in values.items():
        setattr(row, name, value)
    if item.course is Course.REFERRAL:
        case = session.get(CaseRow, row.case_id) if row.case_id else None
        columns = case_values(own, item, case_id=case.id if case else uuid4(), due_at=row.due_at)
        if case is None:
            session.add(CaseRow(**columns))
            session.flush()
            row.case_id = columns["id"]
        else:
            case.sealed, case.shred_after, case.shredded_at = columns["sealed"], columns["shred_after"], None
    else:
        case_id, row.case_id = row.case_id, None  # before the flush: only a referral may have a case
        shred_case(session, case_id)
    if before == item.service:
        _notify(session, writing, row.id, "amended")
        return
    # Another service now takes this person: whoever accepted before has no part in it any more.
    row.accepted_by = None
    _move(writing, row, "no_service" if item.service is None else "waiting")
    if before is not None:
        _notify(session, writing, row.id, "recalled", service=before)
    _notify(session, writing, row.id, "new")
