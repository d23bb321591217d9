"""Connections for single statements: kept at hand between two uses, and none of a server that is gone or was left."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from psycopg.errors import DivisionByZero, UniqueViolation
from sqlalchemy import Engine, text

from pimcollect.config import Settings
from pimcollect.db import LostConnectionError, Statement, borrow, open_engine

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


_ECHO = Statement(
    "INSERT INTO echoed SELECT %(id)s, %(text)s, %(bytes)s, %(number)s, %(truth)s WHERE %(number)s > 0 RETURNING id"
)


@pytest.fixture
def echoed(engine: Engine) -> Iterator[None]:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE echoed (id uuid PRIMARY KEY, t text, b bytea, n int, truth bool)"))
    yield
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE echoed"))


VALUES = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "text": st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        "bytes": st.none() | st.binary(max_size=3000),
        "number": st.integers(1, 2**31 - 1),
        "truth": st.none() | st.booleans(),
    }
)


@settings_of_hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(VALUES)
def test_what_a_statement_in_a_rush_is_given_arrives_as_it_is(
    engine: Engine, puts: Engine, echoed: None, values: dict[str, Any]
) -> None:
    for one in (puts, engine):
        with borrow(one) as connection:
            values = {**values, "id": uuid4()}
            assert _ECHO.find_id(connection, values) == values["id"]
            row = connection.execute("SELECT * FROM echoed WHERE id = %(id)s", values).fetchone()
        assert row == tuple(values[name] for name in ("id", "text", "bytes", "number", "truth"))


def test_a_statement_in_a_rush_tells_no_row_a_refusal_and_a_lost_connection_apart(
    engine: Engine, puts: Engine, echoed: None
) -> None:
    values = {"id": uuid4(), "text": None, "bytes": None, "number": 1, "truth": None}
    with borrow(puts) as connection:
        assert _ECHO.find_id(connection, {**values, "number": 0}) is None
        assert _ECHO.find_id(connection, values) == values["id"]
        with pytest.raises(UniqueViolation):
            _ECHO.find_id(connection, values)
        end(engine, connection.info.backend_pid)
    with pytest.raises(LostConnectionError), borrow(puts) as connection:
        _ECHO.find_id(connection, values)
    with borrow(puts) as connection:
        assert _ECHO.find_id(connection, {**values, "id": uuid4()}) is not None


def test_in_a_transaction_it_is_a_part_of_it(engine: Engine, echoed: None) -> None:
    values = {"id": uuid4(), "text": None, "bytes": None, "number": 1, "truth": None}

    def fail_after() -> None:
        with borrow(engine) as connection:
            assert _ECHO.find_id(connection, values) == values["id"]
            connection.execute("SELECT 1 / 0")

    with pytest.raises(DivisionByZero):
        fail_after()
    assert ask(engine, "SELECT count(*) FROM echoed") == 0
