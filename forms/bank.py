"""Read a bank file and check it whole: every reference in it holds, or nothing is taken and all errors are listed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from forms import starter
from pimcollect.domain.catalogue import (
    SCREENING,
    SELECTS,
    Catalogue,
    Item,
    ListedChoice,
    Module,
    WashingtonItem,
    find_references,
)
from pimcollect.domain.conditions import names_used
from pimcollect.domain.version import FlagRule, Pathway
from pimcollect.errors import ErrorCode, PimError
from pimcollect.schemas.bank import find_shape_errors

LANGUAGE = "en"
"""The bank file holds English; other languages are loaded beside it."""

SILENT_PATHWAYS = ("RP-GBV",)
"""Counted only without consent: these services must not reach a supervisor's list."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "roster": ("roster", "roster/sex", "roster/age", "roster/rel", "roster/caregiver"),
    "wg_ss": ("dem_disab",),
    "fgd": ("fgd_women", "fgd_men"),
}
"""Names that rules may use although no item has them (docs/imo/bank.md, section 2)."""

_SHOWN = 20


def read_document(source: bytes | str) -> dict[str, Any]:
    """Parse a bank file. Raises PimError(BAD_BANK) with line and column."""
    try:
        document = json.loads(source)
    except (ValueError, RecursionError) as error:
        where = ""
        if isinstance(error, json.JSONDecodeError):
            where = f" (line {error.lineno}, column {error.colno})"
        raise PimError(
            ErrorCode.BAD_BANK,
            f"The bank file is not JSON{where}.",
            remedy="Repair that place, or start again from the starter bank.",
        ) from error
    if not isinstance(document, dict):
        raise PimError(ErrorCode.BAD_BANK, "The bank file must hold one JSON object.")
    return document


def hash_document(document: Mapping[str, Any]) -> str:
    """SHA-256 in hex of the canonical text: spaces and the order of keys do not count."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_bank(source: bytes | str) -> Catalogue:
    """Read and check a bank file. Raises PimError(BAD_BANK) that lists the errors, each with its place."""
    return read_catalogue(read_document(source))


def read_starter() -> Catalogue:
    """The bank that ships with pimcollect."""
    return read_bank(starter.read_bytes("bank.json"))


def read_catalogue(document: Mapping[str, Any]) -> Catalogue:
    """Check a parsed bank file and make the catalogue of it. All or nothing. Raises PimError(BAD_BANK)."""
    mistakes = list(_say_shape_errors(find_shape_errors(document), document))
    if not mistakes:
        mistakes = list(_find_broken_references(document))
    if mistakes:
        more = f" And {len(mistakes) - _SHOWN} more." if len(mistakes) > _SHOWN else ""
        raise PimError(
            ErrorCode.BAD_BANK,
            f"The bank was not taken. {' '.join(mistakes[:_SHOWN])}{more}",
            remedy="Correct the file and import it again; nothing was changed.",
        )
    return _make(document)


def _say_shape_errors(tree: Any, document: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Turn marshmallow's tree into sentences that name items by their id, not by their position."""
    if isinstance(tree, list):
        for message in tree:
            yield f"{' '.join(path)}: {message}"
        return
    for key, below in tree.items():
        inner = document
        place = str(key)
        if isinstance(key, int) and isinstance(document, list) and key < len(document):
            inner = document[key]
            named = inner if isinstance(inner, dict) else {}
            place = str(named.get("id") or named.get("code") or named.get("name") or f"number {key + 1}")
        elif isinstance(document, dict):
            inner = document.get(key)
        step = () if place in ("items", "value") and path[:1] != ("choice_lists",) else (place,)
        yield from _say_shape_errors(below, inner, (*path, *step))


