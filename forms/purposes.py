"""Which purpose a form serves: the one that was named, or the only one of its tool; no purpose, no release."""

from __future__ import annotations

from collections.abc import Sequence

from pimcollect.domain.catalogue import Purpose
from pimcollect.errors import ErrorCode, PimError


def choose_purpose(purposes: Sequence[Purpose], tool: str, *, wanted: str = "", on: str = "") -> Purpose | None:
    """The purpose of a form of this tool; None when the bank has none for it. `on` is the day as YYYY-MM-DD; without
    one the dates of a purpose do not count.

    Raises PimError: NOT_FOUND for a name that the bank does not know, BAD_FORM for one of another tool or time, or when
    several fit and none was named.
    """
    fitting = [one for one in purposes if tool in one.tools and _is_open(one, on)]
    if not wanted:
        if len(fitting) > 1:
            raise PimError(
                ErrorCode.BAD_FORM,
                f"Several purposes fit this form: {', '.join(one.id for one in fitting)}.",
                remedy="Name one: --purpose ID",
            )
        return fitting[0] if fitting else None
    named = next((one for one in purposes if one.id == wanted), None)
    if named is None:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"The bank has no purpose {wanted!r}.",
            remedy="`pimcollect bank list --part purposes` shows them.",
        )
    if named not in fitting:
        why = "another tool" if tool not in named.tools else "another time"
        raise PimError(
            ErrorCode.BAD_FORM,
            f"The purpose {named.id} is for {why}.",
            remedy="Name another, or propose a bank in which it says otherwise.",
        )
    return named


def _is_open(purpose: Purpose, on: str) -> bool:
    return not on or (purpose.starts_on <= on and (not purpose.ends_on or on <= purpose.ends_on))
