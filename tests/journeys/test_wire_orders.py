"""One submission through five hooks, in any order and settled at any moment, ends as the same one submission."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from forms.intake import adopt_form
from pimcollect.actions.forms import keep_version
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from tests.factories.door import OpenDoor, open_door
from tests.payloads import HERE
from workers.hands import Hands, open_hands
from workers.settle import settle_waiting

SENT = {row["id"]: row["body"] for row in map(json.loads, (HERE / "kobo_hooks.jsonl").read_text().splitlines())}
AGREED, REFUSED = ("k01", "k02", "k03", "k04", "k05"), ("k06", "k07", "k08")
ORDERS = [*random.Random(3).sample(list(permutations(AGREED)), 8), *permutations(REFUSED)]  # noqa: S311 - repeatable

KEPT = {
    "consent": "yes",
    "age": "12-17",
    "incidents": ["gbv", "landmine"],
    "wants_referral": "yes",
    "score": 3.5,
    "dt": "2026-11",
    "start": "2026-11-20",
    "end": "2026-11-20",
    "today": "2026-11",
    "hh": [{"hh_age": "18-59", "hh_inc": ["displacement"]}, {"hh_age": "5-11"}],
}
"""What the defaults leave of the whole submission."""


@pytest.fixture
def hands(settings: Settings) -> Iterator[Hands]:
    own = open_hands(settings)
    yield own
    own.engine.dispose()


@pytest.fixture
def door(settings: Settings, engine: Engine) -> OpenDoor:
    door = open_door(settings, engine)
    frozen = adopt_form((HERE / "pm_kac.xlsx").read_bytes(), name="pm_kac", consent="consent").frozen
    with Session(engine) as session, session.begin():
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
    return door


def read_rows(engine: Engine) -> list[dict[str, Any]]:
    query = "SELECT state, may_share, shared, restricted, findings, edition_id, superseded FROM submissions"
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def count_refused(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(
            connection.execute(text("SELECT coalesce(sum(n), 0) FROM tallies WHERE kind = 'refused'")).scalar_one()
        )


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
@pytest.mark.parametrize("is_settled_between", [True, False], ids=["settled between", "settled at the end"])
def test_any_order_ends_as_the_same_submission(
    door: OpenDoor, hands: Hands, engine: Engine, order: tuple[str, ...], is_settled_between: bool
) -> None:
    for wire in order:
        assert door.post(SENT[wire].encode()).status_code == 202
        if is_settled_between:
            settle_waiting(hands)
    settle_waiting(hands)
    (row,) = read_rows(engine)
    if "k06" in order:
        assert (row["state"], row["shared"], row["restricted"]) == ("tombstone", None, None)
        assert count_refused(engine) == 1
    else:
        assert (row["state"], row["may_share"], row["findings"]) == ("kept", False, {})
        assert row["shared"] == KEPT
        assert set(row["restricted"]) == {"deviceid", "username"}
        assert count_refused(engine) == 0
