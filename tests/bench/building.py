"""How long a form takes to build from the bank, beside pyxform's own conversion of the same workbook."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from pyxform.xls2xform import convert

from forms.bank import read_starter
from forms.places import read_starter_places
from forms.release import build_form
from tests.bench.bodies import HOUSEHOLD
from tests.bench.measure import Figure, take_rounds

GATE = 1.5
ROUNDS = 9


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def measure_building(*, rounds: int = ROUNDS) -> Figure:
    """Milliseconds from the bank in memory to workbook, XForm and frozen version."""
    catalogue, places = read_starter(), read_starter_places()
    workbook = build_form(catalogue, HOUSEHOLD, places=places).xlsx
    convert(io.BytesIO(workbook), file_type=".xlsx")

    taken = take_rounds(
        lambda: _milliseconds(lambda: build_form(catalogue, HOUSEHOLD, places=places)),
        lambda: _milliseconds(lambda: convert(io.BytesIO(workbook), file_type=".xlsx")),
        rounds=rounds,
    )
    return Figure(
        part="build",
        what="form build",
        unit="ms",
        value=taken.value,
        floor=taken.floor,
        floor_is="pyxform's conversion of the same workbook",
        ratio=taken.ratio,
        gate=f"<= {GATE} x",
        is_ok=taken.ratio <= GATE,
        notes={"form": HOUSEHOLD, "bytes": len(workbook)},
    )
