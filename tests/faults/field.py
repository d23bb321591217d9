"""A whole installation that is sent to while something bad is done to it, and judged afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import psycopg
from redis import Redis

from pimcollect.domain.version import read_version
from tests.bench.bodies import HOUSEHOLD, Sent, make_mixed
from tests.bench.chaos import release
from tests.bench.crowd import CLIENTS, Crowd, Hook
from tests.bench.judge import judge, look_for_canaries
from tests.faults.found import Found
from tests.journeys.mailbox import Mailbox, find_port, open_mailbox
from tests.journeys.station import Station, StationError, wait_for

_SETTLE_SECONDS = 300.0
_TAKEN_SECONDS = 300.0
_STEP = 0.25


@dataclass
class Field:
    """The installation, where to post, deliveries without end, and what was acknowledged so far."""

    station: Station
    hooks: dict[str, Hook]
    mailbox: Mailbox
    deliveries: Iterator[Sent]
    port: int
    acknowledged: dict[str, Sent] = field(default_factory=dict)
    data: Path = Path()
    """PostgreSQL's folder."""

    def make(self, count: int) -> list[Sent]:
        """So many new deliveries: households by hook and phone, and the adopted form."""
        return list(islice(self.deliveries, count))

    def send(
        self,
        sent: int | Sequence[Sent],
        *,
        seconds: float = 0.0,
        clients: int = CLIENTS,
        meanwhile: Callable[[], None] | None = None,
    ) -> Crowd:
        """Send these, or so many new ones, evenly over `seconds`, while `meanwhile` is done here; returns when all
        were taken."""
        crowd = Crowd(self.make(sent) if isinstance(sent, int) else sent, self.hooks, clients=clients)
        crowd.start()
        pacing = threading.Thread(target=_pace, args=(crowd, seconds), daemon=True)
        pacing.start()
        try:
            if meanwhile is not None:
                meanwhile()
            pacing.join()
            wait_for("everything to be acknowledged", lambda: crowd.is_done, seconds=_TAKEN_SECONDS)
        finally:
            crowd.allow(1)
            crowd.stop()
        self.acknowledged |= crowd.acknowledged
        return crowd

    def settle(self, *, seconds: float = _SETTLE_SECONDS) -> float:
        """Wait until nothing is left to do; returns how long the inbox took."""
        began = time.monotonic()
        self.station.wait_until_settled(seconds=seconds)
        took = time.monotonic() - began
        query = "SELECT count(*) FROM notices WHERE state = 'waiting'"
        wait_for("the notices to be sent", lambda: self.station.query(query) == [(0,)], seconds=_SETTLE_SECONDS)
        return round(took, 1)

    def judge(self, found: Found, *, crowds: tuple[Crowd, ...] = (), are_mails_searched: bool = True) -> Found:
        """Compare what was acknowledged with what is there, and the answers with what is allowed."""
        verdict = judge(self.station, self.acknowledged)
        if are_mails_searched:
            look_for_canaries(self.station, mails=self.mailbox.raw, verdict=verdict)
        found.n += len(self.acknowledged)
        found.lost += verdict.lost
        found.dup += verdict.duplicated
        found.violations += verdict.others
        for crowd in crowds:
            odd = {status: count for status, count in crowd.statuses.items() if status not in (201, 202, 503)}
            found.expect(not odd, f"answers other than 201, 202 and 503: {odd}")
            found.expect(not crowd.silent_503, f"{crowd.silent_503} times 503 without Retry-After")
        return found

    def open_queue(self) -> Redis:
        """A connection to the queue."""
        return Redis.from_url(self.station.redis_url, socket_timeout=10)

    def find_queue(self) -> int:
        """Pid of the queue's server."""
        with contextlib.closing(self.open_queue()) as queue:
            return int(queue.info("server")["process_id"])

    def find_postmaster(self) -> int:
        """Pid of the database's first process."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def wait_for_database(self) -> None:
        """Until the database answers."""

        def answers() -> bool:
            with contextlib.suppress(psycopg.Error, StationError):
                return bool(self.station.query("SELECT 1"))
            return False

        wait_for("the database", answers, seconds=90)

    def wait_for_queue(self) -> None:
        """Until the queue answers."""

        def answers() -> bool:
            with contextlib.suppress(Exception), contextlib.closing(self.open_queue()) as queue:
                return bool(queue.ping())
            return False

        wait_for("the queue", answers, seconds=60)

    def cut_power(self) -> None:
        """Signal 9 to everything at once, the supervisor first, and wait until all are gone."""
        assert self.station.process is not None
        pids = self.station.list_processes()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.station.process.wait()
        wait_for("everything to be dead", lambda: not any(_is_alive(pid) for pid in pids), seconds=30)

    def start_again(self) -> float:
        """Start on the same address; returns the seconds until it was ready."""
        began = time.monotonic()
        self.station.start(port=self.port)
        return time.monotonic() - began


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _pace(crowd: Crowd, seconds: float) -> None:
    began = time.monotonic()
    while (gone := time.monotonic() - began) < seconds:
        crowd.allow(gone / seconds)
        time.sleep(_STEP)
    crowd.allow(1)


@contextmanager
def open_field(
    *, seed: int = 1, home: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Field]:
    """An installation with both forms, hooks, a phone and a mail server, for as long as the block."""
    with ExitStack() as stack:
        # a short path: sockets stand inside
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pim-", ignore_cleanup_errors=True)))
        mailbox, port = stack.enter_context(open_mailbox()), find_port()
        own = {"PIMCOLLECT_SMTP_URL": mailbox.smtp_url, **(settings or {})}
        station = Station(home or folder / "home", log=folder / "said.log", settings=own)
        station.start(port=port)
        stack.callback(_end, station)
        hooks = release(station, folder / "forms")
        version = read_version(json.loads((folder / "forms" / f"{HOUSEHOLD}.version.json").read_text()))
        deliveries = make_mixed(version, seed=seed, phones=0.5)
        field = Field(station, hooks, mailbox, deliveries, port, data=station.flush_to_files())
        try:
            yield field
        except StationError as error:
            raise StationError(f"{error}; it said: {station.read_log()[-1500:]}") from None


def _end(station: Station) -> None:
    with contextlib.suppress(StationError):
        station.stop()
    station.kill()
