"""Workbooks that could harm the machine are refused before they are parsed."""

from __future__ import annotations

import io
import zipfile

import pytest

from forms.outline import read_outline
from forms.safety import check_workbook
from pimcollect.errors import ErrorCode, PimError
from tests.forms.books import write_book

BOOK = write_book("select_one yn | consent | Do you agree?")


def _with(parts: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO(BOOK)
    with zipfile.ZipFile(buffer, "a", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _lying_about_size() -> bytes:
    """A part whose header says 10 bytes and that unpacks to more than allowed."""
    whole = _with({"xl/big.bin": b"\0" * (51 * 1024 * 1024)})
    true, false = (51 * 1024 * 1024).to_bytes(4, "little"), (10).to_bytes(4, "little")
    return whole.replace(true, false)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.BAD_FILE),
        (b"not a workbook", ErrorCode.BAD_FILE),
        (BOOK[:-40], ErrorCode.BAD_FILE),
        (b"\0" * (10 * 1024 * 1024 + 1), ErrorCode.TOO_LARGE),
        (_with({f"xl/p{n}.xml": b"<a/>" for n in range(200)}), ErrorCode.TOO_LARGE),
        (_with({"xl/big.bin": b"\0" * (51 * 1024 * 1024)}), ErrorCode.TOO_LARGE),
        (_with({"xl/tight.bin": b"\0" * (1024 * 1024)}), ErrorCode.TOO_LARGE),
        (_with({"xl/vbaProject.bin": b"x"}), ErrorCode.BAD_FILE),
        (_with({"xl/embeddings/oleObject1.bin": b"x"}), ErrorCode.BAD_FILE),
        (_with({"xl/externalLinks/externalLink1.xml": b"<a/>"}), ErrorCode.BAD_FILE),
        (_with({"xl/more.xml": b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>'}), ErrorCode.BAD_FILE),
        (_with({"xl/more.xml": '<?xml version="1.0"?><!DOCTYPE a>'.encode("utf-16")}), ErrorCode.BAD_FILE),
    ],
)
def test_a_hostile_workbook_is_refused(data: bytes, code: ErrorCode) -> None:
    with pytest.raises(PimError) as caught:
        read_outline(data, name="x")
    assert caught.value.code is code
    assert caught.value.remedy


def test_a_part_that_lies_about_its_size_is_refused() -> None:
    with pytest.raises(PimError):
        check_workbook(_lying_about_size())


def test_a_zip_that_is_no_workbook_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(PimError, match="no workbook"):
        check_workbook(buffer.getvalue())


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
        read_outline(write_book(survey), name="x")
    assert caught.value.code is ErrorCode.BAD_FORM


def test_an_honest_workbook_passes() -> None:
    check_workbook(BOOK)
