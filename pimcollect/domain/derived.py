"""What the server works out by itself: the type of household and the disability cut-off. Sent values are ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pimcollect.domain.answers import Answers, last_name
from pimcollect.domain.version import Version

HOUSEHOLD_TYPE = "dem_hhtype"
DISABILITY = "dem_disab"
FUNCTIONING = ("wg_see", "wg_hear", "wg_walk", "wg_rem", "wg_care", "wg_comm")
CUT_OFF = frozenset({"lot_diff", "cannot"})
"""Washington Group Short Set: disability = at least one domain with a lot of difficulty or not at all."""

ADULT_FROM, OLDER_FROM = 18, 60

Derivation = Callable[[Answers], None]
"""Puts the derived answer into the answers, or takes a sent one out."""


def decide_household_type(members: list[Answers]) -> str | None:
    """child_headed, older_headed, single_caregiver or other; None when the roster does not tell.

    Child-headed: everybody, or the named head, is under 18. Older-headed: the head (without one: every adult) is 60 or
    older. Single caregiver: exactly one adult lives with one child or more. A member without an age could be anybody:
    then only what the named head's age tells is said.
    """
    ages = [member.get("age") for member in members]
    heads = [member.get("age") for member in members if member.get("rel") == "head"]
    head = heads[0] if len(heads) == 1 else None
    if head is not None and head < ADULT_FROM:
        return "child_headed"
    if head is not None and head >= OLDER_FROM:
        return "older_headed"
    known = [age for age in ages if age is not None]
    if not known or len(known) < len(ages):
        return None
    adults = [age for age in known if age >= ADULT_FROM]
    if not adults:
        return "child_headed"
    if head is None and min(adults) >= OLDER_FROM:
        return "older_headed"
    return "single_caregiver" if len(adults) == 1 and len(known) > 1 else "other"


def decide_disability(answers: Answers) -> str | None:
    """yes when one domain reaches the cut-off, no when some were answered and none does, None when none was."""
    given = [answers[name] for name in FUNCTIONING if name in answers]
    if not given:
        return None
    return "yes" if any(answer in CUT_OFF for answer in given) else "no"


def _put(answers: Answers, key: str, value: Any) -> None:
    if value is None:
        answers.pop(key, None)
    else:
        answers[key] = value


def plan_derivations(version: Version) -> tuple[Derivation, ...]:
    """The derivations that a version has questions for."""
    keys = {question.key for question in version.questions if not question.repeat}
    rosters = [
        last_name(path)
        for path in version.repeats
        if any(question.repeat == path and question.key == "age" for question in version.questions)
    ]
    plan: list[Derivation] = []
    if HOUSEHOLD_TYPE in keys and rosters:
        roster = rosters[0]
        plan.append(lambda answers: _put(answers, HOUSEHOLD_TYPE, decide_household_type(answers.get(roster, []))))
    if DISABILITY in keys and keys.issuperset(FUNCTIONING):
        plan.append(lambda answers: _put(answers, DISABILITY, decide_disability(answers)))
    return tuple(plan)
