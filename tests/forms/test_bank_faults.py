"""All that is wrong with a workbook of the bank in one go, and nothing twice."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forms.bank import BankError
from forms.bank_files import read_bank_bytes, read_bank_file, write_bank
from tests.forms.test_bank_files import SMALL, put, workbook


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


def _refuse(path: Path) -> BankError:
    with pytest.raises(BankError) as caught:
        read_bank_file(path)
    return caught.value


_BROKEN: dict[str, tuple[str, str]] = {
    "X02": ("nosuchfunc(.)", "correct its spelling."),
    "X03": ('regex(., "[a-")', "correct the pattern."),
    "X12": ("(. > 3", "close it, or take it out."),
}


@pytest.mark.parametrize("code", _BROKEN)
@pytest.mark.parametrize("target", ["bank.xlsx", "bank"])
def test_an_expression_that_breaks_forms_is_a_fault_of_its_cell(target: str, code: str, tmp_path: Path) -> None:
    text, mend = _BROKEN[code]
    document = copy.deepcopy(SMALL)
    document["items"][1]["constraint"] = text
    put(write_bank(document, tmp_path / target))
    error = _refuse(tmp_path / target)
    (told,) = [one.told for one in error.faults]
    assert (told["sheet"], told["row"], told["column"], told["mend"]) == ("items", 3, "constraint", mend)
    assert told["what"].startswith(f"{code}: ")
    assert not error.is_early


def test_a_broken_expression_in_a_file_for_programs_is_named_by_its_item() -> None:
    document = copy.deepcopy(SMALL)
    document["items"][1]["rel"] = "nosuchfunc(1)"
    with pytest.raises(BankError) as caught:
        read_bank_bytes(json.dumps(document).encode(), is_workbook=False)
    assert [fault.sheet for fault in caught.value.faults] == [f"{document['items'][1]['id']} rel"]


def test_what_was_not_looked_at_yet_is_said() -> None:
    def change(book: Any) -> None:
        book["items"]["Q4"] = "soon"
        book["items"]["H3"] = "nowhere"

    with pytest.raises(BankError) as caught:
        read_bank_bytes(workbook(change), is_workbook=True)
    assert [one.told["column"] for one in caught.value.faults] == ["seconds"]
    assert caught.value.is_early
    assert "References and expressions are looked at when these faults are mended." in str(caught.value)


def test_a_rule_that_is_not_kept_is_what_to_do() -> None:
    def change(book: Any) -> None:
        book["items"]["I3"] = "Q"
        book["items"]["Q4"] = "soon"
        book["items"]["O5"] = "perhaps"

    with pytest.raises(BankError) as caught:
        read_bank_bytes(workbook(change), is_workbook=True)
    assert [one.told["mend"] for one in caught.value.faults] == [
        "Must be one of: L, M, H, S.",
        "must be a whole number.",
        "must be yes or no.",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.decode("utf-8-sig").replace(",", ";").replace("18", "é").encode("latin-1", "replace"),
        lambda b: b.decode("utf-8-sig").encode("utf-16"),
        lambda b: b.replace(b",", b"|"),
    ],
)
def test_of_a_csv_that_cannot_be_read_only_that_is_said(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    put(write_bank(SMALL, tmp_path / "bank"))
    path = tmp_path / "bank" / "items.csv"
    path.write_bytes(change(path.read_bytes()))
    error = _refuse(tmp_path / "bank")
    (fault,) = error.faults
    assert (fault.sheet, fault.column, error.is_early) == ("items.csv", "", True)
    assert fault.told["mend"]


def test_an_optional_csv_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    put(write_bank(SMALL, tmp_path / "bank"))
    (tmp_path / "bank" / "places.csv").write_bytes("é".encode("latin-1"))
    assert [str(one) for one in _refuse(tmp_path / "bank").faults] == [
        "places.csv, row 1: is not UTF-8; save it as CSV UTF-8."
    ]


@pytest.mark.parametrize("places", [None, SMALL["places"][:1]])
def test_the_first_place_below_another_finds_the_column_for_its_parent(
    places: list[dict[str, Any]] | None, tmp_path: Path
) -> None:
    document = {name: part for name, part in SMALL.items() if name != "places"} | ({"places": places} if places else {})
    files = write_bank(document, tmp_path / "bank")
    put(files)
    head, *rows = files[tmp_path / "bank" / "places.csv"].decode("utf-8-sig").splitlines()
    assert head.split(",")[:3] == ["code", "level", "parent"]
    read = read_bank_file(tmp_path / "bank")[0]
    assert read == document
    assert write_bank(read, tmp_path / "bank") == files
    old = "\r\n".join([head, *rows]).replace("level,parent", "level").replace("XX01,1,,", "XX01,1,")
    (tmp_path / "bank" / "places.csv").write_text(old, newline="")
    assert read_bank_file(tmp_path / "bank")[0] == document
