"""Release a form: show its newest version to phones, or close it."""

from __future__ import annotations

import hashlib
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.domain.phrases import phrase
from pimcollect.domain.release_checks import PHONES, find_obstacles
from pimcollect.domain.roles import Actor, allow
from pimcollect.domain.version import TEST, read_version
from pimcollect.errors import ErrorCode, FaultyError, PimError
from pimcollect.servers.odk import read_stated
from pimcollect.servers.xforms import read_expressions, read_paths
from pimcollect.tables.catalogue import read_directory
from pimcollect.tables.connections import ConnectionRow
from pimcollect.tables.form_files import find_heads
from pimcollect.tables.forms import FormVersionRow, find_newest_version
from pimcollect.tables.journal import write_journal
from pimcollect.tables.phones import PhoneFormRow, close_phone_form, find_form_of, find_shown_version, show_version
from pimcollect.tables.releases import find_released_version


def release_to_phones(session: Session, actor: Actor, form: str) -> PhoneFormRow:
    """Show the newest frozen version of a form to our own phones; answers to earlier ones are taken all the same.

    Raises PimError: an unknown form (NOT_FOUND), one that may not go out, an id that another form has on the phones, or
    no id at all (NOT_POSSIBLE_NOW).
    """
    allow(actor, "forms.release")
    row, form_id, stated = _require_for_phones(session, form)
    digest = hashlib.md5(row.xform.encode(), usedforsecurity=False).hexdigest()
    shown = show_version(session, version=row.id, form=form, form_id=form_id, stated=stated, md5=digest)
    write_journal(session, actor=actor.id, action="release", noun="forms", noun_id=f"{form} {row.version} phones")
    return shown


def check_for_phones(session: Session, actor: Actor, form: str) -> tuple[str, bool]:
    """The newest version of a form, and whether phones are shown it. Raises PimError as `release_to_phones` would: what
    is still missing."""
    allow(actor, "forms.check")
    row, _, _ = _require_for_phones(session, form)
    shown = session.get(PhoneFormRow, row.id)
    return row.version, shown is not None and shown.closed_at is None


def _require_for_phones(session: Session, form: str) -> tuple[FormVersionRow, str, str]:
    row = require_releasable(session, form)
    form_id, stated = read_stated(row.xform)
    known = find_form_of(session, form_id) if form_id else None
    if not form_id or (known is not None and known[0] != form):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "On the phones its id would be that of another form." if form_id else "The form states no id.",
            remedy="Give the workbook a form_id of its own and adopt it again.",
        )
    return row, form_id, stated


def require_releasable(session: Session, form: str, *, server: str = PHONES) -> FormVersionRow:
    """The newest version of a form, if it may go to the field by this kind of server.

    Raises PimError: NOT_FOUND for a form without a version; NOT_POSSIBLE_NOW with every reason against it: no consent,
    words that only a machine has seen, flags that nobody would answer, expressions that break on the phone.
    """
    row = find_newest_version(session, form)
    if row is None:
        option = " --field-test" if form.endswith(TEST) else ""
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no version of the form {form!r}.",
            remedy=f"Build it first: pimcollect forms build {form.removesuffix(TEST)}{option}",
        )
    obstacles = find_obstacles(
        read_version(row.document),
        server=server,
        paths=tuple(read_paths(row.xform)),
        directory=read_directory(session),
        on=session.scalars(select(func.current_date())).one(),
        is_field_test=form.endswith(TEST),
        expressions=tuple(read_expressions(row.xform, heads=find_heads(session, row.id))),
    )
    if obstacles:
        summary = phrase("%(form)s is not released.", form=" ".join(filter(None, (form, row.version))))
        raise FaultyError(
            ErrorCode.NOT_POSSIBLE_NOW,
            summary,
            obstacles,
            told=" ".join((summary, *obstacles)),
            remedy=phrase("Mend that, build it again where the form must change, then release."),
        )
    return row


def ends_encryption(session: Session, form: str, *, connection: UUID | None = None) -> bool:
    """Whether the newest version of a form is readable, and would take the place of one that phones encrypt: at a
    connected server, else on our own phones."""
    newest = find_newest_version(session, form)
    if connection is None:
        shown = find_shown_version(session, form)
        before = session.get(FormVersionRow, shown.version) if shown else None
    else:
        place = session.get(ConnectionRow, connection)
        before = find_released_version(session, place) if place else None
    return bool(before and newest and before.document.get("is_encrypted") and not newest.document.get("is_encrypted"))


def close_on_phones(session: Session, actor: Actor, form: str) -> None:
    """Phones no longer see the form, and what they still send for it is refused with a reason."""
    allow(actor, "forms.release")
    if not close_phone_form(session, form):
        raise PimError(ErrorCode.NOT_FOUND, "Phones do not have this form.", remedy="`pimcollect forms list`.")
    write_journal(session, actor=actor.id, action="close", noun="forms", noun_id=f"{form} phones")
