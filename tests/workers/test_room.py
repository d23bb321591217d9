"""A delivery that wants all the memory there is: refused it, alone, and held with its own reason."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pimcollect.actions.inbox import MENDS
from pimcollect.config import read_settings
from pimcollect.errors import ErrorCode, PimError
from tests.factories.households import SCENARIOS, Household
from workers import settle as settling
from workers.processes import bound_memory

BASE = SCENARIOS["base_answers"]


@pytest.mark.parametrize("wanted", ["", "1023", "0", "much", "65537"])
def test_a_bound_that_nothing_could_live_in_is_told_at_the_start(wanted: str) -> None:
    if not wanted:
        assert read_settings({"PIMCOLLECT_WORKER_MB": wanted}).worker_bytes == 2**30
        return
    with pytest.raises(PimError) as caught:
        read_settings({"PIMCOLLECT_WORKER_MB": wanted})
    assert caught.value.code is ErrorCode.BAD_SETTING
    assert "PIMCOLLECT_WORKER_MB" in caught.value.message


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its address space")
def test_a_bounded_process_is_refused_and_lives_and_its_parent_is_not_bound() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            bound_memory(2**30)
            bytearray(2**30)
        except MemoryError:
            status = 0 if len(bytearray(2**20)) else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_what_wants_too_much_three_times_is_held_for_it_and_its_neighbours_settle(
    household: Household, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = settling.decide, []

    def decide(raw: Any, *rest: Any, **more: Any) -> Any:
        if any(key.endswith("doc_birth") and value == "3" for key, value in raw.items()):
            tries.append(1)
            raise MemoryError
        return real(raw, *rest, **more)

    monkeypatch.setattr(settling, "decide", decide)
    for answers in (BASE, {**BASE, "doc_birth": 3}, BASE):
        household.post(answers)
    household.settle()
    with engine.connect() as connection:
        found = connection.execute(text("SELECT state, reason, attempts FROM entries ORDER BY received_at")).all()
    assert [tuple(row) for row in found] == [
        ("settled", "kept", 1),
        ("held", "out_of_memory", 3),
        ("settled", "kept", 1),
    ]
    assert len(tries) == 4  # once with its neighbours, three times alone
    assert "PIMCOLLECT_WORKER_MB" in MENDS["out_of_memory"]
