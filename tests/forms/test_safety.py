"""Workbooks that are no form are refused in words; an honest one passes. Hostile ones are in test_hostile."""

from __future__ import annotations

import pytest

from forms.outline import make_outline
from forms.safety import check_workbook
from forms.xlsforms import read_sheets
from pimcollect.errors import ErrorCode, PimError
from tests.forms.books import write_book


@pytest.mark.parametrize(
    "survey",
    [
        "select_one gone | a | A",
        "text | a b | A",
        "begin group | a | A",
        "kobomatrix | a | A",
        "begin loop over yn | a | A\ntext | b | B\nend loop | | ",
        "calculate | a | A | ${gone}",
        " | | ",
    ],
)
def test_a_workbook_that_is_no_form_is_refused_in_words(survey: str) -> None:
    with pytest.raises(PimError) as caught:
        make_outline(read_sheets(write_book(survey)), name="x")
    assert caught.value.code is ErrorCode.BAD_FORM


def test_an_honest_workbook_passes() -> None:
    check_workbook(write_book("select_one yn | consent | Do you agree?"))
