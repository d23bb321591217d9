"""What is wrong in a bank document, each mistake with its place in it, so that every file can say it in its own way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forms.mistakes_parts import find_broken_parts
from pimcollect.domain.catalogue import PARTS, SCREENING, SELECTS, find_references
from pimcollect.domain.conditions import names_used
from pimcollect.errors import PimError
from pimcollect.schemas.bank import find_shape_errors
from pimcollect.schemas.questionnaires import find_broken_rows

Place = tuple[str | int, ...]
"""Way into the document: ("items", 5, "sens"), ("choice_lists", "yn", 0, "label")."""

LONGEST = 32_767
"""Signs that one cell of a workbook can hold."""

CONTAINERS = ("group", "repeat")
EXPRESSIONS = ("choice_filter", "default", "trigger", "readonly", "repeat_count")
"""Optional fields of an item that may refer to other questions."""

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_CODE = re.compile("_x[0-9A-Fa-f]{4}_")
"""Read by spreadsheet programs as the code of a sign, and by each of them differently."""
_LONGEST_STEP = 60
_STEPS = ("value", "key")
"""Words of marshmallow's tree that are no part of the document."""


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong, and where."""

    where: Place
    text: str
    at: Place = ()
    """A place that is more exact than people need who read the whole document; empty when `where` is all there is."""


def find_mistakes(document: Any) -> list[Mistake]:
    """All mistakes of a parsed bank. References are only followed when every field has its shape."""
    return find_misshapen(document) or list(find_broken_references(document))


def find_misshapen(document: Any) -> list[Mistake]:
    """Fields without their shape, whatever they refer to."""
    try:
        return [*_flatten(find_shape_errors(document)), *_find_unwritable(document)]
    except RecursionError:
        return [Mistake((), "it is nested too deeply.")]


def _flatten(tree: Any, where: Place = ()) -> Iterator[Mistake]:
    if isinstance(tree, list):
        for message in tree:
            yield Mistake(where, message)
        return
    for key, below in tree.items():
        yield from _flatten(below, where if key in _STEPS and where[:1] == ("choice_lists",) else (*where, key))


def _find_unwritable(value: Any, where: Place = ()) -> Iterator[Mistake]:
    """Control signs and halves of signs: neither the database nor a workbook can hold them."""
    if isinstance(value, str):
        if len(value) > LONGEST:
            yield Mistake(where, f"is longer than {LONGEST} signs; shorten it.")
        if _UNWRITABLE.search(value):
            yield Mistake(where, "holds a control sign that cannot be seen; write the text anew.")
        if found := _CODE.search(value):
            yield Mistake(where, f"holds {found.group()}, which spreadsheets take for a sign; write the sign itself.")
    elif isinstance(value, dict):
        for key, below in value.items():
            if isinstance(key, str) and _UNWRITABLE.search(key):
                yield Mistake(where, "holds a name with a control sign; write it anew.")
            else:
                yield from _find_unwritable(below, (*where, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from _find_unwritable(below, (*where, number))


def write_visibly(name: str) -> str:
    """A name out of a file that is not checked yet: short, and without signs that no screen or file can take."""
    short = name if len(name) <= _LONGEST_STEP else f"{name[:_LONGEST_STEP]}..."
    return _UNWRITABLE.sub("\ufffd", short)


def _twice(values: Iterable[str]) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for number, value in enumerate(values):
        if value in seen:
            yield number, value
        seen.add(value)


def find_broken_references(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """What refers to nothing, or stands there twice, where every field has its shape."""
    items, lists = document["items"], document["choice_lists"]
    modules = {row["id"]: row for row in document["modules"]}
    for number, value in _twice(row["id"] for row in document.get("questionnaires", ())):
        yield Mistake(
            ("questionnaires", number, "id"), f"the questionnaire {value} stands there twice; change or delete one."
        )
    for part, field, what in (
        ("items", "id", "id"),
        ("items", "name", "name"),
        ("modules", "id", "module id"),
        ("pathways", "code", "pathway code"),
        ("flag_rules", "id", "flag rule id"),
    ):
        for number, value in _twice(row[field] for row in document[part]):
            said = "" if field != "name" else f" ({value})"
            yield Mistake(
                (part, number), f"this {what}{said} stands there twice; change or delete one.", at=(part, number, field)
            )
    names = {row["name"] for row in items} | {SCREENING}
    names |= {part for row in items for part in PARTS.get(row["type"], ())}
    for number, row in enumerate(items):
        yield from _find_broken_item(("items", number), row, modules, lists, names)
    for name, rows in lists.items():
        for number, code in _twice(row["code"] for row in rows):
            at = ("choice_lists", name, number, "code")
            yield Mistake(("choice_lists", name), f"the code {code} stands there twice; change or delete one.", at=at)
    if document["wg_ss"]["answers"] not in lists:
        yield Mistake(
            ("wg_ss", "answers"),
            f"there is no choice list {document['wg_ss']['answers']}; correct the name, or add it.",
        )
    yield from _find_missing_labels(document)
    yield from _find_broken_containers(items)
    yield from _find_broken_entities(document, names)
    for name in sorted(find_references(document["ers_decision"]) - names):
        yield Mistake(("ers_decision",), f"there is no item {name}; correct the name, or add it.")
    yield from _find_broken_rules(document, names)
    for where, text in (*find_broken_parts(document), *find_broken_rows(document)):
        yield Mistake(where, text)


def _find_broken_item(
    where: Place, row: Mapping[str, Any], modules: Mapping[str, Any], lists: Mapping[str, Any], names: set[str]
) -> Iterator[Mistake]:
    if row["module"] not in modules:
        yield Mistake((*where, "module"), f"there is no module {row['module']}; correct the name, or add it.")
    needs_list = row["type"] in (*SELECTS, "rank", "fgd", "repeat_5w", "wg_ss") and not row.get("file")
    if needs_list and row["choices"] not in lists:
        yield Mistake(
            (*where, "choices"), f"there is no choice list {row['choices'] or '(empty)'}; correct the name, or add it."
        )
    for field in ("rel", "constraint", "calc", *EXPRESSIONS):
        for name in sorted(find_references(row.get(field, "")) - names):
            yield Mistake((*where, field), f"there is no item {name}; correct the name, or add it.")
    if row["cls"] == "direct" and row["treat"] != "vault":
        yield Mistake((*where, "treat"), "a direct identifier must be sealed; write vault.")


def _find_broken_containers(items: list[Mapping[str, Any]]) -> Iterator[Mistake]:
    """A group or repeat stands before what is in it, in the same module."""
    open_: set[tuple[str, str]] = set()
    for number, row in enumerate(items):
        inside = row.get("inside", "")
        if inside and (row["module"], inside) not in open_:
            text = f"no group or repeat {inside} stands before it in the module {row['module']}; move it there."
            yield Mistake(("items", number, "inside"), text)
        if row["type"] in CONTAINERS:
            open_.add((row["module"], row["name"]))


def _find_broken_entities(document: Mapping[str, Any], names: set[str]) -> Iterator[Mistake]:
    for number, row in enumerate(document.get("entities", ())):
        for field in ("label", "entity_id", "create_if", "update_if"):
            for name in sorted(find_references(row.get(field, "")) - names):
                yield Mistake(("entities", number, field), f"there is no item {name}; correct the name, or add it.")
    if not document.get("entities"):
        for number, row in enumerate(document["items"]):
            if row.get("save_to"):
                yield Mistake(
                    ("items", number, "save_to"),
                    "there is no entity that could take it; add one on the sheet entities, or empty the cell.",
                )


def _find_missing_labels(document: Mapping[str, Any]) -> Iterator[Mistake]:
    for name, rows in document["choice_lists"].items():
        for number, row in enumerate(rows):
            if row["label"] is None and name != document["wg_ss"]["answers"]:
                yield Mistake(
                    ("choice_lists", name, number, "label"),
                    "is empty; write the label, only locked wording may be missing.",
                )


def _find_broken_rules(document: Mapping[str, Any], names: set[str]) -> Iterator[Mistake]:
    pathways = {row["code"] for row in document["pathways"]}
    for number, rule in enumerate(document["flag_rules"]):
        where = ("flag_rules", number)
        if rule["pathway"] not in pathways:
            yield Mistake((*where, "pathway"), f"there is no pathway {rule['pathway']}; correct the name, or add it.")
        try:
            missing = names_used(rule["expression"]) - names
        except PimError as error:
            yield Mistake((*where, "expression"), str(error))
            continue
        for name in sorted(missing):
            yield Mistake((*where, "expression"), f"there is no item {name}; correct the name, or add it.")
    for code, pathway in document["request_map"].items():
        if pathway not in pathways:
            yield Mistake(("request_map", code), f"there is no pathway {pathway}; correct the name, or add it.")
