"""Kills processes of a service, empties its queue and restarts its database at random moments, as bad days do.

Repeatable by its seed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

WEB_PARENT, WEB, WORKERS, WORKER_CHILD, CLOCK = "web parent", "web", "workers", "worker's child", "clock"
_WEIGHTS = {WEB_PARENT: 1, WEB: 4, WORKERS: 3, WORKER_CHILD: 6, CLOCK: 1}
_COME_BACK_SECONDS = 30.0
"""How long a victim that was killed before is waited for: on a busy machine it needs seconds to be there again."""
_AT_WORK_SECONDS = 0.5
"""How long a victim is watched for a sign of work; killed in the middle of nothing it would prove nothing."""
_TICK = 0.002
_LATEST_SECONDS = 0.4
"""A victim is chosen at a random moment up to so long after a burst of deliveries began."""
FLUSH, RESTART = "flush", "restart"


class NobodyToKillError(RuntimeError):
    """A process that was killed did not come back."""


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

    def __init__(self, supervisor: int, redis_url: str, *, data: Path, seed: int) -> None:
        """`data` is the data directory of the PostgreSQL that is restarted."""
        self._supervisor = supervisor
        self._postmaster = data / "postmaster.pid"
        self._roles = [role for role, pids in find_victims(supervisor).items() if pids]
        self._redis_url = redis_url
        self._chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.kills: Counter[str] = Counter()
        self.flushes = 0
        self.restarts = 0

    def plan(self, *, kills: int, flushes: int, restarts: int = 0) -> list[str]:
        """What is done, in order: the role of each victim, and FLUSH and RESTART spread over the run."""
        roles = self._chance.choices(self._roles, weights=[_WEIGHTS[role] for role in self._roles], k=kills - flushes)
        for number in range(flushes):
            roles.insert((2 * number + 1) * (kills - flushes) // (2 * flushes) + number, FLUSH)
        for number in range(restarts):
            roles.insert((number + 1) * len(roles) // (restarts + 1), RESTART)
        return roles

    def do(self, step: str) -> None:
        """One step of the plan, some time after it was asked for."""
        time.sleep(self._chance.uniform(0, _LATEST_SECONDS))
        if step == FLUSH:
            self._flush()
        elif step == RESTART:
            self._restart_database()
        else:
            self._kill(step)

    def _find(self, role: str) -> list[int]:
        until = time.monotonic() + _COME_BACK_SECONDS
        while time.monotonic() < until:
            if pids := find_victims(self._supervisor)[role]:
                return pids
            time.sleep(0.05)
        raise NobodyToKillError(f"nobody came back as {role}")

    def _kill(self, role: str) -> None:
        """Kill one process of a role with signal 9; when it is gone already, another one."""
        while True:
            try:
                os.kill(self._choose_at_work(self._find(role)), signal.SIGKILL)
            except OSError:
                continue
            self.kills[role] += 1
            return

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

    def _restart_database(self) -> None:
        """Immediate shutdown: every connection is cut, nothing is tidied; the supervisor starts it again."""
        os.kill(int(self._postmaster.read_text().split()[0]), signal.SIGQUIT)
        self.restarts += 1

    def _flush(self) -> None:
        """Empty the whole queue, right after its worker was killed: it is not empty then."""
        self._kill(WORKERS)
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
