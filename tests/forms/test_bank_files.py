"""The bank in and out: what comes back is what went out, to the byte; what cannot be taken is named by its cell."""

from __future__ import annotations

import copy
import csv
import io
import json
import random
import re
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forms import starter
from forms.bank_files import read_bank_bytes, read_bank_file, read_tables, write_bank
from forms.bank_sheets import lay_bank, scrub
from forms.grids import load_tables, parse_workbook, read_workbook, write_csv
from pimcollect.errors import ErrorCode, PimError

BANK: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
PLACE = {"valid_from": "", "valid_to": "", "replaced_by": "", "aliases": ""}
SMALL: dict[str, Any] = {
    **{name: part for name, part in BANK.items() if name != "disaggregations"},
    "variants": [row for row in BANK["variants"] if row["item"] == "C04"],
    "translations": [
        {
            **{"part": "items", "key": "C01", "language": "my", "source": "Are you 18 years old or older?"},
            **{
                "text": "အသက် ၁၈",
                "translator": "Translator of the operation",
                "state": "back_translated",
                "back": "18?",
            },
        }
    ],
    "places": [
        {**PLACE, "code": "XX01", "level": 1, "names": {"en": "North", "my": "မြောက်"}, "aliases": "The North | N."},
        {**PLACE, "code": "XX0101", "level": 2, "parent": "XX01", "names": {"en": "Old"}, "valid_to": "2026-06-30"}
        | {"replaced_by": "XX0102"},
        {**PLACE, "code": "XX0102", "level": 2, "parent": "XX01", "names": {"en": "New"}, "valid_from": "2026-07-01"},
    ],
    "items": [row for row in BANK["items"] if row["module"] == "M01"],
    "choice_lists": {
        name: rows
        for name, rows in BANK["choice_lists"].items()
        if name == "wg" or any(row["choices"] == name for row in BANK["items"] if row["module"] == "M01")
    },
    "ers_decision": "'general'",
    "flag_rules": [
        {"id": f"FR0{number}", "expression": "con_adult=='no'", "pathway": "RP-CP", "urgency": "U"}
        for number in range(1, 6)
    ],
}
"""The consent module alone: what is told of a file need not be told of a large one."""
TARGETS = ("bank.xlsx", "bank.json", "bank")


def put(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def complain(path: Path) -> str:
    with pytest.raises(PimError) as caught:
        read_bank_file(path)
    assert caught.value.remedy
    return caught.value.message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(write_bank(SMALL, tmp_path / "bank"))
    return tmp_path / "bank"


def workbook(change: Callable[[Any], object]) -> bytes:
    files = write_bank(SMALL, Path("bank.xlsx"))
    book = openpyxl.load_workbook(io.BytesIO(files[Path("bank.xlsx")]))
    change(book)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


# what is refused in a workbook


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda b: b["items"].__setitem__("I3", "Q"), "items, row 3, column sens: Must be one of"),
        (lambda b: b["items"].__setitem__("A3", "C01"), "items, row 3, column id: this id stands there twice"),
        (lambda b: b["items"].__setitem__("E3", None), "items, row 3, column q: is empty"),
        (lambda b: b["items"].__setitem__("E3", "=1+1"), "items, row 3, column E: is a formula"),
        (lambda b: b["items"].__setitem__("Q3", "soon"), "items, row 3, column seconds: must be a whole number"),
        (lambda b: b["items"].__setitem__("O3", "perhaps"), "items, row 3, column req: must be yes or no"),
        (lambda b: b["items"].__setitem__("H3", "nowhere"), "items, row 3, column choices: there is no choice list"),
        (lambda b: b["items"].__setitem__("N3", "${gone}"), "items, row 3, column calc: there is no item gone"),
        (lambda b: b["items"].__setitem__("AZ3", "lost"), "items, row 3: has a cell in a column without a name"),
        (lambda b: b["items"].__setitem__("A1", "ID"), "items, row 1, column ID: is no column"),
        (lambda b: b["items"].__setitem__("B1", "id"), "items, row 1, column id: stands there twice"),
        (lambda b: b["choices"].__setitem__("C2", None), "choices, row 2, column label: is empty"),
        (lambda b: b["choices"].__setitem__("B3", b["choices"]["B2"].value), "choices, row 3, column code: the code"),
        (lambda b: b["requests"].__setitem__("B2", "RP-X"), "requests, row 2, column pathway: there is no pathway"),
        (lambda b: b["requests"].__setitem__("A3", b["requests"]["A2"].value), "requests, row 3, column service"),
        (lambda b: b["bank"].__setitem__("B2", "a b"), "bank, row 2: Use letters, digits and dots"),
        (lambda b: b["bank"].__setitem__("A2", "edition"), "bank, row 2, column field: must be one of"),
        (lambda b: b["bank"].__setitem__("B4", "{"), "bank, row 4, column value: is locked"),
        (lambda b: b.remove(b["pathways"]), "pathways: is missing"),
        (lambda b: b.create_sheet("my notes"), "my notes: is no sheet of a bank"),
    ],
)
def test_a_fault_is_named_by_sheet_row_and_column(change: Callable[[Any], object], place: str) -> None:
    with pytest.raises(PimError) as caught:
        read_bank_bytes(workbook(change), is_workbook=True)
    assert caught.value.code is ErrorCode.BAD_BANK
    assert place in caught.value.message


