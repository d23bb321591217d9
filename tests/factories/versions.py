"""Versions and directories to decide with: the bank's own forms, and small ones made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from forms.bank import read_starter
from forms.layout import lay_out
from forms.places import read_starter_places
from forms.release import plan_version
from forms.selection import select
from pimcollect.domain.decide import Prepared, prepare
from pimcollect.domain.outcomes import Directory, PathwayRule, Place, Pseudonyms, Service
from pimcollect.domain.version import Choice, Condition, ConsentMap, Question, Treatment, Version

RECEIVED = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "payloads" / "scenarios.json").read_text())
BASE: dict[str, Any] = DOCUMENT["base_answers"]
"""The answers of the golden scenarios before each one's own: an adult who agrees to all, and no need at all."""

PLACES = {
    place.code: place
    for place in (
        Place("XX", 0, None),
        Place("XX01", 1, "XX"),
        Place("XX02", 1, "XX"),
        Place("XX0101", 2, "XX01"),
        Place("XX0102", 2, "XX01"),
        Place("XX0201", 2, "XX02"),
        Place("XX010101", 3, "XX0101"),
        Place("ODD", 3, "XX0201"),  # a code that does not begin with its parent's
    )
}


@cache
def bank_version(form: str = "hh") -> Version:
    """A form of the starter bank, frozen but for its version string."""
    catalogue = read_starter()
    layout = lay_out(catalogue, select(catalogue, form), places=read_starter_places(), languages=("en",))
    return replace(plan_version(catalogue, select(catalogue, form), layout), version="test")


@cache
def household() -> Prepared:
    """The long household interview, ready to decide."""
    return prepare(bank_version("hh"))


def directory(*rules: PathwayRule, services: Iterable[Service] = ()) -> Directory:
    """The places above, the services that the rules name (and those given), and the rules."""
    known = {rule.service: Service(rule.service) for rule in rules} | {one.code: one for one in services}
    return Directory(PLACES, known, rules)


def question(key: str, type: str, kind: str = "keep", /, **more: Any) -> Question:
    """A question of a small form; what is not a field of it becomes an option of the treatment."""
    own = {name: more.pop(name) for name in tuple(more) if name in Question.__dataclass_fields__}
    repeat = str(own.get("repeat", ""))
    return Question(
        **{"key": key, "path": f"{repeat}/{key}" if repeat else key, "type": type, **own},
        treatment=Treatment(kind, more),
    )


def small_version(
    *questions: Question, choices: Mapping[str, Iterable[str]] | None = None, repeats: tuple[str, ...] = (), **more: Any
) -> Version:
    """A form of a few questions that everybody agrees to: `agree` = yes keeps and shares."""
    agree = question("agree", "select_one", choices="yn")
    lists = {"yn": ("yes", "no"), **(choices or {})}
    yes = (Condition("agree", ("yes",)),)
    fields: dict[str, Any] = {
        "form": "small",
        "title": "Small",
        "version": "1",
        "origin": "adopted",
        "bank_version": "",
        "languages": ("en",),
        "questions": (agree, *questions),
        "choices": {name: tuple(Choice(code) for code in codes) for name, codes in lists.items()},
        "repeats": repeats,
        "consent": ConsentMap(keep=yes, share=yes),
    }
    return Version(**{**fields, **more})


def open_pseudonyms() -> Pseudonyms:
    """Pseudonyms that show what they were made of, so that a test can see the spelling."""
    return Pseudonyms(lambda domain, text: f"{domain}:{text}")
