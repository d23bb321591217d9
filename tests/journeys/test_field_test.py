"""A field test is a form of its own: what comes of it is kept, and never stands among what the form itself collects."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from pimcollect.cli.main import group
from pimcollect.config import Settings
from pimcollect.tables.entries import EntryRow
from tests.factories import families
from tests.factories.households import Household, freeze, open_household
from tests.forms.engine import XForm

FORM, TRIAL = "hh_core", "hh_core_test"
Read = Callable[..., list[dict[str, Any]]]


def _answers(form: str, **more: Any) -> dict[str, Any]:
    """A whole interview, and what the form calculates of itself."""
    calculated = XForm(freeze(form).xform).binds["/data/pim_form_id"]["calculate"]
    return {**families.ASKED, "dem_sex": "female", "pim_form_id": calculated.strip("'"), **more}


@pytest.fixture
def both(settings: Settings, engine: Engine) -> tuple[Household, Household]:
    """The form and its field test on one database."""
    return open_household(settings, engine, form=FORM), open_household(settings, engine, form=TRIAL)


@pytest.fixture
def read(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Rows that a command prints for programs."""
    monkeypatch.setenv("PIMCOLLECT_HOME", str(settings.home))
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(settings.door_keys))

    def run(*words: str) -> list[dict[str, Any]]:
        result = CliRunner().invoke(group, [*words, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        rows: list[dict[str, Any]] = json.loads(result.stdout)
        return rows

    return run


def test_the_two_forms_say_which_they_are() -> None:
    assert _answers(FORM)["pim_form_id"] == FORM
    assert _answers(TRIAL)["pim_form_id"] == TRIAL
    assert freeze(TRIAL).version.title == "Household interview, core (field test)"


def test_what_was_asked_by_one_form_is_not_taken_by_the_other(
    both: tuple[Household, Household], engine: Engine
) -> None:
    real, trial = both
    real.post(_answers(TRIAL))
    trial.post(_answers(FORM))
    real.settle()
    with Session(engine) as session:
        rows = session.scalars(select(EntryRow)).all()
        assert [row.reason for row in rows] == ["other_form", "other_form"], [row.reason for row in rows]


def test_answers_of_a_field_test_never_stand_among_those_of_the_form(
    both: tuple[Household, Household], read: Read
) -> None:
    real, trial = both
    kept, tried = real.post(_answers(FORM, dem_sex="male")), trial.post(_answers(TRIAL))
    real.settle()
    assert [row["root_id"] for row in read("submissions", "list")] == [kept]
    assert [row["root_id"] for row in read("submissions", "list", "--form", FORM)] == [kept]
    assert [row["root_id"] for row in read("submissions", "list", "--form", TRIAL)] == [tried]
    assert [row["dem_sex"] for row in read("submissions", "export", "--form", FORM)] == ["male"]
    assert [row["dem_sex"] for row in read("submissions", "export", "--form", TRIAL)] == ["female"]
    counts = read("submissions", "count")
    assert {(row["form"], row["n"]) for row in counts if row["what"] == "kept"} == {(FORM, 1), (TRIAL, 1)}
