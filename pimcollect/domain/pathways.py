"""Pathways: what happens with a raised need, and who serves this person in this area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pimcollect.domain.answers import Answers
from pimcollect.domain.outcomes import Course, Directory, PathwayRule
from pimcollect.domain.places import find_lineage
from pimcollect.domain.treatments import band_label
from pimcollect.domain.version import Pathway, Version

UNKNOWN = "unknown"
"""The value of a dimension that the person did not tell. Its own row in the directory: never a guess."""

SUPERVISOR = "SUP"
"""The pathway whose services take alerts: they are told of an area and a kind of need, never of a person."""

SELF = "self"
"""Help for the respondent, and not for a child or another adult (bank, R03)."""


def choose_course(pathway: Pathway, urgency: str, *, may_refer: bool) -> Course:
    """What happens on a pathway (bank, section 7.5).

    A pathway without identity is a ticket; with consent to refer it is a referral; without it an urgent one alerts the
    supervisor without identity, except on a silent pathway; all else is counted only.
    """
    if not pathway.needs_identity:
        return Course.TICKET
    if may_refer:
        return Course.REFERRAL
    return Course.ALERT if urgency == "U" and not pathway.is_silent else Course.COUNT


@dataclass(frozen=True, slots=True)
class Person:
    """Where and who, as routing sees it. Each tuple holds the values that a rule may name, most exact first."""

    places: tuple[str, ...] = ()
    """P-codes from the finest known place up."""
    groups: tuple[str, ...] | None = (UNKNOWN,)
    sexes: tuple[str, ...] | None = (UNKNOWN,)
    ages: tuple[str, ...] | None = (UNKNOWN,)
    """None: not for the eyes of whoever asks (a person chooses a service by hand), so any value of a rule fits."""


class Profiler:
    """Reads place, group, sex and age of a submission; made once for a version."""

    __slots__ = ("_broader", "_places", "_profile")

    def __init__(self, version: Version) -> None:
        self._profile = version.profile
        self._places = tuple(reversed(version.profile.places))
        lists = {question.key: question.choices for question in version.questions if not question.repeat}
        self._broader: dict[str, Mapping[str, str | None]] = {}
        for key in (version.profile.group, version.profile.sex, version.profile.age):
            listed = version.choices.get(lists.get(key, ""), ())
            self._broader[key] = {choice.code: choice.broader for choice in listed}

    def find_places(self, answers: Answers, directory: Directory) -> tuple[str, ...]:
        """P-codes of the interview's place from the finest known up; empty when none is known."""
        for key in self._places:
            lineage = find_lineage(directory, answers.get(key))
            if lineage:
                return tuple(place.code for place in lineage)
        return ()

    def describe(self, answers: Answers, places: tuple[str, ...]) -> Person:
        """The person that routing sees: the household's place and group, and sex and age of whom the help is for."""
        profile = self._profile
        group = self._values(profile.group, answers)
        if profile.whom and answers.get(profile.whom, SELF) != SELF:
            return Person(places, group)
        return Person(places, group, self._values(profile.sex, answers), self._values(profile.age, answers))

    def _values(self, key: str, answers: Mapping[str, Any]) -> tuple[str, ...]:
        value = answers.get(key) if key else None
        if value.__class__ is int:
            return (band_label(value),) if 0 <= value <= 120 else (UNKNOWN,)
        if not isinstance(value, str) or value in {"dk", "pns"}:
            return (UNKNOWN,)
        broader = self._broader[key].get(value)
        return (value,) if broader is None or broader == value else (value, broader)


def _rank(named: str | None, values: tuple[str, ...] | None) -> int | None:
    """How exactly a rule's dimension fits: higher is more exact, 0 for any, None when it does not fit."""
    if named is None or values is None:
        return 0
    return len(values) - values.index(named) if named in values else None


def _fit(rule: PathwayRule, person: Person) -> tuple[int, ...] | None:
    """Place before group before age before sex: the order in which rules are compared."""
    ranks = (
        _rank(rule.place, person.places),
        _rank(rule.group, person.groups),
        _rank(rule.age, person.ages),
        _rank(rule.sex, person.sexes),
    )
    return None if None in ranks else tuple(rank for rank in ranks if rank is not None)


def choose_service(pathway: str, person: Person, directory: Directory, *, on: date) -> str | None:
    """The code of the service that takes this person on this pathway; None when nobody does.

    The most specific rule wins: the finer place, then the more exact group, age and sex. Services that are unknown,
    suspended or past their last day are skipped, and the next best rule is taken. The order of the rules says nothing.
    """
    best: tuple[tuple[int, ...], str] | None = None
    for rule in directory.rules_by_pathway.get(pathway, ()):
        fit = _fit(rule, person)
        if fit is None or (best is not None and fit < best[0]) or not _is_open(directory, rule.service, on):
            continue
        if best is None or fit > best[0] or rule.service < best[1]:
            best = (fit, rule.service)
    return None if best is None else best[1]


def rank_services(pathway: str, person: Person, directory: Directory, *, on: date) -> dict[str, list[PathwayRule]]:
    """All services that take this person on this pathway, the one that `choose_service` chooses first, each with the
    rules that fit, the most specific first."""
    fits = [
        (fit, rule)
        for rule in directory.rules_by_pathway.get(pathway, ())
        if _is_open(directory, rule.service, on) and (fit := _fit(rule, person)) is not None
    ]
    fits.sort(key=lambda one: (tuple(-rank for rank in one[0]), one[1].service))
    ranked: dict[str, list[PathwayRule]] = {}
    for _, rule in fits:
        ranked.setdefault(rule.service, []).append(rule)
    return ranked


def _is_open(directory: Directory, code: str, on: date) -> bool:
    service = directory.services.get(code)
    if service is None or service.is_suspended:
        return False
    return service.valid_until is None or service.valid_until >= on
