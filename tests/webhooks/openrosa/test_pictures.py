"""Files by phone: stored only where a plan keeps pictures for a case, and only those."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from forms.release import Frozen
from pimcollect.actions.forms import keep_version
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from tests.factories.households import Household
from tests.factories.phones import Phones, open_phones, write_odk
from tests.workers.test_pictures import ANSWERS, FORM, JPEG, PHOTO, picture_version

XFORM = (
    '<h xmlns:x="http://www.w3.org/2002/xforms"><x:model><x:instance>'
    '<data id="small" version="1"/></x:instance></x:model></h>'
)
FILES = {PHOTO: JPEG, "other.jpg": JPEG, "nobody named this.jpg": JPEG}


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


def test_only_the_picture_that_the_plan_keeps_is_stored_and_joins_the_case(
    small: Phones, frozen: Frozen, household: Household, look: Any
) -> None:
    xml, _ = write_odk({**ANSWERS, "other": "other.jpg"}, frozen=frozen)
    assert small.post(xml, FILES).status_code == 201
    assert look("SELECT count(*) FROM media") == [(1,)]
    household.settle()
    assert look("SELECT question, state FROM pictures") == [("paper", "kept")]
    assert look("SELECT state FROM media") == [("shredded",)]


def test_a_picture_in_a_later_part_is_found(small: Phones, frozen: Frozen, household: Household, look: Any) -> None:
    xml, _ = write_odk(ANSWERS, frozen=frozen)
    assert small.post(xml, {"audit.csv": b"event,node"}, is_incomplete=True).status_code == 201
    household.settle()
    assert look("SELECT count(*) FROM submissions") == [(0,)]
    assert small.post(xml, {PHOTO: JPEG}).status_code == 201
    household.settle()
    assert look("SELECT state FROM pictures") == [("kept",)]


def test_a_form_that_keeps_no_picture_stores_no_file(phones: Phones, household: Household, look: Any) -> None:
    xml, _ = write_odk({"ref_name": PHOTO}, frozen=household.frozen)
    assert phones.post(xml, FILES).status_code == 201
    assert look("SELECT count(*) FROM media") == [(0,)]
