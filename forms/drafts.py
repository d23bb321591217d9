"""How far the wording of a bank came in one language: text by text, beside its English, with what is still open."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forms.bank_parts import read_translations_of
from forms.texts import Source, list_texts
from forms.translations import APPROVED, find_languages, find_translation
from pimcollect.domain.translations import Bound, mark

MISSING, STALE = "missing", "stale"
"""Nothing is there in this language; or only a translation of an older wording, which no form uses."""


@dataclass(frozen=True)
class Draft:
    """One text in one language."""

    code: str
    """The item, list, module, term, purpose or sentence that it belongs to."""
    part: str
    key: str
    language: str
    source: str
    text: str
    state: str
    """missing, stale, machine_drafted, translated, back_translated or approved."""
    translator: str = ""
    back: str = ""

    @property
    def is_open(self) -> bool:
        """True when somebody still has to do something."""
        return self.state != APPROVED

    @property
    def bound(self) -> Bound | None:
        """What an approval of it says; None where there is nothing to approve."""
        if self.state in (MISSING, STALE):
            return None
        return Bound(self.part, self.key, self.language, self.source, self.text, self.translator)


def list_drafts(
    document: Mapping[str, Any], language: str, *, approved: Collection[str], codes: Collection[str] = ()
) -> Iterator[Draft]:
    """Every text of a bank in this language, or those of some codes or parts; `approved` holds the marks of those that
    somebody approved."""
    own = read_translations_of(document)
    for one in list_texts(document):
        if codes and not {one.code, one.part, f"{one.part}.{one.key}"} & set(codes):
            continue
        found = find_translation(one.part, one.key, one.english, language=language, own=own)
        if found is None:
            older = own.get((one.part, one.key, language))
            yield _draft(one, language, text=older.text if older else "", state=STALE if older else MISSING)
            continue
        said = mark(one.part, one.key, language, source=one.english, text=found.text)
        state = APPROVED if said in approved else found.state
        yield _draft(one, language, text=found.text, state=state, translator=found.translator, back=found.back)


def _draft(one: Source, language: str, *, text: str, state: str, translator: str = "", back: str = "") -> Draft:
    return Draft(one.code, one.part, one.key, language, one.english, text, state, translator, back)


def add_missing(document: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The same bank with an empty row for every text that this language lacks: a sheet for a translator."""
    rows = list(document.get("translations", ()))
    there = {(row["part"], row["key"], row["language"]) for row in rows}
    for one in list_drafts(document, language, approved=()):
        if one.state == MISSING and (one.part, one.key, language) not in there:
            rows.append(
                {
                    **{"part": one.part, "key": one.key, "language": language, "source": one.source},
                    **{"text": "", "translator": "", "state": "translated", "back": ""},
                }
            )
    return {**document, "translations": rows}


def find_untranslated(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Texts that are new or changed in a bank and lack a language that the bank speaks: part, key, languages.
    A form cannot be built in these before somebody translates them."""
    own = read_translations_of(new)
    before = {(one.part, one.key): one.english for one in list_texts(old)}
    found = []
    for one in list_texts(new):
        if before.get((one.part, one.key)) == one.english:
            continue
        lacking = [
            language
            for language in find_languages(own)
            if not find_translation(one.part, one.key, one.english, language=language, own=own)
        ]
        if lacking:
            found.append({"part": one.part, "key": one.key, "languages": lacking})
    return found
