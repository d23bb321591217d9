"""Which items a change of the bank reaches: directly, through their list, a rule that reads them, or the screening."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pimcollect.domain.catalogue import find_references
from pimcollect.domain.changes import Change, Document, weigh_items
from pimcollect.domain.conditions import names_used
from pimcollect.errors import PimError


def find_touched(changes: Sequence[Change], old: Document, new: Document) -> set[str]:
    """Ids of the items of either bank that the changes reach. Forms that ask one of them are touched."""
    touched = {one.id for one in changes if one.part == "item"} | set(weigh_items(changes, old, new))
    ids = {row["name"]: row["id"] for document in (old, new) for row in document["items"]}
    for one in changes:
        for document in (old, new):
            touched |= {ids[name] for name in _names(one, document) if name in ids}
    return touched


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
