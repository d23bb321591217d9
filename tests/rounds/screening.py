"""The screening over all 2,880 combinations of its inputs: on the telephone in both engines, and on the server."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pimcollect.domain.decide import decide, prepare
from pimcollect.domain.outcomes import Directory, Kept
from tests.engines import javarosa, xforms_engine
from tests.rounds.filling import build

INPUTS: Mapping[str, tuple[str, ...]] = {
    "ers_danger": ("calm", "some", "strong", "threat"),
    "ers_pressure": ("none", "insists", "answers_for", "watches"),
    "ers_setting": ("nobody", "family_adults", "children", "neighbours", "officials"),
    "ers_match": ("yes", "no", "not_needed"),
    "ers_suspicion": ("no", "maybe", "yes"),
    "ers_aside": ("already_alone", "yes", "no", "not_asked"),
}
AGREED = {"con_adult": "yes", "con_lang": "en", "con_understood": "correct", "con_interview": "yes", "con_share": "yes"}
FIRST = {name: codes[0] for name, codes in INPUTS.items()}
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def say_table(danger: str, pressure: str, setting: str, match: str, suspicion: str, aside: str) -> str:
    """The table of docs/imo/bank.md, row by row."""
    if danger in ("strong", "threat"):
        return "stop"
    if pressure != "none" or setting == "officials" or match == "no":
        return "general"
    if setting == "nobody":
        return "all"
    return "apart" if suspicion == "no" and aside == "yes" else "general"


def list_combinations(inputs: Mapping[str, Sequence[str]] = INPUTS) -> list[tuple[str, ...]]:
    """Every combination, the last input turning fastest."""
    return list(itertools.product(*inputs.values()))


def ask_javarosa(form: str, inputs: Mapping[str, Sequence[str]] = INPUTS) -> list[str]:
    """What the telephone of ODK Collect decides. Raises EngineMissingError."""
    return javarosa.load_engine().vary(build(form).xform, {**AGREED, **FIRST}, inputs, read="ers_decision")


def ask_xforms_engine(form: str, inputs: Mapping[str, Sequence[str]] = INPUTS) -> list[str]:
    """What ODK Web Forms decides. Raises EngineMissingError."""
    return xforms_engine.load_engine().vary(build(form).xform, {**AGREED, **FIRST}, inputs, read="ers_decision")


def ask_server(form: str, inputs: Mapping[str, Sequence[str]] = INPUTS) -> list[str]:
    """What the server decides of submissions with these answers, whatever the telephone said."""
    prepared = prepare(build(form).version)
    paths = {question.key: question.path for question in build(form).version.questions}
    said = []
    for codes in list_combinations(inputs):
        answers = {**AGREED, **dict(zip(inputs, codes, strict=True)), "ers_decision": "all"}
        sent = {paths[name]: code for name, code in answers.items()}
        decision = decide(sent, prepared, Directory(places={}), received_at=NOW)
        said.append(str(decision.screening) if isinstance(decision, Kept) else type(decision).__name__)
    return said
