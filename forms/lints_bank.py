"""Lints of the bank's items, whatever form asks them: purpose, people, wording, keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from forms.gates import CLOSING_MODULE, CONSENT_MODULE, REFERRAL_MODULE, SCREENING_MODULE
from forms.lints import Lint, find
from forms.mistakes_logic import find_broken
from forms.overlaps import find_doubles
from pimcollect.domain.catalogue import SELECTS, Catalogue, Item
from pimcollect.domain.phrases import phrase

UNITS = ("hh", "person", "community", "site")
CATEGORIES = ("POP", "PNA", "PM", "CM", "RME", "SSA", "SEC", "CWC")
"""The matrix's units and categories (bank, section 1)."""

GBV_MODULE = "M08"
CONTROLS = (CONSENT_MODULE, SCREENING_MODULE, REFERRAL_MODULE, CLOSING_MODULE)
ASKED_WITHOUT_A_WAY_OUT = ("G04", "O02", "Q05", "D05")
"""Items that need no `dk` or `pns`: an offer, a place, a complaint, official wording (L08)."""

ROUNDS = 3
"""Versions of a form after which an item that none of them asks counts as unused (L17)."""

_WAYS_OUT = frozenset({"dk", "pns"})
_OWN = re.compile(r"\b(happened to you|have you (ever )?(been|had)|were you|did (anyone|someone) [^.?]*\byou\b)", re.I)
_YOUNG = re.compile(r"^a?(\d{1,2})(?:_\d+|p)?$")
_ADULT = 18


def lint_bank(catalogue: Catalogue) -> Iterator[Lint]:
    """All items, and what they have in common."""
    for item in catalogue.items:
        yield from lint_item(item, catalogue)
    yield from _lint_doubles(catalogue)


def lint_expressions(document: Mapping[str, Any]) -> Iterator[Lint]:
    """Expressions of a kept bank that would break any form on the phone: such a form is not built (X02, X03, X12)."""
    for where, code, words in find_broken(document):
        if len(where) == 1:
            yield find(code, "bank", name=str(where[0]), text=words)
            continue
        part, number, field = where
        row = document[str(part)][number]
        yield find(code, str(part), name=f"{row.get('id') or row['list']} {field}", text=words)


def lint_item(item: Item, catalogue: Catalogue) -> Iterator[Lint]:
    """One item of the bank: L01-L03, L05, L06, L08, L19."""

    def say(code: str, field: str, text: str = "") -> Lint:
        return find(code, "items", name=f"{item.id} {field}", text=text)

    if not item.use.strip():
        yield say("L01", "use")
    if not item.matrix or not item.disaggregation:
        yield say("L02", "matrix" if not item.matrix else "disagg")
    if item.disclosure == "direct" and item.module != REFERRAL_MODULE:
        yield say("L03", "cls")
    yield from _lint_experience(item, catalogue)
    if item.type == "text" and item.treatment != "vault":
        yield say("L06", "type")
    if _lacks_way_out(item, catalogue):
        yield say("L08", "choices", phrase("the list %(list)s has neither dk nor pns", list=item.choices))
    if item.unit not in UNITS:
        yield say("L19", "lvl", phrase("%(code)s is no unit of the matrix", code=item.unit or "-"))
    if item.matrix and item.matrix not in CATEGORIES:
        yield say("L19", "matrix", phrase("%(code)s is no category of the matrix", code=item.matrix))


def _lint_experience(item: Item, catalogue: Catalogue) -> Iterator[Lint]:
    if item.module == GBV_MODULE:
        is_private = item.unit in ("hh", "person") and item.disclosure not in ("none", "comm")
        if is_private or any(_OWN.search(text) for text in item.label.values()):
            yield find("L05", "items", name=f"{item.id} q", text=phrase("it asks what somebody went through"))
    if item.disclosure == "quasi" and item.unit == "person" and item.type in SELECTS and "age" in item.name:
        young = [
            choice.code
            for choice in catalogue.lists.get(item.choices, ())
            if (found := _YOUNG.match(choice.code)) and int(found[1]) < _ADULT
        ]
        if young:
            text = phrase("%(codes)s: a respondent under 18", codes=young)
            yield find("L05", "items", name=f"{item.id} choices", text=text)


def _lacks_way_out(item: Item, catalogue: Catalogue) -> bool:
    if item.type not in SELECTS or item.sensitivity == "L" or item.tools == "O":
        return False
    if item.module in CONTROLS or item.id in ASKED_WITHOUT_A_WAY_OUT:
        return False
    return _WAYS_OUT.isdisjoint(choice.code for choice in catalogue.lists.get(item.choices, ()))


def _lint_doubles(catalogue: Catalogue) -> Iterator[Lint]:
    for row in find_doubles(catalogue):
        name = f"{row['one']} {row['other']}"
        if row["kind"] == "key twice":
            yield find(
                "L12" if row["remark"] else "L11", "items", name=name, text=_say_double(row["key"], row["remark"])
            )
        else:
            yield find("L11", "items", name=name, text=phrase("their wording is nearly the same"))


def _say_double(key: str, remark: str) -> str:
    if not remark:
        return phrase("both have the key %(key)s", key=key)
    return phrase("both have the key %(key)s, with %(remark)s", key=key, remark=remark)


def lint_unused(items: Iterable[Item], rounds: Mapping[str, tuple[str, Sequence[Collection[str]]]]) -> Iterator[Lint]:
    """Items that no form asked in its last rounds, though a form of one of their tools had so many (L17); `rounds` is
    form -> its tool, and the items of its versions, newest first."""
    last = {form: (tool, versions[:ROUNDS]) for form, (tool, versions) in rounds.items()}
    tools = {tool for tool, versions in last.values() if tool and len(versions) == ROUNDS}
    asked = {item for _, versions in last.values() for version in versions for item in version}
    for item in items:
        if item.id not in asked and tools & set(item.tools):
            yield find(
                "L17",
                "items",
                name=item.id,
                text=phrase("no form asked it in its last %(number)s versions", number=ROUNDS),
            )
