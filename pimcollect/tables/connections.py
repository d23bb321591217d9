"""Connected servers: where a form lives at Kobo, Central or Ona, the sealed token, how far it was pulled."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.forms import FormRow


class ConnectionRow(Base):
    """One form of ours at one server, with what is needed to call it and what the last pull found."""

    __tablename__ = "connections"
    __table_args__ = (
        CheckConstraint("(sealed IS NULL) = (closed_at IS NOT NULL)", name="closed_connection_has_no_token"),
        CheckConstraint("failures = 0 OR reason IS NOT NULL", name="failing_connection_says_why"),
        Index(
            "one_open_connection_for_one_form_there",
            "server",
            "base",
            "there",
            unique=True,
            postgresql_where=text("closed_at IS NULL AND there IS NOT NULL"),
        ),
        Index("connections_due", "next_at", postgresql_where=text("closed_at IS NULL")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    server: Mapped[str]
    """kobo, central, ona: which client calls it."""
    form: Mapped[str] = mapped_column(ForeignKey(FormRow.id), index=True)
    base: Mapped[str]
    """The server's address, in one spelling."""
    there: Mapped[str | None]
    """The form's name there: Kobo's asset uid, Central's `project/form id`, Ona's number. Empty until published."""
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A JSON object {"user", "secret"}, sealed to the intake key under the context `connection|<id>`."""
    opened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    closed_at: Mapped[datetime | None]
    cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """How far it was pulled: what the client needs to go on; ids and times of the server, no answers."""
    next_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """When it is pulled again; a hint brings it forward."""
    tried_at: Mapped[datetime | None]
    pulled_at: Mapped[datetime | None]
    """When a pull last came to its end."""
    compared_at: Mapped[datetime | None]
    """When the server's own list was last compared with ours, one by one."""
    count_there: Mapped[int | None]
    """How many submissions the server says it has."""
    failures: Mapped[int] = mapped_column(default=0)
    """Pulls in a row that failed."""
    reason: Mapped[str | None]
    """Code of the last failure."""


class CopyRow(Base):
    """A submission as a connected server holds it: known, so that what changed or went there is seen. No answers."""

    __tablename__ = "copies"
    __table_args__ = (Index("copies_by_root", "root_id"),)
    connection: Mapped[UUID] = mapped_column(ForeignKey(ConnectionRow.id), primary_key=True)
    there: Mapped[str] = mapped_column(primary_key=True)
    """The server's own name of it: Kobo's and Ona's number, Central's first instance id."""
    root_id: Mapped[str]
    edition_id: Mapped[str]
    """The newest edition that was fetched."""
    mark: Mapped[str]
    """Changes there when the submission does."""
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


def find_connections(session: Session, *, form: str | None = None, limit: int = 500) -> list[ConnectionRow]:
    """Connections, open ones first, newest first."""
    query = select(ConnectionRow).order_by(ConnectionRow.closed_at.is_not(None), ConnectionRow.opened_at.desc())
    if form is not None:
        query = query.where(ConnectionRow.form == form)
    return list(session.scalars(query.limit(limit)))


def take_connection(session: Session, connection: UUID) -> ConnectionRow | None:
    """An open connection, locked until the commit."""
    return session.scalar(
        select(ConnectionRow)
        .where(ConnectionRow.id == connection, ConnectionRow.closed_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def find_due_connections(session: Session, *, limit: int = 100) -> list[UUID]:
    """Open connections that are to be pulled now, the longest overdue first; what is not published there yet waits."""
    return list(
        session.scalars(
            select(ConnectionRow.id)
            .where(
                ConnectionRow.closed_at.is_(None),
                ConnectionRow.there.is_not(None),
                ConnectionRow.next_at <= func.clock_timestamp(),
            )
            .order_by(ConnectionRow.next_at)
            .limit(limit)
        )
    )


def ask_fetch(session: Session, form: str) -> list[UUID]:
    """Bring the next pull of a form's open connections forward to now. The caller rings after its commit."""
    return list(
        session.scalars(
            update(ConnectionRow)
            .where(ConnectionRow.form == form, ConnectionRow.closed_at.is_(None), ConnectionRow.there.is_not(None))
            .values(next_at=func.least(ConnectionRow.next_at, func.clock_timestamp()))
            .returning(ConnectionRow.id)
            .execution_options(synchronize_session=False)
        )
    )


def count_copies(session: Session) -> dict[UUID, int]:
    """How many submissions we know of, by connection."""
    rows = session.execute(select(CopyRow.connection, func.count().label("n")).group_by(CopyRow.connection))
    return {row.connection: row.n for row in rows}
