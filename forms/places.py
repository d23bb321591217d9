"""Read a gazetteer: a CSV of p-coded areas with their names, checked whole before any of it is taken."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from forms import starter
from forms.grids import write_csv
from pimcollect.domain.catalogue import NamedPlace
from pimcollect.domain.gazetteer import find_place_faults, read_gazetteer
from pimcollect.errors import ErrorCode, PimError

COLUMNS = ("code", "level", "parent", "name_en")
"""Columns that must be there; `name_fr`, `name_ar` and other `name_xx` may be."""

OPTIONAL = ("valid_from", "valid_to", "replaced_by", "aliases")
"""Columns that may be there: first and last day, the codes that it became, other names divided by |."""

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
    lines: list[int] = []
    rows: list[dict[str, Any]] = []
    for number, cells in enumerate(reader, start=2):
        row = _read_row({key: (value or "").strip() for key, value in cells.items() if isinstance(key, str)})
        if isinstance(row, str):
            mistakes.append(f"Line {number}: {row}")
        else:
            lines.append(number)
            rows.append(row)
    mistakes += [f"Line {lines[number]}: {_say(field, text)}" for number, field, text in find_place_faults(rows)]
    if mistakes or not rows:
        more = f" And {len(mistakes) - _SHOWN} more." if len(mistakes) > _SHOWN else ""
        raise PimError(
            ErrorCode.BAD_FILE,
            f"The places were not taken. {' '.join(mistakes[:_SHOWN]) or 'The list is empty.'}{more}",
            remedy="Correct the file and import it again; nothing was changed.",
        )
    return read_gazetteer({"places": rows})


def write_places(places: Iterable[NamedPlace]) -> bytes:
    """The same CSV of places, with a column for each language that one of them has a name in."""
    places = list(places)
    languages = sorted({language for one in places for language in one.names} - {"en"})
    rows = [[*COLUMNS, *(f"name_{language}" for language in languages), *OPTIONAL]]
    rows += [
        [
            *(one.code, str(one.level), one.parent or "", one.names.get("en", "")),
            *(one.names.get(language, "") for language in languages),
            *(one.valid_from, one.valid_to, " ".join(one.replaced_by), " | ".join(one.aliases)),
        ]
        for one in places
    ]
    return write_csv(rows)


def read_starter_places() -> tuple[NamedPlace, ...]:
    """The invented practice country that ships with pimcollect."""
    return read_places(starter.read_bytes("places.csv"))


def _read_row(cells: dict[str, str]) -> dict[str, Any] | str:
    """A place as a bank writes it, or what is wrong with the line."""
    if not _CODE.match(cells["code"]):
        return "the code must be 1 to 32 letters, digits, - or _."
    if cells["level"] not in map(str, LEVELS):
        return f"the level must be one of {', '.join(map(str, LEVELS))}."
    days = {name: cells.get(name, "") for name in ("valid_from", "valid_to")}
    for name, day in days.items():
        if day and not _is_day(day):
            return f"{name} must be a day like 2026-11-25, or empty."
    names = {found[1]: value for key, value in cells.items() if (found := _LANGUAGE.match(key)) and value}
    return {
        "code": cells["code"],
        "level": int(cells["level"]),
        "parent": cells["parent"],
        "names": names,
        **days,
        "replaced_by": cells.get("replaced_by", ""),
        "aliases": cells.get("aliases", ""),
    }


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _say(field: str, text: str) -> str:
    return f"name_en {text}" if field == "names" else text if field in ("code", "parent") else f"{field} {text}"
