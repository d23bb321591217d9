"""One entity over many visits: which changes count, in which order, and what stands in the list. Versions, no clocks.

Whatever comes late, twice or in another order ends in the same place: what is kept is what each submission says, and
the row of the list is made of it anew each time. A change that did not know the newest row never overwrites it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from pimcollect.domain.entities import CREATE


class Standing(StrEnum):
    """What became of a change."""

    WAITING = "waiting"
    """It follows one that has not come yet."""
    APPLIED = "applied"
    CONFLICT = "conflict"
    """The phone had not seen the newest row: kept beside, for a person to look at."""


@dataclass(frozen=True)
class Change:
    """What one submission says of the entity."""

    submission: UUID
    kind: str
    label: str | None
    properties: Mapping[str, str] = field(default_factory=dict)
    base: int | None = None
    trunk: int | None = None
    branch: str | None = None
    standing: Standing = Standing.WAITING
    made: int | None = None
    """Applied: the version of the entity that it made. In conflict: the version that it did not know."""


@dataclass(frozen=True)
class Entity:
    """A row of a list. Without a label it is not there: not created yet, or erased with its submission."""

    version: int = 0
    label: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    has_conflict: bool = False


def settle_entity(entity: Entity, changes: Sequence[Change]) -> tuple[Entity, list[Change]]:
    """Place the waiting ones of the changes (in order of arrival), and make the row of all that are applied.

    The version rises with each change that is applied, and when one that was applied is gone or corrected: phones that
    had it must fetch the row again.
    """
    return _settle(entity, list(changes), entity.version)


def take_changes(entity: Entity, changes: Sequence[Change]) -> tuple[Entity, list[Change]]:
    """The same, with all that waits or is in conflict applied as the newest: somebody has looked at it."""
    version, taken = entity.version, list(changes)
    for number, one in enumerate(taken):
        if one.standing is not Standing.APPLIED:
            version += 1
            taken[number] = replace(one, standing=Standing.APPLIED, made=version)
    return _settle(entity, taken, version)


def _settle(entity: Entity, placed: list[Change], version: int) -> tuple[Entity, list[Change]]:
    while (found := _find_next(placed, version)) is not None:
        number, standing = found
        if standing is Standing.APPLIED:
            version += 1
        placed[number] = replace(placed[number], standing=standing, made=version)
    label, properties = _fold(placed)
    if version == entity.version and (label, properties) != (entity.label, dict(entity.properties)):
        version += 1
    return Entity(version, label, properties, _is_contested(placed) and label is not None), placed


def _find_next(changes: Sequence[Change], version: int) -> tuple[int, Standing] | None:
    """The first waiting change that can be placed by now."""
    for number, one in enumerate(changes):
        if one.standing is Standing.WAITING:
            standing = _judge(one, changes, version)
            if standing is not Standing.WAITING:
                return number, standing
    return None


def _judge(one: Change, changes: Sequence[Change], version: int) -> Standing:
    is_created = any(other.kind == CREATE and other.standing is Standing.APPLIED for other in changes)
    if one.kind == CREATE:
        return Standing.CONFLICT if is_created else Standing.APPLIED
    if not is_created:
        return Standing.WAITING
    if one.base is None:
        return Standing.CONFLICT
    if one.branch is not None and one.base > (one.trunk or 1):
        return _judge_next_of_branch(one, changes, version)
    if one.base == version:
        return Standing.APPLIED
    return Standing.CONFLICT if one.base < version else Standing.WAITING


def _judge_next_of_branch(one: Change, changes: Sequence[Change], version: int) -> Standing:
    """An update on top of another one that the same phone had made and not yet sent: the phone counted that one as a
    version, whatever else came to us in the meantime."""
    before = next(
        (other for other in changes if other.branch == one.branch and other.base == (one.base or 0) - 1), None
    )
    if before is None or before.standing is Standing.WAITING:
        return Standing.WAITING
    is_clean = before.standing is Standing.APPLIED and before.made == version
    return Standing.APPLIED if is_clean else Standing.CONFLICT


def _fold(changes: Sequence[Change]) -> tuple[str | None, dict[str, str]]:
    """The row: what created it, then each update over it. Nothing without a creation."""
    applied = [one for one in changes if one.standing is Standing.APPLIED]
    if not any(one.kind == CREATE for one in applied):
        return None, {}
    label: str | None = None
    properties: dict[str, str] = {}
    for one in sorted(applied, key=lambda one: (one.kind != CREATE, one.made or 0)):
        label = one.label or label
        properties |= one.properties
    return label, properties


def _is_contested(changes: Sequence[Change]) -> bool:
    """Whether a conflict is newer than all that was applied: whoever made a later visit has seen the row as it is."""
    newest = max((one.made or 0 for one in changes if one.standing is Standing.APPLIED), default=0)
    return any(one.standing is Standing.CONFLICT and (one.made or 0) >= newest for one in changes)
