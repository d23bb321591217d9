"""Approve translations: by a person who did not make them, each bound to the English that it says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.domain.translations import Bound
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.journal import write_journal
from pimcollect.tables.members import MemberRow
from pimcollect.tables.translations import store_marks, take_marks

_SHOWN = 5


def approve_translations(session: Session, actor: Actor, texts: Sequence[Bound]) -> int:
    """Say that these translations say what the English says. Returns how many were not approved before.

    Raises PimError: NOT_FOUND for none at all, NOT_ALLOWED for the command line itself and for one's own translation:
    that one brought into the bank, or that names one as its translator. Nothing is approved then.
    """
    allow(actor, "bank.approve_translation")
    member = _find_member(session, actor)
    _refuse_none(texts)
    store_marks(session, texts, brought_by="")
    rows = take_marks(session, [one.mark for one in texts])
    names = {member.mail.casefold(), member.name.casefold()}
    own = {one.mark for one in texts if one.translator.strip().casefold() in names}
    mine = [row.key for row in rows if row.brought_by == actor.id or row.mark in own]
    if mine:
        more = f" and {len(mine) - _SHOWN} more" if len(mine) > _SHOWN else ""
        raise PimError(
            ErrorCode.NOT_ALLOWED,
            f"Nobody approves their own translation: {', '.join(mine[:_SHOWN])}{more}.",
            remedy="Ask another information officer who reads the language. Nothing was approved.",
        )
    fresh = [row for row in rows if row.approved_by is None]
    for row in fresh:
        row.approved_by, row.approved_at = member.id, func.clock_timestamp()
    session.flush()
    _note(session, actor, "approve", texts)
    return len(fresh)


def withdraw_approvals(session: Session, actor: Actor, texts: Sequence[Bound]) -> int:
    """Take approvals back: the texts are drafts again. Returns how many were approved."""
    allow(actor, "bank.approve_translation")
    _find_member(session, actor)
    _refuse_none(texts)
    rows = [row for row in take_marks(session, [one.mark for one in texts]) if row.approved_by is not None]
    for row in rows:
        row.approved_by, row.approved_at = None, None
    session.flush()
    _note(session, actor, "withdraw", texts)
    return len(rows)


def _note(session: Session, actor: Actor, action: str, texts: Iterable[Bound]) -> None:
    """One line for each language: what was approved is in the table."""
    counts: dict[str, list[str]] = {}
    for one in texts:
        counts.setdefault(one.language, []).append(one.key)
    for language, keys in counts.items():
        said = keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more"
        write_journal(session, actor=actor.id, action=action, noun="translation", noun_id=f"{language} {said}")


def _refuse_none(texts: Sequence[Bound]) -> None:
    if not texts:
        raise PimError(
            ErrorCode.NOT_FOUND,
            "There is no such translation.",
            remedy="`pimcollect bank translations list --language fr` shows them.",
        )


def _find_member(session: Session, actor: Actor) -> MemberRow:
    try:
        row = session.get(MemberRow, UUID(actor.id))
    except ValueError:
        row = None
    if row is None:
        raise PimError(
            ErrorCode.NOT_ALLOWED,
            "A person must stand behind this.",
            remedy="Say who, by the address of the account: --by name@example.org",
        )
    return row
