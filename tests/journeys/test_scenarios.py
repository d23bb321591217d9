"""The bank's golden scenarios, sent through the door and settled like real ones: stored and followed up as expected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pimcollect.domain.answers import flatten
from pimcollect.domain.version import Version, read_version
from tests.journeys.station import Station, open_station

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "tests/payloads/scenarios.json").read_text())
SCENARIOS: list[dict[str, Any]] = DOCUMENT["scenarios"]
FORM = "hh"
COUNTED = "count_only"


class Practice:
    """A station with the long household form, where one scenario after the other is sent."""

    def __init__(self, station: Station, folder: Path) -> None:
        self.station = station
        starter = ROOT / "forms/starter"
        station.run("bank", "import")
        station.run("places", "import", str(starter / "places.csv"))
        station.run("services", "import", str(starter / "services.json"))
        station.run("forms", "build", FORM, "--no-encrypt", "--languages", "en", "-o", str(folder))
        self.version: Version = read_version(json.loads((folder / f"{FORM}.version.json").read_text()))
        self.hook = station.read("hooks", "open", "--server", "kobo", "--form", FORM)

    def send(self, scenario: Mapping[str, Any]) -> str:
        """Post the scenario's answers in Kobo's shape; returns the instance id."""
        instance = str(uuid4())
        body = {
            **flatten({**DOCUMENT["base_answers"], **scenario["answers"]}, self.version),
            "_uuid": instance,
            "meta/instanceID": f"uuid:{instance}",
            "meta/rootUuid": f"uuid:{instance}",
            "_xform_id_string": "aTestAsset0000000000ab",
        }
        answer = self.station.post(self.hook, json.dumps(body).encode())
        assert answer.status_code == 202, answer.text
        self.station.wait_until_settled()
        return instance

    def list_outcomes(self) -> dict[tuple[str, str, str], int]:
        """(pathway, urgency, outcome) -> how many so far; what is only counted has lost its urgency."""
        followed = self.station.query("SELECT pathway, urgency, course, count(*) FROM referrals GROUP BY 1, 2, 3")
        counted = self.station.query("SELECT detail, sum(n) FROM tallies WHERE kind = 'unreferred' GROUP BY 1")
        return {(pathway, urgency, course): int(n) for pathway, urgency, course, n in followed} | {
            (pathway, "", COUNTED): int(n) for pathway, n in counted
        }


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    folder = tmp_path_factory.mktemp("scenarios")
    with open_station(folder / "home") as station:
        yield Practice(station, folder / "forms")


def expect(result: list[list[str]]) -> list[tuple[str, str, str]]:
    """The expected result as the pipeline can show it."""
    return sorted((pathway, "" if outcome == COUNTED else urgency, outcome) for pathway, urgency, outcome in result)


def names_of(tier: Any) -> set[str]:
    """Every key of stored answers, also inside repeats."""
    if isinstance(tier, dict):
        return set(tier) | {name for value in tier.values() for name in names_of(value)}
    return {name for value in tier for name in names_of(value)} if isinstance(tier, list) else set()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one["id"] for one in SCENARIOS])
def test_a_scenario_sent_through_the_door_gives_its_result(practice: Practice, scenario: dict[str, Any]) -> None:
    before = practice.list_outcomes()
    instance = practice.send(scenario)
    new = {key: n - before.get(key, 0) for key, n in practice.list_outcomes().items() if n != before.get(key, 0)}
    assert sorted(new) == expect(scenario["result"])
    assert set(new.values()) <= {1}
    rows = practice.station.query(
        "SELECT state, may_share, screening, shared, restricted FROM submissions WHERE root_id = %s", instance
    )
    state, may_share, screening, shared, restricted = rows[0]
    stored = "tombstone" if state == "tombstone" else "shareable" if may_share else "internal"
    assert stored == scenario["store"]
    also = scenario.get("also", {})
    if "ers_decision" in also:
        assert screening == also["ers_decision"]
    if "roster_bands" in also:
        assert [member["age"] for member in shared["roster"]] == also["roster_bands"]
    assert not (names_of([shared, restricted]) & set(also.get("dropped", ())))


def test_rehearsing_gives_what_the_pipeline_gives(practice: Practice) -> None:
    done = practice.station.run("rehearse", str(ROOT / "tests/payloads/scenarios.json"), "--form", FORM, may_fail=True)
    assert done.returncode == 0, done.stdout + done.stderr
