"""What is done to one answer before anything is stored: an operator for each kind of treatment.

An operator writes into the shared and the restricted answers, or into neither. A value that it cannot treat becomes
null and is counted by its reason; it is never passed on. What a question may be given is checked in `plan_checks`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pimcollect.domain.leaves import CHOICE_TYPES, SET_TYPES, read_date, read_decimal, read_integer
from pimcollect.domain.outcomes import Directory, Pseudonyms
from pimcollect.domain.places import climb
from pimcollect.domain.spelling import normalise
from pimcollect.domain.version import Choice, Question

AGE_CUTS = (0, 5, 12, 18, 60)
MAX_AGE = 120
MAX_PATTERN_TEXT = 128
"""Longer texts fit no pattern: those are for codes, not for sentences."""

Room = dict[str, Any]
Choices = Mapping[str, tuple[Choice, ...]]


class Desk:
    """What operators may look at while one submission is treated."""

    __slots__ = ("directory", "findings", "pseudonyms")

    def __init__(self, findings: dict[str, int], directory: Directory, pseudonyms: Pseudonyms | None) -> None:
        self.findings = findings
        self.directory = directory
        self.pseudonyms = pseudonyms

    def note(self, key: str, reason: str) -> None:
        """Count why an answer became null."""
        finding = f"{key} {reason}"
        self.findings[finding] = self.findings.get(finding, 0) + 1


Operator = Callable[[Any, Room, Room, Desk], None]
"""(typed answer, shared, restricted, desk) -> nothing; it writes."""

Maker = Callable[[Question, Choices], Operator | None]
"""Makes the operator of a question; None drops the answer."""


def _drop(question: Question, choices: Choices) -> Operator | None:
    return None


def _shape(question: Question) -> Callable[[Any], bool]:
    """Whether a value is a code of the treatment's pattern; everything is when there is none."""
    pattern = question.treatment.options.get("pattern")
    if pattern is None:
        return lambda value: True
    shape = re.compile(pattern)
    return lambda value: (
        isinstance(value, str) and len(value) <= MAX_PATTERN_TEXT and shape.fullmatch(value) is not None
    )


def _keep(question: Question, choices: Choices) -> Operator:
    key, fits = question.key, _shape(question)

    def run(value: Any, shared: Room, restricted: Room, desk: Desk) -> None:
        if fits(value):
            shared[key] = value
        else:
            shared[key] = None
            desk.note(key, "other_pattern")

    return run


def _restrict(question: Question, choices: Choices) -> Operator:
    key, fits = question.key, _shape(question)

    def run(value: Any, shared: Room, restricted: Room, desk: Desk) -> None:
        if fits(value):
            restricted[key] = value
        else:
            desk.note(key, "other_pattern")

    return run


def band_label(number: int, cuts: Sequence[int] = AGE_CUTS) -> str:
    """The name of the band that holds a number not below the first cut: `0-4`, `18-59`, `60+`."""
    for low, high in itertools.pairwise(cuts):
        if number < high:
            return f"{low}-{high - 1}" if high - low > 1 else str(low)
    return f"{cuts[-1]}+"


def _band(question: Question, choices: Choices) -> Operator:
    key, options = question.key, question.treatment.options
    cuts = tuple(options.get("cuts") or AGE_CUTS)
    highest = int(options.get("max", MAX_AGE if cuts[-1] <= MAX_AGE else 10**15))
    labels = {number: band_label(number, cuts) for number in range(cuts[0], min(highest, MAX_AGE) + 1)}

    def run(value: Any, shared: Room, restricted: Room, desk: Desk) -> None:
        number = value if value.__class__ is int else read_integer(value)
        if number.__class__ is not int:
            shared[key] = None
            desk.note(key, "not_a_whole_number")
        elif not cuts[0] <= number <= highest:
            shared[key] = None
            desk.note(key, "out_of_range")
        else:
            shared[key] = labels.get(number) or band_label(number, cuts)

    return run


def coarsen_date(day: str, precision: str) -> str:
    """`2026-11-20` as day, month (`2026-11`), quarter (`2026-Q4`) or year (`2026`)."""
    if precision == "day":
        return day
    if precision == "month":
        return day[:7]
    return day[:4] if precision == "year" else f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"


