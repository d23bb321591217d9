"""F23, F25 and F28: restarted again and again, with keys that turn over or are away, and running for long."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from pimcollect.vault import read_hands_keys
from tests.bench.killer import CLOCK, WEB, WEB_PARENT, WORKER_CHILD, WORKERS, find_victims
from tests.bench.memory import read_rss
from tests.faults.field import Field, open_field
from tests.faults.found import Found
from tests.journeys.station import wait_for

_RATE = 20
_PARENTS = (WEB_PARENT, WORKERS, CLOCK)
_GROWTH_MB = 8.0
"""What a process may grow in the second half of a soak of minutes; the sheet's 1 MB an hour needs hours."""


def _restart(field: Field, *roles: str) -> None:
    """A polite stop of these; the supervisor starts them again."""
    assert field.station.process is not None
    before = find_victims(field.station.process.pid)
    for role in roles:
        for pid in before[role]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def are_back() -> bool:
        assert field.station.process is not None
        now = find_victims(field.station.process.pid)
        return all(now[role] and not set(now[role]) & set(before[role]) for role in roles)

    wait_for("the restarted to be back", are_back, seconds=60)


def restart_rolling(*, is_quick: bool) -> Found:
    """F23. Web, workers and clock get SIGTERM one after the other under load, and the migration runs meanwhile."""
    found, times = Found(), 1 if is_quick else 10
    with open_field(seed=23) as field:

        def roll() -> None:
            for _ in range(times):
                for role in _PARENTS:
                    _restart(field, role)
                    time.sleep(0.5)
                field.station.run("migrate")

        crowd = field.send(times * 6 * _RATE, seconds=times * 6.0, meanwhile=roll)
        found.note_waits([wait for _, _, wait in crowd.answers])
        found.notes["connections_cut_off"] = crowd.lost_connections - crowd.refused_connections
        refused = crowd.refused_connections
        found.expect(not refused, f"{refused} connections were refused while the door restarted")
        field.settle()
        return field.judge(found, crowds=(crowd,))


def _rotate(field: Field) -> None:
    """A new intake key by the command, while everything runs; the old one goes at once."""
    field.station.run("keys", "rotate")
    old = [key.seal_key.key_id.hex() for key in read_hands_keys(field.station.home / "keys" / "hands.json").intake[1:]]
    for one in old:
        field.station.run("keys", "forget", one, "--yes")


def _hide_keys(field: Field, *, seconds: float) -> None:
    """The private keys are away and the workers are killed: deliveries are taken and wait."""
    path = field.station.home / "keys" / "hands.json"
    path.rename(path.with_suffix(".away"))
    assert field.station.process is not None
    for pid in find_victims(field.station.process.pid)[WORKERS]:
        os.kill(pid, signal.SIGKILL)
    time.sleep(seconds)
    path.with_suffix(".away").rename(path)


def turn_keys(*, is_quick: bool) -> Found:
    """F25. Ten new intake keys under load, each old one forgotten, and private keys that are away for a while."""
    found, times, away = Found(), 1 if is_quick else 10, 1.0 if is_quick else 3.0
    with open_field(seed=25) as field:

        def turn() -> None:
            for _ in range(times):
                _rotate(field)
            _hide_keys(field, seconds=away)

        crowd = field.send(times * 5 * _RATE, seconds=times * 5.0, meanwhile=turn)
        found.note_waits([wait for _, _, wait in crowd.answers])
        field.settle()
        left = len(read_hands_keys(field.station.home / "keys" / "hands.json").intake)
        found.expect(left == 1, f"{left} keys left")
        held = field.station.query("SELECT count(*) FROM entries WHERE reason = 'key_missing'")
        found.expect(held == [(0,)], f"{held} are held for want of a key")
        return field.judge(found, crowds=(crowd,))


def _weigh(field: Field) -> dict[int, tuple[float, int]]:
    """Megabytes and open files of every process that serves or settles."""
    assert field.station.process is not None
    victims = find_victims(field.station.process.pid)
    found = {}
    for pid in (*victims[WEB], *victims[WORKER_CHILD], *victims[CLOCK]):
        with contextlib.suppress(OSError):
            found[pid] = (read_rss(pid), len(os.listdir(f"/proc/{pid}/fd")))
    return found


def _measure_wal(field: Field) -> float:
    return sum(one.stat().st_size for one in (field.data / "pg_wal").iterdir() if one.is_file()) / 1e6


def soak(*, is_quick: bool) -> Found:
    """F28, short: deliveries, emptied queues and restarted databases for minutes; memory, files and log of changes."""
    found, seconds = Found(), 10.0 if is_quick else 300.0
    with open_field(seed=28) as field:
        weights: list[dict[int, tuple[float, int]]] = []

        def trouble() -> None:
            for number in range(10):
                time.sleep(seconds / 10)
                if number % 2:
                    os.kill(field.find_postmaster(), signal.SIGQUIT)
                else:
                    with contextlib.closing(field.open_queue()) as queue:
                        queue.flushall()
                if number in (4, 9):
                    time.sleep(1.0)
                    weights.append(_weigh(field))

        crowd = field.send(int(seconds * _RATE), seconds=seconds, meanwhile=trouble)
        field.wait_for_database()
        field.settle()
        lived = weights[0].keys() & weights[1].keys()
        growth = max((weights[1][pid][0] - weights[0][pid][0] for pid in lived), default=0.0)
        files = max((weights[1][pid][1] - weights[0][pid][1] for pid in lived), default=0)
        found.expect(lived, "no process lived through the second half")
        found.expect(growth <= _GROWTH_MB, f"a process grew by {growth:.1f} MB in the second half")
        found.expect(files <= 3, f"a process has {files} more open files")
        wal = _measure_wal(field)
        found.expect(wal < 1100, f"{wal:.0f} MB of log of changes")
        found.notes |= {"minutes": round(seconds / 60, 1), "growth_mb": round(growth, 1), "more_files": files}
        found.notes |= {"wal_mb": round(wal), "processes": len(lived)}
        found.note_waits([wait for _, _, wait in crowd.answers])
        return field.judge(found, crowds=(crowd,))
