"""Keeps children alive: starts them in order, restarts what died, gives up on what cannot live, stops in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

from pimcollect.errors import ErrorCode, PimError
from pimcollect.launch import CANNOT_EXECUTE, die_with_parent

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MISCONFIGURED = 2
"""Exit status of a child that would fail in the same way again: a setting is wrong, a port is taken."""
_MISTAKES = (MISCONFIGURED, CANNOT_EXECUTE)
_LIVED = 1.0
"""Seconds after which a death counts as bad luck and not as a child that cannot live."""
_MOST_QUICK_DEATHS, _MOST_QUICK_MISTAKES = 12, 3
_LONGEST_PAUSE = 1.5
_WATCH_SECONDS = 0.2
_READY_STEP = 0.02


def say(sentence: str) -> None:
    """One line for the person at the terminal, on stderr; never with anything of a delivery in it."""
    sys.stderr.write(f"pimcollect: {sentence}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Child:
    """A child to keep alive. Frozen: what is running is the Supervisor's business."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    is_ready: Callable[[subprocess.Popen[bytes]], bool] = lambda _process: True
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    ready_seconds: float = 60.0
    stops_first: bool = False
    """Stopped before the others, whenever it was started: what takes things in goes before what works them off."""


@dataclass
class Patience:
    """How often in a row a child died at once, and how long to wait before its next life."""

    quick_deaths: int = 0
    next_at: float = 0.0

    def note_death(self, *, lived: float) -> None:
        """A first death costs no wait; quick ones in a row wait longer each time."""
        self.quick_deaths = self.quick_deaths + 1 if lived < _LIVED else 0
        pause = 0.0 if self.quick_deaths <= 1 else min(0.05 * 2**self.quick_deaths, _LONGEST_PAUSE)
        self.next_at = time.monotonic() + pause

    @property
    def is_over(self) -> bool:
        """True when it makes no sense to try again."""
        return self.quick_deaths >= _MOST_QUICK_DEATHS


def explain_exit(status: int) -> str:
    """An exit status of `subprocess` in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def give_up(name: str, status: int) -> PimError:
    """The error for a child that cannot live."""
    return PimError(
        ErrorCode.NOT_POSSIBLE_NOW,
        f"{name} {explain_exit(status)} again and again.",
        remedy="The lines above, or the folder logs in the home folder, say why.",
    )


@dataclass
class _Life:
    child: Child
    process: subprocess.Popen[bytes]
    since: float
    patience: Patience = field(default_factory=Patience)
    is_down: bool = False


class Supervisor:
    """Holds running children, in the order in which they were started."""

    def __init__(self) -> None:
        self._lives: list[_Life] = []

    def start(self, child: Child, *, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Start a child and wait until it is ready; children that are up already are watched meanwhile.

        A child that dies before it is ready is tried again with growing pauses. Raises PimError when it gives up.
        """
        life = _Life(child, child.start(), time.monotonic())
        self._lives.append(life)
        end = time.monotonic() + child.ready_seconds
        while not should_stop():
            status = life.process.poll()
            if status in _MISTAKES:
                raise PimError(ErrorCode.NOT_POSSIBLE_NOW, f"{child.name} cannot start; the line above says why.")
            if status is None and child.is_ready(life.process):
                return
            if time.monotonic() > end:
                raise PimError(
                    ErrorCode.NOT_POSSIBLE_NOW,
                    f"{child.name} was not ready after {child.ready_seconds:.0f} seconds.",
                    remedy="The folder logs in the home folder may say why; a very busy machine may be the reason.",
                )
            self.watch()
            time.sleep(_READY_STEP)

    def watch(self) -> None:
        """Look once at every child and restart what died. Raises PimError when one cannot live."""
        now = time.monotonic()
        for life in self._lives:
            status = life.process.poll()
            if status is None:
                continue
            if not life.is_down:
                life.is_down = True
                life.patience.note_death(lived=now - life.since)
                say(f"{life.child.name} {explain_exit(status)}; starting it again")
                if life.patience.is_over:
                    raise give_up(life.child.name, status)
            if now >= life.patience.next_at:
                life.process, life.since, life.is_down = life.child.start(), time.monotonic(), False

    def watch_until(self, should_stop: Callable[[], bool]) -> None:
        """Watch until told to stop."""
        while not should_stop():
            self.watch()
            time.sleep(_WATCH_SECONDS)

    def stop(self) -> None:
        """Stop the children, last started first, each with its own signal; kill one that takes too long."""
        order = list(reversed(self._lives))
        order.sort(key=lambda life: not life.child.stops_first)
        for life in order:
            if life.process.poll() is None:
                life.process.send_signal(life.child.stop_signal)
                try:
                    life.process.wait(timeout=life.child.stop_seconds)
                except subprocess.TimeoutExpired:
                    say(f"{life.child.name} did not stop in {life.child.stop_seconds:.0f} seconds and is killed")
                    life.process.kill()
                    life.process.wait()
        self._lives.clear()


