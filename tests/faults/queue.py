"""F04 and F05: the queue is emptied, away, restarted, full, or hangs. It is a doorbell: nothing may hang on it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from pathlib import Path

from redis import ResponseError

from tests.faults.field import Field, open_field
from tests.faults.found import Found

_FLUSHES = 10
_DRAIN_SECONDS = 60.0
_MOST_WAIT, _MOST_WAIT_HUNG = 0.3, 1.0


def _flush(field: Field, *, times: int, seconds: float) -> None:
    for _ in range(times):
        time.sleep(seconds / times)
        with closing(field.open_queue()) as queue:
            queue.flushall()


def _take_away(field: Field, *, seconds: float) -> None:
    """Nobody reaches it and whoever had is cut off; then it is killed and comes back empty."""
    with closing(field.open_queue()) as queue:
        pid = int(queue.info("server")["process_id"])
        path = Path(queue.connection_pool.connection_kwargs["path"])
        path.rename(path.with_name("away"))
        queue.client_kill_filter(_type="normal", skipme=True)
        time.sleep(seconds)
    path.with_name("away").rename(path)
    os.kill(pid, signal.SIGKILL)
    field.wait_for_queue()


def _fill_up(field: Field, *, seconds: float) -> None:
    """No room for anything more: every write is refused."""
    with closing(field.open_queue()) as queue:
        queue.config_set("maxmemory-policy", "noeviction")
        queue.config_set("maxmemory", 1)
        try:
            queue.set("pim:probe", "x")
        except ResponseError:
            pass
        else:
            raise RuntimeError("the queue was not full")
        time.sleep(seconds)
        queue.config_set("maxmemory", 0)


def lose_queue(*, is_quick: bool) -> Found:
    """F04. Half of the deliveries come while it is away for a minute (the sheet: five), the rest around it."""
    found, count, away = Found(), 60 if is_quick else 5000, 2.0 if is_quick else 60.0
    with open_field(seed=4) as field:
        crowds = (
            field.send(count // 4, seconds=away / 2, meanwhile=lambda: _flush(field, times=_FLUSHES, seconds=away / 2)),
            field.send(count // 2, seconds=away, meanwhile=lambda: _take_away(field, seconds=away)),
            field.send(count // 4, seconds=away / 2, meanwhile=lambda: _fill_up(field, seconds=away / 2)),
        )
        took = field.settle()
        found.expect(took <= _DRAIN_SECONDS, f"drained after {took} s, not within {_DRAIN_SECONDS} s")
        found.notes["drain_seconds"] = took
        found.note_waits([wait for crowd in crowds for _, _, wait in crowd.answers], most=_MOST_WAIT)
        return field.judge(found, crowds=crowds)


def hang_queue(*, is_quick: bool) -> Found:
    """F05. It takes connections and never answers."""
    found, count, seconds = Found(), 40 if is_quick else 1500, 2.0 if is_quick else 30.0
    with open_field(seed=5) as field:

        def hang() -> None:
            pid = field.find_queue()
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)

        crowd = field.send(count, seconds=seconds, meanwhile=hang)
        refused = sum(status >= 500 for _, status, _ in crowd.answers)
        found.expect(not refused, f"{refused} answers of 5xx")
        found.note_waits([wait for _, _, wait in crowd.answers], most=_MOST_WAIT_HUNG)
        found.notes["drain_seconds"] = field.settle()
        return field.judge(found, crowds=(crowd,))
