"""What every command needs: settings, a database session, and output for people or for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.config import Settings, read_settings
from pimcollect.db import check_tables, open_engine, open_sessions, transaction
from pimcollect.domain.roles import COMMAND_LINE, Actor, read_roles
from pimcollect.embedded import servers
from pimcollect.errors import ErrorCode, PimError
from pimcollect.home import NAME_HOME, was_started
from pimcollect.tables.members import find_member

json_option = click.option("--json", "as_json", is_flag=True, help="For programs: a JSON list of objects.")

by_option = click.option(
    "--by", "mail", default="", help="Mail address of the member who does it; else the command line does."
)

_WIDE = 240
"""Width of a table that goes into a file or a pipe, where nothing should be folded."""
_WHOLE = ("id", "root id", "reference")
"""Columns that are copied into the next command: never cut."""


@dataclass(frozen=True)
class Desk:
    """Settings with real addresses, and sessions on the database behind them."""

    settings: Settings
    sessions: sessionmaker[Session]

    @property
    def address(self) -> str:
        """Where others reach the service: the public address, else the one of this machine."""
        return self.settings.public_url or f"http://127.0.0.1:{self.settings.port}"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One session and one commit."""
        with transaction(self.sessions) as session:
            yield session


@contextmanager
def open_desk(*, is_first_step: bool = False) -> Iterator[Desk]:
    """The running service's database, or the embedded one started for this command only.

    Only a command that may be the first one of an installation makes a home; to any other a wrong or forgotten --home
    would look like an empty installation. Raises PimError(NOT_FOUND) then.
    """
    settings = read_settings()
    if not is_first_step and not settings.database_url and not was_started(settings.home):
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"There is no installation in {settings.home}.",
            remedy=f"{NAME_HOME} `pimcollect up` makes a new one.",
        )
    is_own = not settings.database_url
    with servers(settings) as settings:
        engine = open_engine(settings.database_url, pool_size=2)
        try:
            (check_own_tables if is_own else check_tables)(engine)
            yield Desk(settings, open_sessions(engine))
        finally:
            engine.dispose()


def check_own_tables(engine: Engine) -> None:
    """`check_tables` for the database that we start ourselves: nobody set an address that could be wrong."""
    try:
        check_tables(engine)
    except PimError as error:
        if error.code is not ErrorCode.AWAY:
            raise
        raise PimError(
            ErrorCode.AWAY,
            "The database of this installation does not answer.",
            remedy="`pimcollect doctor` looks what is wrong. If it stays away, end `pimcollect up` and start it again.",
        ) from error


_LOCAL = ("127.0.0.1", "::1", "localhost")


def warn_of_address(desk: Desk) -> None:
    """Beside an address that is to be given to others: say when they will not reach it, or not safely."""
    parts = urlsplit(desk.address)
    if not desk.settings.public_url:
        click.echo(
            "  No `pimcollect up` runs in this home, so this address is the configured port, not seen to answer. Only "
            "this machine reaches it: set PIMCOLLECT_URL to your public https one.",
            err=True,
        )
    elif parts.hostname in _LOCAL:
        click.echo("  Only this machine reaches this address: set PIMCOLLECT_URL to your public https one.", err=True)
    elif parts.scheme != "https":
        click.echo("  This line can be listened to: set PIMCOLLECT_URL to an https address.", err=True)


def find_actor(session: Session, mail: str) -> Actor:
    """The member of this address, as if logged in: with the member's own rights. Without one: the command line."""
    if not mail:
        return COMMAND_LINE
    member = find_member(session, mail)
    if member is None or not member.is_active:
        raise PimError(
            ErrorCode.NOT_FOUND, "No active account has this address.", remedy="`pimcollect members list` shows them."
        )
    return Actor(str(member.id), read_roles(role.role for role in member.role_rows), member.service)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def count(things: Sized | int, what: str, many: str = "") -> str:
    """`1 difference`, `2 differences`; `many` where an s is not enough."""
    number = things if isinstance(things, int) else len(things)
    return f"{number} {what if number == 1 else many or f'{what}s'}"


def print_json(value: Any) -> None:
    """One JSON document on stdout and nothing else."""
    click.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=1))


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def print_mends(mends: Iterable[tuple[str, str | None]]) -> None:
    """Below a table, what to do: each (what it is for, mend) once, however many rows have it."""
    found: dict[str, list[str]] = {}
    for what, mend in mends:
        if mend and what not in found.setdefault(mend, []):
            found[mend].append(what)
    for mend, names in found.items():
        click.echo(f"\n{', '.join(names)}: {mend}")


def print_rows(rows: Iterable[Mapping[str, Any]], *, as_json: bool, columns: Mapping[str, str], empty: str) -> None:
    """A list of objects as JSON, or the `columns` (key -> heading) as a table; `empty` is said when there is none."""
    found = [dict(row) for row in rows]
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold", no_wrap=heading in _WHOLE)
    for row in found:
        table.add_row(*(_cell(row.get(key)) for key in columns))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)