def test_dates_and_errors_of_the_spreadsheet_are_named() -> None:
    def change(book: Any) -> None:
        import datetime

        book["items"]["E3"] = datetime.date(2026, 1, 1)
        book["items"]["E4"] = "#N/A"
        book["items"]["E4"].data_type = "e"

    faults: list[Any] = []
    read_workbook(workbook(change), faults)
    assert [(one.row, one.column) for one in faults] == [(3, "E"), (4, "E")]


def test_all_faults_are_said_at_once_and_nothing_is_taken() -> None:
    def change(book: Any) -> None:
        book["items"]["K3"] = "Q"
        book["pathways"]["C2"] = "?"

    with pytest.raises(PimError) as caught:
        read_bank_bytes(workbook(change), is_workbook=True)
    assert "items, row 3" in caught.value.message
    assert "pathways, row 2" in caught.value.message


@pytest.mark.parametrize("data", [b"", b"PK", b"a,b\n1,2\n", b"\xd0\xcf\x11\xe0" + bytes(600)])
def test_what_is_no_workbook_is_refused_before_it_is_parsed(data: bytes) -> None:
    with pytest.raises(PimError) as caught:
        read_bank_bytes(data, is_workbook=True)
    assert caught.value.code is ErrorCode.BAD_FILE


def forge(change: Callable[[bytes], bytes]) -> bytes:
    """A workbook with another XML in the sheet of the items."""
    forged = io.BytesIO()
    files = write_bank(SMALL, Path("bank.xlsx"))
    with zipfile.ZipFile(io.BytesIO(files[Path("bank.xlsx")])) as old, zipfile.ZipFile(forged, "w") as new:
        for part in old.infolist():
            content = old.read(part)
            new.writestr(part, change(content) if part.filename == "xl/worksheets/sheet3.xml" else content)
    return forged.getvalue()


def _add(rows: bytes) -> Callable[[bytes], bytes]:
    return lambda xml: xml.replace(b"</sheetData>", rows + b"</sheetData>")


