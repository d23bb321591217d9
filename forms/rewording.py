"""The sentences of a form in the bank's own words: a bank may translate them, better or into languages of its own."""

from __future__ import annotations

from dataclasses import replace

from forms.rows import Row
from forms.translations import SOURCE, Own, hash_source
from forms.wording import ENGLISH
from pimcollect.domain.catalogue import Catalogue, ListedChoice, Text

_PART = "words"


def _find_own(own: Own) -> dict[str, dict[str, str]]:
    """English sentence -> language -> what the bank says for it."""
    found: dict[str, dict[str, str]] = {}
    for (part, key, language), one in own.items():
        if part == _PART and key in ENGLISH and one.of == hash_source(ENGLISH[key]):
            found.setdefault(ENGLISH[key], {})[language] = one.text
    return found


def reword(rows: list[Row], catalogue: Catalogue) -> list[Row]:
    """The same rows; each sentence of ours as the bank says it, where it does."""
    own = _find_own(catalogue.translations)
    if not own:
        return rows

    def say(text: Text) -> Text:
        return {**text, **own.get(text.get(SOURCE, ""), {})}

    return [replace(row, label=say(row.label), hint=say(row.hint), message=say(row.message)) for row in rows]


def reword_choice(choices: tuple[ListedChoice, ...], catalogue: Catalogue) -> tuple[ListedChoice, ...]:
    """The same for choices that are the form's own."""
    own = _find_own(catalogue.translations)
    return tuple(replace(one, label={**one.label, **own.get(one.label.get(SOURCE, ""), {})}) for one in choices)
