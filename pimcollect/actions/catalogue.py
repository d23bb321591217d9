"""Import the places and the services of an operation."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date

from sqlalchemy.orm import Session

from pimcollect.domain.catalogue import ListedRule, ListedService, NamedPlace
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.catalogue import (
    PathwayRuleRow,
    PlaceRow,
    ServiceRow,
    drop_places,
    drop_service,
    find_places,
    find_services,
    replace_rules,
    store_places,
)
from pimcollect.tables.journal import write_journal
from pimcollect.vault import SealKey, seal_value


def import_places(
    session: Session, actor: Actor, places: Iterable[NamedPlace], *, practice: frozenset[str] = frozenset()
) -> int:
    """Add or change places, parents before children; none is removed. Returns how many were given.

    `practice` are the codes of the invented practice country: they leave when the first real places arrive, unless
    rules of services still name them.
    """
    allow(actor, "places.import")
    places = list(places)
    if practice.isdisjoint(one.code for one in places):
        drop_places(session, practice)
    rows = [
        PlaceRow(
            code=one.code,
            level=one.level,
            parent=one.parent,
            names=dict(one.names),
            valid_from=_day(one.valid_from),
            valid_to=_day(one.valid_to),
            replaced_by=list(one.replaced_by),
            aliases=list(one.aliases),
        )
        for one in places
    ]
    store_places(session, rows)
    write_journal(session, actor=actor.id, action="import", noun="places", noun_id=str(len(rows)))
    return len(rows)


def has_places(session: Session) -> bool:
    """True when a gazetteer was imported."""
    return bool(find_places(session))


def _day(text: str | None) -> date | None:
    return None if not text else date.fromisoformat(text)


def seal_contact(service: ListedService, *, to: SealKey) -> bytes:
    """The focal point's address as it is stored: only workers can open it, and only for this service."""
    return seal_value(json.dumps({"mail": service.mail}).encode(), to=to, context=f"service|{service.code}")


def remove_practice_places(session: Session, actor: Actor, practice: frozenset[str]) -> tuple[int, int]:
    """Take the invented practice country out. Returns how many went, and how many stay since rules name them."""
    allow(actor, "places.import")
    before = sum(one.code in practice for one in find_places(session))
    drop_places(session, practice)
    session.expire_all()
    left = sum(one.code in practice for one in find_places(session))
    write_journal(session, actor=actor.id, action="remove", noun="places", noun_id=str(before - left))
    return before - left, left


def remove_practice_services(session: Session, actor: Actor) -> tuple[list[str], list[str]]:
    """Take the invented practice services out, with their rules. Returns codes: those removed, and those that something
    still names, which are suspended and get no referrals any more."""
    allow(actor, "services.import")
    codes = [one.code for one in find_services(session) if one.is_practice]
    gone = [code for code in codes if drop_service(session, code)]
    session.expire_all()
    write_journal(session, actor=actor.id, action="remove", noun="services", noun_id=str(len(gone)))
    return gone, [code for code in codes if code not in gone]


def import_services(
    session: Session,
    actor: Actor,
    *,
    services: tuple[ListedService, ...],
    rules: tuple[ListedRule, ...],
    cases_key: SealKey,
) -> None:
    """Add or change services and replace all rules. Contacts are sealed before anything of the database sees them.

    Raises PimError(NOT_POSSIBLE_NOW) for rules that name areas while no area is here.
    """
    allow(actor, "services.import")
    if any(one.place for one in rules) and not has_places(session):
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "The rules name areas, and no places were imported yet.",
            remedy="Import the places first: `pimcollect places import`.",
        )
    replace_rules(
        session,
        [
            ServiceRow(
                code=one.code,
                title=one.title,
                organisation=one.organisation,
                contact_sealed=seal_contact(one, to=cases_key),
                valid_until=_day(one.valid_until),
                verified_on=_day(one.verified_on),
                is_suspended=one.is_suspended,
            )
            for one in services
        ],
        [
            PathwayRuleRow(
                pathway=one.pathway,
                service=one.service,
                place=one.place,
                group=one.group,
                sex=one.sex,
                age=one.age,
            )
            for one in rules
        ],
    )
    write_journal(session, actor=actor.id, action="import", noun="services", noun_id=str(len(services)))
