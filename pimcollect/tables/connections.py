"""Connected servers: where a form lives at Kobo, Central or Ona, the sealed token, how far it was pulled."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, delete, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.entries import HELD, UNTOUCHED, EntryRow
from pimcollect.tables.forms import FormRow


def token_context(connection: UUID) -> str:
    """What a sealed token is bound to."""
    return f"connection|{connection}"


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
    """A JSON object {"user", "secret"}, sealed to the intake key under `token_context`."""
    opened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    closed_at: Mapped[datetime | None]
    cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """How far it was pulled: what the client needs to go on; ids and times of the server, no answers."""
    next_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """When it is pulled again; a hint brings it forward."""
    not_before: Mapped[datetime | None]
    """Until when the server asked to be left alone, by Retry-After: nothing brings it forward beyond that."""
    asked_at: Mapped[datetime | None]
    """When somebody last asked for a pull: a hint, or a person."""
    tried_at: Mapped[datetime | None]
    pulled_at: Mapped[datetime | None]
    """When a pull last came to its end."""
    compared_at: Mapped[datetime | None]
    """When the server's own list was last compared with ours, one by one."""
    count_there: Mapped[int | None]
    """How many submissions the server says it has."""
    may_erase: Mapped[bool] = mapped_column(default=False)
    """A person looked at why so many are gone there, and lets the next pull erase them here."""
    failures: Mapped[int] = mapped_column(default=0)
    """Pulls in a row that failed."""
    reason: Mapped[str | None]
    """Code of the last failure."""


class CopyRow(Base):
    """A submission as a connected server holds it: known, so that what changed or went there is seen. No answers."""

    __tablename__ = "copies"
    __table_args__ = (
        Index("copies_by_root", "root_id"),
        Index("copies_by_edition", "edition_id"),
    )
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


_INHERIT = text("""
    UPDATE copies SET connection = :new
     WHERE connection = (SELECT old.id FROM connections AS old JOIN connections AS new ON new.id = :new
                          WHERE old.closed_at IS NOT NULL AND old.server = new.server AND old.form = new.form
                            AND old.base = new.base AND old.there = new.there
                          ORDER BY old.closed_at DESC LIMIT 1)
""")


def inherit_copies(session: Session, new: UUID) -> None:
    """A new connection knows what the one before it, of the same form there, knew: its first comparison sees what was
    deleted there meanwhile."""
    session.execute(_INHERIT, {"new": new})


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


_SHORTEST_SECONDS = 30
"""Hints in a rush lead to one pull in this time."""
ASK_FETCH = text(f"""
    UPDATE connections
       SET asked_at = clock_timestamp(),
           next_at = least(next_at, greatest(clock_timestamp(), not_before,
                                             tried_at + make_interval(secs => {_SHORTEST_SECONDS})))
     WHERE form = :form AND closed_at IS NULL AND there IS NOT NULL AND server = coalesce(:server, server)
    RETURNING id
""")  # noqa: S608 - a number of ours


def ask_fetch(session: Session, form: str, *, server: str | None = None) -> list[UUID]:
    """Have a form's open connections pulled soon, only those of one kind of server if it is named. The caller rings
    after its commit."""
    return list(session.scalars(ASK_FETCH, {"form": form, "server": server}))


def count_copies(session: Session) -> dict[UUID, int]:
    """How many submissions we know of, by connection."""
    rows = session.execute(select(CopyRow.connection, func.count().label("n")).group_by(CopyRow.connection))
    return {row.connection: row.n for row in rows}


def count_unsettled(session: Session, forms: Collection[str]) -> dict[str, int]:
    """Form -> deliveries that wait or are held. Two small partial indexes, not the whole table."""
    counts: dict[str, int] = {}
    for state in (UNTOUCHED, HELD):
        query = select(EntryRow.form, func.count()).where(EntryRow.state == state, EntryRow.form.in_(forms))
        for form, n in session.execute(query.group_by(EntryRow.form)):
            counts[form] = counts.get(form, 0) + n
    return counts


def measure_copies(session: Session, connection: UUID) -> int:
    """How many submissions of one connection we know of."""
    return session.scalar(select(func.count()).where(CopyRow.connection == connection)) or 0


def find_copies(session: Session, connection: UUID, names: Collection[str]) -> dict[str, CopyRow]:
    """Those of a server's submissions that are known, by its own names."""
    rows = session.scalars(select(CopyRow).where(CopyRow.connection == connection, CopyRow.there.in_(names)))
    return {row.there: row for row in rows}


def find_holders(session: Session, form: str, root_id: str) -> list[ConnectionRow]:
    """Connected servers of a form that hold this submission too."""
    query = select(ConnectionRow).join(CopyRow, CopyRow.connection == ConnectionRow.id)
    return list(session.scalars(query.where(ConnectionRow.form == form, CopyRow.root_id == root_id)))


def find_names_there(session: Session, connection: UUID, editions: Collection[str]) -> dict[str, str]:
    """Edition (or root) -> the server's own name of the submission, for those that it has."""
    rows = session.execute(
        select(CopyRow.there, CopyRow.root_id, CopyRow.edition_id).where(
            CopyRow.connection == connection,
            or_(CopyRow.root_id.in_(editions), CopyRow.edition_id.in_(editions)),
        )
    ).all()
    return {row.root_id: row.there for row in rows} | {row.edition_id: row.there for row in rows}


_PUT_COPIES = text("""
    INSERT INTO copies (connection, there, root_id, edition_id, mark)
    SELECT :connection, page.* FROM unnest(CAST(:names AS text[]), CAST(:roots AS text[]), CAST(:editions AS text[]),
                                           CAST(:marks AS text[])) AS page
    ON CONFLICT (connection, there) DO UPDATE
       SET edition_id = excluded.edition_id, mark = excluded.mark, seen_at = clock_timestamp()
""")


def put_copies(session: Session, connection: UUID, copies: Collection[tuple[str, str, str, str]]) -> None:
    """Remember what was fetched, as (name there, root, edition, mark): one statement. The root stays the first one."""
    if copies:
        names, roots, editions, marks = zip(*copies, strict=True)
        lists = {"names": list(names), "roots": list(roots), "editions": list(editions), "marks": list(marks)}
        session.execute(_PUT_COPIES, {"connection": connection, **lists})


def list_copies(session: Session, connection: UUID, *, before: datetime) -> set[str]:
    """The server's names of all that was known before a moment."""
    return set(session.scalars(select(CopyRow.there).where(CopyRow.connection == connection, CopyRow.seen_at < before)))


def drop_copies(session: Session, connection: UUID, names: Collection[str]) -> None:
    """Forget what is not there any more; what it led to here is erased by the caller."""
    session.execute(
        delete(CopyRow)
        .where(CopyRow.connection == connection, CopyRow.there.in_(names))
        .execution_options(synchronize_session=False)
    )
