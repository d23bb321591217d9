"""Load official wording: kept beside the bank, never in it, so that nobody can edit it by editing the bank."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.governance import WordingRow
from pimcollect.tables.journal import write_journal

_LONGEST = 200


def load_wording(
    session: Session,
    actor: Actor,
    *,
    language: str,
    texts: dict[str, str],
    source: str,
    version: str,
    dated_on: date,
    checked_by: str,
) -> WordingRow:
    """Keep the checked texts of one language; earlier ones stay readable. Raises PimError for what is not said."""
    allow(actor, "bank.load_wording")
    facts = {"source": source.strip(), "version": version.strip(), "checked-by": checked_by.strip()}
    for name, value in facts.items():
        if not value or len(value) > _LONGEST or not value.isprintable():
            raise PimError(
                ErrorCode.NOT_POSSIBLE_NOW,
                f"--{name} is empty or too long.",
                remedy="Say where the official text comes from, which edition it is, and who compared it.",
            )
    row = WordingRow(
        language=language,
        texts=texts,
        source=facts["source"],
        version=facts["version"],
        dated_on=dated_on.isoformat(),
        checked_by=facts["checked-by"],
    )
    session.add(row)
    write_journal(session, actor=actor.id, action="load", noun="wording", noun_id=language)
    return row
