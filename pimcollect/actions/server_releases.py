"""Release a frozen version to a connected server, and ask to look whether it is still there. Workers do the calls."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import OpenedHook, open_hook, rotate_hook
from pimcollect.actions.releases import require_releasable
from pimcollect.domain.release_checks import PHONES
from pimcollect.domain.releases import State, Step
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.connections import ConnectionRow, find_connections, take_connection
from pimcollect.tables.forms import FormVersionRow, HookRow
from pimcollect.tables.journal import write_journal
from pimcollect.tables.releases import (
    RegisteredHookRow,
    ReleaseRow,
    ask_checks,
    find_release,
    hook_secret_context,
    replace_waiting,
)
from pimcollect.vault import DoorKeys, hash_secret, seal_value

_POSTING = ("kobo", "ona")
"""Servers that post submissions to a hook."""


@dataclass(frozen=True)
class Wish:
    """What is to be released where."""

    form: str
    connection: UUID
    has_hook: bool = True
    """False: submissions are fetched only."""
    accepts_warnings: bool = False


def release_version(session: Session, actor: Actor, wish: Wish, *, keys: DoorKeys, public_url: str) -> UUID:
    """Ask for the newest version of a form to be brought to a connected server. The caller rings after its commit.

    Asked again it is the same release, which begins anew; an older one to the same place that is not done gives way.
    Raises PimError: unknown form or connection (NOT_FOUND), a connection of another form or a version that may not go
    out (NOT_POSSIBLE_NOW), no public address for the hook (BAD_SETTING).
    """
    allow(actor, "forms.release")
    connection = take_connection(session, wish.connection)
    if connection is None:
        raise PimError(ErrorCode.NOT_FOUND, "No open connection has this id.", remedy="Run `pimcollect servers list`.")
    version = require_releasable(session, wish.form, server=connection.server)
    _check_connection(connection, version)
    has_hook = wish.has_hook and connection.server in _POSTING
    if has_hook:
        _register_hook(session, actor, connection, keys=keys, public_url=public_url)
    row = _put_release(session, version.id, connection.id)
    row.has_hook, row.accepts_warnings = has_hook, wish.accepts_warnings
    write_journal(session, actor=actor.id, action="ask_release", noun="releases", noun_id=str(row.id))
    return row.id


def _check_connection(connection: ConnectionRow, version: FormVersionRow) -> None:
    if connection.form != version.form:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"This connection belongs to the form {connection.form!r}, not to {version.form!r}.",
            remedy=f"Connect that form: pimcollect servers connect --form {version.form}",
        )
    if connection.server == "central" and not (connection.there or "").endswith(f"/{version.form}"):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "At ODK Central a form keeps its own id, and the connection names another one.",
            remedy=f"Connect with --there PROJECT/{version.form}",
        )


def _register_hook(
    session: Session, actor: Actor, connection: ConnectionRow, *, keys: DoorKeys, public_url: str
) -> None:
    """One hook for one connection, with a secret that the workers can register and that the door accepts."""
    is_private = connection.base.startswith("http://")
    if not public_url or not (public_url.startswith("https://") or is_private):
        raise PimError(
            ErrorCode.BAD_SETTING,
            "The server cannot post to us: our own https address is not set.",
            remedy="Set PIMCOLLECT_URL, or release with --no-hook and let submissions be fetched.",
        )
    registered = session.get(RegisteredHookRow, connection.id)
    hook = session.get(HookRow, registered.hook) if registered else None
    if registered is not None and hook is not None and hook.closed_at is None and registered.sha256 in hook.secrets:
        return
    if registered is not None and hook is not None and hook.closed_at is None:
        opened = rotate_hook(session, actor, hook.id)
    else:
        opened = open_hook(session, actor, server=connection.server, form=connection.form)
    session.merge(_seal_hook(connection.id, opened, keys))
    session.flush()


def _seal_hook(connection: UUID, opened: OpenedHook, keys: DoorKeys) -> RegisteredHookRow:
    sealed = seal_value(opened.secret.encode(), to=keys.intake, context=hook_secret_context(opened.id))
    return RegisteredHookRow(connection=connection, hook=opened.id, sealed=sealed, sha256=hash_secret(opened.secret))


def _put_release(session: Session, version: UUID, connection: UUID) -> ReleaseRow:
    row = find_release(session, version, connection)
    left = replace_waiting(session, connection, but=row.id if row else None)
    if row is None:
        row = ReleaseRow(version=version, connection=connection)
        session.add(row)
    if row.state != State.WAITING or row.holder is None:
        row.state, row.step, row.reason, row.words, row.attempts = (
            State.WAITING.value,
            Step.LOOK_FORM.value,
            None,
            None,
            0,
        )
        row.upload, row.trial, row.holder, row.lease_until = None, None, None, None
        row.asked_at = func.clock_timestamp()
        row.next_at = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, left)
    session.flush()
    return row


def check_releases(session: Session, actor: Actor, form: str, *, connection: UUID | None = None) -> list[UUID]:
    """Ask to look whether the servers still hold what was released. The caller rings after its commit.

    Raises PimError where none is done: what keeps the form from being released, else NOT_FOUND.
    """
    allow(actor, "forms.check")
    asked = ask_checks(session, form, connection)
    if not asked:
        place = session.get(ConnectionRow, connection) if connection else None
        require_releasable(session, form, server=place.server if place else PHONES)
        raise PimError(
            ErrorCode.NOT_FOUND,
            "Nothing keeps this form from being released, but no release to a server is done that could be looked for.",
            remedy="`pimcollect forms list` shows where each version is.",
        )
    for one in asked:
        write_journal(session, actor=actor.id, action="check", noun="releases", noun_id=str(one))
    return asked


def find_places(session: Session, actor: Actor, *, limit: int = 500) -> list[ConnectionRow]:
    """Open connections that a form can be released to."""
    allow(actor, "forms.list")
    return [row for row in find_connections(session, limit=limit) if row.closed_at is None]
