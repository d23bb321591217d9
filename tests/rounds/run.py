"""`make rounds`: every form filled many times by both engines, and the screening whole.

Ends with 1 when anything is wrong. `python -m tests.rounds.run fill --runs 200 --seed 1` runs one part.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from forms.selection import KINDS
from forms.xform import validate_with_odk
from tests.rounds import screening
from tests.rounds.editions import shuffle_editions
from tests.rounds.filling import ENGINES, Round, build
from tests.rounds.pulls import play
from tests.rounds.resends import AT_ONCE, resend

Findings = Iterator[tuple[str, bool]]
"""A line to print, and whether all is well with it."""


def run_fillings(options: argparse.Namespace) -> Findings:
    """Each form in English, French and Arabic by each engine."""
    for form in KINDS:
        for engine in ENGINES:
            started = time.monotonic()
            done = Round(form, engine).run(range(options.seed, options.seed + options.runs))
            seconds = time.monotonic() - started
            told = f"{form:8} {engine:14} {done.runs} runs, {done.refused} refused, {done.answers} answers"
            yield f"{told}, {len(done.faults)} faults, {seconds:.0f} s", not done.faults
            for fault, number in done.faults.most_common():
                yield f"    {number} x {fault}", False


def run_screening(_: argparse.Namespace) -> Findings:
    """All combinations, on both telephones and on the server, beside the table."""
    table = [screening.say_table(*codes) for codes in screening.list_combinations()]
    asked: dict[str, Callable[[str], list[str]]] = {
        "javarosa": screening.ask_javarosa,
        "xforms_engine": screening.ask_xforms_engine,
        "server": screening.ask_server,
    }
    for name, ask in asked.items():
        started = time.monotonic()
        said = ask("hh_core")
        wrong = sum(one != other for one, other in zip(said, table, strict=True))
        counts = ", ".join(f"{number} {word}" for word, number in sorted(Counter(said).items()))
        seconds = time.monotonic() - started
        yield f"screening {name:14} {len(said)} combinations ({counts}), {wrong} wrong, {seconds:.0f} s", wrong == 0


def run_validation(_: argparse.Namespace) -> Findings:
    """pyxform converts each form without a warning (a build refuses one), and ODK Validate finds nothing."""
    for form in KINDS:
        verdict = validate_with_odk(build(form).xform)
        yield f"{form:8} {verdict.message}", verdict.is_valid is True


def run_resends(options: argparse.Namespace) -> Findings:
    """The phones' door: identical posts at the same moment are one record, and none of them is refused."""
    started = time.monotonic()
    done = resend(options.runs)
    told = ", ".join(f"{number} x {status}" for status, number in sorted(done.statuses.items()))
    is_well = done.wrong == 0 and done.entries == done.rounds
    seconds = time.monotonic() - started
    yield f"resends: {done.rounds} rounds of {AT_ONCE}, {told}, {done.entries} entries, {seconds:.0f} s", is_well


def run_pulls(_: argparse.Namespace) -> Findings:
    """A Kobo of 35,000 in trouble, pulled by workers that are killed."""
    result = play(count=35_000, kills=25, life=2_000)
    yield str(result), result.is_well


def run_editions(_: argparse.Namespace) -> Findings:
    """A thousand roots whose editions, withdrawals and deletions come in any order."""
    differing = shuffle_editions(1000)
    yield f"editions: 1000 permutations of real deliveries, {differing} differ from the ordered result", not differing


PARTS: dict[str, Callable[[argparse.Namespace], Findings]] = {
    "validate": run_validation,
    "fill": run_fillings,
    "screening": run_screening,
    "resends": run_resends,
    "pulls": run_pulls,
    "editions": run_editions,
}


def main(words: Sequence[str]) -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(prog="tests.rounds.run", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"which parts; all of them: {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=200, help="fillings of each form by each engine")
    parser.add_argument("--seed", type=int, default=1, help="number of the first person")
    options = parser.parse_args(words)
    if unknown := [one for one in options.parts if one not in PARTS]:
        parser.error(f"there is no part {unknown[0]}")
    sys.stdout.write(f"people {options.seed} to {options.seed + options.runs - 1}\n")
    are_well = []
    for part in options.parts or PARTS:
        for line, is_well in PARTS[part](options):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            are_well.append(is_well)
    return 0 if all(are_well) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
