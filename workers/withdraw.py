"""`python -m workers withdraw ID`: erase an interview whose person came back with the card. Needs the private keys."""

from __future__ import annotations

from uuid import UUID

from pimcollect.db import transaction
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.submissions import KEPT, WITHDRAWN, SubmissionRow
from pimcollect.vault import read_door_keys
from workers.erase import Gone, erase_gone
from workers.hands import Hands


def withdraw(own: Hands, submission: UUID) -> int:
    """Erase it as if it were gone at its server: answers, open referrals, cases, files; then ring for the recalls.
    Returns how many referrals were taken back.

    Raises PimError(NOT_FOUND) when it is not kept (any more), BAD_KEYS where the door's keys are not here.
    """
    keys = read_door_keys(own.settings.door_keys)
    with transaction(own.sessions) as session:
        row = session.get(SubmissionRow, submission)
        if row is None or row.state != KEPT:
            raise PimError(
                ErrorCode.NOT_FOUND, "This interview is not kept any more.", remedy="There is nothing left to erase."
            )
        gone = [Gone(row.root_id, row.edition_id)]
        notices = erase_gone(own, session, form=row.form, gone=gone, keys=keys, why=WITHDRAWN)
    for notice in notices[:1]:
        own.bell.ring_notice(notice)
    return len(notices)
