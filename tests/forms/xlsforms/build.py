"""A case: one feature, the form that has it, and the XPaths that prove it; and the workbook of a markdown table."""

from __future__ import annotations

import io
from dataclasses import dataclass

import openpyxl
from pyxform.xls2json_backends import md_table_to_workbook

NAMESPACES = {
    "x": "http://www.w3.org/2002/xforms",
    "h": "http://www.w3.org/1999/xhtml",
    "jr": "http://openrosa.org/javarosa",
    "orx": "http://openrosa.org/xforms",
    "odk": "http://www.opendatakit.org/xforms",
    "ev": "http://www.w3.org/2001/xml-events",
    "entities": "http://www.opendatakit.org/xforms/entities",
}


@dataclass(frozen=True)
class Case:
    """One feature and a form that has it."""

    feature: str
    form: str
    """A markdown table: each sheet by its name in the first column."""
    paths: tuple[str, ...]
    """Each finds something in the XForm."""


def case(feature: str, form: str, *paths: str) -> Case:
    """A case; every one names at least one XPath."""
    assert paths
    return Case(feature, form, paths)


def write_case(form: str) -> bytes:
    """The .xlsx of a markdown table, every cell a string."""
    buffer = io.BytesIO()
    md_table_to_workbook(form).save(buffer)
    return buffer.getvalue()


def open_case(form: str) -> openpyxl.Workbook:
    """The workbook of a markdown table, to be edited."""
    return openpyxl.load_workbook(io.BytesIO(write_case(form)))


def save_book(book: openpyxl.Workbook) -> bytes:
    """The bytes of a workbook."""
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
