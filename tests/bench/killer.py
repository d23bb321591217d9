"""Kills processes of a service at random moments and empties its queue, as bad days do. Repeatable by its seed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

WEB_PARENT, WEB, WORKERS, WORKER_CHILD, CLOCK = "web parent", "web", "workers", "worker's child", "clock"
_WEIGHTS = {WEB_PARENT: 1, WEB: 4, WORKERS: 3, WORKER_CHILD: 5, CLOCK: 1}
_AT_WORK_SECONDS = 0.5
"""How long a victim is watched for a sign of work; killed in the middle of nothing it would prove nothing."""
_TICK = 0.002


@dataclass(frozen=True)
class Process:
    """A running process: who started it, and its command line without the interpreter and its options."""

    pid: int
    parent: int
    words: tuple[str, ...]


def _read(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return None
    after = words.index("-m") + 1 if "-m" in words else 0
    return Process(pid, int(stat.rpartition(")")[2].split()[1]), tuple(word for word in words[after:] if word))


def list_below(supervisor: int) -> list[Process]:
    """Everything below one process, parents before children; nothing else on the machine is ever looked at twice."""
    everybody = [found for name in os.listdir("/proc") if name.isdigit() and (found := _read(int(name)))]
    below: list[Process] = []
    parents = {supervisor}
    while children := [one for one in everybody if one.parent in parents]:
        below += children
        parents = {one.pid for one in children}
    return below


_ROLES = {
    ("pimcollect", "web"): WEB_PARENT,
    ("tests.bench.naive", "web"): WEB_PARENT,
    ("workers",): WORKERS,
    ("tests.bench.naive", "worker"): WORKERS,
    ("workers", "clock"): CLOCK,
}
_CHILDREN = {WEB_PARENT: WEB, WORKERS: WORKER_CHILD}


def find_victims(supervisor: int) -> dict[str, list[int]]:
    """Pids by role. PostgreSQL, Valkey and the supervisor itself have none: they are spared."""
    roles: dict[int, str] = {}
    victims: dict[str, list[int]] = {role: [] for role in _WEIGHTS}
    for one in list_below(supervisor):
        is_child = one.parent == supervisor
        role = _ROLES.get(one.words) if is_child else _CHILDREN.get(roles.get(one.parent, ""))
        if role is not None:
            roles[one.pid] = role
            victims[role].append(one.pid)
    return victims


def _worked(pid: int) -> int:
    """How often a process gave up the processor to wait for something: each piece of work raises it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    return 0


class Killer:
    """Chooses victims and moments by a seed; what was done is counted."""

    def __init__(self, supervisor: int, redis_url: str, *, seed: int) -> None:
        self._supervisor = supervisor
        self._redis_url = redis_url
        self._chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.kills: Counter[str] = Counter()
        self.flushes = 0

    def plan(self, *, kills: int, seconds: float) -> Iterator[float]:
        """Moments in seconds from the start, in order: one for each kill."""
        yield from sorted(self._chance.uniform(0.05, 1.0) * seconds for _ in range(kills))

    def kill_one(self) -> bool:
        """Kill one process with signal 9. False when there was none to kill just now."""
        victims = {role: pids for role, pids in find_victims(self._supervisor).items() if pids}
        if not victims:
            return False
        role = self._chance.choices(list(victims), weights=[_WEIGHTS[role] for role in victims])[0]
        return self._kill(role, victims[role])

    def kill_of(self, role: str) -> bool:
        """Kill one process of a role."""
        pids = find_victims(self._supervisor)[role]
        return bool(pids) and self._kill(role, pids)

    def _kill(self, role: str, pids: Sequence[int]) -> bool:
        try:
            pid = self._choose_at_work(pids)
            os.kill(pid, signal.SIGKILL)
        except (OSError, ValueError):
            return False
        self.kills[role] += 1
        return True

    def _choose_at_work(self, pids: Sequence[int]) -> int:
        """The first of them that is seen working, a random moment into its work; any of them when none is."""
        before = {pid: _worked(pid) for pid in pids}
        until = time.monotonic() + _AT_WORK_SECONDS
        while time.monotonic() < until:
            for pid in pids:
                if _worked(pid) > before[pid] + 2:
                    time.sleep(self._chance.uniform(0, 0.03))
                    return pid
            time.sleep(_TICK)
        return self._chance.choice(list(pids))

    def flush(self) -> None:
        """Empty the whole queue, right after its worker was killed: it is not empty then."""
        self.kill_of(WORKERS)
        time.sleep(self._chance.uniform(0.1, 0.4))
        with contextlib.closing(Redis.from_url(self._redis_url, socket_timeout=5)) as connection:
            for _ in range(20):
                try:
                    connection.flushall()
                except RedisError:
                    time.sleep(0.1)
                else:
                    self.flushes += 1
                    return
