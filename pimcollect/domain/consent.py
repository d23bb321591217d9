"""Consent: a yes is a yes only when every named question was answered so. Everything else is no."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pimcollect.domain.version import Condition, ConsentMap


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


def was_asked(answers: Mapping[str, object], conditions: tuple[Condition, ...], *, unread: Collection[str]) -> bool:
    """Whether anything was answered to any of the questions, be it unreadable."""
    return any(one.question in answers or one.question in unread for one in conditions)


def said_no(answers: Mapping[str, object], conditions: tuple[Condition, ...], *, unread: Collection[str]) -> bool:
    """Whether a question was answered otherwise than with an accepted code: a no that no other copy undoes."""
    return any(
        one.question in unread or (one.question in answers and not has_consent(answers, (one,))) for one in conditions
    )


def is_clear(answers: Mapping[str, object], consent: ConsentMap, *, unread: Collection[str]) -> bool:
    """Whether a yes or a no was said in the codes of the form, where a mapping of somebody else's may be wrong.

    A value that is no code is neither, for whatever was asked (`unread` = the keys that came with such a value). And
    a no to keeping it must have been said: with a wrong path nobody's answer would be there at all.
    """
    asked = (*consent.keep, *consent.share, *consent.refer, *consent.media)
    if any(one.question in unread for one in asked):
        return False
    if not consent.keep or has_consent(answers, consent.keep):
        return True
    said = [(answers.get(one.question), one.accepted) for one in consent.keep]
    return any(isinstance(answer, str) and answer not in accepted for answer, accepted in said)
