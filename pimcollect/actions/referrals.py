"""Follow a referral up: see it, accept, decline, close, give it to another service, tell again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.domain.referrals import State, Verb, check_reason, move
from pimcollect.domain.roles import COMMAND_LINE, Actor, allow, sees_all_referrals, serves
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import ServiceRow
from pimcollect.tables.journal import write_journal
from pimcollect.tables.members import find_monitors
from pimcollect.tables.notices import find_notices
from pimcollect.tables.referrals import (
    CaseRow,
    MoveRow,
    NoticeRow,
    ReferralRow,
    find_beginnings,
    find_moves,
    find_referral,
    find_referrals,
    shred_case,
    take_referral,
)

CLOSED_PATHWAYS = ("RP-PSEA",)
"""Complaints about aid workers themselves: nobody but the addressed service sees that there is one (bank, PSEA)."""
_DECLINED_CASE_DAYS = 14


@dataclass(frozen=True)
class Shown:
    """One referral with its history. Nothing in it names a person."""

    referral: ReferralRow
    moves: list[MoveRow]
    notices: list[NoticeRow]


@dataclass(frozen=True)
class Told:
    """A referral that has changed hands, and the notice to ring for after the commit."""

    referral: ReferralRow
    notice: UUID


def list_referrals(
    session: Session,
    actor: Actor,
    *,
    states: list[str] | None = None,
    is_newest_first: bool = False,
    limit: int = 200,
) -> list[ReferralRow]:
    """What the actor may see, the most urgent first: a monitor those of the own service, overseers all others too."""
    allow(actor, "referrals.list")
    if sees_all_referrals(actor):
        rows = find_referrals(session, states=states, is_newest_first=is_newest_first, limit=limit)
        return [row for row in rows if _sees(actor, row)]
    if actor.service is None:
        return []
    own = [actor.service]
    return find_referrals(session, services=own, states=states, is_newest_first=is_newest_first, limit=limit)


def explain_invisible(session: Session, reference: str) -> PimError:
    """Why a member does not see a referral, for the command line, which sees them all."""
    row = _visible(COMMAND_LINE, find_referral(session, reference))
    return PimError(
        ErrorCode.NOT_ALLOWED,
        f"{row.reference} is addressed to {row.service or 'no service'}; that member is not a monitor of it.",
        remedy=_say_monitors(session, row.service),
    )


def find_references(session: Session, actor: Actor, beginning: str) -> list[str]:
    """References that begin so, of those that the actor may see."""
    allow(actor, "referrals.show")
    return [row.reference for row in find_beginnings(session, beginning) if _sees(actor, row)]


def show_referral(session: Session, actor: Actor, reference: str) -> Shown:
    """One referral with its moves and notices. Raises PimError(NOT_FOUND), also for what the actor may not see."""
    allow(actor, "referrals.show")
    row = _visible(actor, find_referral(session, reference))
    return Shown(row, find_moves(session, row.id), find_notices(session, row.id))


def accept_referral(session: Session, actor: Actor, reference: str) -> ReferralRow:
    """The actor's service takes it. From now on only this member may reveal and close.

    The command line cannot take it: nobody could ever see whom it is about.
    """
    row = _take_addressed(session, actor, reference, permission="referrals.accept")
    if actor == COMMAND_LINE:
        raise PimError(
            ErrorCode.NOT_ALLOWED,
            "Only a member of the service it is addressed to can accept it: that member alone sees whom it is about.",
            remedy=_say_monitors(session, row.service),
        )
    _move(session, actor, row, Verb.ACCEPT)
    row.accepted_by = _member_id(actor)
    return row


def decline_referral(session: Session, actor: Actor, reference: str, *, reason: str) -> Told:
    """The actor's service cannot take it. The case stays sealed for a while, so that another service can; the duty
    officer is told that somebody must choose one."""
    row = _take_addressed(session, actor, reference, permission="referrals.decline")
    if row.accepted_by is not None:
        _check_accepted_by(actor, row)
    _move(session, actor, row, Verb.DECLINE, reason=reason)
    row.accepted_by = None
    _shorten_case(session, row)
    return Told(row, _tell(session, row, "new"))


def close_referral(session: Session, actor: Actor, reference: str, *, reason: str) -> ReferralRow:
    """It is done, or cannot be done. The case is shredded in the same transaction.

    The accepting member closes what was accepted; what nobody takes is closed by those who may reroute it.
    """
    row = _visible(actor, take_referral(session, reference))
    if row.state in (State.DECLINED, State.NO_SERVICE):
        allow(actor, "referrals.reroute")
    else:
        _check_addressed(actor, row, permission="referrals.close")
        _check_accepted_by(actor, row)
    _move(session, actor, row, Verb.CLOSE, reason=reason)
    shred_case(session, row.case_id)
    return row


def reopen_referral(session: Session, actor: Actor, reference: str) -> Told:
    """Ask the same service again: what it declined, or what somebody accepted who cannot follow it up (ill, the
    account is switched off, or no member). Whoever accepted sees it no more. The caller rings after its commit."""
    allow(actor, "referrals.reroute")
    row = _visible(actor, take_referral(session, reference))
    _check_can_wait(session, row, row.service)
    _move(session, actor, row, Verb.REOPEN)
    row.accepted_by = None
    return Told(row, _tell(session, row, "new"))


def reroute_referral(session: Session, actor: Actor, reference: str, *, service: str) -> Told:
    """Give a referral that nobody has taken to a service; to the one that declined it as well. The caller rings after
    its commit.

    Refused when the case is shredded already: there would be nobody to contact. A service that was told before and
    has not answered is told that it was taken back.
    """
    allow(actor, "referrals.reroute")
    row = _visible(actor, take_referral(session, reference))
    if service == row.service and row.state in (State.WAITING, State.SENT):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "It waits for the answer of this service already.",
            remedy="`resend` tells the service once more; or choose another one.",
        )
    _check_can_wait(session, row, service)
    was, before = row.state, row.service
    _move(session, actor, row, Verb.REROUTE)
    row.service = service
    if before is not None and was in (State.WAITING, State.SENT):
        _tell(session, row, "recalled", service=before)
    return Told(row, _tell(session, row, "new"))


def resend_notice(session: Session, actor: Actor, reference: str) -> Told:
    """Tell the receiver once more: a new notice, when the first never arrived. The caller rings after its commit."""
    allow(actor, "referrals.reroute")
    row = _visible(actor, take_referral(session, reference))
    if row.state not in (State.WAITING, State.SENT, State.NO_SERVICE, State.DECLINED):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW, f"Nobody has to be told of a referral that is {row.state}.", remedy=""
        )
    write_journal(session, actor=actor.id, action="resend", noun="referrals", noun_id=str(row.id))
    return Told(row, _tell(session, row, "new"))


def _check_can_wait(session: Session, row: ReferralRow, service: str | None) -> None:
    """The service takes referrals today, and there is somebody to contact."""
    target = None if service is None else session.get(ServiceRow, service)
    if target is None or not target.takes_referrals(on=datetime.now(UTC).date()):
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"No service {service!r} takes referrals." if service else "It is addressed to no service.",
            remedy="`pimcollect services list` shows those that do.",
        )
    if row.case_id is not None and session.scalar(select(CaseRow.sealed.is_(None)).where(CaseRow.id == row.case_id)):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "Its case has been shredded.",
            remedy="Close it; the person has to be asked anew.",
        )


def _say_monitors(session: Session, service: str | None) -> str:
    """Who could do it, for whoever sits at the command line."""
    mails = find_monitors(session, service) if service else []
    if not mails:
        return f"No member of {service} has an account: `pimcollect members create MAIL --role monitor --service CODE`."
    return f"Say --by with one of its members: {', '.join(mails)}."


def _sees(actor: Actor, row: ReferralRow) -> bool:
    if serves(actor, row.service) or actor == COMMAND_LINE:
        return True
    if not sees_all_referrals(actor):
        return False
    return row.pathway not in CLOSED_PATHWAYS or row.service is None


def _visible(actor: Actor, row: ReferralRow | None) -> ReferralRow:
    if row is None or not _sees(actor, row):
        raise PimError(
            ErrorCode.NOT_FOUND, "There is no such referral.", remedy="`pimcollect referrals list` shows what there is."
        )
    return row


def _take_addressed(session: Session, actor: Actor, reference: str, *, permission: str) -> ReferralRow:
    row = _visible(actor, take_referral(session, reference))
    _check_addressed(actor, row, permission=permission)
    return row


def _check_addressed(actor: Actor, row: ReferralRow, *, permission: str) -> None:
    """A monitor of the addressed service may do this to it; or the command line, which may move anything."""
    if actor == COMMAND_LINE:
        allow(actor, "referrals.move")
        return
    allow(actor, permission)
    if not serves(actor, row.service):
        raise PimError(
            ErrorCode.NOT_ALLOWED, "It is addressed to another service.", remedy="Only that service can answer it."
        )


def _check_accepted_by(actor: Actor, row: ReferralRow) -> None:
    if actor != COMMAND_LINE and row.accepted_by is not None and row.accepted_by != _member_id(actor):
        raise PimError(
            ErrorCode.NOT_ALLOWED, "Somebody else has accepted it.", remedy="Ask that colleague, or the operator."
        )


def _member_id(actor: Actor) -> UUID | None:
    """None for the command line, which is nobody's account."""
    return None if actor == COMMAND_LINE else UUID(actor.id)


