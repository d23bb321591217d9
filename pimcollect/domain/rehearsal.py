"""Rehearse a form: invented answers through the same decision as real submissions, held against what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pimcollect.domain.answers import UNKNOWN_FIELDS, read_values
from pimcollect.domain.decide import Prepared, decide_answers
from pimcollect.domain.outcomes import Course, Decision, Directory, Kept, Refused

Result = tuple[str, str, str]
"""Pathway, urgency, course."""


@dataclass(frozen=True)
class Rehearsed:
    """What became of one scenario. `differences` is empty when all of it was expected."""

    id: str
    case: str
    store: str
    """tombstone, internal, shareable, or held."""
    results: tuple[Result, ...]
    services: Mapping[str, str | None]
    """Pathway -> code of the service that would be told; None = nobody serves this person in this area."""
    differences: tuple[str, ...]
    notes: tuple[str, ...]
    """What the scenario says that this form cannot hear: misspelt, or not asked here."""


def overlay(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The base answers with a scenario's own over them; null means not answered."""
    return {key: value for key, value in {**base, **own}.items() if value is not None}


def rehearse(
    scenario: Mapping[str, Any],
    base: Mapping[str, Any],
    prepared: Prepared,
    directory: Directory,
    *,
    received_at: datetime,
) -> Rehearsed:
    """Decide one scenario and compare. `scenario` has id, answers, store, result and perhaps also (see the bank)."""
    given = overlay(base, scenario["answers"])
    answers, findings = read_values(given, prepared.version)
    asked = {question.repeat.rpartition("/")[2] or question.key for question in prepared.version.questions}
    notes = [f"this form does not ask {key}" for key in scenario["answers"] if key not in asked]
    notes += [f"not an answer of this form: {finding}" for finding in sorted(findings) if finding != UNKNOWN_FIELDS]
    decision = decide_answers(answers, findings, prepared, directory, received_at=received_at)
    store, results = _tell_store(decision), _tell_results(decision)
    differences = []
    if store != scenario["store"]:
        differences.append(f"kept as {store}, expected {scenario['store']}")
    expected = tuple(sorted((str(a), str(b), str(c)) for a, b, c in scenario["result"]))
    for missing in sorted(set(expected) - set(results)):
        differences.append(f"missing: {' '.join(missing)}")
    for extra in sorted(set(results) - set(expected)):
        differences.append(f"not expected: {' '.join(extra)}")
    differences += _compare_also(decision, scenario.get("also") or {})
    items = decision.items if isinstance(decision, Kept) else ()
    return Rehearsed(
        id=str(scenario["id"]),
        case=str(scenario.get("case", "")),
        store=store,
        results=results,
        services={one.pathway: one.service for one in items if one.course is not Course.COUNT},
        differences=tuple(differences),
        notes=tuple(notes),
    )


def _tell_store(decision: Decision) -> str:
    if isinstance(decision, Refused):
        return "tombstone"
    if isinstance(decision, Kept):
        return "shareable" if decision.may_share else "internal"
    return f"held: {decision.reason}"


def _tell_results(decision: Decision) -> tuple[Result, ...]:
    if not isinstance(decision, Kept):
        return ()
    return tuple(sorted((item.pathway, item.urgency, item.course.value) for item in decision.items))


def _compare_also(decision: Decision, also: Mapping[str, Any]) -> list[str]:
    """Further checks: the screening decided here, names that must not be stored, roster age bands in order."""
    if not isinstance(decision, Kept):
        return [f"cannot be compared: {name}" for name in also if name != "dropped"]
    differences = []
    if "ers_decision" in also and decision.screening != also["ers_decision"]:
        differences.append(f"screening decided {decision.screening}, expected {also['ers_decision']}")
    stored = {*decision.treated.shared, *decision.treated.restricted}
    differences += [f"stored, but should be dropped: {name}" for name in also.get("dropped", ()) if name in stored]
    if "roster_bands" in also:
        bands = [member.get("age") for member in decision.treated.shared.get("roster", ())]
        if bands != also["roster_bands"]:
            differences.append("the age bands of the roster differ")
    return differences