def _twice(values: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [value for value in values if value in seen or seen.add(value)]  # type: ignore[func-returns-value]


def rule_names(expression: str) -> frozenset[str]:
    """The questions at the top of the form that a flag rule reads. Raises PimError(BAD_EXPRESSION)."""
    return frozenset(name for name in names_used(expression) if "/" not in name)


def _find_broken_references(document: Mapping[str, Any]) -> Iterator[str]:
    items, lists = document["items"], document["choice_lists"]
    modules = {row["id"]: row for row in document["modules"]}
    for what, values in (
        ("id", [row["id"] for row in items]),
        ("name", [row["name"] for row in items]),
        ("module id", [row["id"] for row in document["modules"]]),
        ("pathway code", [row["code"] for row in document["pathways"]]),
        ("flag rule id", [row["id"] for row in document["flag_rules"]]),
    ):
        for value in _twice(values):
            yield f"{value}: this {what} stands there twice."
    names = {row["name"] for row in items} | {SCREENING}
    names |= {part for row in items for part in PARTS.get(row["type"], ())}
    for row in items:
        yield from _find_broken_item(row, modules, lists, names)
    for name, rows in lists.items():
        for code in _twice(row["code"] for row in rows):
            yield f"choice_lists {name}: the code {code} stands there twice."
    if document["wg_ss"]["answers"] not in lists:
        yield f"wg_ss answers: there is no choice list {document['wg_ss']['answers']}."
    for name in sorted(find_references(document["ers_decision"]) - names):
        yield f"ers_decision: there is no item {name}."
    yield from _find_broken_rules(document, names)


def _find_broken_item(
    row: Mapping[str, Any], modules: Mapping[str, Any], lists: Mapping[str, Any], names: set[str]
) -> Iterator[str]:
    if row["module"] not in modules:
        yield f"{row['id']} module: there is no module {row['module']}."
    if row["type"] in (*SELECTS, "fgd", "repeat_5w", "wg_ss") and row["choices"] not in lists:
        yield f"{row['id']} choices: there is no choice list {row['choices'] or '(empty)'}."
    for field in ("rel", "constraint", "calc"):
        for name in sorted(find_references(row[field]) - names):
            yield f"{row['id']} {field}: there is no item {name}."
    if row["cls"] == "direct" and row["treat"] != "vault":
        yield f"{row['id']} treat: a direct identifier must be sealed; write vault."


def _find_broken_rules(document: Mapping[str, Any], names: set[str]) -> Iterator[str]:
    pathways = {row["code"] for row in document["pathways"]}
    for rule in document["flag_rules"]:
        if rule["pathway"] not in pathways:
            yield f"{rule['id']} pathway: there is no pathway {rule['pathway']}."
        try:
            missing = names_used(rule["expression"]) - names
        except PimError as error:
            yield f"{rule['id']} expression: {error}"
            continue
        for name in sorted(missing):
            yield f"{rule['id']} expression: there is no item {name}."
    for code, pathway in document["request_map"].items():
        if pathway not in pathways:
            yield f"request_map {code}: there is no pathway {pathway}."


def _say(text: str | None) -> dict[str, str]:
    return {LANGUAGE: text} if text else {}


def _item(row: Mapping[str, Any]) -> Item:
    return Item(
        id=row["id"],
        name=row["name"],
        module=row["module"],
        tools=row["tools"],
        label=_say(row["q"]),
        hint=_say(row["hint"]),
        type=row["type"],
        choices=row["choices"],
        sensitivity=row["sens"],
        disclosure=row["cls"],
        treatment=row["treat"],
        relevant=row["rel"],
        constraint=row["constraint"],
        calculation=row["calc"],
        is_required=row["req"],
        is_core=row["core_hh"],
        key=row["key"],
        unit=row["lvl"],
        use=row["use"],
        component=row["comp"],
        risks=row["gpc"],
        matrix=row["matrix"],
        disaggregation=row["disagg"],
        seconds=row["seconds"],
        remark=row["flag"],
    )


def _make(document: Mapping[str, Any]) -> Catalogue:
    return Catalogue(
        version=document["version"],
        modules=tuple(
            Module(row["id"], row["prefix"], _say(row["title"]), "".join(row["tools"]), row["kind"] == "control")
            for row in document["modules"]
        ),
        items=tuple(_item(row) for row in document["items"]),
        lists={
            name: tuple(ListedChoice(row["code"], _say(row["label"]), row.get("aggregate_to")) for row in rows)
            for name, rows in document["choice_lists"].items()
        },
        washington=tuple(WashingtonItem(row["name"], _say(row["label"])) for row in document["wg_ss"]["items"]),
        washington_list=document["wg_ss"]["answers"],
        screening=document["ers_decision"],
        flags=tuple(
            FlagRule(row["id"], row["expression"], row["pathway"], row["urgency"]) for row in document["flag_rules"]
        ),
        pathways={
            row["code"]: Pathway(
                code=row["code"],
                title=row["service"],
                urgency=row["default_urgency"],
                needs_identity=row["personal_data"],
                is_silent=row["code"] in SILENT_PATHWAYS,
            )
            for row in document["pathways"]
        },
        requests=dict(document["request_map"]),
        sha256=hash_document(document),
    )