class Stop:
    """Becomes true with the first stop signal."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        """True when a stop signal came."""
        return self.asked

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


@contextlib.contextmanager
def stop_signals() -> Iterator[Stop]:
    """Listen for SIGTERM, SIGINT and SIGHUP for as long as the block runs. Main thread only."""
    stop = Stop()
    before = {number: signal.signal(number, stop._hear) for number in STOP_SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Fork:
    pid: int
    since: float
    patience: Patience = field(default_factory=Patience)


def keep_forked(
    children: dict[str, Callable[[], None]],
    *,
    stop_seconds: float = 10.0,
    before_stop: Callable[[], None] = lambda: None,
) -> None:
    """Fork one child for each function and keep them alive until a stop signal comes; then call `before_stop`, stop
    the children and reap them.

    A fork of a process that has imported everything is there again within milliseconds. The functions must not
    return while there is work; one that returns (recycled) or dies is started anew. Raises PimError when one
    cannot live. The caller must have no threads and no open connections.
    """
    with stop_signals() as stop:
        running = {name: _Fork(_fork(run), time.monotonic()) for name, run in children.items()}
        try:
            while not stop():
                for name, fork in running.items():
                    _look_after(name, fork, children[name])
                time.sleep(0.05)
        finally:
            before_stop()
            _stop_forks(running, seconds=stop_seconds)


def _fork(run: Callable[[], None]) -> int:
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        # Ctrl-C and killpg reach the parent, which stops its children in order
        os.setpgid(0, 0)
        die_with_parent(parent, signal.SIGTERM)
        run()
        status = 0
    except PimError as error:
        say(f"error: {error}")
        status = MISCONFIGURED
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        say(f"a child ended with {type(error).__name__}")
    finally:
        os._exit(status)


def run_forked(run: Callable[[], None]) -> bool:
    """Run a function in a forked process and wait for it; True when it returned without an error."""
    _, status = os.waitpid(_fork(run), 0)
    return os.waitstatus_to_exitcode(status) == 0


def _look_after(name: str, fork: _Fork, run: Callable[[], None]) -> None:
    now = time.monotonic()
    if fork.pid:
        pid, status = os.waitpid(fork.pid, os.WNOHANG)
        if not pid:
            return
        code = os.waitstatus_to_exitcode(status)
        fork.pid = 0
        fork.patience.note_death(lived=now - fork.since)
        if code != 0:
            say(f"{name} {explain_exit(code)}; starting it again")
        is_mistake = code == MISCONFIGURED and fork.patience.quick_deaths >= _MOST_QUICK_MISTAKES
        if fork.patience.is_over or is_mistake:
            raise give_up(name, code)
    if now >= fork.patience.next_at:
        fork.pid, fork.since = _fork(run), now


def _stop_forks(running: dict[str, _Fork], *, seconds: float) -> None:
    left = {fork.pid for fork in running.values() if fork.pid}
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    while left:
        left = {pid for pid in left if os.waitpid(pid, os.WNOHANG)[0] == 0}
        if left and time.monotonic() > end:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            end = float("inf")
        time.sleep(0.01)
