"""By which keys this database has been used: marks that tell the same keys from others and nothing about them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base

_FILLED_BY_USE = ("members", "entries", "submissions", "cases", "form_keys", "connections", "phones")


class KeyMarkRow(Base):
    """The mark of one key of the two key files."""

    __tablename__ = "key_marks"
    name: Mapped[str] = mapped_column(primary_key=True)
    mark: Mapped[str]


def find_marks(session: Session) -> dict[str, str]:
    """Name of a key -> its mark; empty before the first start."""
    return {row.name: row.mark for row in session.scalars(select(KeyMarkRow))}


def put_marks(session: Session, marks: Mapping[str, str]) -> None:
    """Note these keys, in place of those that were noted under the same names."""
    rows = [{"name": name, "mark": mark} for name, mark in sorted(marks.items())]
    if rows:
        statement = insert(KeyMarkRow).values(rows)
        changed = {"mark": statement.excluded.mark}
        session.execute(statement.on_conflict_do_update(index_elements=[KeyMarkRow.name], set_=changed))


def forget_marks(session: Session) -> None:
    """The next start notes the keys that it finds."""
    session.execute(delete(KeyMarkRow))


def holds_data(session: Session) -> bool:
    """Whether anybody has used this database, with tables of any age: what was sealed then needs the keys of then."""
    there = [table for table in _FILLED_BY_USE if session.scalar(text("SELECT to_regclass(:name)"), {"name": table})]
    return any(session.scalar(text(f"SELECT EXISTS (SELECT FROM {table})")) for table in there)  # noqa: S608 - ours
