"""The PostgreSQL and the Valkey that a laptop runs when none is configured: real servers, our files, local sockets.

Only the programs of the wheels are used. Both listen on unix sockets in a private folder; nothing listens on a port.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from pimcollect import db
from pimcollect.binaries import find_valkey
from pimcollect.config import Settings
from pimcollect.errors import ErrorCode, PimError
from pimcollect.home import (
    ADMIN,
    DATABASE,
    OWNER,
    Place,
    Running,
    find_running,
    lock_home,
    make_private_folder,
    open_home,
    settle_in,
)
from pimcollect.launch import SAME_USER, launch
from pimcollect.supervision import Child, Supervisor

_LONGEST_LOG = 5_000_000
_TURN_SECONDS = 60
"""How long a command waits while another one, or a service that is starting, holds the home."""

_QUIET = {
    # nothing of a row may reach the server's log: no statement, no parameter, no DETAIL, and no ERROR at all,
    # because the first line of a failed cast repeats the value
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
}
_SIZED = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_DURABLE = {"synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"}
_THROW_AWAY = {"synchronous_commit": "off", "fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


_PLAIN_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _log_file(home: Path, name: str) -> int:
    path = home / "logs" / f"{name}.log"
    if path.exists() and path.stat().st_size > _LONGEST_LOG:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def create_cluster(place: Place) -> None:
    """initdb, when there is no database yet: made beside and renamed, so that a kill leaves nothing half made."""
    if (place.data / "PG_VERSION").exists():
        return
    unfinished = place.data.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    make_private_folder(unfinished, place.quarters)
    handed = place.sockets / "first-password"
    handed.unlink(missing_ok=True)
    with os.fdopen(os.open(handed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(place.passwords[ADMIN])
    if ":" in place.quarters.user:
        os.chown(handed, *map(int, place.quarters.user.split(":")))
    command: list[str | Path] = [
        *(place.quarters.programs.folder / "initdb", "-D", unfinished, "-U", ADMIN, "-A", "scram-sha-256"),
        *(f"--pwfile={handed}", "-E", "UTF8", "--no-instructions", *_locale(place)),
        *([] if place.is_durable else ["--no-sync"]),
    ]
    log = _log_file(place.home, "postgres")
    try:
        is_made = launch(command, env=_PLAIN_ENV, user=place.quarters.user, output=log, cwd="/").wait(120) == 0
        if is_made:
            unfinished.rename(place.data)
    except (OSError, subprocess.TimeoutExpired):
        is_made = False
    finally:
        os.close(log)
        handed.unlink(missing_ok=True)
    if not is_made:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"PostgreSQL could not make its data in {place.data}.",
            remedy=f"{place.home / 'logs' / 'postgres.log'} says why; often the disk is full.",
        )


def _locale(place: Place) -> list[str]:
    # the builtin provider came with PostgreSQL 17; an older installed one sorts by bytes
    if place.quarters.programs.wheel:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C"]


def postgres_child(place: Place) -> Child:
    """PostgreSQL as a child to watch. SIGINT is its fast shutdown: it ends sessions and writes a checkpoint."""

    def start() -> subprocess.Popen[bytes]:
        options = {**_SIZED, **_QUIET, **(_DURABLE if place.is_durable else _THROW_AWAY)}
        options["unix_socket_directories"] = str(place.sockets)
        command: list[str | Path] = [place.quarters.programs.folder / "postgres", "-D", place.data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        log = _log_file(place.home, "postgres")
        try:
            return launch(
                command,
                env=_PLAIN_ENV,
                user=place.quarters.user,
                output=log,
                cwd="/",
                death_signal=signal.SIGINT,
            )
        finally:
            os.close(log)

    def is_ready(process: subprocess.Popen[bytes]) -> bool:
        # a stale file of a killed server says "ready" too: believe it only when it names our child
        try:
            lines = (place.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(process.pid) and lines[7].strip() == "ready"

    return Child("postgres", start, is_ready, stop_signal=signal.SIGINT, stop_seconds=30.0)


def valkey_child(place: Place) -> Child:
    """Valkey as a child to watch, with its append-only file."""

    def start() -> subprocess.Popen[bytes]:
        folder = place.home / "valkey"
        command: list[str | Path] = [find_valkey()]
        for name, value in (
            ("port", "0"),
            ("unixsocket", str(place.queue_socket)),
            ("unixsocketperm", "700"),
            ("dir", str(folder)),
            ("appendonly", "yes" if place.is_durable else "no"),
            ("appendfsync", "everysec"),
            ("save", ""),
            ("maxmemory-policy", "noeviction"),
            ("daemonize", "no"),
            ("loglevel", "warning"),
        ):
            command += [f"--{name}", value]
        folder.mkdir(mode=0o700, exist_ok=True)
        place.queue_socket.unlink(missing_ok=True)
        log = _log_file(place.home, "valkey")
        try:
            return launch(command, env=_PLAIN_ENV, user=SAME_USER, output=log, cwd="/")
        finally:
            os.close(log)

    def is_ready(_process: subprocess.Popen[bytes]) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1.0)
                probe.connect(str(place.queue_socket))
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    return Child("valkey", start, is_ready, stop_seconds=10.0)


def start_servers(supervisor: Supervisor, place: Place, *, postgres: bool = True, valkey: bool = True) -> None:
    """Start what is wanted and wait until it answers. On a new home the database and its role are made."""
    if postgres:
        create_cluster(place)
        supervisor.start(postgres_child(place))
        create_database(place)
    if valkey:
        supervisor.start(valkey_child(place))


def create_database(place: Place) -> None:
    """The role and the database that the service works with: an owner of its tables, not a superuser."""
    from psycopg import connect, sql

    with connect(place.admin_url, autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            return
        name, owner = sql.Identifier(DATABASE), sql.Identifier(OWNER)
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
            password = sql.Literal(place.passwords[OWNER])
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(owner, password))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))


@contextmanager
def servers(settings: Settings) -> Iterator[Settings]:
    """The same settings with a database and a queue that answer, for one command.

    What is configured is used as it is. Else the servers of a running `pimcollect up` in this home; else the
    embedded ones are started, with the newest tables, for as long as the block runs.
    """
    if not settings.is_embedded:
        yield settings
        return
    open_home(settings.home)
    with ExitStack() as held:
        running = _find_or_lock(settings.home, held)
        if running is not None:
            found = with_servers(settings, database_url=running.database_url, redis_url=running.redis_url)
            yield replace(found, public_url=settings.public_url or running.address)
            return
        supervisor = Supervisor()
        held.callback(supervisor.stop)
        place = settle_in(settings.home, needs_postgres=not settings.database_url)
        start_servers(supervisor, place, postgres=not settings.database_url, valkey=not settings.redis_url)
        found = with_servers(settings, database_url=place.database_url(), redis_url=place.redis_url)
        if not settings.database_url:
            db.migrate(found.database_url)
        yield found


def _find_or_lock(home: Path, held: ExitStack) -> Running | None:
    """The running service of this home, or None with the home locked until `held` closes.

    While the service is still starting, or another command has the home for itself, this one waits its turn.
    """
    ends = time.monotonic() + _TURN_SECONDS
    while True:
        running = find_running(home)
        if running is not None:
            return running
        try:
            held.enter_context(lock_home(home))
        except PimError:
            if time.monotonic() > ends:
                raise
        else:
            return None


def with_servers(settings: Settings, *, database_url: str, redis_url: str) -> Settings:
    """The settings, with these addresses where none was configured."""
    return replace(
        settings,
        database_url=settings.database_url or database_url,
        redis_url=settings.redis_url or redis_url,
    )
