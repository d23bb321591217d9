"""Ask for an app user of ODK Central, and take its token once. The calls are the workers' part."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.app_users import AppUserRow
from pimcollect.tables.connections import take_connection
from pimcollect.tables.journal import write_journal

LONGEST_NAME = 100


@dataclass(frozen=True)
class TokenAnswer:
    """What became of the wish: neither = not answered yet."""

    sealed: bytes | None = field(default=None, repr=False)
    refused: str | None = None


def ask_app_user(session: Session, actor: Actor, connection: UUID, *, name: str, public_key: bytes) -> UUID:
    """Ask for an app user with the right to fetch and fill in this connection's form. One of this name is used again.

    Raises PimError: NOT_FOUND for a connection that is not open, NOT_POSSIBLE_NOW for one that is not Central's.
    """
    allow(actor, "forms.release")
    row = take_connection(session, connection)
    if row is None or row.server != "central":
        raise PimError(
            ErrorCode.NOT_FOUND if row is None else ErrorCode.NOT_POSSIBLE_NOW,
            "No open connection has this id." if row is None else "Only ODK Central has app users.",
            remedy="Run `pimcollect servers list`.",
        )
    if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise PimError(ErrorCode.NOT_POSSIBLE_NOW, f"A phone's name has 1 to {LONGEST_NAME} characters.")
    asked = AppUserRow(connection=connection, name=name, public_key=public_key)
    session.add(asked)
    session.flush()
    write_journal(session, actor=actor.id, action="ask_app_user", noun="connections", noun_id=str(connection))
    return asked.id


def take_app_token(session: Session, actor: Actor, asked: UUID) -> TokenAnswer:
    """The sealed token, taken out of the database: there is no second time."""
    allow(actor, "forms.release")
    row = session.get(AppUserRow, asked, with_for_update=True, populate_existing=True)
    if row is None or row.answered_at is None:
        return TokenAnswer(refused="given_up" if row is None else None)
    answer = TokenAnswer(row.sealed, row.refused)
    session.delete(row)
    return answer
