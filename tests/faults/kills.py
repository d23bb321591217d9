"""F01: the chaos run at the figures of the sheet."""

from __future__ import annotations

from typing import Any

from tests.bench.chaos import Order, run
from tests.faults.found import Found

_MOST_SECONDS = 240.0
_FULL: dict[str, Any] = {"submissions": 10_000, "kills": 200, "flushes": 3, "restarts": 2}
_QUICK: dict[str, Any] = {"submissions": 200, "kills": 6, "flushes": 1}


def kill_at_random(*, is_quick: bool) -> Found:
    """F01. Signal 9 to web, its parent, workers, their children and the clock while deliveries come."""
    line, is_well = run(Order(**(_QUICK if is_quick else _FULL)))
    found = Found(
        n=line["acknowledged"], lost=line["lost"], dup=line["duplicated"], violations=list(line["violations"])
    )
    found.expect(is_well, "the run did not end as it must")
    found.expect(line["canaries"] == 0, f"{line['canaries']} personal values found")
    found.expect(line["seconds"] <= _MOST_SECONDS, f"sending took {line['seconds']} s")
    found.notes = {
        name: line[name] for name in ("kills", "flushes", "restarts", "seconds", "drain_seconds", "mails_again")
    }
    return found