@pytest.mark.parametrize(
    "change",
    [
        _add(b'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>x</t></is></c></row>'),
        _add(b"".join(b'<row r="%d"></row>' % number for number in range(200, 150_000))),
        _add(b'<row r="-5"><c r="A-5"><v>1</v></c></row>'),
        _add(b'<row r="300"><c r="A300"><v>1e400</v></c></row>'),
        lambda xml: xml.replace(b"<worksheet", b"<!DOCTYPE x><worksheet", 1),
        lambda xml: xml[: len(xml) // 2],
    ],
)
def test_a_forged_sheet_is_refused_in_words_and_in_time(change: Callable[[bytes], bytes]) -> None:
    started = time.process_time()
    with pytest.raises(PimError) as caught:
        read_bank_bytes(forge(change), is_workbook=True)
    assert caught.value.remedy
    assert time.process_time() - started < 10


def test_a_damaged_file_is_refused_in_words_or_read_never_anything_else() -> None:
    chance = random.Random(7)  # noqa: S311 - the same damage each time
    for target in ("bank.xlsx", "bank.json"):
        whole = write_bank(SMALL, Path(target))[Path(target)]
        for _ in range(150):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            with suppress(PimError):
                read_bank_bytes(bytes(damaged), is_workbook=target == "bank.xlsx")


def test_a_sheet_that_lies_about_its_size_is_read_whole() -> None:
    lie = forge(lambda xml: re.sub(rb'<dimension ref="[^"]*"/>', b'<dimension ref="A1:B2"/>', xml))
    assert read_bank_bytes(lie, is_workbook=True)[0] == SMALL


# what is refused in a folder of CSV files


def _edit(folder: Path, name: str, change: Callable[[bytes], bytes]) -> str:
    path = folder / f"{name}.csv"
    path.write_bytes(change(path.read_bytes()))
    return complain(folder)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda b: b"", "flag_rules.csv, row 1: names none of the columns"),
        (lambda b: b.split(b"\r\n", 1)[1], "flag_rules.csv, row 1: names none of the columns"),
        (lambda b: b.decode("utf-8-sig").encode("utf-16"), "flag_rules.csv, row 1: is not UTF-8"),
        (lambda b: b.replace(b"RP-CP", "protégé".encode("cp1252")), "flag_rules.csv, row 2: is not UTF-8"),
        (lambda b: b.replace(b"RP-CP", b"RP\0CP"), "flag_rules.csv: is not text"),
        (lambda b: b.replace(b",", b"|"), "flag_rules.csv, row 1: names none of the columns"),
        (lambda b: b + b'"open', "flag_rules.csv, row"),
        (lambda b: b + b'a,"b"c,d,U', "flag_rules.csv, row"),
        (lambda b: b + b"FR99," + b"x" * 1_000_000 + b",RP-CP,U\r\n", "flag_rules.csv, row"),
        (lambda b: b.replace(b"urgency", b"urgency,urgency", 1), "flag_rules.csv, row 1, column urgency: stands there"),
        (lambda b: b.replace(b"urgency", b"urgency,colour", 1), "column colour: is no column"),
        (lambda b: b.replace(b"pathway,", b"", 1), "flag_rules, row 1, column pathway: is missing"),
        (lambda b: b + b"FR99,yes\r\n", "has 2 cells, the first row has 4"),
        (lambda b: b + b"FR99,yes,RP-CP,U,more\r\n", "has a cell in a column without a name"),
        (lambda b: b + b"FR99,con_adult=='\x07',RP-CP,U\r\n", "column expression: holds a control sign"),
    ],
)
def test_a_wrong_csv_is_refused_with_its_place(folder: Path, change: Callable[[bytes], bytes], place: str) -> None:
    assert place in _edit(folder, "flag_rules", change)


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.removeprefix(b"\xef\xbb\xbf"),
        lambda b: b.replace(b"\r\n", b"\n"),
        lambda b: b.replace(b"\r\n", b"\r"),
        lambda b: b.replace(b"\r\n", b"\n", 3),
        lambda b: b + b"\r\n,,,\r\n\r\n",
        lambda b: _with_delimiter(b, ";"),
        lambda b: _with_delimiter(b, "\t"),
    ],
)
def test_what_spreadsheet_programs_do_to_a_csv_does_no_harm(folder: Path, change: Callable[[bytes], bytes]) -> None:
    for name in ("flag_rules", "items"):
        path = folder / f"{name}.csv"
        if not path.read_bytes().endswith(b",,,\r\n"):
            path.write_bytes(change(path.read_bytes()))
    assert read_bank_file(folder)[0] == SMALL


