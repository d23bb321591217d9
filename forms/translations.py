"""Wording in other languages: what the bank says itself, else what ships with pimcollect; each text is bound to the
English that it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache

from forms import starter
from pimcollect.domain.catalogue import Catalogue, Item, ListedChoice, Module, Purpose, Term, Text, Translation, Variant
from pimcollect.domain.translations import mark

SOURCE = "en"
"""The language of the bank, from which all others are translated."""

TRANSLATED = ("fr", "ar")
"""Languages that the starter set has translations for."""

DRAFTED, APPROVED = "machine_drafted", "approved"
"""States of a translation that ships: nobody has judged it yet; an information officer has."""

_HASH_LENGTH = 8

Own = Mapping[tuple[str, str, str], Translation]
"""(part, key, language) -> what a bank says itself."""

Translations = Mapping[str, Mapping[str, Translation]]
"""Part (modules, items, choices, words, ...) -> key (`M01`, `C01.hint`, `yn.yes`, `con_intro`) -> translation."""


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


def find_translation(part: str, key: str, english: str, *, language: str, own: Own | None = None) -> Translation | None:
    """The translation of exactly this English, or None: one of an older wording does not count. The bank's own goes
    before the one that ships."""
    bound = hash_source(english)
    for found in ((own or {}).get((part, key, language)), read_translations(language).get(part, {}).get(key)):
        if found and found.of == bound:
            return found
    return None


def find_languages(own: Own) -> tuple[str, ...]:
    """The languages that something can be translated into."""
    return (*TRANSLATED, *sorted({language for _, _, language in own} - set(TRANSLATED)))


class _Speaker:
    """Translates the parts of one bank, the languages of which are looked up once."""

    def __init__(self, own: Own) -> None:
        self.own, self.languages = own, find_languages(own)

    def say(self, part: str, key: str, text: Text) -> dict[str, str]:
        english = text.get(SOURCE)
        if not english:
            return dict(text)
        found = {
            language: one.text
            for language in self.languages
            if (one := find_translation(part, key, english, language=language, own=self.own))
        }
        return {**found, **text}

    def item(self, item: Item) -> Item:
        return replace(
            item,
            label=self.say("items", item.id, item.label),
            hint=self.say("items", f"{item.id}.hint", item.hint),
            asking=replace(
                item.asking,
                guidance=self.say("items", f"{item.id}.guidance", item.asking.guidance),
                message=self.say("items", f"{item.id}.message", item.asking.message),
                required_message=self.say("items", f"{item.id}.required_message", item.asking.required_message),
            ),
            variants={
                tool: Variant(
                    self.say("variants", f"{item.id}.{tool}", one.label),
                    self.say("variants", f"{item.id}.{tool}.hint", one.hint),
                )
                for tool, one in item.variants.items()
            },
        )

    def module(self, module: Module) -> Module:
        return replace(module, title=self.say("modules", module.id, module.title))

    def choice(self, list_: str, choice: ListedChoice) -> ListedChoice:
        return replace(choice, label=self.say("choices", f"{list_}.{choice.code}", choice.label))

    def term(self, term: Term) -> Term:
        return replace(
            term,
            term=self.say("terms", term.code, term.term),
            definition=self.say("terms", f"{term.code}.definition", term.definition),
        )

    def purpose(self, purpose: Purpose) -> Purpose:
        return replace(purpose, text=self.say("purposes", purpose.id, purpose.text))


def translate_text(part: str, key: str, text: Text, own: Own | None = None) -> dict[str, str]:
    """A text in every language that is known for it; what it says itself stays."""
    return _Speaker(own or {}).say(part, key, text)


def translate_texts(part: str, texts: Mapping[str, str], own: Own) -> list[tuple[str, dict[str, str]]]:
    """(key, text in every language that is known for it) of English texts by key."""
    speaker = _Speaker(own)
    return [(key, speaker.say(part, key, {SOURCE: english})) for key, english in texts.items()]


def translate(catalogue: Catalogue) -> Catalogue:
    """The same bank with every translation that is known for its wording. Locked official wording has none."""
    speaker = _Speaker(catalogue.translations)
    return replace(
        catalogue,
        modules=tuple(map(speaker.module, catalogue.modules)),
        items=tuple(map(speaker.item, catalogue.items)),
        lists={
            name: tuple(speaker.choice(name, choice) for choice in choices) for name, choices in catalogue.lists.items()
        },
        terms=tuple(map(speaker.term, catalogue.terms)),
        purposes=tuple(map(speaker.purpose, catalogue.purposes)),
    )


def count_drafts(
    texts: Mapping[str, Iterable[tuple[str, Text]]],
    language: str,
    *,
    own: Own | None = None,
    approved: Collection[str] = frozenset(),
) -> int:
    """How many texts of a form nobody has approved in this language; `texts` is part -> (key, text), `approved` holds
    the marks of those that somebody did approve here.

    A text that came into the catalogue with its own language is no translation of ours.
    """
    count = 0
    for part, rows in texts.items():
        for key, text in rows:
            english = text.get(SOURCE, "")
            one = find_translation(part, key, english, language=language, own=own) if language in text else None
            if one is None or one.state == APPROVED or one.text != text[language]:
                continue
            count += mark(part, key, language, source=english, text=one.text) not in approved
    return count
