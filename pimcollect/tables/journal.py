"""Who did what, when: one line for each act. And the heartbeats of the processes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base


class JournalRow(Base):
    """One act. `noun_id` is an id of ours or a code, never a name."""

    __tablename__ = "journal"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)
    actor: Mapped[str]
    """A member's id, `workers`, `door` or `command line`."""
    action: Mapped[str]
    noun: Mapped[str]
    noun_id: Mapped[str]


class BeatRow(Base):
    """When a process was last alive."""

    __tablename__ = "beats"
    name: Mapped[str] = mapped_column(primary_key=True)
    """clock, settle, notices, reveals, web."""
    at: Mapped[datetime]
    told: Mapped[dict[str, Any] | None]
    """What it works with, as far as that is no secret: whether a mail server is set, not which."""


def write_journal(session: Session, *, actor: str, action: str, noun: str, noun_id: str) -> None:
    """Add one line in the caller's transaction: if it cannot be written, the act does not happen."""
    session.add(JournalRow(actor=actor, action=action, noun=noun, noun_id=noun_id))


# by the time first, which has an index: an act and its line are written in one transaction
_WHO = text("""
    SELECT acts.noun_id, coalesce(members.name, lines.actor) AS who
      FROM unnest(CAST(:ids AS text[]), CAST(:moments AS timestamptz[])) AS acts (noun_id, at)
      JOIN LATERAL (SELECT actor FROM journal
                     WHERE journal.at BETWEEN acts.at - interval '5 seconds' AND acts.at + interval '5 seconds'
                       AND noun = :noun AND action = :action AND journal.noun_id = acts.noun_id
                     LIMIT 1) AS lines ON true
      LEFT JOIN members ON CAST(members.id AS text) = lines.actor
""")


def find_doers(session: Session, *, noun: str, action: str, moments: Mapping[str, datetime]) -> dict[str, str]:
    """Who did it: noun id -> name of the member, or `command line`. `moments` is when it was done to each noun id."""
    values = {"ids": list(moments), "moments": list(moments.values())}
    rows = session.execute(_WHO, {"noun": noun, "action": action, **values}) if moments else ()
    return {row.noun_id: row.who for row in rows}


def beat(session: Session, name: str, *, told: Mapping[str, Any] | None = None) -> None:
    """Say that this process is alive and, where it tells, what it works with."""
    changed = {"at": func.clock_timestamp(), **({} if told is None else {"told": dict(told)})}
    statement = insert(BeatRow).values(name=name, **changed)
    session.execute(statement.on_conflict_do_update(index_elements=[BeatRow.name], set_=changed))


def find_beats(session: Session) -> dict[str, datetime]:
    """The last sign of life of each process."""
    return {row.name: row.at for row in session.scalars(select(BeatRow))}


def find_told(session: Session) -> dict[str, Any]:
    """What the processes that told last work with, all together."""
    found: dict[str, Any] = {}
    for row in session.scalars(select(BeatRow).where(BeatRow.told.is_not(None)).order_by(BeatRow.at)):
        found |= row.told or {}
    return found
