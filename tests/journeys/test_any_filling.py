"""Whatever a person answers: both engines agree on it, we read it without a loss, and keep it only after a yes."""

from __future__ import annotations

import functools
import json
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from forms.bank import read_starter
from forms.places import read_starter_places
from forms.release import Frozen, build_form
from pimcollect.domain.decide import Prepared, decide, prepare
from pimcollect.domain.outcomes import Directory, Kept, Place, Refused
from pimcollect.servers.kobo import read_opened
from tests.engines import javarosa, xforms_engine
from tests.engines.filled import Filled, need
from tests.factories import families, kobo

pytestmark = [pytest.mark.engine, pytest.mark.slow]

FORMS = ("hh_core", "hh", "ki", "fgd", "obs")
SEEDS = range(6)
EXCLUSIVE = {"none", "dk", "pns", "nobody", "all"}
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CANARY = "Canary of nobody"


@functools.cache
def build(form: str) -> tuple[Frozen, Prepared]:
    frozen = build_form(read_starter(), form, places=read_starter_places())
    return frozen, prepare(frozen.version)


@functools.cache
def directory() -> Directory:
    return Directory(places={one.code: Place(one.code, one.level, one.parent) for one in read_starter_places()})


class Person:
    """Answers at random, mostly yes where agreement is asked; remembers what was answered, by repeat."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.answers: dict[str, Any] = {}
        self.repeats: Counter[str] = Counter()
        self.is_alone = self.chance.random() < 0.5
        """Alone with the enumerator in a calm place, so that the sensitive questions open."""

    def __call__(self, asked: javarosa.Asked) -> Any:
        if asked.kind == "repeat":
            self.repeats[asked.path] += 1
            return self.repeats[asked.path] <= 2 and self.chance.random() < 0.6
        if not asked.is_required and self.chance.random() < 0.15:
            return None
        value = self._choose(asked)
        self._remember(asked.path, value)
        return value

    def _choose(self, asked: javarosa.Asked) -> Any:
        if self.is_alone and asked.name.startswith("ers_"):
            return families.ASKED[asked.name]
        if asked.kind == "select_one":
            is_yes = "yes" in asked.choices and self.chance.random() < 0.85
            return "yes" if is_yes else self.chance.choice(asked.choices)
        if asked.kind in ("select_multiple", "rank"):
            several = [code for code in asked.choices if code not in EXCLUSIVE]
            count = min(len(several), self.chance.randint(1, 2))
            return self.chance.sample(several, count) or [asked.choices[0]]
        if asked.type == "date":
            return f"2026-{self.chance.randint(1, 10):02d}-01"
        if asked.type in ("integer", "decimal"):
            return self.chance.randint(0, 90 if "age" in asked.name else 9)
        return f"{CANARY} {asked.name}"

    def _remember(self, path: str, value: Any) -> None:
        scope, (*steps, name) = self.answers, path.split("/")
        for step in steps:
            repeat, _, number = step.rstrip("]").partition("[")
            rows = scope.setdefault(repeat, [])
            rows.extend({} for _ in range(int(number) - len(rows)))
            scope = rows[int(number) - 1]
        scope[name] = value


def fill(form: str, seed: int) -> tuple[Filled, Person]:
    person = Person(seed)
    return need(javarosa.load_engine).fill(build(form)[0].xform, person), person


def read_answers(filled: Filled, form: str) -> dict[str, Any]:
    """The answers as we read them, without what a phone makes up at random."""
    frozen, prepared = build(form)
    sent = kobo.read_submission(filled.xml, kobo.read_asset(frozen.xform))
    return {key: value for key, value in prepared.reader.read(sent)[0].items() if key != "clo_code"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", FORMS)
def test_nothing_that_an_engine_writes_is_unknown_to_us_and_only_a_yes_is_kept(form: str, seed: int) -> None:
    frozen, prepared = build(form)
    filled, person = fill(form, seed)
    asset = kobo.read_asset(frozen.xform)
    sent = kobo.read_submission(filled.xml, asset)
    from_json = prepared.reader.read(sent)
    from_xml = prepared.reader.read(read_opened(kobo.write_xml(filled.xml, asset), repeats=frozen.version.repeats).raw)
    as_written = prepared.reader.read(read_opened(filled.xml, repeats=frozen.version.repeats).raw)
    assert from_json == from_xml == as_written
    assert from_json[1] == {}
    decision = decide(sent, prepared, directory(), received_at=NOW)
    answers = from_json[0]
    agreed = answers.get("con_adult") == "yes" and answers.get("con_interview") == "yes"
    agreed = agreed and answers.get("con_understood") != "could_not"
    if form == "obs":
        agreed = answers.get("obs_only") == "yes"
    assert isinstance(decision, Kept if agreed else Refused), (decision, person.answers)
    if isinstance(decision, Kept):
        kept = json.dumps([decision.treated.shared, decision.treated.restricted, decision.treated.findings])
        assert CANARY not in kept
        assert not any(item.package and item.course != "referral" for item in decision.items)


@pytest.mark.parametrize("form", FORMS)
def test_both_engines_write_the_same_for_the_same_answers(form: str) -> None:
    engine = need(xforms_engine.load_engine)
    frozen, _ = build(form)
    for seed in (0, 1):
        filled, person = fill(form, seed)
        again = engine.fill(frozen.xform, person.answers)
        assert read_answers(again, form) == read_answers(filled, form), person.answers


def test_the_random_people_reach_both_outcomes_and_the_sensitive_questions() -> None:
    """Otherwise the promises above would hold for want of cases."""
    seen: Counter[str] = Counter()
    for seed in range(40):
        filled, _ = fill("hh_core", seed)
        frozen, prepared = build("hh_core")
        sent = kobo.read_submission(filled.xml, kobo.read_asset(frozen.xform))
        decision = decide(sent, prepared, directory(), received_at=NOW)
        seen[type(decision).__name__ if isinstance(decision, Refused) else f"Kept {decision.screening}"] += 1
    assert {"Refused", "Kept all", "Kept general", "Kept stop"} <= set(seen), seen
