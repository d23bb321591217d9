"""Let the bank grow by what came in with a form: its new items are proposed at once, and none of them is in use."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy.orm import Session

from pimcollect.actions.banks import Bank, Comparison, import_bank
from pimcollect.actions.governance import propose_drafts
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import find_bank
from pimcollect.tables.governance import lock_banks


def take_bank_to_grow(session: Session, actor: Actor) -> dict[str, Any]:
    """The current bank, which nobody else changes before the commit. Raises PimError(NOT_POSSIBLE_NOW) without one: the
    first bank is taken as active, and what a form brings along must not be."""
    allow(actor, "bank.propose")
    allow(actor, "bank.import")
    lock_banks(session)
    row = find_bank(session)
    if row is None:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW, "There is no bank yet that could grow.", remedy="pimcollect bank import"
        )
    return dict(row.document)


def propose_growth(session: Session, actor: Actor, bank: Bank, *, new: Collection[str]) -> Comparison:
    """Take the grown bank and propose its `new` items for review, in one go. Nothing that is there may protect less by
    it. Raises PimError as `import_bank` does, and NOT_ALLOWED where no person stands behind it."""
    allow(actor, "bank.propose")
    comparison, _ = import_bank(session, actor, bank)
    propose_drafts(session, actor, new)
    return comparison
