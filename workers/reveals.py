"""Answer reveals: journal first, then open the case and seal it anew to the one-time key of the page that asks.

The web process cannot open cases; this is the only way to a name, and only the member who accepted gets there.
"""

from __future__ import annotations

import base64
import json
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from pimcollect.db import transaction
from pimcollect.domain.packages import PICTURES
from pimcollect.domain.referrals import REVEALABLE
from pimcollect.doorbell import REVEALS
from pimcollect.errors import PimError
from pimcollect.log import open_log
from pimcollect.tables.journal import beat, write_journal
from pimcollect.tables.members import MemberRow
from pimcollect.tables.pictures import PictureRow, find_pictures, picture_context
from pimcollect.tables.referrals import CaseRow, ReferralRow, RevealRow
from pimcollect.tables.reveals import find_unanswered, is_late, take_unanswered
from pimcollect.vault import SealKey, open_value, seal_value
from workers.hands import Hands, hands

_log = open_log("reveals")


def answer(reveal: str) -> None:
    """The job. `reveal` is the id that was rung for; whatever else is asked is answered too."""
    answer_waiting(hands(), first=UUID(reveal))


def answer_waiting(own: Hands, *, first: UUID | None = None) -> int:
    """Answer all that is asked, the one that was rung for first. Returns how many were opened."""
    own.bell.quiet(REVEALS)
    with transaction(own.sessions) as session:
        beat(session, REVEALS)
        asked = find_unanswered(session)
    ordered = sorted(asked, key=lambda one: one != first)
    return sum(answer_one(own, one) for one in ordered)


def answer_one(own: Hands, reveal: UUID) -> bool:
    """Answer one in one transaction: journal, opening and sealing happen together or not at all."""
    try:
        with transaction(own.sessions) as session:
            row = take_unanswered(session, reveal)
            if row is None:
                return False
            sealed = _find_case(session, row)
            if isinstance(sealed, CaseRow) and sealed.sealed is not None:
                _open_for(own, session, row, sealed)
                return True
            row.refused = sealed if isinstance(sealed, str) else "shredded"
            row.answered_at = func.clock_timestamp()
            write_journal(session, actor="workers", action="refuse_reveal", noun="reveals", noun_id=str(row.id))
            return False
    except Exception as error:  # told by its class: its text may quote the case
        _log.error("reveal_failed", reveal=reveal, error=type(error).__name__)
        return False


def _find_case(session: Session, row: RevealRow) -> CaseRow | str:
    """The case, or the code of what is in the way."""
    if is_late(session, row.id):
        return "late"
    referral = session.get(ReferralRow, row.referral, with_for_update={"read": True})
    if referral is None or referral.state not in REVEALABLE:
        return "not_accepted"
    if referral.accepted_by != row.member:
        return "accepted_by_other"
    member = session.get(MemberRow, row.member)
    if member is None or not member.is_active or member.service != referral.service:
        return "not_serving"
    case = None if referral.case_id is None else session.get(CaseRow, referral.case_id)
    return case if case is not None else "no_case"


def _open_for(own: Hands, session: Session, row: RevealRow, case: CaseRow) -> None:
    """Raises whatever fails; then nothing was opened for anybody."""
    write_journal(session, actor=str(row.member), action="reveal", noun="referrals", noun_id=str(row.referral))
    session.flush()  # the line stands before the case is opened
    try:
        plain = open_value(case.sealed or b"", ring=own.keys.cases, context=f"case|{case.id}")
    except PimError:
        row.refused, row.answered_at = "key_missing", func.clock_timestamp()
        return
    plain = _add_pictures(own, session, case, plain)
    row.sealed = seal_value(plain, to=SealKey(row.public_key), context=f"reveal|{row.id}")
    row.answered_at = func.clock_timestamp()


def _add_pictures(own: Hands, session: Session, case: CaseRow, plain: bytes) -> bytes:
    """The opened case with its pictures under a name that no question has; as it is where there are none."""
    shown = [
        {"question": one.question, "state": one.state, "jpeg": _open_picture(own, one)}
        for one in find_pictures(session, case.id)
    ]
    return json.dumps({**json.loads(plain), PICTURES: shown}).encode() if shown else plain


def _open_picture(own: Hands, row: PictureRow) -> str:
    if row.sealed is None:
        return ""
    return base64.b64encode(open_value(row.sealed, ring=own.keys.cases, context=picture_context(row.id))).decode()
