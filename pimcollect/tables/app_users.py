"""App users of ODK Central that somebody waits for at a command line: their token is sealed to a key of that moment."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, delete, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.connections import ConnectionRow

WAIT_MINUTES = 10
"""Nobody waits for longer; the row is dropped then, answered or not."""


class AppUserRow(Base):
    """A wish for an app user, and its token until it is taken."""

    __tablename__ = "app_users"
    __table_args__ = (
        CheckConstraint("length(name) BETWEEN 1 AND 100", name="app_user_has_a_name"),
        CheckConstraint("sealed IS NULL OR answered_at IS NOT NULL", name="sealed_token_was_answered"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    connection: Mapped[UUID] = mapped_column(ForeignKey(ConnectionRow.id), index=True)
    name: Mapped[str]
    """What the app user is called at Central: a phone or a team, best no person."""
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The token, sealed to `public_key` under the context `app user|<id>`."""
    refused: Mapped[str | None]
    """Why there is none: a code of domain.release_words.REASONS."""
    lease_until: Mapped[datetime | None]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    answered_at: Mapped[datetime | None]


def _interval(minutes: int) -> object:
    return func.make_interval(0, 0, 0, 0, 0, minutes)


def take_app_user(session: Session) -> AppUserRow | None:
    """The oldest wish that nobody works on, held for two minutes."""
    now = func.clock_timestamp()
    row = session.scalar(
        select(AppUserRow)
        .where(
            AppUserRow.answered_at.is_(None),
            AppUserRow.asked_at > now - _interval(WAIT_MINUTES),
            or_(AppUserRow.lease_until.is_(None), AppUserRow.lease_until <= now),
        )
        .order_by(AppUserRow.asked_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is not None:
        row.lease_until = now + _interval(2)
        session.flush()
    return row


def drop_app_users(session: Session) -> None:
    """Drop what nobody waits for any more, tokens with it."""
    session.execute(delete(AppUserRow).where(AppUserRow.asked_at <= func.clock_timestamp() - _interval(WAIT_MINUTES)))
