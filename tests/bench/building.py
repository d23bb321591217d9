"""How long a form takes to build from the bank, beside pyxform's own conversion of the same workbook."""

from __future__ import annotations

import copy
import io
import json
import time
from collections.abc import Callable
from typing import Any

from pyxform.xls2xform import convert

from forms import starter
from forms.bank import read_catalogue, read_starter
from forms.places import read_starter_places
from forms.release import Frozen, build_form
from forms.texts import list_texts
from tests.bench.bodies import HOUSEHOLD
from tests.bench.measure import Figure, take_rounds

GATE = 1.5
WIDE_GATE = 1.3
ROUNDS = 9
QUESTIONS = 300
LANGUAGES = ("en", "fr", "ar", "es")


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


def lay_wide_bank() -> dict[str, Any]:
    """The starter bank with so many more items that the household form asks 300 questions, each in four languages:
    French, Arabic and Spanish stand in the bank itself."""
    bank: dict[str, Any] = copy.deepcopy(json.loads(starter.read_bytes("bank.json")))
    pattern = next(row for row in bank["items"] if row["id"] == "F01")
    asked = sum("H" in row["tools"] for row in bank["items"])
    for number in range(QUESTIONS - asked):
        name = f"more_{number}"
        codes = [{"code": f"c{one}", "label": f"Answer {one} of question {number}"} for one in range(6)]
        bank["choice_lists"][name] = [*codes, {"code": "dk", "label": "Does not know"}]
        question = {"id": f"Y{number // 26:02d}{chr(97 + number % 26)}", "name": name, "key": name, "choices": name}
        bank["items"].append({**pattern, **question, "tools": "H", "q": f"What about matter {number} at this place?"})
    bank["translations"] = [
        {"part": one.part, "key": one.key, "language": language, "text": f"{one.english} ({language})"}
        | {"source": one.english, "state": "back_translated", "translator": "bench", "back": one.english}
        for one in list_texts(bank)
        for language in LANGUAGES[1:]
    ]
    return bank


def measure_wide_building(*, rounds: int = ROUNDS) -> Figure:
    """The same for a form of 300 questions in four languages."""
    catalogue, places = read_catalogue(lay_wide_bank()), read_starter_places()

    def build() -> Frozen:
        return build_form(catalogue, "hh", places=places, languages=LANGUAGES)

    frozen = build()
    convert(io.BytesIO(frozen.xlsx), file_type=".xlsx")
    taken = take_rounds(
        lambda: _milliseconds(build),
        lambda: _milliseconds(lambda: convert(io.BytesIO(frozen.xlsx), file_type=".xlsx")),
        rounds=rounds,
    )
    return Figure(
        part="wide",
        what="form build, 300 questions x 4 languages",
        unit="ms",
        value=taken.value,
        floor=taken.floor,
        floor_is="pyxform's conversion of the same workbook",
        ratio=taken.ratio,
        gate=f"<= {WIDE_GATE} x",
        is_ok=taken.ratio <= WIDE_GATE,
        notes={"items": len({one.item for one in frozen.version.questions if one.item}), "bytes": len(frozen.xlsx)},
    )
