"""Homes for tests: short paths, so that sockets fit, and processes that are looked at from outside."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pimcollect.embedded import start_servers
from pimcollect.home import Place, lock_home, open_home, settle_in
from pimcollect.supervision import Supervisor


@contextmanager
def new_home() -> Iterator[Path]:
    """A new, empty home with a short path; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pim-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "home"


@contextmanager
def running(
    home: Path, *, namespaces: bool | None = None, is_durable: bool = True
) -> Iterator[tuple[Place, Supervisor]]:
    """Both servers of a home, running."""
    open_home(home)
    supervisor = Supervisor()
    with lock_home(home):
        place = settle_in(home, is_durable=is_durable, namespaces=namespaces)
        try:
            start_servers(supervisor, place)
            yield place, supervisor
        finally:
            supervisor.stop()


def wait_for(claim: Callable[[], bool], *, seconds: float, step: float = 0.02) -> float:
    """Wait until the claim holds; returns how long it took, and fails when it takes longer than `seconds`."""
    began = time.monotonic()
    while not claim():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} seconds")
        time.sleep(step)
    return time.monotonic() - began


def read_command(pid: int) -> str:
    """The command line of a process; empty when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def find_processes(*words: str) -> dict[int, str]:
    """Living processes whose command line has all the words (zombies have none)."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    commands = {pid: read_command(pid) for pid in pids}
    return {pid: command for pid, command in commands.items() if command and all(word in command for word in words)}


def find_children(pid: int) -> list[int]:
    """Pids of the children of a process."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(path.name))
    return found