def _date(question: Question, choices: Choices) -> Operator:
    key, options = question.key, question.treatment.options
    precision, outside = options.get("to", "month"), options.get("shared")

    def run(value: Any, shared: Room, restricted: Room, desk: Desk) -> None:
        day = read_date(value)
        if day.__class__ is not str:
            shared[key] = None
            desk.note(key, "bad_date")
        elif outside is None:
            shared[key] = coarsen_date(day, precision)
        else:
            restricted[key] = coarsen_date(day, precision)
            shared[key] = coarsen_date(day, outside)

    return run


def recode_map(question: Question, choices: Choices) -> dict[str, str]:
    """Code -> the coarser code that may be shared: of the plan, else of the choice list. Without one: not in it."""
    told = question.treatment.options.get("map")
    if told is not None:
        return {str(code): str(broader) for code, broader in told.items() if broader}
    return {choice.code: choice.broader for choice in choices.get(question.choices, ()) if choice.broader}


def _recode(question: Question, choices: Choices) -> Operator:
    key, broader = question.key, recode_map(question, choices)
    other = question.treatment.options.get("other")
    is_set, keeps_detail = question.type in SET_TYPES, question.type in CHOICE_TYPES

    def run(value: Any, shared: Room, restricted: Room, desk: Desk) -> None:
        if keeps_detail:
            restricted[key] = value
        codes = value if is_set else (value,)
        coarse = tuple(dict.fromkeys(name for code in codes if (name := broader.get(code, other)) is not None))
        if coarse:
            shared[key] = coarse if is_set else coarse[0]

    return run


def _coarsen(question: Question, choices: Choices) -> Operator:
    key, level = question.key, int(question.treatment.options.get("level", 2))
    reason = "no_polygons" if question.type == "geopoint" else "unknown_place"

    def run(value: Any, shared: Room, restricted: Room, desk: Desk) -> None:
        shared[key] = climb(desk.directory, value, level=level)
        if shared[key] is None:
            desk.note(key, reason)

    return run


def _topcode(question: Question, choices: Choices) -> Operator:
    key, top = question.key, question.treatment.options.get("from", 4)
    label = f"{top}+"

    def run(value: Any, shared: Room, restricted: Room, desk: Desk) -> None:
        number = value if value.__class__ is int else read_decimal(value)
        if number.__class__ not in {int, float} or number < 0:
            shared[key] = None
            desk.note(key, "out_of_range")
        else:
            shared[key] = label if number >= top else number

    return run


def _round(question: Question, choices: Choices) -> Operator:
    key, step = question.key, question.treatment.options.get("to", 5)

    def run(value: Any, shared: Room, restricted: Room, desk: Desk) -> None:
        number = value if value.__class__ is int else read_decimal(value)
        if number.__class__ not in {int, float} or number < 0:
            shared[key] = None
            desk.note(key, "out_of_range")
        else:
            restricted[key] = number
            shared[key] = int((2 * number + step) // (2 * step)) * step

    return run


def _pseudonym(question: Question, choices: Choices) -> Operator:
    key, options = question.key, question.treatment.options
    domain, norm, country = str(options["domain"]), str(options["norm"]), str(options.get("country", ""))

    def run(value: Any, shared: Room, restricted: Room, desk: Desk) -> None:
        restricted[key] = None
        make = None if desk.pseudonyms is None else desk.pseudonyms.make
        spelled = normalise(value, norm, country=country) if value.__class__ is str else None
        if make is None:
            desk.note(key, "no_pseudonym_key")
        elif spelled is None:
            desk.note(key, "too_short")
        else:
            restricted[key] = make(domain, spelled)

    return run


MAKERS: dict[str, Maker] = {
    "drop": _drop,
    "keep": _keep,
    "derive": _drop,  # a flag or a count is made of it first; the answer itself goes nowhere
    "vault": _drop,  # only the sealed package of a referral carries it
    "restrict": _restrict,
    "recode": _recode,
    "band": _band,
    "date": _date,
    "coarsen": _coarsen,
    "topcode": _topcode,
    "round": _round,
    "pseudonym": _pseudonym,
}
"""All kinds of treatment. A new one is a maker here, its options in `plan_checks`, and a promise in the tests."""

SHARED_KINDS = frozenset({"keep", "recode", "band", "date", "coarsen", "topcode", "round"})
"""Those that share something of the answer under its own name."""
