"""A bank, or proposals for it, that somebody sent to the pages and has not confirmed yet: each for an hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, PrimaryKeyConstraint, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.members import MemberRow

KEPT = timedelta(hours=1)
BANK, PROPOSALS = "bank", "proposals"


class BankUploadRow(Base):
    """What was checked, between its preview and its confirmation. Another one of the same member takes its place."""

    __tablename__ = "bank_uploads"
    __table_args__ = (
        CheckConstraint("noun IN ('bank', 'proposals')", name="bank_upload_is_a_bank_or_proposals"),
        PrimaryKeyConstraint("member", "noun", name="bank_uploads_key"),
    )
    member: Mapped[UUID] = mapped_column(ForeignKey(MemberRow.id))
    noun: Mapped[str] = mapped_column(server_default=BANK)
    sha256: Mapped[str]
    version: Mapped[str]
    document: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


def put_upload(
    session: Session, member: UUID, *, sha256: str, version: str, document: dict[str, Any], noun: str = BANK
) -> None:
    """Keep it until it is confirmed; those that nobody confirmed in time are deleted."""
    session.execute(delete(BankUploadRow).where(BankUploadRow.at < func.clock_timestamp() - KEPT))
    facts = {"sha256": sha256, "version": version, "document": document, "at": func.clock_timestamp()}
    statement = insert(BankUploadRow).values(member=member, noun=noun, **facts)
    session.execute(
        statement.on_conflict_do_update(index_elements=[BankUploadRow.member, BankUploadRow.noun], set_=facts)
    )


def take_upload(session: Session, member: UUID, sha256: str, *, noun: str = BANK) -> BankUploadRow | None:
    """Exactly what was previewed, locked until the commit; None when it is another one, or too old."""
    return session.scalar(
        select(BankUploadRow)
        .where(
            BankUploadRow.member == member,
            BankUploadRow.noun == noun,
            BankUploadRow.sha256 == sha256,
            BankUploadRow.at >= func.clock_timestamp() - KEPT,
        )
        .with_for_update()
    )
