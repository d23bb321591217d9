"""F15: deliveries that kill, hang or starve whoever decides them.

`python -m tests.faults.poison` is `python -m workers` with the poison put into one function, which knows nothing of it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, text

from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.tables.entries import MOST_ATTEMPTS
from tests.bench.grounds import environment, open_ground
from tests.factories.households import SCENARIOS, Household, open_household
from tests.faults.found import Found
from tests.journeys.station import wait_for

_BASE = SCENARIOS["base_answers"]
_MARK = "dem_group"
_HANG_SECONDS = 2.0
"""What a decision may take here; in service it is longer, and so would be this experiment."""
_END_SECONDS = 600.0


def _raise() -> None:
    raise RuntimeError("poison")


def _exhaust() -> None:
    raise MemoryError


def _leave() -> None:
    os._exit(0)


def _loop() -> None:
    while True:
        pass


def _allocate() -> None:
    bytearray(2_000_000_000)


def _break() -> None:
    ctypes.string_at(0)


KINDS: dict[str, Callable[[], None]] = {
    "raises": _raise,
    "memory error": _exhaust,
    "os._exit": _leave,
    "infinite loop": _loop,
    "2 GB": _allocate,
    "segfault": _break,
}


_STARVED = 2
"""Of them those that want more memory than there is."""


def _work_poisoned() -> int:
    from workers import settle
    from workers.__main__ import main

    real = settle.decide
    marks = {f"poison-{number}": act for number, act in enumerate(KINDS.values())}

    def decide(raw: Any, *rest: Any, **named: Any) -> Any:
        for value in raw.values():
            if isinstance(value, str) and value in marks:
                marks[value]()
        return real(raw, *rest, **named)

    settle.decide = decide
    settle.DECIDE_SECONDS = _HANG_SECONDS
    return main(())


@contextmanager
def _crew(settings: Settings) -> Iterator[None]:
    """Poisoned workers, started again when they end, and a clock."""
    log = settings.home.with_name("poison.log").open("ab")
    commands = (["tests.faults.poison"], ["workers", "clock"])
    running = [
        subprocess.Popen([sys.executable, "-m", *one], env=environment(settings), stdout=log, stderr=log)
        for one in commands
    ]
    try:
        yield
    finally:
        for one in running:
            one.send_signal(signal.SIGTERM)
            one.wait(timeout=60)
        log.close()


def _count(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def _p95(engine: Engine) -> float:
    """Seconds from receipt to settled."""
    query = (
        "SELECT coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM settled_at - received_at)), "
        "0) FROM entries WHERE state = 'settled'"
    )
    with engine.connect() as connection:
        return round(float(connection.execute(text(query)).scalar_one()), 2)


def _send(household: Household, count: int, *, poisoned: bool) -> int:
    """Neighbours, and one of each poison among them; returns how many neighbours."""
    for number in range(count):
        household.post(_BASE)
        if poisoned and number < len(KINDS):
            household.post({**_BASE, _MARK: f"poison-{number}"}, root=str(uuid4()))
        time.sleep(0.05)
    return count


def send_poison(*, is_quick: bool) -> Found:
    """F15. One of each kind among neighbours."""
    found, each = Found(), 20 if is_quick else 200
    with open_ground() as settings:
        engine = open_engine(settings.database_url)
        household = open_household(settings, engine)
        with _crew(settings):
            neighbours = _send(household, each, poisoned=False)
            wait_for("the well ones", lambda: _count(engine, _SETTLED) == neighbours, seconds=120)
            found.notes["p95_before"] = _p95(engine)
            neighbours += _send(household, each, poisoned=True)
            wait_for("the neighbours", lambda: _count(engine, _SETTLED) == neighbours, seconds=_END_SECONDS)
            found.notes["p95_with_poison"] = _p95(engine)
            wait_for("the poison to be held", lambda: _count(engine, _HELD) == len(KINDS), seconds=_END_SECONDS)
            again = household.post(_BASE)
            wait_for("one more", lambda: _count(engine, _SETTLED) == neighbours + 1, seconds=60)
            assert again
        starved = _count(engine, "SELECT count(*) FROM entries WHERE reason = 'out_of_memory' AND attempts = 3")
        found.expect(starved == _STARVED, f"{starved} are held for the memory that they wanted")
        most = _count(engine, "SELECT max(attempts) FROM entries WHERE state = 'held'")
        found.notes["attempts"] = most
        found.expect(most <= MOST_ATTEMPTS + 1, f"{most} attempts")
        found.n = neighbours + 1 + len(KINDS)
        found.lost = neighbours + 1 - _count(engine, "SELECT count(*) FROM submissions")
        found.expect(
            _count(engine, "SELECT count(*) FROM entries WHERE state = 'untouched'") == 0, "some wait for ever"
        )
        household.hands.engine.dispose()
        engine.dispose()
    return found


_UNTOUCHED = "SELECT count(*) FROM entries WHERE state = 'untouched'"
_SETTLED = "SELECT count(*) FROM entries WHERE state = 'settled'"
_HELD = "SELECT count(*) FROM entries WHERE state = 'held' AND reason IN ('failing', 'out_of_memory')"

if __name__ == "__main__":
    sys.exit(_work_poisoned())
