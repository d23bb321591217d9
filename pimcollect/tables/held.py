"""What is held at each door, so that whoever looks at a door sees what it brought and could not be settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.tables.entries import HELD, HOOK, PHONE, PULL, EntryRow
from pimcollect.tables.forms import HookRow
from pimcollect.tables.phones import PhoneRow


@dataclass(frozen=True)
class HeldAtDoors:
    """How many entries are held, by the door that they came by."""

    hooks: Mapping[UUID, int]
    pulls: Mapping[str, int]
    """By form."""
    phones: int


def count_held_at_doors(session: Session) -> HeldAtDoors:
    """One question of the small index of what is held."""
    by = (EntryRow.via, EntryRow.hook, EntryRow.form)
    rows = session.execute(select(*by, func.count().label("n")).where(EntryRow.state == HELD).group_by(*by)).all()
    return HeldAtDoors(
        hooks={row.hook: row.n for row in rows if row.via == HOOK},
        pulls={row.form: row.n for row in rows if row.via == PULL},
        phones=sum(row.n for row in rows if row.via == PHONE),
    )


@dataclass(frozen=True)
class Way:
    """The door that one entry came by."""

    via: str
    """hook, phone, pull or carried."""
    server: str
    """Who posted it or had it; of a phone's, how it is read."""
    hook: UUID | None
    note: str | None
    """Of the hook, by whoever opened it."""
    phone: str | None
    """The phone's name."""


def find_ways(session: Session, rows: Sequence[EntryRow]) -> dict[UUID, Way]:
    """Entry -> the door that it came by: two queries however many they are."""
    hooks = {row.hook for row in rows if row.hook is not None}
    phones = {row.phone for row in rows if row.phone is not None}
    notes: dict[UUID | None, str | None] = {
        row.id: row.note for row in session.execute(select(HookRow.id, HookRow.note).where(HookRow.id.in_(hooks)))
    }
    names: dict[UUID | None, str] = {
        row.id: row.name for row in session.execute(select(PhoneRow.id, PhoneRow.name).where(PhoneRow.id.in_(phones)))
    }
    return {row.id: Way(row.via, row.server, row.hook, notes.get(row.hook), names.get(row.phone)) for row in rows}
