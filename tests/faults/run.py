"""`make chaos`: the experiments of the contract, one JSON line each; ends with 1 when one is not as expected.

No words: F01 to F30. Codes (`F04 F06`): those. `--quick`: the same with small numbers. Any option of
`tests.bench.chaos` (`--naive`, `--kills 60`): that run alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from tests.bench import chaos
from tests.faults.found import Found
from tests.faults.table import TABLE, Fault

QUICK = "--quick"


def choose(words: Sequence[str]) -> list[Fault] | None:
    """The faults that are named, all when none is; None when the words are options of the chaos run. Raises ValueError
    for a code that is not in the table."""
    named = [word for word in words if word != QUICK]
    if not named:
        return list(TABLE)
    if any(word.startswith("-") for word in named):
        return None
    known = {fault.code: fault for fault in TABLE}
    if unknown := [word for word in named if word not in known]:
        raise ValueError(f"there is no fault {unknown[0]}; F01 to F{len(TABLE)}")
    return [known[word] for word in named]


def try_fault(fault: Fault, *, is_quick: bool) -> Found:
    """One experiment. Whatever it ends with that is not a finding is a violation too."""
    try:
        return fault.run(is_quick=is_quick)
    except Exception as error:
        return Found(violations=[f"it did not come to its end: {type(error).__name__}: {str(error)[:1500]}"])


def write_line(fault: Fault, found: Found, *, seconds: float) -> str:
    """The line that is printed."""
    return json.dumps(
        {
            "fault": fault.code,
            "what": fault.what,
            "n": found.n,
            "lost": found.lost,
            "dup": found.dup,
            "violations": found.violations[:10],
            "p99": found.p99,
            "expected": fault.expected,
            "is_well": found.is_well,
            **({"left_out": fault.left_out} if fault.left_out else {}),
            "seconds": round(seconds),
            **({"notes": found.notes} if found.notes else {}),
        }
    )


def main(words: Sequence[str]) -> int:
    """Run what is asked for, print, judge."""
    try:
        chosen = choose(words)
    except ValueError as error:
        sys.stderr.write(f"chaos: {error}\n")
        return 2
    if chosen is None:
        return chaos.main(words)
    failed = []
    for fault in chosen:
        began = time.monotonic()
        found = try_fault(fault, is_quick=QUICK in words)
        sys.stdout.write(write_line(fault, found, seconds=time.monotonic() - began) + "\n")
        sys.stdout.flush()
        failed += [] if found.is_well else [fault.code]
    partly = [fault.code for fault in chosen if fault.left_out]
    told = f"{len(chosen) - len(failed)} of {len(chosen)} as expected; something is left out in {len(partly)}"
    sys.stderr.write(f"chaos: {told}{'; NOT as expected: ' + ' '.join(failed) if failed else ''}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
