"""Translations by their marks: who brought each into the bank, and who approved it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.domain.translations import Bound
from pimcollect.tables.base import Base
from pimcollect.tables.members import MemberRow

_ONE_STATEMENT = 2000
"""Rows of one insert."""


class TranslationMarkRow(Base):
    """One translation of exactly one English text. Another text of either is another row: its approval begins anew."""

    __tablename__ = "translation_marks"
    __table_args__ = (
        CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="an_approval_has_a_person_and_a_time"),
        CheckConstraint(
            "approved_by IS NULL OR approved_by::text <> brought_by", name="nobody_approves_their_own_translation"
        ),
    )
    mark: Mapped[str] = mapped_column(primary_key=True)
    """`domain.translations.mark`."""
    part: Mapped[str]
    key: Mapped[str]
    language: Mapped[str]
    brought_by: Mapped[str] = mapped_column(default="")
    """Id of the member who brought it into the bank; empty for what ships with pimcollect."""
    brought_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey(MemberRow.id))
    approved_at: Mapped[datetime | None]


def store_marks(session: Session, texts: Collection[Bound], *, brought_by: str) -> None:
    """Note who brought these translations, where nobody did before."""
    rows = [
        {"mark": one.mark, "part": one.part, "key": one.key, "language": one.language, "brought_by": brought_by}
        for one in {one.mark: one for one in texts}.values()
    ]
    for start in range(0, len(rows), _ONE_STATEMENT):
        statement = insert(TranslationMarkRow).values(rows[start : start + _ONE_STATEMENT])
        session.execute(statement.on_conflict_do_nothing(index_elements=[TranslationMarkRow.mark]))


def find_approved(session: Session) -> frozenset[str]:
    """The marks of all translations that somebody approved."""
    return frozenset(
        session.scalars(select(TranslationMarkRow.mark).where(TranslationMarkRow.approved_by.is_not(None)))
    )


def find_marks(session: Session, marks: Iterable[str]) -> dict[str, TranslationMarkRow]:
    """Mark -> row, of these."""
    rows = session.scalars(select(TranslationMarkRow).where(TranslationMarkRow.mark.in_(list(marks))))
    return {row.mark: row for row in rows}


def take_marks(session: Session, marks: Iterable[str]) -> list[TranslationMarkRow]:
    """The rows of these marks, in their order, locked until the commit."""
    statement = (
        select(TranslationMarkRow)
        .where(TranslationMarkRow.mark.in_(list(marks)))
        .order_by(TranslationMarkRow.mark)
        .with_for_update()
    )
    return list(session.scalars(statement))
