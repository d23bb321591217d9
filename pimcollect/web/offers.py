"""Whom a referral can be given to by hand: who serves that pathway there comes first, as routing would choose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from pimcollect.domain.catalogue import Catalogue
from pimcollect.domain.outcomes import Course, PathwayRule
from pimcollect.domain.pathways import SUPERVISOR, UNKNOWN, Person, rank_services
from pimcollect.domain.places import find_lineage
from pimcollect.domain.referrals import State
from pimcollect.tables.catalogue import ServiceRow, find_services, read_directory
from pimcollect.tables.referrals import ReferralRow
from pimcollect.web.telling import choose_text

_LISTS = ("popgroup", "ageband", "sex")
"""Choice lists of the bank that hold the codes of a rule's group, age and sex."""


@dataclass(frozen=True)
class Offer:
    """A service to choose."""

    row: ServiceRow
    serves: bool
    """It has a rule for this pathway in this area."""
    only_for: tuple[tuple[str, ...], ...]
    """Whom alone it serves there, rule by rule; empty: everybody. Whom it is about is sealed: a person must judge."""
    has_declined: bool


def find_offers(session: Session, row: ReferralRow, catalogue: Catalogue, *, on: date) -> list[Offer]:
    """Services that take referrals today: those that serve it, the most specific first; then the others by title."""
    directory = read_directory(session)
    places = tuple(place.code for place in find_lineage(directory, row.place))
    pathway = SUPERVISOR if row.course == Course.ALERT else row.pathway
    ranked = rank_services(pathway, Person(places, groups=None, sexes=None, ages=None), directory, on=on)
    order = {code: number for number, code in enumerate(ranked)}
    offers = [
        Offer(
            row=service,
            serves=service.code in ranked,
            only_for=_say_rules(ranked.get(service.code, ()), catalogue),
            has_declined=row.state == State.DECLINED and service.code == row.service,
        )
        for service in find_services(session)
        if service.takes_referrals(on=on)
    ]
    offers.sort(key=lambda one: (not one.serves, order.get(one.row.code, 0), one.row.title, one.row.code))
    return offers


def _say_rules(rules: Iterable[PathwayRule], catalogue: Catalogue) -> tuple[tuple[str, ...], ...]:
    """Whom rules name, in words; nothing as soon as one of them serves everybody."""
    told = []
    for rule in rules:
        named = [code for code in (rule.group, rule.age, rule.sex) if code is not None]
        if not named:
            return ()
        told.append(tuple(_say_code(code, catalogue) for code in named))
    return tuple(told)


def _say_code(code: str, catalogue: Catalogue) -> str:
    for name in _LISTS:
        for choice in catalogue.lists.get(name, ()):
            if choice.code == code:
                return choose_text(choice.label, code)[0]
    return "?" if code == UNKNOWN else code.replace("_", " ")
