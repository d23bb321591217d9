"""`make bench`: every figure beside its floor of the same run, as a table or with --json.

Ends with 1 when a gate fails. `python -m tests.bench.run intake decide` measures only these parts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence

from tests.bench.banking import measure_bank_import, measure_near
from tests.bench.building import measure_building, measure_wide_building
from tests.bench.deciding import measure_deciding
from tests.bench.growth import measure_growth
from tests.bench.intake import measure_intake
from tests.bench.latency import measure_latency
from tests.bench.measure import Figure, describe_machine, list_figures, write_table
from tests.bench.memory import measure_memory
from tests.bench.phones import measure_phones
from tests.bench.pulling import measure_backfill
from tests.bench.reading import measure_reading
from tests.bench.settling import measure_settling

PARTS: dict[str, Callable[[], Figure]] = {
    "decide": measure_deciding,
    "build": measure_building,
    "wide": measure_wide_building,
    "bank": measure_bank_import,
    "near": measure_near,
    "read": measure_reading,
    "settle": measure_settling,
    "backfill": measure_backfill,
    "intake": measure_intake,
    "phones": measure_phones,
    "latency": measure_latency,
    "growth": measure_growth,
    "memory": measure_memory,
}


def main(words: Sequence[str]) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="tests.bench.run", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"which parts; all of them: {', '.join(PARTS)}")
    parser.add_argument("--json", action="store_true", dest="as_json")
    chosen = parser.parse_args(words)
    if unknown := [one for one in chosen.parts if one not in PARTS]:
        parser.error(f"there is no part {unknown[0]}")
    figures = []
    started, machine = time.monotonic(), describe_machine()
    for part in chosen.parts or PARTS:
        if not chosen.as_json:
            sys.stderr.write(f"measuring {part} ...\n")
        figures.append(PARTS[part]())
    if chosen.as_json:
        sys.stdout.write(json.dumps({"machine": machine, "figures": list_figures(figures)}, default=str) + "\n")
    else:
        seconds = time.monotonic() - started
        sys.stdout.write(f"{write_table(figures)}\n\n{machine['cores']} cores, {seconds:.0f} seconds\n")
    missed = [one for one in figures if not one.is_ok]
    if missed and describe_machine()["load"] > 2 * (machine["cores"] or 1):
        sys.stderr.write("Others use this machine too: measure again when it is quiet.\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
