"""What is wrong in the parts of a bank beside its items: codes twice, references to nothing, circles, crossed dates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forms.texts import list_texts
from pimcollect.domain.gazetteer import find_place_faults, split_codes

Found = tuple[tuple[str | int, ...], str]
"""Place in the document, and what is wrong there."""
Document = Mapping[str, Any]


def find_broken_parts(document: Document) -> Iterator[Found]:
    """All of it. The fields of the document have their shape already."""
    yield from _find_broken_variants(document)
    yield from _find_broken_translations(document)
    yield from _find_broken_sets(document)
    yield from _find_twice(document, "terms", "code")
    yield from _find_broken_purposes(document)
    for number, field, text in find_place_faults(document.get("places", ())):
        yield ("places", number, field), text


def _find_twice(document: Document, part: str, *fields: str) -> Iterator[Found]:
    seen: set[tuple[Any, ...]] = set()
    for number, row in enumerate(document.get(part, ())):
        code = tuple(row[field] for field in fields)
        if code in seen:
            yield (part, number, fields[0]), f"{' '.join(map(str, code))} stands there twice; change or delete one."
        seen.add(code)


def _find_broken_variants(document: Document) -> Iterator[Found]:
    tools = {row["id"]: row["tools"] for row in document["items"]}
    for number, row in enumerate(document.get("variants", ())):
        if row["item"] not in tools:
            yield ("variants", number, "item"), f"there is no item {row['item']}; correct the name, or add it."
        elif row["tool"] not in tools[row["item"]]:
            yield (
                ("variants", number, "tool"),
                f"the tool {row['tool']} does not ask {row['item']}; add the tool to the item, or delete the row.",
            )
    yield from _find_twice(document, "variants", "item", "tool")


def _find_broken_translations(document: Document) -> Iterator[Found]:
    if "translations" not in document:
        return
    known = {(one.part, one.key) for one in list_texts(document)}
    for number, row in enumerate(document["translations"]):
        where = ("translations", number)
        if (row["part"], row["key"]) not in known:
            yield (
                (*where, "key"),
                f"the part {row['part']} has no text {row['key']} that may be translated; delete the row.",
            )
        if row["language"] == "en":
            yield (*where, "language"), "en is the language of the bank itself; name another."
        if row["state"] == "back_translated" and not row["back"]:
            yield (*where, "back"), "is empty; write what the translation says, or another state."
    yield from _find_twice(document, "translations", "part", "key", "language")


def _find_broken_sets(document: Document) -> Iterator[Found]:
    rows = document.get("disaggregations", ())
    items = {row["id"] for row in document["items"]}
    for number, row in enumerate(rows):
        if row["source"] not in items:
            yield (
                ("disaggregations", number, "source"),
                f"there is no item {row['source']}; correct the name, or add it.",
            )
        if row["categories"] and row["categories"] not in document["choice_lists"]:
            yield (
                ("disaggregations", number, "categories"),
                f"there is no choice list {row['categories']}; correct the name, or add it.",
            )
    yield from _find_twice(document, "disaggregations", "set", "code")
    yield from _find_twice(document, "disaggregations", "set", "order")
    sets = {row["set"] for row in rows}
    for number, row in enumerate(document["items"] if sets else ()):
        for name in split_codes(row["disagg"]):
            if name not in sets:
                yield (
                    ("items", number, "disagg"),
                    f"there is no set of disaggregations {name}; correct the name, or add it.",
                )


def _find_broken_purposes(document: Document) -> Iterator[Found]:
    items = {row["id"] for row in document["items"]}
    for number, row in enumerate(document.get("purposes", ())):
        for item in split_codes(row["items"]):
            if item not in items:
                yield ("purposes", number, "items"), f"there is no item {item}; correct the name, or add it."
        if row["ends_on"] and row["ends_on"] < row["starts_on"]:
            yield ("purposes", number, "ends_on"), "lies before the day on which it starts; correct one of them."
    yield from _find_twice(document, "purposes", "id")
