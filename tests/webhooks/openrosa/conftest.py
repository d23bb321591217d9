"""A household form that is released to phones, and the door in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from forms.release import Frozen
from pimcollect.actions.forms import keep_version
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from tests.factories.households import Household
from tests.factories.phones import Phones, open_phones
from tests.workers.test_pictures import FORM, picture_version

XFORM = (
    '<h xmlns:x="http://www.w3.org/2002/xforms"><x:model><x:instance>'
    '<data id="small" version="1"/></x:instance></x:model></h>'
)


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


@pytest.fixture
def frozen() -> Frozen:
    return Frozen(picture_version(), b"", XFORM)


@pytest.fixture
def small(settings: Settings, engine: Engine, household: Household, frozen: Frozen) -> Iterator[Phones]:
    """A form that keeps a picture, released to phones."""
    with Session(engine) as session, session.begin():
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=b"", xform=XFORM)
    phones = open_phones(settings, engine, FORM)
    yield phones
    phones.puts.dispose()
