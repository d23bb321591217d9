"""`pimcollect up`: the whole service in one foreground command, on this machine, until Ctrl-C."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import click
from sqlalchemy.orm import Session

from pimcollect import db
from pimcollect.actions.key_marks import check_marks, note_keys, read_fitting_keys, refuse_new_keys
from pimcollect.actions.members import create_first_member
from pimcollect.binaries import find_postgres, find_valkey
from pimcollect.cli.main import home_option
from pimcollect.config import Settings, read_settings
from pimcollect.embedded import start_servers, with_servers
from pimcollect.errors import ErrorCode, PimError
from pimcollect.home import (
    Running,
    already_running,
    find_running,
    forget_running,
    lock_home,
    open_home,
    settle_in,
    write_running,
)
from pimcollect.key_rings import create_keys
from pimcollect.launch import forbid_core_dumps, launch
from pimcollect.listener import take_listener
from pimcollect.supervision import Child, Supervisor, run_forked, stop_signals

_PASSED = ("PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PASSED_STARTS = ("LC_", "PYTHON", "PIMCOLLECT_", "XDG_")
_ONLY_HANDS = ("PIMCOLLECT_HANDS_KEYS", "PIMCOLLECT_SMTP_URL", "PIMCOLLECT_DUTY_EMAIL")
"""Settings that only the workers need: where the private keys are, and how mail is sent."""


def environment_of_children(settings: Settings, *, are_hands: bool) -> dict[str, str]:
    """What a child may know of our environment: a list, not everything that happens to be there."""
    passed = {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith(_PASSED_STARTS)}
    passed |= {
        "PIMCOLLECT_HOME": str(settings.home),
        "PIMCOLLECT_DOOR_KEYS": str(settings.door_keys),
        "PIMCOLLECT_HANDS_KEYS": str(settings.hands_keys),
        "PIMCOLLECT_PORT": str(settings.port),
        "PIMCOLLECT_URL": settings.public_url,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
    }
    if not are_hands:
        passed = {name: value for name, value in passed.items() if name not in _ONLY_HANDS}
    return passed


def _python_child(
    name: str,
    arguments: list[str],
    settings: Settings,
    *,
    is_ready: Callable[[subprocess.Popen[bytes]], bool] = lambda _process: True,
    handed: int | None = None,
    stops_first: bool = False,
) -> Child:
    env = environment_of_children(settings, are_hands=name == "workers")
    command = [sys.executable, "-m", *arguments]
    return Child(name, lambda: launch(command, env=env, handed=handed), is_ready, stops_first=stops_first)


def _answers_health(settings: Settings) -> bool:
    try:
        connection = http.client.HTTPConnection(_reachable(settings.bind), settings.port, timeout=2)
        connection.request("GET", "/healthz")
        is_well = connection.getresponse().status == 200
        connection.close()
    except OSError:
        return False
    return is_well


def _reachable(bind: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - compared with, not listened on


def _with_address(settings: Settings, listener: socket.socket) -> Settings:
    """The settings with the address and the port that are listened on; port 0 became one that was free."""
    bind, port = listener.getsockname()[:2]
    host = _reachable(bind)
    shown = f"[{host}]" if ":" in host else host
    return replace(settings, bind=bind, port=int(port), public_url=settings.public_url or f"http://{shown}:{port}")


def _create_missing_keys(settings: Settings) -> None:
    """Keys on the first start. Raises PimError(BAD_KEYS) where there is data: it was sealed with keys of before."""
    if settings.door_keys.exists() or settings.hands_keys.exists():
        return  # looked at already
    with _one_transaction(settings) as session:
        refuse_new_keys(session)
    create_keys(settings.door_keys, settings.hands_keys)
    click.echo(f"New keys are in {settings.door_keys.parent}: back them up, apart from the database.", err=True)


@contextmanager
def _one_transaction(settings: Settings) -> Iterator[Session]:
    engine = db.open_engine(settings.database_url, pool_size=1)
    try:
        with db.transaction(db.open_sessions(engine)) as session:
            yield session
    finally:
        engine.dispose()


def _migrate(settings: Settings) -> None:
    """In a process of its own, if there is anything to do: what migrations import and hold is gone afterwards."""
    if not db.is_newest(settings.database_url) and not run_forked(lambda: db.migrate(settings.database_url)):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "The tables could not be brought to their newest shape.",
            remedy="The line above says why; each step is one transaction, so nothing was changed halfway.",
        )


def _check_keys_and_create_first_member(settings: Settings) -> None:
    """Raises PimError(BAD_KEYS) for other keys than those that the database has been used with. On a new database: one
    administrator, whose one-time password is shown here and nowhere else."""
    door, hands = read_fitting_keys(settings.door_keys, settings.hands_keys)
    with _one_transaction(settings) as session:
        check_marks(session, door, hands)
        note_keys(session, door, hands)
        made = create_first_member(session, salt=door.password_salt)
    if made is not None:
        click.echo(f"First log-in: {made.mail} with the one-time password {made.password} (shown only now)")


def run_service(settings: Settings, listener: socket.socket) -> None:
    """Start everything in order, say READY, watch until a stop signal, stop in order. Holds the home's lock.

    The listening socket stays ours: while the web restarts, or is not there yet, connections wait in it.
    """
    supervisor = Supervisor()
    with stop_signals() as stop:
        try:
            if settings.is_embedded:
                place = settle_in(settings.home, needs_postgres=not settings.database_url)
                start_servers(supervisor, place, postgres=not settings.database_url, valkey=not settings.redis_url)
                settings = with_servers(settings, database_url=place.database_url(), redis_url=place.redis_url)
            _create_missing_keys(settings)
            if not stop():
                _migrate(settings)
                _check_keys_and_create_first_member(settings)
            for child in _children(settings, listener.fileno()):
                supervisor.start(child, should_stop=stop)
            if not stop():
                address = settings.public_url
                running = Running(os.getpid(), address, settings.database_url, settings.redis_url)
                write_running(settings.home, running)
                click.echo(f"READY {address}")
                supervisor.watch_until(stop)
        finally:
            listener.close()  # nobody may wait for a web that does not come back
            supervisor.stop()
            forget_running(settings.home)


def run_database(settings: Settings) -> None:
    """The embedded servers alone, until a stop signal. No table is made, no key is read: a dump may come into them."""
    supervisor = Supervisor()
    with stop_signals() as stop:
        try:
            place = settle_in(settings.home)
            start_servers(supervisor, place, valkey=not settings.redis_url)
            found = with_servers(settings, database_url=place.database_url(), redis_url=place.redis_url)
            write_running(settings.home, Running(os.getpid(), "", found.database_url, found.redis_url))
            click.echo("READY for pg_dump and pg_restore; no web, no workers")
            supervisor.watch_until(stop)
        finally:
            supervisor.stop()
            forget_running(settings.home)


def _children(settings: Settings, listening: int) -> list[Child]:
    def is_serving(_process: subprocess.Popen[bytes]) -> bool:
        return _answers_health(settings)

    # the web first: senders wait for it, and the workers' start would take the processor from it
    return [
        _python_child("web", ["pimcollect", "web"], settings, is_ready=is_serving, handed=listening, stops_first=True),
        _python_child("workers", ["workers"], settings),
        _python_child("clock", ["workers", "clock"], settings),
    ]


@click.command()
@home_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on. [default: PIMCOLLECT_PORT, or 8000]")
@click.option("--only-database", is_flag=True, help="The database alone, empty in a new home: to restore a backup.")
def up(*, port: int | None, only_database: bool) -> None:
    """Run the whole service: database and queue (unless configured), web, workers and clock."""
    forbid_core_dumps()
    settings = read_settings()
    if only_database:
        _up_only_database(settings)
        return
    _check_first(settings)
    with take_listener(settings.bind, settings.port if port is None else port) as listener:
        open_home(settings.home)
        with lock_home(settings.home):
            run_service(_with_address(settings, listener), listener)


def _up_only_database(settings: Settings) -> None:
    if settings.database_url:
        raise click.UsageError("DATABASE_URL names a server of your own: restore into an empty database there.")
    running = find_running(settings.home)
    if running is not None:
        raise already_running(settings.home, str(running.pid))
    open_home(settings.home)
    with lock_home(settings.home):
        run_database(settings)


def _check_first(settings: Settings) -> None:
    """Whatever refuses a start is looked at before anything is made: no home, no keys of a start that never was."""
    running = find_running(settings.home)
    if running is not None:
        raise already_running(settings.home, str(running.pid))
    if settings.door_keys.exists() or settings.hands_keys.exists():
        read_fitting_keys(settings.door_keys, settings.hands_keys)
    if settings.database_url:
        db.check_server(settings.database_url)
    else:
        find_postgres()
    if not settings.redis_url:
        find_valkey()
