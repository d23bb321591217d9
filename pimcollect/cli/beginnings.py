"""Where a command takes an id, the beginning of it is enough: six characters or more, if only one begins so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pimcollect.errors import ErrorCode, PimError

FEWEST = 6
MOST = 5
"""How many are named when several begin so."""
_HEX = re.compile(r"[0-9a-f]+")
_DIGITS = 32
One = TypeVar("One")


def choose_one(found: Sequence[One], *, what: str, remedy: str) -> One:
    """The only one of those that begin so. Raises PimError: there is none, or more than one (they are named)."""
    if not found:
        raise PimError(ErrorCode.NOT_FOUND, f"No {what} has an id that begins so.", remedy=remedy)
    if len(found) > 1:
        named = ", ".join(str(one) for one in found[:MOST])
        more = " and more" if len(found) > MOST else ""
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"More than one {what} has an id that begins so.",
            remedy=f"Type more of it. There are: {named}{more}.",
        )
    return found[0]


def check_length(text: str, *, what: str, remedy: str) -> None:
    """Raises PimError when that is too little to tell one from another."""
    if len(text) < FEWEST:
        raise PimError(ErrorCode.NOT_FOUND, f"Too short for an id: {FEWEST} characters at least.", remedy=remedy)


def is_beginning(text: str) -> bool:
    """Whether a text can be an id, or the beginning of one."""
    digits = text.strip().lower().replace("-", "")
    return FEWEST <= len(digits) <= _DIGITS and _HEX.fullmatch(digits) is not None


def find_id(session: Session, column: InstrumentedAttribute[UUID], text: str, *, what: str, remedy: str) -> UUID:
    """The whole id. One that is whole already is returned as it is: whether it exists is for the action to say.

    Raises PimError: no id, too short, nothing begins so, or more than one does (they are named).
    """
    digits = text.strip().lower().replace("-", "")
    if not _HEX.fullmatch(digits) or len(digits) > _DIGITS:
        raise PimError(ErrorCode.NOT_FOUND, "This is no id, nor the beginning of one.", remedy=remedy)
    if len(digits) == _DIGITS:
        return UUID(digits)
    check_length(digits, what=what, remedy=remedy)
    first, last = UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f"))
    found = session.scalars(select(column).where(column.between(first, last)).order_by(column).limit(MOST + 1)).all()
    return choose_one(found, what=what, remedy=remedy)
