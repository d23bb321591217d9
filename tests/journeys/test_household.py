"""The household form of the bank, filled by two real engines and sent in three ways: always the same submission."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.engines import javarosa, xforms_engine
from tests.engines.filled import Filled, need
from tests.factories import families, kobo
from tests.journeys.search import search_station
from tests.journeys.station import Station, open_station

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ENGINES = {"javarosa": javarosa.load_engine, "xforms-engine": xforms_engine.load_engine}
WAYS = ("as the engine wrote it", "kobo xml", "kobo json")
FAMILIES = {"refusing": families.REFUSING, "evicted": families.EVICTED, "child alone": families.CHILD_ALONE}
OWN_OF_PHONE = ("clo_code",)
"""Made at random on the phone: differs between two fillings of the same answers."""


class Household:
    """A station with the household form released, and a hook for it."""

    def __init__(self, station: Station, folder: Path) -> None:
        self.station = station
        self.settled: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        station.run("bank", "import")
        station.run("places", "import", str(STARTER / "places.csv"))
        station.run("services", "import", str(STARTER / "services.json"))
        station.run("forms", "build", "hh_core", "--no-encrypt", "--languages", "en", "-o", str(folder))
        self.xform = (folder / "hh_core.xml").read_text()
        self.asset = kobo.read_asset(self.xform)
        self.hook = station.read("hooks", "open", "--server", "kobo", "--form", "hh_core")

    def send(self, xml: bytes, way: str) -> None:
        """Post one filled form in one of the three ways."""
        body, kind = {
            "as the engine wrote it": (xml, "xml"),
            "kobo xml": (kobo.write_xml(xml, self.asset), "xml"),
            "kobo json": (kobo.write_json(xml, self.asset), "json"),
        }[way]
        answer = self.station.post(self.hook, body, kind=kind)
        assert answer.status_code == 202, answer.text

    def find_stored(self, instance: str) -> dict[str, Any]:
        """What is stored of one instance, without what the phone made at random."""
        rows = self.station.query(
            "SELECT state, may_share, screening, place, month, shared, restricted, findings FROM submissions"
            " WHERE root_id = %s",
            instance,
        )
        assert len(rows) == 1
        names = ("state", "may_share", "screening", "place", "month", "shared", "restricted", "findings")
        stored = dict(zip(names, rows[0], strict=True))
        for tier in ("shared", "restricted"):
            if stored[tier] is not None:
                stored[tier] = {key: value for key, value in stored[tier].items() if key not in OWN_OF_PHONE}
        if stored["findings"] is not None:  # the same filling sent three ways is what a possible duplicate is
            stored["findings"].pop("possible_duplicate", None)
        return stored

    def list_referrals(self) -> list[tuple[Any, ...]]:
        """What is to be followed up, so far."""
        return self.station.query(
            "SELECT pathway, urgency, course, service, state, place, count(*) FROM referrals"
            " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3"
        )

    def count_tallies(self) -> dict[tuple[str, str], int]:
        """(kind, detail) -> how many."""
        rows = self.station.query("SELECT kind, detail, sum(n) FROM tallies GROUP BY 1, 2")
        return {(kind, detail): int(n) for kind, detail, n in rows}


STARTER = Path(__file__).parents[2] / "forms/starter"


def give_new_id(filled: Filled) -> tuple[bytes, str]:
    """The same filling as another submission: a new instance id."""
    new = str(uuid4())
    return re.sub(rb"uuid:[0-9a-f-]{36}", f"uuid:{new}".encode(), filled.xml), new


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    folder = tmp_path_factory.mktemp("household")
    with open_station(folder / "home") as station:
        yield Household(station, folder / "forms")


def settle(household: Household, engine: str, family: str) -> dict[str, dict[str, Any]]:
    """Fill the form for a family and send it in all ways, each as a submission of its own: way -> what is stored.

    Done once for each engine and family.
    """
    if (engine, family) not in household.settled:
        filled = need(ENGINES[engine]).fill(household.xform, FAMILIES[family])
        assert filled.not_given == {}
        assert filled.violations == ()
        sent = {}
        for way in WAYS:
            xml, sent[way] = give_new_id(filled)
            household.send(xml, way)
        household.station.wait_until_settled()
        household.settled[engine, family] = {way: household.find_stored(sent[way]) for way in WAYS}
    return household.settled[engine, family]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("engine", ENGINES)
def test_all_three_ways_of_sending_settle_to_the_same_submission(
    household: Household, engine: str, family: str
) -> None:
    first, *others = settle(household, engine, family).values()
    assert others == [first, first]
    assert first["state"] == ("tombstone" if family == "refusing" else "kept")
    assert not first["findings"]


@pytest.mark.parametrize("family", FAMILIES)
def test_both_engines_settle_to_the_same_submission(household: Household, family: str) -> None:
    assert settle(household, "javarosa", family) == settle(household, "xforms-engine", family)


def test_one_filling_sent_in_all_three_ways_is_one_submission_and_one_referral(household: Household) -> None:
    filled = need(javarosa.load_engine).fill(household.xform, families.EVICTED)
    before = household.station.query("SELECT count(*) FROM submissions")[0][0]
    referrals = household.station.query("SELECT count(*) FROM referrals")[0][0]
    for way in WAYS:
        household.send(filled.xml, way)
    household.station.wait_until_settled()
    assert household.station.query("SELECT count(*) FROM submissions")[0][0] == before + 1
    assert household.station.query("SELECT count(*) FROM referrals")[0][0] == referrals + 1


def test_the_family_with_a_notice_to_leave_is_referred_for_housing(household: Household) -> None:
    settle(household, "javarosa", "evicted")
    pathways = {(pathway, urgency, course) for pathway, urgency, course, *_ in household.list_referrals()}
    assert pathways == {("RP-HLP", "H", "referral")}


def test_a_child_alone_without_consent_to_refer_is_counted_and_nothing_more(household: Household) -> None:
    settle(household, "javarosa", "child alone")
    sent = sum(len(WAYS) for _, family in household.settled if family == "child alone")
    assert household.count_tallies()["unreferred", "RP-CP"] == sent
    assert household.station.query("SELECT count(*) FROM referrals WHERE pathway = 'RP-CP'") == [(0,)]


def test_the_name_and_the_way_to_reach_are_nowhere_in_clear(household: Household) -> None:
    settle(household, "javarosa", "evicted")
    words = (families.CANARY_NAME, "Silverleaf", families.CANARY_CONTACT, "tea shop after sunset", "0999 4417 820")
    assert search_station(household.station, words).places == []


def test_the_search_sees_a_name_that_stands_in_an_answer(household: Household) -> None:
    settle(household, "javarosa", "evicted")
    with psycopg.connect(household.station.database_url) as connection:
        connection.execute(
            "UPDATE submissions SET restricted = restricted || '{\"planted\": \"Silverleaf\"}' WHERE state = 'kept'"
        )
        connection.commit()
        assert "table public.submissions (raw)" in search_station(household.station, ("Silverleaf",)).places
