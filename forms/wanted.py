"""What is asked of a form id: what somebody says now, else what its newest version was built from."""

from __future__ import annotations

from sqlalchemy.orm import Session

from forms.selection import KINDS
from forms.wishes import Wish, check_id, read_wish
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import find_newest_version


def settle_wish(session: Session, form: str, wish: Wish | None) -> Wish | None:
    """What is asked of a form id: what was said now, else what its newest version was built from.

    Raises PimError for an id that cannot be used, that belongs to an adopted form, or of which nothing is known.
    """
    if form in KINDS:
        if wish and (wish.tool or wish.modules or wish.items or wish.without or wish.title):
            raise PimError(
                ErrorCode.BAD_FORM,
                f"{form} knows what it asks; only its minutes and its area can be chosen.",
                remedy="For a free choice name another id with --form ID, and its --tool.",
            )
        return wish
    check_id(form)
    known = find_newest_version(session, form)
    if wish is None and known is not None and known.document.get("wish"):
        return read_wish(known.document["wish"])
    if wish is None or not wish.tool:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no form {form!r} yet.",
            remedy=f"Name one of {', '.join(KINDS)}, or say what it asks: --tool H --modules M03,M07 --items S01.",
        )
    return wish
