"""Places by their p-codes: up the stored parents, never by cutting a code; old codes through the crosswalk."""

from __future__ import annotations

from pimcollect.domain.outcomes import Directory, Place

MAX_LEVELS = 12


def find_lineage(directory: Directory, code: object) -> tuple[Place, ...]:
    """The place and all above it, finest first; empty when the directory does not know the code.

    A code that was replaced, or an alias, is read as what it became; when it was divided, as the areas that all of
    its parts lie in. A chain that loops or leads to an unknown parent ends where it breaks.
    """
    if not isinstance(code, str):
        return ()
    lineage = directory.lineages.get(code)
    if lineage is None:
        known = code if code in directory.places else directory.aliases.get(code.casefold())
        if known is None:
            return ()
        lineage = directory.lineages[code] = _read_across(directory, known, ())
    return lineage


def _read_across(directory: Directory, code: str, seen: tuple[str, ...]) -> tuple[Place, ...]:
    """The lineage of what a place became; of the place itself when nothing replaced it."""
    became = [one for one in directory.places[code].replaced_by if one in directory.places and one not in seen]
    if not became or len(seen) >= MAX_LEVELS:
        return _walk_up(directory, code)
    first, *others = (_read_across(directory, one, (*seen, code)) for one in became)
    return tuple(place for place in first if all(place in other for other in others))


def _walk_up(directory: Directory, code: str) -> tuple[Place, ...]:
    lineage: dict[str, Place] = {}
    up: str | None = code
    while up is not None and up not in lineage and up in directory.places and len(lineage) < MAX_LEVELS:
        lineage[up] = directory.places[up]
        up = lineage[up].parent
    return tuple(lineage.values())


def climb(directory: Directory, code: object, *, level: int) -> str | None:
    """The p-code of the area at `level` that holds this place; the place itself when it is coarser already.

    None when the code is unknown, or when no parent of that level or coarser is stored.
    """
    for place in find_lineage(directory, code):
        if place.level <= level:
            return place.code
    return None
