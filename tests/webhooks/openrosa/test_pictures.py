"""Files by phone: stored only where a plan keeps pictures for a case, and only those."""

from __future__ import annotations

from typing import Any

from forms.release import Frozen
from tests.factories.households import Household
from tests.factories.phones import Phones, write_odk
from tests.workers.test_pictures import ANSWERS, JPEG, PHOTO

FILES = {PHOTO: JPEG, "other.jpg": JPEG, "nobody named this.jpg": JPEG}


def test_only_the_picture_that_the_plan_keeps_is_stored_and_joins_the_case(
    small: Phones, frozen: Frozen, household: Household, look: Any
) -> None:
    xml, _ = write_odk({**ANSWERS, "other": "other.jpg"}, frozen=frozen)
    assert small.post(xml, FILES).status_code == 201
    assert look("SELECT state FROM media ORDER BY state") == [("quarantined",), ("waiting",)]
    household.settle()
    assert look("SELECT question, state FROM pictures") == [("paper", "kept")]
    assert look("SELECT state FROM media ORDER BY state") == [("quarantined",), ("shredded",)]


def test_a_picture_in_a_later_part_is_found(small: Phones, frozen: Frozen, household: Household, look: Any) -> None:
    xml, _ = write_odk(ANSWERS, frozen=frozen)
    assert small.post(xml, {"audit.csv": b"event,node"}, is_incomplete=True).status_code == 201
    household.settle()
    assert look("SELECT count(*) FROM submissions") == [(0,)]
    assert small.post(xml, {PHOTO: JPEG}).status_code == 201
    household.settle()
    assert look("SELECT state FROM pictures") == [("kept",)]


def test_a_form_that_keeps_no_picture_stores_none_that_it_names(
    phones: Phones, household: Household, look: Any
) -> None:
    xml, _ = write_odk({"ref_name": PHOTO}, frozen=household.frozen)
    assert phones.post(xml, FILES).status_code == 201
    assert look("SELECT state FROM media") == [("quarantined",)] * 2
