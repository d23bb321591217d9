"""The key pairs of encrypted forms: public halves go into forms, private halves are sealed to the workers."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, LargeBinary, func, select
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from pimcollect.tables.base import Base

MOST_KEYS = 50
"""Keys of one form that a worker tries; a form that was rotated monthly for four years has as many."""


def key_context(key: UUID) -> str:
    """What a sealed private half is bound to: in another row it does not open."""
    return f"form_key|{key}"


class FormKeyRow(Base):
    """One RSA key pair of a form. A retired one builds no new form; it still opens what phones made with it."""

    __tablename__ = "form_keys"
    __table_args__ = (
        CheckConstraint("length(fingerprint) = 64", name="form_key_has_a_fingerprint"),
        Index("form_keys_of_form", "form", "created_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    form: Mapped[str]
    """Id of the form; it may be built after its key."""
    fingerprint: Mapped[str] = mapped_column(unique=True)
    """SHA-256 in hex of the public half's DER bytes."""
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """DER SubjectPublicKeyInfo."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """The private half (DER PKCS #8) sealed to the intake key under `key_context`."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    retired_at: Mapped[datetime | None]


def find_newest_key(session: Session, form: str) -> FormKeyRow | None:
    """The key that new versions of a form are built with: the newest that is not retired."""
    return session.scalar(
        select(FormKeyRow)
        .where(FormKeyRow.form == form, FormKeyRow.retired_at.is_(None))
        .order_by(FormKeyRow.created_at.desc())
        .limit(1)
    )


def find_form_keys(session: Session, form: str | None = None, *, limit: int = 500) -> list[FormKeyRow]:
    """Keys without their private halves, newest first; of all forms, or of one."""
    query = select(FormKeyRow).order_by(FormKeyRow.created_at.desc()).limit(limit)
    if form is not None:
        query = query.where(FormKeyRow.form == form)
    return list(session.scalars(query.options(defer(FormKeyRow.sealed, raiseload=True))))


def find_sealed_keys(session: Session, form: str) -> list[tuple[UUID, bytes]]:
    """(id, sealed private half) of a form's keys, newest first, retired ones too."""
    rows = session.execute(
        select(FormKeyRow.id, FormKeyRow.sealed)
        .where(FormKeyRow.form == form)
        .order_by(FormKeyRow.created_at.desc())
        .limit(MOST_KEYS)
    )
    return [(row.id, row.sealed) for row in rows]
