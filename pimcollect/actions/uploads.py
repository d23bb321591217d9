"""Keep a bank, or proposals, between preview and confirmation, and take exactly what was previewed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from pimcollect.actions.banks import Bank, Comparison, compare_bank, import_bank, propose_change
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.uploads import BANK, PROPOSALS, BankUploadRow, put_upload, take_upload

_TEXT = "text"
"""Proposals are kept as text: the order of a form's columns counts, and jsonb has none."""


def preview_bank(session: Session, actor: Actor, bank: Bank) -> Comparison:
    """What a checked bank would change; it is kept for an hour, so that it can be confirmed as it was seen."""
    allow(actor, "bank.import")
    comparison = compare_bank(session, actor, bank)
    put_upload(session, UUID(actor.id), sha256=bank.sha256, version=bank.version, document=bank.document)
    return comparison


def confirm_bank(
    session: Session, actor: Actor, sha256: str, *, is_proposal: bool, practice: frozenset[str] = frozenset()
) -> str:
    """Take what was previewed into use, or propose it to others. Returns its version. Everything is checked again.

    Raises PimError: NOT_POSSIBLE_NOW when it is no longer kept, and all that `import_bank` and `propose_change` raise.
    """
    allow(actor, "bank.import")
    row = _take(session, actor, sha256, noun=BANK)
    bank = Bank(row.version, row.sha256, row.document)
    session.delete(row)
    if is_proposal:
        propose_change(session, actor, bank)
    else:
        import_bank(session, actor, bank, practice=practice)
    return bank.version


def _take(session: Session, actor: Actor, sha256: str, *, noun: str) -> BankUploadRow:
    row = take_upload(session, UUID(actor.id), sha256, noun=noun)
    if row is None:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "The file that you looked at is no longer kept: an hour has passed, or you sent another one.",
            remedy="Send it again.",
        )
    return row


def keep_proposals(session: Session, actor: Actor, *, sha256: str, form: str, text: str) -> None:
    """The text of proposals that somebody looks at, for an hour; the bank is as it was."""
    allow(actor, "bank.import")
    put_upload(session, UUID(actor.id), sha256=sha256, version=form, document={_TEXT: text}, noun=PROPOSALS)


def take_proposals(session: Session, actor: Actor, sha256: str, *, is_last: bool) -> str:
    """Exactly the proposals that were looked at; gone with the commit when it `is_last`.

    Raises PimError(NOT_POSSIBLE_NOW) when they are no longer kept.
    """
    allow(actor, "bank.import")
    row = _take(session, actor, sha256, noun=PROPOSALS)
    if is_last:
        session.delete(row)
    return str(row.document[_TEXT])
