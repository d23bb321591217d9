"""How figures are taken: in rounds, each beside its floor, and judged by the middle of all rounds."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured figure beside the floor of the same run. `gate` is what it must reach."""

    part: str
    what: str
    unit: str
    value: float
    floor: float
    floor_is: str
    ratio: float
    gate: str
    is_ok: bool
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Rounds:
    """What was measured in each round: the figure, and its floor right before or after it."""

    values: list[float] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)

    @property
    def value(self) -> float:
        """The middle of the figure."""
        return statistics.median(self.values)

    @property
    def floor(self) -> float:
        """The middle of the floor."""
        return statistics.median(self.floors)

    @property
    def ratio(self) -> float:
        """The middle of the rounds' own ratios: a noisy moment hits both sides of a round alike."""
        return statistics.median(value / floor for value, floor in zip(self.values, self.floors, strict=True))


def take_rounds(measure: Callable[[], float], measure_floor: Callable[[], float], *, rounds: int) -> Rounds:
    """Measure both in turns; who goes first changes from round to round."""
    taken = Rounds()
    for number in range(rounds):
        if number % 2:
            taken.floors.append(measure_floor())
            taken.values.append(measure())
        else:
            taken.values.append(measure())
            taken.floors.append(measure_floor())
    return taken


def count_per_cpu_second(work: Callable[[], object], *, times: int) -> float:
    """How often `work` can be done in a second of one core, other processes on the machine left out."""
    gc.collect()
    started = time.process_time()
    for _ in range(times):
        work()
    return times / (time.process_time() - started)


def percentile(values: list[float], part: float) -> float:
    """The value below which `part` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def describe_machine() -> dict[str, Any]:
    """What a figure must be read with."""
    return {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}


def _short(number: float) -> str:
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"


def write_table(figures: list[Figure]) -> str:
    """The figures as a table for people."""
    rows = [("figure", "measured", "floor", "ratio", "gate", "")]
    rows += [
        (
            one.what,
            f"{_short(one.value)} {one.unit}",
            f"{_short(one.floor)} {one.unit}",
            f"{one.ratio:.2f}",
            one.gate,
            "ok" if one.is_ok else "MISSED",
        )
        for one in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    floors = [f"  {one.part}: the floor is {one.floor_is}" for one in figures]
    return "\n".join([*lines, "", *floors])


def list_figures(figures: list[Figure]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [asdict(one) for one in figures]
