"""What came to each door and what was refused there: counts that pages and metrics read without counting deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, delete, func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from pimcollect.domain.outcomes import HeldReason
from pimcollect.tables.base import Base
from pimcollect.tables.entries import HELD, EntryRow
from pimcollect.tables.forms import HookRow
from pimcollect.tables.phones import PhoneRow


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


class PhoneRefusal(StrEnum):
    """Why a phone's call was refused, and nothing of it was kept."""

    PASSWORD = "password"  # noqa: S105 - a code, not a secret
    LOCKED = "locked"
    """After too many wrong ones, whatever the password was."""
    OVERHEARD = "overheard"
    """The token was right, but it came over plain http where our address is https."""
    OLD_CODE = "old_code"
    """The token that a device had before its newest."""
    ENDED = "ended"
    """The name or the token of a phone that is let in no more."""
    UNKNOWN = "unknown"
    """A name or a token that no phone has, or ever had."""
    UNREADABLE = "unreadable"
    UNKNOWN_FORM = "unknown_form"
    CLOSED_FORM = "closed_form"
    TOO_LARGE = "too_large"
    NOT_YOURS = "not_yours"
    OTHER_FILE = "other_file"


HOOKS, PHONES = "hooks", "phones"
REASONS: dict[str, type[StrEnum]] = {HOOKS: Refusal, PHONES: PhoneRefusal}
"""Door -> why it refuses."""
RECENT_DAYS = 7
"""Older refusals are in no one's way any more: they are counted, and lead to no advice."""


def _list_reasons(door: str) -> str:
    return f"reason IN ({', '.join(repr(reason.value) for reason in REASONS[door])})"


class RefusalRow(Base):
    """How often a door refused anything for a reason. As many rows as reasons, whatever is sent here."""

    __tablename__ = "refusals"
    __table_args__ = (
        CheckConstraint(
            " OR ".join(f"door = '{door}' AND {_list_reasons(door)}" for door in REASONS),
            name="refusal_is_for_a_reason",
        ),
    )
    door: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime]


class HookRefusalRow(Base):
    """How often a hook refused a call for a reason, also since it was closed."""

    __tablename__ = "hook_refusals"
    __table_args__ = (
        CheckConstraint(
            " AND ".join((_list_reasons(HOOKS), f"reason <> '{Refusal.UNKNOWN}'")), name="hook_refuses_for_a_reason"
        ),
    )
    hook: Mapped[UUID] = mapped_column(ForeignKey(HookRow.id), primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime]


class PhoneRefusalRow(Base):
    """How often a phone that is known was refused for a reason, since it has its code."""

    __tablename__ = "phone_refusals"
    __table_args__ = (
        CheckConstraint(
            f"{_list_reasons(PHONES)} AND reason <> '{PhoneRefusal.UNKNOWN}'", name="phone_is_refused_for_a_reason"
        ),
    )
    phone: Mapped[UUID] = mapped_column(ForeignKey(PhoneRow.id), primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime]


_MARK_HOOKS = text("""
    UPDATE hooks SET arrived = hooks.arrived + marks.arrived, arrived_at = clock_timestamp()
      FROM unnest(CAST(:hooks AS uuid[]), CAST(:arrived AS int[])) AS marks (hook, arrived)
     WHERE hooks.id = marks.hook
""")
_MARK_PHONES = text("""
    UPDATE phones SET arrived = phones.arrived + marks.arrived, arrived_at = clock_timestamp()
      FROM unnest(CAST(:phones AS uuid[]), CAST(:arrived AS int[])) AS marks (phone, arrived)
     WHERE phones.id = marks.phone
""")
_MARK_REFUSALS = text("""
    INSERT INTO refusals (door, reason, n, last_at)
    SELECT door, reason, n, clock_timestamp()
      FROM unnest(CAST(:doors AS text[]), CAST(:reasons AS text[]), CAST(:counts AS int[])) AS marks (door, reason, n)
        ON CONFLICT (door, reason) DO UPDATE SET n = refusals.n + excluded.n, last_at = excluded.last_at
""")
_MARK_HOOK_REFUSALS = text("""
    INSERT INTO hook_refusals (hook, reason, n, last_at)
    SELECT hook, reason, n, clock_timestamp()
      FROM unnest(CAST(:hooks AS uuid[]), CAST(:reasons AS text[]), CAST(:counts AS int[])) AS marks (hook, reason, n)
        ON CONFLICT (hook, reason) DO UPDATE SET n = hook_refusals.n + excluded.n, last_at = excluded.last_at
""")
_MARK_PHONE_REFUSALS = text("""
    INSERT INTO phone_refusals (phone, reason, n, last_at)
    SELECT phone, reason, n, clock_timestamp()
      FROM unnest(CAST(:phones AS uuid[]), CAST(:reasons AS text[]), CAST(:counts AS int[])) AS marks (phone, reason, n)
        ON CONFLICT (phone, reason) DO UPDATE SET n = phone_refusals.n + excluded.n, last_at = excluded.last_at
""")


def mark_hooks(session: Session, marks: Mapping[UUID, int]) -> None:
    """Add what came to each hook."""
    hooks = sorted(marks)
    session.execute(_MARK_HOOKS, {"hooks": hooks, "arrived": [marks[hook] for hook in hooks]})


