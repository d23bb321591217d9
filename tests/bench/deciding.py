"""How fast one core decides household submissions, beside only reading and writing their JSON."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from pimcollect.domain.decide import decide, prepare
from pimcollect.domain.outcomes import Directory, Kept
from pimcollect.vault import keyed_digest
from tests.bench.bodies import HOUSEHOLD, KEPT, Sent, make_household
from tests.bench.measure import Figure, count_per_cpu_second, take_rounds
from tests.factories.versions import RECEIVED, PathwayRule, Pseudonyms, bank_version, directory

GATE = 8000.0
ROUNDS = 7
_TIMES = 60


def _pseudonyms() -> Pseudonyms:
    return Pseudonyms(lambda domain, text: f"k1:{keyed_digest(b'k' * 32, 'pseudonym', domain, text)}")


def _directory() -> Directory:
    return directory(PathwayRule("RP-HLP", "HLP-1", place="XX01"), PathwayRule("RP-CP", "CP-1"))


def _kept(sent: list[Sent]) -> list[dict[str, Any]]:
    """Only families that agreed and answered all: refusals would make the figure look better than it is."""
    return [json.loads(one.body) for one in sent if one.state == KEPT]


def measure_deciding(*, rounds: int = ROUNDS) -> Figure:
    """Submissions decided in a second of one core; the gate is absolute."""
    version = bank_version(HOUSEHOLD)
    prepared, known, pseudonyms = prepare(version), _directory(), _pseudonyms()
    raws = _kept(list(islice(make_household(version), 30)))
    bodies = [json.dumps(raw) for raw in raws]
    outcome = decide(raws[0], prepared, known, received_at=RECEIVED, pseudonyms=pseudonyms)
    if not isinstance(outcome, Kept):
        raise TypeError("the deliveries of this measurement are not kept")

    def decide_all() -> None:
        for raw in raws:
            decide(raw, prepared, known, received_at=RECEIVED, pseudonyms=pseudonyms)

    def read_and_write_all() -> None:
        for body in bodies:
            json.dumps(json.loads(body))

    taken = take_rounds(
        lambda: count_per_cpu_second(decide_all, times=_TIMES) * len(raws),
        lambda: count_per_cpu_second(read_and_write_all, times=_TIMES) * len(raws),
        rounds=rounds,
    )
    return Figure(
        part="decide",
        what="decide, one core",
        unit="/s",
        value=taken.value,
        floor=taken.floor,
        floor_is="json.loads and json.dumps of the same body",
        ratio=taken.ratio,
        gate=f">= {GATE:,.0f}/s",
        is_ok=taken.value >= GATE,
        notes={"questions": len(version.questions), "answers": len(raws[0])},
    )
