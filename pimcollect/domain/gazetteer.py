"""Places as a bank writes them: rows of texts, read into places with their dates, crosswalk and aliases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pimcollect.domain.catalogue import NamedPlace

Row = Mapping[str, Any]
"""One place of a bank document: code, level, parent, names, valid_from, valid_to, replaced_by, aliases."""


def split_codes(cell: str) -> list[str]:
    """Codes of one cell, divided by commas or spaces."""
    return cell.replace(",", " ").split()


def split_aliases(cell: str) -> list[str]:
    """Names of one cell, divided by |: they may hold spaces and commas."""
    return [one.strip() for one in cell.split("|") if one.strip()]


def read_place(row: Row) -> NamedPlace:
    """One place of a bank."""
    return NamedPlace(
        code=row["code"],
        level=row["level"],
        parent=row.get("parent") or None,
        names=row["names"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        replaced_by=tuple(split_codes(row["replaced_by"])),
        aliases=tuple(split_aliases(row["aliases"])),
    )


def read_gazetteer(document: Mapping[str, Any]) -> tuple[NamedPlace, ...]:
    """The places that a bank carries, coarsest first; empty when it carries none."""
    return tuple(sorted(map(read_place, document.get("places", ())), key=lambda one: (one.level, one.code)))


def find_place_faults(rows: Iterable[Row]) -> Iterator[tuple[int, str, str]]:
    """(number of the row, field, what is wrong): parents, dates, circles, names that two places have."""
    rows = list(rows)
    levels = {row["code"]: row["level"] for row in rows}
    next_codes = {row["code"]: split_codes(row["replaced_by"]) for row in rows}
    spelled: dict[str, str] = {}
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if row["code"] in seen:
            yield number, "code", f"{row['code']} stands there twice; delete one."
        seen.add(row["code"])
        yield from ((number, field, text) for field, text in _check_alone(row, levels))
        for code in next_codes[row["code"]]:
            if code not in levels:
                yield number, "replaced_by", f"there is no place {code}; correct the code, or add it."
        if _is_circle(row["code"], next_codes):
            yield number, "replaced_by", "leads back to the place itself; correct one of them."
        for alias in split_aliases(row["aliases"]):
            if alias in levels or spelled.setdefault(alias.casefold(), row["code"]) != row["code"]:
                yield number, "aliases", f"{alias} is a code or an alias of another place; delete it from one."


def _check_alone(row: Row, levels: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    if not row["names"].get("en"):
        yield "names", "is empty; write the English name."
    parent = row.get("parent", "")
    if row["level"] == 1:
        if parent:
            yield "parent", "level 1 has no parent; empty the cell."
    elif parent not in levels:
        yield (
            "parent",
            f"the parent {parent} is not in the list; correct the code, or add it."
            if parent
            else "the parent is empty; write the code of the place above it.",
        )
    elif levels[parent] != row["level"] - 1:
        yield "parent", f"the parent {parent} is not of level {row['level'] - 1}; name one that is."
    if row["valid_to"] and row["valid_to"] < row["valid_from"]:
        yield "valid_to", "lies before the first day; correct one of them."


def _is_circle(code: str, next_codes: Mapping[str, Iterable[str]]) -> bool:
    waiting, seen = list(next_codes.get(code, ())), set()
    while waiting:
        one = waiting.pop()
        if one == code:
            return True
        if one not in seen:
            seen.add(one)
            waiting.extend(next_codes.get(one, ()))
    return False
