"""A request's form fields and files, read as a server reads them."""

from __future__ import annotations

import io
from copy import deepcopy
from functools import lru_cache
from typing import Any

from openpyxl import load_workbook
from werkzeug.formparser import parse_form_data

from tests.reenacted.server import Asked


def read_multipart(asked: Asked) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    """Fields by name; files by name as (file name, content)."""
    headers = {name.lower(): value for name, value in asked.headers.items()}
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(asked.body)),
        "wsgi.input": io.BytesIO(asked.body),
    }
    _, fields, files = parse_form_data(environ, stream_factory=lambda *_, **__: io.BytesIO())
    return dict(fields.items()), {name: (str(one.filename), one.read()) for name, one in files.items()}


def read_sheets(xlsx: bytes) -> dict[str, list[dict[str, Any]]]:
    """Sheets of a workbook as lists of rows without empty cells. Raises what openpyxl raises for none."""
    return deepcopy(_read_sheets(xlsx))


@lru_cache(maxsize=8)
def _read_sheets(xlsx: bytes) -> dict[str, list[dict[str, Any]]]:
    book = load_workbook(io.BytesIO(xlsx), read_only=True, data_only=True)
    sheets: dict[str, list[dict[str, Any]]] = {}
    for sheet in book.worksheets:
        rows = list(sheet.iter_rows(values_only=True))
        heads = [str(cell or "") for cell in rows[0]] if rows else []
        sheets[sheet.title] = [
            found
            for row in rows[1:]
            if (found := {head: str(cell) for head, cell in zip(heads, row, strict=False) if head and cell is not None})
        ]
    book.close()
    return sheets
