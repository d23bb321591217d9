"""Match the questions of a form made elsewhere to the items of the bank: by key, name, wording and choices."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from forms.identifiers import fold
from forms.reasons import CHOICES, OTHER_TYPE, SAME_CHOICES, SAME_KEY, SAME_NAME, WORDING
from forms.translations import SOURCE
from pimcollect.domain.catalogue import SELECTS, Catalogue, Item
from pimcollect.domain.phrases import phrase
from pimcollect.domain.similarity import cut_triples, find_pairs

SURE = 0.8
"""From here on a match is proposed as the same question, if type and choices are the same too."""

_LEAST = 0.5
"""Share of common triples from which two wordings are looked at."""

_NEARLY = 0.6
"""Share of common triples from which two choices mean the same, if their code is the same too."""

_SHOWN = 3
_CODE = re.compile(r"\(([a-z]{2,3})(?:-[A-Za-z]+)?\)\s*$")
_NAMES = {"english": "en", "french": "fr", "francais": "fr", "arabic": "ar", "العربية": "ar", "default": SOURCE}

_KINDS = {"decimal": "integer", "range": "integer", "month": "date", "dateTime": "date", "rank": "select_multiple"}
"""Types that are near enough to mean the same when the wording says so; still named as a difference."""


@dataclass(frozen=True)
class Asked:
    """A question of the form, as far as matching needs it."""

    name: str
    type: str
    labels: Mapping[str, str]
    """Language as the column names it -> wording."""
    choices: str = ""
    """Name of its list; empty for a question without one that is known."""
    key: str = ""
    """Comparability key, where a column of the form gives one."""


@dataclass(frozen=True)
class Match:
    """An item that may be the same question: how near, and why."""

    item: str
    score: float
    why: str
    is_same: bool
    """Type and choices are the same too: answers may be counted together."""


def read_language(column: str) -> str:
    """The language code of a column's language: `French (fr)` is fr; empty where it cannot be told."""
    found = _CODE.search(column)
    return found[1] if found else _NAMES.get(fold(column.strip()), "")


def find_matches(
    asked: Mapping[int, Asked], catalogue: Catalogue, *, mine: Mapping[str, Spoken], theirs: Mapping[str, Spoken]
) -> dict[int, tuple[Match, ...]]:
    """For each question, by its row, the items that may be the same: the nearest first, at most three. `mine` are the
    choice lists of the form, `theirs` those of the bank, by name."""
    items = {item.id: item for item in catalogue.items}
    words = _compare_words(asked, catalogue)

    @cache
    def compare(one: str, other: str) -> float:
        return compare_choices(mine[one], theirs[other])

    by_name, by_key = defaultdict(list), {item.key: item.id for item in catalogue.items}
    for item in catalogue.items:
        by_name[item.name].append(item.id)
        by_name[_strip_prefix(item.name)].append(item.id)
    found = {}
    for row, one in asked.items():
        near = words.get(row, {})
        candidates = {*near, *by_name.get(one.name.lower(), ()), *([by_key[one.key]] if one.key in by_key else ())}
        matches = [_match(one, items[id_], near.get(id_, 0.0), compare) for id_ in candidates]
        found[row] = tuple(sorted(matches, key=lambda match: (-match.score, match.item))[:_SHOWN])
    return found


def _compare_words(asked: Mapping[int, Asked], catalogue: Catalogue) -> dict[int, dict[str, float]]:
    """Row -> item -> the best likeness of their wordings in any language that both have."""
    mine: dict[str, dict[str, str]] = defaultdict(dict)
    for row, one in asked.items():
        for column, text in one.labels.items():
            mine[read_language(column)][str(row)] = text
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for language, labels in mine.items():
        theirs = {item.id: item.label[language] for item in catalogue.items if item.label.get(language)}
        for pair in find_pairs(labels, theirs, least=_LEAST) if theirs else ():
            known = found[int(pair.one)]
            known[pair.other] = max(known.get(pair.other, 0.0), pair.score)
    return found


