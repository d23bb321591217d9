"""Wording in other languages: loaded beside the bank, each text bound to the English that it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from forms import starter
from pimcollect.domain.catalogue import Catalogue, Item, ListedChoice, Module, Text

SOURCE = "en"
"""The language of the bank, from which all others are translated."""

TRANSLATED = ("fr", "ar")
"""Languages that the starter set has translations for."""

DRAFTED, APPROVED = "machine_drafted", "approved"
"""States of a translation: nobody has judged it yet; an information officer has."""

_HASH_LENGTH = 8


@dataclass(frozen=True)
class Translation:
    """One text in one language. `of` is the hash of the English that it translates."""

    text: str
    of: str
    state: str


Translations = Mapping[str, Mapping[str, Translation]]
"""Part (modules, items, choices, words) -> key (`M01`, `C01`, `C01.hint`, `yn.yes`, `con_intro`) -> translation."""


def hash_source(english: str) -> str:
    """What binds a translation to its source: another wording needs another translation."""
    return hashlib.sha256(english.encode()).hexdigest()[:_HASH_LENGTH]


@cache
def read_translations(language: str) -> Translations:
    """The translations that ship with pimcollect; none for English and for a language that has no file."""
    if language not in TRANSLATED:
        return {}
    document = json.loads(starter.read_bytes(f"translations/{language}.json"))
    return {
        part: {key: Translation(**row) for key, row in rows.items()}
        for part, rows in document.items()
        if part != "language"
    }


def find_translation(part: str, key: str, english: str, *, language: str) -> Translation | None:
    """The translation of exactly this English, or None: one of an older wording does not count."""
    found = read_translations(language).get(part, {}).get(key)
    return found if found and found.of == hash_source(english) else None


def translate_text(part: str, key: str, text: Text) -> dict[str, str]:
    """A text in every language that is known for it; what it says itself stays."""
    english = text.get(SOURCE)
    if not english:
        return dict(text)
    found = {language: find_translation(part, key, english, language=language) for language in TRANSLATED}
    return {**{language: one.text for language, one in found.items() if one}, **text}


def _translate_item(item: Item) -> Item:
    return replace(
        item,
        label=translate_text("items", item.id, item.label),
        hint=translate_text("items", f"{item.id}.hint", item.hint),
        asking=replace(
            item.asking,
            guidance=translate_text("items", f"{item.id}.guidance", item.asking.guidance),
            message=translate_text("items", f"{item.id}.message", item.asking.message),
            required_message=translate_text("items", f"{item.id}.required_message", item.asking.required_message),
        ),
    )


def _translate_module(module: Module) -> Module:
    return replace(module, title=translate_text("modules", module.id, module.title))


def _translate_choice(list_: str, choice: ListedChoice) -> ListedChoice:
    return replace(choice, label=translate_text("choices", f"{list_}.{choice.code}", choice.label))


def translate(catalogue: Catalogue) -> Catalogue:
    """The same bank with every translation that is known for its wording. Locked official wording has none."""
    return replace(
        catalogue,
        modules=tuple(map(_translate_module, catalogue.modules)),
        items=tuple(map(_translate_item, catalogue.items)),
        lists={
            name: tuple(_translate_choice(name, choice) for choice in choices)
            for name, choices in catalogue.lists.items()
        },
    )


def count_drafts(texts: Mapping[str, Iterable[tuple[str, Text]]], language: str) -> int:
    """How many texts of a form are drafts that nobody has approved in this language; `texts` is part -> (key, text).

    What the bank says itself is its own business, even where a draft was there too.
    """
    shown = ((part, key, text) for part, rows in texts.items() for key, text in rows if language in text)
    found = (
        (find_translation(part, key, text.get(SOURCE, ""), language=language), text[language])
        for part, key, text in shown
    )
    return sum(1 for one, said in found if one is not None and one.state != APPROVED and one.text == said)