def _move(session: Session, actor: Actor, row: ReferralRow, verb: Verb, *, reason: str | None = None) -> None:
    check_reason(verb.value, reason)
    was, row.state = row.state, move(row.state, verb.value)
    row.moved_at = func.clock_timestamp()
    session.add(MoveRow(referral=row.id, was=was, became=row.state, reason=reason, by=actor.id))
    write_journal(session, actor=actor.id, action=verb.value, noun="referrals", noun_id=str(row.id))


def _shorten_case(session: Session, row: ReferralRow) -> None:
    """A declined case waits two weeks for another service, never longer than it would have lived."""
    case = None if row.case_id is None else session.get(CaseRow, row.case_id, with_for_update=True)
    if case is not None and case.sealed is not None:
        limit = func.clock_timestamp() + func.make_interval(0, 0, 0, _DECLINED_CASE_DAYS)
        case.shred_after = func.least(CaseRow.shred_after, limit)


def _tell(session: Session, row: ReferralRow, kind: str, *, service: str | None = None) -> UUID:
    edition = session.scalar(
        select(func.coalesce(func.max(NoticeRow.edition), 0)).where(
            NoticeRow.referral == row.id, NoticeRow.kind == kind
        )
    )
    notice = NoticeRow(referral=row.id, kind=kind, edition=(edition or 0) + 1, service=service)
    session.add(notice)
    session.flush()
    return notice.id
