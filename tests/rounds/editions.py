"""Permutations of originals, edits, withdrawals, deletions and repeats: every one must end as the ordered one."""

from __future__ import annotations

from pimcollect.db import open_engine
from tests.bench.grounds import open_ground
from tests.workers.test_editions import Stage, compare


def shuffle_editions(count: int, *, seed: int = 1) -> int:
    """Play so many roots in order and shuffled; returns how many end differently."""
    with open_ground() as settings:
        engine = open_engine(settings.database_url)
        stage = Stage(settings, engine)
        differing = compare(stage, count=count, seed=seed)
        stage.household.hands.engine.dispose()
        engine.dispose()
    return differing
