"""Pulling from Ona: edits by the time of change, also those that keep their instance id, and files by their links."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from pimcollect.config import Settings
from tests.factories.connections import Connected, connect
from tests.factories.households import SCENARIOS
from tests.reenacted.ona import ReenactedOna

BASE = SCENARIOS["base_answers"]


@pytest.fixture
def ona() -> Iterator[ReenactedOna]:
    ona = ReenactedOna()
    with ona.listen():
        yield ona


@pytest.fixture
def connected(settings: Settings, engine: Engine, ona: ReenactedOna) -> Iterator[Connected]:
    connected = connect(settings, engine, ona, kind="ona", there=ona.there, secret=ona.token)
    yield connected
    connected.hands.engine.dispose()


def test_new_ones_edits_and_deletions(ona: ReenactedOna, connected: Connected) -> None:
    ona.cap = 4
    numbers = [ona.submit(connected.write({**BASE, "doc_birth": number % 9})) for number in range(11)]
    assert connected.pull()
    assert connected.read("SELECT count(*) AS n FROM submissions WHERE state = 'kept'") == [{"n": 11}]
    # two edits that nobody saw in between; one that keeps its instance id; one that withdraws consent; one deleted
    (consent,) = [path for path in ona.rows[1] if path.endswith("con_interview")]
    (born,) = [path for path in ona.rows[1] if path.endswith("doc_birth")]
    for _ in range(2):
        ona.edit(numbers[1], **{born: "17"})
    ona.edit(numbers[2], keeps_id=True, **{born: "17"})
    ona.edit(numbers[3], **{consent: "no"})
    del ona.rows[numbers[4]]
    assert connected.pull()
    states = connected.read("SELECT state, erased_at IS NOT NULL AS is_erased, count(*) AS n FROM submissions GROUP BY 1, 2 ORDER BY 1, 2")  # fmt: skip  # noqa: E501
    assert states == [
        {"state": "kept", "is_erased": False, "n": 9},
        {"state": "tombstone", "is_erased": False, "n": 1},
        {"state": "tombstone", "is_erased": True, "n": 1},
    ]
    changed = connected.read("SELECT count(*) AS n FROM entries WHERE reason = 'changed'")
    assert changed == [{"n": 3}]
    assert connected.read("SELECT reason FROM entries WHERE state <> 'settled'") == []
    assert connected.row()["count_there"] == 10


def test_a_file_is_fetched_from_the_connected_host_whatever_its_link_says(
    ona: ReenactedOna, connected: Connected
) -> None:
    row = connected.write(BASE)
    link = "https://elsewhere.example/api/v1/files/50?filename=bob/attachments/photo.jpg"
    row["_attachments"] = [{"name": "photo.jpg", "filename": "bob/attachments/photo.jpg", "download_url": link}]
    number = ona.submit(row)
    ona.files["50"] = b"jpeg"
    connected.pull()
    found = connected.read_files(str(number), ["photo.jpg", "other.jpg"])
    assert found == {"photo.jpg": b"jpeg"}
