"""How long a large bank takes: imported from a workbook, and searched for questions that are nearly the same."""

from __future__ import annotations

import copy
import difflib
import io
import itertools
import json
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import openpyxl
from sqlalchemy.orm import Session

from forms import starter
from forms.bank_files import read_bank_bytes, write_bank
from pimcollect.actions.banks import Bank, import_bank
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.domain.similarity import find_pairs
from tests.bench.grounds import open_ground
from tests.bench.measure import Figure, take_rounds

ITEMS = 2000
IMPORT_GATE, NEAR_GATE = 5.0, 2.0
NEAR_MEGABYTES = 100
ROUNDS = 3
_CHOICES = 5
_PEER_PAIRS = 2000


def make_bank(number: int, *, version: str = "2026.9") -> dict[str, Any]:
    """The starter bank with invented indicators added until there are `number`, each with its own list."""
    document: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
    document["version"] = version
    models = [row for row in document["items"] if row["type"] == "select_one" and not row["rel"]]
    known = {row["id"] for row in document["items"]}
    words = sorted({word for row in document["items"] for word in row["q"].split()})
    chance = random.Random(2026)  # noqa: S311 - the same bank each time
    codes = (f"{one}{two:02d}{three}" for three in ascii_lowercase for one in ascii_uppercase for two in range(100))
    for id_ in itertools.islice((code for code in codes if code not in known), number - len(document["items"])):
        name = f"x_{id_.lower()}"
        document["choice_lists"][name] = [
            {"code": f"c{choice}", "label": f"Choice {choice} of {id_}"} for choice in range(_CHOICES)
        ]
        question = " ".join(chance.sample(words, 12))
        model = copy.deepcopy(chance.choice(models))
        document["items"].append(
            {**model, "id": id_, "name": name, "choices": name, "key": f"{name}.hh", "q": question}
        )
    return document


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_bank_import(*, rounds: int = ROUNDS) -> Figure:
    """Seconds from the bytes of a workbook to the committed bank: guarded, read, checked, compared, stored."""
    books = [
        write_bank(make_bank(ITEMS, version=f"9.{number}"), Path("bank.xlsx"))[Path("bank.xlsx")]
        for number in range(rounds)
    ]
    waiting = list(books)

    def look() -> None:
        book = openpyxl.load_workbook(io.BytesIO(books[0]), read_only=True)
        for sheet in book.worksheets:
            for _ in sheet.iter_rows(values_only=True):
                pass

    with open_ground() as settings:
        engine = open_engine(settings.database_url)

        def bring() -> None:
            document, catalogue = read_bank_bytes(waiting.pop(), is_workbook=True)
            with Session(engine) as session, session.begin():
                import_bank(session, COMMAND_LINE, Bank(catalogue.version, catalogue.sha256, document))

        taken = take_rounds(lambda: _seconds(bring), lambda: _seconds(look), rounds=rounds)
        engine.dispose()
    return Figure(
        part="bank",
        what=f"bank import, {ITEMS:,} indicators from .xlsx",
        unit="s",
        value=taken.value,
        floor=taken.floor,
        floor_is="openpyxl reading the same workbook and doing nothing with it",
        ratio=taken.ratio,
        gate=f"<= {IMPORT_GATE:.0f} s",
        is_ok=taken.value <= IMPORT_GATE,
        notes={"bytes": len(books[0])},
    )


def measure_near(*, rounds: int = ROUNDS) -> Figure:
    """Seconds to compare the labels of all questions with each other; the floor compares far fewer pairs."""
    labels = {row["id"]: row["q"] for row in make_bank(ITEMS)["items"]}
    pairs = list(itertools.islice(itertools.combinations(labels.values(), 2), _PEER_PAIRS))

    def compare() -> None:
        for one, other in pairs:
            difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()

    taken = take_rounds(lambda: _seconds(lambda: find_pairs(labels)), lambda: _seconds(compare), rounds=rounds)
    tracemalloc.start()
    find_pairs(labels)
    megabytes = tracemalloc.get_traced_memory()[1] // 1024 // 1024
    tracemalloc.stop()
    return Figure(
        part="near",
        what=f"near-duplicates among {ITEMS:,} questions",
        unit="s",
        value=taken.value,
        floor=taken.floor,
        floor_is=f"difflib on {_PEER_PAIRS:,} of the {ITEMS * (ITEMS - 1) // 2:,} pairs",
        ratio=taken.ratio,
        gate=f"<= {NEAR_GATE:.0f} s, < {NEAR_MEGABYTES} MB",
        is_ok=taken.value <= NEAR_GATE and megabytes < NEAR_MEGABYTES,
        notes={"megabytes": megabytes},
    )
