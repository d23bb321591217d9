"""What is held at each door, so that whoever looks at a door sees what it brought and could not be settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.tables.entries import HELD, HOOK, PHONE, PULL, EntryRow


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
