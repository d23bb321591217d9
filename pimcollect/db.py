"""The database: engine, session and the one commit. PostgreSQL 15 to 18 through psycopg."""

from __future__ import annotations

import contextlib
import errno
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID
from weakref import WeakKeyDictionary, WeakSet

from psycopg import Connection as DriverConnection
from psycopg import OperationalError as DriverError
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection, Engine, PoolProxiedConnection, create_engine, event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.errors import ErrorCode, PimError

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
_CONNECT_SECONDS = 2
_POOL_WAIT_SECONDS = 2
_PATIENT = {"connect_timeout": 10}
_NO_ROOM = ("53100", "53300", "53400", "58030")
"""disk_full, too_many_connections, configuration_limit_exceeded, io_error."""
_MIGRATION_LOCK = 7_206_101
_PLACE = re.compile(r"%\((\w+)\)s")
_AT_HAND: WeakKeyDictionary[Engine, deque[PoolProxiedConnection]] = WeakKeyDictionary()
"""Engines of autocommit -> their connections that are lent to nobody. There is nothing to reset on them, and to give
one back to the pool and take it out again costs as much as reading a body."""


def driver_url(url: str) -> str:
    """The same address with the driver named: postgresql:// becomes postgresql+psycopg://."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url


def open_engine(url: str, *, pool_size: int = 5, statement_seconds: int = 30, is_autocommit: bool = False) -> Engine:
    """An engine with short waits, so that a database that is away is known within seconds.

    Parameters never show in errors or logs. A statement longer than `statement_seconds` is ended by the server.
    With `is_autocommit` each statement is its own transaction and a connection is not tried before it is used: one
    round trip instead of four. For whoever writes with single statements and tries again on a lost connection.
    """
    more: dict[str, Any] = {"pool_pre_ping": True}
    if is_autocommit:
        more = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
    engine = create_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=_POOL_WAIT_SECONDS,
        hide_parameters=True,
        **more,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "pimcollect",
            "options": f"-c timezone=UTC -c statement_timeout={statement_seconds * 1000}",
        },
    )
    if is_autocommit:
        _AT_HAND[engine] = deque()
        event.listen(engine, "engine_disposed", _close_at_hand)
    return engine


def _close_at_hand(engine: Engine) -> None:
    at_hand = _AT_HAND[engine]
    while at_hand:
        at_hand.pop().invalidate()


class LostConnectionError(RuntimeError):
    """The server had closed a connection, or closed it meanwhile; whether the commit arrived is not known."""


@contextmanager
def borrow(engine: Engine) -> Iterator[DriverConnection[Any]]:
    """The driver's own connection out of the engine's pool, committed when the block ends well.

    For single statements in a rush: the toolkit around them costs more than they do. A connection that turns out to
    be lost is thrown away together with the others of the pool, which were opened to the same server: that raises
    LostConnectionError, and to try once more makes sense when doing it twice does no harm.
    """
    at_hand = _AT_HAND.get(engine, deque())
    try:
        lent = at_hand.pop()
    except IndexError:
        lent = engine.raw_connection()
    connection = cast("DriverConnection[Any]", lent.driver_connection)
    try:
        yield connection
        if not connection.autocommit:
            connection.commit()
    except DriverError as error:
        if not connection.closed:
            raise
        raise LostConnectionError("the server closed a connection") from error
    finally:
        if connection.closed:
            lent.invalidate()
            engine.dispose()
        if connection.closed or not connection.autocommit:
            lent.close()
        else:
            at_hand.append(lent)


class Statement:
    """One statement in a rush: prepared once on each connection, its values handed to libpq as they are.

    Written with the driver's named places, `%(name)s`. Values are str, bytes, int, bool, UUID or None; their types are
    those of the columns. The driver's own way around one small INSERT takes as long as sealing a delivery does. That
    way also begins transactions, so on a connection that is not of autocommit the statement goes by it.
    """

    def __init__(self, query: str) -> None:
        self._query = query
        self._names = tuple(dict.fromkeys(_PLACE.findall(query)))
        numbers = {name: f"${number}" for number, name in enumerate(self._names, start=1)}
        self._numbered = _PLACE.sub(lambda place: numbers[place[1]], query).encode()
        self._name = f"pimcollect_{id(self):x}".encode()
        self._prepared: WeakSet[DriverConnection[Any]] = WeakSet()

    def find_id(self, connection: DriverConnection[Any], values: Mapping[str, Any]) -> UUID | None:
        """Run it; the UUID in the first column of its row, or None when there is no row. Raises the driver's errors."""
        if not connection.autocommit:
            row = connection.execute(self._query, values).fetchone()
            return None if row is None else UUID(str(row[0]))
        if connection not in self._prepared:
            _check(connection, connection.pgconn.prepare(self._name, self._numbered))
            self._prepared.add(connection)
        given = [values[name] for name in self._names]
        # the driver's own annotation forgets that None is NULL
        written = cast("list[bytes]", [_write_value(value) for value in given])
        formats = [int(isinstance(value, bytes | UUID)) for value in given]
        result = connection.pgconn.exec_prepared(self._name, written, formats)
        _check(connection, result)
        found = result.get_value(0, 0) if result.ntuples else None
        return None if found is None else UUID(found.decode())