def _with_delimiter(data: bytes, sign: str) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=sign).writerows(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    return buffer.getvalue().encode("utf-8-sig")


def test_a_missing_csv_is_named(folder: Path) -> None:
    (folder / "modules.csv").unlink()
    assert "modules: is missing" in complain(folder)


def test_a_csv_that_is_no_sheet_is_named_and_ones_own_notes_are_not_read(folder: Path) -> None:
    (folder / "_notes.csv").write_text("whatever")
    assert read_bank_file(folder)[0] == SMALL
    (folder / "flags.csv").write_text("whatever")
    assert "flags.csv: is no sheet of a bank" in complain(folder)


# the file for programs


@pytest.mark.parametrize("text", ['{"version": "1", "version": "2"}', '{"version": NaN}', "[" * 900 + "]" * 900])
def test_json_that_two_programs_would_read_differently_is_refused(text: str) -> None:
    with pytest.raises(PimError) as caught:
        read_bank_bytes(text.encode(), is_workbook=False)
    assert caught.value.code is ErrorCode.BAD_BANK


# what comes back


@pytest.mark.parametrize("target", TARGETS)
def test_a_round_trip_is_stable_to_the_byte(target: str, tmp_path: Path) -> None:
    files = write_bank(BANK, tmp_path / target)
    put(files)
    document, catalogue = read_bank_file(tmp_path / target)
    assert document == BANK
    assert len(catalogue.items) == len(BANK["items"])
    assert write_bank(document, tmp_path / target) == files


def test_a_workbook_saved_by_another_program_reads_the_same() -> None:
    assert read_bank_bytes(workbook(lambda book: None), is_workbook=True)[0] == SMALL


def test_numbers_and_ticks_of_a_spreadsheet_are_taken_as_they_look() -> None:
    def change(book: Any) -> None:
        book["bank"]["B2"] = 2026.2
        book["items"]["Q2"] = 15.0
        book["items"]["O2"] = True
        book["items"]["P2"] = "TRUE"

    document, _ = read_bank_bytes(workbook(change), is_workbook=True)
    assert document["version"] == "2026.2"
    assert (document["items"][0]["seconds"], document["items"][0]["req"], document["items"][0]["core_hh"]) == (
        15,
        True,
        True,
    )


def test_no_cell_of_a_csv_reads_as_a_formula(folder: Path) -> None:
    for path in folder.iterdir():
        for row in csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")):
            assert not any(cell.startswith(("=", "+", "-", "@", "|", "%", "\t", "\r")) for cell in row)


def test_every_cell_of_a_workbook_is_a_string() -> None:
    book = openpyxl.load_workbook(io.BytesIO(write_bank(BANK, Path("b.xlsx"))[Path("b.xlsx")]))
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None}
    assert kinds == {"s"}


_WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("\n\r='+@_x00D"),
    max_size=30,
).map(lambda word: word.replace("_x", "x"))


def _read_here(path: Path) -> dict[str, Any]:
    """The document, a workbook of it read in this process: a child for each example takes too long."""
    if path.suffix != ".xlsx":
        return read_bank_file(path)[0]
    return read_tables(load_tables(parse_workbook(path.read_bytes())["tables"]), [])[0]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=st.lists(_WORDS, min_size=6, max_size=6), target=st.sampled_from(TARGETS))
def test_whatever_people_write_comes_back(words: list[str], target: str, tmp_path: Path) -> None:
    small = copy.deepcopy(SMALL)
    for row, word in zip(small["items"], words, strict=False):
        row["q"], row["hint"] = f"x{word}", word
    small = scrub(small)
    files = write_bank(small, tmp_path / target)
    put(files)
    document = _read_here(tmp_path / target)
    assert document == small
    assert write_bank(document, tmp_path / target) == files


@pytest.mark.parametrize("target", ["bank.ods", "bank.csv", "taken"])
def test_a_bank_is_not_written_as_something_else(target: str, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(PimError) as caught:
        write_bank(SMALL, tmp_path / target)
    assert caught.value.code is ErrorCode.BAD_FILE


@pytest.mark.parametrize("text", ["a\u200fb", "'=x", "''", "=1+1", "1e5", "2026-01-01", "TRUE", "é̂", "_x00D_"])
@pytest.mark.parametrize("target", TARGETS)
def test_what_a_spreadsheet_likes_to_change_stays(text: str, target: str, tmp_path: Path) -> None:
    small = copy.deepcopy(SMALL)
    small["items"][0]["q"] = small["items"][0]["hint"] = text
    put(write_bank(small, tmp_path / target))
    assert read_bank_file(tmp_path / target)[0] == small


def test_codes_that_spreadsheets_read_differently_are_refused_and_pasted_returns_are_line_ends() -> None:
    small = copy.deepcopy(SMALL)
    small["items"][0]["q"] = "One_x000D_\nline_x000D_ends"
    assert scrub(small)["items"][0]["q"] == "One\nline\nends"
    small["items"][0]["q"] = "_x005F_"
    with pytest.raises(PimError) as caught:
        read_bank_bytes(json.dumps(small).encode(), is_workbook=False)
    assert "C01 q: holds _x005F_" in caught.value.message


def test_csv_keeps_a_cell_that_begins_with_an_apostrophe() -> None:
    assert b"''=x" in write_csv([["'=x"]])
    assert lay_bank(BANK)["requests"][0] == ["service", "pathway"]