_MARK_ASKED = text("""
    UPDATE hooks SET unasked = CASE WHEN marks.has_asked THEN marks.n ELSE hooks.unasked + marks.n END
      FROM unnest(CAST(:hooks AS uuid[]), CAST(:counts AS int[]), CAST(:asked AS bool[])) AS marks (hook, n, has_asked)
     WHERE hooks.id = marks.hook AND (marks.n > 0 OR hooks.unasked > 0)
""")


def mark_asked(session: Session, asked: Iterable[tuple[UUID, bool]]) -> None:
    """Count for each hook the newest deliveries in a row without any question of consent: hook and whether there was
    one, in the order of their coming."""
    runs: dict[UUID, tuple[int, bool]] = {}
    for hook, is_asked in asked:
        n, has_asked = runs.get(hook, (0, False))
        runs[hook] = (0, True) if is_asked else (n + 1, has_asked)
    if runs:
        hooks = sorted(runs)
        counts, ends = [runs[hook][0] for hook in hooks], [runs[hook][1] for hook in hooks]
        session.execute(_MARK_ASKED, {"hooks": hooks, "counts": counts, "asked": ends})


def mark_phones(session: Session, marks: Mapping[UUID, int]) -> None:
    """Add what each phone sent."""
    phones = sorted(marks)
    session.execute(_MARK_PHONES, {"phones": phones, "arrived": [marks[phone] for phone in phones]})


def mark_refusals(session: Session, marks: Mapping[tuple[str, str], int]) -> None:
    """Add what was refused: door and reason -> how often."""
    doors, reasons, counts = _split(marks)
    session.execute(_MARK_REFUSALS, {"doors": doors, "reasons": reasons, "counts": counts})


def mark_hook_refusals(session: Session, marks: Mapping[tuple[UUID, str], int]) -> None:
    """Add what each hook refused: hook and reason -> how often."""
    hooks, reasons, counts = _split(marks)
    session.execute(_MARK_HOOK_REFUSALS, {"hooks": hooks, "reasons": reasons, "counts": counts})


def mark_phone_refusals(session: Session, marks: Mapping[tuple[UUID, str], int]) -> None:
    """Add what each phone was refused: phone and reason -> how often."""
    phones, reasons, counts = _split(marks)
    session.execute(_MARK_PHONE_REFUSALS, {"phones": phones, "reasons": reasons, "counts": counts})


def _split(marks: Mapping[tuple[Any, str], int]) -> tuple[list[Any], list[str], list[int]]:
    """In one order everywhere, so that two processes never wait for one another."""
    keys = sorted(marks)
    return [who for who, _ in keys], [reason for _, reason in keys], [marks[key] for key in keys]


def count_refusals(session: Session) -> dict[tuple[str, str], int]:
    """Door and reason -> how often; every reason, so that a graph begins at nought."""
    found = {(row.door, row.reason): row.n for row in session.scalars(select(RefusalRow))}
    return {(door, why.value): found.get((door, why.value), 0) for door, reasons in REASONS.items() for why in reasons}


def find_refused_strangers(session: Session, door: str) -> RefusalRow | None:
    """Calls of a door by nobody that is known; None when none of them was in the last days."""
    query = select(RefusalRow).where(RefusalRow.door == door, RefusalRow.reason == Refusal.UNKNOWN)
    return session.scalar(query.where(_is_recent(RefusalRow.last_at)))


def find_phone_refusals(session: Session, *, limit: int = 10_000) -> dict[UUID, list[dict[str, Any]]]:
    """Phone -> what it was refused: reason, n, last_at, is_recent; the latest first."""
    return _find_refusals(session, PhoneRefusalRow, PhoneRefusalRow.phone, limit=limit)


def find_hook_refusals(session: Session, *, limit: int = 10_000) -> dict[UUID, list[dict[str, Any]]]:
    """Hook -> what it refused: reason, n, last_at, is_recent; the latest first."""
    return _find_refusals(session, HookRefusalRow, HookRefusalRow.hook, limit=limit)


def _find_refusals(
    session: Session,
    row: type[PhoneRefusalRow | HookRefusalRow],
    who: InstrumentedAttribute[UUID],
    *,
    limit: int,
) -> dict[UUID, list[dict[str, Any]]]:
    query = select(who, row.reason, row.n, row.last_at, _is_recent(row.last_at).label("is_recent"))
    found: dict[UUID, list[dict[str, Any]]] = {}
    for whose, *told in session.execute(query.order_by(row.last_at.desc(), row.reason).limit(limit)):
        found.setdefault(whose, []).append(dict(zip(("reason", "n", "last_at", "is_recent"), told, strict=True)))
    return found


def forget_phone_refusals(session: Session, phone: UUID) -> None:
    """With a new code the counting begins anew."""
    session.execute(delete(PhoneRefusalRow).where(PhoneRefusalRow.phone == phone))


def _is_recent(column: InstrumentedAttribute[datetime]) -> ColumnElement[bool]:
    return column > func.clock_timestamp() - func.make_interval(0, 0, 0, RECENT_DAYS)


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
