"""A household form that is released to phones, and the door in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pimcollect.config import Settings
from tests.factories.households import Household, open_household
from tests.factories.phones import Phones, open_phones


@pytest.fixture
def household(settings: Settings, engine: Engine) -> Iterator[Household]:
    household = open_household(settings, engine)
    yield household
    household.hands.engine.dispose()


@pytest.fixture
def phones(settings: Settings, engine: Engine, household: Household) -> Iterator[Phones]:
    phones = open_phones(settings, engine, household.frozen.version.form)
    yield phones
    phones.puts.dispose()


@pytest.fixture
def look(engine: Engine) -> Any:
    """`look("SELECT ...")`: rows as tuples."""

    def run(query: str) -> list[tuple[Any, ...]]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    return run
