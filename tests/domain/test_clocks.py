"""Deadlines run from the receipt, in UTC, whatever the calendar and the zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from pimcollect.domain.clocks import due_at, month_of, more_urgent

LATE = datetime(2026, 12, 1, 1, 0, tzinfo=timezone(timedelta(hours=6, minutes=30)))


def test_a_time_without_a_zone_starts_no_clock() -> None:
    for clock in (lambda moment: due_at("U", moment), month_of):
        with pytest.raises(ValueError, match="zone"):
            clock(datetime(2026, 11, 20))  # noqa: DTZ001 - that is what is refused


def test_the_three_deadlines() -> None:
    received = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert due_at("U", received) == datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
    assert due_at("H", received) == datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    assert due_at("R", received) == datetime(2026, 12, 4, 14, 30, tzinfo=UTC)


def test_month_and_deadline_are_those_of_utc() -> None:
    assert month_of(LATE) == date(2026, 11, 1)
    assert due_at("U", LATE) == datetime(2026, 12, 1, 18, 30, tzinfo=UTC)
    assert due_at("U", LATE).tzinfo is UTC


def test_the_highest_urgency_wins() -> None:
    assert [more_urgent(one, other) for one, other in (("U", "R"), ("R", "H"), ("H", "H"))] == ["U", "H", "H"]
