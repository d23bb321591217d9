"""People who answer at random, each repeatable by a number."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from pimcollect.domain.catalogue import EXCLUSIVE
from tests.engines.javarosa import Asked
from tests.factories import families

CANARY = "Canary of nobody"


class Person:
    """Answers whatever a form asks: mostly yes to yes and no, sometimes nothing, sometimes what it cannot take."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.is_alone = self.chance.random() < 0.5
        """In a calm place, so that the sensitive questions open."""
        self.repeats: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Any:
        if asked.kind == "repeat":
            self.repeats[asked.path] += 1
            return self.repeats[asked.path] <= 3 and self.chance.random() < 0.6
        if not asked.is_required and self.chance.random() < 0.15:
            return None
        if self.is_alone and asked.name.startswith("ers_"):
            return families.ASKED[asked.name]
        if asked.kind in ("select_one", "select_multiple", "rank"):
            return self._choose(asked)
        return self._write(asked)

    def _choose(self, asked: Asked) -> Any:
        if not asked.choices:
            return None
        if asked.kind == "select_one":
            is_yes = "yes" in asked.choices and self.chance.random() < 0.8
            return "yes" if is_yes else self.chance.choice(asked.choices)
        if asked.kind == "rank":
            return self.chance.sample(asked.choices, len(asked.choices))
        several = [code for code in asked.choices if code not in EXCLUSIVE]
        if not several or self.chance.random() < 0.1:
            return [self.chance.choice(asked.choices)]
        return self.chance.sample(several, self.chance.randint(1, min(4, len(several))))

    def _write(self, asked: Asked) -> Any:
        if asked.kind == "trigger":
            return "OK"
        if asked.type == "date":
            return f"2026-{self.chance.randint(1, 11):02d}-01"
        if asked.type == "time":
            return "10:30"
        if asked.type == "date_time":
            return "2026-05-01T10:30:00"
        if asked.type in ("integer", "decimal"):
            return self.chance.randint(0, 90 if "age" in asked.name else 9)
        return self.chance.choice([f"{CANARY} {asked.name}", f"{CANARY[:6]}_{len(asked.name)}"])
