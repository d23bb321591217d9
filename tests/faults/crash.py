"""Processes that die by signal 9 at a named place of our code, which knows nothing of it.

`python -m tests.faults.crash` is a nursery: it has everything imported and forks one child for each line that it reads.
The child puts its own death into one function, does what it is told, and usually does not live to the end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from types import TracebackType
from typing import Any

from pimcollect.config import Settings, read_settings
from tests.bench.grounds import environment

_RINGER_SECONDS = 2.0
"""The bell rings from a thread of its own: so long a child waits for a death there."""


@dataclass(frozen=True)
class Point:
    """A place to die: before or after a call of a function, on its n-th call with an argument of that name."""

    where: str = ""
    """`module:name` or `module:Class.name`; empty = nowhere."""
    is_before: bool = True
    only: str = ""
    """Counts only calls that have a class of this name among their arguments."""
    nth: int = 1
    way: int = int(signal.SIGKILL)
    """SIGSTOP instead: the child stands still there until it is told to go on."""


@dataclass(frozen=True)
class Post:
    """A request to one of the doors."""

    door: str
    path: str
    body: str
    """Latin-1."""
    headers: dict[str, str]


def plant(point: Point) -> None:
    """Put the death into this process."""
    if not point.where:
        return
    module, _, path = point.where.partition(":")
    owner: Any = import_module(module)
    *classes, name = path.split(".")
    for one in classes:
        owner = getattr(owner, one)
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def deadly(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        counts = not point.only or any(getattr(one, "__name__", "") == point.only for one in arguments)
        calls += counts
        is_here = counts and calls == point.nth
        if is_here and point.is_before:
            os.kill(os.getpid(), point.way)
        result = real(*arguments, **named)
        if is_here and not point.is_before:
            os.kill(os.getpid(), point.way)
        return result

    setattr(owner, name, deadly)


def _post(settings: Settings, request: Post) -> None:
    """One request to a door as the web process builds it: puts of the hooks' door commit by themselves."""
    from pimcollect.db import open_engine
    from tests.factories.door import make_app
    from tests.factories.phones import make_phone_app

    engine = open_engine(settings.database_url, pool_size=2)
    puts = open_engine(settings.database_url, pool_size=2, is_autocommit=True)
    make = make_phone_app if request.door == "phones" else make_app
    answer = (
        make(settings, engine, puts=puts)
        .test_client()
        .post(request.path, data=request.body.encode("latin-1"), headers=request.headers)
    )
    if answer.status_code not in (201, 202):
        raise SystemExit(answer.status_code % 256)


def _run(settings: Settings, verb: str, request: dict[str, Any] | None) -> None:
    from workers.hands import hands
    from workers.notices import send_due
    from workers.settle import settle_waiting

    if verb == "settle":
        settle_waiting(hands())
    elif verb == "send":
        send_due(hands())
    elif request is not None:
        _post(settings, Post(**request))


def _live(settings: Settings, order: dict[str, Any]) -> None:
    """A child's whole life."""
    status = 1
    try:
        point = Point(**order["point"])
        plant(point)
        _run(settings, order["verb"], order["request"])
        if point.where and order["verb"] == "post":
            time.sleep(_RINGER_SECONDS)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    finally:
        os._exit(status)


def _keep_nursery() -> None:
    from sqlalchemy import text

    from workers.hands import hands

    settings = read_settings()
    own = hands()
    with own.sessions() as session:  # versions are prepared once, for all children
        for form in session.scalars(text("SELECT id FROM forms")).all():
            own.find_versions(session, form)
    own.engine.dispose()
    for module in ("webhooks.routes", "webhooks.openrosa.submission", "tests.factories.door", "tests.factories.phones"):
        import_module(module)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _live(settings, order)
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            sys.stdout.write(f"stopped {pid}\n")
            sys.stdout.flush()
            sys.stdin.readline()  # whatever comes: go on
            os.kill(pid, signal.SIGCONT)
            _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"ended {os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


class Nursery:
    """A nursery as a child process, from the side of who uses it."""

    def __init__(self, settings: Settings, **more: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.crash"],
            env=environment(settings, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._hear() != "ready":
            raise RuntimeError("the nursery did not start")

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def run(self, verb: str, point: Point | None = None, *, request: Post | None = None) -> str:
        """`post`, `settle` or `send` in a fresh process; how it ended: `ended 0`, `ended -9`, `stopped PID`."""
        order = {"verb": verb, "point": asdict(point or Point()), "request": asdict(request) if request else None}
        self._say(json.dumps(order))
        return self._hear()

    def go_on(self) -> str:
        """Let the child that stands still go on; how it ended."""
        self._say("go on")
        return self._hear()


if __name__ == "__main__":
    _keep_nursery()
