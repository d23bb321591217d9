"""Pictures that belong to a case: awaited, rebuilt and sealed, or refused; gone with their case."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base

AWAITED, KEPT, REFUSED, SHREDDED = "awaited", "kept", "refused", "shredded"
MOST_PICTURES = 6
"""Of one case: what its page can show at once."""


def picture_name_context(picture: UUID) -> str:
    """What the sealed file name of a picture is bound to."""
    return f"picture name|{picture}"


def picture_context(picture: UUID) -> str:
    """What a sealed picture is bound to."""
    return f"picture|{picture}"


class PictureRow(Base):
    """One picture of one case. The file name is sealed to the intake key, the picture to the cases key."""

    __tablename__ = "pictures"
    __table_args__ = (
        CheckConstraint("state IN ('awaited', 'kept', 'refused', 'shredded')", name="picture_state_is_known"),
        CheckConstraint("(state = 'kept') = (sealed IS NOT NULL)", name="only_a_kept_picture_has_content"),
        CheckConstraint("(state = 'refused') = (reason IS NOT NULL)", name="refused_picture_says_why"),
        CheckConstraint("(state = 'awaited') = (name IS NOT NULL)", name="only_an_awaited_picture_names_its_file"),
        Index("pictures_of_case", "case_id"),
        Index("pictures_awaited", "form", "identity", postgresql_where=text("state = 'awaited'")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id", name="pictures_case_id_exists"))
    question: Mapped[str]
    form: Mapped[str]
    identity: Mapped[str]
    """Those of the entry that its file comes with."""
    state: Mapped[str] = mapped_column(default=AWAITED)
    name: Mapped[bytes | None] = mapped_column(LargeBinary)
    """JSON of the file's name, by which it is found among the files of its entry, and of the edition that names it."""
    files_seen: Mapped[int] = mapped_column(default=0)
    """How many files its entry had when a worker looked last; looked again when there are more or fewer."""
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A JPEG without anything but pixels."""
    reason: Mapped[str | None]
    """Why it was refused, a code."""
    wanted_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


_FIND_LOOKED_FOR = text("""
    SELECT id FROM pictures
     WHERE state = 'awaited'
       AND files_seen <> (SELECT count(*) FROM media WHERE media.form = pictures.form
                             AND media.identity = pictures.identity AND media.state IN ('waiting', 'kept'))
     ORDER BY wanted_at LIMIT 1
""")


def find_looked_for(session: Session) -> UUID | None:
    """An awaited picture whose entry has other files than when a worker looked last."""
    found: UUID | None = session.scalar(_FIND_LOOKED_FOR)
    return found


def find_pictures(session: Session, case_id: UUID) -> list[PictureRow]:
    """The pictures of a case that are not shredded, oldest first."""
    return list(
        session.scalars(
            select(PictureRow)
            .where(PictureRow.case_id == case_id, PictureRow.state != SHREDDED)
            .order_by(PictureRow.wanted_at, PictureRow.question)
            .limit(MOST_PICTURES)
        )
    )


def find_awaited(session: Session, *, form: str, identity: str) -> list[PictureRow]:
    """The pictures that await a file of this entry: one file may belong to several cases."""
    return list(
        session.scalars(
            select(PictureRow)
            .where(PictureRow.form == form, PictureRow.identity == identity, PictureRow.state == AWAITED)
            .limit(100)
        )
    )


def find_awaited_of(session: Session, form: str, *, limit: int) -> list[PictureRow]:
    """Awaited pictures of a form, by chance."""
    return list(
        session.scalars(
            select(PictureRow)
            .where(PictureRow.form == form, PictureRow.state == AWAITED)
            .order_by(func.random())
            .limit(limit)
        )
    )


_SHRED = text("""
    UPDATE pictures SET state = 'shredded', sealed = NULL, name = NULL, reason = NULL
     WHERE state <> 'shredded' AND case_id = ANY(:cases)
""")


def shred_pictures(session: Session, cases: Collection[UUID]) -> None:
    """Destroy the pictures of these cases; the emptied rows stay."""
    if cases:
        session.execute(_SHRED, {"cases": list(cases)})


_SHRED_FILES = text("""
    UPDATE media SET state = 'shredded', content = NULL, name = NULL, digest = NULL, shredded_at = clock_timestamp()
     WHERE state = 'kept'
       AND NOT EXISTS (SELECT FROM pictures WHERE pictures.form = media.form
                          AND pictures.identity = media.identity AND pictures.state = 'awaited')
""")


def shred_files_of_nobody(session: Session) -> None:
    """Destroy files that were kept for a picture which nobody awaits any more."""
    session.execute(_SHRED_FILES)
