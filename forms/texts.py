"""All texts of a bank that are translated, each by its part and key, and the item or list that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forms.wording import ENGLISH
from pimcollect.schemas.bank import FREE_TEXTS


@dataclass(frozen=True)
class Source:
    """One English text. `code` is what people call the thing that it belongs to: an item, a list, a module, a term."""

    part: str
    key: str
    code: str
    english: str


def list_texts(document: Mapping[str, Any]) -> Iterator[Source]:
    """Every text of a bank document and every sentence of a form, locked official wording left out."""
    yield from (Source("modules", row["id"], row["id"], row["title"]) for row in document["modules"])
    for row in document["items"]:
        yield from _both("items", row["id"], row["id"], row["q"], row["hint"])
        told = (name for name in FREE_TEXTS if row.get(name))
        yield from (Source("items", f"{row['id']}.{name}", row["id"], row[name]) for name in told)
    for row in document.get("variants", ()):
        yield from _both("variants", f"{row['item']}.{row['tool']}", row["item"], row["q"], row["hint"])
    for name, rows in document["choice_lists"].items():
        if name != document["wg_ss"]["answers"]:
            yield from (Source("choices", f"{name}.{row['code']}", name, row["label"]) for row in rows)
    for row in document.get("terms", ()):
        yield Source("terms", row["code"], row["code"], row["term"])
        yield Source("terms", f"{row['code']}.definition", row["code"], row["definition"])
    spoken = (row for row in document.get("purposes", ()) if row["text"])
    yield from (Source("purposes", row["id"], row["id"], row["text"]) for row in spoken)
    yield from (Source("words", key, key, english) for key, english in ENGLISH.items())


def _both(part: str, key: str, code: str, text: str, hint: str) -> Iterator[Source]:
    yield Source(part, key, code, text)
    if hint:
        yield Source(part, f"{key}.hint", code, hint)
