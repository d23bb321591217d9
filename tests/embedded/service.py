"""A whole `pimcollect up` for tests, as a person would start it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.embedded.places import find_children, read_command, wait_for

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass
class Service:
    """A running service: its process, what it printed, and where it answers."""

    home: Path
    process: subprocess.Popen[str]
    printed: list[str] = field(default_factory=list)
    ready_after: float = 0.0

    @property
    def host(self) -> str:
        """host:port of the service."""
        return urlsplit(self.printed[-1].split()[1]).netloc

    def ask(self, path: str = "/healthz", *, seconds: float = 5.0) -> int:
        """Status of a GET; 0 when nobody answers."""
        connection = http.client.HTTPConnection(self.host, timeout=seconds)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def find_child(self, *words: str) -> int:
        """Pid of the child of the supervisor whose command line has all the words."""
        found = [pid for pid in find_children(self.process.pid) if all(word in read_command(pid) for word in words)]
        assert len(found) == 1, words
        return found[0]

    def find_all(self) -> list[int]:
        """The supervisor and everything below it."""
        found, todo = [], [self.process.pid]
        while todo:
            found.append(todo.pop())
            todo += find_children(found[-1])
        return found

    def stop(self) -> float:
        """SIGTERM, and how long it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=40)
        return time.monotonic() - began


def environment(**more: str) -> dict[str, str]:
    """An environment without any setting of ours, but `more`."""
    return {name: value for name, value in os.environ.items() if name in _KEPT} | more


def command(*arguments: str) -> list[str]:
    """The command `pimcollect` with this Python."""
    return [sys.executable, "-m", "pimcollect", *arguments]


NOBODY: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": ()}
"""Arguments of subprocess: as an account without any right."""


def start(home: Path, *arguments: str, as_nobody: bool = False, **env: str) -> Service:
    """Start `pimcollect up` and wait for READY (or for its end)."""
    began = time.monotonic()
    with (home.parent / "stderr.txt").open("ab") as said:
        process = subprocess.Popen(
            command("up", "--home", str(home), *(arguments or ("--port", "0"))),
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=environment(**env),
            process_group=0,
            **(NOBODY if as_nobody else {}),
        )
    service = Service(home, process)
    assert process.stdout is not None
    for line in process.stdout:
        service.printed.append(line.strip())
        if line.startswith("READY "):
            break
    service.ready_after = time.monotonic() - began
    return service


@contextmanager
def up(home: Path, *arguments: str, as_nobody: bool = False, **env: str) -> Iterator[Service]:
    """A service that runs for as long as the block."""
    service = start(home, *arguments, as_nobody=as_nobody, **env)
    try:
        yield service
    finally:
        pids = service.find_all() if service.process.poll() is None else []
        service.stop()
        if service.process.stdout is not None:
            service.process.stdout.close()
        wait_for(lambda: not any(read_command(pid) for pid in pids), seconds=5)
