"""Connections for single statements: kept at hand between two uses, and none of a server that is gone or was left."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from psycopg.errors import DivisionByZero
from sqlalchemy import Engine

from pimcollect.config import Settings
from pimcollect.db import LostConnectionError, borrow, open_engine

_ME = "SELECT pg_backend_pid()"


@pytest.fixture
def puts(settings: Settings, engine: Engine) -> Iterator[Engine]:
    puts = open_engine(settings.database_url, is_autocommit=True)
    yield puts
    puts.dispose()


def ask(engine: Engine, query: str) -> object:
    with borrow(engine) as connection:
        row = connection.execute(query).fetchone()
    return None if row is None else row[0]


def end(engine: Engine, pid: object) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(%s)", (pid,))


def test_a_connection_that_the_server_ended_is_told_once_and_replaced(engine: Engine, puts: Engine) -> None:
    first = ask(puts, _ME)
    end(engine, first)
    with pytest.raises(LostConnectionError):
        ask(puts, _ME)
    assert ask(puts, _ME) != first


def test_after_one_lost_connection_the_others_at_hand_are_closed_too(engine: Engine, puts: Engine) -> None:
    with borrow(puts) as one, borrow(puts) as two:
        pids = {connection.info.backend_pid for connection in (one, two)}
    end(engine, ask(puts, _ME))
    with pytest.raises(LostConnectionError):
        ask(puts, _ME)
    assert one.closed
    assert two.closed
    assert ask(puts, _ME) not in pids


def test_a_statement_that_fails_leaves_a_connection_that_works(puts: Engine) -> None:
    pid = ask(puts, _ME)
    with pytest.raises(DivisionByZero):
        ask(puts, "SELECT 1 / 0")
    assert ask(puts, _ME) == pid


def test_two_threads_never_share_one(puts: Engine) -> None:
    meet = Barrier(4, timeout=20)

    def take(_: int) -> int:
        with borrow(puts) as connection:
            meet.wait()
            return connection.info.backend_pid

    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert len(set(pool.map(take, range(4)))) == 4


def test_disposing_of_the_engine_closes_what_is_at_hand(puts: Engine) -> None:
    with borrow(puts) as connection:
        pass
    assert not connection.closed
    puts.dispose()
    assert connection.closed


def test_a_connection_of_transactions_is_committed_and_given_back(engine: Engine, puts: Engine) -> None:
    with borrow(engine) as connection:
        connection.execute("CREATE TABLE given_back (n int)")
    assert ask(puts, "SELECT to_regclass('given_back')::text") == "given_back"
    with pytest.raises(DivisionByZero):
        ask(engine, "DROP TABLE given_back; SELECT 1 / 0")
    assert ask(puts, "SELECT to_regclass('given_back')::text") == "given_back"
    with borrow(engine) as connection:
        connection.execute("DROP TABLE given_back")
