"""Look at treated submissions, count them, and take them out for analysis."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import FormRow
from pimcollect.tables.journal import write_journal
from pimcollect.tables.submissions import KEPT, SubmissionRow, find_by_card, find_submissions

_PAGE = 1000
CARD_QUESTION = "clo_code"
"""The bank's Z02: what the enumerator wrote on the respondent's card."""
_CARD = re.compile(r"[0-9a-f]{8}")
_NOTHING_KEPT = (
    "Read it again: b and 6, 0 and o. Has the phone sent it yet, and is it not held (`pimcollect inbox list`)? "
    "It may have been taken back already."
)


def list_submissions(session: Session, actor: Actor, *, form: str | None, limit: int) -> list[SubmissionRow]:
    """Newest decision first; tombstones of refusals among them, without answers."""
    allow(actor, "submissions.list")
    return find_submissions(session, form=form, limit=limit)


def export_submissions(
    session: Session, actor: Actor, *, form: str, is_internal: bool, with_restricted: bool
) -> Iterator[Mapping[str, Any]]:
    """Treated answers of one form as flat objects, in random order, without ids or times of ours or of the phone.

    Without `is_internal` only those whose person agreed to sharing. `with_restricted` adds the detail that only
    protection analysts may see. One journal line is written before the first row is given.
    """
    allow(actor, "submissions.export_restricted" if with_restricted else "submissions.export")
    if session.get(FormRow, form) is None:
        raise PimError(ErrorCode.NOT_FOUND, f"There is no form {form!r}.", remedy="Run `pimcollect forms list`.")
    tier = "restricted" if with_restricted else "internal" if is_internal else "shared"
    write_journal(session, actor=actor.id, action=f"export_{tier}", noun="forms", noun_id=form)
    session.flush()
    return _read_rows(session, form, is_internal=is_internal or with_restricted, with_restricted=with_restricted)


def find_carded(session: Session, actor: Actor, code: str, *, form: str | None) -> SubmissionRow:
    """The one interview whose card has this code. Raises PimError(NOT_FOUND): no such code, nothing kept, or several.

    The code is repeated nowhere: it leads from a card to an interview.
    """
    allow(actor, "submissions.withdraw")
    plain = code.strip().lower()
    if not _CARD.fullmatch(plain):
        raise PimError(
            ErrorCode.NOT_FOUND, "This is no code of a card.", remedy="It has eight of these: 0 to 9, a to f."
        )
    found = find_by_card(session, plain, question=CARD_QUESTION, form=form)
    if not found:
        raise PimError(ErrorCode.NOT_FOUND, "Nothing is kept under this code.", remedy=_NOTHING_KEPT)
    if len(found) > 1:
        raise PimError(
            ErrorCode.NOT_FOUND,
            "More than one interview has this code.",
            remedy="Name the form with --form. If they are of one form, ask the team which: nothing was erased.",
        )
    return found[0]


def order_withdrawal(session: Session, actor: Actor, submission: UUID) -> None:
    """Who had it erased: the worker that does it is nobody."""
    allow(actor, "submissions.withdraw")
    write_journal(session, actor=actor.id, action="withdraw", noun="submissions", noun_id=str(submission))


def _read_rows(session: Session, form: str, *, is_internal: bool, with_restricted: bool) -> Iterator[Mapping[str, Any]]:
    query = select(SubmissionRow.month, SubmissionRow.place, SubmissionRow.shared, SubmissionRow.restricted).where(
        SubmissionRow.form == form, SubmissionRow.state == KEPT
    )
    if not is_internal:
        query = query.where(SubmissionRow.may_share)
    # The primary key is random, so its order tells nothing of when or in which order people were asked.
    for page in session.execute(query.order_by(SubmissionRow.id).execution_options(yield_per=_PAGE)).partitions():
        rows = list(page)
        random.SystemRandom().shuffle(rows)
        for row in rows:
            answers = {**(row.shared or {})}
            if with_restricted:
                answers.update({f"{key} (restricted)": value for key, value in (row.restricted or {}).items()})
            yield {"month": row.month.strftime("%Y-%m"), "place": row.place, **answers}
