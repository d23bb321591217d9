"""How long a large XLSForm takes into proposals for a large bank, and how much memory its reader takes."""

from __future__ import annotations

import io
import random
import resource
import time
from collections.abc import Callable
from functools import cache

from pyxform.xls2xform import convert

from forms.bank import read_catalogue
from forms.child import BOUNDS
from forms.grids import write_workbook
from forms.proposals import propose_form, read_form
from pimcollect.domain.catalogue import Catalogue
from tests.bench.banking import ITEMS, make_bank
from tests.bench.measure import Figure, take_rounds

QUESTIONS, GATE, ROUNDS = 1_000, 3.0, 5
_LANGUAGES = ("English (en)", "French (fr)", "Arabic (ar)")
_GROUP, _LIST = 20, 8


@cache
def read_large_bank() -> Catalogue:
    """The bank that the form is compared with."""
    return read_catalogue(make_bank(ITEMS))


def make_form(number: int) -> bytes:
    """An XLSForm of so many questions in three languages, in groups of twenty, every fifth of them a repeat; a part of
    its questions is worded nearly as the bank words them."""
    chance = random.Random(7)  # noqa: S311 - the same form each time
    known = [item.label["en"] for item in read_large_bank().items if item.label]
    words = sorted({word for label in known for word in label.split()})
    labels = [f"label::{language}" for language in _LANGUAGES]
    survey = [["type", "name", *labels, "relevant", "constraint", "hint::English (en)", "chapter"]]
    choices = [["list_name", "name", *labels]]
    for at in range(number):
        if at % _GROUP == 0:
            kind = "repeat" if at % (5 * _GROUP) == 0 else "group"
            survey.append([f"begin {kind}", f"part{at}", *(f"Part {at}" for _ in labels), "", "", "", ""])
        type_ = ("integer", f"select_one list{at % 40}", f"select_multiple list{at % 40}", "text")[at % 4]
        said = chance.choice(known) if at % 3 == 0 else " ".join(chance.sample(words, 9))
        relevant = f"${{q{at - 1}}} != ''" if at % _GROUP else ""
        survey.append(
            [type_, f"q{at}", said, f"Question {at} en français", f"سؤال {at}", relevant, "", f"Hint {at}", "A"]
        )
        if at % _GROUP == _GROUP - 1 or at == number - 1:
            survey.append([f"end {kind}", "", *("" for _ in labels), "", "", "", ""])
    for list_ in range(40):
        for code in range(_LIST):
            choices.append([f"list{list_}", f"c{code}", *(f"Choice {code} of {list_}" for _ in labels)])
    return write_workbook({"survey": survey, "choices": choices}, title="large")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _processor() -> float:
    """Seconds of the processor, children's too."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def measure_reading(*, number: int = QUESTIONS, rounds: int = ROUNDS) -> Figure:
    """Seconds from the bytes of the workbook to proposals: guarded, read in a child, matched to a bank of 2,000."""
    book, bank = make_form(number), read_large_bank()

    def read() -> None:
        sheets, outline = read_form(book, name="large")
        rows = propose_form(sheets, outline, bank).rows
        if len(rows) != number:
            raise AssertionError(len(rows))

    taken = take_rounds(
        lambda: _seconds(read),
        lambda: _seconds(lambda: convert(io.BytesIO(book), file_type=".xlsx")),
        rounds=rounds,
    )
    before = _processor()
    read()
    processor = _processor() - before
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return Figure(
        part="read",
        what=f"intake of an XLSForm, {number:,} questions x {len(_LANGUAGES)} languages, bank of {ITEMS:,}",
        unit="s",
        value=taken.value,
        floor=taken.floor,
        floor_is="pyxform's conversion of the same workbook, in this process",
        ratio=taken.ratio,
        gate=f"<= {GATE:.0f} s, child < {BOUNDS.memory // 1024 // 1024} MB",
        is_ok=taken.value <= GATE and megabytes < BOUNDS.memory // 1024 // 1024,
        notes={"bytes": len(book), "child_megabytes": megabytes, "processor_seconds": round(processor, 2)},
    )
