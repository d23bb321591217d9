"""Members: who has an account, with which roles, and for which service."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column, relationship

from pimcollect.tables.base import Base
from pimcollect.tables.catalogue import ServiceRow


class MemberRow(Base):
    """One account. Neither addresses nor times of log-ins are kept."""

    __tablename__ = "members"
    __table_args__ = (
        CheckConstraint("mail = lower(mail)", name="member_mail_is_lower_case"),
        CheckConstraint("mail LIKE '%@%'", name="member_mail_is_an_address"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    mail: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    """argon2id over a keyed digest of the password (`actions.members.hash_password`)."""
    must_change_password: Mapped[bool] = mapped_column(default=True)
    login_id: Mapped[str] = mapped_column(unique=True)
    """What a log-in cookie names. A new value ends every log-in of this member at once."""
    is_active: Mapped[bool] = mapped_column(default=True)
    service: Mapped[str | None] = mapped_column(ForeignKey(ServiceRow.code), index=True)
    """A monitor sees the referrals addressed to this service, and no others."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    role_rows: Mapped[list[MemberRoleRow]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="MemberRoleRow.role"
    )


class MemberRoleRow(Base):
    """One role of one member."""

    __tablename__ = "member_roles"
    __table_args__ = (
        CheckConstraint("role IN ('enumerator', 'monitor', 'imo', 'dpo', 'admin')", name="member_role_is_known"),
    )
    member: Mapped[UUID] = mapped_column(ForeignKey(MemberRow.id), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)


_IS_MONITOR = MemberRow.role_rows.any(MemberRoleRow.role == "monitor")


def has_members(session: Session) -> bool:
    """Whether anybody has an account yet."""
    return session.scalar(select(MemberRow.id).limit(1)) is not None


def find_member(session: Session, mail: str) -> MemberRow | None:
    """The member of this address, however it is spelled in capitals."""
    return session.scalar(select(MemberRow).where(MemberRow.mail == mail.strip().lower()))


def take_member(session: Session, mail: str) -> MemberRow | None:
    """The same, locked until the commit."""
    return session.scalar(select(MemberRow).where(MemberRow.mail == mail.strip().lower()).with_for_update())


def find_mails(session: Session, members: Collection[UUID]) -> dict[UUID, str]:
    """Id -> address of these members; one query."""
    if not members:
        return {}
    rows = session.execute(select(MemberRow.id, MemberRow.mail).where(MemberRow.id.in_(members)))
    return {row.id: row.mail for row in rows}


def find_monitors(session: Session, service: str, *, limit: int = 20) -> list[str]:
    """Addresses of those who can answer for a service: its active monitors."""
    query = select(MemberRow.mail).where(MemberRow.service == service, MemberRow.is_active, _IS_MONITOR)
    return list(session.scalars(query.order_by(MemberRow.mail).limit(limit)))


def can_answer(
    member: InstrumentedAttribute[UUID | None], service: InstrumentedAttribute[str | None]
) -> ColumnElement[bool]:
    """For queries: whether this member is an active monitor of that service."""
    return exists().where(MemberRow.id == member, MemberRow.service == service, MemberRow.is_active, _IS_MONITOR)


def find_members(session: Session, *, limit: int = 1000) -> list[MemberRow]:
    """All members by address."""
    return list(session.scalars(select(MemberRow).order_by(MemberRow.mail).limit(limit)))
