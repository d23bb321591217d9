"""Forms that a bank keeps: what is broken in their rows is named, and a form that is not there is said so."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from forms import starter
from forms.bank import read_catalogue
from forms.bank_files import read_tables
from forms.bank_sheets import lay_bank
from forms.grids import Fault, load_tables, parse_workbook, write_workbook
from forms.questionnaires import Links, find_language, keep_form, rename, write_form
from forms.xlsforms import read_sheets
from pimcollect.errors import ErrorCode, PimError
from tests.forms.xlsforms.build import write_case
from tests.forms.xlsforms.whole import WINTER

BANK: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))


def _kept() -> dict[str, Any]:
    """The starter bank that keeps a form; one of its questions is an item."""
    form = read_sheets(write_case(WINTER))
    links = Links({3: "C01"}, {"yn": "yn"})
    return {**copy.deepcopy(BANK), **keep_form(form, links, BANK, id_="winter", title="W", language="English (en)")}


def test_a_bank_that_keeps_a_form_is_whole_and_says_it_again() -> None:
    document = _kept()
    read_catalogue(document)
    assert write_form(document, "winter").tables == read_sheets(write_case(WINTER)).tables


@pytest.mark.parametrize(
    ("part", "at", "field", "value", "words"),
    [
        ("questionnaires", 0, "columns", "{", "questionnaires winter columns: is not as it was written"),
        ("questionnaires", 0, "columns", '{"survey": [1]}', "is not as it was written"),
        ("questionnaires", 0, "id", "a/b", "Use letters, digits"),
        ("questionnaire_rows", 0, "cells", "[]", "is not as it was written"),
        ("questionnaire_rows", 0, "cells", '{"nowhere": "x"}', "is not as it was written"),
        ("questionnaire_rows", 0, "cells", '{"type": 1}', "is not as it was written"),
        ("questionnaire_rows", 0, "link", "F99", "there is no item or choice F99"),
        ("questionnaire_rows", 0, "questionnaire", "gone", "there is no questionnaire gone"),
        ("questionnaire_rows", 0, "sheet", "other", "Must be one of"),
        ("questionnaire_rows", 0, "row", 1, "Must be greater"),
        ("questionnaire_rows", 0, "row", 10**9, "Must be greater"),
    ],
)
def test_what_is_broken_in_it_is_named(part: str, at: int, field: str, value: Any, words: str) -> None:
    document = _kept()
    document[part][at][field] = value
    with pytest.raises(PimError) as caught:
        read_catalogue(document)
    assert caught.value.code is ErrorCode.BAD_BANK
    assert words in caught.value.message


def test_in_a_workbook_it_is_named_by_sheet_row_and_column() -> None:
    document = _kept()
    document["questionnaire_rows"][1]["link"] = "F99"
    book = write_workbook(lay_bank(document), title="bank")
    faults: list[Fault] = []
    with pytest.raises(PimError) as caught:
        read_tables(load_tables(parse_workbook(book)["tables"]), faults)
    assert "questionnaire_rows, row 3, column link: there is no item or choice F99" in caught.value.message


def test_an_item_that_a_kept_form_asks_does_not_vanish_unseen() -> None:
    document = _kept()
    document["items"] = [row for row in document["items"] if row["id"] != "C01"]
    with pytest.raises(PimError) as caught:
        read_catalogue(document)
    assert "C01" in caught.value.message


def test_a_form_that_is_not_kept_is_said_so() -> None:
    for document in (BANK, _kept()):
        with pytest.raises(PimError) as caught:
            write_form(document, "gone")
        assert caught.value.code is ErrorCode.NOT_FOUND
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("columns", "default", "language"),
    [
        (("label",), "", "default"),
        (("label::French (fr)", "label::English (en)"), "French (fr)", "English (en)"),
        (("label::French (fr)", "label::Arabic (ar)"), "Arabic (ar)", "Arabic (ar)"),
        (("label::French (fr)", "label"), "", "default"),
        (("label::French (fr)", "label::Arabic (ar)"), "", "French (fr)"),
        (("type", "name"), "", "default"),
    ],
)
def test_items_speak_the_english_of_a_form_or_its_first_language(
    columns: tuple[str, ...], default: str, language: str
) -> None:
    assert find_language(columns, default) == language


def test_a_question_is_renamed_only_as_a_whole_name() -> None:
    assert rename("${a} + ${ a } + ${ab} + a", {"a": "x"}) == "${x} + ${x} + ${ab} + a"
