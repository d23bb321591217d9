"""Cases, referrals, their moves, notices and reveals."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    case,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from pimcollect.tables.base import Base
from pimcollect.tables.catalogue import ServiceRow
from pimcollect.tables.forms import FormRow
from pimcollect.tables.pictures import shred_pictures


class CaseRow(Base):
    """The sealed minimum of one referral, while it lives. It names only what the person agreed to tell."""

    __tablename__ = "cases"
    __table_args__ = (
        CheckConstraint("(sealed IS NULL) = (shredded_at IS NOT NULL)", name="shredded_case_has_no_content"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A canonical JSON object sealed to the `cases` key under the context `case|<id>`."""
    opened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    shred_after: Mapped[datetime]
    """The last day: shredded then even if the referral is still open."""
    shredded_at: Mapped[datetime | None]


class ReferralRow(Base):
    """One thing to follow up: a referral of a person who agreed, a ticket or an alert without a person."""

    __tablename__ = "referrals"
    __table_args__ = (
        CheckConstraint(
            "course IN ('referral', 'ticket_no_identity', 'supervisor_alert_no_identity')",
            name="course_is_known",
        ),
        CheckConstraint("urgency IN ('U', 'H', 'R')", name="urgency_is_known"),
        CheckConstraint("course = 'referral' OR case_id IS NULL", name="only_a_referral_has_a_case"),
        Index("referrals_to_follow", "service", "state"),
        Index("referrals_by_due", "due_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    reference: Mapped[str] = mapped_column(unique=True)
    """Said in mails and on the phone: R-7F3K2M; random."""
    origin: Mapped[str] = mapped_column(unique=True)
    """Keyed digest of form, root and pathway: makes it one, points nowhere without the workers' key."""
    form: Mapped[str] = mapped_column(ForeignKey(FormRow.id))
    course: Mapped[str]
    pathway: Mapped[str]
    urgency: Mapped[str]
    state: Mapped[str]
    service: Mapped[str | None] = mapped_column(ForeignKey(ServiceRow.code))
    case_id: Mapped[UUID | None] = mapped_column(ForeignKey(CaseRow.id), unique=True)
    place: Mapped[str | None]
    """adm2 p-code at the finest."""
    due_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    moved_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    accepted_by: Mapped[UUID | None]
    """The member who accepted; only this member may reveal."""
    digest: Mapped[str]
    """Keyed digest of what was routed: an edition that changes nothing re-notifies nobody."""
    twin: Mapped[UUID | None] = mapped_column(ForeignKey("referrals.id"), index=True)
    """The referral on the same pathway whose submission has the same answers: perhaps the same person, sent twice."""
    twin_row: Mapped[ReferralRow | None] = relationship(
        remote_side=[id], foreign_keys=[twin], lazy="selectin", viewonly=True
    )


class MoveRow(Base):
    """One change of a referral's state. Counts and clocks come from these."""

    __tablename__ = "referral_moves"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    referral: Mapped[UUID] = mapped_column(ForeignKey(ReferralRow.id), index=True)
    was: Mapped[str | None]
    became: Mapped[str]
    reason: Mapped[str | None]
    """A code of the list that belongs to the move; never free text."""
    by: Mapped[str]
    """A member's id, or `workers`."""
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class NoticeRow(Base):
    """Something to tell somebody: a reference, an urgency, a deadline and a link. Nothing else is stored or sent."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("referral", "kind", "edition", name="one_notice_for_one_event"),
        CheckConstraint("kind IN ('new', 'amended', 'recalled')", name="notice_kind_is_known"),
        CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="notice_state_is_known"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_notice_has_a_time"),
        Index("notices_waiting", "next_at", postgresql_where=text("state = 'waiting'")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    """Also the idempotency key: the Message-ID of the mail."""
    referral: Mapped[UUID] = mapped_column(ForeignKey(ReferralRow.id), index=True)
    kind: Mapped[str]
    edition: Mapped[int] = mapped_column(default=1)
    """Counts notices of the same kind for one referral."""
    service: Mapped[str | None] = mapped_column(ForeignKey(ServiceRow.code))
    """Whom it tells; filled in when it is first tried. Empty then too: nobody serves it, the duty officer is told."""
    channel: Mapped[str] = mapped_column(default="email")
    state: Mapped[str] = mapped_column(default="waiting")
    reason: Mapped[str | None]
    """Code of the last failure: no_receiver, no_channel, refused, unreachable."""
    attempts: Mapped[int] = mapped_column(default=0)
    may_be_told: Mapped[bool] = mapped_column(default=False)
    """True once an attempt ended well, or without a known end: the receiver may have it and must hear of a recall."""
    next_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    sent_at: Mapped[datetime | None]


class RevealRow(Base):
    """A member asks to see a case: a worker opens it and seals it anew to the page's one-time key."""

    __tablename__ = "reveals"
    __table_args__ = (
        CheckConstraint("length(reason) > 0", name="reveal_has_a_reason"),
        Index("reveals_asked", "asked_at", postgresql_where=text("answered_at IS NULL AND refused IS NULL")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    referral: Mapped[UUID] = mapped_column(ForeignKey(ReferralRow.id), index=True)
    member: Mapped[UUID]
    reason: Mapped[str]
    """A code: contact, verify, hand_over."""
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """The asking page's one-time X25519 key; its private half lives in that request only."""
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The case sealed to that key under the context `reveal|<id>`; taken out when shown."""
    refused: Mapped[str | None]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    answered_at: Mapped[datetime | None]
    shown_at: Mapped[datetime | None]


_URGENCY_ORDER = case({"U": 0, "H": 1, "R": 2}, value=ReferralRow.urgency)


def find_referrals(
    session: Session,
    *,
    services: list[str] | None = None,
    states: list[str] | None = None,
    is_newest_first: bool = False,
    limit: int = 200,
) -> list[ReferralRow]:
    """Referrals by urgency, then deadline; or those that moved last first. `services` limits to those addressed to
    them (None = all)."""
    order = (ReferralRow.moved_at.desc(),) if is_newest_first else (_URGENCY_ORDER, ReferralRow.due_at)
    query = select(ReferralRow).order_by(*order, ReferralRow.id).limit(limit)
    if services is not None:
        query = query.where(ReferralRow.service.in_(services))
    if states is not None:
        query = query.where(ReferralRow.state.in_(states))
    return list(session.scalars(query))


def find_referral(session: Session, reference: str) -> ReferralRow | None:
    """One referral by its reference."""
    return session.scalar(select(ReferralRow).where(ReferralRow.reference == reference))


def find_beginnings(session: Session, beginning: str, *, limit: int = 50) -> list[ReferralRow]:
    """Those whose reference begins so."""
    query = select(ReferralRow).where(ReferralRow.reference.startswith(beginning, autoescape=True))
    return list(session.scalars(query.order_by(ReferralRow.reference).limit(limit)))


def find_origins(session: Session, origins: Collection[str]) -> dict[str, UUID]:
    """Referral ids by origin."""
    rows = session.execute(select(ReferralRow.origin, ReferralRow.id).where(ReferralRow.origin.in_(origins)))
    return {row.origin: row.id for row in rows}


def take_referral(session: Session, reference: str) -> ReferralRow | None:
    """The same, locked until the commit."""
    return session.scalar(select(ReferralRow).where(ReferralRow.reference == reference).with_for_update())


def shred_case(session: Session, case_id: UUID | None) -> None:
    """Destroy the sealed content of a case and its pictures; the empty rows stay as the proof."""
    if case_id is not None:
        session.execute(
            update(CaseRow)
            .where(CaseRow.id == case_id, CaseRow.sealed.is_not(None))
            .values(sealed=None, shredded_at=func.clock_timestamp())
        )
        shred_pictures(session, [case_id])


def find_moves(session: Session, referral: UUID) -> list[MoveRow]:
    """The moves of one referral, oldest first."""
    return list(session.scalars(select(MoveRow).where(MoveRow.referral == referral).order_by(MoveRow.at).limit(500)))


def count_referrals(session: Session) -> list[dict[str, Any]]:
    """How many by state and urgency."""
    rows = session.execute(
        select(ReferralRow.state, ReferralRow.urgency, func.count().label("n"))
        .group_by(ReferralRow.state, ReferralRow.urgency)
        .order_by(ReferralRow.state, ReferralRow.urgency)
    )
    return [dict(row._mapping) for row in rows]


def find_due_notices(session: Session, *, limit: int = 500) -> list[UUID]:
    """Waiting notices whose time has come and that nobody is sending."""
    now = func.clock_timestamp()
    return list(
        session.scalars(
            select(NoticeRow.id)
            .where(
                NoticeRow.state == "waiting",
                NoticeRow.next_at <= now,
                func.coalesce(NoticeRow.lease_until, NoticeRow.next_at) <= now,
            )
            .order_by(NoticeRow.next_at)
            .limit(limit)
        )
    )


def count_notices(session: Session) -> dict[str, int]:
    """How many by state."""
    rows = session.execute(select(NoticeRow.state, func.count().label("n")).group_by(NoticeRow.state))
    return {row.state: row.n for row in rows}
