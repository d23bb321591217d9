"""What came to each door and what was refused there: counts that pages and metrics read without counting deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from pimcollect.domain.outcomes import HeldReason
from pimcollect.tables.base import Base
from pimcollect.tables.entries import HELD, EntryRow


class Refusal(StrEnum):
    """Why a call of a hook's address was refused. The sender is told 401 or 413 and nothing more."""

    UNKNOWN = "unknown"
    """No hook has this address, or ever had."""
    CLOSED = "closed"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a code, not a secret
    """Or none, two, or one in the wrong place."""
    NETWORK = "network"
    """The secret was right, the caller's network is not allowed."""
    TOO_LARGE = "too_large"


class RefusalRow(Base):
    """How often anything was refused for a reason. As many rows as reasons, whatever is sent here."""

    __tablename__ = "refusals"
    __table_args__ = (
        CheckConstraint(
            "reason IN ('unknown', 'closed', 'wrong_secret', 'network', 'too_large')", name="refusal_is_for_a_reason"
        ),
    )
    reason: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime]


@dataclass
class Mark:
    """What came to one hook since it was last written."""

    arrived: int = 0
    refused: int = 0
    reason: str | None = None
    """Of the last refusal."""


_MARK_HOOKS = text("""
    UPDATE hooks SET arrived = hooks.arrived + marks.arrived, refused = hooks.refused + marks.refused,
           refused_reason = coalesce(marks.reason, hooks.refused_reason),
           arrived_at = CASE WHEN marks.arrived > 0 THEN clock_timestamp() ELSE hooks.arrived_at END,
           refused_at = CASE WHEN marks.refused > 0 THEN clock_timestamp() ELSE hooks.refused_at END
      FROM unnest(CAST(:hooks AS uuid[]), CAST(:arrived AS int[]), CAST(:refused AS int[]), CAST(:reasons AS text[]))
           AS marks (hook, arrived, refused, reason)
     WHERE hooks.id = marks.hook
""")
_MARK_PHONES = text("""
    UPDATE phones SET arrived = phones.arrived + marks.arrived, arrived_at = clock_timestamp()
      FROM unnest(CAST(:phones AS uuid[]), CAST(:arrived AS int[])) AS marks (phone, arrived)
     WHERE phones.id = marks.phone
""")
_MARK_REFUSALS = text("""
    INSERT INTO refusals (reason, n, last_at)
    SELECT reason, n, clock_timestamp()
      FROM unnest(CAST(:reasons AS text[]), CAST(:counts AS int[])) AS marks (reason, n)
        ON CONFLICT (reason) DO UPDATE SET n = refusals.n + excluded.n, last_at = excluded.last_at
""")


def mark_hooks(session: Session, marks: Mapping[UUID, Mark]) -> None:
    """Add what came to each hook."""
    hooks = sorted(marks)
    values = {
        "arrived": [marks[hook].arrived for hook in hooks],
        "refused": [marks[hook].refused for hook in hooks],
        "reasons": [marks[hook].reason for hook in hooks],
    }
    session.execute(_MARK_HOOKS, {"hooks": hooks, **values})


def mark_phones(session: Session, marks: Mapping[UUID, int]) -> None:
    """Add what each phone sent."""
    phones = sorted(marks)
    session.execute(_MARK_PHONES, {"phones": phones, "arrived": [marks[phone] for phone in phones]})


def mark_refusals(session: Session, marks: Mapping[Refusal, int]) -> None:
    """Add what was refused."""
    reasons = sorted(marks)
    session.execute(_MARK_REFUSALS, {"reasons": reasons, "counts": [marks[reason] for reason in reasons]})


def count_refusals(session: Session) -> dict[str, int]:
    """Reason -> how often; every reason, so that a graph begins at nought."""
    found = {row.reason: row.n for row in session.scalars(select(RefusalRow))}
    return {reason.value: found.get(reason.value, 0) for reason in Refusal}


def find_refused_strangers(session: Session, *, days: int) -> int:
    """How many calls there were of addresses that no hook has; 0 when none of them was in the last days."""
    since = func.clock_timestamp() - func.make_interval(0, 0, 0, days)
    query = select(RefusalRow.n).where(RefusalRow.reason == Refusal.UNKNOWN, RefusalRow.last_at > since)
    return session.scalar(query) or 0


def count_held(session: Session) -> dict[str, int]:
    """Reason -> how many are held for it: a small partial index, not the whole table."""
    query = select(EntryRow.reason, func.count()).where(EntryRow.state == HELD).group_by(EntryRow.reason)
    return {why: n for why, n in session.execute(query.order_by(EntryRow.reason)) if why is not None}


def count_faults(session: Session) -> dict[str, int]:
    """Fault -> how many held bodies are unreadable in that way."""
    is_unreadable = EntryRow.state == HELD, EntryRow.reason == HeldReason.UNREADABLE
    query = select(EntryRow.fault, func.count()).where(*is_unreadable).group_by(EntryRow.fault)
    return {fault: n for fault, n in session.execute(query.order_by(EntryRow.fault)) if fault is not None}


def count_entries(session: Session) -> dict[tuple[str, str | None], int]:
    """How many entries there are in each state and (when held) for each reason."""
    rows = session.execute(
        select(EntryRow.state, EntryRow.reason, func.count()).group_by(EntryRow.state, EntryRow.reason)
    )
    return {(state, why): n for state, why, n in rows}
