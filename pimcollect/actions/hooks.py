"""Open, rotate and close the addresses that servers post to."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.plugins import find_plugin
from pimcollect.tables.forms import FormRow, HookRow
from pimcollect.tables.journal import write_journal
from pimcollect.vault import hash_secret

_LIVE_SECRETS = 2


@dataclass(frozen=True)
class OpenedHook:
    """What to paste into the server, shown once: the secret is kept as a hash only."""

    id: UUID
    key: str
    form: str
    server: str
    secret: str = field(repr=False)


def require_form(session: Session, form: str) -> None:
    """Raises PimError(NOT_FOUND) that lists the forms there are."""
    if session.get(FormRow, form) is None:
        known = ", ".join(session.scalars(select(FormRow.id).order_by(FormRow.id).limit(20))) or "none yet"
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no form {form!r}.",
            remedy=f"Build or adopt it first. Known forms: {known}.",
        )


def open_hook(session: Session, actor: Actor, *, server: str, form: str) -> OpenedHook:
    """A new address for a form. Raises PimError(NOT_FOUND) for an unknown form or server."""
    allow(actor, "hooks.open")
    find_plugin("servers", server)
    require_form(session, form)
    key, secret = secrets.token_urlsafe(24), secrets.token_urlsafe(32)
    row = HookRow(key=key, server=server, form=form, secrets=[hash_secret(secret)])
    session.add(row)
    session.flush()
    write_journal(session, actor=actor.id, action="open", noun="hooks", noun_id=str(row.id))
    return OpenedHook(row.id, key, form, server, secret)


def _take(session: Session, hook: UUID) -> HookRow:
    row = session.scalar(select(HookRow).where(HookRow.id == hook, HookRow.closed_at.is_(None)).with_for_update())
    if row is None:
        raise PimError(
            ErrorCode.NOT_FOUND, "There is no open hook with this id.", remedy="Run `pimcollect hooks list`."
        )
    return row


def rotate_hook(session: Session, actor: Actor, hook: UUID) -> OpenedHook:
    """A new secret beside the newest one before it; the one before that ends at once."""
    allow(actor, "hooks.rotate")
    row = _take(session, hook)
    secret = secrets.token_urlsafe(32)
    row.secrets = [hash_secret(secret), *row.secrets][:_LIVE_SECRETS]
    row.revision += 1
    write_journal(session, actor=actor.id, action="rotate", noun="hooks", noun_id=str(row.id))
    return OpenedHook(row.id, row.key, row.form, row.server, secret)


def close_hook(session: Session, actor: Actor, hook: UUID) -> None:
    """The address answers 401 from now on."""
    allow(actor, "hooks.close")
    row = _take(session, hook)
    row.closed_at = func.clock_timestamp()
    row.revision += 1
    write_journal(session, actor=actor.id, action="close", noun="hooks", noun_id=str(row.id))
