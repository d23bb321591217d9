"""Read a gazetteer: a CSV of p-coded areas with their names, checked whole before any of it is taken."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from forms import starter
from pimcollect.domain.catalogue import NamedPlace
from pimcollect.errors import ErrorCode, PimError

COLUMNS = ("code", "level", "parent", "name_en")
"""Columns that must be there; `name_fr`, `name_ar` and other `name_xx` may be."""

LEVELS = (1, 2, 3, 4)
_CODE = re.compile(r"^[A-Za-z0-9_-]{1,32}$")
_LANGUAGE = re.compile(r"^name_([a-z]{2,3})$")
_SHOWN = 20


def read_places(source: bytes) -> tuple[NamedPlace, ...]:
    """Read a UTF-8 CSV of places, parents before or after their children. All or nothing.

    Raises PimError(BAD_FILE) that names each wrong line and what to do.
    """
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PimError(
            ErrorCode.BAD_FILE, "The list of places is not UTF-8.", remedy="Save it as CSV UTF-8."
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise PimError(
            ErrorCode.BAD_FILE,
            f"The list of places lacks the column {', '.join(missing)}.",
            remedy=f"The first line must name the columns {', '.join(COLUMNS)}.",
        )
    mistakes: list[str] = []
    lines: dict[str, int] = {}
    places: list[NamedPlace] = []
    for number, row in enumerate(reader, start=2):
        place = _read_row({key: (value or "").strip() for key, value in row.items() if isinstance(key, str)})
        if isinstance(place, str):
            mistakes.append(f"Line {number}: {place}")
        elif place.code in lines:
            mistakes.append(f"Line {number}: {place.code} stands in line {lines[place.code]} already.")
        else:
            lines[place.code] = number
            places.append(place)
    mistakes += _find_broken_parents(places, lines)
    if mistakes or not places:
        more = f" And {len(mistakes) - _SHOWN} more." if len(mistakes) > _SHOWN else ""
        raise PimError(
            ErrorCode.BAD_FILE,
            f"The places were not taken. {' '.join(mistakes[:_SHOWN]) or 'The list is empty.'}{more}",
            remedy="Correct the file and import it again; nothing was changed.",
        )
    return tuple(sorted(places, key=lambda one: (one.level, one.code)))


def read_starter_places() -> tuple[NamedPlace, ...]:
    """The invented practice country that ships with pimcollect."""
    return read_places(starter.read_bytes("places.csv"))


def _read_row(row: dict[str, str]) -> NamedPlace | str:
    if not _CODE.match(row["code"]):
        return "the code must be 1 to 32 letters, digits, - or _."
    if row["level"] not in map(str, LEVELS):
        return f"the level must be one of {', '.join(map(str, LEVELS))}."
    if not row["name_en"]:
        return "name_en is empty."
    level = int(row["level"])
    if (level == 1) != (not row["parent"]):
        return "level 1 has no parent." if level == 1 else "the parent is empty."
    names = {found[1]: value for key, value in row.items() if (found := _LANGUAGE.match(key)) and value}
    return NamedPlace(row["code"], level, row["parent"] or None, names)


def _find_broken_parents(places: list[NamedPlace], lines: dict[str, int]) -> Iterator[str]:
    levels = {place.code: place.level for place in places}
    for place in places:
        if place.parent is None:
            continue
        if place.parent not in levels:
            yield f"Line {lines[place.code]}: the parent {place.parent} is not in the list."
        elif levels[place.parent] != place.level - 1:
            yield f"Line {lines[place.code]}: the parent {place.parent} is not of level {place.level - 1}."
