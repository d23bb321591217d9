"""pimcollect forms entities: what phones see of a list, what waits for a person, and erasing for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.cli.doctor import check_entities
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.errors import ErrorCode, PimError
from tests.cli.conftest import Run
from tests.factories.households import Household
from tests.factories.phones import Phones, open_phones
from tests.factories.visits import CANARY, adopt_follow, adopt_register, keep_adopted, write_entity
from tests.forms.books import write_book

Read = Callable[..., Any]
HOME, OTHER = "6b4b1a52-0000-4000-8000-000000000001", "6b4b1a52-0000-4000-8000-000000000002"


@pytest.fixture
def village(settings: Settings, engine: Engine, household: Household) -> Iterator[Phones]:
    """Two households, two visits to the first of which the second had not seen the other."""
    keep_adopted(engine, adopt_register(), adopt_follow())
    phones = open_phones(settings, engine, "register", "follow")
    for number, home in enumerate((HOME, OTHER), start=1):
        said = {"consent": "yes", "code": f"HH-00{number}", "head": CANARY, "water": "river"}
        phones.post(write_entity("register", "1", said, create="1", id=home))
    household.settle()
    for water in ("well", "truck"):
        said = {"hh": HOME, "consent": "yes", "water": water}
        phones.post(write_entity("follow", "1", said, update="1", id=HOME, baseVersion="1"))
        household.settle()
    yield phones
    phones.puts.dispose()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nothing",), ErrorCode.NOT_FOUND),
        (("households", "--take", "00000000-0000-4000-8000-00000000000f"), ErrorCode.NOT_FOUND),
        (("households", "--erase", "00000000-0000-4000-8000-00000000000f", "--yes"), ErrorCode.NOT_FOUND),
    ],
)
def test_what_is_not_there_is_said_in_words(village: Phones, run: Run, words: tuple[str, ...], code: ErrorCode) -> None:
    with pytest.raises(PimError) as caught:
        run("forms", "entities", *words)
    assert caught.value.code is code
    assert caught.value.remedy


@pytest.mark.parametrize("words", [("--erase-all",), ("households", "--erase-all", "--take", HOME)])
def test_half_an_order_is_refused(run: Run, words: tuple[str, ...]) -> None:
    assert run("forms", "entities", *words).exit_code == click.UsageError.exit_code


def test_lists_and_rows_are_shown_as_phones_have_them_and_what_waits_comes_first(
    village: Phones, run: Run, read: Read
) -> None:
    (listed,) = read("forms", "entities")
    assert (listed["name"], listed["rows"], listed["conflicts"], listed["waiting"]) == ("households", 2, 1, 0)
    first, second = read("forms", "entities", "households")
    assert (first["id"], first["has_conflict"], first["properties"]["water"]) == (HOME, True, "well")
    assert first["open"] == [{"standing": "conflict", "properties": {"water": "truck"}}]
    assert (second["label"], second["open"], second["visits"]) == ("Household HH-002", None, 1)
    shown = run("forms", "entities", "households").stdout
    assert "conflict: water truck" in shown
    assert CANARY not in shown


def test_the_doctor_says_that_visits_have_crossed(village: Phones, settings: Settings) -> None:
    engine = open_engine(settings.database_url)
    with Session(engine) as session:
        (found,) = check_entities(session)
    engine.dispose()
    assert (found.check, found.stops) == ("follow-up", False)
    assert found.detail == "households: 1 in conflict, 0 visits that wait"
    assert "pimcollect forms entities households" in found.remedy


def test_a_visit_in_conflict_is_taken_by_a_person(village: Phones, run: Run, read: Read) -> None:
    assert run("forms", "entities", "households", "--take", HOME).stdout.startswith("1 visits taken")
    assert run("forms", "entities", "households", "--take", HOME).stdout.startswith("0 visits taken")
    (row,) = [one for one in read("forms", "entities", "households") if one["id"] == HOME]
    assert (row["properties"]["water"], row["has_conflict"], row["version"]) == ("truck", False, 3)


def test_erasing_asks_first_and_empties_the_list(village: Phones, run: Run, read: Read) -> None:
    assert run("forms", "entities", "households", "--erase-all", input="n\n").exit_code == 1
    assert len(read("forms", "entities", "households")) == 2
    run("forms", "entities", "households", "--erase", HOME, "--yes")
    assert [one["id"] for one in read("forms", "entities", "households")] == [OTHER]
    assert run("forms", "entities", "households", "--erase-all", "--yes").stdout.startswith("1 erased")
    assert read("forms", "entities", "households") == []
    assert read("forms", "entities")[0]["rows"] == 0


def test_a_form_that_only_reads_a_list_finds_it_when_it_is_adopted(
    village: Phones, run: Run, engine: Engine, tmp_path: Path
) -> None:
    survey = "select_one yn | consent | Do you agree?\nselect_one_from_file households.csv | hh | Which?"
    (tmp_path / "ask.xlsx").write_bytes(write_book(survey, form_id="ask", form_title="Ask"))
    said = run("forms", "adopt", str(tmp_path / "ask.xlsx")).stdout
    assert "households.csv is not beside" not in said
    with engine.connect() as connection:
        query = "SELECT is_entity_list FROM form_files f JOIN form_versions v ON f.version = v.id WHERE form = 'ask'"
        assert [tuple(row) for row in connection.exec_driver_sql(query)] == [(True,)]
