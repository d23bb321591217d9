"""Proposals of what tells who or where somebody is, and of consent: guessed at with care, never kept as it is."""

from __future__ import annotations

import pytest

from forms.new_items import Proposal
from forms.places import read_starter_places
from tests.forms.books import write_book
from tests.forms.test_proposals import propose
from tests.forms.xlsforms.build import write_case
from tests.forms.xlsforms.questions import CASES


def _only(survey: str) -> Proposal:
    return propose(write_book(survey)).rows[0]


CASCADE = """select_one gov | gov | Governorate |
select_one dist | dist | District | gov=${gov}
select_one camp | a | Which one? | dist=${dist}"""
CAMPS = "gov | g1 | North\ngov | g2 | South\ndist | d1 | X\ndist | d2 | Y\ncamp | c1 | C\ncamp | c2 | D"


def test_where_somebody_lives_is_never_kept_as_it_is_and_says_why() -> None:
    data = write_book(CASCADE, choices=CAMPS, columns="type | name | label | choice_filter")
    for one in propose(data, places=read_starter_places()).rows:
        assert (one.draft["cls"], one.draft["treat"], one.draft["sens"]) == ("quasi", "drop", "M")
        assert "where somebody is" in one.why
        assert "not in the gazetteer" in one.remark


@pytest.mark.parametrize(
    ("choices", "treat", "offer"),
    [
        ("c | XX0101 | A\nc | XX0102 | B\nc | other | Other", "coarsen", "2 of its codes are places"),
        ("c | 1 | Northmark\nc | 2 | الجنوبية", "drop", "write their codes (XX01 for 1)"),
        ("c | SY0203 | A\nc | SY0204 | B", "drop", "not in the gazetteer"),
    ],
)
def test_choices_that_are_places_are_found_whatever_the_question_says(choices: str, treat: str, offer: str) -> None:
    (one,) = propose(write_book("select_one c | x | Xyzzy?", choices=choices), places=read_starter_places()).rows
    assert (one.draft["cls"], one.draft["treat"]) == ("quasi", treat)
    assert offer in one.remark


@pytest.mark.parametrize(
    ("name", "label", "is_area"),
    [
        ("x", "Dans quel village habitez-vous ?", True),
        ("x", "في أي محافظة تعيش؟", True),
        ("x", "Where do you live?", True),
        ("name_of_camp", "Z?", True),
        ("camp_services", "Which services are there?", False),
        ("x", "How do people get to the camp?", False),
    ],
)
def test_what_asks_for_a_place_is_told_from_what_speaks_of_only(name: str, label: str, is_area: bool) -> None:
    (one,) = propose(write_book(f"select_one c | {name} | {label}", choices="c | a | Aa\nc | b | Bb")).rows
    assert ("where somebody is" in one.why) is is_area
    assert (one.draft["treat"] == "drop") is is_area


@pytest.mark.parametrize(
    "survey", ["select_one yn | consent | Xyzzy?", "select_one yn | a | May we share it, do you agree?"]
)
def test_a_question_of_consent_stays_with_the_form_unless_it_is_the_banks(survey: str) -> None:
    found = _only(survey)
    assert (found.decision, found.item, found.draft) == ("leave", found.item or "C04", {})
    assert "asks for consent" in found.remark
    assert _only("select_one yn | consent | Do you agree to answer our questions?").item == "C04"


def test_one_sentence_for_a_form_is_no_reason_to_keep_who_somebody_is() -> None:
    rows = propose(write_book("text | full_name | Your full name\ninteger | n | Xyzzy"), use="Fuel").rows
    assert [one.draft["use"] for one in rows] == ["", "Fuel"]


def test_choices_on_the_sheet_of_external_choices_are_a_select_not_free_text() -> None:
    (case,) = [one for one in CASES if one.feature == "choices outside"]
    one = next(one for one in propose(write_case(case.form)).rows if one.path == "a")
    assert (one.type, one.decision) == ("select_one", "leave")
    assert "external_choices" in one.remark
