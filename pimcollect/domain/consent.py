"""Consent: a yes is a yes only when every named question was answered so. Everything else is no."""

from __future__ import annotations

from collections.abc import Mapping

from pimcollect.domain.version import Condition


def has_consent(answers: Mapping[str, object], conditions: tuple[Condition, ...]) -> bool:
    """True when there are conditions and each question's answer is one of its accepted codes.

    Absent, unknown, list-valued and unreadable answers are no; so is an empty list of conditions.
    """
    if not conditions:
        return False
    for condition in conditions:
        answer = answers.get(condition.question)
        if not isinstance(answer, str) or answer not in condition.accepted:
            return False
    return True
