"""Keep what settled submissions say of things that are visited again, and forget it with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from pimcollect.domain.entities import CREATE, EntityChange
from pimcollect.domain.visits import Standing, settle_entity
from pimcollect.tables.entities import (
    EntityChangeRow,
    Key,
    find_changes,
    find_told,
    put_list,
    raise_revisions,
    take_entities,
    write_entity,
)

Told = Mapping[UUID, tuple[EntityChange, ...]]
"""Submission -> what its newest edition says of entities; nothing for one that is refused or erased."""


def keep_entities(session: Session, told: Told) -> None:
    """Write it in the caller's transaction, whose submissions are in their table. Twice changes nothing.

    What an earlier edition of a submission said, and this one does not, is forgotten, and the rows are made anew.
    """
    if not told:
        return
    before = find_told(session, told.keys())
    said = {submission: _name(changes, before.get(submission, {})) for submission, changes in told.items()}
    keys = {key for one in said.values() for key in one} | {key for one in before.values() for key in one}
    if not keys:
        return
    properties: dict[str, set[str]] = {name: set() for name, _ in keys}
    for changes in said.values():
        for (name, _), change in changes.items():
            properties[name].update(change.properties)
    for name in sorted(properties):
        put_list(session, name, properties[name])
    touched = _write(session, said, before, keys)
    session.flush()
    raise_revisions(session, touched)


def _name(changes: Sequence[EntityChange], before: Mapping[Key, str]) -> dict[Key, EntityChange]:
    """The changes by entity. A corrected registration is of the same entity: the phone may have made up a new id."""
    first = {name: id_ for (name, id_), kind in before.items() if kind == CREATE}
    named = (
        replace(one, id=first[one.list])
        if one.kind == CREATE and one.list in first and (one.list, one.id) not in before
        else one
        for one in changes
    )
    return {(one.list, one.id): one for one in named}


def _write(
    session: Session,
    said: Mapping[UUID, Mapping[Key, EntityChange]],
    before: Mapping[UUID, Mapping[Key, str]],
    keys: set[Key],
) -> set[str]:
    """Write changes and rows; returns the lists that phones must fetch again."""
    rows, known, touched = take_entities(session, keys), find_changes(session, keys), set()
    asked: dict[Key, list[tuple[UUID, EntityChange | None]]] = defaultdict(list)
    for submission, changes in said.items():
        for key in {*changes, *before.get(submission, {})}:
            asked[key].append((submission, changes.get(key)))
    for key in sorted(keys):
        if rows[key].erased_at is not None:  # by a person: nothing brings it back
            continue
        for submission, change in asked[key]:
            _replace(session, known[key], submission, change)
        if write_entity(rows[key], known[key], settle_entity):
            touched.add(key[0])
    return touched


def _replace(session: Session, known: list[EntityChangeRow], submission: UUID, change: EntityChange | None) -> None:
    """Put what a submission says now in the place of what it said before; a correction of what is applied stays where
    it is among the others, since it tells of the same visit."""
    row = next((one for one in known if one.submission == submission), None)
    if change is None:
        if row is not None:
            session.delete(row)
            known.remove(row)
        return
    content: dict[str, Any] = {"label": change.label, "properties": dict(change.properties)}
    seen = {"base": change.base, "trunk": change.trunk, "branch": change.branch, "kind": change.kind}
    if row is None:
        row = EntityChangeRow(
            submission=submission, list=change.list, entity=change.id, **content, **seen, standing=Standing.WAITING
        )
        session.add(row)
        known.append(row)
        return
    is_same = all(getattr(row, name) == value for name, value in (content | seen).items())
    stays = row.standing == Standing.APPLIED and row.kind == change.kind
    if not is_same and not stays:
        row.standing, row.made = Standing.WAITING, None
    for name, value in (content if stays else content | seen).items():
        setattr(row, name, value)
