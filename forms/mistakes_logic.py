"""Expressions of a bank document that no telephone can work out: no form that asks them could be built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forms.lints_logic import is_dynamic
from forms.mistakes import Mistake, Place
from pimcollect.domain.expressions import find_breaks

_OF_ITEMS = ("rel", "constraint", "calc", "choice_filter", "readonly", "repeat_count")
_OF_ENTITIES = ("label", "entity_id", "create_if", "update_if")
_MENDS = {"X02": "correct its spelling", "X03": "correct the pattern", "X12": "close it, or take it out"}


def find_broken_expressions(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """Each of them as a mistake of its cell, whoever may ask it: a draft that cannot be read cannot be reviewed either.
    The fields of the document have their shape."""
    for where, code, words in find_broken(document):
        yield Mistake(where, f"{code}: {words}; {_MENDS[code]}.")


def find_broken(document: Mapping[str, Any]) -> Iterator[tuple[Place, str, str]]:
    """Place, lint (X02, X03, X12) and words of each reason."""
    for where, text in _list_expressions(document):
        for code, words in find_breaks(text, ()):
            if code in _MENDS:  # paths (X01) are known in a form alone
                yield where, code, words


def _list_expressions(document: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    yield ("ers_decision",), document["ers_decision"]
    for number, row in enumerate(document["items"]):
        for field in _OF_ITEMS:
            yield ("items", number, field), row.get(field, "")
        if is_dynamic(row.get("default", ""), row["type"]):
            yield ("items", number, "default"), row["default"]
    for number, row in enumerate(document.get("entities", ())):
        for field in _OF_ENTITIES:
            yield ("entities", number, field), row.get(field, "")
