"""A whole installation for a journey: `pimcollect up` in its own home, its commands, and posts as Kobo makes them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import requests
from psycopg.conninfo import make_conninfo

from pimcollect.home import ADMIN, find_running
from tests.factories import kobo

PROGRAM = Path(sys.executable).parent / "pimcollect"
START_SECONDS = 180.0
STOP_SECONDS = 60.0
SETTLE_SECONDS = 60.0


class StationError(RuntimeError):
    """The installation did not do what it should; the text says which step."""


def wait_for(what: str, check: Callable[[], Any], *, seconds: float) -> Any:
    """The first true value of `check`. Raises StationError that names what was waited for."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := check():
            return found
        time.sleep(0.1)
    raise StationError(f"waited {seconds:.0f} seconds for {what}")


class Station:
    """`pimcollect up` as a child process, with what is needed to talk to it."""

    COMMAND: ClassVar[tuple[str, ...]] = (str(PROGRAM), "up")

    def __init__(self, home: Path, *, log: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.url = ""
        self.log = log or home.with_name(home.name + ".log")
        own = ("DATABASE_URL", "REDIS_URL")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in own and not name.startswith(("PIMCOLLECT_", "COV_", "COVERAGE_"))
        }
        self.environ = {**inherited, "PIMCOLLECT_HOME": str(home), **(settings or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, port: int = 0) -> None:
        """Start and wait until it is ready; port 0 = any. Raises StationError with the end of its output."""
        command = [*self.COMMAND, "--home", str(self.home), "--port", str(port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            wait_for("pimcollect up to be ready", self._is_ready, seconds=START_SECONDS)
        except StationError as error:
            self.kill()
            raise StationError(f"{error}; it said: {self.read_log()[-2000:]}") from None

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise StationError(f"pimcollect up ended with {self.process.returncode}")
        running = find_running(self.home)
        if running is None or running.pid != self.process.pid:
            return False
        self.url = running.address
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def stop(self) -> int:
        """Ctrl-C, and the exit code. Raises StationError when it does not end."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise StationError("pimcollect up did not stop after Ctrl-C") from None
        finally:
            self.process = None

    def kill(self) -> None:
        """The end, at once, if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=STOP_SECONDS)

    def list_processes(self) -> list[int]:
        """Pids of `up` and everything below it (Linux only)."""
        assert self.process is not None
        parents = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def read_log(self) -> str:
        """What `up` printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def run(self, *words: str, may_fail: bool = False) -> subprocess.CompletedProcess[str]:
        """One command of pimcollect in this home. Raises StationError when it fails, unless it may."""
        done = subprocess.run(
            [str(PROGRAM), *words], env=self.environ, capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode != 0 and not may_fail:
            raise StationError(f"`pimcollect {' '.join(words)}` failed: {(done.stderr or done.stdout).strip()[-1500:]}")
        return done

    def read(self, *words: str) -> Any:
        """What a command says with --json."""
        return json.loads(self.run(*words, "--json").stdout)

    def post(self, hook: Mapping[str, Any], body: bytes, *, kind: str = "json") -> requests.Response:
        """Send a body to an opened hook, as a Kobo server does."""
        headers = {**kobo.write_headers(kind), **hook["headers"]}
        address = f"{self.url}/webhooks/{str(hook['url']).rsplit('/', 1)[-1]}"
        return requests.post(address, data=body, headers=headers, timeout=30, allow_redirects=False)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the station's own database."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    @property
    def database_url(self) -> str:
        """The address of its database, while it runs."""
        running = find_running(self.home)
        if running is None:
            raise StationError(f"nothing runs in {self.home}")
        return running.database_url.replace("postgresql+psycopg://", "postgresql://")

    @property
    def admin_url(self) -> str:
        """Its database as the role that may read everything, PostgreSQL's own tables too."""
        passwords = json.loads((self.home / "postgres.secret").read_text())
        return make_conninfo(self.database_url, user=ADMIN, password=passwords[ADMIN])

    def flush_to_files(self) -> Path:
        """Have the embedded PostgreSQL write all it holds in memory to its files; returns their folder."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        return Path(row[0])

    @property
    def redis_url(self) -> str:
        """The address of its queue, while it runs."""
        running = find_running(self.home)
        if running is None:
            raise StationError(f"nothing runs in {self.home}")
        return running.redis_url

    def wait_until_settled(self, *, seconds: float = SETTLE_SECONDS) -> None:
        """Until nothing in the inbox is untouched."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:

            def is_settled() -> bool:
                row = connection.execute("SELECT count(*) FROM entries WHERE state = 'untouched'").fetchone()
                return row is not None and row[0] == 0

            wait_for("the inbox to be settled", is_settled, seconds=seconds)


@contextmanager
def open_station(
    home: Path, *, port: int = 0, log: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Station]:
    """A station that runs for as long as the block, and whose clean stop is part of the promise."""
    station = Station(home, log=log, settings=settings)
    station.start(port=port)
    try:
        yield station
    except BaseException:
        with suppress(StationError):
            station.stop()
        raise
    code = station.stop()
    if code != 0:
        raise StationError(f"pimcollect up ended with {code} after Ctrl-C: {station.read_log()[-1500:]}")
