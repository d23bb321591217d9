"""Which items a change of the bank reaches: directly, through their list, a rule that reads them, or the screening."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pimcollect.domain.catalogue import PARTS, find_references
from pimcollect.domain.changes import Change, Document, weigh_items
from pimcollect.domain.conditions import names_used
from pimcollect.domain.slips import read_words
from pimcollect.domain.weights import Weight
from pimcollect.errors import PimError


def find_touched(changes: Sequence[Change], old: Document, new: Document) -> set[str]:
    """Ids of the items of either bank that the changes reach. Forms that ask one of them are touched."""
    touched = {one.id for one in changes if one.part == "item"} | set(weigh_items(changes, old, new))
    touched |= {item for one in changes for document in (old, new) for item in _find_items(one, document)}
    ids = {
        name: row["id"]
        for document in (old, new)
        for row in document["items"]
        for name in (row["name"], *PARTS.get(row["type"], ()))
    }
    for one in changes:
        for document in (old, new):
            touched |= {ids[name] for name in _names(one, document) if name in ids}
    return touched


def find_grounds(changes: Sequence[Change], old: Document, new: Document) -> tuple[set[str], set[str]]:
    """Why the changes touch a form: items that it asks, or purposes that it was built for. A changed purpose touches no
    form of another purpose, though both ask the same items."""
    purposes = {one.id for one in changes if one.part == "purpose"}
    return find_touched([one for one in changes if one.part != "purpose"], old, new), purposes


def find_reached(document: Document, code: str) -> set[str]:
    """Ids of the items that a code of any part of a bank is about: an item's own, a list's, a term's, a rule's."""
    parts = ("item", "list", "module", "rule", "pathway", "term", "purpose", "disaggregation")
    found = {row["id"] for row in document["items"] if code in (row["id"], row["name"], row["key"], row["module"])}
    found |= {row["id"] for row in document["items"] if row["choices"] == code}
    for part in parts:
        about = Change(part, code, "", "", "", Weight.NONE, "")
        found |= find_touched((about,), document, document) - {code}
    return found


def find_named(document: Document, code: str) -> bool:
    """Whether a part of a bank bears this name, whether or not an item has to do with it."""
    named = {
        "items": ("id", "name", "key", "module"),
        "modules": ("id",),
        "flag_rules": ("id",),
        "pathways": ("code",),
        "terms": ("code",),
        "purposes": ("id",),
        "disaggregations": ("set",),
        "places": ("code",),
    }
    return code in document["choice_lists"] or any(
        code in (row[field] for field in fields) for part, fields in named.items() for row in document.get(part, ())
    )


def _find_items(change: Change, document: Document) -> Iterator[str]:
    """Ids of items that a change beside the items is about."""
    find = _FINDERS.get(change.part)
    return iter(()) if find is None else find(change.id, document)


def _of_variant(id_: str, document: Document) -> Iterator[str]:
    yield id_.partition(" ")[0]


def _of_translation(id_: str, document: Document) -> Iterator[str]:
    part, key, _ = id_.split(" ", 2)
    field = {"modules": "module", "items": "id", "variants": "id", "choices": "choices"}.get(part)
    code = key.partition(".")[0]
    return (row["id"] for row in document["items"] if field and row[field] == code)


def _of_disaggregation(id_: str, document: Document) -> Iterator[str]:
    name = id_.partition(" ")[0]
    return (row["id"] for row in document["items"] if name in _split(row["disagg"]))


def _of_purpose(id_: str, document: Document) -> Iterator[str]:
    for one in document.get("purposes", ()):
        if one["id"] == id_:
            named = _split(one["items"])
            for row in document["items"]:
                if row["id"] in named if named else set(row["tools"]) & set(one["tools"]):
                    yield row["id"]


def _of_term(id_: str, document: Document) -> Iterator[str]:
    words = [read_words(one["term"]) for one in document.get("terms", ()) if one["code"] == id_]
    return (row["id"] for row in document["items"] if any(_says(row, one) for one in words))


_FINDERS: Mapping[str, Callable[[str, Document], Iterator[str]]] = {
    "variant": _of_variant,
    "translation": _of_translation,
    "disaggregation": _of_disaggregation,
    "purpose": _of_purpose,
    "term": _of_term,
}


def _split(cell: str) -> set[str]:
    return set(cell.replace(",", " ").split())


def _says(row: Mapping[str, Any], words: list[str]) -> bool:
    """Whether an item's question, hint or use says these words one after the other."""
    if not words:
        return False
    spoken = read_words(f"{row['q']} . {row['hint']} . {row['use']}")
    return any(spoken[at : at + len(words)] == words for at in range(len(spoken)))


def is_severe(items: set[str], old: Document, new: Document) -> bool:
    """Whether one of these items is severe, before or after."""
    return any(row["id"] in items and row["sens"] == "S" for document in (old, new) for row in document["items"])


def _names(change: Change, document: Document) -> Iterator[str]:
    """Names of questions that a change of a rule, a pathway or the screening is about."""
    if change.part == "screening":
        yield from find_references(document["ers_decision"])
    if change.part == "locked" or (change.part == "list" and change.id == document["wg_ss"]["answers"]):
        yield from (row["name"] for row in document["items"] if row["type"] == "wg_ss")
    for rule in document["flag_rules"]:
        if (change.part == "rule" and change.id == rule["id"]) or (
            change.part == "pathway" and change.id == rule["pathway"]
        ):
            try:
                yield from (name.partition("/")[0] for name in names_used(rule["expression"]))
            except PimError:  # a bank that was kept before a function was taken out of the language
                continue