def _match(asked: Asked, item: Item, words: float, compare: Callable[[str, str], float]) -> Match:
    name = 1.0 if asked.name.lower() in (item.name, _strip_prefix(item.name)) else _likeness(asked.name, item.name)
    theirs = item.choices if item.type in (*SELECTS, "rank") and not item.asking.file else ""
    choices = compare(asked.choices, theirs) if asked.choices and theirs else None
    is_type, has_choices = asked.type == item.type, choices is None or choices == 1.0
    is_same = is_type and has_choices and bool(asked.choices) == bool(theirs)
    score = 0.7 * words + 0.3 * name if choices is None else 0.55 * words + 0.2 * name + 0.25 * choices
    if is_same:
        score = max(score, 0.95 * words)
    if not is_type:
        score *= 0.9 if _KINDS.get(asked.type, asked.type) == _KINDS.get(item.type, item.type) else 0.7
    if asked.key and asked.key == item.key:
        score = 1.0
    return Match(item.id, round(score, 2), _say_why(asked, item, words, name, choices), is_same)


def _say_why(asked: Asked, item: Item, words: float, name: float, choices: float | None) -> str:
    reasons = [SAME_KEY] if asked.key and asked.key == item.key else []
    reasons += [phrase(WORDING, score=f"{words:.2f}")] if words else []
    reasons += [SAME_NAME] if name == 1.0 else []
    if choices is not None:
        reasons.append(SAME_CHOICES if choices == 1.0 else phrase(CHOICES, score=f"{choices:.2f}"))
    if asked.type != item.type:
        reasons.append(phrase(OTHER_TYPE, type=item.type))
    return ", ".join(reasons)


def _strip_prefix(name: str) -> str:
    """A name of the bank without that of its module: `dem_age` is `age` elsewhere."""
    return name.partition("_")[2] or name


def _likeness(one: str, other: str) -> float:
    mine, theirs = cut_triples(one.replace("_", " ")), cut_triples(other.replace("_", " "))
    return len(mine & theirs) / len(mine | theirs) if mine and theirs else 0.0


@dataclass(frozen=True)
class Spoken:
    """A choice list as it is compared: what each code says, folded, in any language. Nothing where it is locked."""

    labels: Mapping[str, frozenset[str]]
    texts: frozenset[str]


def speak(choices: Mapping[str, Iterable[str]]) -> Spoken:
    """The list of code -> labels, ready to be compared."""
    labels = {code: frozenset(fold(one).strip(" .") for one in said if one) for code, said in choices.items()}
    return Spoken(labels, frozenset().union(*labels.values()))


def speak_all(catalogue: Catalogue) -> dict[str, Spoken]:
    """All lists of the bank, ready to be compared."""
    return {
        name: speak({choice.code: choice.label.values() for choice in choices})
        for name, choices in catalogue.lists.items()
    }


def compare_choices(mine: Spoken, theirs: Spoken) -> float:
    """How far two lists are the same, 0 to 1. Codes alone prove nothing (1, 2, 3): a code counts when its label in
    one language is nearly the same; 1.0 means every code and meaning is on both sides."""
    common = mine.labels.keys() & theirs.labels.keys()
    both = sum(1 for code in common if _say_same(mine.labels[code], theirs.labels[code]))
    if both == len(mine.labels) == len(theirs.labels):
        return 1.0
    words = sum(1 for said in theirs.labels.values() if said & mine.texts)
    share = words / max(len(mine.labels), len(theirs.labels))
    return min(0.95, max(both / len(mine.labels.keys() | theirs.labels.keys()), share))


def _say_same(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    """Official wording that is not loaded says nothing: its codes are its own."""
    return not theirs or bool(mine & theirs) or any(_likeness(a, b) >= _NEARLY for a in mine for b in theirs)
