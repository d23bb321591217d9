"""The chaos harness on a small scale: the service loses nothing, and the harness sees what a naive one loses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.bodies import HOUSEHOLD, Sent, make_mixed
from tests.bench.chaos import Order, run
from tests.bench.crowd import repeat_some
from tests.factories.versions import bank_version

pytestmark = pytest.mark.slow

SMALL = {"submissions": 200, "kills": 6, "flushes": 1}


def test_a_service_that_answers_before_it_stores_is_seen_to_lose() -> None:
    line, is_well = run(Order(**SMALL, naive=True))
    assert is_well, line
    assert line["lost"] > 0
    assert line["acknowledged"] == SMALL["submissions"]


def test_nothing_is_lost_doubled_or_seen_while_processes_die_and_the_queue_is_emptied() -> None:
    line, is_well = run(Order(**SMALL))
    assert is_well, line
    assert (line["lost"], line["duplicated"], line["canaries"]) == (0, 0, 0)
    assert (line["acknowledged"], line["kills"], line["flushes"]) == (SMALL["submissions"], 6, 1)


def _make(count: int, *, seed: int = 1) -> list[Sent]:
    made: Any = make_mixed(bank_version(HOUSEHOLD), seed=seed)
    return [next(made) for _ in range(count)]


def test_the_same_seed_sends_the_same_and_another_one_something_else() -> None:
    assert _make(50) == _make(50)
    assert {one.root_id for one in _make(50)}.isdisjoint(one.root_id for one in _make(50, seed=2))


def test_a_repeated_delivery_comes_after_its_first_time_and_as_often_as_asked() -> None:
    sent = _make(100)
    posts = repeat_some(sent, part=0.1, seed=1)
    assert len(posts) == 110
    assert set(posts) == set(sent)
