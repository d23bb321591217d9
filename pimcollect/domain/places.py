"""Places by their p-codes: up the stored parents, never by cutting a code."""

from __future__ import annotations

from pimcollect.domain.outcomes import Directory, Place

MAX_LEVELS = 12


def find_lineage(directory: Directory, code: object) -> tuple[Place, ...]:
    """The place and all above it, finest first; empty when the directory does not know the code.

    A chain that loops or leads to an unknown parent ends where it breaks.
    """
    lineage: list[Place] = []
    places = directory.places
    place = places.get(code) if isinstance(code, str) else None
    while place is not None and place not in lineage and len(lineage) < MAX_LEVELS:
        lineage.append(place)
        place = places.get(place.parent) if place.parent is not None else None
    return tuple(lineage)


def climb(directory: Directory, code: object, *, level: int) -> str | None:
    """The p-code of the area at `level` that holds this place; the place itself when it is coarser already.

    None when the code is unknown, or when no parent of that level or coarser is stored.
    """
    for place in find_lineage(directory, code):
        if place.level <= level:
            return place.code
    return None
