"""The same answers under another id: shown to people, never merged, and never referred twice without saying so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from pimcollect.config import Settings
from tests.factories.connections import Connected, connect
from tests.reenacted.kobo import ReenactedKobo
from tests.workers.test_fetch_kobo import BASE, URGENT


@pytest.fixture
def kobo() -> Iterator[ReenactedKobo]:
    kobo = ReenactedKobo()
    with kobo.listen():
        yield kobo


@pytest.fixture
def connected(settings: Settings, engine: Engine, kobo: ReenactedKobo) -> Iterator[Connected]:
    connected = connect(settings, engine, kobo, there=kobo.uid, secret=kobo.token)
    yield connected
    connected.hands.engine.dispose()


TWINS = """
    SELECT s.root_id, first.root_id AS twin, s.findings -> 'possible_duplicate' IS NOT NULL AS is_found
      FROM submissions s LEFT JOIN submissions first ON first.id = s.twin WHERE s.state = 'kept' ORDER BY s.decided_at
"""


def test_the_duplicate_button_is_told_and_its_referral_names_the_other(
    kobo: ReenactedKobo, connected: Connected
) -> None:
    first = kobo.submit({**connected.write(URGENT), "start": "2026-11-01T07:00:00Z", "end": "2026-11-01T07:30:00Z"})
    other = kobo.submit(connected.write({**URGENT, "ref_name": "Somebody else"}))
    connected.pull()
    copy = kobo.duplicate(first)
    connected.pull()
    roots = [kobo.rows[number]["_uuid"] for number in (first, other, copy)]
    found = {row["root_id"]: (row["twin"], row["is_found"]) for row in connected.read(TWINS)}
    assert found == {roots[0]: (None, False), roots[1]: (None, False), roots[2]: (roots[0], True)}
    referrals = connected.read("SELECT id, twin, state FROM referrals ORDER BY created_at")
    assert [row["twin"] for row in referrals] == [None, None, referrals[0]["id"]] or [
        row["twin"] for row in referrals
    ] == [None, None, referrals[1]["id"]]
    assert {row["state"] for row in referrals} == {"waiting"}  # nobody is dropped: people compare


def test_twins_in_one_batch_are_told_too_and_refusals_are_like_nothing(
    kobo: ReenactedKobo, connected: Connected
) -> None:
    numbers = [kobo.submit(connected.write(URGENT)) for _ in range(3)]
    for _ in range(2):
        kobo.submit(connected.write({**BASE, "con_interview": "no"}))
    connected.pull()
    twins = [row["twin"] for row in connected.read(TWINS)]
    assert twins.count(None) == 1
    assert len(set(twins)) == 2
    assert connected.read("SELECT count(*) AS n FROM referrals WHERE twin IS NOT NULL") == [{"n": 2}]
    assert connected.read("SELECT DISTINCT alike FROM submissions WHERE state = 'tombstone'") == [{"alike": None}]
    # the first one is deleted: the others are no duplicates of it any more
    first = {row["root_id"] for row in connected.read(TWINS) if row["twin"] is None}
    (gone,) = [number for number in numbers if kobo.rows[number]["_uuid"] in first]
    kobo.delete(gone)
    connected.pull()
    assert [(row["twin"], row["is_found"]) for row in connected.read(TWINS)] == [(None, False)] * 2


def test_an_edition_that_corrects_the_answers_is_no_duplicate_any_more(
    kobo: ReenactedKobo, connected: Connected
) -> None:
    first = kobo.submit(connected.write(URGENT))
    connected.pull()
    copy = kobo.duplicate(first)
    connected.pull()
    assert connected.read("SELECT count(*) AS n FROM submissions WHERE twin IS NOT NULL") == [{"n": 1}]
    (name,) = [path for path in kobo.rows[copy] if path.endswith("ref_name")]
    kobo.edit(copy, **{name: "Somebody else"})
    connected.pull()
    assert connected.read("SELECT count(*) AS n FROM submissions WHERE twin IS NOT NULL") == [{"n": 0}]
