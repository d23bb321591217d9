"""One form filled once by one engine: did it come to its end, did every question speak, what stays after a no."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from forms.bank import read_starter
from forms.places import read_starter_places
from forms.release import Frozen, build_form
from forms.wording import LANGUAGE_NAMES, LANGUAGES
from tests.engines import javarosa, xforms_engine
from tests.engines.filled import Filled
from tests.rounds.people import Person

ENGINES = ("javarosa", "xforms_engine")
AFTER_A_NO = {
    *("today", "pim_form_id", "pim_catalogue_version", "pim_purpose", "instanceID"),
    *("con_adult", "con_lang", "con_understood", "con_interview", "con_refusal", "obs_only"),
    *("clo_outcome", "clo_place_adm1"),
}
"""What may hold a value after a refusal: how the talk ended and in which first-level area, nothing of the person."""


@functools.cache
def build(form: str) -> Frozen:
    """A form of the starter bank in all its languages."""
    return build_form(read_starter(), form, places=read_starter_places(), languages=LANGUAGES)


def fill(form: str, engine: str, seed: int) -> Filled:
    """One filling; languages take turns. Raises EngineMissingError."""
    frozen = build(form)
    language = LANGUAGE_NAMES[LANGUAGES[seed % len(LANGUAGES)]]
    if engine == "javarosa":
        return javarosa.load_engine().fill(frozen.xform, Person(seed), files=frozen.files, language=language)
    return xforms_engine.load_engine().fill(frozen.xform, {}, files=frozen.files, language=language, seed=seed)


def read_values(xml: bytes) -> dict[str, str]:
    """Name -> value of every field that holds one; members of repeats fall together."""
    root = etree.fromstring(xml)
    return {
        etree.QName(node).localname: node.text.strip()
        for node in root.iter()
        if isinstance(node.tag, str) and len(node) == 0 and (node.text or "").strip()
    }


def has_agreed(values: dict[str, str]) -> bool:
    """Whether this person, or the enumerator of an observation, said yes."""
    if "obs_only" in values:
        return values["obs_only"] == "yes"
    return (
        values.get("con_adult") == "yes"
        and values.get("con_understood") != "could_not"
        and values.get("con_interview") == "yes"
    )


def find_faults(filled: Filled) -> list[str]:
    """What is wrong with one filling, in words; empty when all is well."""
    faults = [f"dead end: {one}" for one in filled.violations]
    faults += [f"says nothing: {one}" for one in filled.silent]
    values = read_values(filled.xml)
    if not has_agreed(values):
        faults += [f"after a no: {name}" for name in sorted(values.keys() - AFTER_A_NO)]
    return faults


@dataclass
class Round:
    """What came of many fillings of one form by one engine."""

    form: str
    engine: str
    runs: int = 0
    refused: int = 0
    answers: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """In words, with the first seed that showed it."""

    def run(self, seeds: Iterable[int]) -> Round:
        """Fill once for each seed."""
        known: dict[str, int] = {}
        for seed in seeds:
            filled = fill(self.form, self.engine, seed)
            self.runs += 1
            self.answers += len(filled.given)
            self.refused += not has_agreed(read_values(filled.xml))
            for fault in find_faults(filled):
                self.faults[f"{fault} (seed {known.setdefault(fault, seed)})"] += 1
        return self
