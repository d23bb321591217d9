"""A bank that somebody sent to the pages and has not confirmed yet: one for each member, for an hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.members import MemberRow

KEPT = timedelta(hours=1)


class BankUploadRow(Base):
    """A checked bank between its preview and its confirmation. Another one of the same member takes its place."""

    __tablename__ = "bank_uploads"
    member: Mapped[UUID] = mapped_column(ForeignKey(MemberRow.id), primary_key=True)
    sha256: Mapped[str]
    version: Mapped[str]
    document: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


def put_upload(session: Session, member: UUID, *, sha256: str, version: str, document: dict[str, Any]) -> None:
    """Keep it until it is confirmed; those that nobody confirmed in time are deleted."""
    session.execute(delete(BankUploadRow).where(BankUploadRow.at < func.clock_timestamp() - KEPT))
    facts = {"sha256": sha256, "version": version, "document": document, "at": func.clock_timestamp()}
    statement = insert(BankUploadRow).values(member=member, **facts)
    session.execute(statement.on_conflict_do_update(index_elements=[BankUploadRow.member], set_=facts))


def take_upload(session: Session, member: UUID, sha256: str) -> BankUploadRow | None:
    """Exactly what was previewed, locked until the commit; None when it is another one, or too old."""
    return session.scalar(
        select(BankUploadRow)
        .where(
            BankUploadRow.member == member,
            BankUploadRow.sha256 == sha256,
            BankUploadRow.at >= func.clock_timestamp() - KEPT,
        )
        .with_for_update()
    )