def _write_value(value: str | bytes | int | bool | UUID | None) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return value.bytes if isinstance(value, UUID) else str(value).encode()


def _check(connection: DriverConnection[Any], result: PGresult) -> None:
    if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        if connection.closed:
            raise DriverError("the server closed the connection")
        raise error_from_result(result)


def is_lack_of_room(error: BaseException) -> bool:
    """Whether a statement or a file failed because the disk is full or broken, or the server has no connection left:
    by no fault of what was to be written."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
    return getattr(getattr(error, "orig", error), "sqlstate", None) in _NO_ROOM


def open_sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions that keep their objects readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """One session, one commit at the end; anything raised inside rolls all of it back."""
    with sessions.begin() as session:
        yield session


# alembic is imported where it is used: a third of a second that only the one process which migrates has to spend


def _alembic(url: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = driver_url(url)
    return config


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except OperationalError as error:
        # its text may repeat the address, and with it the password
        raise PimError(
            ErrorCode.AWAY,
            "The database does not answer, or does not let us in.",
            remedy="Is the server of DATABASE_URL up, and are its name, user and password right?",
        ) from error


def check_server(url: str) -> None:
    """Raises PimError(AWAY) when the server of this address does not let us in."""
    engine = create_engine(driver_url(url), hide_parameters=True, connect_args=_PATIENT)
    try:
        _connect(engine).close()
    finally:
        engine.dispose()


def check_tables(engine: Engine) -> None:
    """Raises PimError when the database does not answer (AWAY) or was never migrated (NOT_POSSIBLE_NOW)."""
    with _connect(engine) as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            raise PimError(
                ErrorCode.NOT_POSSIBLE_NOW, "The database has no tables yet.", remedy="Run `pimcollect migrate`."
            )


def migrate(url: str, revision: str = "head") -> None:
    """Bring the tables to `revision`; two at once wait for each other. `base` takes everything down again.

    Raises PimError(AWAY) when the server does not let us in.
    """
    from alembic import command

    config = _alembic(url)
    engine = create_engine(driver_url(url), hide_parameters=True, connect_args=_PATIENT)
    try:
        with _connect(engine) as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
            config.attributes["connection"] = connection
            if revision == "base" or revision.startswith("-"):
                command.downgrade(config, revision)
            else:
                command.upgrade(config, revision)
            connection.commit()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
    finally:
        engine.dispose()


def is_migrated(session: Session | Connection) -> bool:
    """True when the tables are at the newest migration."""
    if session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return False
    return bool(session.scalar(text("SELECT version_num FROM alembic_version")) == find_newest_migration())


def is_newest(url: str) -> bool:
    """The same for the database of an address. Raises PimError(AWAY) when its server does not let us in."""
    engine = create_engine(driver_url(url), hide_parameters=True, connect_args=_PATIENT)
    try:
        with _connect(engine) as connection:
            return is_migrated(connection)
    finally:
        engine.dispose()


def find_newest_migration() -> str:
    """Its number, by the names of the files: to read them takes half a second that a start should not cost."""
    return max(path.name[:4] for path in (_MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def warm(engine: Engine, *, count: int) -> None:
    """Open so many connections before they are needed: each takes some 40 ms, for which the first senders would wait.

    A database that is away is nothing to warm; they are opened when it is there.
    """
    with contextlib.ExitStack() as held, contextlib.suppress(SQLAlchemyError):
        for _ in range(count):
            held.callback(engine.raw_connection().close)
