"""Review notes: what people say about a question of a form before it is asked, and what was answered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Identity, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.forms import FormRow

LONGEST = 2_000
"""Characters of a note and of an answer."""


class FormNoteRow(Base):
    """One note. It is about the form, never about a person who answered it."""

    __tablename__ = "form_notes"
    __table_args__ = (
        CheckConstraint(
            f"length(text) BETWEEN 1 AND {LONGEST} AND length(answer) <= {LONGEST}", name="form_note_says_something"
        ),
        CheckConstraint(
            "(answer = '') = (answered_at IS NULL) AND (answer = '') = (answered_by = '')",
            name="form_note_is_answered_by_somebody_or_not_at_all",
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    number: Mapped[int] = mapped_column(Identity(), unique=True)
    """By which people name it."""
    form: Mapped[str] = mapped_column(ForeignKey(FormRow.id), index=True)
    version: Mapped[str]
    """Version string of the form that was looked at."""
    question: Mapped[str]
    """Name of the question; empty for the whole form."""
    text: Mapped[str]
    author: Mapped[str]
    """A member's id, or `command line`."""
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    answer: Mapped[str] = mapped_column(default="")
    answered_by: Mapped[str] = mapped_column(default="")
    answered_at: Mapped[datetime | None]


def find_form_notes(session: Session, form: str, *, limit: int = 500) -> list[FormNoteRow]:
    """The notes of a form: open ones first, each group in the order in which they were written."""
    rows = select(FormNoteRow).where(FormNoteRow.form == form)
    return list(session.scalars(rows.order_by(FormNoteRow.answer != "", FormNoteRow.number).limit(limit)))


def find_form_note(session: Session, number: int) -> FormNoteRow | None:
    """A note by its number."""
    return session.scalar(select(FormNoteRow).where(FormNoteRow.number == number))


def count_open_notes(session: Session, forms: list[str]) -> dict[str, int]:
    """Form -> notes that nobody has answered; forms without any are absent."""
    rows = session.execute(
        select(FormNoteRow.form, func.count())
        .where(FormNoteRow.form.in_(forms), FormNoteRow.answer == "")
        .group_by(FormNoteRow.form)
    )
    return {row[0]: row[1] for row in rows}
