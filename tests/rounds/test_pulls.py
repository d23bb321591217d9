"""A little of the pull rounds: a server in trouble, people who edit meanwhile, workers that are killed."""

from __future__ import annotations

import pytest

from tests.rounds.pulls import play

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("may_manage", [False, True])
def test_nothing_is_missing_after_trouble_there_and_kills_here(*, may_manage: bool) -> None:
    result = play(count=350, kills=3, life=60, may_manage=may_manage)
    assert result.is_well, str(result)
    assert result.life["edits"]
    assert result.kills == 3
    assert sum(result.troubles.values())
