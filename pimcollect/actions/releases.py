"""Release a form: show its newest version to phones, or close it."""

from __future__ import annotations

import hashlib

from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.domain.version import TEST
from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.odk import read_stated
from pimcollect.tables.forms import FormVersionRow, find_newest_version
from pimcollect.tables.journal import write_journal
from pimcollect.tables.phones import PhoneFormRow, close_phone_form, find_form_of, show_version


def release_to_phones(session: Session, actor: Actor, form: str) -> PhoneFormRow:
    """Show the newest frozen version of a form to our own phones; answers to earlier ones are taken all the same.

    Raises PimError: an unknown form (NOT_FOUND), a language that nobody has approved outside of a field test, an id
    that another form has on the phones, or no id at all (NOT_POSSIBLE_NOW).
    """
    allow(actor, "forms.release")
    row = require_releasable(session, form)
    form_id, stated = read_stated(row.xform)
    known = find_form_of(session, form_id) if form_id else None
    if not form_id or (known is not None and known[0] != form):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "On the phones its id would be that of another form." if form_id else "The form states no id.",
            remedy="Give the workbook a form_id of its own and adopt it again.",
        )
    digest = hashlib.md5(row.xform.encode(), usedforsecurity=False).hexdigest()
    shown = show_version(session, version=row.id, form=form, form_id=form_id, stated=stated, md5=digest)
    write_journal(session, actor=actor.id, action="release", noun="forms", noun_id=f"{form} {row.version} phones")
    return shown


def require_releasable(session: Session, form: str) -> FormVersionRow:
    """The newest version, if it may go to the field: nobody is asked in words that only a machine has seen."""
    row = find_newest_version(session, form)
    if row is None:
        raise PimError(ErrorCode.NOT_FOUND, "There is no such form.", remedy="`pimcollect forms list` shows them.")
    drafted = row.document.get("drafted", ())
    if drafted and not form.endswith(TEST):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"Machine-drafted and not approved by anybody: {', '.join(drafted)}.",
            remedy="Have the wording checked and load it, leave the language out, or build it as a field test.",
        )
    return row


def close_on_phones(session: Session, actor: Actor, form: str) -> None:
    """Phones no longer see the form, and what they still send for it is refused with a reason."""
    allow(actor, "forms.release")
    if not close_phone_form(session, form):
        raise PimError(ErrorCode.NOT_FOUND, "Phones do not have this form.", remedy="`pimcollect forms list`.")
    write_journal(session, actor=actor.id, action="close", noun="forms", noun_id=f"{form} phones")
