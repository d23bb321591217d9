"""An instance id that is no UUID may be somebody's name: it is never kept, and still what belongs together is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from pimcollect.config import Settings
from pimcollect.servers.ids import is_plain, is_veiled, veil_id, veil_mark, veil_name
from pimcollect.vault import read_door_keys
from tests.factories.connections import connect, to_xml
from tests.factories.households import SCENARIOS, Household
from tests.reenacted.central import ReenactedCentral
from tests.reenacted.kobo import ReenactedKobo
from workers.erase import Gone, erase_gone

BASE = SCENARIOS["base_answers"]
NAME, LATER = "Daw Khin 0912345", "Daw Khin 0912345 again"
Search = Callable[[], list[str]]


@pytest.fixture
def search(engine: Engine) -> Search:
    """Tables with a row in which the name stands."""

    def look() -> list[str]:
        with engine.connect() as connection:
            tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
            named = {one: f"SELECT count(*) FROM {one} AS line WHERE line::text LIKE '%Khin%'" for one in tables}
            return [one for one, asked in named.items() if connection.scalar(text(asked))]

    return look


def test_what_a_machine_made_stays_as_it_is_and_all_else_is_veiled_once() -> None:
    key = b"k" * 32
    plain = str(uuid4())
    for one in (plain, plain.upper(), plain.replace("-", ""), f"{plain}@2026-11-20T10:00:00.000+00:00"):
        assert veil_id(one, key=key) == one
        assert not is_veiled(one)
    for one in (NAME, "0912345678", f"{plain} Daw Khin", f"{plain}\n", f"{plain}@Khin"):
        veiled = veil_id(one, key=key)
        assert veiled != one
        assert (is_plain(veiled), is_veiled(veiled), veil_id(veiled, key=key)) == (True, True, veiled)
        assert veiled != veil_id(one, key=b"x" * 32)
    assert [veil_mark(one, key=key) for one in ("", "3", plain, f"{plain} 2026-11-20T10:00:00")] == ["", "3", plain, f"{plain} 2026-11-20T10:00:00"]  # noqa: E501  # fmt: skip
    assert is_veiled(veil_mark(NAME, key=key))
    assert [veil_name(*one, key=key) for one in (("912345", None), (f"uuid:{plain}", plain))] == ["912345", f"uuid:{plain}"]  # noqa: E501  # fmt: skip
    assert is_veiled(veil_name("0912345", "0912345", key=key)), "Central's names are what the phone wrote"


def test_copies_edits_and_deletions_find_each_other_and_the_name_is_nowhere(
    household: Household, engine: Engine, search: Search
) -> None:
    for _ in range(2):
        household.post(BASE, root=NAME)
    household.settle()
    household.post({**BASE, "doc_birth": 3}, root=NAME, edition=LATER, **{"meta/deprecatedID": f"uuid:{NAME}"})
    household.settle()
    household.post(BASE, root=NAME)
    household.settle()
    assert search() == []
    with engine.connect() as connection:
        ((root, edition, superseded, state),) = connection.execute(
            text("SELECT root_id, edition_id, superseded, state FROM submissions")
        )
        assert connection.scalar(text("SELECT count(*) FROM entries")) == 2
    assert (is_veiled(root), is_veiled(edition), superseded, state) == (True, True, [root], "kept")
    keys = read_door_keys(household.hands.settings.door_keys)
    with household.hands.sessions.begin() as session:
        erase_gone(household.hands, session, form="hh", gone=[Gone(root, edition)], keys=keys)
    household.post(BASE, root=NAME)
    household.settle()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT state FROM submissions")) == "tombstone"
    assert search() == []


def test_without_the_doors_keys_such_a_delivery_waits_for_them(household: Household, engine: Engine, tmp_path: Path) -> None:  # noqa: E501  # fmt: skip
    kept = household.hands.settings
    household.post(BASE, root=NAME)
    household.post(BASE)
    household.hands.settings = replace(kept, door_keys=tmp_path / "nowhere.json")
    household.settle()
    household.hands.settings = kept
    with engine.connect() as connection:
        assert sorted(connection.scalars(text("SELECT reason FROM entries"))) == ["kept", "key_missing"]


def test_what_is_pulled_from_kobo_is_veiled_too(settings: Settings, engine: Engine, search: Search) -> None:
    kobo = ReenactedKobo()
    with kobo.listen():
        connected = connect(settings, engine, kobo, there=kobo.uid, secret=kobo.token)
        number = kobo.submit(connected.write(BASE, root=NAME))
        assert connected.pull()
        assert connected.pull()
        assert [row["state"] for row in connected.read("SELECT state FROM submissions")] == ["kept"]
        assert connected.read("SELECT there FROM copies") == [{"there": str(number)}]
        kobo.edit(number)
        assert connected.pull()
        kobo.delete(number)
        assert connected.pull()
        assert [row["state"] for row in connected.read("SELECT state FROM submissions")] == ["tombstone"]
        assert search() == []
        connected.hands.engine.dispose()


def test_what_is_pulled_from_central_is_veiled_too_and_erased_when_it_is_gone(
    settings: Settings, engine: Engine, search: Search
) -> None:
    central = ReenactedCentral()
    with central.listen():
        connected = connect(
            settings, engine, central, kind="central", there=central.there, secret=central.password, user=central.user
        )
        version = connected.household.frozen.version.version
        name = central.submit(to_xml(connected.write(BASE, root=NAME), version=version))
        assert connected.pull()
        assert connected.pull()
        assert [row["state"] for row in connected.read("SELECT state FROM submissions")] == ["kept"]
        central.edit(name, to_xml(connected.write(BASE, root=LATER), version=version, before=NAME))
        assert connected.pull()
        assert len(connected.read("SELECT * FROM submissions")) == 1
        assert search() == []
        central.purge(name)
        assert connected.pull()
        assert [row["state"] for row in connected.read("SELECT state FROM submissions")] == ["tombstone"]
        assert search() == []
        connected.hands.engine.dispose()
