"""Clocks: by when something must be done, and the month that may be told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

URGENCIES = ("U", "H", "R")
"""Most urgent first: 24 hours, 72 hours, 14 days."""

DEADLINES = {"U": timedelta(hours=24), "H": timedelta(hours=72), "R": timedelta(days=14)}
_RANK = {urgency: rank for rank, urgency in enumerate(URGENCIES)}


def to_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError for a time without a zone: nobody knows when that was."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError("a time without a zone cannot start a clock")
    return moment.astimezone(UTC)


def due_at(urgency: str, received_at: datetime) -> datetime:
    """The deadline, counted from the receipt, whatever the calendar says."""
    return to_utc(received_at) + DEADLINES[urgency]


def month_of(moment: datetime) -> date:
    """First day of the month, in UTC."""
    return to_utc(moment).date().replace(day=1)


def more_urgent(one: str, other: str) -> str:
    """The more urgent of two."""
    return one if _RANK[one] <= _RANK[other] else other
