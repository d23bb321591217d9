"""All that is wrong with a workbook of the bank in one go, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from forms.bank import BankError
from forms.bank_files import read_bank_bytes
from tests.forms.test_bank_files import workbook


def test_a_strange_column_hides_no_fault_of_the_cells_and_no_cell_is_told_twice() -> None:
    def change(book: Any) -> None:
        book["items"].cell(1, book["items"].max_column + 1, "my notes")
        book["items"]["I3"] = "Q"
        book["items"]["Q4"] = "soon"
        book["items"]["E5"] = "=1+1"
        book["modules"]["A1"] = "ID"

    with pytest.raises(BankError) as caught:
        read_bank_bytes(workbook(change), is_workbook=True)
    assert [(one.sheet, one.row, one.column) for one in caught.value.faults] == [
        ("items", 1, "my notes"),
        ("items", 3, "sens"),
        ("items", 4, "seconds"),
        ("items", 5, "E"),
        ("modules", 1, "id"),
        ("modules", 1, "ID"),
    ]
    lines = str(caught.value).splitlines()
    assert sum(line.startswith("  items, row") for line in lines) == 4
    assert lines[-1].strip() == caught.value.remedy


def test_a_strange_column_hides_no_broken_reference() -> None:
    def change(book: Any) -> None:
        book["items"].cell(1, book["items"].max_column + 1, "my notes")
        book["items"]["H3"] = "nowhere"

    with pytest.raises(BankError) as caught:
        read_bank_bytes(workbook(change), is_workbook=True)
    assert [one.told["column"] for one in caught.value.faults] == ["my notes", "choices"]
    assert caught.value.faults[0].told["mend"] == "delete it."
