"""Permutations of originals, edits, withdrawals, deletions and repeats: every one must end as the ordered one."""

from __future__ import annotations

import sys

from pimcollect.db import open_engine
from tests.bench.grounds import open_ground
from tests.workers.test_editions import Stage, compare

ROOTS = 1000


def main(count: int = ROOTS) -> int:
    """Play and compare; the exit status is 1 when any differs."""
    with open_ground() as settings:
        engine = open_engine(settings.database_url)
        stage = Stage(settings, engine)
        differing = compare(stage, count=count, seed=1)
        stage.household.hands.engine.dispose()
        engine.dispose()
    sys.stdout.write(f"editions: {count} permutations of real deliveries, {differing} differ from the ordered result\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
