"""Where items and changes of the bank stand, who agreed, and the changes that wait for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.tables.base import Base
from pimcollect.tables.members import MemberRow

_STATES = (
    "state IN ('draft', 'proposed', 'in_review', 'community_check', 'field_test', 'endorsed', 'active', 'deprecated', "
    "'retired')"
)
_WEIGHTS = "('none', 'patch', 'minor', 'major')"
_ONE_IMPORT = 7_206_103
"""Number of the database lock under which a bank is taken: two at once are compared with one after the other."""


class ItemStateRow(Base):
    """The life of one item under one key: another key is another series, with a life of its own."""

    __tablename__ = "item_states"
    __table_args__ = (CheckConstraint(_STATES, name="item_state_is_known"),)
    item: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    """Comparability key."""
    state: Mapped[str]
    proposer: Mapped[str] = mapped_column(default="")
    """Id of the member; empty when nobody proposed it."""
    round: Mapped[int] = mapped_column(default=0)
    """Raised by each proposal: only verdicts of the present round count."""
    note: Mapped[str] = mapped_column(default="")
    """How it came into this state when not by verdicts: first_bank, endorsed_elsewhere, imported, replaced, ..."""
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class BankChangeRow(Base):
    """One change of the bank: computed and chosen class, and the whole document as long as it waits."""

    __tablename__ = "bank_changes"
    __table_args__ = (
        CheckConstraint(_STATES, name="change_state_is_known"),
        CheckConstraint(f"computed IN {_WEIGHTS} AND chosen IN {_WEIGHTS}", name="change_class_is_known"),
        CheckConstraint("(state = 'active') = (document IS NULL)", name="taken_change_is_kept_as_a_bank"),
        Index("one_open_change_for_one_version", "version", unique=True, postgresql_where=text("document IS NOT NULL")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    version: Mapped[str]
    """Of the bank that it leads to; people name the change by it."""
    sha256: Mapped[str]
    base_sha256: Mapped[str]
    """Of the bank that it was compared with."""
    computed: Mapped[str]
    chosen: Mapped[str]
    """Never below what was computed."""
    is_severe: Mapped[bool]
    """It touches something severe: data protection must agree."""
    document: Mapped[dict[str, Any] | None]
    state: Mapped[str]
    proposer: Mapped[str] = mapped_column(default="")
    round: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(default="")
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class VerdictRow(Base):
    """One yes or no: who, in which role, when, and the coded reason of a no. Never changed."""

    __tablename__ = "verdicts"
    __table_args__ = (
        CheckConstraint("is_yes = (reason = '')", name="a_no_has_a_reason"),
        Index("verdicts_of_subject", "subject", "round"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    subject: Mapped[str]
    """`bank_item F01 fom.limited.30d.hh` or `bank_change 2026.2`."""
    round: Mapped[int]
    step: Mapped[str]
    member: Mapped[UUID] = mapped_column(ForeignKey(MemberRow.id))
    role: Mapped[str]
    is_yes: Mapped[bool]
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class WordingRow(Base):
    """Official wording in one language, loaded from outside: never part of a bank, never edited, the newest counts."""

    __tablename__ = "wordings"
    __table_args__ = (Index("wordings_by_language", "language", "loaded_at"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    language: Mapped[str]
    texts: Mapped[dict[str, Any]]
    """Name of the question or code of the answer -> official text."""
    source: Mapped[str]
    version: Mapped[str]
    dated_on: Mapped[str]
    checked_by: Mapped[str]
    """Who compared it with the official text, as a job title or account, not as a private person."""
    loaded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


def lock_banks(session: Session) -> None:
    """Wait until nobody else takes a bank; until the commit nobody else does."""
    session.execute(select(func.pg_advisory_xact_lock(_ONE_IMPORT)))


def find_item_states(session: Session, items: Iterable[str] | None = None) -> list[ItemStateRow]:
    """Lives of all items, or of some, by item; the newest life of an item last."""
    statement = select(ItemStateRow).order_by(ItemStateRow.item, ItemStateRow.since, ItemStateRow.key)
    if items is not None:
        statement = statement.where(ItemStateRow.item.in_(list(items)))
    return list(session.scalars(statement))


def take_item_state(session: Session, item: str, key: str) -> ItemStateRow | None:
    """One life, locked until the commit."""
    return session.scalar(
        select(ItemStateRow).where(ItemStateRow.item == item, ItemStateRow.key == key).with_for_update()
    )


def propose_states(
    session: Session, items: Collection[str], *, proposer: str, before: str, after: str
) -> list[tuple[str, str]]:
    """Move the lives of these items from one state to another in one statement: (item, key) of those that moved."""
    moved = session.execute(
        update(ItemStateRow)
        .where(ItemStateRow.item.in_(items), ItemStateRow.state == before)
        .values(state=after, proposer=proposer, round=ItemStateRow.round + 1, note="", since=func.clock_timestamp())
        .returning(ItemStateRow.item, ItemStateRow.key)
        .execution_options(synchronize_session=False)
    )
    return [(row.item, row.key) for row in moved]


def take_open_change(session: Session, version: str) -> BankChangeRow | None:
    """The change of this version that is not taken yet, locked until the commit."""
    return session.scalar(
        select(BankChangeRow)
        .where(BankChangeRow.version == version, BankChangeRow.document.is_not(None))
        .with_for_update()
    )


def find_changes_of_bank(session: Session, *, limit: int = 200) -> list[dict[str, Any]]:
    """All changes without their documents, newest first."""
    columns = [column for column in BankChangeRow.__table__.columns if column.name != "document"]
    rows = session.execute(select(*columns).order_by(BankChangeRow.since.desc()).limit(limit))
    return [dict(row._mapping) for row in rows]


def find_verdicts(session: Session, subject: str, *, round_: int | None = None, limit: int = 200) -> list[VerdictRow]:
    """Verdicts on one subject, oldest first; of one round or of all."""
    statement = select(VerdictRow).where(VerdictRow.subject == subject).order_by(VerdictRow.at).limit(limit)
    return list(session.scalars(statement if round_ is None else statement.where(VerdictRow.round == round_)))


def find_wordings(session: Session) -> list[WordingRow]:
    """The newest wording of each language."""
    return list(
        session.scalars(
            select(WordingRow)
            .ext(distinct_on(WordingRow.language))
            .order_by(WordingRow.language, WordingRow.loaded_at.desc())
        )
    )
