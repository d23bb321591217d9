"""Connecting: refused before anything is written, the token sealed to the workers alone and shredded at the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.connections import ask_pull, close_connection, connect_server, list_connections
from pimcollect.domain.roles import COMMAND_LINE, Actor, Role
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.connections import ConnectionRow, find_due_connections, token_context
from pimcollect.vault import DoorKeys, HandsKeys, open_value
from tests.factories.door import put_form

TOKEN = "8c1fcanarytoken"
GIVEN = {"server": "kobo", "form": "pm_kac", "base": "https://kf.kobotoolbox.org/", "there": "aUid", "user": "", "secret": TOKEN}  # fmt: skip  # noqa: E501


def connect(engine: Engine, keys: DoorKeys, actor: Actor = COMMAND_LINE, **changed: Any) -> ConnectionRow:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        put_form(session)
        return connect_server(session, actor, keys=keys, **{**GIVEN, **changed})


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"server": "fulcrum"}, ErrorCode.NOT_FOUND),
        ({"form": "nothing"}, ErrorCode.NOT_FOUND),
        ({"base": "http://kf.kobotoolbox.org"}, ErrorCode.BAD_ADDRESS),
        ({"secret": ""}, ErrorCode.WRONG_SECRET),
        ({"secret": "Token abc"}, ErrorCode.WRONG_SECRET),
        ({"secret": "abc\r\nX: y"}, ErrorCode.WRONG_SECRET),
        ({"secret": "x" * 501}, ErrorCode.WRONG_SECRET),
        ({"server": "central", "there": "3/pm_kac", "user": ""}, ErrorCode.WRONG_SECRET),
    ],
)
def test_what_cannot_be_connected_is_refused_and_leaves_nothing(
    engine: Engine, door_keys: DoorKeys, changed: dict[str, str], code: ErrorCode
) -> None:
    with pytest.raises(PimError) as caught:
        connect(engine, door_keys, **changed)
    assert caught.value.code is code
    assert changed.get("secret") in (None, "") or changed["secret"] not in str(caught.value)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM connections")) == 0


def test_a_monitor_connects_nothing(engine: Engine, door_keys: DoorKeys) -> None:
    with pytest.raises(PimError) as caught:
        connect(engine, door_keys, Actor("m", frozenset({Role.MONITOR})))
    assert caught.value.code is ErrorCode.NOT_ALLOWED


def test_one_form_of_a_server_is_connected_once_until_it_is_closed(engine: Engine, door_keys: DoorKeys) -> None:
    first = connect(engine, door_keys)
    with pytest.raises(PimError) as caught:
        connect(engine, door_keys, base="https://KF.kobotoolbox.org")
    assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW
    with Session(engine) as session, session.begin():
        close_connection(session, COMMAND_LINE, first.id)
    assert connect(engine, door_keys).id != first.id


def test_a_token_is_in_no_column_and_only_the_workers_open_it(
    engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    row = connect(engine, door_keys)
    with engine.connect() as connection:
        assert TOKEN not in str(connection.execute(text("SELECT c::text FROM connections c")).all())
        assert TOKEN not in str(connection.execute(text("SELECT j::text FROM journal j")).all())
    plain = open_value(row.sealed or b"", ring=hands_keys.intake, context=token_context(row.id))
    assert json.loads(plain) == {"user": "", "secret": TOKEN}


def test_closing_shreds_the_token_and_is_over(engine: Engine, door_keys: DoorKeys) -> None:
    row = connect(engine, door_keys)
    with Session(engine) as session, session.begin():
        assert find_due_connections(session) == [row.id]
        close_connection(session, COMMAND_LINE, row.id)
    with Session(engine) as session:
        ((closed, known),) = list_connections(session, COMMAND_LINE)
        assert (closed.sealed, closed.closed_at is None, known) == (None, False, 0)
        assert find_due_connections(session) == []
        for again in (lambda: close_connection(session, COMMAND_LINE, row.id), lambda: ask_pull(session, COMMAND_LINE, "pm_kac")):  # fmt: skip  # noqa: E501
            with pytest.raises(PimError) as caught:
                again()
            assert caught.value.code is ErrorCode.NOT_FOUND


def test_a_form_that_is_not_published_there_yet_is_connected_and_waits(engine: Engine, door_keys: DoorKeys) -> None:
    connect(engine, door_keys, there=None)
    with Session(engine) as session:
        assert find_due_connections(session) == []


def test_asking_brings_the_next_pull_forward(engine: Engine, door_keys: DoorKeys) -> None:
    row = connect(engine, door_keys)
    with engine.begin() as connection:
        connection.execute(text("UPDATE connections SET next_at = now() + interval '1 hour'"))
    with Session(engine) as session, session.begin():
        assert find_due_connections(session) == []
        assert ask_pull(session, COMMAND_LINE, "pm_kac") == [row.id]
        assert find_due_connections(session) == [row.id]


@pytest.mark.parametrize("there", [None, "", "3", "3/", "/pm_kac", "pm_kac", "three/pm_kac", "3/a/b"])
def test_central_is_not_connected_without_a_project_and_a_form(
    engine: Engine, door_keys: DoorKeys, there: str | None
) -> None:
    with pytest.raises(PimError) as caught:
        connect(engine, door_keys, server="central", there=there, user="a@example.org")
    assert caught.value.code is ErrorCode.NOT_POSSIBLE_NOW
    assert "--there PROJECT/pm_kac" in caught.value.remedy
