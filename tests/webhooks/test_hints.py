"""ODK Central's webhook: a hint that has the connected form pulled, believed of Central alone, and never an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.connections import connect_server
from pimcollect.actions.hooks import close_hook
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.vault import DoorKeys
from tests.factories.door import open_door
from tests.factories.households import Household
from webhooks.hooks import SECRET_HEADER

SECRET = "Nadia-Canary"


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


HINTS = (
    {"type": "submission.create", "id": "uuid:1", "data": {"xml": f"<data><name>{SECRET}</name></data>"}},
    {"type": "submission.update", "id": "uuid:1", "data": {"reviewState": "approved"}},
    {"type": "entity.update.version", "id": "2", "data": {"name": SECRET}},
)


def connect_central(engine: Engine, keys: DoorKeys) -> None:
    """The form's own server, not due for a while."""
    with Session(engine) as session, session.begin():
        there = {"base": "https://odk.example.org", "there": "1/pm_kac", "user": "m@example.org", "secret": "s"}
        connect_server(session, COMMAND_LINE, keys=keys, server="central", form="pm_kac", **there)
        session.execute(text("UPDATE connections SET next_at = now() + interval '10 minutes'"))


IS_DUE = "SELECT next_at <= clock_timestamp() AS is_due FROM connections"


def test_a_hint_from_whoever_is_not_central_has_nothing_pulled(
    settings: Settings, engine: Engine, door_keys: DoorKeys
) -> None:
    central, other = (open_door(settings, engine, server="central") for _ in range(2))
    connect_central(engine, door_keys)
    key = central.hook.secret
    for url, headers in (
        (central.url, {}),
        (central.url, {"X-API-Key": "wrong"}),
        (central.url, {"X-API-Key": other.hook.secret}),
        (central.url, {"X-API-Key": key, SECRET_HEADER: "wrong"}),
        (f"{central.url}?key={key}", {}),
        (f"{central.url}.{key}", {}),
    ):
        assert central.client.post(url, json=HINTS[0], headers=headers).status_code == 401
    for method in ("GET", "PUT", "TRACE"):
        answer = central.client.open(central.url, method=method, json=HINTS[0], headers={"X-API-Key": key})
        assert answer.status_code == 405
    with Session(engine) as session, session.begin():
        close_hook(session, COMMAND_LINE, central.hook.id)
    assert central.client.post(central.url, json=HINTS[0], headers={"X-API-Key": key}).status_code == 401
    assert rows(engine, IS_DUE) == [{"is_due": False}]
    assert rows(engine, "SELECT * FROM entries") == []


@pytest.mark.parametrize("hint", HINTS, ids=lambda one: one["type"])
def test_a_hint_from_central_has_the_connected_form_pulled_and_stores_nothing(
    settings: Settings, engine: Engine, door_keys: DoorKeys, hint: dict[str, Any]
) -> None:
    central = open_door(settings, engine, server="central")
    connect_central(engine, door_keys)
    answer = central.client.post(central.url, json=hint, headers={"X-API-Key": central.hook.secret})
    assert answer.status_code == 202
    assert rows(engine, IS_DUE) == [{"is_due": True}]
    assert rows(engine, "SELECT * FROM entries") == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (json.dumps(HINTS[0]).encode(), "not_a_submission"),
        (b'{"type": "submission.forgotten", "id": "1"}', "not_a_submission"),
        (b"{}", "not_a_submission"),
        (b"<data/>", "unreadable"),
    ],
)
def test_what_central_says_and_nobody_can_follow_is_kept_for_a_person(
    settings: Settings, engine: Engine, household: Household, body: bytes, reason: str
) -> None:
    central = open_door(settings, engine, form="hh", server="central")
    assert central.post(body).status_code == 202
    household.settle()
    assert rows(engine, "SELECT state, reason FROM entries") == [{"state": "held", "reason": reason}]
