"""Lists of what is visited again: look at them, take what waits for a person, erase."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from pimcollect.domain.roles import Actor, allow
from pimcollect.domain.visits import Standing, take_changes
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.entities import (
    count_entities,
    erase_entities,
    find_changes,
    find_entities,
    find_list,
    put_list,
    raise_revisions,
    take_entities,
    write_entity,
)
from pimcollect.tables.journal import write_journal


def list_entity_lists(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """All lists, with how many rows they have and how many wait for a person."""
    allow(actor, "entities.list")
    return count_entities(session)


def list_entities(session: Session, actor: Actor, name: str, *, limit: int) -> list[dict[str, Any]]:
    """Rows of a list as phones have them, those in conflict first. Raises PimError(NOT_FOUND)."""
    allow(actor, "entities.list")
    _require(session, name)
    return find_entities(session, name, limit=limit)


def take_visits(session: Session, actor: Actor, name: str, id_: UUID) -> int:
    """Apply the visits to one entity that are in conflict, or wait for one that never came, in order of arrival.

    Returns how many. Raises PimError: NOT_FOUND, or NOT_POSSIBLE_NOW when nothing has created it.
    """
    allow(actor, "entities.take")
    _require(session, name)
    put_list(session, name)  # locked, as by whoever settles
    changes = find_changes(session, [(name, id_)])[name, id_]
    waiting = [one for one in changes if one.standing != Standing.APPLIED]
    if not changes:
        raise PimError(
            ErrorCode.NOT_FOUND, "The list has no such entity.", remedy=f"Run `pimcollect forms entities {name}`."
        )
    row = take_entities(session, [(name, id_)])[name, id_]
    if row.label is None:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            "Nothing has created this entity yet, or its registration was taken back.",
            remedy="Wait for the registration to be sent.",
        )
    if waiting and write_entity(row, changes, take_changes):
        session.flush()
        raise_revisions(session, [name])
        write_journal(session, actor=actor.id, action="take", noun="entities", noun_id=f"{name} {id_}")
    return len(waiting)


def erase_list(session: Session, actor: Actor, name: str, *, ids: Collection[UUID] | None) -> int:
    """Erase entities of a list, or (None) all of them, for good: phones drop them, and no late copy brings them back.

    The submissions stay. Returns how many there were. Raises PimError(NOT_FOUND).
    """
    allow(actor, "entities.erase")
    _require(session, name)
    put_list(session, name)
    count = erase_entities(session, name, ids)
    if not count and ids is not None:
        raise PimError(
            ErrorCode.NOT_FOUND, "The list has no such entity.", remedy=f"Run `pimcollect forms entities {name}`."
        )
    raise_revisions(session, [name])
    write_journal(session, actor=actor.id, action="erase", noun="entities", noun_id=f"{name} {count}")
    return count


def _require(session: Session, name: str) -> None:
    if find_list(session, name) is None:
        raise PimError(
            ErrorCode.NOT_FOUND,
            "There is no entity list of this name.",
            remedy="Run `pimcollect forms entities`; a form that saves to a list makes it.",
        )
