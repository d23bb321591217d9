"""Look at treated submissions, count them, and take them out for analysis."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import FormRow
from pimcollect.tables.journal import write_journal
from pimcollect.tables.submissions import KEPT, SubmissionRow, find_submissions

_PAGE = 1000


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
