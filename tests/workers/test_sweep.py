"""The sweep: what was forgotten is rung for again, what had its day is shredded, and nothing stops the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from redis import Redis
from sqlalchemy import Engine, select, text, update

from pimcollect.config import Settings
from pimcollect.doorbell import NOTICES, QUEUES, REVEALS, SETTLE
from pimcollect.tables.entries import EntryRow
from pimcollect.tables.forms import FormRow, HookRow
from pimcollect.tables.journal import JournalRow, find_beats
from pimcollect.tables.referrals import CaseRow, RevealRow
from tests.factories.referrals import Desk
from workers.sweep import Clock, open_clock, run_clock, sweep


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    desk = Desk(settings)
    desk.service()
    yield desk
    desk.hands.engine.dispose()


@pytest.fixture
def clock(settings: Settings) -> Iterator[Clock]:
    clock = open_clock(settings)
    clock.is_roll_call()  # the first roll call is not what these tests look at
    yield clock
    clock.engine.dispose()


def forget_entry(desk: Desk, *, seconds: float) -> EntryRow:
    """An entry that was received so long ago and that nobody rang for."""
    hook = HookRow(key=uuid4().hex, server="kobo", form="hh", secrets=[])
    row = EntryRow(
        id=uuid4(),
        server="kobo",
        via="hook",
        form="hh",
        identity=uuid4().hex,
        kind="json",
        fullness=1,
        body=b"sealed",
        received_at=datetime.now(UTC) - timedelta(seconds=seconds),
    )
    with desk.hands.sessions.begin() as session:
        session.merge(FormRow(id="hh", title="Household"))
        session.flush()
        session.add(hook)
        session.flush()
        row.hook = hook.id
        session.add(row)
    return row


def depths(clock: Clock) -> dict[str, int | None]:
    return {queue: clock.bell.depth(queue) for queue in QUEUES}


def test_a_database_that_is_away_does_not_stop_the_clock(
    settings: Settings, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[float] = []

    def should_stop() -> bool:
        asked.append(time.monotonic())
        return len(asked) > 3

    away = replace(settings, database_url="postgresql://nobody:s3cret-canary@127.0.0.1:1/none")
    run_clock(away, should_stop=should_stop)
    assert "s3cret-canary" not in caplog.text
    assert "database_away" in caplog.text


def test_a_queue_that_is_away_does_not_stop_the_clock(settings: Settings, desk: Desk) -> None:
    forget_entry(desk, seconds=30)
    clock = open_clock(replace(settings, redis_url="redis://127.0.0.1:1/0"))
    assert sweep(clock)
    with clock.sessions() as session:
        assert "clock" in find_beats(session)
    clock.engine.dispose()


def test_it_goes_on_after_its_connection_was_cut(settings: Settings, clock: Clock, desk: Desk) -> None:
    assert sweep(clock)
    with psycopg.connect(settings.database_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert sweep(clock)


def test_what_just_arrived_is_left_to_the_bell(clock: Clock, desk: Desk) -> None:
    forget_entry(desk, seconds=1)
    sweep(clock)
    assert depths(clock)[SETTLE] == 0


def test_a_forgotten_entry_is_rung_for_again_even_after_the_queue_lost_everything(
    clock: Clock, desk: Desk, settings: Settings
) -> None:
    row = forget_entry(desk, seconds=30)
    clock.bell.ring_entry(row.id)
    with Redis.from_url(settings.redis_url) as queue:
        queue.flushall()
    sweep(clock)
    assert depths(clock)[SETTLE] == 1
    assert desk.read(EntryRow).rung_at is not None


def test_a_ring_whose_job_was_lost_does_not_silence_the_next(clock: Clock, desk: Desk, settings: Settings) -> None:
    row = forget_entry(desk, seconds=30)
    clock.bell.ring_entry(row.id)
    with Redis.from_url(settings.redis_url) as queue:
        queue.delete("rq:queue:settle")  # the job is gone, the mark that it was rung is not
    sweep(clock)
    assert depths(clock)[SETTLE] == 1


def test_a_backlog_does_not_flood_the_queue(clock: Clock, desk: Desk) -> None:
    for _ in range(20):
        forget_entry(desk, seconds=600)
    for _ in range(5):
        sweep(clock)
    assert depths(clock)[SETTLE] == 1


def test_due_notices_and_open_questions_are_rung_for(clock: Clock, desk: Desk) -> None:
    referral = desk.referral()
    with desk.hands.sessions.begin() as session:
        session.add(RevealRow(referral=referral.id, member=uuid4(), reason="contact", public_key=b"-"))
    sweep(clock)
    assert depths(clock) == {**dict.fromkeys(QUEUES, 0), NOTICES: 1, REVEALS: 1}


def test_two_clocks_at_once_do_no_harm(settings: Settings, clock: Clock, desk: Desk) -> None:
    forget_entry(desk, seconds=30)
    other = open_clock(settings)
    other.is_roll_call()
    with other.sessions.begin() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(7206103)"))
        assert sweep(clock) is False, "another one is sweeping"
    clocks = [threading.Thread(target=sweep, args=(one,)) for one in (clock, other)]
    for one in clocks:
        one.start()
    for one in clocks:
        one.join()
    assert depths(clock)[SETTLE] in {1, 2}
    other.engine.dispose()


def test_every_queue_is_called_so_that_every_worker_shows_itself(settings: Settings, engine: Engine) -> None:
    clock = open_clock(settings)
    sweep(clock)
    assert depths(clock) == dict.fromkeys(QUEUES, 1)
    clock.engine.dispose()


def test_a_case_is_shredded_on_its_last_day_and_journaled(clock: Clock, desk: Desk) -> None:
    over, alive = desk.referral(), desk.referral()
    desk.run(update(CaseRow).where(CaseRow.id == over.case_id).values(shred_after=datetime.now(UTC)))
    sweep(clock)
    gone = desk.read(CaseRow, id=over.case_id)
    assert gone.sealed is None
    assert gone.shredded_at is not None
    assert desk.read(CaseRow, id=alive.case_id).sealed is not None
    with clock.sessions() as session:
        lines = session.execute(select(JournalRow.actor, JournalRow.action, JournalRow.noun_id)).all()
    assert [tuple(line) for line in lines] == [("workers", "shred", str(over.case_id))]
