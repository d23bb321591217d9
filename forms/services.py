"""Read a directory of services: who they are, whom they serve and where, checked whole before any of it is taken."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forms import starter
from pimcollect.domain.catalogue import ListedRule, ListedService
from pimcollect.domain.documents import read_json
from pimcollect.errors import ErrorCode, PimError
from pimcollect.schemas.services import find_service_errors

_SHOWN = 20
_DIMENSIONS = ("place", "group", "sex", "age")


@dataclass(frozen=True)
class Directory:
    """The services of an operation and the rules that choose among them."""

    services: tuple[ListedService, ...]
    rules: tuple[ListedRule, ...]


@dataclass(frozen=True)
class Codes:
    """What rules may name: codes that the places and the bank know."""

    pathways: Collection[str]
    places: Collection[str]
    groups: Collection[str]
    sexes: Collection[str]
    ages: Collection[str]


def read_services(source: bytes, known: Codes) -> Directory:
    """Read a JSON file {"services": [...], "rules": [...]}. All or nothing.

    Raises PimError(BAD_FILE) that names each wrong service or rule and what to do. It never repeats a mail address.
    """
    try:
        document = read_json(source)
    except ValueError as error:
        raise PimError(ErrorCode.BAD_FILE, "The list of services is not JSON.") from error
    mistakes = list(_say(find_service_errors(document), document))
    if not mistakes:
        mistakes = list(_find_broken(document, known))
    if mistakes:
        more = f" And {len(mistakes) - _SHOWN} more." if len(mistakes) > _SHOWN else ""
        raise PimError(
            ErrorCode.BAD_FILE,
            f"The services were not taken. {' '.join(mistakes[:_SHOWN])}{more}",
            remedy="Correct the file and import it again; nothing was changed.",
        )
    return Directory(
        services=tuple(
            ListedService(
                code=row["code"],
                title=row["title"],
                organisation=row["organisation"],
                mail=row["focal_point"]["mail"],
                valid_until=row.get("valid_until"),
                verified_on=row.get("verified_on"),
                is_suspended=row.get("is_suspended", False),
            )
            for row in document["services"]
        ),
        rules=tuple(
            ListedRule(row["pathway"], row["service"], *(row.get(name) for name in _DIMENSIONS))
            for row in document["rules"]
        ),
    )


def read_starter_services(known: Codes) -> Directory:
    """The practice services that ship with pimcollect; their focal points are addresses of example.org."""
    return read_services(starter.read_bytes("services.json"), known)


def _say(tree: Any, document: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(tree, list):
        for message in tree:
            yield f"{' '.join(path)}: {message}"
        return
    for key, below in tree.items():
        inner = document[key] if isinstance(key, int) else document.get(key) if isinstance(document, dict) else None
        place = str(key)
        if isinstance(key, int):
            place = str((inner.get("code") if isinstance(inner, dict) else "") or f"number {key + 1}")
        yield from _say(below, inner, (*path, place))


def _find_broken(document: Mapping[str, Any], known: Codes) -> Iterator[str]:
    codes: set[str] = set()
    for row in document["services"]:
        if row["code"] in codes:
            yield f"services {row['code']}: this code stands there twice."
        codes.add(row["code"])
    allowed = {
        "pathway": known.pathways,
        "service": codes,
        "place": known.places,
        "group": known.groups,
        "sex": known.sexes,
        "age": known.ages,
    }
    seen: dict[tuple[str | None, ...], int] = {}
    for number, row in enumerate(document["rules"], start=1):
        for name, values in allowed.items():
            value = row.get(name)
            if value is not None and value not in values:
                yield f"rules number {number} {name}: {value} is not known."
        case = (row["pathway"], *(row.get(name) for name in _DIMENSIONS))
        if case in seen:
            yield f"rules number {number}: it is for the same case as number {seen[case]}."
        seen.setdefault(case, number)
